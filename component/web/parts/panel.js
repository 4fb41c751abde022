// The open task: a panel at the side, or the whole window on a small screen. Its address is `?task=298`.
//
// Status, priority, assignee and due time are changed in place, each with an undo. The dialog edits the
// rest.

import { address, closeTask, follow, link } from "../address.js";
import { formatNumber, formatTime, fromInput, toInput } from "../format.js";
import { messages } from "../messages.js";
import { notify } from "../notices.js";
import { change, complete, dependents, people, read, readChanges, remove, useData } from "../tasks.js";
import { html, useEffect, useLayoutEffect, useRef, useShared, useState } from "../ui.js";
import { openEdit } from "./edit.js";
import { Facts } from "./facts.js";
import { Choice, Field } from "./fields.js";

const { panel: texts, fields: labels } = messages;

/** Number of tasks that are named in each list. */
const MAX_NAMED = 20;
/** Number of tasks that are counted. */
const MAX_COUNTED = 1_000;
/** Number of changes that are shown at first. */
const MAX_CHANGES = 10;
/** From this width on, the panel is beside the page. */
const WIDE = matchMedia("(width >= 64rem)");

export function Panel() {
  const { task } = useShared(address);
  const id = /^\d{1,15}$/.test(task) ? Number(task) : null;
  const isOpen = task !== "";
  const isWide = useIsWide();
  // After the panel is painted, because the whole page gets another width.
  useEffect(() => {
    document.documentElement.classList.toggle("has-panel", isOpen && isWide);
  }, [isOpen, isWide]);
  return isOpen && html`<${OpenTask} key=${task} id=${id} isWide=${isWide} />`;
}

function OpenTask({ id, isWide }) {
  const [task, setTask] = useState(null);
  const [needed, setNeeded] = useState({ before: [], after: [] });
  const [changes, setChanges] = useState([]);
  const [fault, setFault] = useState(null);
  const [errors, setErrors] = useState({});
  const heading = useRef(null);

  useData(async () => {
    if (id === null) return setFault(texts.gone);
    try {
      const task = await read(id);
      setTask(task);
      setFault(null);
      const [changes, after, ...before] = await Promise.allSettled([
        readChanges(id),
        dependents(id, MAX_COUNTED),
        ...task.dependencies.slice(0, MAX_NAMED).map(read),
      ]);
      setChanges(changes.value ?? []);
      setNeeded({ before: before.map(({ value }) => value).filter(Boolean), after: after.value ?? [] });
    } catch (error) {
      setFault(error.status === 404 ? texts.gone : error.message);
    }
  }, [id]);
  useLayoutEffect(() => {
    const rest = [...document.querySelectorAll(".top, main, .skip")];
    for (const element of rest) element.inert = !isWide;
    return () => {
      for (const element of rest) element.inert = false;
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
  const removeTask = () => {
    closeTask();
    remove(task);
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
        ? html`<p class="text" dir="auto">${withLinks(task.description)}</p>`
        : html`<p class="hint">${texts.noDescription}</p>`}
      <${Facts} task=${{ ...task, due_at: null, assignee: null, dependencies: [] }} withStatus=${false} withPriority=${false} />
      <${Tasks} title=${labels.dependencies} tasks=${needed.before} count=${task.dependencies.length} />
      <${Tasks} title=${texts.dependents} tasks=${needed.after} count=${needed.after.length} />
      <${History} task=${task} changes=${changes} />
      <div class="actions">
        <button onClick=${() => openEdit(id)}>${texts.edit}</button>
        ${navigator.clipboard && html`<button class="plain" onClick=${copy}>${texts.copy}</button>`}
        <button class="plain quiet last" onClick=${removeTask}>${messages.task.remove}</button>
      </div>`}
  </div>`;
}

/** Returns a text whose web addresses are links. Punctuation after an address is not part of it. */
function withLinks(text) {
  const parts = [];
  let end = 0;
  for (const { 0: url, index } of text.matchAll(/https?:\/\/[^\s<>"]*[^\s<>"'.,:;!?)\]}]/g)) {
    parts.push(text.slice(end, index), html`<a href=${url} target="_blank" rel="noreferrer">${url}</a>`);
    end = index + url.length;
  }
  return [...parts, text.slice(end)];
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

/** What changed in the task, the latest change first. */
function History({ task, changes }) {
  const [isLong, setLong] = useState(false);
  const shown = isLong ? changes : changes.slice(0, MAX_CHANGES);
  // Changes from before the service kept them are not listed.
  const steps = [
    !changes.length && [task.updated_at, texts.updated],
    !changes.length && [task.completed_at, texts.completed],
    [task.created_at, texts.created],
  ];
  return html`<section>
    <h3>${texts.history}</h3>
    <ol class="history">
      ${shown.map(
        ({ changed_at, checksum, before, after }) => html`<li key=${checksum}>
          <time datetime=${changed_at}>${formatTime(changed_at)}</time>
          <ul>${Object.keys(after).map((name) => html`<li key=${name}><${Difference} name=${name} before=${before[name]} after=${after[name]} /></li>`)}</ul>
        </li>`,
      )}
      ${changes.length > shown.length &&
      html`<li><button class="plain" onClick=${() => setLong(true)}>${texts.moreChanges(changes.length - shown.length)}</button></li>`}
      ${steps.map((step) => step?.[0] && html`<li key=${step[1]}><time datetime=${step[0]}>${formatTime(step[0])}</time> ${step[1]}</li>`)}
    </ol>
  </section>`;
}

function Difference({ name, before, after }) {
  if (name === "description") {
    const text = (value) => value || messages.edit.empty;
    return html`<details>
      <summary>${labels[name]}</summary>
      <p dir="auto"><del>${text(before)}</del></p>
      <p dir="auto"><ins>${text(after)}</ins></p>
    </details>`;
  }
  const [from, to] = [before, after].map((value) => displayValue(name, value));
  return html`${labels[name]}: <del><bdi>${from}</bdi></del> <span aria-hidden="true">→</span><span class="hidden">${texts.to}</span> <ins><bdi>${to}</bdi></ins>`;
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
  if (["status", "priority", "category"].includes(name)) return messages[name][value];
  if (name === "dependencies") return value.map((id) => `#${id}`).join(", ") || messages.edit.empty;
  if (name === "tags") return value.join(", ") || messages.edit.empty;
  if (name.endsWith("hours")) return value === null ? messages.edit.empty : formatNumber(value);
  return value;
}
