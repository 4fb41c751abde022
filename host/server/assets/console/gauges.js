// How much of its limits the host uses now: a bar for each.

import { html, nothing } from "./lit-html.js";
import { number, size } from "./format.js";
import { t } from "./messages.js";
import { state } from "./state.js";

/** The share of a limit from which on a bar warns. */
const NEARLY = 0.8;

export function gauges() {
  // What is turned off has no limit.
  const shown = state.gauges.filter(({ limit }) => limit > 0);
  if (shown.length === 0) return nothing;
  return html`
    <section aria-labelledby="gauges-heading">
      <h2 id="gauges-heading">${t.gauges.heading} <span class="hint">${t.gauges.hint}</span></h2>
      <ul class="card gauges">${shown.map(gauge)}</ul>
    </section>`;
}

function gauge({ name, value, limit, flag }) {
  const format = name.endsWith("-bytes") ? size : number;
  const label = t.gauges.names[name] ?? name;
  const isNear = value >= limit * NEARLY;
  return html`
    <li class=${isNear ? "near" : ""}>
      <span>${label} <span class="hint"><code>${flag}</code></span></span>
      <span class="value">${t.gauges.of(format(value), format(limit))}${
        isNear ? html`<span class="away"> ${t.gauges.near}</span>` : nothing}</span>
      <progress max=${limit} value=${Math.min(value, limit)} aria-label=${label}></progress>
    </li>`;
}
