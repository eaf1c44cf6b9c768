// The forwarding database; new rows flash and are announced.

import { get } from "./api.js";
import { byId, element, flash, say } from "./elements.js";
import * as format from "./format.js";

const MAX_ROWS = 300;
const EVERY_MS = 5000;
const SAID_MS = 5000; // time for a screen reader to finish its sentence

export class Fdb {
  constructor() {
    this.body = byId("fdb").tBodies[0];
    this.rows = new Map();
    this.entries = [];
    this.seen = "";
    this.askedAt = -EVERY_MS;
    this.first = true;
    this.unsaid = [];
    this.saidAt = -SAID_MS;
  }

  /** Load the table if its counters have changed or its ages are old; return whether it did. */
  async refresh(stats) {
    const seen = JSON.stringify(Object.values(stats.counters.overlays).map((overlay) => overlay.fdb));
    const now = performance.now();
    if (seen === this.seen && now - this.askedAt < EVERY_MS) return false;
    this.askedAt = now;
    // the response also has the flood lists, one entry for each peer
    this.entries = (await get("v1/fdb", { limit: MAX_ROWS + stats.peers.length }))
      .filter((entry) => entry.used !== undefined)
      .slice(0, MAX_ROWS)
      .map((entry) => ({ ...entry, readAt: now }));
    this.seen = seen;
    return true;
  }

  draw(stats) {
    const now = performance.now();
    const found = new Set();
    for (const entry of this.entries) {
      const key = `${entry.vni} ${entry.mac}`;
      found.add(key);
      let row = this.rows.get(key);
      if (!row) {
        row = this.#row(entry);
        this.rows.set(key, row);
        if (this.first) {
          this.body.append(row.node);
        } else {
          this.body.prepend(row.node); // into view
          flash(row.node);
          this.unsaid.push(entry);
        }
      }
      if (row.dst !== entry.dst) {
        if (row.dst !== undefined) {
          this.unsaid.push(entry);
          flash(row.node);
        }
        row.dst = entry.dst;
        say(row.where, where(entry.dst));
      }
      const age = entry.used + (now - entry.readAt) / 1000;
      say(row.heard, format.age(age));
      row.node.classList.toggle("old", age > 60);
    }
    for (const [key, row] of this.rows) {
      if (found.has(key)) continue;
      row.node.remove();
      this.rows.delete(key);
    }
    this.#note(stats);
    this.#announce(now);
    this.first = false;
  }

  clear() {
    this.seen = "";
    this.first = true;
    this.unsaid = [];
  }

  /** Return the MACs by place: {"local": [...], "10.0.1.41": [...]}. */
  byPlace() {
    const places = new Map();
    const now = performance.now();
    for (const entry of this.entries) {
      if (!places.has(entry.dst)) places.set(entry.dst, []);
      places.get(entry.dst).push({ mac: entry.mac, vni: entry.vni, age: entry.used + (now - entry.readAt) / 1000 });
    }
    return places;
  }

  #row(entry) {
    const where_ = element("td", { class: "where" });
    const heard = element("td", { class: "number" });
    const node = element("tr", {},
      element("th", { scope: "row" }, element("code", {}, entry.mac)),
      element("td", { class: "number" }, String(entry.vni)), where_, heard);
    return { node, where: where_, heard, dst: undefined };
  }

  #announce(now) {
    if (!this.unsaid.length || now - this.saidAt < SAID_MS) return;
    say(byId("fdb-said"), announced(this.unsaid));
    this.unsaid = [];
    this.saidAt = now;
  }

  #note(stats) {
    const total = Object.values(stats.fdb).reduce((sum, number) => sum + number, 0);
    const shown = this.entries.length;
    const said = !total ? "Empty: no frame has arrived yet." : total > shown ? `${format.whole(shown)} of ${format.whole(total)} entries shown.` : "";
    say(byId("fdb-note"), said);
  }
}

const where = (dst) => (dst === "local" ? "this host" : dst);

function announced(entries) {
  const [first] = entries;
  const more = entries.length > 1 ? `, and ${entries.length - 1} more` : "";
  return `${first.mac} lives behind ${where(first.dst)}${more}.`;
}
