// Operations that show what JavaScript's standard library does in a component: random numbers, time, output, errors.

import { get, integer, list, number, record, sql, string } from "task-host-sdk";

/** What the standard library says in one request. */
export const Sample = record({
  uuid: string(),
  numbers: list(number()),
  bytes: list(integer()),
  /** Seconds since 1970. */
  clock: number(),
});

/** Returns what is random, and the time. */
export const chance = get("/chance", {
  returns: Sample,
  run: () => ({
    uuid: crypto.randomUUID(),
    numbers: [Math.random(), Math.random()],
    bytes: [...crypto.getRandomValues(new Uint8Array(4))],
    clock: Date.now() / 1000,
  }),
});

/** Writes a text to the log. */
export const print = get("/print", {
  params: { text: string() },
  run({ text }) {
    console.log(text, { length: text.length });
    console.error(text);
  },
});

/** Fails with an error that nothing handles. */
export const panic = get("/panic", {
  params: { message: string() },
  run({ message }) {
    throw new TypeError(message);
  },
});

/** Fails because a statement is wrong. */
export const broken = get("/broken", {
  returns: integer(),
  run: () => sql`select no_such_column from bookmarks`.one(integer()),
});

/** Runs forever. */
export const busy = get("/busy", {
  run() {
    for (;;);
  },
});

/** Takes more and more memory. */
export const hungry = get("/hungry", {
  run() {
    const kept: Uint8Array[] = [];
    for (;;) kept.push(new Uint8Array(1 << 20).fill(1));
  },
});
