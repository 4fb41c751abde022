// The last requests that failed: by what id the log tells more, and why.

import { html } from "./lit-html.js";
import { duration, time } from "./format.js";
import { t } from "./messages.js";
import { state } from "./state.js";

export function failures() {
  return html`
    <section aria-labelledby="failures-heading">
      <h2 id="failures-heading">${t.failures.heading} <span class="hint">${t.failures.hint}</span></h2>
      ${state.failures.length === 0 ? html`<p class="card empty">${t.failures.none}</p>` : html`
        <ul class="failures card" tabindex="0" aria-labelledby="failures-heading">
          ${state.failures.map(failure)}</ul>`}
    </section>`;
}

function failure(of) {
  return html`
    <li>
      <div class="line">
        <b class="bad">${of.status}</b>
        <span>${of.method} <code>${of.route || t.failures.unmatched}</code></span>
        <time datetime=${of.at}>${time(of.at)}</time>
      </div>
      <p class="reason">${of.reason || of.code}</p>
      <p class="hint">${of.code}, ${duration(of.duration_ms)},
        ${t.failures.revision(of.revision)}, <code>${of.request_id}</code></p>
    </li>`;
}
