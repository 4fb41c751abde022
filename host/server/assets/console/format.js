// Digests, sizes, durations and times for people: short, with a unit.

/** The first digits of a digest, as the host's commands and headers show it. */
export const digest = (text) => text ? text.replace("sha256:", "").slice(0, 12) : "–";

export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1048576) return `${Math.ceil(bytes / 1024)} KiB`;
  return `${(bytes / 1048576).toFixed(1)} MiB`;
}

export function duration(ms) {
  if (ms < 10) return `${ms < 1 ? ms.toFixed(2) : ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60000)} min ${Math.floor(ms / 1000) % 60} s`;
}

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** A moment in the reader's own time zone; the day only where it is not today. */
export function time(text) {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  const today = new Date().toDateString() === at.toDateString();
  return today ? CLOCK.format(at) : `${DAY.format(at)}, ${CLOCK.format(at)}`;
}

/** How long it took from one moment to another. */
export const between = (from, to) => duration(new Date(to) - new Date(from));

/** A number with as many digits as its size deserves. */
export const number = (value) => value.toLocaleString("en-GB", {
  maximumFractionDigits: Math.abs(value) < 10 ? 1 : 0,
});
