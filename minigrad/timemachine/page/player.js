// The moments of a walk, and what moves from one to the next.

// {phase, ...} per moment: the start, every operation, the seeds, every node's rules, every gradient written.
function timeline(walk, order) {
  const moments = [{ phase: "start" }];
  walk.nodes.forEach((node, place) => {
    if (node.kind === "op") moments.push({ phase: "forward", node: place });
  });
  const { seeds, events, grads } = walk[order];
  for (const seed of seeds) moments.push({ phase: "seed", seed });
  for (const event of events) moments.push({ phase: "backward", event });
  for (const grad of grads) if (grad.g !== null) moments.push({ phase: "grad", grad });
  return moments;
}

// Everything that is to be seen at a moment. `sums`: node -> the cotangent so far; `before`: what a send is
// added to; `sent`: "node:operand" -> what went there; `grads`: leaf -> its gradient, once written.
function momentAt(walk, moments, at) {
  const now = moments[at];
  const found = {
    phase: now.phase,
    seed: now.seed,
    event: now.event,
    grad: now.grad,
    active: null,
    touched: [],
    sums: new Map(),
    before: new Map(),
    sent: new Map(),
    grads: new Map(),
    lost: new Set(),
  };
  const arrived = new Map();
  let computed = -1;
  for (const moment of moments.slice(0, at + 1)) {
    const here = moment === now;
    if (moment.phase === "forward") computed = moment.node;
    else if (moment.phase === "seed") {
      const key = moment.seed.to.join(":");
      arrived.set(key, moment.seed.g);
      found.sums.set(moment.seed.to[0], { ref: moment.seed.g, adding: null });
    } else if (moment.phase === "backward") {
      for (const send of moment.event.sends) {
        const key = send.to.join(":"),
          before = arrived.get(key);
        found.sent.set(`${moment.event.node}:${send.operand}`, { g: send.g, lost: send.lost, now: here });
        if (send.lost) {
          found.lost.add(send.to[0]);
          continue;
        }
        const ref = send.sum ?? send.g;
        found.before.set(send, before);
        arrived.set(key, ref);
        found.sums.set(send.to[0], { ref, adding: here && "sum" in send ? { before, g: send.g } : null });
      }
    } else if (moment.phase === "grad") found.grads.set(moment.grad.leaf, moment.grad);
  }
  if (now.phase === "forward") {
    found.active = now.node;
    found.touched = walk.nodes[now.node].operands.filter((o) => "from" in o).map((o) => o.from);
  } else if (now.phase === "seed") found.active = now.seed.to[0];
  else if (now.phase === "backward") {
    found.active = now.event.node;
    found.touched = now.event.sends.map((send) => send.to[0]);
  } else if (now.phase === "grad") found.active = now.grad.leaf;
  const all = now.phase !== "forward" && now.phase !== "start";
  found.known = (place) => all || walk.nodes[place].kind !== "op" || place <= computed;
  return found;
}

class Player {
  constructor() {
    this.graph = new Graph(byId("graph"), (place) => this.jump(place));
    this.walkAt = 0;
    this.order = "right";
    this.timer = null;
    this.shown = {};
    this.listen();
    this.speak();
    this.showWalk(0);
    this.fromAddress();
  }

  get walk() {
    return DATA.steps[this.walkAt];
  }

  // A walk, an order, a moment -------------------------------------------------------------------------------

  showWalk(walkAt, at = 0) {
    this.walkAt = walkAt;
    if (this.walk.wrong === true) this.walk.wrong = this.walk.right;
    if (!this.walk.wrong) this.order = "right";
    this.graph.show(this.walk);
    this.showOrder(this.order, at);
  }

  showOrder(order, at = this.at) {
    this.order = order;
    this.moments = timeline(this.walk, order);
    this.go(at);
    this.controls();
  }

  go(at) {
    this.at = Math.max(0, Math.min(this.moments.length - 1, at));
    const moment = momentAt(this.walk, this.moments, this.at);
    moment.bad = this.order === "wrong" ? wrongLeaves(this.walk) : new Set();
    this.graph.update(moment);
    showNow(this.walk, moment);
    showSource(this.walk, moment);
    // Much to draw, and at most moments nothing new.
    const about = [language, this.walkAt];
    if (this.changed("gradients", [...about, this.order, moment.grads.size])) {
      showGradients(this.walk, moment, this.order);
    }
    if (this.changed("training", about)) {
      showTraining(this.walk.walk, (walk) => {
        const found = DATA.steps.findIndex((step) => step.walk === walk);
        if (found >= 0) this.showWalk(found);
      });
    }
    const slider = byId("slider");
    slider.max = this.moments.length - 1;
    slider.value = this.at;
    slider.setAttribute("aria-valuetext", byId("now").querySelector("h2").textContent);
    byId("count").textContent = say("countOf", this.at, this.moments.length - 1);
    byId("step-back").disabled = byId("to-start").disabled = this.at === 0;
    byId("step-next").disabled = byId("to-end").disabled = this.at === this.moments.length - 1;
  }

