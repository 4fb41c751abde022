// Figures over all tasks, as numbers and small charts. Each chart also has its numbers as text, and each
// number links to its tasks.

import { follow, link, NOBODY } from "../address.js";
import { request } from "../api.js";
import { formatDay, formatNumber } from "../format.js";
import { messages } from "../messages.js";
import { dataVersion, summary } from "../tasks.js";
import { html, useEffect, useShared, useState } from "../ui.js";
import { Failure } from "./list.js";

const texts = messages.statistics;
/** Number of days in the trend. */
const DAYS = 30;
/** Every so many days have their date below the bar. */
const DATE_STEP = 5;
/** Number of assignees that are shown individually. */
const MAX_ASSIGNEES = 8;

export function StatisticsView() {
  const figures = useShared(summary);
  const version = useShared(dataVersion);
  const [productivity, setProductivity] = useState(null);
  const [error, setError] = useState(null);
  const load = () =>
    request("GET", "tasks/analytics/productivity").then(
      ({ body }) => {
        setProductivity(body);
        setError(null);
      },
      (error) => setError(error),
    );
  useEffect(() => {
    load();
  }, [version]);
  if (error && !productivity) return html`<${Failure} error=${error} retry=${load} />`;
  if (!figures || !productivity) return html`<p class="quiet">${messages.list.loading}</p>`;
  if (!figures.total) return html`<div class="empty"><p><strong>${texts.empty}</strong></p></div>`;
  const percent = (value) => texts.percent(formatNumber(value));
  /** Without hours there is no average and no rate; the service says 0 then. */
  const known = (value, text) => (value ? text(formatNumber(value)) : texts.unknown);
  const facts = [
    [texts.completionRate, percent(figures.completion_rate), { show: "completed" }],
    [texts.averageEstimated, known(figures.average_estimated_hours, texts.hours)],
    [texts.averageActual, known(figures.average_actual_hours, texts.hours)],
    [texts.efficiency, known(productivity.efficiency_rate, texts.percent)],
    [texts.blocked, figures.blocked_tasks, { show: "blocked" }],
  ];
  return html`<div class="statistics">
    <dl class="counts">
      ${facts.map(
        ([name, value, target]) => html`<div key=${name}>
          <dt>${target ? html`<${ToList} target=${target}>${name}<//>` : name}</dt>
          <dd>${value}</dd>
        </div>`,
      )}
    </dl>
    <${Bars} title=${texts.byStatus} counts=${labelled(figures.by_status, messages.status, (show) => ({ show }))} />
    <${Bars} title=${texts.byPriority} counts=${labelled(figures.by_priority, messages.priority, (priority) => ({ priority }))} />
    <${Bars} title=${texts.byCategory} counts=${labelled(figures.by_category, messages.category, (category) => ({ category }))} />
    <${Bars} title=${texts.byAssignee} counts=${topAssignees(figures.by_assignee)} />
    <${Trend} days=${lastDays(productivity.completion_trend)} />
  </div>`;
}

function Bars({ title, counts }) {
  const max = Math.max(1, ...counts.map(([, count]) => count));
  return html`<section class="card chart">
    <h2>${title}</h2>
    <dl>
      ${counts.map(
        ([name, count, target]) => html`<div key=${name}>
          <dt dir="auto">${target ? html`<${ToList} target=${target}>${name}<//>` : name}</dt>
          <dd>
            <svg aria-hidden="true" viewBox="0 0 100 8" preserveAspectRatio="none">
              <rect class="track" width="100" height="8" rx="1" />
              <rect width=${(100 * count) / max} height="8" rx="1" />
            </svg>
            <span>${count}</span>
          </dd>
        </div>`,
      )}
    </dl>
  </section>`;
}

/** A link to the tasks that a figure counts. */
function ToList({ target, children }) {
  const none = { q: "", status: "", priority: "", category: "", assignee: "", tags: "", due: "", task: "" };
  const changes = { ...none, view: "list", show: "all", ...target };
  return html`<a href=${link(changes)} onClick=${follow(changes)}>${children}</a>`;
}

/** A bar for each day. Days with completed tasks show their number, and some days their date. */
function Trend({ days }) {
  const max = Math.max(...days.map(({ completed }) => completed));
  const labels = days.map(({ date, completed }) => texts.trendDay(formatDay(date), completed));
  return html`<section class="card chart trend">
    <h2>${texts.trend}</h2>
    ${max > 0
      ? html`<div role="img" class="bars" aria-label=${labels.filter((_, index) => days[index].completed).join(", ")}>
            ${days.map(
              ({ date, completed }, index) => html`<div key=${date} title=${labels[index]}>
                <span class="value">${completed || ""}</span>
                <span class="bar" style=${{ height: `${(5 * completed) / max}rem` }}></span>
                <span class="date">${index % DATE_STEP === DATE_STEP - 1 ? formatDay(date) : ""}</span>
              </div>`,
            )}
          </div>
          <p class="hint">${texts.trendSpan(formatDay(days[0].date), formatDay(days.at(-1).date))}</p>`
      : html`<p class="hint">${texts.trendNone(DAYS)}</p>`}
  </section>`;
}

/** Pairs each label with its count and with what its list shows. */
const labelled = (counts, labels, target) =>
  Object.entries(labels).map(([key, label]) => [label, counts[key] ?? 0, target(key)]);

/** Returns the last days up to today, including those without completed tasks. */
function lastDays(trend) {
  const counts = new Map(trend.map(({ date, completed }) => [date, completed]));
  return Array.from({ length: DAYS }, (_, index) => {
    const date = new Date(Date.now() - (DAYS - 1 - index) * 86_400_000).toISOString().slice(0, 10);
    return { date, completed: counts.get(date) ?? 0 };
  });
}

/** Returns the assignees with the most tasks, and one entry for all others if there are several. */
function topAssignees(counts) {
  const all = Object.entries(counts)
    .map(([name, count]) =>
      name === "unassigned"
        ? [messages.unassigned, count, { assignee: NOBODY }]
        : [name, count, { assignee: name }],
    )
    .sort(([, one], [, other]) => other - one);
  const others = all.slice(MAX_ASSIGNEES);
  if (others.length < 2) return all;
  const rest = others.reduce((sum, [, count]) => sum + count, 0);
  return [...all.slice(0, MAX_ASSIGNEES), [texts.others(others.length), rest]];
}
