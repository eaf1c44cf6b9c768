// The positions of the boxes and links of the topology: side by side, or stacked on a narrow page.

import * as format from "./format.js";

const HERE = 5;
const PEERS = 5;
const BEHIND = 3;
const SHIFT = 5;
const SHORT = 18;

/** Return {width, height, boxes, links, frames} for a model; see Topology.draw. */
export function plan(model, narrow) {
  return narrow ? below(model) : beside(model);
}

function beside(model) {
  const here = limited(model.here, model.hereCount, HERE);
  const peers = model.peers.slice(0, PEERS);
  const heights = peers.map((peer) => Math.max(84, limited(peer.macs, peer.macCount, BEHIND).length * 44));
  const others = othersOf(model.peers);
  const right = heights.reduce((sum, height) => sum + height + 20, others.length * 56 - 20);
  const height = Math.max(here.length * 50 + 60, right + 40, 220);
  const middle = height / 2 + 8;
  const boxes = [];
  const links = [];
  const row = (x, width, h, kind, lines) => ({ x, y: middle - h / 2, width, height: h, kind, lines });
  const bridge = row(226, 104, Math.max(80, here.length * 44), "bridge", [{ text: model.bridge ?? "bridge", style: "name" }, { text: "bridge", style: "small" }]);
  const tap = row(362, 104, 60, "tap", [{ text: model.names.tap, style: "name" }, { text: "TAP", style: "small" }]);
  const vtep = row(498, 110, 84, "vtep", [{ text: "vtep", style: "name" }, { text: model.names.vni, style: "vni" }]);
  boxes.push(bridge, tap, vtep);
  here.forEach((mac, number) => {
    const y = middle - (here.length * 50 - 10) / 2 + number * 50;
    boxes.push({ x: 26, y, width: 164, height: 40, kind: "mac", lines: [{ text: mac.text, style: "code" }] });
    if (mac.key) links.push(across(`mac ${mac.key}`, 190, y + 20, bridge.x, clamp(y + 20, bridge)));
  });
  links.push(across("bridge", bridge.x + bridge.width, middle, tap.x, middle), across("tap", tap.x + tap.width, middle, vtep.x, middle));
  let top = middle - right / 2;
  peers.forEach((peer, number) => {
    const centre = top + heights[number] / 2;
    top += heights[number] + 20;
    boxes.push({ x: 776, y: centre - 40, width: 160, height: 80, kind: "peer", lines: peerLines(peer) });
    links.push(across(`peer ${peer.ip}`, 608, middle, 776, centre));
    const macs = limited(peer.macs, peer.macCount, BEHIND);
    macs.forEach((mac, place) => {
      const y = centre - (macs.length * 44 - 8) / 2 + place * 44;
      boxes.push({ x: 986, y, width: 164, height: 36, kind: "mac", lines: [{ text: mac.text, style: "code" }] });
      if (!place) links.push(across(`behind ${peer.ip}`, 936, centre, 986, y + 18));
    });
  });
  others.forEach((text) => boxes.push({ x: 776, y: top, width: 160, height: 36, kind: "others", lines: [{ text, style: "small" }] }));
  const frames = [{ place: { x: 8, y: 4, width: 614, height: height - 8 }, title: `this host, ${model.local}`, kind: "own" }];
  if (peers.length) boxes.push({ x: 640, y: height - 46, width: 112, height: 40, kind: "label", lines: [{ text: "underlay", style: "small" }, { text: model.names.port, style: "small" }] });
  return { width: 1160, height, boxes, links, frames };
}

