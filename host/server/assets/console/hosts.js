// The hosts that share the database, each with what it serves and since when.

import { html, nothing } from "./lit-html.js";
import { digest, duration, time } from "./format.js";
import { t } from "./messages.js";
import { state } from "./state.js";

/** Renders nothing for a host that is alone. */
export function hosts() {
  const { replicas, active } = state.status;
  if (replicas.length === 0) return nothing;
  return html`
    <div class="table hosts" tabindex="0" role="region" aria-label=${t.hosts.heading}>
      <table>
        <thead><tr>${t.hosts.columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
        <tbody>${replicas.map((host) => row(host, active))}</tbody>
      </table>
    </div>`;
}

function row(host, active) {
  const isRight = host.state === "serving" && host.digest === active.digest;
  return html`
    <tr class=${isRight ? "" : "bad"}>
      <th scope="row">${host.name} ${host.this ? html`<span class="hint">${t.revisions.this}</span>` : nothing}
        ${host.problem ? html`<span class="problem">${host.problem}</span>` : nothing}</th>
      <td>${t.revisions.states[host.state] ?? host.state}</td>
      <td>${host.digest ? html`<code title=${host.digest}>${digest(host.digest)}</code>` : "–"}</td>
      <td>${host.serving_since
        ? html`<time datetime=${host.serving_since}>${time(host.serving_since)}</time>` : "–"}</td>
      <td>${host.epoch}</td>
      <td>${duration(host.heartbeat_ms)}</td>
      <td>${host.host_version}</td>
    </tr>`;
}
