// What the page tells: messages that go away again, and banners that stay as long as they hold.

import { connected, revision } from "./api.js";
import { messages } from "./messages.js";
import { html, state, useEffect, useRef, useShared } from "./ui.js";

const texts = messages.notices;

/** How long a message stays: longer where it offers something to do. */
const PLAIN_MS = 6_000;
const OFFER_MS = 20_000;

/** The last messages, the newest last. */
const said = state([]);
let count = 0;

/**
 * Tells something, in the place of what was told before. `undo` and `again` are what the person may
 * do about it: the last such offer stays.
 */
export function say(text, { undo, again } = {}) {
  const act = undo ?? again;
  const label = undo ? messages.remove.undo : messages.list.again;
  count += 1;
  const offers = said.value.filter((notice) => notice.act).slice(-1);
  said.value = [...(act ? [] : offers), { key: count, text, act, label }];
}

const dismiss = (notice) => (said.value = said.value.filter((other) => other !== notice));

export function Notices() {
  const notices = useShared(said);
  return html`<section class="notices" role="log" aria-label=${texts.label}>
    ${notices.map((notice) => html`<${Notice} key=${notice.key} notice=${notice} />`)}
  </section>`;
}

/** A message waits while it is pointed at or has the focus. */
function Notice({ notice }) {
  const timer = useRef(null);
  const hold = () => clearTimeout(timer.current);
  const leave = () => {
    hold();
    timer.current = setTimeout(() => dismiss(notice), notice.act ? OFFER_MS : PLAIN_MS);
  };
  useEffect(() => {
    leave();
    return hold;
  }, []);
  const act = () => {
    dismiss(notice);
    notice.act();
  };
  return html`<div
    class="notice"
    onMouseEnter=${hold}
    onMouseLeave=${leave}
    onFocusIn=${hold}
    onFocusOut=${leave}
  >
    <p>${notice.text}</p>
    ${notice.act && html`<button class="plain" onClick=${act}>${notice.label}</button>`}
    <button class="plain icon" aria-label=${texts.dismiss} onClick=${() => dismiss(notice)}>×</button>
  </div>`;
}

/** Says that the service is away, or that the page is of yesterday. */
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
