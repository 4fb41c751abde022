// The slow statements of the logic: their route, how long they took, and the database's plan.

import { html, nothing } from "./lit-html.js";
import { duration, time } from "./format.js";
import { expandableList } from "./list.js";
import { t } from "./messages.js";
import { state } from "./state.js";

const COLLAPSED_COUNT = 5;

/** Renders nothing while no statement was slow: most hosts have none. */
export function statements(redraw) {
  if (state.statements.length === 0) return nothing;
  return html`
    <section aria-labelledby="statements-heading">
      <h2 id="statements-heading">${t.statements.heading} <span class="hint">${t.statements.hint}</span></h2>
      <div class="card">
        ${expandableList("statements", state.statements, COLLAPSED_COUNT, t.statements, (shown) => html`
          <ul class="failures">${shown.map(slow)}</ul>`, redraw)}
      </div>
    </section>`;
}

function slow(entry) {
  return html`
    <li>
      <div class="line">
        <b class="bad">${duration(entry.longest_ms)}</b>
        <span>${entry.route}</span>
        <time datetime=${entry.at}>${time(entry.at)}</time>
      </div>
      <p class="reason"><code>${entry.statement}</code></p>
      <p class="hint">${t.statements.count(entry.count, duration(entry.last_ms))}</p>
      ${entry.plan === null ? html`<p class="hint">${t.statements.noPlan}</p>` : html`
        <details><summary>${t.statements.plan}<span class="away"> ${entry.route}</span></summary>
          <pre tabindex="0">${entry.plan}</pre></details>`}
    </li>`;
}
