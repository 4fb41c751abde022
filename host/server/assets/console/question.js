// The confirmation dialog, shown before actions that affect every client.

import { html, render } from "./lit-html.js";
import { t } from "./messages.js";

/** Asks for confirmation. Resolves to false on Cancel or Escape. */
export function confirmAction({ title, text, yes }) {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "question-title");
  dialog.setAttribute("aria-describedby", "question-text");
  render(html`
    <form method="dialog">
      <h2 id="question-title">${title}</h2>
      <p id="question-text">${text}</p>
      <div class="buttons">
        <button value="no" autofocus>${t.question.cancel}</button>
        <button value="yes" class="danger">${yes}</button>
      </div>
    </form>`, dialog);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
