// Format numbers and times.

const STEPS = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];

/** 1234567 -> "1.23 M": three significant digits. */
export function short(value) {
  for (const [size, letter] of STEPS) {
    if (value >= size) return `${digits(value / size)} ${letter}`;
  }
  return `${digits(value)} `;
}

export const bits = (perSecond) => `${short(perSecond)}bit/s`;
export const frames = (perSecond) => `${short(perSecond).trimEnd()}/s`;
export const whole = (number) => number.toLocaleString("en");

export function age(seconds) {
  if (seconds < 1) return "now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}

export function clock(epochSeconds) {
  const when = new Date(epochSeconds * 1000);
  const two = (number) => String(number).padStart(2, "0");
  const tenths = Math.floor(when.getMilliseconds() / 100);
  return `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}.${tenths}`;
}

export const plural = (number, one, many = `${one}s`) => `${whole(number)} ${number === 1 ? one : many}`;

function digits(value) {
  if (value === 0) return "0";
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1).replace(/\.0$/, "");
  return value.toFixed(2).replace(/\.?0+$/, "");
}
