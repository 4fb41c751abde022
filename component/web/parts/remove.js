// The confirmation before a task is deleted.

import { messages } from "../messages.js";
import { remove } from "../tasks.js";
import { html } from "../ui.js";
import { Dialog, openDialog } from "./dialog.js";

const texts = messages.remove;

/** Deletes a task after a confirmation. `loadedTasks` are searched for dependants, for the undo. */
export function confirmRemove(task, loadedTasks) {
  openDialog((close) => {
    const confirm = () => {
      close();
      remove(task, loadedTasks);
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
