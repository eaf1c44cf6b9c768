// Two line charts of the last two minutes, with a summary as text and a table.

import { byId, element, svg } from "./elements.js";
import * as format from "./format.js";
import { RingBuffer } from "./ring_buffer.js";

const SECONDS = 120;
const NARROW = window.matchMedia("(max-width: 45rem)");
const HEIGHT = 150;
const LEFT = 4;
const BOTTOM = 20;
const TOP = 16;

export class Charts {
  constructor() {
    this.samples = new RingBuffer(SECONDS + 10);
    this.bits = new Chart("Throughput of inner frames", format.bits, "outBits", "inBits");
    this.frames = new Chart("Frames", format.frames, "outFrames", "inFrames");
    this.table = element("tbody");
    const titles = ["Ago", "Out", "In", "Out", "In"].map((title) => element("th", { scope: "col", class: "number" }, title));
    this.details = element("details", {},
      element("summary", {}, "The same as a table"),
      element("div", { class: "scroll", role: "region", "aria-label": "Throughput as a table", tabindex: "0" },
        element("table", {},
          element("caption", {}, "One row for every five seconds"),
          element("thead", {}, element("tr", {}, ...titles)), this.table)));
    this.details.addEventListener("toggle", () => this.#fill());
    byId("charts").append(this.bits.node, this.frames.node, this.details);
  }

  /** Keep a sample: {at: seconds, outBits, inBits, outFrames, inFrames}, rates per second. */
  add(sample) {
    this.samples.push(sample);
  }

  clear() {
    this.samples.clear();
  }

  draw() {
    const end = this.samples.last?.at ?? 0;
    const shown = this.samples.items.filter((sample) => sample.at > end - SECONDS);
    this.bits.draw(shown, end);
    this.frames.draw(shown, end);
    this.#fill();
  }

  #fill() {
    if (!this.details.open) return;
    const end = this.samples.last?.at ?? 0;
    const lines = this.samples.items.filter((_, number) => (this.samples.size - 1 - number) % 5 === 0).reverse().slice(0, SECONDS / 5);
    this.table.replaceChildren(...lines.map((sample) => element("tr", {},
      ...[`${Math.round(end - sample.at)} s`, format.bits(sample.outBits), format.bits(sample.inBits),
        format.frames(sample.outFrames), format.frames(sample.inFrames)].map((text) => element("td", { class: "number" }, text)))));
  }
}

class Chart {
  constructor(name, unit, out, in_) {
    this.name = name;
    this.unit = unit;
    this.keys = { out, in: in_ };
    this.text = element("figcaption");
    this.lines = { out: svg("path", { class: "line out" }), in: svg("path", { class: "line in" }) };
    this.areas = { out: svg("path", { class: "area out" }) };
    this.grid = svg("g", { class: "ticks" });
    this.cursor = svg("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM });
    this.cursor.style.setProperty("visibility", "hidden");
    this.now = svg("text", { y: HEIGHT - 5, class: "tick", "text-anchor": "end" }, "now");
    this.drawing = svg("svg", { role: "img" },
      this.grid, this.areas.out, this.lines.in, this.lines.out, this.cursor,
      svg("text", { x: LEFT, y: HEIGHT - 5, class: "tick" }, "2 minutes ago"),
      this.now);
    this.node = element("figure", {}, element("h3", {}, name), this.text, this.drawing);
    this.drawing.addEventListener("pointermove", (event) => this.#point(event));
    this.drawing.addEventListener("pointerleave", () => this.#leave());
  }

  draw(samples, end) {
    this.samples = samples;
    this.end = end;
    const width = NARROW.matches ? 340 : 560;
    this.width = width;
    this.drawing.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.now.setAttribute("x", width);
    const values = samples.flatMap((sample) => [sample[this.keys.out], sample[this.keys.in]]);
    const top = nice(Math.max(1, ...values));
    const x = (sample) => LEFT + (1 - (end - sample.at) / SECONDS) * (width - LEFT);
    const y = (value) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - TOP);
    this.x = x;
    for (const way of ["out", "in"]) {
      const points = samples.map((sample) => `${x(sample).toFixed(1)} ${y(sample[this.keys[way]]).toFixed(1)}`);
      this.lines[way].setAttribute("d", points.length ? `M${points.join("L")}` : "");
      if (way === "out") {
        const floor = HEIGHT - BOTTOM;
        this.areas.out.setAttribute("d", points.length ? `M${x(samples[0]).toFixed(1)} ${floor}L${points.join("L")}V${floor}Z` : "");
      }
    }
    this.grid.replaceChildren(...[0, 0.5, 1].flatMap((share) => [
      svg("line", { x1: LEFT, x2: width, y1: y(share * top), y2: y(share * top) }),
      share ? svg("text", { x: LEFT, y: y(share * top) - 4, class: "tick" }, this.unit(share * top)) : "",
    ]));
    if (!this.pointing) this.#tell(samples.at(-1), "now");
    this.drawing.setAttribute("aria-label", `${this.name}: ${this.#summary()}`);
  }

  #tell(sample, when) {
    if (!sample) return;
    const said = `out ${this.unit(sample[this.keys.out])}  in ${this.unit(sample[this.keys.in])}  ${when}`;
    if (this.said === said) return;
    this.said = said;
    this.text.replaceChildren(
      element("span", { class: "out" }, "━ out ", element("b", {}, this.unit(sample[this.keys.out]))), " ",
      element("span", { class: "in" }, "┅ in ", element("b", {}, this.unit(sample[this.keys.in]))), " ",
      element("span", { class: "when" }, when));
  }

  #summary() {
    const most = (key) => Math.max(0, ...this.samples.map((sample) => sample[key]));
    const now = this.samples.at(-1);
    if (!now) return "nothing yet";
    return ["out", "in"].map((way) => `${way} ${this.unit(now[this.keys[way]])} now, at most ${this.unit(most(this.keys[way]))}`).join("; ");
  }

  #point(event) {
    if (!this.samples?.length) return;
    const box = this.drawing.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * this.width;
    const distance = (sample) => Math.abs(this.x(sample) - at);
    const nearest = this.samples.reduce((best, sample) => (distance(sample) < distance(best) ? sample : best));
    this.pointing = true;
    this.cursor.setAttribute("x1", this.x(nearest));
    this.cursor.setAttribute("x2", this.x(nearest));
    this.cursor.style.setProperty("visibility", "visible");
    this.#tell(nearest, `${Math.round(this.end - nearest.at)} s ago`);
  }

  #leave() {
    this.pointing = false;
    this.cursor.style.setProperty("visibility", "hidden");
    this.#tell(this.samples?.at(-1), "now");
  }
}

/** The next 1, 2 or 5 times a power of ten. */
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}
