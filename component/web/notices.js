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
 * Shows a notice in place of the previous one. `undo` or `retry` is called if the user presses the
 * notice's button. The latest notice with a button stays when a notice without one follows.
 */
export function notify(text, { undo, retry } = {}) {
  const act = undo ?? retry;
  const label = undo ? messages.remove.undo : messages.list.retry;
  count += 1;
  const withAction = current.value.filter((notice) => notice.act).slice(-1);
  current.value = [...(act ? [] : withAction), { key: count, text, act, label }];
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
    <p>${notice.text}</p>
    ${notice.act && html`<button class="plain" onClick=${act}>${notice.label}</button>`}
    <button class="plain icon" aria-label=${texts.dismiss} onClick=${() => dismiss(notice)}>×</button>
  </div>`;
}

/** Shows that the service cannot be reached, or that a new version of the page is available. */
export function Banners() {
  const isConnected = useShared(connected);
  const isOutdated = useShared(revision.outdated);
  return html`<div class="banners" role="alert">
    ${!isConnected && html`<p class="banner warn">${texts.offline}</p>`}
    ${isConnected &&
    isOutdated &&
    html`<p class="banner">
      ${texts.outdated}
      <button onClick=${() => location.reload()}>${texts.reload}</button>
    </p>`}
  </div>`;
}
