// The time, the events and the log of a request.

import { platform, type Level } from "./platform.ts";

/** Returns the time of the request. It stands still during the request. */
export function now(): Date {
  return platform().now();
}

/** Returns the dialect of the database behind this request. */
export function dialect(): "sqlite" | "postgres" {
  return platform().dialect();
}

/**
 * Publishes an event: what happened as `thing.verb`, what it happened to, and facts about it. Clients that follow
 * `GET /events` receive it if the transaction commits.
 */
export function publish(kind: string, subject: string | number, attributes: Record<string, string | number> = {}) {
  platform().publish({ kind, subject: String(subject), attributes: pairs(attributes) });
}

/**
 * Writes a line to the log: its level, a message that makes sense alone, and facts. Put no text from users into it.
 *
 * `console.log` and its like write to the log, too.
 */
export function log(level: Level, message: string, fields: Record<string, unknown> = {}) {
  platform().log(level, message, pairs(fields));
}

function pairs(values: Record<string, unknown>): [string, string][] {
  return Object.entries(values).map(([name, value]) => [name, String(value)]);
}
