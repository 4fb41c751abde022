// The candidate: the revision in a canary or shadow trial. Shows how it is tried, and either the share
// of a canary or what a shadow compared.

import { html, nothing } from "./lit-html.js";
import { post } from "./api.js";
import { number } from "./format.js";
import { t } from "./messages.js";
import { attempt } from "./notice.js";
import { slider } from "./share.js";
import { refresh, state } from "./state.js";

/** The share that the slider shows, or null if it shows the current share. */
let pickedPercent = null;

/** Describes how the candidate is tried. */
export const describeTrial = ({ candidate_percent: percent }) =>
  percent > 0 ? t.candidate.canary(number(percent)) : t.candidate.shadow;

/** The controls of a canary, or the report of a shadow. */
export function candidate(status, redraw) {
  const { candidate_percent: percent, shadow, deployment } = status;
  if (shadow) return report(shadow);
  if (!(percent > 0) || !deployment) return nothing;
  const share = pickedPercent ?? percent;
  const pick = (value) => {
    pickedPercent = value;
    redraw();
  };
  const setShare = async () => {
    const body = { canary_percent: share };
    await attempt(() => post(`admin/deployments/${deployment.id}/promote`, body));
    pickedPercent = null;
    refresh();
  };
  return html`
    <div class="share">
      ${slider("candidate-share", t.candidate.share, share, pick)}
      <button ?disabled=${share === percent || !state.connected} @click=${setShare}>
        ${t.candidate.set}</button>
    </div>`;
}

/** The result of the reads that both revisions ran. */
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
