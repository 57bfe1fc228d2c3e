// The picture of one walk, drawn as SVG. `Graph.update` shows a moment.

class Graph extends Layout {
  constructor(svg, jump) {
    super();
    Object.assign(this, { svg, jump, scale: 1, x: 0, y: 0, layouts: new Map(), opened: new Set() });
    this.world = make("svg:g", { class: "world" });
    svg.append(
      make(
        "svg:defs",
        {},
        make(
          "svg:marker",
          {
            id: "arrow",
            viewBox: "0 0 8 8",
            refX: 7,
            refY: 4,
            markerWidth: 10,
            markerHeight: 10,
            markerUnits: "userSpaceOnUse",
            orient: "auto-start-reverse",
          },
          make("svg:path", { d: "M0 0 8 4 0 8z" }),
        ),
      ),
      this.world,
    );
    this.listen();
  }

  // Another walk, or the same nodes anew.
  show(walk) {
    this.walk = walk;
    this.nodes = walk.nodes;
    this.moment = null;
    this.tree = buildTree(this.nodes);
    this.layouts.clear();
    this.opened.clear();
    this.open = firstOpen(this.tree, ROOM);
    this.many = this.nodes.length > ROOM;
    this.lay();
    this.fit(true);
  }

  // Drawing ----------------------------------------------------------------------------------------------

  draw() {
    const { graph, frames, edges } = this.layout;
    this.drawn = { nodes: new Map(), edges: [] };
    this.world.replaceChildren();
    for (const frame of frames) this.world.append(this.drawFrame(frame, graph.node(idOf(frame))));
    for (const edge of edges) {
      const path = make("svg:path", { class: "edge", d: curve(edge.points) });
      const label = make("svg:g", {
        class: "label",
        transform: `translate(${edge.x ?? 0} ${edge.y ?? 0})`,
      });
      this.world.append(path);
      this.drawn.edges.push({ edge, path, label });
    }
    for (const { label } of this.drawn.edges) this.world.append(label);
    const put = (item) => {
      const at = graph.node(idOf(item));
      const drawn = typeof item === "number" ? this.drawNode(item, at) : this.drawGroup(item, at);
      this.drawn.nodes.set(item, drawn);
      this.world.append(drawn.element);
    };
    const visit = (parent) => {
      for (const child of parent.children) {
        if (typeof child !== "number" && this.open.has(child)) visit(child);
        else put(child);
      }
    };
    visit(this.tree.top);
    this.place(false);
  }

  // Something that is there to be clicked, or chosen with the keyboard.
  button(attributes, action) {
    return make("svg:g", {
      ...attributes,
      tabindex: 0,
      role: "button",
      onclick: action,
      onkeydown: (event) => {
        if (event.key === "Enter") {
          event.stopPropagation();
          action();
        }
      },
    });
  }

  drawFrame(group, at) {
    const element = make("svg:g", { class: `frame ${group.kind === "run" ? "run" : ""}` });
    const [left, top] = [at.x - at.width / 2, at.y - at.height / 2];
    element.append(make("svg:rect", { x: left, y: top, width: at.width, height: at.height, rx: 14 }));
    const text = cut(`− ${this.groupLabel(group)}`, FONT.small, at.width - 16);
    const title = this.button(
      { class: "frame-title", "aria-label": say("collapse", this.groupLabel(group)) },
      () => this.toggle(group),
    );
    title.append(
      make("svg:rect", { x: left + 6, y: top + 4, width: width(text, FONT.small) + 12, height: 18, rx: 6 }),
      make("svg:text", { x: left + 12, y: top + 17 }, text),
    );
    element.append(title);
    return element;
  }

  drawGroup(group, at) {
    const element = this.button(
      {
        class: "node group",
        transform: `translate(${at.x} ${at.y})`,
        "aria-label": say("expand", this.groupLabel(group)),
        "data-group": group.id,
      },
      () => this.toggle(group),
    );
    const box = { x: -at.width / 2, y: -at.height / 2, width: at.width, height: at.height, rx: 12 };
    element.append(
      make("svg:rect", { ...box, x: box.x + 5, y: box.y + 5, class: "behind" }),
      make("svg:rect", { ...box, class: "box" }),
      make(
        "svg:text",
        { y: -4, class: "name", "text-anchor": "middle" },
        cut(this.groupLabel(group), FONT.name, 200),
      ),
      make("svg:text", { y: 16, class: "small", "text-anchor": "middle" }, "+ " + this.groupText(group)),
    );
    return { element, at, group };
  }

