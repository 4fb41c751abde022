// The running or latest deployment: its stages, the changes that break clients, and the buttons to
// abort or promote it.

import { html, nothing } from "./lit-html.js";
import { post } from "./api.js";
import { digest, duration, number } from "./format.js";
import { lineList } from "./lines.js";
import { t } from "./messages.js";
import { attempt } from "./notice.js";
import { confirmAction } from "./question.js";
import { rehearsal } from "./rehearsal.js";
import { dismiss, refresh, state } from "./state.js";
import { steps } from "./steps.js";
import { verdict } from "./verdict.js";

/** The stages of every gate, shown in advance. */
const GATE_STAGES = ["verify", "compile", "describe", "bind", "compare", "check"];
/** The stages at which clients or reads reach the new revision. */
const UNDOABLE = new Set(["canary", "shadow", "probation"]);
const SYMBOLS = { began: "…", passed: "✓", failed: "✗", stopped: "■", noted: "·", ahead: "○" };

export function progress() {
  const { followed } = state;
  if (!followed) return nothing;
  const running = state.status.deployment;
  const deployment = followed.deployment ?? (running?.id === followed.id ? running : null);
  const ended = followed.deployment?.ended_at;
  return html`
    <section class="card progress ${ended ? followed.deployment.outcome : "running"}"
      aria-labelledby="progress-heading">
      <div class="title">
        <h2 id="progress-heading" tabindex="-1">${t.progress.heading(followed.id)}</h2>
        ${ended ? html`<button class="quiet" @click=${dismiss}>${t.progress.close}</button>` : nothing}
      </div>
      ${deployment ? html`<p class="hint">${t.history.kinds[deployment.kind] ?? deployment.kind}
        ${t.progress.of(digest(deployment.digest), deployment.actor)}</p>` : nothing}
      ${state.interrupted ? html`<p class="alert" role="status">${t.progress.lost}</p>` : nothing}
      ${ended ? nothing : undo(followed, deployment)}
      ${ended || deployment?.stage !== "probation" ? nothing : verdict()}
      ${steps(deployment)}
      ${stageList(followed.events, { ended: Boolean(ended), isAhead: !ended && deployment?.kind !== "rollback" })}
      <p class="away" role="status">${announcement(followed)}</p>
      ${ended ? outcome(followed.deployment) : actions(followed)}
    </section>`;
}

/**
 * A deployment's stages as a list. If `isAhead`, the list includes the gate's remaining stages. A stage that
 * had begun when the deployment `ended` was stopped.
 */
export function stageList(events, { ended = true, isAhead = false } = {}) {
  const lines = stageLines(events)
    .map((line) => ended && line.status === "began" ? { ...line, status: "stopped" } : line);
  const ahead = isAhead && !lines.some((line) => line.status === "failed")
    ? GATE_STAGES.filter((stage) => !lines.some((line) => line.stage === stage)) : [];
  return html`
    <ol class="stages">
      ${lines.map((line) => html`
        <li class=${line.status}>
          <span class="mark" aria-hidden="true">${SYMBOLS[line.status] ?? "·"}</span>
          <span class="stage">${t.progress.stages[line.stage] ?? line.stage}
            <span class="away">${t.progress.marks[line.status] ?? line.status}</span></span>
          <span class="took">${line.duration_ms === null ? "" : duration(line.duration_ms)}</span>
          ${[line, ...line.notes].map(details)}
        </li>`)}
      ${ahead.map((stage) => html`
        <li class="ahead">
          <span class="mark" aria-hidden="true">${SYMBOLS.ahead}</span>
          <span class="stage">${t.progress.stages[stage]}</span>
        </li>`)}
    </ol>`;
}

