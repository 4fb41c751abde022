// An operation with a value of every type, which it returns.

import {
  bool, bytes, datetime, enumeration, integer, list, map, number, optional, patch, record, string, variant,
} from "task-host-sdk";

export const Size = enumeration("small", "very_large");

export const Shape = variant({
  /** Its radius. */
  circle: number(),
  no_shape: null,
});

export const Inner = record({ size: Size });

export const Everything = record({
  text: string(),
  whole: integer(),
  fraction: number(),
  yes: bool(),
  bytes: bytes(),
  dueAt: datetime(),
  size: Size,
  shapes: list(Shape),
  inner: optional(Inner),
  numbers: map(optional(integer())),
  /** Absent, null and a text are three values. */
  change: optional(optional(string())),
});

/** Returns what it gets. */
export const echo = patch("/echo", {
  params: { everything: Everything },
  returns: Everything,
  run: ({ everything }) => everything,
});
