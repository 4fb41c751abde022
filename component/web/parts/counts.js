// Counts of all tasks, regardless of the filters.

import { messages } from "../messages.js";
import { summary } from "../tasks.js";
import { html, useShared } from "../ui.js";

const texts = messages.counts;

export function Counts() {
  const figures = useShared(summary);
  const of = (status) => figures?.by_status[status] ?? 0;
  const counts = {
    total: figures?.total,
    pending: of("pending"),
    in_progress: of("in_progress"),
    completed: of("completed"),
    overdue: figures?.overdue_tasks,
  };
  return html`<dl class="counts" aria-label=${texts.label}>
    ${Object.entries(counts).map(
      ([name, count]) => html`<div key=${name} class=${name === "overdue" && count > 0 ? "late" : null}>
        <dt>${texts[name]}</dt>
        <dd data-count=${name}>${figures ? count : "–"}</dd>
      </div>`,
    )}
  </dl>`;
}
