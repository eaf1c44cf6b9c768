// The page: asks the daemon, keeps the little that is kept, and lets each part draw.

import { again, ask, listen, Refusal, wake } from "./api.js";
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
import { figures, rates, world } from "./model.js";

const EVERY_MS = 1000;
const SAME_START_S = 1;

const topology = new Topology();
const inspector = new Inspector(() => byId("frames").focus());
const frames = new Frames((frame) => inspector.show(frame), (frame) => topology.travel(frame));
const fdb = new Fdb();
const drops = new Drops();
const charts = new Charts();
new WalkForm();

const state = { paused: false, before: null, stats: null, show: null };

async function look() {
  const stats = await ask("v1/stats");
  if (!state.show || !isSame(stats, state.before)) await greet();
  state.rates = rates(stats, state.before, drops.reasons);
  state.before = state.stats = stats;
  charts.add({ at: stats.uptime, ...state.rates.total });
  await fdb.refresh(stats);
  frames.tick();
  if (!state.paused) draw();
}

/** Whether two answers are of one daemon: both say when it began, as near as clocks are. */
function isSame(stats, before) {
  const began = (one) => one.time - one.uptime;
  return before !== null && Math.abs(began(stats) - began(before)) < SAME_START_S;
}

/** The first answer, or the first of a daemon that was started anew. */
async function greet() {
  const [root, show, reasons] = await Promise.all([ask("v1"), ask("v1/show"), ask("v1/reasons")]);
  Object.assign(state, { show, before: null });
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
  topology.draw(world(stats, show, state.rates, fdb.byPlace()));
  figures(byId("figures"), stats, state.rates, drops.reasons);
}

function told(error, wait) {
  const line = byId("link");
  const wasGone = line.dataset.state === "gone";
  const seconds = Math.round(wait / 1000);
  if (!error) {
    line.dataset.state = state.paused ? "paused" : "live";
    say(line, state.paused ? "Paused" : "Live");
  } else if (error instanceof Refusal) {
    line.dataset.state = "gone";
    say(line, `The daemon says no: ${error.message}`);
  } else {
    line.dataset.state = "gone";
    const next = seconds > 1 ? `; asking again every ${seconds} s` : "; asking again";
    say(line, `The daemon does not answer${next}. What is shown is old.`);
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
    say(byId("stepping"), "Paused. What comes now waits: step through it.");
  } else {
    topology.rest();
    frames.resume();
    say(byId("stepping"), "");
    draw();
  }
  if (byId("link").dataset.state !== "gone") told(null, 0);
}

function step() {
  if (!state.paused) {
    pause(true);
    return;
  }
  if (!frames.step()) say(byId("stepping"), "No frame waits. Let one come, or go on.");
  else say(byId("stepping"), `${frames.chosen.way === "out" ? "Out" : "In"}: ${frames.chosen.what}. ${format.plural(frames.left, "frame")} left.`);
}

byId("pause").addEventListener("click", () => pause(!state.paused));
byId("step").addEventListener("click", step);
onLetters({ p: () => pause(!state.paused), s: step, j: () => frames.move(1), k: () => frames.move(-1) });

again(look, EVERY_MS, told);
again(() => listen("v1/frames?headers=no", (line) => {
  if (line.lost) frames.lose(line.lost);
  else frames.add(line);
}), EVERY_MS);
