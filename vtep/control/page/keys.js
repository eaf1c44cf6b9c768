// Single letters as shortcuts: not while something is written, and not when they are switched off.

import { byId } from "./elements.js";

const FIELDS = "input:not([type=checkbox]), select, textarea";
const KEPT = "vtep.letters";

/** Call the function of a letter that is pressed alone. */
export function onLetters(functions) {
  const wanted = byId("letters");
  wanted.checked = kept() !== "no";
  wanted.addEventListener("change", () => keep(wanted.checked ? "yes" : "no"));
  document.addEventListener("keydown", (event) => {
    if (!wanted.checked || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    if (event.target.closest?.(FIELDS)) return;
    const call = functions[event.key.toLowerCase()];
    if (!call) return;
    event.preventDefault();
    call();
  });
}

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function keep(value) {
  try {
    localStorage.setItem(KEPT, value);
  } catch {
    // It holds until the page is closed.
  }
}
