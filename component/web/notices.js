// Notices that disappear after a while, and banners that stay as long as their condition holds.

import { connected, revision } from "./api.js";
import { messages } from "./messages.js";
import { html, state, useEffect, useRef, useShared } from "./ui.js";

const texts = messages.notices;

/** How long a notice stays. One with an action stays longer. */
const PLAIN_MS = 6_000;
const ACTION_MS = 20_000;

/** The notices on the page, the newest last. */
const current = state([]);
let count = 0;

/**
 * Shows a notice in place of the previous one. `undo`, `retry` or `open` is called if the user presses the
 * notice's button. The latest notice with a button stays when a notice without one follows. Returns a
 * function that says whether the notice is still shown.
 */
export function notify(text, { undo, retry, open, isUnreachable = false } = {}) {
  const act = undo ?? retry ?? open;
  const label = undo ? messages.remove.undo : retry ? messages.list.retry : messages.add.open;
  count += 1;
  const withAction = current.value.filter((notice) => notice.act).slice(-1);
  const notice = { key: count, text, act, label, undo, isUnreachable };
  current.value = [...(act ? [] : withAction), notice];
  return () => current.value.includes(notice);
}

/** Undoes the last change, if its notice is still shown. Returns whether there was one. */
export function undoLast() {
  const notice = current.value.findLast(({ undo }) => undo);
  if (!notice) return false;
  dismiss(notice);
  notice.undo();
  return true;
}

const dismiss = (notice) => (current.value = current.value.filter((other) => other !== notice));

export function Notices() {
  const notices = useShared(current);
  return html`<section class="notices" role="log" aria-label=${texts.label}>
    ${notices.map((notice) => html`<${Notice} key=${notice.key} notice=${notice} />`)}
  </section>`;
}

/** Does not disappear while the pointer is over it or it has the focus. */
function Notice({ notice }) {
  const isConnected = useShared(connected);
  const timer = useRef(null);
  const stopTimer = () => clearTimeout(timer.current);
  const startTimer = () => {
    stopTimer();
    timer.current = setTimeout(() => dismiss(notice), notice.act ? ACTION_MS : PLAIN_MS);
  };
  useEffect(() => {
    startTimer();
    return stopTimer;
  }, []);
  const act = () => {
    dismiss(notice);
    notice.act();
  };
  return html`<div
    class="notice"
    onMouseEnter=${stopTimer}
    onMouseLeave=${startTimer}
    onFocusIn=${stopTimer}
    onFocusOut=${startTimer}
  >
    <p dir="auto">${notice.isUnreachable && isConnected ? messages.reachable : notice.text}</p>
    ${notice.act && html`<button class="plain" onClick=${act}>${notice.label}</button>`}
    <button class="plain icon" aria-label=${texts.dismiss} onClick=${() => dismiss(notice)}>×</button>
  </div>`;
}

/** Shows that a new version of the page is available. The header shows that the service cannot be reached. */
export function Banners() {
  const isOutdated = useShared(revision.outdated);
  return html`<div class="banners" role="alert">
    ${isOutdated &&
    html`<p class="banner">
      ${texts.outdated}
      <button onClick=${() => location.reload()}>${texts.reload}</button>
    </p>`}
  </div>`;
}
