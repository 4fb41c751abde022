// What a row or a card says of a task beside its title.

import { isOverdue, moment, number } from "../format.js";
import { messages } from "../messages.js";
import { html } from "../ui.js";

const texts = messages.task;

/** `withStatus` is false where the place says it already. */
export function Facts({ task, withStatus }) {
  const { due_at, estimated_hours, actual_hours } = task;
  const isLate = isOverdue(task);
  const hasHours = estimated_hours !== null || actual_hours !== null;
  const hours = (value) => (value === null ? null : number(value));
  return html`<ul class="facts">
    ${withStatus && html`<li class=${`pill ${task.status}`}>${messages.status[task.status]}</li>`}
    <li class=${`priority ${task.priority}`}>${messages.priority[task.priority]}</li>
    <li>${messages.category[task.category]}</li>
    ${due_at &&
    html`<li class=${isLate && "late"}>${(isLate ? texts.overdue : texts.due)(moment(due_at))}</li>`}
    ${task.assignee && html`<li class="person">${task.assignee}</li>`}
    ${hasHours && html`<li>${texts.hours(hours(actual_hours), hours(estimated_hours))}</li>`}
    ${task.dependencies.length > 0 && html`<li>${texts.after(task.dependencies)}</li>`}
    ${task.tags.map((tag) => html`<li key=${tag} class="tag">${tag}</li>`)}
  </ul>`;
}