  drawNode(place, at) {
    const node = this.nodes[place],
      card = this.card(place);
    const element = this.button(
      {
        class: `node ${node.kind}`,
        transform: `translate(${at.x} ${at.y})`,
        "data-node": place,
        "aria-label": `${node.name} ${node.named || ""}`,
      },
      () => this.jump(place),
    );
    const left = -at.width / 2,
      top = -at.height / 2;
    const text = (x, y, kind, content, more = {}) =>
      make("svg:text", { x, y: top + y, class: kind, ...more }, content);
    element.append(
      make("svg:rect", {
        x: left,
        y: top,
        width: at.width,
        height: at.height,
        class: "box",
        rx: node.kind === "op" ? 10 : 18,
      }),
    );
    element.append(text(left + 14, card.rows.name, "name", card.name));
    if (card.kind) {
      element.append(
        text(left + at.width - 14, card.rows.name, "small", card.kind, { "text-anchor": "end" }),
      );
    }
    if (card.formula) element.append(text(left + 14, card.rows.formula, "formula", card.formula));
    const row = (kind, y) => {
      const line = make("svg:g", { class: kind, transform: `translate(${left + 14} ${top + y})` });
      element.append(line);
      return line;
    };
    const value = row("value", card.rows.value);
    const gradient = node.kind === "constant" ? null : row("gradient", card.rows.gradient);
    const single = node.results.length === 1 ? node.results[0] : null;
    this.fillRow(value, card, single, [isNumber(single) ? counted(single) : this.valueText(place)]);
    element.append(
      make("svg:title", {}, [node.name, node.named, shapeText(node.shapes[0])].filter(Boolean).join("\n")),
    );
    return { element, at, value, gradient };
  }

  // A row of a card: a small picture of what is no number, and words, which may be numbers (see `counted`).
  fillRow(line, card, place, words) {
    line.replaceChildren();
    if (place !== null && place !== undefined && !card.numeric) {
      const size = { x: 0, y: -20, width: 44, height: 28, preserveAspectRatio: "xMidYMid meet" };
      line.append(make("svg:image", { href: thumbnail(place), ...size }));
    }
    line.append(make("svg:text", { x: card.numeric ? 0 : 52 }, ...words));
  }

  // A moment ---------------------------------------------------------------------------------------------

  // moment: see `momentAt` in player.js. open: open the groups around what is active?
  update(moment, open = this.many) {
    this.moment = moment;
    if (moment.active !== null && open) this.reveal(moment.active);
    const active = moment.active === null ? null : standIn(this.tree, this.open, moment.active);
    const touched = new Set(moment.touched.map((place) => standIn(this.tree, this.open, place)));
    for (const [item, drawn] of this.drawn.nodes) {
      const one = typeof item === "number";
      const known = one ? moment.known(item) : moment.known(item.first);
      const classes = drawn.element.classList;
      classes.toggle("unknown", !known);
      classes.toggle("active", item === active);
      classes.toggle("touched", touched.has(item) && item !== active);
      classes.toggle("back", moment.phase !== "forward" && moment.phase !== "start");
      classes.toggle("lost", one && moment.lost.has(item));
      if (one && drawn.gradient) this.updateGradient(item, drawn, moment);
    }
    this.updateEdges(moment);
    if (active !== null) this.follow(active, [...touched]);
  }

  updateGradient(place, drawn, moment) {
    const card = this.card(place);
    const grad = moment.grads.get(place);
    const sums = moment.sums.get(place);
    drawn.element.classList.toggle("has-gradient", Boolean(sums));
    drawn.element.classList.toggle("written", Boolean(grad));
    drawn.element.classList.toggle("bad", Boolean(grad) && moment.bad.has(place));
    if (!sums) {
      drawn.gradient.replaceChildren();
      return;
    }
    const last = grad ? { ref: grad.after ?? grad.g } : sums;
    const one = card.numeric ? counted : norm;
    let words;
    if (grad && grad.after !== null) words = [".grad ", one(last.ref)];
    else if (sums.adding && card.numeric) {
      const { before, g } = sums.adding;
      words = ["ḡ ", counted(before), " + ", counted(g), " = ", counted(sums.ref)];
    } else words = ["ḡ ", one(sums.ref), sums.adding ? " Σ" : ""];
    this.fillRow(drawn.gradient, card, last.ref, words);
  }

