// The path of a frame as a drawing: local MACs, bridge, TAP, VTEP, underlay, peers, remote MACs.

import { byId, element, say, svg } from "./elements.js";
import * as format from "./format.js";
import { plan } from "./layout.js";

const NARROW = window.matchMedia("(max-width: 45rem)");
const STILL = window.matchMedia("(prefers-reduced-motion: reduce)");
const STEP_MS = 320;
const SPEED = 70;
const ROOM = 8;
const NAMED = 5;

export class Topology {
  constructor() {
    this.holder = byId("topology");
    this.shape = "";
    this.links = new Map();
    this.labels = new Map();
    NARROW.addEventListener("change", () => this.model && this.draw(this.model));
  }

  /**
   * Draw a model: {names, bridge, local, here: [mac], peers: [{ip, state, macs: [mac]}]}, with {out, in}
   * frames a second in total and for each peer.
   */
  draw(model) {
    this.model = model;
    const shape = JSON.stringify([NARROW.matches, model.names, model.here, model.peers.map((peer) => [peer.ip, peer.macs])]);
    if (shape !== this.shape) {
      this.shape = shape;
      this.#build(plan(model, NARROW.matches));
    }
    for (const peer of model.peers) {
      say(this.labels.get(`peer ${peer.ip} state`) ?? element("i"), `${MARKS[peer.state] ?? "○"} ${peer.state}`);
      say(this.labels.get(`peer ${peer.ip} rate`) ?? element("i"), `▲ ${format.frames(peer.out)}  ▼ ${format.frames(peer.in)}`);
      this.#flow(`peer ${peer.ip}`, peer.out, peer.in);
      this.#flow(`behind ${peer.ip}`, peer.out, peer.in);
    }
    this.#flow("bridge", model.out, model.in);
    this.#flow("tap", model.out, model.in);
    for (const mac of model.here) this.#flow(`mac ${mac}`, model.active.has(mac) ? 2 : 0, model.active.has(mac) ? 2 : 0);
    say(byId("topology-text"), inWords(model));
  }

  /** Move one frame over the drawing. */
  travel(frame) {
    const way = this.#way(frame);
    for (const link of this.links.values()) link.node.classList.remove("lit");
    for (const part of way.flat()) part.link.node.classList.add("lit");
    if (STILL.matches) return;
    this.dots?.forEach((dot) => dot.remove());
    this.dots = [];
    way.forEach((parts, number) => parts.forEach((part) => this.#move(part, number * STEP_MS, frame)));
  }

  /** Switch off the links that travel() lit. */
  rest() {
    for (const link of this.links.values()) link.node.classList.remove("lit");
  }

  freeze(frozen) {
    this.holder.classList.toggle("frozen", frozen);
  }

  /** Return the links a frame passes, in order; those passed at the same time together. */
  #way(frame) {
    const peers = frame.peers.filter((ip) => this.links.has(`peer ${ip}`));
    const mac = (which) => (this.links.has(`mac ${which}`) ? [`mac ${which}`] : []);
    const here = [mac(frame.way === "out" ? frame.source_mac : frame.destination_mac), ["bridge"], ["tap"]];
    const there = [peers.map((ip) => `peer ${ip}`), peers.map((ip) => `behind ${ip}`).filter((key) => this.links.has(key))];
    const dropped = frame.decision === "dropped" || frame.decision === "local";
    const keys = frame.way === "out"
      ? [...here, ...(dropped ? [] : there)]
      : [...there.reverse(), ...(dropped ? [] : here.reverse())];
    return keys.filter((moment) => moment.length)
      .map((moment) => moment.map((key) => ({ link: this.links.get(key), way: frame.way })));
  }

  #move({ link, way }, after, frame) {
    const path = link[way];
    const length = path.getTotalLength();
    const dot = svg("circle", { r: 7, class: `dot ${frame.decision === "dropped" ? "dropped" : way}` });
    const start = performance.now() + after;
    const draw = (now) => {
      const part = (now - start) / STEP_MS;
      if (part >= 1 || !path.isConnected) {
        dot.remove();
        return;
      }
      if (part >= 0) {
        const { x, y } = path.getPointAtLength(part * length);
        dot.setAttribute("cx", x);
        dot.setAttribute("cy", y);
        if (!dot.parentNode) this.drawing.append(dot);
      }
      requestAnimationFrame(draw);
    };
    this.dots.push(dot);
    requestAnimationFrame(draw);
  }