/** What a stage's line says besides its name: lists where the event has any, or its text. */
function details(line) {
  const { breaking: changes, rejections, log, detail } = line;
  const lists = [
    changes?.length ? breaking(line) : null,
    rejections?.length ? lineList(t.progress.rejections(rejections.length),
      rejections.map(({ reason, code }) => t.progress.rejection(code, reason)), "rejections") : null,
    line.rehearsal ? rehearsal(line) : null,
    log?.length ? lineList(t.progress.log(log.length), log, "log") : null,
  ].filter((list) => list !== null);
  if (lists.length > 0) return lists;
  // The event of a canary that began has the share that it began with.
  const percent = state.status.candidate_percent;
  if (line.stage === "canary" && line.status === "began" && percent > 0) {
    return html`<p class="detail">${t.candidate.canary(number(percent))}</p>`;
  }
  return detail ? html`<p class="detail">${detail}</p>` : nothing;
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

/** Returns one line per stage, with the stage's last event and its notes. A note of no stage gets its own line. */
function stageLines(events) {
  const lines = [];
  let breaking = [];
  for (const event of events) {
    if (event.stage === "end") continue;
    // The event with the breaking changes precedes the end of the `compare` stage, and is shown there.
    if (event.breaking?.length) {
      breaking = event.breaking;
      continue;
    }
    const open = lines.findIndex((line) => line.stage === event.stage && line.status === "began");
    if (open < 0) lines.push({ ...event, notes: [] });
    else if (event.status === "noted") lines[open].notes.push(event);
    else lines[open] = { ...event, notes: lines[open].notes };
  }
  return lines.map((line) => line.stage === "compare" ? { ...line, breaking } : line);
}

/** The deployment's progress in one line, for screen readers. */
function announcement({ id, events, deployment }) {
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
  // If a stage failed, its line already shows the reason.
  const reason = failed ? null : deployment.reason;
  const name = t.timeline.outcomes[deployment.outcome] ?? deployment.outcome;
  // The reason of a deployment that was aborted begins with the same word.
  const rest = reason?.toLowerCase().startsWith(`${name.toLowerCase()} `) ? reason.slice(name.length + 1) : reason;
  return html`
    <p class="outcome"><b>${name}</b>
      ${rest ?? (deployment.outcome === "checked" ? t.progress.outcomes.checked : "")}</p>
    ${moved(deployment)}`;
}

/** Which revision serves after a deployment, and which one served before. */
function moved({ outcome, digest: to, from, kind }) {
  if (kind === "dry-run" || !from || from === to) return nothing;
  if (outcome === "active") return html`<p class="hint">${t.progress.moved(digest(from), digest(to))}</p>`;
  if (outcome === "aborted" || outcome === "rolled-back") {
    return html`<p class="hint">${t.progress.stayed(digest(from), digest(to))}</p>`;
  }
  return nothing;
}

/** The first action while a new revision serves or is on trial. */
function undo({ id, events }, deployment) {
  const begun = events.findLast((event) => event.status === "began")?.stage;
  if (!UNDOABLE.has(begun) || !deployment?.from) return nothing;
  return html`
    <div class="buttons undo">
      <button class="danger" ?disabled=${!state.connected} @click=${() => act("undo", id, digest(deployment.from))}>
        ${t.progress.undo(digest(deployment.from))}</button>
    </div>`;
}

/** Returns whether the deployment is in a trial, which an operator can promote. */
const isInTrial = (events) => {
  const last = events.findLast((event) => event.status === "began");
  return last?.stage === "canary" || last?.stage === "shadow";
};

function actions({ id, events }) {
  const begun = events.findLast((event) => event.status === "began")?.stage;
  return html`
    <div class="buttons">
      ${UNDOABLE.has(begun) ? nothing : html`
        <button ?disabled=${!state.connected} @click=${() => act("abort", id)}>
          ${t.progress.abort}</button>`}
      ${isInTrial(events) ? html`
        <button class="primary" ?disabled=${!state.connected} @click=${() => act("promote", id)}>
          ${t.progress.promote}</button>` : nothing}
    </div>`;
}

/** Undoes, aborts or promotes a deployment, after a confirmation. */
async function act(action, id, back = "") {
  const { title, text, yes } = t.question[action];
  const subject = action === "promote" ? digest(state.status.candidate?.digest) : id;
  if (await confirmAction({ title: title(subject), text: typeof text === "function" ? text(back) : text, yes })) {
    await attempt(() => post(`admin/deployments/${id}/${action === "undo" ? "abort" : action}`));
    refresh();
  }
}
