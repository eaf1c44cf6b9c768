// Make and change elements. Text is inserted as text only, because it may come from the network.

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

/** Set a text if it differs, so that an unchanged one is not laid out or announced again. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Restart the CSS animation of a class. */
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
