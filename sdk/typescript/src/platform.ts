// What the logic runs on: the host in a component, and SQLite in memory in a test.

import type { Cell } from "./types.ts";
import { Problem } from "./problem.ts";

/** A parameter of a statement. A `Date` is stored as microseconds since 1970. */
export type Parameter = null | undefined | boolean | number | bigint | string | Uint8Array | Date;

/** The rows of a statement. Only a test knows the names of the columns. */
export interface Rows {
  columns?: string[];
  rows: Cell[][];
}

/** What happened, for clients that follow `GET /events`. */
export interface Event {
  kind: string;
  subject: string;
  attributes: [string, string][];
}

export type Level = "debug" | "info" | "warn" | "error";

export interface Platform {
  dialect(): "sqlite" | "postgres";
  /** Throws a `StatementError` if the statement fails. */
  query(statement: string, parameters: Parameter[]): Rows;
  execute(statement: string, parameters: Parameter[]): number;
  publish(event: Event): void;
  log(level: Level, message: string, fields: [string, string][]): void;
  now(): Date;
  /** Runs an operation. In a test it is a transaction of its own. */
  operation<T>(readOnly: boolean, body: () => T): T;
}

/** The rule that a statement broke. `other`: the statement itself is wrong. */
export type Cause = "unique" | "foreign-key" | "check" | "not-null" | "other";

/** A statement failed. If nothing handles it, the log gets it with the statement, and the client gets 500 without it. */
export class StatementError extends Error {
  override readonly name = "StatementError";
  constructor(
    readonly reason: Cause | "missing",
    message: string,
    readonly statement: string,
    readonly constraint: string | null = null,
  ) {
    super(message);
  }
}

let current: Platform | undefined;

/** Sets the platform. A component does it before its first call, and a test when it begins. */
export function usePlatform(platform: Platform | undefined) {
  current = platform;
}

/** Returns the platform of the running call. */
export function platform(): Platform {
  if (!current) {
    throw new Error(
      "there is no request here: logic runs in an operation, and on the build machine in test(…) of task-host-sdk/testing",
    );
  }
  return current;
}

/** Logs an error that nothing handled, and returns the problem that the client receives: it shows nothing of it. */
export function reported(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const fields: [string, string][] = [];
  let message: string;
  if (error instanceof Error) {
    message = `${error.name}: ${error.message}`;
    if (error instanceof StatementError) {
      if (error.constraint) fields.push(["error.constraint", error.constraint]);
      fields.push(["db.query.text", error.statement]);
    }
    fields.push(["exception.type", error.name], ["exception.message", error.message]);
    if (error.stack) fields.push(["exception.stacktrace", error.stack.trimEnd()]);
  } else {
    message = `a value that is no Error was thrown: ${String(error)}`;
  }
  platform().log("error", message, fields);
  return new Problem(500, "service-failed", "The service failed");
}
