// Single letters as shortcuts, except in fields and when they are switched off.

import { byId } from "./elements.js";

const FIELDS = "input:not([type=checkbox]), select, textarea";
const KEPT = "vtep.letters";

/** Call the function of a letter pressed without a modifier. */
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
    // without storage the choice lasts until the page is closed
  }
}
