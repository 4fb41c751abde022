// Says when tasks may have changed elsewhere: by the service's change feed, and where that does
// not answer, by asking every few seconds. A page that nobody sees does neither.

import { connected } from "./api.js";

const EVENTS = ["task.created", "task.updated", "task.deleted", "reset", "message"];

/** How often to ask where there is no feed, and while the service cannot be reached. */
const POLL_MS = 4_000;
const RETRY_MS = 1_500;
/** How long to ask before the feed is tried again. */
const REOPEN_MS = 30_000;

/** Calls back, from now on, whenever something may have changed. */
export function follow(onChange) {
  let source = null;
  let closedAt = -Infinity;

  function open() {
    source = new EventSource("events");
    // What changed between the last answer and this moment is in no event.
    source.addEventListener("open", onChange);
    for (const name of EVENTS) source.addEventListener(name, onChange);
    source.addEventListener("error", () => {
      // The browser connects again by itself, unless the answer was no feed.
      if (source?.readyState === EventSource.CLOSED) close();
      onChange();
    });
  }

  function close() {
    source?.close();
    source = null;
    closedAt = performance.now();
  }

  function tick() {
    if (!document.hidden) {
      if (!source && performance.now() - closedAt > REOPEN_MS) open();
      if (!source || !connected.value) onChange();
    }
    setTimeout(tick, connected.value ? POLL_MS : RETRY_MS);
  }

  document.addEventListener("visibilitychange", () => {
    close();
    if (document.hidden) return;
    closedAt = -Infinity;
    open();
    onChange();
  });
  addEventListener("online", onChange);
  addEventListener("offline", () => (connected.value = false));
  tick();
}
