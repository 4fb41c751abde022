// Keyboard shortcuts. Single keys can be switched off, because people who dictate text cause them by
// accident (WCAG 2.1.4). They do nothing while a field or a dialog has the focus.

import { address, closeTask, navigate } from "./address.js";
import { messages } from "./messages.js";
import { undoLast } from "./notices.js";
import { openedDialog, openDialog, Dialog } from "./parts/dialog.js";
import { openEdit } from "./parts/edit.js";
import { selection } from "./selection.js";
import { html, state, useShared } from "./ui.js";

const texts = messages.keys;

/** Whether single keys are shortcuts. */
const enabled = state(localStorage.getItem("keys") !== "off");

const isField = (element) => element.matches("input:not([type=checkbox]), textarea, select") || element.isContentEditable;
const focus = (selector) => document.querySelector(selector)?.focus();

/** Returns the element of the task that has the focus, or of the first one in the window. */
function currentTask() {
  return document.activeElement.closest("[data-task]");
}

function step(direction) {
  const tasks = [...document.querySelectorAll("main [data-task]")];
  const index = tasks.indexOf(currentTask());
  const next = index < 0 ? tasks.find((task) => task.getBoundingClientRect().top >= 0) : tasks[index + direction];
  if (!next) return;
  next.querySelector(".name")?.focus();
  next.scrollIntoView({ block: "nearest" });
  // With a task open, the panel follows.
  if (address.value.task) navigate({ task: next.dataset.task });
}

const onTask = (act) => () => {
  const id = Number(currentTask()?.dataset.task ?? address.value.task);
  if (id) act(id);
};

const SHORTCUTS = {
  "/": () => focus("form.filters [name=q]"),
  c: () => focus("form.add [name=title]"),
  j: () => step(1),
  k: () => step(-1),
  e: onTask(openEdit),
  x: () => {
    const task = currentTask();
    if (address.value.view === "list" && task) task.dispatchEvent(new CustomEvent("select-task"));
  },
  "?": openHelp,
};

addEventListener("keydown", (event) => {
  if (openedDialog.value || event.defaultPrevented) return;
  const inField = isField(event.target);
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "z") {
    if (!inField && undoLast()) event.preventDefault();
    return;
  }
  if (event.key === "Escape") {
    // The browser clears the field.
    if (event.target.type === "search" && event.target.value) return;
    if (address.value.task) closeTask();
    else if (selection.value) selection.value = null;
    else if (inField) event.target.blur();
    return;
  }
  if (inField || event.ctrlKey || event.metaKey || event.altKey || !enabled.value) return;
  const act = SHORTCUTS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

/** Opens the list of the shortcuts. */
export function openHelp() {
  openDialog((close) => html`<${Help} close=${close} />`);
}

function Help({ close }) {
  const isEnabled = useShared(enabled);
  const toggle = (event) => {
    enabled.value = event.target.checked;
    localStorage.setItem("keys", enabled.value ? "on" : "off");
  };
  return html`<${Dialog} heading=${texts.heading} onClose=${close} narrow>
    <dl class="keys">
      ${texts.list.map(([keys, what]) => html`<div key=${keys}><dt><kbd>${keys}</kbd></dt><dd>${what}</dd></div>`)}
    </dl>
    <p><label><input type="checkbox" checked=${isEnabled} onChange=${toggle} /> ${texts.enabled}</label></p>
    <div class="actions"><button onClick=${close}>${messages.edit.close}</button></div>
  <//>`;
}
