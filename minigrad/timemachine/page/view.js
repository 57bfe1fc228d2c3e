// Moving and zooming the picture, by mouse, wheel, touch and keyboard. `wished` is the scale last asked for.

const READABLE = 0.5;

Object.assign(Graph.prototype, {
  listen() {
    const { svg } = this;
    const held = new Map(); // pointers that are down
    let moved = false;
    svg.addEventListener("pointerdown", (event) => {
      if (!held.size) moved = false;
      held.set(event.pointerId, [event.clientX, event.clientY]);
    });
    svg.addEventListener("pointermove", (event) => {
      const before = held.get(event.pointerId);
      if (!before) return;
      const [dx, dy] = [event.clientX - before[0], event.clientY - before[1]];
      if (!moved && Math.hypot(dx, dy) < 4) return;
      if (!moved) svg.setPointerCapture(event.pointerId);
      moved = true;
      if (held.size === 2) {
        const [other] = [...held].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
        const apart = (x, y) => Math.hypot(x - other[0], y - other[1]) || 1;
        this.zoom(apart(event.clientX, event.clientY) / apart(...before), event.clientX, event.clientY);
      } else this.pan(dx, dy);
      held.set(event.pointerId, [event.clientX, event.clientY]);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      svg.addEventListener(name, (event) => held.delete(event.pointerId));
    }
    svg.addEventListener(
      "click",
      (event) => {
        // the end of a drag is no click
        if (moved) event.stopPropagation();
        moved = false;
      },
      true,
    );
    svg.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoom(
          Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)),
          event.clientX,
          event.clientY,
        );
      },
      { passive: false },
    );
  },

  place(smooth) {
    this.world.classList.toggle("smooth", smooth);
    this.world.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
  },

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.place(false);
  },

  // By a factor, about a point of the screen or the middle.
  zoom(factor, clientX, clientY) {
    const box = this.svg.getBoundingClientRect();
    const x = (clientX ?? box.left + box.width / 2) - box.left;
    const y = (clientY ?? box.top + box.height / 2) - box.top;
    const scale = Math.min(4, Math.max(0.05, this.scale * factor));
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = this.wished = scale;
    this.place(clientX === undefined);
  },

  // Show all; at first only if it can then be read.
  fit(readable = false) {
    const box = this.svg.getBoundingClientRect();
    const whole = Math.min(box.width / this.layout.width, box.height / this.layout.height, 1.4);
    this.scale = this.wished = readable ? Math.max(whole, Math.min(0.8, box.width / 420)) : whole;
    const [wide, high] = [this.layout.width * this.scale, this.layout.height * this.scale];
    this.x = (box.width - wide) / 2;
    this.y = Math.max(0, (box.height - high) / 2);
    const first = this.drawn.nodes.get(standIn(this.tree, this.open, this.firstPlace()));
    if (readable && first && wide > box.width) {
      const left = box.width / 2 - first.at.x * this.scale;
      this.x = Math.min(0, Math.max(box.width - wide, left));
    }
    this.place(false);
  },

  // Bring a node, and as long as it can be read what it takes from or sends to, into the picture.
  follow(item, others) {
    const box = this.svg.getBoundingClientRect();
    const room = { x: Math.min(24, box.width / 12), y: Math.min(40, box.height / 10) };
    const around = (items) => {
      const found = items
        .map((one) => this.drawn.nodes.get(one))
        .filter(Boolean)
        .map(({ at }) => at);
      return (
        found.length && {
          left: Math.min(...found.map((at) => at.x - at.width / 2)),
          right: Math.max(...found.map((at) => at.x + at.width / 2)),
          top: Math.min(...found.map((at) => at.y - at.height / 2)),
          bottom: Math.max(...found.map((at) => at.y + at.height / 2)),
        }
      );
    };
    const scaleFor = (area) =>
      Math.min(
        this.wished,
        (box.width - 2 * room.x) / (area.right - area.left),
        (box.height - 2 * room.y) / (area.bottom - area.top),
      );
    let area = around([item, ...others]);
    if (!area) return;
    if (scaleFor(area) < Math.min(this.wished, READABLE)) area = around([item]);
    const scale = Math.max(scaleFor(area), Math.min(this.wished, READABLE / 2));
    const inside =
      scale >= this.scale &&
      this.x + area.left * this.scale >= room.x &&
      this.x + area.right * this.scale <= box.width - room.x &&
      this.y + area.top * this.scale >= room.y &&
      this.y + area.bottom * this.scale <= box.height - room.y;
    if (inside) return;
    this.scale = scale;
    this.x = box.width / 2 - ((area.left + area.right) / 2) * scale;
    this.y = box.height / 2 - ((area.top + area.bottom) / 2) * scale;
    this.place(true);
  },
});
