// The question before a task is deleted. It names the tasks that depend on it.

import { messages } from "../messages.js";
import { dependents, remove } from "../tasks.js";
import { html, useEffect, useState } from "../ui.js";
import { Dialog, openDialog } from "./dialog.js";

const texts = messages.remove;
/** Number of dependent tasks that are named. */
const MAX_NAMED = 5;

/** Deletes a task after a confirmation. Calls `onDone` when the user has confirmed. */
export function confirmRemove(task, onDone) {
  openDialog((close) => html`<${Question} task=${task} close=${close} onDone=${onDone} />`);
}

function Question({ task, close, onDone }) {
  const [dependants, setDependants] = useState(null);
  useEffect(() => {
    // Without an answer, the question is asked without the names.
    dependents(task.id).then(setDependants, () => setDependants([]));
  }, []);
  const confirm = () => {
    close();
    onDone?.();
    remove(task, dependants);
  };
  const count = dependants?.length ?? 0;
  return html`<${Dialog} heading=${texts.question} onClose=${close} narrow>
    <p dir="auto">${texts.text(task.title)}</p>
    ${count > 0 &&
    html`<div class="note warn">
      <p>${texts.dependents(count)}</p>
      <ul>
        ${dependants.slice(0, MAX_NAMED).map((task) => html`<li key=${task.id} dir="auto">${messages.task.name(task)}</li>`)}
        ${count > MAX_NAMED && html`<li>${texts.moreDependents(count - MAX_NAMED)}</li>`}
      </ul>
    </div>`}
    <div class="actions">
      <button class="danger" disabled=${dependants === null} onClick=${confirm}>${texts.confirm}</button>
      <button onClick=${close}>${texts.cancel}</button>
    </div>
  <//>`;
}
