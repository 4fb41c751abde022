// The last failed requests: why each failed, and the request id to look up in the log.

import { html, nothing } from "./lit-html.js";
import { duration, time } from "./format.js";
import { expandableList } from "./list.js";
import { t } from "./messages.js";
import { recording } from "./recording.js";
import { state } from "./state.js";

const COLLAPSED_COUNT = 8;

export function failures(redraw) {
  return html`
    <section aria-labelledby="failures-heading">
      <h2 id="failures-heading">${t.failures.heading} <span class="hint">${t.failures.hint}</span></h2>
      ${state.failures.length === 0 ? html`<p class="card empty">${t.failures.none}</p>` : html`
        <div class="card">
          ${expandableList("failures", state.failures, COLLAPSED_COUNT, t.failures, (shown) => html`
            <ul class="failures">${shown.map((request) => failure(request, redraw))}</ul>`, redraw)}
        </div>`}
    </section>`;
}

function failure(request, redraw) {
  // The reason of a trap continues with a backtrace of the logic.
  const [why, ...backtrace] = (request.reason || request.code).split("\n");
  return html`
    <li>
      <div class="line">
        <b class="bad">${request.status}</b>
        <span>${request.method} <code>${request.route || t.failures.unmatched}</code></span>
        <time datetime=${request.at}>${time(request.at)}</time>
      </div>
      <p class="reason">${why}</p>
      <p class="hint"><code>${request.request_id}</code>, ${t.failures.revision(request.revision)},
        ${duration(request.duration_ms)}</p>
      ${backtrace.length === 0 ? nothing : html`
        <details><summary>${t.failures.backtrace}<span class="away"> ${request.request_id}</span></summary>
          <pre tabindex="0">${backtrace.join("\n")}</pre></details>`}
      ${request.request_id && request.route ? recording(request.request_id, redraw) : nothing}
    </li>`;
}
