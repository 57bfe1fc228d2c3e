// What stands beside the picture: the moment in formulas and numbers, the source line, gradients, training.

const formula = (text) => make("span", { class: "formula" }, localized(text));

function fact(label, ...content) {
  return make(
    "div",
    { class: "fact" },
    make("span", { class: "label" }, label),
    make("span", {}, ...content),
  );
}

// "= 5 · 1 = 5": the formula with numbers, and what it gives.
function worked(numbers, result, element) {
  const found = [];
  if (isNumber(result)) {
    const { values, kind } = tensor(result);
    const repeated = numbers === short(values[0]);
    found.push(
      make(
        "p",
        { class: "worked" },
        repeated ? "= " : `= ${localized(numbers)} = `,
        shown(values[0], kind),
      ),
    );
  } else if (element) {
    found.push(make("p", { class: "worked small" }, localized(element)));
  }
  return found;
}

function crumbs(node) {
  if (!node.path || !node.path.length) return null;
  const text = node.path.map(([path, kind]) => `${path.split(".").pop()} (${kind})`).join(" › ");
  return make("p", { class: "crumbs" }, text);
}

function head(kicker, name, kind) {
  return [make("p", { class: `kicker ${kind}` }, kicker), name];
}

function showNow(walk, moment) {
  const box = byId("now");
  const parts = {
    start: nowStart,
    forward: nowForward,
    seed: nowSeed,
    backward: nowBackward,
    grad: nowGrad,
  };
  box.replaceChildren(...parts[moment.phase](walk, moment).filter(Boolean));
}

function nowStart() {
  return [
    ...head(say("forward"), make("h2", {}, say("start")), "forward"),
    make("p", {}, say("startText")),
  ];
}

function nowForward(walk, moment) {
  const node = walk.nodes[moment.active],
    result = node.results[0];
  const rows = node.operands.map((operand) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, operand.name),
      make("td", {}, "from" in operand ? operand.called || "" : ""),
      make("td", {}, "number" in operand ? shown(operand.number) : chip(operand.value, operand.called)),
    ),
  );
  return [
    ...head(say("forward"), make("h2", {}, `${node.name} = `, formula(node.named)), "forward"),
    make("p", { class: "torch" }, `${node.op} · ${localized(node.formula)} · ${node.torch}`),
    ...worked(node.numbers, result, node.element),
    crumbs(node),
    make("h3", {}, say("operands")),
    make("table", { class: "operands" }, make("tbody", {}, ...rows)),
    ...node.results.map((place, k) => fact(k ? "" : say("result"), chip(place, node.name))),
    ...attributes(node),
  ];
}

function attributes(node) {
  const found = Object.entries(node.attributes).map(([name, text]) => `${name} = ${text}`);
  const kept = node.saved.map(([name, bytes]) => `${name} (${say("bytes", bytes)})`);
  return [
    found.length ? fact(say("attributes"), found.join(", ")) : null,
    kept.length ? fact(say("saved"), kept.join(", ")) : null,
  ];
}

function nowSeed(walk, moment) {
  const { to, g } = moment.seed;
  return [
    ...head(say("backward"), make("h2", {}, say("seed")), "backward"),
    make("p", {}, say("seedText")),
    fact(`ḡ(${walk.nodes[to[0]].name})`, chip(g, walk.nodes[to[0]].name)),
  ];
}

function nowBackward(walk, moment) {
  const { event } = moment,
    node = walk.nodes[event.node];
  return [
    ...head(say("backward"), make("h2", {}, `${node.name} = `, formula(node.named)), "backward"),
    make("p", { class: "torch" }, node.torch),
    ...event.g.map((g, k) => fact(k ? "" : say("incoming"), "ḡ = ", chip(g, `ḡ ${node.name}`))),
    ...event.sends.map((send) => sentCard(walk, moment, node, send)),
  ];
}

function sentCard(walk, moment, node, send) {
  const target = walk.nodes[send.to[0]],
    name = target.name;
  const card = make(
    "div",
    { class: `send ${send.lost ? "lost" : ""}` },
    make("h3", {}, say("sent", name)),
    make(
      "p",
      { class: "rule" },
      formula(send.named),
      send.named === send.rule ? null : make("span", { class: "muted" }, `  (${localized(send.rule)})`),
    ),
    ...worked(send.numbers, send.raw ?? send.g, send.element),
  );
  if ("raw" in send) {
    const words = send.summed.length > 1 ? "unbroadcastAll" : "unbroadcast";
    card.append(
      make(
        "p",
        { class: "note" },
        say(
          words,
          name,
          shapeText(tensor(send.raw).shape),
          send.summed.join(", "),
          shapeText(tensor(send.g).shape),
        ),
      ),
    );
  }
  if (!isNumber(send.g) || "raw" in send) card.append(fact("ḡ", chip(send.g, `ḡ ${name}`)));
  if (send.lost) card.append(make("p", { class: "note bad" }, say("lostText", name)));
  else if ("sum" in send) {
    card.append(
      fact(
        say("sum"),
        chip(moment.before.get(send), `ḡ ${name}`),
        " + ",
        chip(send.g, `ḡ ${name}`),
        " = ",
        chip(send.sum, `ḡ ${name}`),
      ),
    );
  }
  return card;
}