  /** Draw more frames a second as closer dots. */
  #flow(key, out, in_) {
    const link = this.links.get(key);
    if (!link) return;
    for (const [path, rate] of [[link.out, out], [link.in, in_]]) {
      const gap = rate > 0 ? Math.max(9, 72 - 12 * Math.round(Math.log10(rate + 1) * 2) * 0.75) : 0;
      path.classList.toggle("moving", gap > 0);
      if (!gap || path.gap === gap) continue;
      path.gap = gap;
      path.style.setProperty("--gap", `${gap}px`);
      path.style.setProperty("--time", `${(gap / SPEED).toFixed(2)}s`);
    }
  }

  #build({ width, height, boxes, links, frames }) {
    this.links.clear();
    this.labels.clear();
    this.drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "topology-title", "aria-describedby": "topology-text" });
    for (const frame of frames) {
      this.drawing.append(
        svg("rect", { ...frame.place, rx: 14, class: `host ${frame.kind}` }),
        svg("text", { x: frame.place.x + 14, y: frame.place.y + 24, class: "host-title" }, frame.title));
    }
    for (const { key, out, in: in_, middle } of links) {
      const link = { out: svg("path", { d: out, class: "flow out" }), in: svg("path", { d: in_, class: "flow in" }) };
      link.node = svg("g", { class: `link ${key.startsWith("peer") ? "underlay" : ""}` }, svg("path", { d: middle, class: "wire" }), link.out, link.in);
      this.links.set(key, link);
      this.drawing.append(link.node);
    }
    const texts = [];
    for (const { x, y, width: w, height: h, kind, lines } of boxes) {
      this.drawing.append(svg("rect", { x, y, width: w, height: h, rx: kind === "mac" ? h / 2 : 9, class: `box ${kind}` }));
      const first = y + h / 2 - ((lines.length - 1) * 18) / 2 + 5;
      lines.forEach(({ text, label, style = "" }, number) => {
        const node = svg("text", { x: x + w / 2, y: first + number * 18, "text-anchor": "middle", class: style }, text);
        if (label) this.labels.set(label, node);
        else texts.push([node, w - ROOM]);
        this.drawing.append(node);
      });
    }
    this.holder.replaceChildren(this.drawing);
    for (const [node, most] of texts) squeeze(node, most);
    for (const link of this.links.values()) link.out.gap = link.in.gap = null;
  }
}

/** Fit a text into its box. */
function squeeze(node, most) {
  if (node.getComputedTextLength() <= most) return;
  node.setAttribute("textLength", most);
  node.setAttribute("lengthAdjust", "spacingAndGlyphs");
}

const MARKS = { up: "●", silent: "◌", unheard: "○" };

function inWords(model) {
  const here = model.here.length ? `${format.plural(model.hereCount, "MAC")} sent frames on this host` : "No frame from this host yet";
  const named = model.peers.slice(0, NAMED).map((peer) => `${peer.ip} (${peer.state}, ${format.plural(peer.macCount, "MAC")} behind it)`);
  const more = model.peers.length > NAMED ? ` and ${format.plural(model.peers.length - NAMED, "more peer")}` : "";
  const peers = named.join(", ") + more || "no peer yet";
  return `${here}${model.bridge ? ` on the bridge ${model.bridge}` : ""}. The TAP ${model.names.tap} is connected through ${model.names.vni} to ${peers}.`;
}
