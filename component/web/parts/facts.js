// The facts about a task that a row or card shows below its title.

import { formatDue, formatNumber, isOverdue, startOfDay } from "../format.js";
import { messages } from "../messages.js";
import { html, state, useShared } from "../ui.js";

const texts = messages.task;

const MINUTE_MS = 60_000;
const dayNow = () => startOfDay(new Date()).getTime();
/** The current day. When it changes, "tomorrow" becomes "today". */
const today = state(dayNow());
setInterval(() => (today.value = dayNow()), MINUTE_MS);

/** `withStatus` and `withPriority` are false if the surrounding view already shows them. */
export function Facts({ task, withStatus, withPriority = true }) {
  const { due_at, estimated_hours, actual_hours } = task;
  useShared(today);
  const isLate = isOverdue(task);
  const hasHours = estimated_hours !== null || actual_hours !== null;
  const hours = (value) => (value === null ? null : formatNumber(value));
  return html`<ul class="facts">
    ${withStatus && html`<li class=${`pill ${task.status}`}>${messages.status[task.status]}</li>`}
    ${withPriority && html`<li class=${`priority ${task.priority}`}>${messages.priority[task.priority]}</li>`}
    <li>${messages.category[task.category]}</li>
    ${due_at &&
    html`<li class=${isLate && "late"}>${(isLate ? texts.overdue : texts.due)(formatDue(due_at))}</li>`}
    ${task.assignee && html`<li class="person">${task.assignee}</li>`}
    ${hasHours && html`<li>${texts.hours(hours(actual_hours), hours(estimated_hours))}</li>`}
    ${task.dependencies.length > 0 && html`<li>${texts.after(task.dependencies)}</li>`}
    ${task.tags.map((tag) => html`<li key=${tag} class="tag">${tag}</li>`)}
  </ul>`;
}
