// How large the nodes of a walk are, and where dagre puts them: what `Graph` in graph.js draws.

const FONT = { name: "600 14px", text: "13px", small: "11px" };
const FAMILY = getComputedStyle(document.documentElement).getPropertyValue("--sans");
const ROOM = 60; // so many nodes and groups are opened by themselves; more only by hand
const LABEL = { width: 74, height: 18 };
const EDGES = 120; // so many are laid out by dagre, whose time grows fast with them
const NEAREST = 2; // of more than that, so many into each node
const measuring = document.createElement("canvas").getContext("2d");
const widths = new Map();

function width(text, font) {
  const key = font + text;
  if (!widths.has(key)) {
    measuring.font = `${font} ${FAMILY}`;
    widths.set(key, measuring.measureText(text).width);
  }
  return widths.get(key);
}

function cut(text, font, most) {
  if (width(text, font) <= most) return text;
  let kept = text;
  while (kept.length > 1 && width(kept + "…", font) > most) kept = kept.slice(0, -1);
  return kept.trimEnd() + "…";
}

const idOf = (item) => (typeof item === "number" ? `n${item}` : `g${item.id}`);

class Layout {
  // Sizes ------------------------------------------------------------------------------------------------

  card(place) {
    const node = this.nodes[place];
    if (node.card && node.card.language === language) return node.card;
    const numeric = node.shapes.every((shape) => shape.every((n) => n === 1));
    const formula = node.kind === "op" ? cut(localized(node.named), FONT.text, 190) : "";
    const name = cut(node.name || say("nameless"), FONT.name, 170);
    const kind = node.kind === "op" ? node.op : "";
    const values = [width(this.valueText(place), FONT.text) + (numeric ? 0 : 52)];
    for (const text of this.sumTexts().get(place) || []) values.push(width(text, FONT.text));
    if (node.kind !== "constant") {
      const sign = node.kind === "leaf" ? ".grad" : "ḡ"; // the longest number there is in four digits
      const text = numeric ? `${sign} −1.234e−05` : `${sign} ‖1.234e−05‖ Σ`;
      values.push((numeric ? 0 : 52) + width(text, FONT.text));
    }
    const wide =
      Math.max(
        width(name, FONT.name) + (kind ? 14 + width(kind, FONT.small) : 0),
        width(formula, FONT.text),
        ...values,
      ) + 28;
    const rows = { name: 24, formula: formula ? 42 : 24 };
    const step = numeric ? 20 : 34;
    rows.value = rows.formula + (numeric ? 20 : 26);
    rows.gradient = rows.value + step;
    const height = (node.kind === "constant" ? rows.value : rows.gradient) + (numeric ? 10 : 14);
    node.card = {
      width: Math.max(96, Math.ceil(wide)),
      height,
      rows,
      numeric,
      name,
      formula,
      kind,
      language,
    };
    return node.card;
  }

  // The longest sums that a number's card will have to show, in either order.
  sumTexts() {
    if (this.walk.sumTexts) return this.walk.sumTexts;
    const found = (this.walk.sumTexts = new Map());
    for (const order of ["right", "wrong"]) {
      const last = new Map();
      for (const event of (this.walk[order] || { events: [] }).events) {
        for (const send of event.sends) {
          const [to, output] = send.to;
          const key = `${to}:${output}`;
          if (isNumber(send.g) && !send.lost) {
            if ("sum" in send) {
              const list = found.get(to) || found.set(to, []).get(to);
              list.push(`ḡ ${brief(last.get(key))} + ${brief(send.g)} = ${brief(send.sum)}`);
            }
            last.set(key, "sum" in send ? send.sum : send.g);
          }
        }
      }
    }
    return found;
  }

  valueText(place) {
    const node = this.nodes[place];
    if (node.results.length > 1) return `${node.results.length} × ${shapeText(node.shapes[0])}`;
    return node.results[0] === null ? shapeText(node.shapes[0]) : brief(node.results[0]);
  }

  firstPlace() {
    return this.nodes.findIndex((node) => node.kind === "op");
  }

  // Layout -----------------------------------------------------------------------------------------------

  lay() {
    const key = [...this.open]
      .map((group) => group.id)
      .sort((a, b) => a - b)
      .join();
    if (!this.layouts.has(key)) this.layouts.set(key, this.computeLayout());
    this.layout = this.layouts.get(key);
    this.draw();
  }

