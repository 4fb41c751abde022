// The history of deployments, the latest first, each with its stages. `history.js` says which are shown.

import { html, nothing } from "./lit-html.js";
import { between, digest, number, time } from "./format.js";
import { filterFields, pager, shownDeployments } from "./history.js";
import { expandableList } from "./list.js";
import { t } from "./messages.js";
import { stageList } from "./progress.js";
import { rollBack } from "./revisions.js";
import { state } from "./state.js";
import { steps } from "./steps.js";

const COLLAPSED_COUNT = 6;

export function timeline(redraw) {
  const { list, isFiltered } = shownDeployments(redraw);
  const entries = (shown) => html`<ol class="timeline">${shown.map(entry)}</ol>`;
  return html`
    <section aria-labelledby="timeline-heading">
      <h2 id="timeline-heading">${t.timeline.heading}</h2>
      <div class="card">
        ${filterFields(redraw)}
        ${list.length === 0 ? html`
            <p class="empty" role="status">${isFiltered ? t.history.noMatch : t.timeline.none}</p>`
          : isFiltered ? entries(list)
            : expandableList("timeline", list, COLLAPSED_COUNT, t.timeline, entries, redraw)}
        ${pager(redraw)}
      </div>
    </section>`;
}

function entry(deployment) {
  const { id, kind, outcome, actor, began_at: began, ended_at: ended, events } = deployment;
  return html`
    <li class=${outcome}>
      <div class="line">
        <b>${t.timeline.entry(id, t.history.kinds[kind] ?? kind)}</b>
        <code title=${deployment.digest}>${digest(deployment.digest)}</code>
        ${badge(deployment)}
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

/** How it ended. Of the deployments that became active, only one serves. */
function badge({ id, digest: revision, outcome }) {
  const isActive = outcome === "active";
  const serves = isActive && revision === state.status.active.digest
    && !state.deployments.some((later) => later.id > id && later.outcome === "active");
  const word = serves ? t.timeline.current : isActive ? t.timeline.replaced : t.timeline.outcomes[outcome] ?? outcome;
  return html`<span class="badge ${isActive && !serves ? "replaced" : outcome}">${word}</span>`;
}

/** What it was built from, how it began, and which share a canary reached. */
function facts(deployment) {
  const { git_revision: revision } = deployment;
  const trial = mode(deployment);
  if (!revision && !trial) return nothing;
  return html`<p class="hint">${
    revision ? html`${t.timeline.git} <code>${revision}</code>` : nothing}${
    revision && trial ? ", " : nothing}${trial}</p>`;
}

function mode({ canary_percent: percent, canary_reached_percent: reached, shadow }) {
  if (shadow) return t.timeline.shadow;
  if (!percent) return null;
  const began = t.timeline.canary(number(percent));
  return reached && reached !== percent ? `${began}, ${t.timeline.reached(number(reached))}` : began;
}

/** The button that goes back to a component that was active, or why that is not possible. */
function goBack({ id, digest: target, outcome }) {
  const { status, components, connected } = state;
  if (outcome !== "active" || components === null) return nothing;
  if (target === status.active.digest) return nothing;
  if (!components.has(target)) return html`<p class="hint">${t.timeline.gone}</p>`;
  return html`
    <button class="quiet back" aria-label=${t.timeline.backTo(digest(target), id)}
      ?disabled=${status.deployment !== null || !connected}
      title=${status.deployment ? t.timeline.wait(status.deployment.id) : nothing}
      @click=${() => rollBack(target)}>${t.timeline.back}</button>`;
}

/** Why it did not succeed. Breaking changes are only counted here; the stages list them. */
function reason({ reason: text, code, events }) {
  if (!text) return nothing;
  const changes = events.flatMap((event) => event.breaking ?? []);
  return html`<p class="reason">${code === "breaking-change" && changes.length
    ? t.timeline.breaking(changes.length) : text}</p>`;
}
