// What is asked of a page in the browser: `(this file).contrast()` lists texts that are hard to read, `.layout()`
// what covers something else, is cut or sticks out.
({
  contrast: () => {
    const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
    const light = ([r, g, b]) => {
      const [x, y, z] = [r, g, b]
        .map((v) => v / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const ground = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const box = at instanceof SVGElement && at.querySelector(":scope > rect:not(.behind)");
        const fill =
          box && box.contains && !box.isSameNode(element) ? parse(getComputedStyle(box).fill) : [];
        if (fill.length === 3 && Number(getComputedStyle(box).fillOpacity) === 1) return fill;
        const colour = parse(getComputedStyle(at).backgroundColor);
        if (colour.length === 3 || colour[3] === 1) return colour;
      }
      return [255, 255, 255];
    };
    const bad = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (
        !walker.currentNode.data.trim() ||
        element.closest("script, title, :disabled") ||
        !element.checkVisibility({ visibilityProperty: true })
      )
        continue;
      const style = getComputedStyle(element);
      const own = parse(element instanceof SVGElement ? style.fill : style.color);
      const [a, b] = [light(own), light(ground(element))].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < 4.5) bad.push([walker.currentNode.data, ratio, own, ground(element)]);
    }
    return bad;
  },

  layout: () => {
    const box = (e) => e.getBoundingClientRect();
    const seen = (e) => e.checkVisibility({ visibilityProperty: true }) && box(e).width > 0;
    const name = (e) => e.id || e.textContent.slice(0, 30);
    const meet = (a, b) =>
      Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
      Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
    const found = [];
    if (document.scrollingElement.scrollWidth > innerWidth) found.push("the page is wider than the window");
    const controls = [
      ...document.querySelectorAll(
        "header h1, header button, header input, #walk-label, .buttons button, #slider, .phases span, #count, select",
      ),
    ].filter(seen);
    controls.forEach((a, k) =>
      controls.slice(k + 1).forEach((b) => {
        if (!a.contains(b) && meet(box(a), box(b))) found.push(`${name(a)} covers ${name(b)}`);
      }),
    );
    for (const e of document.querySelectorAll(
      "button, .chip, h1, h2, h3, p, th, td, .phases span, .fact, select",
    )) {
      if (!seen(e)) continue;
      if (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline") {
        found.push(`${name(e)} is cut: ${e.scrollWidth} > ${e.clientWidth}`);
      }
      const at = box(e);
      if ((at.left < -1 || at.right > innerWidth + 1) && !e.closest(".code, .wide"))
        found.push(`${name(e)} sticks out`);
    }
    const nodes = [...document.querySelectorAll("#graph .node")];
    const boxes = nodes.map((e) => box(e.querySelector(".box")));
    nodes.forEach((e, k) => {
      for (const text of e.querySelectorAll("text")) {
        const at = box(text);
        if (
          at.width &&
          (at.left < boxes[k].left || at.right > boxes[k].right || at.bottom > boxes[k].bottom + 1)
        ) {
          found.push(`${text.textContent} leaves its node`);
        }
      }
      const lines = [...e.querySelectorAll("text")].filter((text) => text.textContent);
      lines.forEach((a, i) =>
        lines.slice(i + 1).forEach((b) => {
          const [p, q] = [box(a), box(b)];
          const high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
          if (meet(p, q) && high > 0.45 * Math.min(p.height, q.height)) {
            found.push(`${a.textContent} covers ${b.textContent}`);
          }
        }),
      );
      boxes.slice(k + 1).forEach((other, j) => {
        if (meet(boxes[k], other)) found.push(`${name(e)} covers ${name(nodes[k + 1 + j])}`);
      });
      for (const label of document.querySelectorAll("#graph .label rect, #graph .frame-title text")) {
        if (meet(boxes[k], box(label))) found.push(`${label.parentElement.textContent} covers ${name(e)}`);
      }
    });
    const labels = [...document.querySelectorAll("#graph .label rect, #graph .frame-title text")];
    labels.forEach((a, k) =>
      labels.slice(k + 1).forEach((b) => {
        if (meet(box(a), box(b)))
          found.push(`${a.parentElement.textContent} covers ${b.parentElement.textContent}`);
      }),
    );
    return found;
  },
});
