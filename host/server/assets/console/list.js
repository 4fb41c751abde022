// A list of which the first few are shown until somebody asks for all.

import { html, nothing } from "./lit-html.js";

/** The lists that somebody asked for. */
const opened = new Set();

/** `texts` has `all(count)` and `fewer`; `list` renders the items that are shown. */
export function list(name, items, few, texts, list, redraw) {
  const open = opened.has(name);
  const turn = () => {
    if (open) opened.delete(name);
    else opened.add(name);
    redraw();
  };
  return html`
    ${list(open ? items : items.slice(0, few))}
    ${items.length <= few ? nothing : html`
      <button class="quiet more" aria-expanded=${open ? "true" : "false"} @click=${turn}>
        ${open ? texts.fewer : texts.all(items.length)}</button>`}`;
}
