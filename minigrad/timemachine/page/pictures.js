// Tensors as pictures: thumbnails, heat maps, histograms; and lines over the training steps.

// Signed numbers from blue over white to orange, others from white to blue.
const COLD = [5, 72, 168],
  WARM = [184, 64, 0],
  WHITE = [252, 252, 252],
  ODD = [214, 0, 110];
const SLICES = 12; // at most so many slices of a tensor of three or more dimensions

function colour(x, low, high) {
  if (!Number.isFinite(x)) return ODD;
  const most = low < 0 ? Math.max(-low, high) : high - Math.min(low, 0);
  const share = most ? Math.min(1, Math.abs(x - (low < 0 ? 0 : Math.min(low, 0))) / most) : 0;
  const end = low < 0 && x > 0 ? WARM : COLD;
  const eased = Math.sqrt(share) * 0.6 + share * 0.4; // small ones are to be seen, too
  return WHITE.map((white, k) => Math.round(white + (end[k] - white) * eased));
}

// The kept elements as slices of two dimensions: {rows, columns, slices}.
function slicesOf(found) {
  const counts = found.counts.length ? found.counts : [1];
  const columns = counts.at(-1),
    rows = counts.length > 1 ? counts.at(-2) : 1;
  return { rows, columns, slices: rows * columns ? found.values.length / (rows * columns) : 0 };
}

function paint(canvas, found, slice) {
  const { rows, columns } = slicesOf(found);
  canvas.width = columns;
  canvas.height = rows;
  if (!rows || !columns) return;
  const context = canvas.getContext("2d"),
    image = context.createImageData(columns, rows);
  const [low, high] = found.range || [0, 0];
  for (let k = 0; k < rows * columns; k++) {
    image.data.set([...colour(found.values[slice * rows * columns + k], low, high), 255], 4 * k);
  }
  context.putImageData(image, 0, 0);
}

const thumbnails = new Map();

// A small picture of a tensor; of several slices the first, side by side.
function thumbnail(place) {
  if (!thumbnails.has(place)) {
    const found = tensor(place),
      { rows, columns, slices } = slicesOf(found);
    const across = rows >= columns * 2 ? 4 : 3,
      shownSlices = Math.min(slices, rows > 1 ? across : 1);
    const canvas = make("canvas", { width: 88, height: 56 });
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    const gap = 3,
      each = (88 - gap * (shownSlices - 1)) / Math.max(shownSlices, 1);
    for (let k = 0; k < shownSlices && rows && columns; k++) {
      const part = make("canvas");
      paint(part, found, k);
      const scale = Math.min(each / columns, 56 / rows);
      const wide = Math.max(2, columns * scale),
        high = Math.max(rows === 1 ? 14 : 2, rows * scale);
      context.drawImage(
        part,
        k * (each + gap) + (shownSlices > 1 ? (each - wide) / 2 : 0),
        (56 - high) / 2,
        wide,
        high,
      );
    }
    thumbnails.set(place, canvas.toDataURL());
  }
  return thumbnails.get(place);
}

// Where in the tensor the k-th kept element is.
function indexOf(found, k) {
  const index = [];
  for (let axis = found.counts.length - 1; axis >= 0; axis--) {
    index.unshift((k % found.counts[axis]) * found.steps[axis]);
    k = Math.floor(k / found.counts[axis]);
  }
  return `[${index.join(", ")}]`;
}

