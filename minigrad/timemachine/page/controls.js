// Buttons, keys and the search.

const ICONS = {
  "to-start": "M5 4v12M15 4 8 10l7 6z",
  "step-back": "M14 4 6 10l8 6z",
  play: "M6 3.5 16 10 6 16.5z",
  pause: "M6 4h3v12H6zM12 4h3v12h-3z",
  "step-next": "M6 4l8 6-8 6z",
  "to-end": "M15 4v12M5 4l7 6-7 6z",
  "walk-back": "M12.5 4 6.5 10l6 6",
  "walk-next": "M7.5 4l6 6-6 6",
  "zoom-fit": "M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4",
  theme: "M10 2.5a7.5 7.5 0 1 0 0 15zM10 2.5a7.5 7.5 0 0 1 0 15",
};

function icon(button, name) {
  const line = ["walk-back", "walk-next", "zoom-fit"].includes(name);
  button.replaceChildren(
    make(
      "svg:svg",
      { viewBox: "0 0 20 20", class: line ? "line-icon" : "", "aria-hidden": "true" },
      make("svg:path", { d: ICONS[name] }),
    ),
  );
}

const KEYS = [
  ["← →", "keyStep"],
  ["Space", "keyPlay"],
  ["Home End", "keyEnds"],
  ["B", "keyWalk"],
  ["W", "keyWrong"],
  ["[ ]", "keyTraining"],
  ["+ − 0", "keyZoom"],
  ["Shift + ← ↑ → ↓", "keyPan"],
  ["/", "keySearch"],
  ["L", "keyLanguage"],
  ["T", "keyTheme"],
  ["?", "keyHelp"],
];

function showKeys() {
  byId("keys").replaceChildren(
    make(
      "form",
      { method: "dialog", class: "top" },
      make("h2", { id: "keys-title" }, say("keysTitle")),
      make("button", { class: "close", "aria-label": say("close") }, "✕"),
    ),
    make(
      "dl",
      { class: "keys" },
      ...KEYS.map(([keys, name]) =>
        make(
          "div",
          {},
          make(
            "dt",
            {},
            ...keys
              .split(" ")
              .map((key) => (key === "+" && keys.startsWith("Shift") ? " + " : make("kbd", {}, key))),
          ),
          make("dd", {}, say(name)),
        ),
      ),
    ),
  );
  byId("keys").showModal();
}

Object.assign(Player.prototype, {
  listen() {
    for (const name of Object.keys(ICONS)) if (byId(name)) icon(byId(name), name);
    const { graph } = this;
    const step = (by) => {
      this.play(false);
      this.go(this.at + by);
    };
    const walk = (by) => {
      const to = this.walkAt + by;
      if (to >= 0 && to < DATA.steps.length) this.showWalk(to, this.at);
    };
    const actions = {
      "to-start": () => step(-Infinity),
      "step-back": () => step(-1),
      play: () => this.play(),
      "step-next": () => step(1),
      "to-end": () => step(Infinity),
      "walk-back": () => walk(-1),
      "walk-next": () => walk(1),
      "zoom-in": () => graph.zoom(1.25),
      "zoom-out": () => graph.zoom(0.8),
      "zoom-fit": () => graph.fit(),
      help: showKeys,
      theme: () => this.switchTheme(),
      language: () => this.switchLanguage(language === "en" ? "zh" : "en"),
      wrong: () => this.walk.wrong && this.showOrder(this.order === "wrong" ? "right" : "wrong"),
    };
    for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
    byId("slider").addEventListener("input", (event) => {
      this.play(false);
      this.go(Number(event.target.value));
    });
    byId("speed").addEventListener("change", () => this.play(this.timer !== null));
    for (const dialog of document.querySelectorAll("dialog")) {
      dialog.addEventListener("click", (event) => {
        if (event.target === dialog) dialog.close();
      });
    }
    const keys = {
      ArrowLeft: actions["step-back"],
      ArrowRight: actions["step-next"],
      " ": actions.play,
      Home: actions["to-start"],
      End: actions["to-end"],
      w: actions.wrong,
      "[": actions["walk-back"],
      "]": actions["walk-next"],
      "+": actions["zoom-in"],
      "=": actions["zoom-in"],
      "-": actions["zoom-out"],
      0: actions["zoom-fit"],
      l: actions.language,
      t: actions.theme,
      "?": showKeys,
      b: () => this.go(this.moments.findIndex(({ phase }) => phase === "seed")),
      "/": () => byId("search").focus(),
    };
    const pans = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (event.target.closest("input, select") || (event.key === " " && event.target.closest("button")))
        return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      if (event.shiftKey && key in pans) graph.pan(...pans[key]);
      else if (key in keys) keys[key]();
      else return;
      event.preventDefault();
    });
    this.listenToSearch();
  },

  listenToSearch() {
    const input = byId("search"),
      list = byId("found");
    let chosen = 0;
    const close = () => {
      list.hidden = true;
      input.setAttribute("aria-expanded", "false");
    };
    const take = (place) => {
      close();
      input.value = "";
      this.play(false);
      const node = this.walk.nodes[place];
      const at = this.moments.findIndex((moment) =>
        node.kind === "op" ? moment.node === place : moment.grad && moment.grad.leaf === place,
      );
      if (at >= 0) this.go(at);
      else this.jump(place);
      byId("graph").focus({ preventScroll: true });
    };
    const choose = (to) => {
      const options = [...list.querySelectorAll("[role=option]")];
      if (!options.length) return;
      chosen = (to + options.length) % options.length;
      options.forEach((option, k) => option.setAttribute("aria-selected", k === chosen));
      options[chosen].scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", options[chosen].id);
    };
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      const found = !wanted
        ? []
        : this.walk.nodes
            .map((node, place) => [node, place])
            .filter(([node]) =>
              [node.name, node.op, node.torch, node.named, ...(node.path || []).flat()].some(
                (text) => text && text.toLowerCase().includes(wanted),
              ),
            )
            .slice(0, 40);
      list.replaceChildren(
        ...found.map(([node, place], k) =>
          make(
            "li",
            {
              role: "option",
              id: `found-${k}`,
              "data-node": place,
              onmousedown: (event) => {
                event.preventDefault();
                take(place);
              },
            },
            make("strong", {}, node.name || node.op),
            make(
              "span",
              { class: "muted" },
              ` ${node.op || node.kind} ${(node.path || []).map(([path]) => path.split(".").pop()).join(".")}`,
            ),
          ),
        ),
      );
      if (wanted && !found.length) list.append(make("li", { class: "muted" }, say("nothingFound")));
      list.hidden = !wanted;
      input.setAttribute("aria-expanded", String(Boolean(wanted)));
      choose(0);
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") choose(chosen + 1);
      else if (event.key === "ArrowUp") choose(chosen - 1);
      else if (event.key === "Escape") {
        close();
        byId("graph").focus({ preventScroll: true });
      } else if (event.key === "Enter") {
        const option = list.querySelector("[aria-selected=true]");
        if (option) take(Number(option.dataset.node));
      } else return;
      event.preventDefault();
    });
    input.addEventListener("blur", close);
  },
});

new Player();