function below(model) {
  const here = limited(model.here, model.hereCount, 4);
  const peers = model.peers.slice(0, PEERS);
  const rows = Math.ceil(here.length / 2);
  const boxes = [];
  const links = [];
  const bridge = { x: 20, y: 44 + rows * 46 + (rows ? 26 : 0), width: 320, height: 40, kind: "bridge", lines: [{ text: `${model.bridge ?? "the bridge"}, bridge`, style: "name" }] };
  const tap = { x: 115, y: bridge.y + 72, width: 130, height: 40, kind: "tap", lines: [{ text: `${model.names.tap}, TAP`, style: "name" }] };
  const vtep = { x: 85, y: tap.y + 72, width: 190, height: 54, kind: "vtep", lines: [{ text: "vtep", style: "name" }, { text: model.names.vni, style: "vni" }] };
  boxes.push(bridge, tap, vtep);
  here.forEach((mac, number) => {
    const x = number % 2 ? 184 : 20;
    const y = 40 + Math.floor(number / 2) * 46;
    boxes.push({ x, y, width: 156, height: 38, kind: "mac", lines: [{ text: mac.text, style: "code" }] });
    const last = Math.floor(number / 2) === rows - 1;
    if (mac.key && last) links.push(down(`mac ${mac.key}`, x + 78, y + 38, x + 78, bridge.y));
  });
  links.push(down("bridge", 180, bridge.y + 40, 180, tap.y), down("tap", 180, tap.y + 40, 180, vtep.y));
  const end = vtep.y + vtep.height + 14;
  let top = end + 56;
  for (const peer of peers) {
    boxes.push({ x: 90, y: top, width: 180, height: 80, kind: "peer", lines: peerLines(peer) });
    if (peer === peers[0]) links.push(down(`peer ${peer.ip}`, 180, vtep.y + vtep.height, 180, top));
    else links.push(around(`peer ${peer.ip}`, 85, vtep.y + 34, 90, top + 40));
    const macs = limited(peer.macs, peer.macCount, BEHIND);
    macs.forEach((mac, place) => {
      const y = top + 104 + place * 42;
      boxes.push({ x: 102, y, width: 156, height: 36, kind: "mac", lines: [{ text: mac.text, style: "code" }] });
      if (!place) links.push(down(`behind ${peer.ip}`, 180, top + 80, 180, y));
    });
    top += 100 + (macs.length ? 10 + macs.length * 42 : 0);
  }
  for (const text of othersOf(model.peers)) {
    boxes.push({ x: 90, y: top, width: 180, height: 36, kind: "others", lines: [{ text, style: "small" }] });
    top += 50;
  }
  if (peers.length) boxes.push({ x: 206, y: end + 2, width: 130, height: 40, kind: "label", lines: [{ text: "underlay", style: "small" }, { text: model.names.port, style: "small" }] });
  const frames = [{ place: { x: 4, y: 4, width: 352, height: end - 4 }, title: `this host, ${model.local}`, kind: "own" }];
  return { width: 360, height: Math.max(top, end + 8), boxes, links, frames };
}

function peerLines(peer) {
  return [
    ...broken(peer.ip).map((text) => ({ text, style: peer.ip.length > SHORT ? "code" : "name" })),
    { text: "", label: `peer ${peer.ip} state`, style: "small" },
    { text: "", label: `peer ${peer.ip} rate`, style: "small" },
  ];
}

/** Return a text about the peers that are not drawn, in a list that may be empty. */
function othersOf(peers) {
  return peers.length > PEERS ? [`and ${format.plural(peers.length - PEERS, "more peer")}`] : [];
}

/** Split a long IPv6 address into two lines. */
function broken(address) {
  if (address.length <= SHORT) return [address];
  const at = address.indexOf(":", address.length / 2 - 2) + 1;
  return [address.slice(0, at), address.slice(at)];
}

/** Return the first MACs as texts, and the number of the others. */
function limited(macs, count, most) {
  const shown = macs.slice(0, count > most ? most - 1 : most).map((mac) => ({ key: mac, text: mac }));
  return count > shown.length ? [...shown, { key: "", text: `${format.whole(count - shown.length)} more` }] : shown;
}

/** Return a link from left to right: its middle, and one line for each direction. */
function across(key, x1, y1, x2, y2) {
  const bend = (x2 - x1) / 2;
  const path = (shift, back) => back
    ? `M${x2} ${y2 + shift}C${x2 - bend} ${y2 + shift} ${x1 + bend} ${y1 + shift} ${x1} ${y1 + shift}`
    : `M${x1} ${y1 + shift}C${x1 + bend} ${y1 + shift} ${x2 - bend} ${y2 + shift} ${x2} ${y2 + shift}`;
  return { key, middle: path(0, false), out: path(-SHIFT, false), in: path(SHIFT, true) };
}

/** Return a link from top to bottom. */
function down(key, x1, y1, x2, y2) {
  return {
    key,
    middle: `M${x1} ${y1}L${x2} ${y2}`,
    out: `M${x1 - SHIFT} ${y1}L${x2 - SHIFT} ${y2}`,
    in: `M${x2 + SHIFT} ${y2}L${x1 + SHIFT} ${y1}`,
  };
}

/** Return a link around the left of the boxes in between. */
function around(key, x1, y1, x2, y2) {
  const path = (shift, back) => {
    const x = 40 + shift;
    return back
      ? `M${x2} ${y2 + shift}H${x}V${y1 + shift}H${x1}`
      : `M${x1} ${y1 - shift}H${x}V${y2 - shift}H${x2}`;
  };
  return { key, middle: path(0, false), out: path(-SHIFT, false), in: path(SHIFT, true) };
}

const clamp = (y, box) => Math.min(Math.max(y, box.y + 12), box.y + box.height - 12);
