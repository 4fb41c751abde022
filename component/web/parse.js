// Understands a line such as `Call the plumber tomorrow 17:00 !high @ana #home`.
//
// Only the end of a line is read: a word that is followed by plain text belongs to the title.

import { formatTime } from "./format.js";
import { messages } from "./messages.js";

const texts = messages.parse;

/** `- `, `* `, `• `, `3. `, `3) `, and the boxes of check lists. */
const LIST_MARKER = /^\s*(?:[-*•]|\d+[.)])?\s*(?:\[[ xX]?\]\s*)?/;
/** A priority, an assignee or a tag. A name with spaces is in quotes. */
const MARK = /(?:^|\s)([!@#])(?:"([^"]+)"|([^\s!@#"]+))$/;

const DAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*";
const CLOCK = "(?:at )?(?:(\\d{1,2}):(\\d{2})|(\\d{1,2})(?::(\\d{2}))? ?(am|pm))";
const DAY = [
  "today|tonight|tomorrow|next week",
  "(?:next |on )?(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?",
  "in (?:\\d{1,3}|an?|one|two|three) (?:day|week|month)s?",
  "\\d{4}-\\d{2}-\\d{2}",
  `\\d{1,2}\\.? ${MONTH}(?: \\d{4})?`,
  `${MONTH} \\d{1,2}(?:,? \\d{4})?`,
].join("|");
const WHEN = new RegExp(`(?:^|\\s)(?:(?:by|due|on) )?(?:(?<day>${DAY})(?: (?<clock>${CLOCK}))?|(?<only>${CLOCK}))$`, "i");

/**
 * Returns `{ task, chips, unknown }`: the members that the line gives, a chip for each part that was
 * understood (`{ text, source }`), and the marks that are none, such as `!urgent`. `people` are the known
 * assignees: `@Ana Maria` is one of them even without quotes. Parts in `kept` stay in the title.
 */
export function parseLine(line, { people = [], kept = [], now = new Date() } = {}) {
  const task = { title: line.trim(), tags: [] };
  const chips = [];
  const unknown = [];
  const take = (source, text) => {
    task.title = task.title.slice(0, -source.length).trimEnd();
    chips.unshift({ text, source: source.trim() });
  };
  for (;;) {
    const part = readEnd(task, people, now);
    if (!part || kept.includes(part.source.trim())) break;
    if (part.unknown) {
      unknown.unshift(part.source.trim());
      break;
    }
    if (part.source.trim() === task.title) break;
    if (part.tag !== undefined) {
      if (!task.tags.includes(part.tag)) task.tags.unshift(part.tag);
    } else if (part.member in task) break;
    else task[part.member] = part.value;
    take(part.source, part.text);
  }
  return { task, chips, unknown };
}

function readEnd({ title }, people, now) {
  const person = people.find((name) => new RegExp(`(?:^|\\s)@${escape(name)}$`, "i").test(title));
  if (person) return { source: title.slice(-person.length - 1), member: "assignee", value: person, text: texts.assignee(person) };
  const mark = MARK.exec(title);
  if (mark) {
    const [source, sign, quoted, plain] = mark;
    const value = quoted ?? plain;
    if (sign === "@") return { source, member: "assignee", value, text: texts.assignee(value) };
    // A number of a task stays in the title.
    if (sign === "#" && /^\d+$/.test(value)) return null;
    if (sign === "#") return { source, tag: value, text: texts.tag(value) };
    const priority = value.toLowerCase();
    if (!(priority in messages.priority)) return { source, unknown: true };
    return { source, member: "priority", value: priority, text: texts.priority(messages.priority[priority]) };
  }
  const when = WHEN.exec(title);
  const date = when && readTime(when.groups, now);
  if (!date) return null;
  const value = date.toISOString();
  return { source: when[0], member: "due_at", value, text: texts.due(formatTime(value)) };
}

/** Returns the time, or null if there is no such day. Without a time of day, it is the day's last minute. */
function readTime({ day, clock, only }, now) {
  const [hour, minute] = readClock(clock ?? only) ?? [23, 59];
  if (hour > 23 || minute > 59) return null;
  const date = day ? readDay(day.toLowerCase(), now) : new Date(now);
  if (!date || Number.isNaN(date.getTime())) return null;
  date.setHours(hour, minute, 0, 0);
  if (!day && date <= now) date.setDate(date.getDate() + 1);
  return date;
}

function readClock(text) {
  const parts = text && new RegExp(`^${CLOCK}$`, "i").exec(text);
  if (!parts) return null;
  const [, hour, minute, half, halfMinute, suffix] = parts;
  if (hour) return [Number(hour), Number(minute)];
  if (half < 1 || half > 12) return [99, 99];
  return [(Number(half) % 12) + (suffix.toLowerCase() === "pm" ? 12 : 0), Number(halfMinute ?? 0)];
}

function readDay(text, now) {
  const later = (days, months = 0) => new Date(now.getFullYear(), now.getMonth() + months, now.getDate() + days);
  if (text === "today" || text === "tonight") return later(0);
  if (text === "tomorrow") return later(1);
  if (text === "next week") return later(7);
  const [, count, unit] = /^in (\w+) (day|week|month)/.exec(text) ?? [];
  if (unit) {
    const number = { a: 1, an: 1, one: 1, two: 2, three: 3 }[count] ?? Number(count);
    return unit === "month" ? later(0, number) : later(number * (unit === "week" ? 7 : 1));
  }
  if (/^\d{4}-/.test(text)) return inYear(...text.split("-").map((part, index) => Number(part) - (index === 1)));
  const named = /^(\d{1,2})\.? ([a-z]{3})[a-z]*(?: (\d{4}))?$/.exec(text);
  const swapped = /^([a-z]{3})[a-z]* (\d{1,2})(?:,? (\d{4}))?$/.exec(text);
  const [date, name, year] = named ? named.slice(1) : swapped ? [swapped[2], swapped[1], swapped[3]] : [];
  if (date && MONTHS.includes(name)) {
    const found = inYear(Number(year ?? now.getFullYear()), MONTHS.indexOf(name), Number(date));
    // Without a year, a day in the past is one of next year.
    if (found && !year && found < later(0)) return inYear(now.getFullYear() + 1, MONTHS.indexOf(name), Number(date));
    return found;
  }
  const weekday = DAYS.findIndex((name) => name.startsWith(text.replace(/^(next|on) /, "").slice(0, 3)));
  return later((weekday - now.getDay() + 7) % 7 || 7);
}

/** Returns the day, or null for one such as 31 June. */
function inYear(year, month, day) {
  const date = new Date(year, month, day);
  return date.getMonth() === month && date.getDate() === day ? date : null;
}

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Parses several lines, each with its number in the text. Lines without a task are ignored. */
export function parseLines(text, options) {
  return text
    .split("\n")
    .map((source, index) => ({ source, number: index + 1, line: source.replace(LIST_MARKER, "").trim() }))
    .filter(({ line }) => line)
    .map(({ source, number, line }) => ({ source, number, ...parseLine(line, options) }));
}
