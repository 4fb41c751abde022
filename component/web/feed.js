// Reports when tasks may have changed elsewhere. It listens to the service's change feed; while the
// feed is not available, it polls. A hidden page does neither.

import { connected } from "./api.js";

const EVENTS = ["task.created", "task.updated", "task.deleted", "tasks.updated", "reset", "message"];

/** Interval of polling without a feed, and of retries while the service cannot be reached. */
const POLL_MS = 4_000;
const RETRY_MS = 1_500;
/** How long to poll before trying the feed again. */
const REOPEN_MS = 30_000;

/** Calls `onChange` whenever tasks may have changed, for as long as the page lives. */
export function followChanges(onChange) {
  let source = null;
  let closedAt = -Infinity;

  function open() {
    source = new EventSource("events");
    // Changes between the last response and this moment are not in any event.
    source.addEventListener("open", onChange);
    for (const name of EVENTS) source.addEventListener(name, onChange);
    source.addEventListener("error", () => {
      // The browser reconnects automatically, unless the response was not an event stream.
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
