// Charts of requests, failures, traps and latency by revision over the last minutes, with marks where
// traffic moved to another revision, and the last minute as a table.

import { html } from "./lit-html.js";
import { chart, linear, logarithmic } from "./chart.js";
import { chartMinutes, lastMinute, revisionsOf, trafficMoves, values } from "./figures.js";
import { duration, number } from "./format.js";
import { t } from "./messages.js";
import { state } from "./state.js";

export function charts(redraw) {
  const { figures: rows, now, status } = state;
  const revisions = revisionsOf(rows, status);
  const window = { now, seconds: chartMinutes(rows, now) * 60 };
  const moves = trafficMoves(withEvents(state), window);
  const lineOf = (member, absent, more) => (revision) =>
    ({ ...revision, ...more, values: values(rows, revision.name, member, window, absent) });
  const counts = (title, member) => chart(
    { title, lines: revisions.map(lineOf(member, 0)), format: number, axis: linear, window, moves }, redraw);
  const latency = [
    ...revisions.map(lineOf("p99_ms", null, { label: t.charts.p99, upper: true })),
    ...revisions.map(lineOf("p50_ms", null, { label: t.charts.p50 })),
  ];
  return html`
    <section aria-labelledby="charts-heading">
      <h2 id="charts-heading">${t.charts.heading}
        <span class="hint">${t.charts.window(window.seconds / 60)}</span></h2>
      ${revisions.length === 0 ? html`<p class="card empty">${t.charts.none}</p>` : html`
        <div class="card traffic">
        ${legend(revisions)}
        <p class="hint">${t.charts.hint}</p>
        <div class="charts">
          ${counts(t.charts.requests, "requests")}
          ${counts(t.charts.failures, "failures")}
          ${counts(t.charts.traps, "traps")}
          ${chart({ title: t.charts.latency, lines: latency, format: duration, axis: logarithmic, window, moves },
            redraw)}
        </div>
        ${table(revisions)}
        </div>`}
    </section>`;
}

/** The deployments. The one that is followed gets the events received so far. */
const withEvents = ({ deployments, followed }) => deployments.map((deployment) =>
  deployment.id === followed?.id ? { ...deployment, events: followed.events } : deployment);

function legend(revisions) {
  return html`
    <ul class="legend">
      ${revisions.map(({ name, role, style }) => html`
        <li class=${style}>
          <svg class="key" viewBox="0 0 24 4" aria-hidden="true"><path d="M0 2H24"/></svg>
          <code>${name}</code> ${t.revisions[role].toLowerCase()}</li>`)}
    </ul>`;
}

function table(revisions) {
  const { figures: rows, now } = state;
  const ms = (value) => value === null ? "–" : duration(value);
  return html`
    <div class="table" tabindex="0" role="region" aria-labelledby="lately-caption">
      <table>
        <caption id="lately-caption">${t.charts.table}</caption>
        <thead><tr>
          ${[t.charts.revision, t.charts.requestsColumn, t.charts.failuresColumn,
            t.charts.trapsColumn, t.charts.keptColumn, t.charts.p50, t.charts.p99].map((heading) => html`
            <th scope="col">${heading}</th>`)}
        </tr></thead>
        <tbody>${revisions.map(({ name, role }) => {
          const sums = lastMinute(rows, name, now);
          return html`
            <tr>
              <th scope="row"><code>${name}</code> <span class="hint">${
                t.revisions[role].toLowerCase()}</span></th>
              <td>${number(sums.requests)}</td>
              <td class=${sums.failures ? "bad" : ""}>${number(sums.failures)}</td>
              <td class=${sums.traps ? "bad" : ""}>${number(sums.traps)}</td>
              <td>${number(sums.kept)}</td>
              <td>${ms(sums.p50)}</td><td>${ms(sums.p99)}</td>
            </tr>`;
        })}</tbody>
      </table>
    </div>`;
}
