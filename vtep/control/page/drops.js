// The table of drops by reason and place.

import { byId, element, flash, say } from "./elements.js";
import * as format from "./format.js";

export class Drops {
  constructor() {
    this.body = byId("drops").tBodies[0];
    this.rows = new Map();
    this.reasons = {};
  }

  /** Draw the counters of /v1/stats. */
  draw(counters) {
    for (const { place, reason, count } of counted(counters)) {
      const key = `${place} ${reason}`;
      let row = this.rows.get(key);
      if (!row) {
        row = this.#row(place, reason);
        this.rows.set(key, row);
        this.body.append(row.node);
      }
      if (row.count !== undefined && count > row.count) flash(row.node);
      row.count = count;
      say(row.number, format.whole(count));
    }
    const said = this.rows.size ? "" : "No drops since the daemon started.";
    say(byId("drops-note"), said);
    byId("drops").hidden = !this.rows.size;
  }

  clear() {
    this.rows.clear();
    this.body.replaceChildren();
  }

  #row(place, reason) {
    const about = this.reasons[reason] ?? { meaning: "", harmless: false };
    const number = element("td", { class: "number" });
    const node = element("tr", {},
      element("th", { scope: "row" },
        element("span", { "aria-hidden": "true", class: "cross" }, about.harmless ? "○ " : "✕ "), element("code", {}, reason),
        element("span", { class: "meaning" }, about.meaning, about.harmless ? " (normal bridge filtering: nothing is lost)" : "")),
      element("td", {}, place),
      number);
    return { node, number, count: undefined };
  }
}

/** Return the number of drops, without normal bridge filtering. */
export function lost(counters, reasons) {
  return counted(counters).reduce((sum, { reason, count }) => sum + (reasons[reason]?.harmless ? 0 : count), 0);
}

/** Return all drops of the counters as a flat list. */
export function counted(counters) {
  const places = [["underlay", counters.underlay.drops]];
  for (const [tap, one] of Object.entries(counters.taps)) places.push([`TAP ${tap}`, one.drops]);
  for (const [vni, one] of Object.entries(counters.overlays)) places.push([`VNI ${vni}`, one.drops]);
  return places.flatMap(([place, drops]) => Object.entries(drops).map(([reason, count]) => ({ place, reason, count })));
}
