// Logic in Node: tests with SQLite in memory, in the place of the host.
//
// Each test has a database of its own with the service's migrations. Each operation that it calls is a transaction, as
// on the host: if it fails, nothing of it is kept, and after a failed statement no other one runs. A GET cannot write.
// The host's limits, and the bounds on values of requests, do not apply.

import { test as nodeTest } from "node:test";

import sqlite from "node-sqlite3-wasm";

import { migrations } from "../build/files.js";
import { StatementError, usePlatform, type Cause, type Event, type Level, type Parameter } from "./platform.ts";
import { reported, type Platform, type Rows } from "./platform.ts";
import { Problem } from "./problem.ts";
import { theService } from "./service.ts";
import type { Cell } from "./types.ts";

let current: Database | undefined;

/** Runs a test with Node's own runner, on a new database with the migrations of the service. */
export function test(name: string, body: () => void) {
  nodeTest(name, () => {
    const database = new Database(theService().options.migrations);
    current = database;
    usePlatform(database);
    try {
      const result: unknown = body();
      if (result instanceof Promise) throw new TypeError("a test of logic is not async, because operations are not");
    } finally {
      usePlatform(undefined);
      current = undefined;
      database.close();
    }
  });
}

/** Runs the service's self-test, as the host does before the service is used. What it writes is undone. */
export function check() {
  running().undone(() => theService().options.check?.());
}

/** Returns the events of the operations that succeeded, in order. */
export function events(): Event[] {
  return [...running().events];
}

/** Returns the lines that were logged: level, message and fields. */
export function logLines(): string[] {
  return [...running().lines];
}

/** Sets the time of the requests that follow. */
export function setNow(time: Date) {
  running().time = time;
}

/**
 * Returns the problem that the client receives if `body` fails, which it must. An error that is no problem is logged,
 * and the client receives a problem that shows nothing of it.
 */
export function problemOf(body: () => unknown): Problem {
  try {
    body();
  } catch (error) {
    return reported(error);
  }
  throw new Error("a problem was expected, but there was none");
}

function running(): Database {
  if (!current) throw new Error("there is no database here: it exists in test(…) only");
  return current;
}

/** The state of an operation. */
interface Running {
  readOnly: boolean;
  /** A statement failed, so no other one runs. */
  failed: boolean;
  events: Event[];
}

class Database implements Platform {
  readonly events: Event[] = [];
  readonly lines: string[] = [];
  time = new Date();
  private readonly connection = new sqlite.Database(":memory:");
  private operationRuns: Running | undefined;

  constructor(folder: string | undefined) {
    for (const { name, sqlite: text } of folder ? migrations(folder) : []) {
      try {
        this.connection.exec(text);
      } catch (error) {
        throw new Error(`the migration ${name} fails: ${(error as Error).message}`);
      }
    }
  }

  close() {
    this.connection.close();
  }

  dialect() {
    return "sqlite" as const;
  }

  now() {
    return new Date(this.time);
  }

  query(statement: string, parameters: Parameter[]): Rows {
    const rows = this.run(statement, parameters);
    const [first] = rows;
    return { ...(first && { columns: Object.keys(first) }), rows: rows.map((row) => Object.values(row).map(cell)) };
  }

  execute(statement: string, parameters: Parameter[]): number {
    this.run(statement, parameters);
    return Number(this.connection.get("select changes() as changes")!.changes);
  }

  publish(event: Event) {
    const operation = this.operationRuns;
    if (operation?.readOnly) throw new Error("a GET publishes no events; the host answers 500");
    (operation ?? this).events.push(event);
  }

  log(level: Level, message: string, fields: [string, string][]) {
    const line = [`${level} ${message}`, ...fields.map(([name, value]) => `${name}=${JSON.stringify(value)}`)].join(" ");
    this.lines.push(line);
  }

  operation<T>(readOnly: boolean, body: () => T): T {
    // An operation that another one calls is a part of that one.
    if (this.operationRuns) return body();
    const operation: Running = { readOnly, failed: false, events: [] };
    this.operationRuns = operation;
    this.connection.exec("savepoint operation");
    let keep = false;
    try {
      const result = body();
      if (operation.failed) {
        throw new Error("the operation returned a success after a failed statement; the host answers 500");
      }
      keep = !readOnly;
      this.events.push(...operation.events);
      return result;
    } finally {
      this.operationRuns = undefined;
      if (!keep) this.connection.exec("rollback to operation");
      this.connection.exec("release operation");
    }
  }

  /** Runs code, and undoes what it wrote. */
  undone(body: () => void) {
    this.connection.exec("savepoint undone");
    try {
      body();
    } finally {
      this.connection.exec("rollback to undone; release undone");
    }
  }

  private run(statement: string, parameters: Parameter[]) {
    const operation = this.operationRuns;
    if (operation?.failed) {
      throw new StatementError("other", "an earlier statement failed, so the transaction cannot continue", statement);
    }
    const values = Object.fromEntries(parameters.map((parameter, index) => [`$${index + 1}`, bound(parameter)]));
    if (operation?.readOnly) this.connection.exec("pragma query_only = on");
    try {
      return this.connection.all(statement, values) as Record<string, unknown>[];
    } catch (error) {
      if (operation) operation.failed = true;
      throw failure(error as Error, statement);
    } finally {
      if (operation?.readOnly) this.connection.exec("pragma query_only = off");
    }
  }
}

function bound(parameter: Parameter) {
  if (parameter instanceof Date) return BigInt(parameter.getTime()) * 1000n;
  return parameter ?? null;
}

function cell(value: unknown): Cell {
  return typeof value === "bigint" ? Number(value) : (value as Cell);
}

/** Returns the failure that the host returns for an error of SQLite. */
function failure({ message }: Error, statement: string): StatementError {
  if (message.includes("readonly database")) {
    const advice = "a GET only reads; use another method for a statement that writes";
    return new StatementError("other", advice, statement);
  }
  const [, rule, constraint] = /^(UNIQUE|FOREIGN KEY|CHECK|NOT NULL) constraint failed(?:: (.*))?$/.exec(message) ?? [];
  const cause = rule ? (rule.toLowerCase().replace(" ", "-") as Cause) : "other";
  return new StatementError(cause, message, statement, constraint ?? null);
}
