// The steps of a canary: a mark for each share, and how far the current step is.

import { html, nothing } from "./lit-html.js";
import { clock, number, time } from "./format.js";
import { t } from "./messages.js";
import { state } from "./state.js";

const SYMBOLS = { passed: "✓", running: "…", failed: "✗", stopped: "■", skipped: "–", ahead: "○" };

/** Renders nothing for a deployment that has no steps. */
export function steps(deployment) {
  const all = deployment?.canary_steps ?? [];
  if (all.length === 0) return nothing;
  const isRunning = all.some((step) => step.state === "running");
  return html`
    <div class="canary-steps">
      <ol aria-label=${t.steps.title(deployment.id)}>
        ${all.map(({ percent, state: name, began_at: began }) => html`
          <li class=${name} title=${began ? t.steps.since(time(began)) : nothing}>
            <span class="mark" aria-hidden="true">${SYMBOLS[name] ?? "·"}</span>
            ${t.steps.share(number(percent))}<span class="away"> ${t.steps.states[name] ?? name}</span></li>`)}
      </ol>
      ${isRunning ? current() : nothing}
    </div>`;
}

/** How far the current step is. */
function current() {
  const step = state.status.verdict?.step;
  if (!step) return nothing;
  const { elapsed_ms: elapsed, least_ms: least, requests, waits_for: waits, next_percent: next } = step;
  const label = t.steps.time(number(step.percent), clock(Math.min(elapsed, least)), clock(least));
  const what = waits ? t.steps.waits[waits] ?? waits
    : next === null ? t.steps.last : t.steps.next(t.steps.share(number(next)));
  return html`
    <p>${label} · ${t.steps.requests(requests)} <span class="hint">${what}</span></p>
    <progress max=${least} value=${Math.min(elapsed, least)} aria-label=${label}></progress>`;
}
