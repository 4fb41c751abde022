// A list that shows its first few items until the user expands it.

import { html, nothing } from "./lit-html.js";

/** The names of the lists that are expanded. */
const expanded = new Set();

/**
 * Renders a list that shows `collapsedCount` items until it is expanded. `texts` has the button's labels
 * `all(count)` and `fewer`. `renderItems` renders the visible items.
 */
export function expandableList(name, items, collapsedCount, texts, renderItems, redraw) {
  const isExpanded = expanded.has(name);
  const toggle = () => {
    if (isExpanded) expanded.delete(name);
    else expanded.add(name);
    redraw();
  };
  return html`
    ${renderItems(isExpanded ? items : items.slice(0, collapsedCount))}
    ${items.length <= collapsedCount ? nothing : html`
      <button class="quiet more" aria-expanded=${isExpanded ? "true" : "false"} @click=${toggle}>
        ${isExpanded ? texts.fewer : texts.all(items.length)}</button>`}`;
}
