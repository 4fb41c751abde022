// The exports of a component: each call is lifted, run and lowered, and errors that nothing handled are logged.

import { camel } from "./names.ts";
import { operationsOf, parametersOf, serviceOf } from "./describe.ts";
import { useEngine, wide, type Engine } from "./engine.ts";
import { Cursor, CursorType } from "./page.ts";
import {
  platform,
  reported,
  StatementError,
  usePlatform,
  type Event,
  type Level,
  type Parameter,
  type Platform,
} from "./platform.ts";
import type { Operation } from "./operation.ts";
import { Problem } from "./problem.ts";
import { sourceStack } from "./stack.ts";
import type { Cell } from "./types.ts";
import { utf8 } from "./utf8.ts";

/** The interfaces that the host offers. */
export interface Imports {
  sql: {
    engine(): "sqlite" | "postgres";
    query(statement: string, params: unknown[]): EngineRows;
    execute(statement: string, params: unknown[]): number | bigint;
  };
  log: { write(level: Level, message: string, fields: [string, string][]): void };
  events: { publish(event: Event): void };
  /** Returns random bytes. */
  random(count: number): Uint8Array;
}

type Span = { start: number; len: number };
interface EngineRows {
  width: number;
  cells: { tag: string; val?: any }[];
  heap: ArrayLike<number>;
}

/** What the build found in the project's folders. */
export interface Parts {
  engine: Engine;
  description: object;
  assets: { path: string; mediaType: string; content: Uint8Array }[];
}

/** Makes the exports of a component: those of the platform's interface `service`, and the operations. */
export function component(module: Record<string, unknown>, parts: Parts, imports: Imports) {
  useEngine(parts.engine);
  const { options } = serviceOf(module);
  const guard = prepare(imports);
  const operations = operationsOf(module).map(([name, operation]) => {
    // Stacks show this name.
    Object.defineProperty(operation.spec.run, "name", { value: camel(name) });
    return [camel(name), guard(exported(operation))];
  });
  const service = {
    describe: () => parts.description,
    assets: () => parts.assets,
    check() {
      try {
        start(imports);
        options.check?.();
      } catch (error) {
        throw error instanceof Problem ? error.message : `${log(error).title}: ${String(error)}`;
      }
    },
    health() {
      try {
        start(imports);
        return Object.entries(options.health?.() ?? {}).map(([name, value]) => [name, wide(value)]);
      } catch (error) {
        throw error instanceof Problem ? error.message : log(error).title;
      }
    },
  };
  return { service, operations: Object.fromEntries(operations) };
}

/** Returns an operation as an export: with the engine's values, one after the other. */
function exported(operation: Operation) {
  const { spec } = operation;
  const given = Object.entries(spec.params ?? {}) as [string, any][];
  return (...values: unknown[]) => {
    const params: Record<string, unknown> = {};
    let next = 0;
    for (const [name, type] of given) {
      if (type instanceof CursorType) {
        const [after, limit] = type.parameters.map(([, part]) => part.lift(values[next++]));
        params[name] = new Cursor({ after, limit });
      } else {
        params[name] = type.lift(values[next++]);
      }
    }
    const result = operation(params as never);
    return spec.returns?.lower(result);
  };
}

/** Logs an error with the stack of the sources. */
function log(error: unknown): Problem {
  if (error instanceof Error && !(error instanceof Problem)) {
    Object.defineProperty(error, "stack", { value: sourceStack(error) });
  }
  return reported(error);
}

/** Prepares an instance for its call. */
function start(imports: Imports) {
  if (ready) return;
  ready = true;
  usePlatform(host(imports));
  globals(imports.random);
}
let ready = false;

/** Returns a function that makes an export of an operation. */
function prepare(imports: Imports) {
  return <A extends unknown[], R>(body: (...values: A) => R) =>
    (...values: A): R => {
      try {
        start(imports);
        return body(...values);
      } catch (error) {
        const { status, code, title, details } = log(error);
        const { detail = null, errors = [], extensions = {} } = details;
        throw { status, code, title, detail, errors, extensions: Object.entries(extensions) };
      }
    };
}