  // Is a panel asked to show something else than it does?
  changed(panel, what) {
    const before = this.shown[panel];
    this.shown[panel] = what.join();
    return before !== this.shown[panel];
  }

  // The moment of a node: of its rules if the walk back is on the page, else of the operation.
  jump(place) {
    const node = this.walk.nodes[place],
      back = ["seed", "backward", "grad"].includes(this.moments[this.at].phase);
    const found = this.moments.findIndex((moment) =>
      back
        ? (moment.event && moment.event.node === place) || (moment.grad && moment.grad.leaf === place)
        : moment.node === place,
    );
    if (found >= 0) this.go(found);
    else if (node.kind !== "op" && node.results[0] !== null) openTensor(node.results[0], node.name);
  }

  play(on = this.timer === null) {
    clearInterval(this.timer);
    this.timer = null;
    if (on) {
      if (this.at === this.moments.length - 1) this.go(0);
      this.timer = setInterval(
        () => {
          this.go(this.at + 1);
          if (this.at === this.moments.length - 1) this.play(false);
        },
        Number(byId("speed").value),
      );
    }
    byId("now").setAttribute("aria-live", on ? "off" : "polite"); // nobody can listen to all of it
    icon(byId("play"), on ? "pause" : "play");
    byId("play").setAttribute("aria-label", say(on ? "pause" : "play"));
    byId("play").title = say(on ? "pause" : "play");
  }

  // Around it ------------------------------------------------------------------------------------------------

  controls() {
    const several = DATA.steps.length > 1,
      bad = [...wrongLeaves(this.walk)].map((leaf) => this.walk.nodes[leaf].name);
    byId("walks").hidden = !several;
    byId("walk-label").textContent = say("walkOf", this.walkAt + 1, DATA.steps.length);
    byId("walk-back").disabled = this.walkAt === 0;
    byId("walk-next").disabled = this.walkAt === DATA.steps.length - 1;
    const wrong = byId("wrong"),
      verdict = byId("verdict");
    wrong.setAttribute("aria-checked", this.order === "wrong");
    wrong.disabled = !this.walk.wrong;
    wrong.title = this.walk.wrong ? "" : say("wrongNone");
    verdict.hidden = this.order !== "wrong";
    verdict.className = bad.length ? "bad" : "good";
    const written = this.walk.right.grads.filter((grad) => grad.g !== null).length;
    verdict.textContent = bad.length
      ? say("wrongBad", bad.length, written, bad.slice(0, 6).join(", ") + (bad.length > 6 ? ", …" : ""))
      : say("wrongGood");
    const counts = { forward: 0, backward: 0, grad: 0 };
    for (const { phase } of this.moments) counts[{ start: "forward", seed: "backward" }[phase] || phase]++;
    byId("phases").replaceChildren(
      ...Object.entries(counts)
        .filter(([, n]) => n)
        .map(([phase, n]) =>
          make(
            "span",
            { class: phase, style: `flex-grow: ${n}` },
            say({ forward: "phaseForward", backward: "phaseBackward", grad: "phaseGrad" }[phase]),
          ),
        ),
    );
    byId("key").replaceChildren(
      ...["Leaf", "Op", "Constant", "Forward", "Backward"].map((kind) =>
        make("li", {}, make("i", { class: kind.toLowerCase() }), say(`key${kind}`)),
      ),
    );
  }

  // All texts in the language that is chosen.
  speak() {
    document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
    for (const element of document.querySelectorAll("[data-text]"))
      element.textContent = say(element.dataset.text);
    for (const element of document.querySelectorAll("[data-label]")) {
      element.setAttribute("aria-label", say(element.dataset.label));
      if (element.tagName === "BUTTON") element.title = say(element.dataset.label);
    }
    byId("search").placeholder = say("find");
    byId("title").textContent = DATA.title;
  }

  switchLanguage(to) {
    language = to;
    this.speak();
    this.graph.layouts.clear();
    this.graph.lay();
    this.go(this.at);
    this.controls();
    this.play(this.timer !== null);
  }

  switchTheme(to) {
    const root = document.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = to || (dark ? "light" : "dark");
  }

  // "#walk=2&moment=7&wrong&lang=zh&theme=dark", for links to a moment.
  fromAddress() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    if (wanted.has("theme")) this.switchTheme(wanted.get("theme") === "dark" ? "dark" : "light");
    if (wanted.get("lang") in WORDS) this.switchLanguage(wanted.get("lang"));
    const walkAt = Number(wanted.get("walk") || 1) - 1;
    if (walkAt > 0 && walkAt < DATA.steps.length) this.showWalk(walkAt);
    if (wanted.has("wrong") && this.walk.wrong) this.showOrder("wrong");
    if (wanted.has("moment")) this.go(Number(wanted.get("moment")) || 0);
  }
}