  computeLayout() {
    const graph = new dagre.graphlib.Graph({ compound: true, multigraph: true });
    graph.setGraph({
      rankdir: "TB",
      nodesep: 26,
      edgesep: 14,
      ranksep: this.open.size > 1 ? 42 : 26,
      marginx: 24,
      marginy: 24,
    });
    graph.setDefaultEdgeLabel(() => ({}));
    const frames = [];
    const add = (parent, frame) => {
      for (const child of parent.children) {
        let id;
        if (typeof child === "number") {
          id = `n${child}`;
          const { width, height } = this.card(child);
          graph.setNode(id, { width, height });
        } else if (this.open.has(child)) {
          id = `g${child.id}`;
          graph.setNode(id, {});
          frames.push(child);
          add(child, id);
        } else {
          id = `g${child.id}`;
          const label = cut(this.groupLabel(child), FONT.name, 200);
          graph.setNode(id, {
            height: 64,
            width: Math.max(120, width(label, FONT.name), width(this.groupText(child), FONT.text)) + 34,
          });
        }
        if (frame) graph.setParent(id, frame);
      }
    };
    add(this.tree.top, null);
    const edges = this.collectEdges();
    for (const edge of edges) {
      if (edge.free) continue;
      const flows = edge.parts.some(({ from }) => this.nodes[from].kind !== "constant");
      graph.setEdge(idOf(edge.from), idOf(edge.to), { ...(flows ? LABEL : {}), labelpos: "c" }, edge.name);
    }
    dagre.layout(graph);
    for (const edge of edges) {
      const [from, to] = [edge.from, edge.to].map((end) => graph.node(idOf(end)));
      if (edge.free) edge.points = [{ x: from.x }, { x: to.x }];
      else Object.assign(edge, graph.edge(idOf(edge.from), idOf(edge.to), edge.name));
      // dagre may end an edge at the side of a node; ours leave below and arrive above.
      const inside = (x, at) => Math.min(at.x + at.width / 2 - 16, Math.max(at.x - at.width / 2 + 16, x));
      edge.points[0] = { x: inside(edge.points[0].x, from), y: from.y + from.height / 2 };
      edge.points[edge.points.length - 1] = {
        x: inside(edge.points.at(-1).x, to),
        y: to.y - to.height / 2,
      };
    }
    const box = graph.graph();
    return { graph, frames, edges, width: box.width, height: box.height };
  }

  // The edges between what is shown; those between the same two, if one is a group, as one. Of very many only
  // the nearest take part in the layout, the others are `free`: drawn straight, behind everything.
  collectEdges() {
    const found = new Map();
    this.nodes.forEach((node, place) =>
      (node.operands || []).forEach((operand, number) => {
        if (!("from" in operand)) return;
        const [from, to] = [operand.from, place].map((end) => standIn(this.tree, this.open, end));
        if (from === to) return;
        const single = typeof from === "number" && typeof to === "number";
        const name = single ? `${number}` : "all";
        const key = `${idOf(from)} ${idOf(to)} ${name}`;
        if (!found.has(key)) found.set(key, { from, to, name, parts: [] });
        const part = { from: operand.from, output: operand.output, to: place, operand: number };
        found.get(key).parts.push(part);
      }),
    );
    const edges = [...found.values()];
    if (edges.length > EDGES) {
      const taken = new Map();
      const last = (item) => (typeof item === "number" ? item : item.last);
      for (const edge of [...edges].sort((a, b) => last(b.from) - last(a.from))) {
        const [into, out] = [edge.to, edge.from].map((end) => taken.get(end) || 0);
        edge.free = into >= NEAREST && out > 0;
        if (!edge.free) [edge.to, edge.from].forEach((end) => taken.set(end, (taken.get(end) || 0) + 1));
      }
    }
    return edges;
  }

  groupLabel(group) {
    if (group.kind === "leaves") return say("leavesGroup");
    return group.kind === "run" || group.label === group.kind
      ? group.label
      : `${group.label} · ${group.kind}`;
  }

  groupText(group) {
    if (group.kind === "leaves") return String(group.children.length);
    return group.count === 1 ? say("operation") : say("operations", group.count);
  }
}
