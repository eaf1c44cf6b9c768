// Requests to the daemon: single responses, and a stream of lines. Same origin only.

const TIMEOUT_MS = 5000;
const MAX_LINE = 65536;
const WAITS_MS = [500, 1000, 2000, 4000, 8000];

/** Return the JSON response to a GET request; throw a Refusal for an error status. */
export async function get(path, query = {}) {
  const text = new URLSearchParams(query).toString();
  const response = await fetch(text ? `${path}?${text}` : path, {
    cache: "no-store",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Refusal(body?.error ?? `${path} answered ${response.status}`);
  return body;
}

/** The daemon answered with an error. */
export class Refusal extends Error {}

/** Wait until the page is visible: a hidden page sends no requests. */
export function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", () => resolve(), { once: true });
  }).then(visible);
}

/**
 * Call `once` every `every` ms while the page is visible, and less often while it fails. After each
 * call, `report` gets the error or null, and the time to the next call in ms.
 */
export async function repeat(once, every, report = () => {}) {
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
    report(error, wait);
    await sleep(wait);
  }
}

const sleepers = new Set();

/** End all waits between two tries: the daemon is back. */
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

/** Read a stream of JSON lines to its end; stop when the page is hidden. */
export async function readStream(path, onLine) {
  const stop = new AbortController();
  const stopIfHidden = () => document.hidden && stop.abort();
  document.addEventListener("visibilitychange", stopIfHidden);
  try {
    const response = await fetch(path, { cache: "no-store", signal: stop.signal });
    if (!response.ok) throw new Refusal(`${path} answered ${response.status}`);
    await readLines(response.body.pipeThrough(new TextDecoderStream()).getReader(), onLine);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    document.removeEventListener("visibilitychange", stopIfHidden);
    stop.abort();
  }
}

async function readLines(reader, onLine) {
  for (let rest = ""; ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    if (rest.length > MAX_LINE) throw new Error("a line is too long");
    for (const line of parts) if (line) onLine(JSON.parse(line));
  }
}
