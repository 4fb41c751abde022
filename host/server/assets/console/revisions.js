// What serves: the active revision, the candidate beside it, and those a rollback reaches.

import { html, nothing } from "./lit-html.js";
import { candidate, trial } from "./candidate.js";
import { digest, number, time } from "./format.js";
import { t } from "./messages.js";
import { ask } from "./question.js";
import { begin, state } from "./state.js";
import { attempt } from "./notice.js";

/** Earlier revisions that are shown though they would have to be compiled. */
const FEW = 2;

export function revisions(redraw) {
  const { status } = state;
  const shown = status.candidate;
  return html`
    <section aria-labelledby="revisions-heading" id="revisions">
      <h2 id="revisions-heading">${t.revisions.heading}</h2>
      <div class="revisions">
        ${card("active", t.revisions.active, status.active)}
        ${shown ? card("candidate", t.revisions.candidate, shown, trial(status),
          candidate(status, redraw)) : nothing}
        ${before(status)}
      </div>
      <p class="facts">
        <span><b>${t.revisions.replicas}</b> ${status.replicas.length > 0
          ? t.revisions.hosts(status.replicas.length) : t.revisions.oneReplica(status.host_version)}</span>
        <span>${t.revisions.epoch(status.epoch)}</span>
      </p>
      ${status.replicas.length > 0 ? hosts(status) : nothing}
    </section>`;
}

function card(role, label, revision, note, further = nothing) {
  return html`
    <article class="card revision ${role}" aria-label="${label}: ${digest(revision.digest)}">
      <p class="role">${label}</p>
      <h3>${revision.name} <span class="version">${revision.version}</span></h3>
      <p><code title=${revision.digest}>${digest(revision.digest)}</code></p>
      <p class="hint">${note ?? since(revision.digest)}</p>
      <dl class="counts">
        <div><dt>${t.revisions.requests}</dt><dd>${number(revision.requests)}</dd></div>
        <div class=${revision.failures ? "bad" : ""}>
          <dt>${t.revisions.failures}</dt><dd>${number(revision.failures)}</dd></div>
        <div><dt>${t.revisions.running}</dt><dd>${number(revision.in_flight)}</dd></div>
      </dl>
      ${further}
    </article>`;
}

/** The hosts that share the database, each with what it serves. */
function hosts({ replicas, active }) {
  return html`
    <ul class="hosts" aria-label=${t.revisions.replicas}>
      ${replicas.map((host) => html`
        <li class=${host.state === "serving" && host.digest === active.digest ? "" : "bad"}>
          <b>${host.name}</b> ${host.this ? t.revisions.this : nothing}
          <span>${t.revisions.states[host.state] ?? host.state}</span>
          ${host.digest ? html`<code title=${host.digest}>${digest(host.digest)}</code>` : nothing}
          <span class="hint">task-host ${host.host_version}</span>
          ${host.problem ? html`<span>${host.problem}</span>` : nothing}
        </li>`)}
    </ul>`;
}

/** When a revision became active, and by whom, as far as the history that is here tells. */
function since(of) {
  const made = state.deployments.find((deployment) =>
    deployment.digest === of && (deployment.outcome === "active" || deployment.outcome === "running"));
  if (!made) return t.revisions.unknown;
  if (made.kind === "bundled") return t.revisions.started(time(made.began_at));
  return t.revisions.since(time(made.ended_at ?? made.began_at), made.actor);
}

/** Those that a rollback reaches: at once where they are kept, else after compiling. */
function earlier({ active, kept }) {
  const known = new Set([active, ...kept].map((revision) => revision.digest));
  const rest = state.deployments
    .filter((deployment) => deployment.outcome === "active" && !known.has(deployment.digest))
    .map((deployment) => deployment.digest);
  return [...kept, ...[...new Set(rest)].slice(0, FEW).map((of) => ({ digest: of }))];
}

function before(status) {
  const { deployment } = status;
  const revisions = earlier(status);
  if (revisions.length === 0) {
    return html`
      <div class="card"><p class="role">${t.revisions.before}</p>
        <p class="hint">${t.revisions.none}</p></div>`;
  }
  return html`
    <article class="card" aria-label=${t.revisions.before}>
      <p class="role">${t.revisions.before}</p>
      <ul class="kept">
        ${revisions.map(({ digest: of, name, version }) => html`
          <li>
            <div>
              <span><code title=${of}>${digest(of)}</code>
                ${name ? `${name} ${version}` : html`<span class="hint">${t.revisions.cold}</span>`}</span>
              <span class="hint">${since(of)}</span>
            </div>
            <button aria-label=${t.revisions.rollbackTo(digest(of))}
              ?disabled=${deployment !== null || !state.connected}
              @click=${() => goBack(of)}>${t.revisions.rollback}</button>
          </li>`)}
      </ul>
    </article>`;
}

async function goBack(of) {
  const { title, text, yes } = t.question.rollback;
  const active = digest(state.status.active.digest);
  if (await ask({ title: title(digest(of)), text: text(active), yes })) {
    await attempt(() => begin("admin/rollback", { digest: of }));
  }
}
