// Requests, failures, traps and latency by revision over the last minutes, with the moments of
// a switch marked. Drawn as SVG that is stretched to its place; what is to be read is text.

import { html, nothing, svg } from "./lit-html.js";
import { ceiling, lately, minutesOf, revisionsOf, switches, values } from "./figures.js";
import { duration, number } from "./format.js";
import { t } from "./messages.js";
import { state } from "./state.js";

/** The least latency that is drawn, in milliseconds: its axis is logarithmic from here on. */
const LEAST_MS = 0.1;

const WIDTH = 300;
const HEIGHT = 100;

export function charts() {
  const { figures: rows, now, status } = state;
  const revisions = revisionsOf(rows, status);
  const window = { now, seconds: minutesOf(rows, now) * 60 };
  const of = (member, absent) => (revision) =>
    ({ ...revision, values: values(rows, revision.name, member, window, absent) });
  const counts = (title, member) =>
    chart(title, revisions.map(of(member, 0)), number, linear, window);
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
            ...revisions.map(of("p99_ms", null)).map((line) => ({ ...line, upper: true })),
            ...revisions.map(of("p50_ms", null)),
          ], duration, logarithmic, window)}
        </div>
        ${table(revisions)}
        </div>`}
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

/** Axes: the values at the top and at the bottom, and how high between them one stands. */
function linear(most) {
  const top = ceiling(most);
  return { top, bottom: 0, height: (value) => value / top };
}

/** A request in a thousand that takes seconds must not hide those that take less than one. */
function logarithmic(most) {
  const top = Math.max(10 ** Math.ceil(Math.log10(most)), LEAST_MS * 10);
  const height = (value) => Math.log(Math.max(value, LEAST_MS) / LEAST_MS) / Math.log(top / LEAST_MS);
  return { top, bottom: LEAST_MS, height };
}

/** One chart. A value of null leaves a gap. */
function chart(title, lines, shown, axis, window) {
  const most = Math.max(...lines.flatMap((line) => line.values.map((value) => value ?? 0)));
  const { top, bottom, height } = axis(most);
  return html`
    <figure>
      <figcaption>${title}</figcaption>
      <div class="plot">
        <span class="top">${shown(top)}</span>
        ${bottom ? html`<span class="bottom">${shown(bottom)}</span>` : nothing}
        <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img"
          aria-label=${summary(title, lines, shown)}>
          ${[0, 0.5, 1].map((part) => svg`
            <path class="grid" d="M0 ${HEIGHT * part}H${WIDTH}"/>`)}
          ${switches(withEvents(state), window).map((moment) => marker(moment, window))}
          ${lines.toReversed().map((line) => svg`
            <path class="line ${line.role} ${line.upper ? "upper" : ""}"
              d=${path(line.values, height)}/>`)}
        </svg>
      </div>
      <p class="axis" aria-hidden="true">
        <span>${t.charts.ago(window.seconds / 60)}</span><span>${t.charts.now}</span></p>
    </figure>`;
}

/** The deployments; of the one that runs, what was heard of it. */
const withEvents = ({ deployments, followed }) => deployments.map((deployment) =>
  deployment.id === followed?.id ? { ...deployment, events: followed.events } : deployment);

function marker({ id, second }, { now, seconds }) {
  const x = (second - (now - seconds)) * (WIDTH / seconds);
  return svg`<path class="switch" d="M${x} 0V${HEIGHT}"><title>${t.charts.switched(id)}</title></path>`;
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
    <div class="table" tabindex="0" role="region" aria-labelledby="lately-caption">
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
