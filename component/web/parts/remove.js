// The question before a task is deleted.

import { messages } from "../messages.js";
import { remove } from "../tasks.js";
import { html } from "../ui.js";
import { Dialog, openDialog } from "./dialog.js";

const texts = messages.remove;

/** Asks, and deletes. `known` are the tasks among which dependants are looked for. */
export function askToRemove(task, known) {
  openDialog((close) => {
    const confirm = () => {
      close();
      remove(task, known);
    };
    return html`<${Dialog} heading=${texts.question} onClose=${close} narrow>
      <p>${texts.text(task.title)}</p>
      <div class="actions">
        <button class="danger" onClick=${confirm}>${texts.confirm}</button>
        <button onClick=${close}>${texts.cancel}</button>
      </div>
    <//>`;
  });
}