// Heat maps of the slices, with a reading of the element under the pointer or the cursor.
function heatMap(found) {
  const { rows, columns, slices } = slicesOf(found),
    shownSlices = Math.min(slices, SLICES);
  const reading = make("p", { class: "reading", "aria-live": "polite" }, say("pick"));
  const box = make("div", { class: "slices" });
  let at = 0;
  const marks = [];
  const read = (slice, k) => {
    at = slice * rows * columns + k;
    reading.replaceChildren(indexOf(found, at) + "  ", shown(found.values[at], found.kind, "strong"));
    marks.forEach((mark, number) => {
      mark.hidden = number !== slice;
      mark.style.left = `${((k % columns) / columns) * 100}%`;
      mark.style.top = `${(Math.floor(k / columns) / rows) * 100}%`;
      mark.style.width = `${100 / columns}%`;
      mark.style.height = `${100 / rows}%`;
    });
  };
  const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
  const whole = Math.min(440 / columns, 300 / rows, 44);
  const size = Math.max(1, shownSlices > 1 ? Math.min(whole, 132 / Math.max(rows, columns)) : whole);
  for (let slice = 0; slice < shownSlices; slice++) {
    const canvas = make("canvas"),
      mark = make("span", { class: "mark", hidden: true });
    paint(canvas, found, slice);
    marks.push(mark);
    const frame = make(
      "div",
      {
        class: "slice",
        tabindex: 0,
        role: "img",
        "aria-label": say("slices", slice),
        style: `aspect-ratio: ${columns} / ${rows}; width: min(100%, ${columns * size}px)`,
        onpointermove: (event) => {
          const area = canvas.getBoundingClientRect();
          const column = Math.floor(((event.clientX - area.left) / area.width) * columns);
          const row = Math.floor(((event.clientY - area.top) / area.height) * rows);
          if (column >= 0 && column < columns && row >= 0 && row < rows)
            read(slice, row * columns + column);
        },
        onkeydown: (event) => {
          if (!(event.key in moves)) return;
          event.preventDefault();
          event.stopPropagation();
          const inside = at - slice * rows * columns;
          const here = inside >= 0 && inside < rows * columns ? inside : 0;
          const next = marks[slice].hidden ? 0 : here + moves[event.key];
          if (next >= 0 && next < rows * columns) read(slice, next);
        },
      },
      canvas,
      mark,
    );
    box.append(frame);
  }
  return make("div", {}, box, reading);
}

function histogram(found) {
  const most = Math.max(...found.histogram),
    count = found.histogram.length;
  const svg = make("svg:svg", {
    viewBox: "0 0 300 90",
    class: "histogram",
    role: "img",
    "aria-label": say("histogram"),
  });
  found.histogram.forEach((n, k) => {
    const high = n ? Math.max(1.5, (n / most) * 84) : 0,
      wide = 300 / count;
    const bar = make("svg:rect", {
      x: k * wide + 0.75,
      y: 88 - high,
      width: wide - 1.5,
      height: high,
      rx: 1,
    });
    bar.append(make("svg:title", {}, String(n)));
    svg.append(bar);
  });
  return make(
    "figure",
    {},
    svg,
    make(
      "figcaption",
      { class: "ends" },
      shown(found.range[0], found.kind),
      shown(found.range[1], found.kind),
    ),
  );
}

// Numbers over the steps, with a dot at the step that is shown; null where there is none.
function lineChart(numbers, at, label, pick) {
  const known = numbers
    .map((x, k) => [k, x === null ? NaN : parse(x)])
    .filter(([, y]) => Number.isFinite(y));
  if (!known.length) return null;
  const low = Math.min(...known.map(([, y]) => y)),
    high = Math.max(...known.map(([, y]) => y));
  const across = (k) => 8 + (numbers.length > 1 ? k / (numbers.length - 1) : 0.5) * 284;
  const down = (y) => (high === low ? 36 : 64 - ((y - low) / (high - low)) * 56);
  const svg = make("svg:svg", { viewBox: "0 0 300 72", class: "chart", role: "img", "aria-label": label });
  svg.append(
    make("svg:path", { d: known.map(([k, y], n) => `${n ? "L" : "M"}${across(k)} ${down(y)}`).join("") }),
  );
  for (const [k, y] of known.length <= 60 ? known : known.filter(([k]) => k === at)) {
    const dot = make("svg:circle", {
      cx: across(k),
      cy: down(y),
      r: k === at ? 5 : 2.5,
      class: k === at ? "here" : "",
      onclick: () => pick(k),
    });
    dot.append(make("svg:title", {}, short(y)));
    svg.append(dot);
  }
  return svg;
}
