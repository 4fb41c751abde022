// The last requests that failed: by what id the log tells more, and why.

import { html, nothing } from "./lit-html.js";
import { duration, time } from "./format.js";
import { list } from "./list.js";
import { t } from "./messages.js";
import { state } from "./state.js";

const FEW = 8;

export function failures(redraw) {
  return html`
    <section aria-labelledby="failures-heading">
      <h2 id="failures-heading">${t.failures.heading} <span class="hint">${t.failures.hint}</span></h2>
      ${state.failures.length === 0 ? html`<p class="card empty">${t.failures.none}</p>` : html`
        <div class="card">
          ${list("failures", state.failures, FEW, t.failures, (shown) => html`
            <ul class="failures">${shown.map(failure)}</ul>`, redraw)}
        </div>`}
    </section>`;
}

function failure(of) {
  // A trap's reason goes on with where in the logic it was.
  const [why, ...where] = (of.reason || of.code).split("\n");
  return html`
    <li>
      <div class="line">
        <b class="bad">${of.status}</b>
        <span>${of.method} <code>${of.route || t.failures.unmatched}</code></span>
        <time datetime=${of.at}>${time(of.at)}</time>
      </div>
      <p class="reason">${why}</p>
      <p class="hint"><code>${of.request_id}</code>, ${t.failures.revision(of.revision)},
        ${duration(of.duration_ms)}</p>
      ${where.length === 0 ? nothing : html`
        <details><summary>${t.failures.where}<span class="away"> ${of.request_id}</span></summary>
          <pre tabindex="0">${where.join("\n")}</pre></details>`}
    </li>`;
}
