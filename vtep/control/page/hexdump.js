// The octets of one frame as a grid, and the fields of each octet.

import { element } from "./elements.js";
import * as format from "./format.js";

const DATA_ROWS = 3;
const MANY = 4;
const NARROW = window.matchMedia("(max-width: 45rem)");

/** Return the colour class of a header: "inner_ipv4" -> "ip". */
export function kind(key) {
  const name = key.replace(/^(outer|inner)_/, "");
  if (key.includes("vxlan")) return "vxlan";
  if (name.startsWith("ip")) return key.startsWith("outer") ? "outer-ip" : "ip";
  if (name.startsWith("udp")) return key.startsWith("outer") ? "outer-udp" : "transport";
  if (name.startsWith("ethernet") || name.startsWith("vlan")) return "ethernet";
  if (name.startsWith("payload")) return "payload";
  return name.startsWith("arp") ? "ip" : "transport";
}

export class Hexdump {
  /** Fill `grid` and `panel`; call `onLeave()` on Escape. */
  constructor(grid, panel, onLeave) {
    this.grid = grid;
    this.panel = panel;
    this.onLeave = onLeave;
    this.cells = [];
    this.at = null;
    grid.addEventListener("pointerover", (event) => this.#onPoint(event));
    grid.addEventListener("click", (event) => this.#onPoint(event, true));
    grid.addEventListener("focusin", (event) => this.#onFocus(event));
    grid.addEventListener("keydown", (event) => this.#onKey(event));
    NARROW.addEventListener("change", () => this.octets && this.show(this.octets, this.headers, this.size));
  }

  /** Show octets (numbers) of a frame of `size` octets, with `headers` from /v1/dissect. */
  show(octets, headers, size) {
    Object.assign(this, { octets, headers, size });
    this.fields = headers.flatMap((header) => header.fields.map((field) => ({ ...field, header })));
    const parts = headers.map((header) => ({ ...header, kind: kind(header.key) }));
    this.cells = [];
    this.starts = parts.map((part) => part.at);
    const groups = parts.filter((part) => part.at < octets.length).map((part) => this.#group(part));
    const hadFocus = this.grid.contains(document.activeElement);
    this.grid.replaceChildren(...groups);
    const vxlan = parts.find((part) => part.kind === "vxlan");
    if (this.at === null && vxlan) this.at = this.described = vxlan.at;
    const last = Math.max(this.cells.length - 1, 0);
    this.at = Math.min(this.at ?? 0, last);
    this.cells[this.at]?.setAttribute("tabindex", "0");
    if (hadFocus) this.cells[this.at]?.focus({ preventScroll: true });
    this.describe(Math.min(this.described ?? 0, last));
  }

  /** Show the fields of the octet `at` in the panel, and mark their octets. */
  describe(at) {
    this.described = at;
    const fields = this.#fieldsOf(at);
    const marked = new Set(fields.length < MANY ? fields.flatMap(octetsOf) : [at]);
    this.cells.forEach((cell, number) => {
      cell.classList.toggle("marked", marked.has(number));
      cell.classList.toggle("current", number === at);
    });
    this.panel.replaceChildren(...this.#text(at, fields));
  }

  #group(part) {
    const columns = NARROW.matches ? 8 : 16;
    const isData = part.kind === "payload";
    const shown = isData ? Math.min(part.length, DATA_ROWS * columns) : part.length;
    const length = part.length + (isData ? this.size - this.octets.length : 0);
    const group = element("div", { role: "rowgroup", class: `group ${part.kind}`, "aria-label": part.name },
      element("div", { role: "row", class: "group-title" },
        element("span", { role: "rowheader" }, element("b", {}, sided(part)), ` ${format.plural(length, "byte")}`),
      ));
    for (let start = 0; start < shown; start += columns) {
      const line = element("div", { role: "row", class: "octets" });
      for (let i = start; i < Math.min(start + columns, shown); i += 1) line.append(this.#cell(part.at + i, part));
      group.append(line);
    }
    if (length > shown) {
      group.append(element("div", { role: "row", class: "note" }, element("span", { role: "rowheader" }, `and ${format.plural(length - shown, "byte")} more`)));
    }
    return group;
  }

  #cell(at, part) {
    const fields = this.#fieldsOf(at);
    const names = fields.map((field) => `${field.name} ${field.text}`).join(", ") || part.name;
    const value = hex(this.octets[at]);
    const cell = element("span", {
      role: "gridcell",
      tabindex: "-1",
      "data-at": at,
      "aria-label": `byte ${at}, ${value}, ${part.name}: ${names}`,
      class: fields.some((field) => field.at === at * 8) ? "octet starts" : "octet",
    }, value);
    this.cells[at] = cell;
    return cell;
  }

  #fieldsOf(at) {
    return this.fields.filter((field) => field.at < at * 8 + 8 && field.at + field.bits > at * 8);
  }

  #text(at, fields) {
    if (!this.cells.length) return [];
    const value = this.octets[at];
    const binary = value.toString(2).padStart(8, "0");
    const bits = element("span", { class: "bits", "aria-hidden": "true" });
    for (let bit = 0; bit < 8; bit += 1) {
      const starts = fields.some((field) => field.at === at * 8 + bit);
      bits.append(element("span", { class: starts ? "starts" : "" }, binary[bit]));
    }
    const title = element("p", { class: "panel-title" },
      element("span", {}, `byte ${at}`),
      element("code", {}, `0x${hex(value)}`),
      bits,
    );
    if (fields.length >= MANY) return [title, ...flags(fields, at)];
    const items = fields.map((field) => element("div", { class: `field ${kind(field.header.key)}` },
      element("dt", {}, `${sided(field.header)}: ${field.name}`),
      element("dd", { class: "value" }, field.text),
      element("dd", {}, sentence(field.meaning)),
      element("dd", { class: "source" }, place(field), field.source ? `; ${field.source}` : ""),
    ));
    return [title, element("dl", { class: "fields" }, ...items)];
  }

  #onPoint(event, chosen = false) {
    const cell = event.target.closest?.("[data-at]");
    if (!cell) return;
    if (chosen) cell.focus({ preventScroll: true });
    else this.describe(Number(cell.dataset.at));
  }

  #onFocus(event) {
    const cell = event.target.closest("[data-at]");
    if (!cell) return;
    this.cells[this.at]?.setAttribute("tabindex", "-1");
    this.at = Number(cell.dataset.at);
    cell.setAttribute("tabindex", "0");
    this.describe(this.at);
  }

  #onKey(event) {
    if (event.altKey || event.metaKey || event.shiftKey) return;
    const last = this.cells.length - 1;
    const line = [...this.cells[this.at].parentNode.children].map((cell) => Number(cell.dataset.at));
    const to = {
      ArrowLeft: this.at - 1,
      ArrowRight: this.at + 1,
      ArrowUp: this.#beside(-1),
      ArrowDown: this.#beside(1),
      Home: event.ctrlKey ? 0 : line[0],
      End: event.ctrlKey ? last : line.at(-1),
      PageDown: this.starts.find((start) => start > this.at),
      PageUp: this.starts.findLast((start) => start < this.at),
    };
    if (event.key === "Escape") this.onLeave();
    else if (event.key in to) this.cells[to[event.key] ?? this.at]?.focus();
    else return;
    event.preventDefault();
  }

