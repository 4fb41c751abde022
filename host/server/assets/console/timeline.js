// The history of deployments, the latest first, each with its stages.

import { html, nothing } from "./lit-html.js";
import { between, digest, number, time } from "./format.js";
import { expandableList } from "./list.js";
import { t } from "./messages.js";
import { stageList } from "./progress.js";
import { rollBack } from "./revisions.js";
import { state } from "./state.js";
import { steps } from "./steps.js";

const COLLAPSED_COUNT = 6;

export function timeline(redraw) {
  const { deployments } = state;
  return html`
    <section aria-labelledby="timeline-heading">
      <h2 id="timeline-heading">${t.timeline.heading}</h2>
      ${deployments.length === 0 ? html`<p class="card empty">${t.timeline.none}</p>` : html`
        <div class="card">
          ${expandableList("timeline", deployments, COLLAPSED_COUNT, t.timeline, (shown) => html`
            <ol class="timeline">${shown.map(entry)}</ol>`, redraw)}
        </div>`}
    </section>`;
}

function entry(deployment) {
  const { id, kind, outcome, actor, began_at: began, ended_at: ended, events } = deployment;
  return html`
    <li class=${outcome}>
      <div class="line">
        <b>${t.timeline.entry(id, t.progress.kinds[kind] ?? kind)}</b>
        <code title=${deployment.digest}>${digest(deployment.digest)}</code>
        <span class="badge ${outcome}">${t.timeline.outcomes[outcome] ?? outcome}</span>
      </div>
      <p class="hint">
        <time datetime=${began}>${time(began)}</time> ${t.timeline.by(actor)}${
          ended ? `, ${t.timeline.took(between(began, ended))}` : nothing}</p>
      ${deployment.message ? html`<p class="message" dir="auto">${deployment.message}</p>` : nothing}
      ${facts(deployment)}
      ${ended ? steps(deployment) : nothing}
      ${reason(deployment)}
      ${events.length === 0 ? nothing : html`
        <details><summary>${t.timeline.stages}<span class="away"> #${id}</span></summary>
          ${stageList(events, { ended: Boolean(ended) })}</details>`}
      ${goBack(deployment)}
    </li>`;
}

/** What it was built from, and how it began. */
function facts({ git_revision: revision, canary_percent: percent, shadow }) {
  const trial = percent ? t.timeline.canary(number(percent)) : shadow ? t.timeline.shadow : null;
  if (!revision && !trial) return nothing;
  return html`<p class="hint">${revision ? html`<code>${revision}</code>` : nothing}${
    revision && trial ? ", " : nothing}${trial}</p>`;
}

/** The button that goes back to a component that was active, or why that is not possible. */
function goBack({ id, digest: target, outcome }) {
  const { status, components, connected } = state;
  if (outcome !== "active" || components === null) return nothing;
  if (target === status.active.digest) return html`<p class="hint">${t.timeline.active}</p>`;
  if (!components.has(target)) return html`<p class="hint">${t.timeline.gone}</p>`;
  return html`
    <button class="quiet back" aria-label=${t.timeline.backTo(digest(target), id)}
      ?disabled=${status.deployment !== null || !connected}
      @click=${() => rollBack(target)}>${t.timeline.back}</button>`;
}

/** Why it did not succeed. Breaking changes are only counted here; the stages list them. */
function reason({ reason: text, code, events }) {
  if (!text) return nothing;
  const changes = events.flatMap((event) => event.breaking ?? []);
  return html`<p class="reason">${code === "breaking-change" && changes.length
    ? t.timeline.breaking(changes.length) : text}</p>`;
}
