// Elements of the page. Text is always put in as text: what comes from the network is data.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element; children are nodes or texts. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

export const byId = (id) => document.getElementById(id);

/** Set a text only where it differs, so that nothing is laid out or announced anew. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Let a CSS animation of this class begin again. */
export function flash(node, name = "new") {
  node.classList.remove(name);
  void node.getBoundingClientRect();
  node.classList.add(name);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
