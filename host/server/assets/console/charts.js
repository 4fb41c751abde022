// Charts of requests, failures, traps and latency by revision over the last minutes, with marks where
// traffic moved to another revision. The lines are SVG that stretches to the available space; labels
// are text outside of it.

import { html, nothing, svg } from "./lit-html.js";
import { chartMinutes, lastMinute, revisionsOf, roundUp, trafficMoves, values } from "./figures.js";
import { duration, number } from "./format.js";
import { t } from "./messages.js";
import { state } from "./state.js";

/** The lowest latency on the logarithmic axis, in milliseconds. */
const MIN_LATENCY_MS = 0.1;

const WIDTH = 300;
const HEIGHT = 100;

export function charts() {
  const { figures: rows, now, status } = state;
  const revisions = revisionsOf(rows, status);
  const window = { now, seconds: chartMinutes(rows, now) * 60 };
  const lineOf = (member, absent) => (revision) =>
    ({ ...revision, values: values(rows, revision.name, member, window, absent) });
  const counts = (title, member) =>
    chart(title, revisions.map(lineOf(member, 0)), number, linear, window);
  return html`
    <section aria-labelledby="charts-heading">
      <h2 id="charts-heading">${t.charts.heading}
        <span class="hint">${t.charts.window(window.seconds / 60)}</span></h2>
      ${revisions.length === 0 ? html`<p class="card empty">${t.charts.none}</p>` : html`
        <div class="card traffic">
        ${legend(revisions)}
        <div class="charts">
          ${counts(t.charts.requests, "requests")}
          ${counts(t.charts.failures, "failures")}
          ${counts(t.charts.traps, "traps")}
          ${chart(t.charts.latency, [
            ...revisions.map(lineOf("p99_ms", null)).map((line) => ({ ...line, upper: true })),
            ...revisions.map(lineOf("p50_ms", null)),
          ], duration, logarithmic, window)}
        </div>
        ${table(revisions)}
        </div>`}
    </section>`;
}

function legend(revisions) {
  return html`
    <ul class="legend">
      ${revisions.map(({ name, role, style }) => html`
        <li class=${style}>
          <svg class="key" viewBox="0 0 24 4" aria-hidden="true"><path d="M0 2H24"/></svg>
          <code>${name}</code> ${t.revisions[role].toLowerCase()}</li>`)}
    </ul>`;
}

/** An axis: its top and bottom value, and the relative height (0 to 1) of a value between them. */
function linear(max) {
  const top = roundUp(max);
  return { top, bottom: 0, height: (value) => value / top };
}

/** An axis on which a few requests that take seconds do not hide those that take milliseconds. */
function logarithmic(max) {
  const top = Math.max(10 ** Math.ceil(Math.log10(max)), MIN_LATENCY_MS * 10);
  const height = (value) =>
    Math.log(Math.max(value, MIN_LATENCY_MS) / MIN_LATENCY_MS) / Math.log(top / MIN_LATENCY_MS);
  return { top, bottom: MIN_LATENCY_MS, height };
}

/** One chart. A value of null leaves a gap. `format` turns a value into text. */
function chart(title, lines, format, axis, window) {
  const max = Math.max(...lines.flatMap((line) => line.values.map((value) => value ?? 0)));
  const { top, bottom, height } = axis(max);
  return html`
    <figure>
      <figcaption>${title}</figcaption>
      <div class="plot">
        <span class="top">${format(top)}</span>
        ${bottom ? html`<span class="bottom">${format(bottom)}</span>` : nothing}
        <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img"
          aria-label=${summary(title, lines, format)}>
          ${[0, 0.5, 1].map((part) => svg`
            <path class="grid" d="M0 ${HEIGHT * part}H${WIDTH}"/>`)}
          ${trafficMoves(withEvents(state), window).map((move) => marker(move, window))}
          ${lines.toReversed().map((line) => svg`
            <path class="line ${line.style} ${line.upper ? "upper" : ""}"
              d=${path(line.values, height)}/>`)}
        </svg>
      </div>
      <p class="axis" aria-hidden="true">
        <span>${t.charts.ago(window.seconds / 60)}</span><span>${t.charts.now}</span></p>
    </figure>`;
}

/** The deployments. The one that is followed gets the events received so far. */
const withEvents = ({ deployments, followed }) => deployments.map((deployment) =>
  deployment.id === followed?.id ? { ...deployment, events: followed.events } : deployment);

function marker({ id, second }, { now, seconds }) {
  const x = (second - (now - seconds)) * (WIDTH / seconds);
  return svg`<path class="switch" d="M${x} 0V${HEIGHT}"><title>${t.charts.moved(id)}</title></path>`;
}

function path(line, height) {
  let pen = "M";
  return line.map((value, index) => {
    if (value === null) {
      pen = "M";
      return "";
    }
    const x = (index + 0.5) * (WIDTH / line.length);
    const y = HEIGHT - height(value) * HEIGHT;
    // A single value between two gaps becomes a dot.
    const step = `${pen}${x.toFixed(1)} ${y.toFixed(1)}${pen === "M" ? "h.5" : ""}`;
    pen = "L";
    return step;
  }).join("");
}

/** The latest value of each line as text. */
function summary(title, lines, format) {
  const parts = lines.filter((line) => !line.upper).map(({ name, values: line }) => {
    const last = line.findLast((value) => value !== null);
    return `${name} ${last === undefined ? t.charts.nothing : format(last)}`;
  });
  return t.charts.summary(title, parts.join(", "));
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
