// The chosen frame: its decision, the headers as a bar, the octets, the fields.

import { get } from "./api.js";
import { byId, element, say } from "./elements.js";
import * as format from "./format.js";
import { fieldTable, fromHex, Hexdump, kind, sentence, sided } from "./hexdump.js";

const ETHERNET = 14;

/** Return how many octets the tunnel adds. */
function summed(frame) {
  const vxlan = frame.headers.find((header) => kind(header.key) === "vxlan");
  if (!vxlan) return `${format.plural(frame.size, "byte")}, as read from the TAP.`;
  const around = vxlan.at + vxlan.length;
  const inner = frame.size - around;
  const sum = (wanted) => frame.headers.filter((header) => wanted.test(header.key)).reduce((octets, header) => octets + header.length, 0);
  const ethernet = sum(/^inner_(ethernet|vlan)$/);
  if (frame.first !== "ip" || ethernet < ETHERNET) return `${format.plural(inner, "byte")} after the VXLAN header.`;
  const carried = format.plural(inner - ethernet, "byte");
  const became = sum(/^inner_ipv/) ? `An IP packet of ${carried} became one of` : `The ${carried} in the frame became an IP packet of`;
  return `${became} ${format.whole(frame.size)}: `
    + `the tunnel takes ${around + ethernet} of the MTU, ${around} around the frame and ${ethernet} for its Ethernet header. `
    + "The kernel writes the outer IP and UDP headers; they are rebuilt here.";
}

export class Inspector {
  constructor(onLeave) {
    this.decision = element("p", { class: "decision" });
    this.bar = element("ol", { class: "bar", "aria-label": "Headers, outermost first, in bytes" });
    this.sum = element("p", { class: "note" });
    const grid = element("div", { role: "grid", class: "grid", "aria-label": "Bytes of the frame", "aria-describedby": "panel" });
    const panel = element("div", { class: "panel", id: "panel" });
    this.octets = new Hexdump(grid, panel, onLeave);
    this.table = element("div", { class: "scroll", role: "region", "aria-label": "All fields", tabindex: "0" });
    this.all = element("details", {}, element("summary", {}, "All fields as a table"), this.table);
    this.all.addEventListener("toggle", () => this.#fill());
    this.problems = element("ul", { class: "problems" });
    this.body = element("div", { class: "body" }, this.bar, this.sum, this.problems,
      element("div", { class: "grid-and-panel" }, grid, panel), this.all);
    this.body.hidden = true;
    byId("inspector").append(this.decision, this.body);
    say(this.decision, "Choose a frame to see its headers and bytes.");
  }

  /** Load the headers and fields of a frame from the daemon, and show them. */
  async show(frame) {
    this.frame = frame;
    byId("inspector").setAttribute("aria-busy", "true");
    try {
      if (!frame.headers) {
        const inner = frame.first === "ethernet" ? { inner: "yes" } : {};
        frame.headers = (await get("v1/dissect", { octets: frame.bytes, size: frame.size, first: frame.first, ...inner })).headers;
      }
    } catch (error) {
      if (this.frame !== frame) return;
      byId("inspector").setAttribute("aria-busy", "false");
      say(this.decision, `${sentence(frame.says)} (Headers not available: ${error.message}.)`);
      return;
    }
    if (this.frame !== frame) return;
    byId("inspector").setAttribute("aria-busy", "false");
    say(this.decision, sentence(frame.says));
    this.decision.classList.toggle("dropped", frame.decision === "dropped");
    this.#drawBar(frame);
    this.problems.replaceChildren(...frame.headers.flatMap((header) => header.problems.map((problem) => element("li", {}, `${sided(header)}: ${problem}`))));
    this.octets.show(fromHex(frame.bytes), frame.headers, frame.size);
    this.body.hidden = false;
    this.#fill();
  }

  #drawBar(frame) {
    const cut = frame.size - frame.bytes.length / 2;
    this.bar.replaceChildren(...frame.headers.map((header) => {
      const length = header.length + (header.key.endsWith("payload") ? cut : 0);
      const part = element("li", { class: kind(header.key) },
        element("span", {}, sided(header)), " ", element("b", {}, format.whole(length)));
      part.style.setProperty("flex-grow", String(Math.sqrt(length)));
      return part;
    }));
    say(this.sum, summed(frame));
  }

  #fill() {
    if (this.all.open && this.frame?.headers) this.table.replaceChildren(fieldTable(this.frame.headers));
  }
}
