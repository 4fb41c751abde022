// The active revision, the candidate, the previous revisions to roll back to, and the replicas.

import { html, nothing } from "./lit-html.js";
import { candidate, describeTrial } from "./candidate.js";
import { verdict } from "./verdict.js";
import { digest, number, time } from "./format.js";
import { hosts } from "./hosts.js";
import { t } from "./messages.js";
import { confirmAction } from "./question.js";
import { startDeployment, state } from "./state.js";
import { attempt } from "./notice.js";

/** Maximum number of previous revisions shown that are no longer kept compiled. */
const MAX_COLD = 2;

export function revisions(redraw) {
  const { status } = state;
  const shown = status.candidate;
  return html`
    <section aria-labelledby="revisions-heading" id="revisions">
      <h2 id="revisions-heading">${t.revisions.heading}</h2>
      <div class="revisions">
        ${card("active", t.revisions.active, status.active)}
        ${shown ? card("candidate", t.revisions.candidate, shown, describeTrial(status),
          html`${verdict()}${candidate(status, redraw)}`) : nothing}
        ${previousCard(status)}
      </div>
      <p class="facts">
        <span><b>${t.revisions.replicas}</b> ${status.replicas.length > 0
          ? status.replicas.length : t.revisions.oneReplica(status.host_version)}</span>
        <span>${t.revisions.epoch(status.epoch)}</span>
      </p>
      ${hosts()}
    </section>`;
}

function card(role, label, revision, note, content = nothing) {
  return html`
    <article class="card revision ${role}" aria-label="${label}: ${digest(revision.digest)}">
      <p class="role">${label}</p>
      <h3>${revision.name} <span class="version">${revision.version}</span></h3>
      <p><code title=${revision.digest}>${digest(revision.digest)}</code></p>
      <p class="hint">${note ?? activation(revision.digest)}</p>
      <dl class="counts">
        <div><dt>${t.revisions.requests}</dt><dd>${number(revision.requests)}</dd></div>
        <div class=${revision.failures ? "bad" : ""}>
          <dt>${t.revisions.failures}</dt><dd>${number(revision.failures)}</dd></div>
        <div><dt>${t.revisions.running}</dt><dd>${number(revision.in_flight)}</dd></div>
      </dl>
      ${content}
    </article>`;
}

/** When a revision became active and by whom, according to the deployments shown. */
function activation(revisionDigest) {
  const switchOf = ({ events }) => events.find(({ stage, status }) => stage === "switch" && status === "passed");
  const deployment = state.deployments.find((one) => one.digest === revisionDigest
    && (one.outcome === "active" || (one.outcome === "running" && switchOf(one))));
  if (!deployment) return t.revisions.unknown;
  if (deployment.kind === "bundled") return t.revisions.started(time(deployment.began_at));
  const switched = switchOf(deployment);
  const at = switched?.at ?? deployment.ended_at ?? deployment.began_at;
  return t.revisions.since(time(at), deployment.actor);
}

/**
 * The revisions to roll back to. First those that are kept, which can serve at once, then others from
 * the history, which the host must compile first.
 */
function previousRevisions({ active, candidate: tried, kept }) {
  const known = new Set([active, tried, ...kept].map((revision) => revision?.digest));
  const cold = state.deployments
    .filter((deployment) => deployment.outcome === "active" && !known.has(deployment.digest))
    .map((deployment) => deployment.digest);
  const warm = kept.filter((revision) => revision.digest !== tried?.digest);
  return [...warm, ...[...new Set(cold)].slice(0, MAX_COLD).map((digest) => ({ digest }))];
}

function previousCard(status) {
  const { deployment } = status;
  const revisions = previousRevisions(status);
  if (revisions.length === 0) {
    return html`
      <div class="card"><p class="role">${t.revisions.before}</p>
        <p class="hint">${t.revisions.none}</p></div>`;
  }
  return html`
    <article class="card" aria-label=${t.revisions.before}>
      <p class="role">${t.revisions.before}</p>
      <ul class="kept">
        ${revisions.map(({ digest: full, name, version }) => html`
          <li>
            <div>
              <span><code title=${full}>${digest(full)}</code>
                ${name ? `${name} ${version}` : html`<span class="hint">${t.revisions.cold}</span>`}</span>
              <span class="hint">${activation(full)}</span>
            </div>
            <button aria-label=${t.revisions.rollbackTo(digest(full))}
              ?disabled=${deployment !== null || !state.connected}
              @click=${() => rollBack(full)}>${t.revisions.rollback}</button>
          </li>`)}
      </ul>
      ${deployment ? html`<p class="hint">${t.timeline.wait(deployment.id)}</p>` : nothing}
    </article>`;
}

/** Rolls back to a revision, after a confirmation. */
export async function rollBack(target) {
  const { title, text, yes } = t.question.rollback;
  const active = digest(state.status.active.digest);
  if (await confirmAction({ title: title(digest(target)), text: text(active), yes })) {
    await attempt(() => startDeployment("admin/rollback", { digest: target }));
  }
}
