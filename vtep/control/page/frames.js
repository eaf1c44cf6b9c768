// The list of the latest frames: choose one, follow the newest, pause and step.

import { byId, element, say } from "./elements.js";
import * as format from "./format.js";
import { RingBuffer } from "./ring_buffer.js";

const SHOWN = 120;
const WAITING = 500;
const FOLLOW_MS = 900;

const FLOODS = { broadcast: "broadcast", multicast: "multicast", unknown_unicast: "unknown MAC" };

/** Return the decision in a few words. */
export function decided(frame) {
  const peers = frame.peers.length === 1 ? frame.peers[0] : format.plural(frame.peers.length, "peer");
  if (frame.decision === "dropped") return `✕ ${frame.reason ?? "dropped"}`;
  if (frame.decision === "unicast") return `to ${peers}`;
  if (frame.decision === "delivered") return `to ${frame.tap ?? "the TAP"}`;
  if (frame.decision === "local") return "stays here";
  return `flooded to ${peers}: ${FLOODS[frame.decision] ?? frame.decision}`;
}

export class Frames {
  /** `onChosen(frame)` is called when another frame is chosen, `onStep(frame)` on each step. */
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

  /** Add a frame; it waits while the list is paused. */
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

  /** Show the next frame that waits; return false if there is none. */
  step() {
    const frame = this.waiting.take();
    if (!frame) return false;
    this.#insert([frame]);
    this.choose(frame);
    this.onStep(frame);
    this.#note();
    return true;
  }

  /** Choose the next newer (-1) or older (1) frame. */
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

  /** Choose the newest frame, unless the user is reading the chosen one. */
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
    const notes = [];
    if (!this.ring.size && !this.paused) notes.push("No frame yet. Ping another container.");
    if (this.missed) notes.push(`${format.plural(this.missed, "frame")} discarded: only ${WAITING} can wait.`);
    if (this.ring.lost) notes.push(`Only the last ${SHOWN} are kept.`);
    if (this.lostThere) notes.push(`${format.plural(this.lostThere, "frame")} of the sample lost: this page was too slow.`);
    say(byId("frames-note"), notes.join(" "));
    const waiting = this.waiting.size;
    say(byId("step"), this.paused && waiting ? `Step (${format.plural(waiting, "frame")})` : "Step");
  }

  /** Note frames that the daemon dropped from the sample because this page was too slow. */
  lose(count) {
    this.lostThere += count;
    this.#note();
  }

  /** Number of frames that wait. */
  get left() {
    return this.waiting.size;
  }

  /** Update the number of waiting frames while paused, else follow the newest. */
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
    element("span", { class: "size" }, `${frame.size} bytes`),
    " ",
    element("time", {}, format.clock(frame.time)),
  );
}
