// Formats digests, sizes, durations, times and numbers for people.

/** Returns the first digits of a digest, in the short form of the host's commands and headers. */
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

/** Formats a duration as minutes and seconds: 0:23. */
export function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** Formats a time in the local time zone. Today's date is omitted. */
export function time(text) {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  const today = new Date().toDateString() === at.toDateString();
  return today ? CLOCK.format(at) : `${DAY.format(at)}, ${CLOCK.format(at)}`;
}

/** Formats the duration between two times. */
export const between = (from, to) => duration(new Date(to) - new Date(from));

/** Formats a number, with one decimal if it is below 10. */
export const number = (value) => value.toLocaleString("en-GB", {
  maximumFractionDigits: Math.abs(value) < 10 ? 1 : 0,
});
