// How the new revision is judged: the bar of a probation, and a canary beside the active revision.

import { html, nothing } from "./lit-html.js";
import { lastMinute } from "./figures.js";
import { clock, number } from "./format.js";
import { t } from "./messages.js";
import { state } from "./state.js";

/** Requests of a revision in the last minute without which its p99 says nothing. */
const MIN_REQUESTS = 20;

export function verdict() {
  const { verdict: judged } = state.status;
  if (!judged) return nothing;
  return judged.stage === "probation" ? probation(judged) : canary(judged);
}

function probation(judged) {
  const { elapsed_ms: elapsed, window_ms: all, requests, failures, limit_percent: limit } = judged;
  const label = t.verdict.probation(clock(elapsed), clock(all));
  return html`
    <div class="verdict">
      <p>${label} · ${t.verdict.counts(requests, failures)}
        <span class="hint">${t.verdict.limit(number(limit))}</span></p>
      <progress max=${all} value=${Math.min(elapsed, all)} aria-label=${label}></progress>
    </div>`;
}

function canary(judged) {
  const { requests, minimum_requests: minimum } = judged;
  const share = (failures, all) => all === 0 ? 0 : failures * 100 / all;
  const [own, other] = [share(judged.failures, requests), share(judged.other_failures, judged.other_requests)];
  const isOver = requests >= minimum && own > judged.limit_percent;
  return html`
    <div class="verdict">
      <p class=${isOver ? "over" : ""}>${t.verdict.canary(own.toFixed(1), other.toFixed(1))}${slower()}
        <span class="hint">${requests < minimum ? t.verdict.tooFew(requests, minimum)
          : t.verdict.enough(requests, number(judged.limit_percent))}</span></p>
      ${isOver ? html`<p class="hint">${t.verdict.chance}</p>` : nothing}
    </div>`;
}

/** The p99 of the candidate relative to that of the active revision in the last minute. */
function slower() {
  const { status, figures, now } = state;
  const of = (revision) => lastMinute(figures, revision?.digest.slice(0, 12), now);
  const [candidate, active] = [of(status.candidate), of(status.active)];
  if (candidate.requests < MIN_REQUESTS || active.requests < MIN_REQUESTS || !active.p99) return "";
  const percent = Math.round((candidate.p99 / active.p99 - 1) * 100);
  return `, ${t.verdict.p99(percent > 0 ? `+${percent}` : `${percent}`.replace("-", "−"))}`;
}
