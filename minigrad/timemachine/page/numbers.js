// Tensors as the data has them, and numbers as text.

const DATA = JSON.parse(byId("data").textContent);
const SETS = { f4: Float32Array, f8: Float64Array, i4: Int32Array };

// {shape, size, counts, steps, values}: `values` are the elements kept, row by row; along dimension k there
// are counts[k] of them, every steps[k]-th of the tensor's.
function tensor(place) {
  const found = DATA.tensors[place];
  if (!found.values && "number" in found) {
    // of no dimensions: no sample, no statistics
    const kind = found.dtype === "float64" ? "f8" : found.dtype.startsWith("int") ? "i4" : "f4";
    Object.assign(found, { shape: [], size: 1, counts: [], steps: [], zeros: 0, kind });
    found.values = Float64Array.of(parse(found.number));
  }
  if (!found.values) {
    const bytes = Uint8Array.from(atob(found.sample), (sign) => sign.charCodeAt(0));
    found.values = new SETS[found.kind](bytes.buffer);
    found.size = found.shape.reduce((a, b) => a * b, 1);
    for (const name of ["mean", "norm"]) if (name in found) found[name] = parse(found[name]);
  }
  return found;
}

const parse = (x) => (typeof x === "string" ? Number(x.replace("inf", "Infinity")) : x);

const isNumber = (place) => place !== null && place !== undefined && tensor(place).size === 1;

// In four digits, a whole one in full, as Python's "%.4g" and with a true minus sign.
function short(x) {
  if (typeof x === "boolean") return x ? "True" : "False";
  x = parse(x);
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x < 0 ? "−inf" : "inf";
  if (Number.isInteger(x) && Math.abs(x) < 1e6) return String(x).replace("-", "−");
  const exponent = Number(x.toExponential(3).split("e")[1]);
  let text;
  if (exponent < -4 || exponent >= 4) {
    const [digits, power] = x.toExponential(3).split("e");
    const size = String(Math.abs(Number(power))).padStart(2, "0");
    text = digits.replace(/\.?0+$/, "") + "e" + (Number(power) < 0 ? "-" : "+") + size;
  } else {
    text = x.toPrecision(4);
    if (text.includes(".")) text = text.replace(/\.?0+$/, "");
  }
  return text.replaceAll("-", "−");
}

// All digits that tell the number from its neighbours in its dtype.
function full(x, kind) {
  if (!Number.isFinite(x) || kind !== "f4") return Object.is(x, -0) ? "-0" : String(x);
  for (let digits = 1; digits <= 9; digits++) {
    const text = x.toPrecision(digits);
    if (Math.fround(Number(text)) === x) return String(Number(text));
  }
  return String(x);
}

const shapeText = (shape) => (shape.length ? shape.join("×") : say("number"));

// A number, or the shape of what is none.
function brief(place) {
  if (place === null || place === undefined) return "?";
  const found = tensor(place);
  return found.size === 1 ? short(found.values[0]) : shapeText(found.shape);
}

// A number on the page: its text in four digits, and for those who ask, and for tests, all of them.
function shown(x, kind, tag = "span") {
  const exact = typeof x === "string" ? x : full(x, kind);
  return make(tag, { class: "number", "data-value": exact, title: exact }, short(x));
}

// One line that tells what is in a tensor, as a button that opens it.
function chip(place, name) {
  if (place === null || place === undefined) return make("span", { class: "muted" }, "?");
  const found = tensor(place);
  const button = make("button", {
    class: "chip",
    "data-tensor": place,
    "aria-label": say("open", name || shapeText(found.shape)),
    onclick: () => openTensor(place, name),
  });
  if (found.size === 1) button.append(shown(found.values[0], found.kind));
  else {
    button.append(
      make("img", { src: thumbnail(place), alt: "", class: "thumb" }),
      make("span", {}, shapeText(found.shape)),
    );
    if (found.range) {
      button.append(
        make(
          "span",
          { class: "range" },
          "[",
          shown(found.range[0], found.kind),
          ", ",
          shown(found.range[1], found.kind),
          "]",
        ),
      );
    }
  }
  return button;
}
