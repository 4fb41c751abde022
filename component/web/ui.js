// What every part of the page is built with: Preact, its hooks, templates, and shared state.

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

/** Builds markup from a template literal. Inserted values become text, never HTML. */
export const html = htm.bind(h);

/** Creates a value that several parts of the page share and can subscribe to. */
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
    /** Calls `listener` at each change, until the returned function is called. */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/**
 * Returns the current value of a shared state, or what `select` takes from it, and renders the component again
 * when that changes.
 */
export function useShared(shared, select = (value) => value) {
  // Wrapped in an object, because the value may be a function, which `set` would call.
  const [current, set] = useState({ value: select(shared.value) });
  useLayoutEffect(() => {
    const update = (whole) => {
      const value = select(whole);
      set((current) => (Object.is(current.value, value) ? current : { value }));
    };
    update(shared.value);
    return shared.subscribe(update);
  }, [shared]);
  return current.value;
}
