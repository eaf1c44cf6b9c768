// Asking the daemon: single answers, and a stream of lines. Only ever this page's own origin.

const PATIENCE_MS = 5000;
const MOST_LINE = 65536;
const WAITS_MS = [500, 1000, 2000, 4000, 8000];

/** The answer to a question; an Error that says why there is none. */
export async function ask(path, question = {}) {
  const words = new URLSearchParams(question).toString();
  const answer = await fetch(words ? `${path}?${words}` : path, {
    cache: "no-store",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const said = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refusal(said?.error ?? `${path} answered ${answer.status}`);
  return said;
}

/** An answer that says no: the daemon is there. */
export class Refusal extends Error {}

/** Wait until the page can be seen: a hidden page asks nothing. */
export function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", () => resolve(), { once: true });
  }).then(visible);
}

/**
 * Call `once` again and again while the page can be seen: each `every` ms, and less and less often
 * while it fails. `told` hears after each try whether it went well, and how long the next wait is.
 */
export async function again(once, every, told = () => {}) {
  for (let failures = 0; ; ) {
    await visible();
    let error = null;
    try {
      await once();
      failures = 0;
    } catch (raised) {
      error = raised;
      failures += 1;
    }
    const wait = error ? WAITS_MS[Math.min(failures, WAITS_MS.length) - 1] : every;
    told(error, wait);
    await sleep(wait);
  }
}

const sleepers = new Set();

/** Let all that wait for another try do it now: the daemon is back. */
export function wake() {
  for (const go of sleepers) go();
}

function sleep(ms) {
  return new Promise((resolve) => {
    const go = () => {
      clearTimeout(timer);
      sleepers.delete(go);
      resolve();
    };
    const timer = setTimeout(go, ms);
    sleepers.add(go);
  });
}

/** Read a stream of JSON lines to its end; it is left when the page is hidden. */
export async function listen(path, onLine) {
  const stop = new AbortController();
  const look = () => document.hidden && stop.abort();
  document.addEventListener("visibilitychange", look);
  try {
    const answer = await fetch(path, { cache: "no-store", signal: stop.signal });
    if (!answer.ok) throw new Refusal(`${path} answered ${answer.status}`);
    await readLines(answer.body.pipeThrough(new TextDecoderStream()).getReader(), onLine);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    document.removeEventListener("visibilitychange", look);
    stop.abort();
  }
}

async function readLines(reader, onLine) {
  for (let rest = ""; ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    if (rest.length > MOST_LINE) throw new Error("a line without an end");
    for (const line of parts) if (line) onLine(JSON.parse(line));
  }
}