/** The host, as the platform of the logic. */
function host({ sql, log, events }: Imports): Platform {
  return {
    dialect: () => sql.engine(),
    query(statement, parameters) {
      const { width, cells, heap } = attempt(statement, () => sql.query(statement, parameters.map(value)));
      const bytes = heap instanceof Uint8Array ? heap : Uint8Array.from(heap);
      const rows: Cell[][] = [];
      for (let at = 0; at < cells.length; at += width) {
        rows.push(cells.slice(at, at + width).map((cell) => read(cell, bytes)));
      }
      return { rows };
    },
    execute: (statement, parameters) =>
      Number(attempt(statement, () => sql.execute(statement, parameters.map(value)))),
    publish: (event) => events.publish(event),
    log: (level, message, fields) => log.write(level, message, fields),
    now: () => new Date(),
    operation: (_readOnly, body) => body(),
  };
}

function attempt<T>(statement: string, body: () => T): T {
  try {
    return body();
  } catch (error: any) {
    // Engines throw the failure itself, or an error around it.
    const failure = error?.payload ?? error;
    if (typeof failure?.cause !== "string" || typeof failure.detail !== "string") throw error;
    throw new StatementError(failure.cause, failure.detail, statement, failure.constraint ?? null);
  }
}

function value(parameter: Parameter) {
  switch (typeof parameter) {
    case "boolean":
      return { tag: "boolean", val: parameter };
    case "bigint":
      return { tag: "integer", val: wide(Number(parameter)) };
    case "number":
      return Number.isSafeInteger(parameter)
        ? { tag: "integer", val: wide(parameter) }
        : { tag: "real", val: parameter };
    case "string":
      return { tag: "text", val: parameter };
  }
  if (parameter instanceof Date) return { tag: "integer", val: wide(parameter.getTime() * 1000) };
  return parameter ? { tag: "blob", val: parameter } : { tag: "null" };
}

function read({ tag, val }: EngineRows["cells"][0], heap: Uint8Array): Cell {
  const bytes = ({ start, len }: Span) => heap.subarray(start, start + len);
  switch (tag) {
    case "null":
      return null;
    case "text":
      return utf8(bytes(val));
    case "blob":
      return bytes(val).slice();
    case "integer":
      return Number(val);
    default:
      return val;
  }
}

/**
 * Sets the global functions that a request needs. Engines make their random numbers from a seed that is a part of the
 * component, and QuickJS has neither `crypto` nor `console`.
 */
function globals(random: Imports["random"]) {
  let pool: Uint8Array = new Uint8Array(0);
  let used = 0;
  const take = (count: number): Uint8Array => {
    if (used + count > pool.length) {
      pool = random(Math.max(count, 256));
      used = 0;
    }
    used += count;
    return pool.subarray(used - count, used);
  };
  Math.random = () => {
    const [a, b, c, d, e, f, g] = take(7) as unknown as number[];
    // 53 bits.
    return ((a! & 31) * 2 ** 48 + b! * 2 ** 40 + c! * 2 ** 32 + d! * 2 ** 24 + e! * 2 ** 16 + f! * 2 ** 8 + g!) / 2 ** 53;
  };
  const getRandomValues = <T extends ArrayBufferView>(array: T): T => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    if (bytes.length > 65536) throw new RangeError("crypto.getRandomValues gives at most 65536 bytes");
    bytes.set(take(bytes.length));
    return array;
  };
  const randomUUID = () => {
    const bytes = take(16).slice();
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  };
  define("crypto", { getRandomValues, randomUUID });
  const write =
    (level: Level) =>
    (...values: unknown[]) =>
      platform().log(level, values.map(shown).join(" "), []);
  const info = write("info");
  define("console", { debug: write("debug"), log: info, info, warn: write("warn"), error: write("error") });
}

function define(name: string, value: object) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

// What a module writes while it is loaded, at build time, is written by the build's own run of the module.
const nothing = () => {};
define("console", { debug: nothing, log: nothing, info: nothing, warn: nothing, error: nothing });

function shown(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return sourceStack(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
