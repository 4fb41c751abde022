// Failed requests in groups: those of one route that failed in the same way at the same place. Each opens
// to the recording of its last request.

import { html, nothing } from "./lit-html.js";
import { number, time } from "./format.js";
import { expandableList } from "./list.js";
import { t } from "./messages.js";
import { recording } from "./recording.js";
import { state } from "./state.js";

const COLLAPSED_COUNT = 6;

/** Renders nothing while no request has failed. */
export function failureGroups(redraw) {
  const { groups, others } = state.failureGroups;
  if (groups.length === 0) return nothing;
  return html`
    <section aria-labelledby="groups-heading">
      <h2 id="groups-heading">${t.groups.heading} <span class="hint">${t.groups.hint}</span></h2>
      <div class="card">
        ${expandableList("groups", groups, COLLAPSED_COUNT, t.groups, (shown) => html`
          <ul class="failures">${shown.map((group) => item(group, redraw))}</ul>`, redraw)}
        ${others > 0 ? html`<p class="hint">${t.groups.others(others)}</p>` : nothing}
      </div>
    </section>`;
}

function item(group, redraw) {
  const { method, route, code, place, count, first_at: first, last_at: last, reason, request_id: id } = group;
  return html`
    <li>
      <div class="line">
        <b class="bad">${t.groups.times(number(count))}</b>
        <span>${method} <code>${route || t.failures.unmatched}</code></span>
        <span class="hint">${code}</span>
      </div>
      <p class="reason">${place ? html`${t.groups.in} <code>${place}</code>` : reason}</p>
      <p class="hint">${t.groups.first} <time datetime=${first}>${time(first)}</time>,
        ${t.groups.last} <time datetime=${last}>${time(last)}</time>, <code>${id}</code></p>
      ${group.recorded ? recording(id, redraw) : nothing}
    </li>`;
}
