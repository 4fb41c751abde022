// The open task: a panel at the side, or the whole window on a small screen. Its address is `?task=298`.
//
// Status, priority, assignee and due time are changed in place, each with an undo. The dialog edits the
// rest.

import { address, closeTask, follow, link } from "../address.js";
import { formatTime, fromInput, toInput } from "../format.js";
import { messages } from "../messages.js";
import { notify } from "../notices.js";
import { change, complete, dependents, people, read, useData } from "../tasks.js";
import { html, useEffect, useLayoutEffect, useRef, useShared, useState } from "../ui.js";
import { openEdit } from "./edit.js";
import { Facts } from "./facts.js";
import { Choice, Field } from "./fields.js";
import { confirmRemove } from "./remove.js";

const { panel: texts, fields: labels } = messages;

/** Number of tasks that are named in each list. */
const MAX_NAMED = 20;
/** From this width on, the panel is beside the page. */
const WIDE = matchMedia("(width >= 64rem)");

export function Panel() {
  const { task } = useShared(address);
  const id = /^\d{1,15}$/.test(task) ? Number(task) : null;
  return task === "" ? null : html`<${OpenTask} key=${task} id=${id} />`;
}

function OpenTask({ id }) {
  const [task, setTask] = useState(null);
  const [needed, setNeeded] = useState({ before: [], after: [] });
  const [fault, setFault] = useState(null);
  const [errors, setErrors] = useState({});
  const heading = useRef(null);
  const isWide = useIsWide();

  useData(async () => {
    if (id === null) return setFault(texts.gone);
    try {
      const task = await read(id);
      setTask(task);
      setFault(null);
      const before = await Promise.allSettled(task.dependencies.slice(0, MAX_NAMED).map(read));
      const after = await dependents(id).catch(() => []);
      setNeeded({ before: before.map(({ value }) => value).filter(Boolean), after });
    } catch (error) {
      setFault(error.status === 404 ? texts.gone : error.message);
    }
  }, [id]);
  useLayoutEffect(() => {
    const rest = [...document.querySelectorAll(".top, main, .skip")];
    for (const element of rest) element.inert = !isWide;
    document.documentElement.classList.toggle("has-panel", isWide);
    return () => {
      for (const element of rest) element.inert = false;
      document.documentElement.classList.remove("has-panel");
    };
  }, [isWide]);
  useLayoutEffect(() => {
    // After the effect above, so that the opener is not inert any more when it gets the focus back.
    const opener = document.activeElement;
    heading.current.focus({ preventScroll: true });
    return () => {
      // The row may have been rendered again since.
      const target = opener?.isConnected && opener !== document.body ? opener : document.querySelector(`[data-task="${id}"] .name`);
      target?.focus({ preventScroll: true });
    };
  }, []);

  const save = async (name, value) => {
    if (value === task[name]) return;
    if (name === "status" && value === "completed") {
      const completed = await complete(task);
      return completed && setTask(completed);
    }
    try {
      setErrors({});
      setTask(await change(task, { [name]: value }, texts.changed(labels[name], displayValue(name, value))));
    } catch (error) {
      setErrors({ [name]: error.byField?.[name] ?? error.message });
    }
  };
  const copy = async () => {
    await navigator.clipboard.writeText(new URL(`?task=${id}`, location.href).href);
    notify(texts.copied);
  };

  return html`<div class="panel" role="dialog" aria-modal=${isWide ? null : "true"} aria-labelledby="panel-heading">
    <div class="top-line">
      <p class="number">#${id}</p>
      <button class="plain icon" aria-label=${texts.close} onClick=${closeTask}>×</button>
    </div>
    <h2 id="panel-heading" tabindex="-1" ref=${heading} dir="auto">${task?.title ?? messages.edit.heading(id ?? "")}</h2>
    ${fault && html`<p class="fault" role="alert">${fault}</p>`}
    ${!task && !fault && html`<p class="quiet">${texts.loading}</p>`}
    ${task &&
    html`<${InPlace} task=${task} errors=${errors} save=${save} />
      ${task.description
        ? html`<p class="text" dir="auto">${task.description}</p>`
        : html`<p class="hint">${texts.noDescription}</p>`}
      <${Facts} task=${{ ...task, due_at: null, assignee: null, dependencies: [] }} withStatus=${false} withPriority=${false} />
      <${Tasks} title=${labels.dependencies} tasks=${needed.before} count=${task.dependencies.length} />
      <${Tasks} title=${texts.dependents} tasks=${needed.after} count=${needed.after.length} />
      <${History} task=${task} />
      <div class="actions">
        <button onClick=${() => openEdit(id)}>${texts.edit}</button>
        ${navigator.clipboard && html`<button class="plain" onClick=${copy}>${texts.copy}</button>`}
        <button class="plain quiet last" onClick=${() => confirmRemove(task, closeTask)}>${messages.task.remove}</button>
      </div>`}
  </div>`;
}

