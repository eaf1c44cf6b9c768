// The page: query the daemon, keep its latest state, and draw each part.

import { get, readStream, Refusal, repeat, wake } from "./api.js";
import { Charts } from "./charts.js";
import { WalkForm } from "./walk_form.js";
import { Drops } from "./drops.js";
import { byId, say } from "./elements.js";
import { Fdb } from "./fdb.js";
import * as format from "./format.js";
import { Frames } from "./frames.js";
import { Inspector } from "./inspector.js";
import { onLetters } from "./keys.js";
import { Topology } from "./topology.js";
import { figures, rates, topologyModel } from "./model.js";

const EVERY_MS = 1000;
const SAME_START_S = 1;
const SHOW_EVERY_S = 5;

const topology = new Topology();
const inspector = new Inspector(() => byId("frames").focus());
const frames = new Frames((frame) => inspector.show(frame), (frame) => topology.travel(frame));
const fdb = new Fdb();
const drops = new Drops();
const charts = new Charts();
new WalkForm();

const state = { paused: false, before: null, stats: null, show: null, shownAt: 0 };

async function refresh() {
  const stats = await get("v1/stats");
  if (!state.show || !isSame(stats, state.before)) {
    await loadSettings(stats);
  } else if (stats.uptime - state.shownAt >= SHOW_EVERY_S) {
    // The devices may change while the daemon runs.
    state.show = await get("v1/show");
    state.shownAt = stats.uptime;
  }
  state.rates = rates(stats, state.before, drops.reasons);
  state.before = state.stats = stats;
  charts.add({ at: stats.uptime, ...state.rates.total });
  await fdb.refresh(stats);
  frames.tick();
  if (!state.paused) draw();
}

/** Whether two responses are from the same daemon: they imply the same start time. */
function isSame(stats, before) {
  const start = (one) => one.time - one.uptime;
  return before !== null && Math.abs(start(stats) - start(before)) < SAME_START_S;
}

/** Load the settings of the daemon, at first and after a restart. */
async function loadSettings(stats) {
  const [root, show, reasons] = await Promise.all([get("v1"), get("v1/show"), get("v1/reasons")]);
  Object.assign(state, { show, shownAt: stats.uptime, before: null });
  drops.reasons = reasons;
  for (const part of [fdb, drops, charts]) part.clear();
  say(byId("who"), root.taps.join(", "));
  document.title = `${root.taps.join(", ")}: vtep`;
}

function draw() {
  const { stats, show } = state;
  if (!stats || !show) return;
  drops.draw(stats.counters);
  fdb.draw(stats);
  charts.draw();
  topology.draw(topologyModel(stats, show, state.rates, fdb.byPlace()));
  figures(byId("figures"), stats, state.rates, drops.reasons);
}

function showLink(error, wait) {
  const line = byId("link");
  const wasGone = line.dataset.state === "gone";
  const seconds = Math.round(wait / 1000);
  if (!error) {
    line.dataset.state = state.paused ? "paused" : "live";
    say(line, state.paused ? "Paused" : "Live");
  } else if (error instanceof Refusal) {
    line.dataset.state = "gone";
    say(line, `The daemon refused the request: ${error.message}`);
  } else {
    line.dataset.state = "gone";
    const next = seconds > 1 ? `; trying again every ${seconds} s` : "; trying again";
    say(line, `The daemon does not answer${next}. The data below is old.`);
  }
  document.body.classList.toggle("gone", Boolean(error));
  if (wasGone && !error) wake();
}

function pause(paused) {
  state.paused = paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
  say(byId("pause"), paused ? "Go on" : "Pause");
  document.body.classList.toggle("paused", paused);
  topology.freeze(paused);
  if (paused) {
    frames.pause();
    say(byId("stepping"), "Paused. New frames wait: use Step to see them one by one.");
  } else {
    topology.rest();
    frames.resume();
    say(byId("stepping"), "");
    draw();
  }
  if (byId("link").dataset.state !== "gone") showLink(null, 0);
}

function step() {
  if (!state.paused) {
    pause(true);
    return;
  }
  if (!frames.step()) say(byId("stepping"), "No frame waits. Send one, or go on.");
  else say(byId("stepping"), `${frames.chosen.way === "out" ? "Out" : "In"}: ${frames.chosen.what}. ${format.plural(frames.left, "frame")} left.`);
}

byId("pause").addEventListener("click", () => pause(!state.paused));
byId("step").addEventListener("click", step);
onLetters({ p: () => pause(!state.paused), s: step, j: () => frames.move(1), k: () => frames.move(-1) });

repeat(refresh, EVERY_MS, showLink);
repeat(() => readStream("v1/frames?headers=no", (line) => {
  if (line.lost) frames.lose(line.lost);
  else frames.add(line);
}), EVERY_MS);
