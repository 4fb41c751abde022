// The revision that is tried beside the active one: how, what came of it, and how far it goes on.

import { html, nothing } from "./lit-html.js";
import { order } from "./api.js";
import { number } from "./format.js";
import { t } from "./messages.js";
import { attempt } from "./notice.js";
import { slider } from "./share.js";
import { refresh, state } from "./state.js";

/** The share that is being picked; none: the one that it has. */
let picked = null;

/** How the candidate is tried, in a sentence. */
export const trial = ({ candidate_percent: percent }) =>
  percent > 0 ? t.candidate.canary(number(percent)) : t.candidate.shadow;

/** What may be done with it, and what it came to. */
export function candidate(status, redraw) {
  const { candidate_percent: percent, shadow, deployment } = status;
  if (shadow) return report(shadow);
  if (!(percent > 0) || !deployment) return nothing;
  const share = picked ?? percent;
  const pick = (value) => {
    picked = value;
    redraw();
  };
  const set = async () => {
    const body = { canary_percent: share };
    await attempt(() => order(`admin/deployments/${deployment.id}/promote`, body));
    picked = null;
    refresh();
  };
  return html`
    <div class="share">
      ${slider("candidate-share", t.candidate.share, share, pick)}
      <button ?disabled=${share === percent || !state.connected} @click=${set}>
        ${t.candidate.set}</button>
    </div>`;
}

/** What reads came to that both revisions answered. */
function report({ compared, different, skipped, samples }) {
  return html`
    <dl class="counts">
      <div><dt>${t.candidate.compared}</dt><dd>${number(compared)}</dd></div>
      <div class=${different ? "bad" : ""}>
        <dt>${t.candidate.different}</dt><dd>${number(different)}</dd></div>
      <div><dt>${t.candidate.skipped}</dt><dd>${number(skipped)}</dd></div>
    </dl>
    ${samples.length === 0 ? nothing : html`
      <ul class="samples" aria-label=${t.candidate.differences}>
        ${samples.map(({ route, pointer, detail, count, request_id: id }) => html`
          <li><code>${route}</code> ${pointer ? html`<code>${pointer}</code>` : nothing}
            ${detail} <span class="hint">${t.candidate.times(count)}, <code>${id}</code></span>
          </li>`)}
      </ul>`}`;
}