  updateEdges(moment) {
    for (const { edge, path, label } of this.drawn.edges) {
      let state = "",
        sent = null,
        many = 0;
      for (const part of edge.parts) {
        const seen = moment.sent.get(`${part.to}:${part.operand}`);
        if (seen) {
          many++;
          if (!sent || seen.now) sent = seen;
        }
        if (moment.phase === "forward" && part.to === moment.active) state = "feed";
      }
      const dim = edge.parts.every((part) => !moment.known(part.to));
      if (sent) state = sent.now ? (sent.lost ? "flow lost" : "flow") : sent.lost ? "sent lost" : "sent";
      path.setAttribute("class", `edge ${state} ${dim ? "dim" : ""} ${edge.free ? "free" : ""}`);
      label.replaceChildren();
      label.setAttribute("class", `label ${state}`);
      if (sent && !edge.free) {
        const words = many > 1 ? [`${many} ×`] : [isNumber(sent.g) ? counted(sent.g) : norm(sent.g)];
        if (sent.lost && many === 1) words.unshift("✕ ");
        const text = make("svg:text", { y: 4, "text-anchor": "middle" }, ...words);
        const wide = width(text.textContent, FONT.small) + 12;
        label.append(make("svg:rect", { x: -wide / 2, y: -9, width: wide, height: 18, rx: 9 }), text);
      }
    }
  }

  // Groups -----------------------------------------------------------------------------------------------

  toggle(group) {
    if (this.open.has(group)) {
      const close = (at) => {
        this.open.delete(at);
        for (const child of at.children) if (typeof child !== "number") close(child);
      };
      close(group);
    } else this.open.add(group);
    this.opened.delete(group);
    this.lay();
    this.update(this.moment, false); // what was closed by hand stays closed for now
    const found = this.drawn.nodes.get(group) || this.drawn.nodes.get(group.children[0]);
    if (found) found.element.focus({ preventScroll: true });
  }

  // Open the groups around a node, and close those that were opened for an earlier one.
  reveal(place) {
    const around = new Set();
    for (let at = this.tree.owner.get(place); at; at = at.parent) around.add(at);
    let changed = false;
    for (const group of [...this.opened]) {
      if (!around.has(group)) {
        this.opened.delete(group);
        this.open.delete(group);
        changed = true;
      }
    }
    for (const group of around) {
      if (!this.open.has(group)) {
        this.open.add(group);
        this.opened.add(group);
        changed = true;
      }
    }
    if (changed) this.lay();
  }
}

// A tensor's only element; all its digits stand beside it.
function counted(place) {
  const { values, kind } = tensor(place);
  return make("svg:tspan", { "data-value": full(values[0], kind) }, short(values[0]));
}

// What is no number is told by its norm.
function norm(place) {
  const size = tensor(place).norm ?? NaN;
  return make("svg:tspan", {}, "‖", make("svg:tspan", { "data-value": full(size) }, short(size)), "‖");
}

// A smooth line through all points, upright at both ends and nowhere turning back.
function curve(points) {
  const slopes = points.map((_, k) => {
    if (k === 0 || k === points.length - 1) return 0;
    const [before, after] = [k - 1, k].map(
      (n) => (points[n + 1].x - points[n].x) / (points[n + 1].y - points[n].y || 1),
    );
    return before * after <= 0 ? 0 : (2 * before * after) / (before + after);
  });
  let path = `M${points[0].x} ${points[0].y}`;
  points.slice(1).forEach(({ x, y }, k) => {
    const from = points[k];
    const third = (y - from.y) / 3;
    path += `C${from.x + slopes[k] * third} ${from.y + third} ${x - slopes[k + 1] * third} ${y - third} ${x} ${y}`;
  });
  return path;
}
