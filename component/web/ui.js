// What every part of the page is written with: Preact, its hooks, templates, and state that
// several parts share.

import { h, render } from "./vendor/preact.js";
import {
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "./vendor/preact-hooks.js";
import htm from "./vendor/htm.js";

export { render, useEffect, useId, useLayoutEffect, useMemo, useRef, useState };

/** Markup as a template. Texts in it are always texts: nothing here reads HTML from a value. */
export const html = htm.bind(h);

/** A value that parts of the page share, and hear of when it changes. */
export function state(value) {
  const listeners = new Set();
  return {
    get value() {
      return value;
    },
    set value(next) {
      if (Object.is(value, next)) return;
      value = next;
      for (const listener of [...listeners]) listener(value);
    },
    /** Calls back at each change, until the returned function is called. */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The value of such a state in a component, which is rendered anew when it changes. */
export function useShared(shared) {
  // Wrapped: what is shared may be a function, which `set` would call.
  const [now, set] = useState({ value: shared.value });
  useLayoutEffect(() => {
    const update = (value) => set((now) => (Object.is(now.value, value) ? now : { value }));
    update(shared.value);
    return shared.subscribe(update);
  }, [shared]);
  return now.value;
}
