// The deployment that runs, or ran last: the gate's stages as they pass, what breaks clients,
// and what may be decided.

import { html, nothing } from "./lit-html.js";
import { order } from "./api.js";
import { digest, duration } from "./format.js";
import { t } from "./messages.js";
import { attempt } from "./notice.js";
import { ask } from "./question.js";
import { dismiss, refresh, state } from "./state.js";

/** What the gate goes through in any case, so that a person sees what is to come. */
const GATE = ["verify", "compile", "describe", "bind", "compare", "check"];
const SYMBOLS = { began: "…", passed: "✓", failed: "✗", noted: "·", ahead: "○" };

export function progress() {
  const { followed } = state;
  if (!followed) return nothing;
  const now = state.status.deployment;
  const told = followed.deployment ?? (now?.id === followed.id ? now : null);
  const ended = followed.deployment?.ended_at;
  return html`
    <section class="card progress ${ended ? followed.deployment.outcome : "running"}"
      aria-labelledby="progress-heading">
      <div class="title">
        <h2 id="progress-heading" tabindex="-1">${t.progress.heading(followed.id)}</h2>
        ${ended ? html`<button class="quiet" @click=${dismiss}>${t.progress.close}</button>` : nothing}
      </div>
      ${told ? html`<p class="hint">${t.progress.kinds[told.kind] ?? told.kind}
        ${t.progress.of(digest(told.digest), told.actor)}</p>` : nothing}
      ${state.interrupted ? html`<p class="alert" role="status">${t.progress.lost}</p>` : nothing}
      ${stageList(followed.events, !ended && told?.kind !== "rollback")}
      <p class="away" role="status">${spoken(followed)}</p>
      ${ended ? outcome(followed.deployment) : decisions(followed)}
    </section>`;
}

/** A deployment's stages as a list; with those that are still to come, if it runs. */
export function stageList(events, running = false) {
  const lines = lined(events);
  const ahead = running && !lines.some((line) => line.status === "failed")
    ? GATE.filter((stage) => !lines.some((line) => line.stage === stage)) : [];
  return html`
    <ol class="stages">
      ${lines.map((line) => html`
        <li class=${line.status}>
          <span class="mark" aria-hidden="true">${SYMBOLS[line.status] ?? "·"}</span>
          <span class="stage">${t.progress.stages[line.stage] ?? line.stage}
            <span class="away">${t.progress.marks[line.status] ?? line.status}</span></span>
          <span class="took">${line.duration_ms === null ? "" : duration(line.duration_ms)}</span>
          ${line.breaking?.length ? breaking(line)
            : line.detail ? html`<p class="detail">${line.detail}</p>` : nothing}
        </li>`)}
      ${ahead.map((stage) => html`
        <li class="ahead">
          <span class="mark" aria-hidden="true">${SYMBOLS.ahead}</span>
          <span class="stage">${t.progress.stages[stage]}</span>
        </li>`)}
    </ol>`;
}

function breaking({ breaking: changes, status }) {
  return html`
    <div class="detail">
      <p>${t.progress.breaking(changes.length)}.
        ${status === "failed" ? t.progress.breakingHint : nothing}</p>
      <ul class="breaking" tabindex="0" aria-label=${t.progress.breaking(changes.length)}>
        ${changes.map((change) => html`<li>${change}</li>`)}</ul>
    </div>`;
}

/** One line a stage: its last event, in place of the one it began with. */
function lined(events) {
  const lines = [];
  let breaking = [];
  for (const event of events) {
    if (event.stage === "end") continue;
    // The changes that break clients belong to the comparison, which ends next.
    if (event.breaking?.length) {
      breaking = event.breaking;
      continue;
    }
    const begun = lines.findIndex((line) => line.stage === event.stage && line.status === "began");
    if (begun >= 0 && event.status !== "noted") lines[begun] = event;
    else if (begun >= 0) lines.splice(begun, 0, event);
    else lines.push(event);
  }
  return lines.map((line) => line.stage === "compare" ? { ...line, breaking } : line);
}

/** What somebody hears who does not see the list. */
function spoken({ id, events, deployment }) {
  if (deployment?.ended_at) {
    return t.progress.ended(id, t.progress.outcomes[deployment.outcome] ?? deployment.outcome);
  }
  const last = events.at(-1);
  if (!last) return t.progress.waiting;
  return t.progress.live(t.progress.stages[last.stage] ?? last.stage,
    t.progress.marks[last.status] ?? last.status);
}

function outcome(deployment) {
  const failed = deployment.events.some((event) => event.status === "failed");
  // Why a stage failed stands beside it.
  const reason = failed ? null : deployment.reason;
  return html`
    <p class="outcome"><b>${t.timeline.outcomes[deployment.outcome] ?? deployment.outcome}</b>
      ${reason ?? (deployment.outcome === "checked" ? t.progress.outcomes.checked : "")}</p>`;
}

/** Whether the new logic waits for somebody to promote it. */
const waits = (events) => {
  const last = events.findLast((event) => event.status === "began");
  return last?.stage === "canary" || last?.stage === "shadow";
};

function decisions({ id, events }) {
  return html`
    <div class="buttons">
      <button ?disabled=${!state.connected} @click=${() => decide("abort", id)}>
        ${t.progress.abort}</button>
      ${waits(events) ? html`
        <button class="primary" ?disabled=${!state.connected} @click=${() => decide("promote", id)}>
          ${t.progress.promote}</button>` : nothing}
    </div>`;
}

async function decide(what, id) {
  const { title, text, yes } = t.question[what];
  const about = what === "abort" ? id : digest(state.status.candidate?.digest);
  if (await ask({ title: title(about), text, yes })) {
    await attempt(() => order(`admin/deployments/${id}/${what}`));
    refresh();
  }
}
