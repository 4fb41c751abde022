// The result of a rehearsal: what the new revision answers differently, each with its first example.

import { html, nothing } from "./lit-html.js";
import { t } from "./messages.js";

/** Renders the rehearsal of a deployment's event. */
export function rehearsal({ detail, rehearsal: { differences } }) {
  return html`
    <div class="detail">
      <p>${detail}</p>
      ${differences.length === 0 ? nothing : html`
        <ul class="rehearsal" tabindex="0" aria-label=${t.progress.differences(differences.length)}>
          ${differences.map(difference)}</ul>`}
    </div>`;
}

function difference({ summary, reason }) {
  return html`
    <li>${summary}${reason ? html`
      <details><summary>${t.progress.why}</summary><pre tabindex="0">${reason}</pre></details>` : nothing}</li>`;
}