function nowGrad(walk, moment) {
  const { grad } = moment,
    { name } = walk.nodes[grad.leaf];
  const written = grad.after !== null;
  const text = !written ? "gradReturned" : grad.before === null ? "gradText" : "gradAdded";
  return [
    ...head(say("grad"), make("h2", {}, `${name}.grad`), "grad"),
    make("p", {}, say(text, name)),
    grad.before === null ? null : fact(say("before"), chip(grad.before, `${name}.grad`)),
    fact(say("sum"), chip(grad.g, `ḡ ${name}`)),
    written ? fact(`${name}.grad`, chip(grad.after, `${name}.grad`)) : null,
  ];
}

// Source ------------------------------------------------------------------------------------------------------

// Python counts columns in bytes of UTF-8.
function atByte(text, byte) {
  return new TextDecoder().decode(new TextEncoder().encode(text).slice(0, byte)).length;
}

function showSource(walk, moment) {
  const box = byId("source"),
    node = moment.active === null ? null : walk.nodes[moment.active];
  const place = node && node.kind === "op" ? node.place : null;
  const kind = moment.phase === "forward" ? "forward" : "backward";
  if (!place) {
    const used = walk.nodes.find((found) => found.place);
    box.hidden = !used;
    if (used) listing(box, used.place, null, kind);
    return;
  }
  box.hidden = false;
  listing(box, place, place, kind);
}

function listing(box, around, place, kind) {
  const { name, lines } = DATA.sources[around.file];
  const numbers = Object.keys(lines).map(Number);
  box.replaceChildren(
    make("h3", {}, say("source"), make("span", { class: "muted" }, ` ${name}:${around.line}`)),
  );
  if (!numbers.length) {
    box.append(make("p", { class: "muted" }, say("noSource")));
    return;
  }
  const near = numbers.filter((n) => Math.abs(n - around.line) <= 6);
  const indent = Math.min(...near.filter((n) => lines[n].trim()).map((n) => lines[n].search(/\S/)));
  const code = make("div", { class: `code ${kind}`, tabindex: 0 });
  for (const n of near) {
    const text = lines[n],
      here = place && n === place.line;
    const line = make(
      "div",
      { class: here ? "line here" : "line", "data-line": n },
      make("span", { class: "n" }, String(n)),
    );
    const [first, start, last, stop] = (place && place.span) || [];
    if (first <= n && n <= last) {
      const from = n === first ? atByte(text, start) : indent;
      const to = n === last ? atByte(text, stop) : text.length;
      line.classList.add("here");
      line.append(
        text.slice(indent, from),
        make("mark", {}, text.slice(Math.max(from, indent), to)),
        text.slice(to),
      );
    } else line.append(text.slice(indent));
    code.append(line);
  }
  box.append(code);
}

// Gradients ---------------------------------------------------------------------------------------------------

// The leaves whose gradients come out wrong in the wrong order.
function wrongLeaves(walk) {
  if (!walk.bad) {
    const right = new Map(walk.right.grads.map((grad) => [grad.leaf, grad.g]));
    const bad = (walk.wrong ? walk.wrong.grads : []).filter(
      ({ leaf, g }) => right.get(leaf) !== null && right.get(leaf) !== g,
    );
    walk.bad = new Set(bad.map(({ leaf }) => leaf));
  }
  return walk.bad;
}

// A path that may be broken after its dots.
const dotted = (name) => name.split(/(?<=\.)/).flatMap((part) => [part, make("wbr")]);

const ROWS = 60; // of a table, at most: those around what happens now

