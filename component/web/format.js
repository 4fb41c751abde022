// Moments and numbers as people read them, and as form fields hold them.

const TIME = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
const THIS_YEAR = new Intl.DateTimeFormat("en-GB", TIME);
const ANY_YEAR = new Intl.DateTimeFormat("en-GB", { ...TIME, year: "numeric" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** The year is left out where it is this one. */
export function moment(text) {
  const date = new Date(text);
  const isThisYear = date.getFullYear() === new Date().getFullYear();
  return (isThisYear ? THIS_YEAR : ANY_YEAR).format(date);
}

export const day = (date) => DAY.format(new Date(`${date}T00:00:00Z`));
export const number = (value) => NUMBER.format(value);

/** An RFC 3339 moment as `<input type="datetime-local">` holds it: in this place's time. */
export function toInput(text) {
  if (!text) return "";
  const date = new Date(text);
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}

/** The way back; null where the field is empty. */
export const fromInput = (text) => (text ? new Date(text).toISOString() : null);

/** Whether a task is late: due in the past and still to be done. */
export function isOverdue(task, now = Date.now()) {
  const open = task.status !== "completed" && task.status !== "cancelled";
  return open && task.due_at !== null && Date.parse(task.due_at) < now;
}
