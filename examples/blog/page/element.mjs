// Elements of the page. Texts that arrive become text, never HTML.
export const $ = (id) => document.getElementById(id);

export const make = (name, props = {}, ...children) => {
  const node = Object.assign(document.createElement(name), props);
  node.append(...children);
  return node;
};

// place makes the nodes the list's. Those that are there stay: the focus is in one of them.
export function place(list, nodes) {
  for (const child of [...list.children]) if (!nodes.includes(child)) child.remove();
  nodes.forEach((n, i) => { if (list.children[i] !== n) list.insertBefore(n, list.children[i] ?? null); });
}