function InPlace({ task, errors, save }) {
  const field = (name, renderControl) =>
    html`<${Field} name=${name} label=${labels[name]} error=${errors[name]}>${renderControl}<//>`;
  const choice = (name) =>
    field(name, (attributes) => html`<${Choice} attributes=${attributes} value=${task[name]} onChange=${(value) => save(name, value)} texts=${messages[name]} />`);
  /** A field that is saved when the user leaves it or presses Enter. */
  const entry = (name, value, toMember, more) =>
    field(name, (attributes) => html`<input
      ...${attributes}
      ...${more}
      key=${value}
      defaultValue=${value}
      onBlur=${(event) => event.target.value !== value && save(name, toMember(event.target.value))}
      onKeyDown=${(event) => event.key === "Enter" && event.target.blur()}
    />`);
  const text = (value) => value.trim() || null;
  return html`<div class="in-place">
    ${choice("status")} ${choice("priority")}
    ${entry("assignee", task.assignee ?? "", text, { list: "people-panel", maxlength: 100, autocomplete: "off", dir: "auto" })}
    ${entry("due_at", toInput(task.due_at), fromInput, { type: "datetime-local" })}
    <datalist id="people-panel">${people().map((name) => html`<option key=${name} value=${name} />`)}</datalist>
  </div>`;
}

/** Some of `count` tasks, as links. */
function Tasks({ title, tasks, count }) {
  if (!tasks.length) return null;
  const named = tasks.slice(0, MAX_NAMED);
  return html`<section>
    <h3>${title}</h3>
    <ul>
      ${named.map(
        (task) => html`<li key=${task.id} class=${`task ${task.status}`}>
          <span class="number">#${task.id}</span> <a class="name" dir="auto" href=${link({ task: String(task.id) })} onClick=${follow({ task: String(task.id) })}>${task.title}</a>
        </li>`,
      )}
      ${count > named.length && html`<li class="hint">${messages.remove.moreDependents(count - named.length)}</li>`}
    </ul>
  </section>`;
}

/** What is known of the task's past. */
function History({ task }) {
  const steps = [
    [task.created_at, texts.created],
    [task.completed_at, texts.completed],
    [task.updated_at, texts.updated],
  ];
  return html`<section>
    <h3>${texts.history}</h3>
    <ol class="history">
      ${steps.map(([time, what]) => time && html`<li key=${what}>${what} <time datetime=${time}>${formatTime(time)}</time></li>`)}
    </ol>
  </section>`;
}

function useIsWide() {
  const [isWide, setWide] = useState(WIDE.matches);
  useEffect(() => {
    const update = () => setWide(WIDE.matches);
    WIDE.addEventListener("change", update);
    return () => WIDE.removeEventListener("change", update);
  }, []);
  return isWide;
}

function displayValue(name, value) {
  if (name === "assignee") return value ?? texts.nobody;
  if (name === "due_at") return value ? formatTime(value) : texts.never;
  return messages[name][value];
}
