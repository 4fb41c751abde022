// Figures over all tasks, as numbers and small charts. Each chart's numbers stand in it as text.

import { request } from "../api.js";
import { day, number } from "../format.js";
import { messages } from "../messages.js";
import { changes, summary } from "../tasks.js";
import { html, useEffect, useShared, useState } from "../ui.js";
import { Failure } from "./list.js";

const texts = messages.statistics;
const DAYS = 30;
const PEOPLE = 8;

export function StatisticsView() {
  const figures = useShared(summary);
  const version = useShared(changes);
  const [work, setWork] = useState(null);
  const [error, setError] = useState(null);
  const load = () =>
    request("GET", "tasks/analytics/productivity").then(
      ({ body }) => {
        setWork(body);
        setError(null);
      },
      (error) => setError(error),
    );
  useEffect(() => {
    load();
  }, [version]);
  if (error && !work) return html`<${Failure} error=${error} retry=${load} />`;
  if (!figures || !work) return html`<p class="quiet">${messages.list.loading}</p>`;
  if (!figures.total) return html`<div class="empty"><p><strong>${texts.empty}</strong></p></div>`;
  const hours = (value) => texts.hours(number(value));
  const percent = (value) => texts.percent(number(value));
  const facts = [
    [texts.completionRate, percent(figures.completion_rate)],
    [texts.averageEstimated, hours(figures.average_estimated_hours)],
    [texts.averageActual, hours(figures.average_actual_hours)],
    [texts.efficiency, percent(work.efficiency_rate)],
    [texts.blocked, figures.blocked_tasks],
  ];
  return html`<div class="statistics">
    <dl class="counts">
      ${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
    </dl>
    <${Bars} title=${texts.byStatus} counts=${named(figures.by_status, messages.status)} />
    <${Bars} title=${texts.byPriority} counts=${named(figures.by_priority, messages.priority)} />
    <${Bars} title=${texts.byCategory} counts=${named(figures.by_category, messages.category)} />
    <${Bars} title=${texts.byAssignee} counts=${largest(figures.by_assignee)} />
    <${Trend} days=${lastDays(work.completion_trend)} />
  </div>`;
}

function Bars({ title, counts }) {
  const most = Math.max(1, ...counts.map(([, count]) => count));
  return html`<section class="card chart">
    <h2>${title}</h2>
    <dl>
      ${counts.map(
        ([name, count]) => html`<div key=${name}>
          <dt>${name}</dt>
          <dd>
            <svg aria-hidden="true" viewBox="0 0 100 8" preserveAspectRatio="none">
              <rect class="track" width="100" height="8" rx="1" />
              <rect width=${(100 * count) / most} height="8" rx="1" />
            </svg>
            <span>${count}</span>
          </dd>
        </div>`,
      )}
    </dl>
  </section>`;
}

function Trend({ days }) {
  const most = Math.max(...days.map(({ completed }) => completed));
  const spoken = days.map(({ date, completed }) => texts.trendDay(day(date), completed));
  return html`<section class="card chart trend">
    <h2>${texts.trend}</h2>
    ${most > 0
      ? html`<svg role="img" aria-label=${spoken.filter((_, index) => days[index].completed).join(", ")} viewBox="0 0 ${DAYS * 10} 60" preserveAspectRatio="none">
            ${days.map(({ date, completed }, index) => {
              const height = (56 * completed) / most;
              return html`<rect key=${date} x=${index * 10 + 1} y=${60 - height} width="8" height=${height} rx="1">
                <title>${spoken[index]}</title>
              </rect>`;
            })}
          </svg>
          <p class="hint">${texts.trendSpan(day(days[0].date), day(days.at(-1).date))}</p>`
      : html`<p class="hint">${texts.trendNone(DAYS)}</p>`}
  </section>`;
}

const named = (counts, names) => Object.entries(names).map(([key, name]) => [name, counts[key] ?? 0]);

/** The days until today, also those on which nothing was completed. */
function lastDays(trend) {
  const counts = new Map(trend.map(({ date, completed }) => [date, completed]));
  return Array.from({ length: DAYS }, (_, index) => {
    const date = new Date(Date.now() - (DAYS - 1 - index) * 86_400_000).toISOString().slice(0, 10);
    return { date, completed: counts.get(date) ?? 0 };
  });
}

/** Those with the most tasks, and all others together. */
function largest(counts) {
  const all = Object.entries(counts)
    .map(([name, count]) => [name === "unassigned" ? messages.unassigned : name, count])
    .sort(([, one], [, other]) => other - one);
  const rest = all.slice(PEOPLE).reduce((sum, [, count]) => sum + count, 0);
  return rest ? [...all.slice(0, PEOPLE), [texts.others, rest]] : all;
}
