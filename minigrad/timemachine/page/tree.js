// Which operations belong together: modules, and where there are too many in one, runs of them. A group is a
// run of operations in the order they were made, so that the edges between groups never go in a circle.

const CHILDREN = 24; // of one group; more are divided into runs

// {id, label, kind, children, parent}; the children are groups and places of nodes.
function buildTree(nodes) {
  let made = 0;
  const group = (label, kind) => ({ id: made++, label, kind, children: [], parent: null, count: 0 });
  const top = group("", "");
  const owner = new Map(); // place of a node -> its group
  const operations = [];
  nodes.forEach((node, place) => {
    if (node.kind === "op") operations.push(place);
  });

  function fill(into, places, depth) {
    let at = 0;
    while (at < places.length) {
      const module = nodes[places[at]].path[depth];
      let end = at + 1;
      if (!module) into.children.push(places[at]);
      else {
        while (end < places.length && (nodes[places[end]].path[depth] || [])[0] === module[0]) end++;
        const inner = group(module[0].split(".").pop(), module[1]);
        fill(inner, places.slice(at, end), depth + 1);
        into.children.push(inner);
      }
      at = end;
    }
    divide(into);
  }

  function divide(into) {
    const size = Math.max(CHILDREN, Math.ceil(into.children.length / CHILDREN));
    if (into.children.length <= CHILDREN) return;
    const all = into.children;
    into.children = [];
    for (let at = 0; at < all.length; at += size) {
      const run = group("", "run");
      run.children = all.slice(at, at + size);
      divide(run);
      into.children.push(run);
    }
    divide(into);
  }

  function adopt(parent) {
    for (const child of parent.children) {
      if (typeof child === "number") {
        owner.set(child, parent);
        parent.first = Math.min(parent.first ?? child, child);
        parent.last = Math.max(parent.last ?? child, child);
        parent.count++;
      } else {
        child.parent = parent;
        adopt(child);
        parent.first = Math.min(parent.first ?? child.first, child.first);
        parent.last = Math.max(parent.last ?? child.last, child.last);
        parent.count += child.count;
      }
    }
    if (parent.kind === "run") {
      const [first, last] = [nodes[parent.first], nodes[parent.last]];
      parent.label = parent.count > 1 ? `${first.name} … ${last.name}` : first.name;
    }
  }

  fill(top, operations, 0);
  if (top.children.length === 1 && typeof top.children[0] !== "number") {
    top.children = top.children[0].children; // a frame around everything tells nothing
  }
  adopt(top);
  placeLeaves(nodes, top, owner, group);
  flatten(top, owner);
  return { top, owner };
}

// A frame around a single operation tells nothing either.
function flatten(parent, owner) {
  parent.children = parent.children.map((child) => {
    if (typeof child === "number") return child;
    flatten(child, owner);
    if (child.children.length > 1) return child;
    const [only] = child.children;
    if (typeof only === "number") owner.set(only, parent);
    else only.parent = parent;
    return only;
  });
}

// A leaf or constant stands in the innermost group that has all who use it.
function placeLeaves(nodes, top, owner, group) {
  const users = new Map();
  nodes.forEach((node, place) => {
    for (const operand of node.operands || []) {
      if ("from" in operand && nodes[operand.from].kind !== "op") {
        if (!users.has(operand.from)) users.set(operand.from, []);
        users.get(operand.from).push(place);
      }
    }
  });
  const joining = new Map();
  nodes.forEach((node, place) => {
    if (node.kind === "op") return;
    let home = null;
    for (const user of users.get(place) || [])
      home = home ? common(home, owner.get(user)) : owner.get(user);
    home = home || top;
    owner.set(place, home);
    if (!joining.has(home)) joining.set(home, []);
    joining.get(home).push(place);
  });
  for (const [home, places] of joining) {
    if (places.length <= 2 * CHILDREN) home.children.push(...places);
    else {
      const inner = group("leaves", "leaves");
      Object.assign(inner, { parent: home, children: places, first: places[0], last: places.at(-1) });
      for (const place of places) owner.set(place, inner);
      home.children.push(inner);
    }
  }
}

function common(a, b) {
  const above = new Set();
  for (let at = a; at; at = at.parent) above.add(at);
  let at = b;
  while (!above.has(at)) at = at.parent;
  return at;
}

// The groups to open at first: as many as fit, from the outside in.
function firstOpen(tree, room) {
  const open = new Set([tree.top]);
  let seen = tree.top.children.length;
  let waiting = tree.top.children.filter((child) => typeof child !== "number");
  while (waiting.length) {
    const next = waiting.shift();
    if (next.kind === "leaves" || seen + next.children.length > room) continue;
    seen += next.children.length;
    open.add(next);
    waiting = waiting.concat(next.children.filter((child) => typeof child !== "number"));
  }
  return open;
}

// What stands for a node on the page: itself, or the outermost closed group around it.
function standIn(tree, open, place) {
  let found = place;
  for (let at = tree.owner.get(place); at; at = at.parent) if (!open.has(at)) found = at;
  return found;
}
