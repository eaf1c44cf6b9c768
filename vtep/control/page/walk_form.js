// Craft a frame, and follow it through the offline engine, step by step.

import { get } from "./api.js";
import { byId, element, say } from "./elements.js";
import * as format from "./format.js";
import { kind } from "./hexdump.js";

const INNER = { icmp: "ping (ICMP)", tcp: "TCP", udp: "UDP", arp: "ARP only" };
const WHAT_IF = {
  "": "no fault",
  mtu: "the frame is too large",
  vni: "the other side has another VNI",
  flag: "the I flag is not set",
  port: "the UDP port is wrong",
  checksum: "a checksum is wrong",
  peer: "the sender is not a peer",
};
const MAX_DIGITS = 6000; // they must fit into a request
const SIGNS = { "+": "added", "-": "removed", "~": "changed", "": "unchanged" };

export class WalkForm {
  constructor() {
    this.form = byId("craft");
    this.form.append(
      choice("inner", "Protocol inside the tunnel", INNER),
      number("vni", "VNI", { min: 0, max: 16777215, value: 100 }),
      number("vlan", "VLAN, if any", { min: 1, max: 4094 }),
      choice("what_if", "What if", WHAT_IF),
      tick("ipv6", "IPv6 underlay"),
      tick("inner_ipv6", "IPv6 inside"),
      element("label", { class: "wide" }, element("span", {}, "or your own frame, in hexadecimal"),
        element("textarea", { name: "frame", rows: 2, spellcheck: "false", autocomplete: "off", placeholder: "ffffffffffff 0242ac12000b 0806 …" })),
      element("button", { type: "submit", class: "main" }, "Walk it"),
    );
    this.form.addEventListener("submit", (event) => this.#walk(event));
  }

  async #walk(event) {
    event.preventDefault();
    const wanted = {};
    for (const [name, value] of new FormData(this.form)) if (value.trim()) wanted[name] = value.trim();
    const frame = this.form.elements.frame;
    const digits = frame.value.replace(/^\s*0x|[\s:-]/g, "");
    const problem = problemOf(digits, wanted.what_if);
    frame.setAttribute("aria-invalid", String(Boolean(problem)));
    if (problem) {
      say(byId("craft-said"), problem);
      frame.focus();
      return;
    }
    if (digits) wanted.frame = digits;
    say(byId("craft-said"), "Walking …");
    try {
      const result = await get("v1/walk", wanted);
      byId("stations").replaceChildren(...drawn(result));
      say(byId("craft-said"), outcomeOf(result.walks));
    } catch (error) {
      say(byId("craft-said"), `The walk failed: ${error.message}`);
    }
  }
}

/** Return the outcome of the walks in a sentence. */
function outcomeOf(walks) {
  const last = walks.at(-1).stations.at(-1);
  if (walks.at(-1).arrived) return `${format.plural(walks.length, "frame")} sent, all arrived.`;
  return `Dropped at step ${last.number}, on ${last.host}.`;
}

/** Return why the frame cannot be walked; "" if it can, or if there is none. */
function problemOf(digits, whatIf) {
  if (!/^([0-9a-f]{2})*$/i.test(digits)) return "The frame is not hexadecimal: write two digits for each byte.";
  if (digits.length > MAX_DIGITS) return `At most ${format.whole(MAX_DIGITS / 2)} bytes fit here; use vtep walk for longer frames.`;
  if (digits && whatIf === "mtu") return `“${WHAT_IF.mtu}” makes its own frame: remove yours.`;
  return "";
}

function drawn(result) {
  const parts = [element("p", { class: "summary" }, result.summary)];
  const largest = Math.max(...result.walks.flatMap((walk) => walk.stations.map((one) => one.size)));
  // Open the first walk that does not arrive, else the last one that is not short.
  const ended = result.walks.findIndex((walk) => !walk.arrived);
  const open = ended >= 0 ? ended : Math.max(result.walks.findLastIndex((walk) => !walk.short), 0);
  result.walks.forEach((walk, number) => {
    parts.push(element("details", { open: number === open, class: "walk" },
      element("summary", {}, element("b", {}, walk.title), walk.arrived ? "" : element("span", { class: "dropped" }, " ✕ does not arrive")),
      element("ol", { class: "stations" }, ...walk.stations.map((one) => station(one, largest))),
      ...walk.others.map((other) => element("p", { class: "note" }, other))));
  });
  if (result.looks.length) {
    parts.push(element("h3", {}, "How to observe it"),
      element("ul", { class: "looks" }, ...result.looks.map((look) => element("li", {}, `${look.host}: `, element("code", {}, look.command), element("br"), look.says))));
  }
  return parts;
}

function station(one, largest) {
  const change = one.change > 0 ? ` +${one.change}` : one.change < 0 ? ` −${-one.change}` : "";
  const signed = one.pieces.filter((part) => part.sign);
  const bar = element("ol", { class: "bar" }, ...one.pieces.map(piece));
  bar.style.setProperty("--share", `${Math.round((100 * one.size) / largest)}%`);
  return element("li", { class: one.drop ? "station dropped" : "station" },
    element("p", { class: "station-title" },
      element("b", {}, `${one.host} ${one.place}`), " ",
      element("span", { class: "decision" }, one.drop ? `✕ ${one.decision}` : one.decision), " ",
      element("span", { class: "running" }, format.plural(one.size, "byte"), element("b", {}, change))),
    bar,
    element("details", { open: Boolean(one.drop) },
      element("summary", {}, "Why", one.source ? element("small", {}, one.source) : ""),
      element("p", {}, one.why),
      ...signed.map(octets),
      ...one.tables.map(table)));
}

function piece(part) {
  const sign = part.sign === "-" ? "−" : part.sign;
  const node = element("li", { class: `${kind(part.key)} sign-${WORDS[part.sign]}` },
    element("span", {}, `${sign}${part.name}`), " ", element("b", {}, String(part.size)),
    part.sign ? element("span", { class: "hidden-text" }, ` ${SIGNS[part.sign]}`) : "");
  node.style.setProperty("flex-grow", String(Math.sqrt(part.size)));
  return node;
}

const WORDS = { "+": "on", "-": "off", "~": "other", "": "same" };

function octets(part) {
  const text = part.bytes.replace(/(..)(?=.)/g, "$1 ");
  const more = part.size * 2 > part.bytes.length ? " …" : "";
  return element("p", { class: `octet-line ${kind(part.key)} sign-${WORDS[part.sign]}` },
    element("span", { class: "sign", "aria-hidden": "true" }, part.sign === "-" ? "−" : part.sign),
    element("span", {}, `${part.name}, ${SIGNS[part.sign]}: `), element("code", {}, text + more));
}

function table(one) {
  const shown = (entries) => entries.length ? entries.map((entry) => `${entry.mac} behind ${entry.dst}`).join(", ") : "empty";
  return element("dl", { class: "table-change" },
    element("dt", {}, `${one.name}, before`), element("dd", {}, shown(one.before)),
    element("dt", {}, "after"), element("dd", {}, shown(one.after)));
}

function choice(name, label, options) {
  return element("label", {}, element("span", {}, label),
    element("select", { name }, ...Object.entries(options).map(([value, text]) => element("option", { value }, text))));
}

function number(name, label, limits) {
  return element("label", {}, element("span", {}, label), element("input", { name, type: "number", inputmode: "numeric", ...limits }));
}

function tick(name, label) {
  return element("label", { class: "check" }, element("input", { name, type: "checkbox", value: "yes" }), ` ${label}`);
}
