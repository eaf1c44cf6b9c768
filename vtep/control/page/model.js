// The data that is drawn: rates from counters, places from the FDB.

import { element, say } from "./elements.js";
import { lost } from "./drops.js";
import * as format from "./format.js";

const HEARD_LATELY_S = 8; // the table is loaded every five seconds

/** Return rates a second between two responses of /v1/stats: {total, peers: Map(ip -> {out, in}), drops}. */
export function rates(stats, before, reasons) {
  const seconds = before ? Math.max(stats.uptime - before.uptime, 0.001) : 0;
  const rate = (now, then) => (seconds ? Math.max(0, now - then) / seconds : 0);
  const now = sums(stats, reasons);
  const then = before ? sums(before, reasons) : now;
  const old = new Map((before?.peers ?? []).map((peer) => [`${peer.vni} ${peer.ip}`, peer]));
  const peers = new Map();
  for (const peer of stats.peers) {
    const last = old.get(`${peer.vni} ${peer.ip}`) ?? peer;
    const sum = peers.get(peer.ip) ?? { out: 0, in: 0 };
    sum.out += rate(peer.tx_frames, last.tx_frames);
    sum.in += rate(peer.rx_frames, last.rx_frames);
    peers.set(peer.ip, sum);
  }
  return {
    total: {
      outBits: 8 * rate(now.tx_bytes, then.tx_bytes),
      inBits: 8 * rate(now.rx_bytes, then.rx_bytes),
      outFrames: rate(now.tx_frames, then.tx_frames),
      inFrames: rate(now.rx_frames, then.rx_frames),
    },
    drops: rate(now.drops, then.drops),
    peers,
  };
}

function sums(stats, reasons) {
  const sum = { tx_frames: 0, tx_bytes: 0, rx_frames: 0, rx_bytes: 0, drops: 0 };
  for (const overlay of Object.values(stats.counters.overlays)) {
    for (const key of ["tx_frames", "tx_bytes", "rx_frames", "rx_bytes"]) sum[key] += overlay[key];
  }
  sum.drops = lost(stats.counters, reasons);
  return sum;
}

/** Return the model for Topology.draw. */
export function topologyModel(stats, show, rates_, places) {
  const here = places.get("local") ?? [];
  const peers = new Map();
  for (const peer of stats.peers) {
    if (peers.has(peer.ip)) continue;
    const macs = (places.get(peer.ip) ?? []).map((entry) => entry.mac);
    peers.set(peer.ip, { ip: peer.ip, state: peer.state, macs: macs.slice(0, 8), macCount: macs.length, ...rates_.peers.get(peer.ip) });
  }
  const overlays = Object.keys(stats.counters.overlays);
  const taps = Object.keys(stats.counters.taps);
  const vxlan = show[0]?.linkinfo.info_data ?? {};
  return {
    names: { tap: some(taps), vni: `VNI ${some(overlays)}`, port: `UDP ${vxlan.port ?? ""}` },
    bridge: show.find((link) => link.master)?.master,
    local: vxlan.local ?? vxlan.local6 ?? "",
    here: here.slice(0, 8).map((entry) => entry.mac),
    hereCount: here.length,
    active: new Set(here.filter((entry) => entry.age < HEARD_LATELY_S).map((entry) => entry.mac)),
    peers: [...peers.values()],
    out: rates_.total.outFrames,
    in: rates_.total.inFrames,
  };
}

const some = (names) => (names.length > 2 ? `${names[0]} and ${names.length - 1} more` : names.join(", "));

/** Draw the large numbers at the top. */
export function figures(holder, stats, rates_, reasons) {
  const { total } = rates_;
  const known = Object.values(stats.fdb).reduce((sum, number) => sum + number, 0);
  const said = {
    out: ["▲ Out", format.bits(total.outBits), `${format.short(total.outFrames)}frames/s`],
    in: ["▼ In", format.bits(total.inBits), `${format.short(total.inFrames)}frames/s`],
    fdb: ["FDB", format.whole(known), known === 1 ? "MAC" : "MACs"],
    drops: ["Drops", format.whole(lost(stats.counters, reasons)), rates_.drops ? `✕ ${format.frames(rates_.drops)}` : "none now"],
  };
  for (const [key, [name, value, more]] of Object.entries(said)) {
    let node = holder.querySelector(`.${key}`);
    if (!node) {
      node = element("div", { class: key }, element("dt", {}, name), element("dd", { class: "value" }), element("dd", { class: "more" }));
      holder.append(node);
    }
    say(node.children[1], value);
    say(node.children[2], more);
  }
}
