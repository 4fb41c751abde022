// Requests, failures, traps and latency by revision over the last minutes, with the moments of
// a switch marked. Drawn as SVG that is stretched to its place; what is to be read is text.

import { html, nothing, svg } from "./lit-html.js";
import { ceiling, lately, revisionsOf, switches, values } from "./figures.js";
import { duration, number } from "./format.js";
import { t } from "./messages.js";
import { WINDOW, state } from "./state.js";

const WIDTH = 300;
const HEIGHT = 100;

export function charts() {
  const { figures: rows, now, status } = state;
  const revisions = revisionsOf(rows, status);
  const of = (member, absent) => (revision) =>
    ({ ...revision, values: values(rows, revision.name, member, now, absent) });
  const counts = (title, member) => chart(title, revisions.map(of(member, 0)), number);
  return html`
    <section aria-labelledby="charts-heading">
      <h2 id="charts-heading">${t.charts.heading} <span class="hint">${t.charts.window}</span></h2>
      ${revisions.length === 0 ? html`<p class="card empty">${t.charts.none}</p>` : html`
        ${legend(revisions)}
        <div class="charts">
          ${counts(t.charts.requests, "requests")}
          ${counts(t.charts.failures, "failures")}
          ${counts(t.charts.traps, "traps")}
          ${chart(t.charts.latency, [
            ...revisions.map(of("p99_ms", null)).map((line) => ({ ...line, upper: true })),
            ...revisions.map(of("p50_ms", null)),
          ], duration)}
        </div>
        ${table(revisions)}`}
    </section>`;
}

function legend(revisions) {
  return html`
    <ul class="legend">
      ${revisions.map(({ name, role }) => html`
        <li class=${role}>
          <svg class="key" viewBox="0 0 24 4" aria-hidden="true"><path d="M0 2H24"/></svg>
          <code>${name}</code> ${t.revisions[role].toLowerCase()}</li>`)}
    </ul>`;
}

/** One chart. A value of null leaves a gap. */
function chart(title, lines, shown) {
  const most = Math.max(...lines.flatMap((line) => line.values.map((value) => value ?? 0)));
  const top = ceiling(most);
  return html`
    <figure class="card">
      <figcaption>${title}</figcaption>
      <div class="plot">
        <span class="top">${shown(top)}</span>
        <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img"
          aria-label=${summary(title, lines, shown)}>
          ${[0, 0.5, 1].map((part) => svg`
            <path class="grid" d="M0 ${HEIGHT * part}H${WIDTH}"/>`)}
          ${switches(state.deployments, state.now).map(marker)}
          ${lines.toReversed().map((line) => svg`
            <path class="line ${line.role} ${line.upper ? "upper" : ""}"
              d=${path(line.values, top)}/>`)}
        </svg>
      </div>
      <p class="axis" aria-hidden="true">
        <span>${t.charts.ago(WINDOW / 60)}</span><span>${t.charts.now}</span></p>
    </figure>`;
}

function marker({ id, second }) {
  const x = (second - (state.now - WINDOW)) * (WIDTH / WINDOW);
  return svg`<path class="switch" d="M${x} 0V${HEIGHT}"><title>${t.charts.switched(id)}</title></path>`;
}

function path(line, top) {
  let pen = "M";
  return line.map((value, index) => {
    if (value === null) {
      pen = "M";
      return "";
    }
    const x = (index + 0.5) * (WIDTH / WINDOW);
    const y = HEIGHT - (value / top) * HEIGHT;
    // A dot, where a second stands alone.
    const step = `${pen}${x.toFixed(1)} ${y.toFixed(1)}${pen === "M" ? "h.5" : ""}`;
    pen = "L";
    return step;
  }).join("");
}

/** What the lines say, in words. */
function summary(title, lines, shown) {
  const parts = lines.filter((line) => !line.upper).map(({ name, values: line }) => {
    const last = line.findLast((value) => value !== null);
    return `${name} ${last === undefined ? t.charts.nothing : shown(last)}`;
  });
  return t.charts.summary(title, parts.join(", "));
}

function table(revisions) {
  const { figures: rows, now } = state;
  const ms = (value) => value === null ? "–" : duration(value);
  return html`
    <div class="card table" tabindex="0" role="region" aria-labelledby="lately-caption">
      <table>
        <caption id="lately-caption">${t.charts.table}</caption>
        <thead><tr>
          ${[t.charts.revision, t.charts.requestsColumn, t.charts.failuresColumn,
            t.charts.trapsColumn, t.charts.p50, t.charts.p99].map((heading) => html`
            <th scope="col">${heading}</th>`)}
        </tr></thead>
        <tbody>${revisions.map(({ name, role }) => {
          const sums = lately(rows, name, now);
          return html`
            <tr>
              <th scope="row"><code>${name}</code> <span class="hint">${
                t.revisions[role].toLowerCase()}</span></th>
              <td>${number(sums.requests)}</td>
              <td class=${sums.failures ? "bad" : ""}>${number(sums.failures)}</td>
              <td class=${sums.traps ? "bad" : ""}>${number(sums.traps)}</td>
              <td>${ms(sums.p50)}</td><td>${ms(sums.p99)}</td>
            </tr>`;
        })}</tbody>
      </table>
    </div>`;
}
