// Formats times and numbers for people, and converts times to and from form fields.

export const DAY_MS = 86_400_000;
const TIME = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
const THIS_YEAR = new Intl.DateTimeFormat("en-GB", TIME);
const ANY_YEAR = new Intl.DateTimeFormat("en-GB", { ...TIME, year: "numeric" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const NEAR = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** Formats a date and time in the local time zone. The current year is omitted. */
export function formatTime(text) {
  const date = new Date(text);
  const isThisYear = date.getFullYear() === new Date().getFullYear();
  return (isThisYear ? THIS_YEAR : ANY_YEAR).format(date);
}

/** Formats a due time: as a day such as "tomorrow" if it is near. */
export function formatDue(text) {
  const date = new Date(text);
  const days = Math.round((startOfDay(date) - startOfDay(new Date())) / DAY_MS);
  return Math.abs(days) > 1 ? formatTime(text) : `${NEAR.format(days, "day")}, ${CLOCK.format(date)}`;
}

/** Returns the beginning of a time's day, in local time. */
export const startOfDay = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

/** Formats a date such as `2030-01-31`. */
export const formatDay = (date) => DAY.format(new Date(`${date}T00:00:00Z`));
export const formatNumber = (value) => NUMBER.format(value);

/** Converts an RFC 3339 time to the value of an `<input type="datetime-local">`, in local time. */
export function toInput(text) {
  if (!text) return "";
  const date = new Date(text);
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}

/**
 * Converts the value of an `<input type="datetime-local">` to RFC 3339. Returns null if it is empty. A time
 * after the year 9999 stays as it is, and the service says what is wrong with it.
 */
export function fromInput(text) {
  if (!text) return null;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : date.toISOString();
}

/** Returns whether a task is open and its due time has passed. */
export function isOverdue(task, now = Date.now()) {
  const isOpen = task.status !== "completed" && task.status !== "cancelled";
  return isOpen && task.due_at !== null && Date.parse(task.due_at) < now;
}