function showGradients(walk, moment, order) {
  const bad = wrongLeaves(walk);
  const both = order === "wrong";
  const all = walk.right.grads.filter((grad) => grad.g !== null);
  const first = Math.max(0, Math.min(all.length - ROWS, moment.grads.size - ROWS / 2));
  const rows = all.slice(first, first + ROWS).map((right) => {
    const { name } = walk.nodes[right.leaf];
    const now = moment.grads.get(right.leaf);
    const cell = now
      ? chip(now.after ?? now.g, `${name}.grad`)
      : make("span", { class: "muted" }, say("notYet"));
    return make(
      "tr",
      { class: both && now && bad.has(right.leaf) ? "bad" : "", "data-leaf": name },
      make("th", { scope: "row" }, ...dotted(name)),
      make("td", {}, cell),
      both ? make("td", {}, chip(right.after ?? right.g, `${name}.grad`)) : null,
    );
  });
  const titles = ["leaf", "wrong", "right"].map((title) => make("th", { scope: "col" }, say(title)));
  byId("gradients").replaceChildren(
    make("h3", {}, say("gradients")),
    make(
      "table",
      { class: "grads" },
      both ? make("thead", {}, make("tr", {}, ...titles)) : null,
      make("tbody", {}, ...rows),
    ),
    ...more(all.length - rows.length),
  );
}

const more = (count) => (count > 0 ? [make("p", { class: "muted" }, say("more", count))] : []);

// Training ----------------------------------------------------------------------------------------------------

// at: which walk; pick(k): go to the k-th.
function showTraining(at, pick) {
  const box = byId("training");
  const { losses, parameters } = DATA.history;
  const several = losses.length > 1;
  box.hidden = !several && losses[0] === null;
  box.replaceChildren(make("h3", {}, say("training")));
  if (losses[at] !== null) {
    const label = several ? `${say("loss")} (${say("atStep", at + 1)})` : say("loss");
    box.append(fact(label, shown(losses[at])));
  }
  if (!several) return;
  box.append(lineChart(losses, at, say("loss"), pick) || "", make("h4", {}, say("parameters")));
  for (const { name, sizes, values } of parameters.slice(0, ROWS)) {
    const one = isNumber(values.find((place) => place !== null));
    const about = make("div", { class: "about" }, make("span", { class: "name" }, name));
    if (values[at] !== null) about.append(chip(values[at], name));
    if (sizes[at] !== null && !(one && values[at] !== null)) {
      const label = one ? "" : `${say("normOf")} `;
      about.append(make("span", { class: "muted" }, label, shown(sizes[at])));
    }
    const chart = lineChart(sizes, at, name, (k) => pick(Math.min(k, losses.length - 1)));
    box.append(make("div", { class: "parameter", "data-parameter": name }, about, chart || ""));
  }
  box.append(...more(parameters.length - ROWS));
}

// A tensor in a window ----------------------------------------------------------------------------------------

function openTensor(place, name) {
  const found = tensor(place),
    dialog = byId("tensor");
  const few = found.values.length === found.size && found.size <= 64;
  const facts = [
    [say("shape"), shapeText(found.shape)],
    [say("dtype"), found.dtype],
  ];
  if (found.range && found.size > 1) {
    facts.push(
      [say("smallest"), shown(found.range[0], found.kind)],
      [say("largest"), shown(found.range[1], found.kind)],
      [say("mean"), shown(found.mean)],
      [say("norm"), shown(found.norm)],
      [say("zeros"), String(found.zeros)],
    );
  }
  if (found.nonfinite) facts.push([say("nonfinite"), String(found.nonfinite)]);
  const list = make(
    "dl",
    {},
    ...facts.map(([label, value]) => make("div", {}, make("dt", {}, label), make("dd", {}, value))),
  );
  const content = [
    make(
      "form",
      { method: "dialog", class: "top" },
      make("h2", { id: "tensor-title" }, name || shapeText(found.shape)),
      make("button", { class: "close", "aria-label": say("close") }, "✕"),
    ),
    list,
  ];
  if (found.size > 1) content.push(make("h3", {}, say("heat")), heatMap(found));
  const { slices } = slicesOf(found),
    seen = (Math.min(slices, SLICES) * found.values.length) / (slices || 1);
  if (seen < found.size) content.push(make("p", { class: "muted" }, say("sampled", seen, found.size)));
  if (found.histogram && found.size > 1) content.push(make("h3", {}, say("histogram")), histogram(found));
  if (few) content.push(make("h3", {}, say("table")), numberTable(found));
  dialog.replaceChildren(...content);
  dialog.showModal();
}

function numberTable(found) {
  const { rows, columns } = slicesOf(found),
    body = make("tbody");
  const count = found.values.length / (columns || 1);
  for (let row = 0; row < count; row++) {
    const cells = [...found.values.slice(row * columns, (row + 1) * columns)];
    body.append(
      make(
        "tr",
        { class: rows > 1 && row && row % rows === 0 ? "slice-start" : "" },
        ...cells.map((x) => make("td", {}, shown(x, found.kind))),
      ),
    );
  }
  return make("div", { class: "wide" }, make("table", { class: "numbers" }, body));
}