  /** Return the nearest octet in the row above or below. */
  #beside(by) {
    const lines = [...this.grid.querySelectorAll(".octets")];
    const line = this.cells[this.at].parentNode;
    const column = [...line.children].indexOf(this.cells[this.at]);
    const next = lines[lines.indexOf(line) + by];
    if (!next) return this.at;
    return Number(next.children[Math.min(column, next.children.length - 1)].dataset.at);
  }
}

/** Return a table of the many small fields of one octet. */
function flags(fields, at) {
  const [first] = fields;
  const runs = [];
  for (const field of fields) {
    const run = runs.at(-1);
    if (run && ["name", "text", "meaning"].every((key) => run[key] === field[key])) run.bits += field.bits;
    else runs.push({ ...field });
  }
  const lines = runs.map((field) => element("tr", { class: field.value ? "set" : "" },
    element("td", { class: "number" }, bitsOf(field, at)),
    element("th", { scope: "row" }, field.name),
    element("td", {}, element("code", {}, field.text)),
    element("td", {}, field.meaning)));
  const titles = ["Bits", "Name", "Each", "Meaning"].map((title) => element("th", { scope: "col" }, title));
  return [
    element("p", { class: `flags-title ${kind(first.header.key)}` }, `${sided(first.header)}: ${fields.length} fields`),
    element("table", { class: "flags" }, element("thead", {}, element("tr", {}, ...titles)), element("tbody", {}, ...lines)),
    element("p", { class: "source" }, first.source),
  ];
}

function bitsOf(field, at) {
  const start = Math.max(field.at - at * 8, 0);
  const end = Math.min(field.at + field.bits - at * 8, 8) - 1;
  return start === end ? `${start}` : `${start} to ${end}`;
}

/** Add a capital and a full stop. */
export const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}.` : "");

/** Return the name of a header with its side: "Outer IPv4" or "Inner IPv4". */
export function sided(header) {
  if (header.key.startsWith("outer_")) return `Outer ${header.name}`;
  if (header.key.startsWith("inner_")) return `Inner ${header.name}`;
  return header.name;
}

/** Return a table of all fields. */
export function fieldTable(headers) {
  const body = element("tbody");
  for (const header of headers) {
    for (const field of header.fields) {
      body.append(element("tr", {},
        element("th", { scope: "row" }, `${sided(header)}: ${field.name}`),
        element("td", {}, element("code", {}, field.text)),
        element("td", {}, place(field)),
        element("td", {}, sentence(field.meaning), " ", element("small", {}, field.source)),
      ));
    }
  }
  const titles = ["Field", "Value", "Bits", "Meaning"].map((title) => element("th", { scope: "col" }, title));
  return element("table", {}, element("thead", {}, element("tr", {}, ...titles)), body);
}

function place(field) {
  const first = Math.floor(field.at / 8);
  const last = Math.floor((field.at + field.bits - 1) / 8);
  const size = format.plural(field.bits, "bit");
  if (field.bits % 8 || field.at % 8) return `${size}, from bit ${field.at % 8} of byte ${first}`;
  return first === last ? `${size}, byte ${first}` : `${size}, bytes ${first} to ${last}`;
}

function octetsOf(field) {
  const first = Math.floor(field.at / 8);
  const last = Math.floor((field.at + field.bits - 1) / 8);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

const hex = (octet) => octet.toString(16).padStart(2, "0");

/** "0a0b" -> [10, 11] */
export function fromHex(text) {
  return Array.from({ length: text.length >> 1 }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16));
}
