// The list of the last frames: choosing one, following the newest, pausing and stepping.

import { byId, element, say } from "./elements.js";
import * as format from "./format.js";
import { RingBuffer } from "./ring_buffer.js";

const SHOWN = 120;
const WAITING = 500;
const FOLLOW_MS = 900;

const FLOODS = { broadcast: "broadcast", multicast: "multicast", unknown_unicast: "unknown MAC" };

/** What was decided, in a few words. */
export function decided(frame) {
  const peers = frame.peers.length === 1 ? frame.peers[0] : format.plural(frame.peers.length, "peer");
  if (frame.decision === "dropped") return `✕ ${frame.reason ?? "dropped"}`;
  if (frame.decision === "unicast") return `to ${peers}`;
  if (frame.decision === "delivered") return `to ${frame.tap ?? "the TAP"}`;
  if (frame.decision === "local") return "stays here";
  return `flooded to ${peers}: ${FLOODS[frame.decision] ?? frame.decision}`;
}

export class Frames {
  /** `onChosen(frame)` hears of each other choice, `onStep(frame)` of each step. */
  constructor(onChosen, onStep) {
    this.list = byId("frames");
    this.onChosen = onChosen;
    this.onStep = onStep;
    this.ring = new RingBuffer(SHOWN);
    this.waiting = new RingBuffer(WAITING);
    this.rows = new Map();
    this.fresh = [];
    this.chosen = null;
    this.paused = false;
    this.count = 0;
    this.missed = 0;
    this.lostThere = 0;
    this.followedAt = 0;
    this.list.addEventListener("click", (event) => this.#onClick(event));
    this.list.addEventListener("keydown", (event) => this.#onKey(event));
    byId("follow").addEventListener("change", () => this.#follow());
    this.#note();
  }

  /** A frame has come. */
  add(frame) {
    this.count += 1;
    frame.id = `frame-${this.count}`;
    if (!this.paused) this.fresh.push(frame);
    else if (this.waiting.size < WAITING) this.waiting.push(frame);
    else this.missed += 1;
    if (this.fresh.length > SHOWN) this.fresh.shift();
    if (this.paused || this.drawing) return;
    this.drawing = setTimeout(() => this.#draw(), 200);
  }

  pause() {
    this.#draw();
    this.paused = true;
    this.#note();
  }

  resume() {
    this.paused = false;
    this.fresh.push(...this.waiting.items.slice(-SHOWN));
    this.waiting.clear();
    this.missed = 0;
    this.#draw();
    this.#note();
  }

  /** Show the next frame that came while paused; false when there is none. */
  step() {
    const frame = this.waiting.take();
    if (!frame) return false;
    this.#insert([frame]);
    this.choose(frame);
    this.onStep(frame);
    this.#note();
    return true;
  }

  /** Go to the frame before (-1, newer) or behind (1, older) the chosen one. */
  move(by) {
    const frames = this.ring.items;
    if (!frames.length) return;
    const at = this.chosen ? frames.indexOf(this.chosen) : frames.length;
    const next = frames[Math.min(Math.max(at - by, 0), frames.length - 1)];
    byId("follow").checked = false;
    this.choose(next);
    this.rows.get(next.id)?.scrollIntoView({ block: "nearest" });
  }

  choose(frame) {
    if (this.chosen) this.rows.get(this.chosen.id)?.setAttribute("aria-selected", "false");
    this.chosen = frame;
    this.rows.get(frame.id)?.setAttribute("aria-selected", "true");
    this.list.setAttribute("aria-activedescendant", frame.id);
    this.onChosen(frame);
  }

  #draw() {
    clearTimeout(this.drawing);
    this.drawing = null;
    if (!this.fresh.length) return;
    this.#insert(this.fresh.splice(0));
    this.#follow();
    this.#note();
  }

  #insert(frames) {
    const rows = [];
    for (const frame of frames) {
      this.ring.push(frame);
      this.rows.set(frame.id, row(frame));
      rows.unshift(this.rows.get(frame.id));
    }
    this.list.prepend(...rows);
    const kept = new Set(this.ring.items.map((frame) => frame.id));
    if (this.chosen) kept.add(this.chosen.id);
    for (const [id, node] of this.rows) {
      if (kept.has(id)) continue;
      node.remove();
      this.rows.delete(id);
    }
  }

  /** Choose the newest, unless somebody is looking at the one that is chosen. */
  #follow() {
    const now = performance.now();
    if (!byId("follow").checked || !this.ring.size || this.ring.last === this.chosen) return;
    const isRead = byId("inspector").matches(":hover, :focus-within") || this.list.matches(":focus");
    if (this.chosen && isRead) return;
    if (this.chosen && now - this.followedAt < FOLLOW_MS) return;
    this.followedAt = now;
    this.choose(this.ring.last);
  }

  #onClick(event) {
    const node = event.target.closest("[role=option]");
    const frame = node && this.ring.items.find((one) => one.id === node.id);
    if (!frame) return;
    byId("follow").checked = false;
    this.choose(frame);
  }

  #onKey(event) {
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, End: SHOWN, Home: -SHOWN };
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in moves) this.move(moves[event.key]);
    else if (event.key === "Enter") byId("inspector").querySelector("[role=gridcell][tabindex='0']")?.focus();
    else return;
    event.preventDefault();
  }

  #note() {
    const said = [];
    if (!this.ring.size && !this.paused) said.push("No frame yet. Let a container ping another.");
    if (this.missed) said.push(`${format.plural(this.missed, "frame")} found no room to wait: ${WAITING} do.`);
    if (this.ring.lost) said.push(`The last ${SHOWN} are kept.`);
    if (this.lostThere) said.push(`${format.plural(this.lostThere, "frame")} of the sample came too fast for this page.`);
    say(byId("frames-note"), said.join(" "));
    const waiting = this.waiting.size;
    say(byId("step"), this.paused && waiting ? `Step (${format.plural(waiting, "frame")})` : "Step");
  }

  /** The daemon has lost so many of the sample on the way to us. */
  lose(count) {
    this.lostThere += count;
    this.#note();
  }

  /** So many wait, for the text beside the buttons. */
  get left() {
    return this.waiting.size;
  }

  /** Say how many wait, while paused. */
  tick() {
    if (this.paused) this.#note();
    else this.#follow();
  }
}

function row(frame) {
  const dropped = frame.decision === "dropped";
  return element("div",
    { role: "option", id: frame.id, "aria-selected": "false", class: dropped ? "dropped" : frame.way },
    element("span", { class: "way" }, frame.way === "out" ? "▲ out" : "▼ in"),
    " ",
    element("span", { class: "what" }, frame.what),
    " ",
    element("span", { class: "ends" }, `${frame.from} → ${frame.to}`),
    " ",
    element("span", { class: "decided" }, decided(frame), frame.vni === null ? "" : element("span", { class: "vni" }, ` · VNI ${frame.vni}`)),
    " ",
    element("span", { class: "size" }, `${frame.size} octets`),
    " ",
    element("time", {}, format.clock(frame.time)),
  );
}
