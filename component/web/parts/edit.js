// The dialog that changes a task.
//
// It remembers the task as it was when it was opened, sends only what differs from it, and only
// if the task is still that one. Where somebody was faster with other members, both changes are
// kept; where with the same ones, the person decides.

import { Problem } from "../api.js";
import { draft, keepDraft } from "../drafts.js";
import { fromInput, moment, toInput } from "../format.js";
import { messages } from "../messages.js";
import { say } from "../notices.js";
import { change, read, summary } from "../tasks.js";
import { html, useEffect, useRef, useState } from "../ui.js";
import { Dependencies } from "./dependencies.js";
import { Dialog, openDialog } from "./dialog.js";
import { Choice, Field, focusFault, FormFault, sortFaults } from "./fields.js";
import { askToRemove } from "./remove.js";

const { edit: texts, fields: labels } = messages;
const NO_FAULTS = { fields: {}, rest: "" };

/** Opens it. `known` are the tasks among which dependants are looked for when it is deleted. */
export function openEdit(id, known) {
  openDialog((close) => html`<${Edit} id=${id} known=${known} close=${close} />`);
}

function Edit({ id, known, close }) {
  const name = `edit:${id}`;
  /** `base` is the task as the form began with it, `values` what stands in the form. */
  const [work, setWork] = useState(() => draft(name));
  const [isRestored] = useState(work !== null);
  const [faults, setFaults] = useState(NO_FAULTS);
  /** The task as somebody else made it, and the members that both changed. */
  const [conflict, setConflict] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const form = useRef(null);

  const load = async () => {
    try {
      const base = await read(id);
      setWork({ base, values: toForm(base) });
    } catch (error) {
      setFaults({ fields: {}, rest: error.status === 404 ? texts.gone : error.message });
    }
  };
  useEffect(() => {
    if (!work) load();
  }, []);

  const keep = (next) => {
    setWork(next);
    keepDraft(name, Object.keys(difference(next)).length ? next : null);
  };
  const set = (member) => (value) => keep({ ...work, values: { ...work.values, [member]: value } });
  const discard = () => {
    keepDraft(name, null);
    setConflict(null);
    setFaults(NO_FAULTS);
    load();
  };

  const save = async (now) => {
    const members = difference(now);
    try {
      if (Object.keys(members).length) await change(id, members, now.base.checksum);
      keepDraft(name, null);
      say(texts.saved(now.values.title));
      close();
    } catch (error) {
      if (error instanceof Problem && error.status === 412) return meet(now, await read(id));
      throw error;
    }
  };
  /** Somebody was faster: carries the changes over to their task, or asks. */
  const meet = (mine, theirs) => {
    const both = contested(mine, theirs);
    const next = onto(mine, theirs);
    if (!both.length) return save(next);
    keep(mine);
    setConflict({ theirs, both });
  };
  const attempt = (work) => async (event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setFaults(NO_FAULTS);
    setConflict(null);
    try {
      await save(work());
    } catch (error) {
      const gone = error instanceof Problem && error.status === 404;
      setFaults(gone ? { fields: {}, rest: texts.gone } : sortFaults(error, Object.keys(labels)));
      focusFault(form.current);
    } finally {
      setBusy(false);
    }
  };
  const takeTheirs = () => {
    const next = onto(work, conflict.theirs);
    const theirs = toForm(conflict.theirs);
    for (const member of conflict.both) next.values[member] = theirs[member];
    setConflict(null);
    keep(next);
  };

  if (!work) {
    return html`<${Dialog} heading=${texts.heading(id)} onClose=${close}>
      <${FormFault} text=${faults.rest} />
      ${!faults.rest && html`<p class="quiet">${texts.loading}</p>`}
      <div class="actions"><button onClick=${close}>${texts.close}</button></div>
    <//>`;
  }
  const { base, values } = work;
  return html`<${Dialog} heading=${texts.heading(id)} onClose=${close}>
    <form class="edit" ref=${form} onSubmit=${attempt(() => work)} novalidate>
      ${isRestored &&
      html`<p class="note wide" role="status">
        ${texts.draftBack} <button type="button" class="plain" onClick=${discard}>${texts.discard}</button>
      </p>`}
      <${Members} values=${values} set=${set} own=${id} faults=${faults.fields} />
      <p class="hint wide">${history(base)}</p>
      <${FormFault} text=${faults.rest} />
      ${conflict &&
      html`<${Conflict} ...${conflict} onTheirs=${takeTheirs} onMine=${attempt(() => onto(work, conflict.theirs))} />`}
      <div class="actions wide">
        <button class="primary" disabled=${isBusy}>${texts.save}</button>
        <button type="button" onClick=${close}>${texts.cancel}</button>
        <button type="button" class="plain quiet last" onClick=${() => askToRemove(base, known)}>
          ${messages.task.remove}
        </button>
      </div>
    </form>
  <//>`;
}

function Members({ values, set, own, faults }) {
  const text = (name, attributes = {}) => (given) =>
    html`<input ...${given} ...${attributes} value=${values[name]} onInput=${(event) => set(name)(event.target.value)} />`;
  const choice = (name) => (given) =>
    html`<${Choice} attributes=${given} value=${values[name]} onChange=${set(name)} texts=${messages[name]} />`;
  const field = (name, draw, more = {}) =>
    html`<${Field} name=${name} label=${labels[name]} fault=${faults[name]} ...${more}>${draw}<//>`;
  const hours = { type: "number", min: 0, max: 1000, step: "any", inputmode: "decimal" };
  const area = (given) =>
    html`<textarea ...${given} rows="3" maxlength="2000" value=${values.description} onInput=${(event) => set("description")(event.target.value)}></textarea>`;
  const people = Object.keys(summary.value?.by_assignee ?? {}).filter((name) => name !== "unassigned");
  return html`
    ${field("title", text("title", { required: true, maxlength: 200, autocomplete: "off" }), { span: "wide" })}
    ${field("description", area, { span: "wide" })}
    ${field("status", choice("status"))} ${field("priority", choice("priority"))}
    ${field("category", choice("category"))}
    ${field("assignee", text("assignee", { maxlength: 100, list: "people", autocomplete: "off" }))}
    ${field("due_at", text("due_at", { type: "datetime-local" }), { span: "double" })}
    ${field("estimated_hours", text("estimated_hours", hours))}
    ${field("actual_hours", text("actual_hours", hours))}
    ${field("tags", text("tags", { autocomplete: "off" }), { hint: texts.tagsHint, span: "wide" })}
    <${Dependencies} ids=${values.dependencies} own=${own} fault=${faults.dependencies} onChange=${set("dependencies")} />
    <datalist id="people">${people.map((name) => html`<option key=${name} value=${name} />`)}</datalist>
  `;
}

function Conflict({ theirs, both, onTheirs, onMine }) {
  return html`<div class="note warn wide" role="alert">
    <p><strong>${texts.conflict}</strong></p>
    <ul>
      ${both.map((name) => html`<li key=${name}>${texts.conflictField(labels[name], spoken(name, theirs))}</li>`)}
    </ul>
    <div class="actions">
      <button type="button" onClick=${onMine}>${texts.keepMine}</button>
      <button type="button" onClick=${onTheirs}>${texts.takeTheirs}</button>
    </div>
  </div>`;
}

/** A task as the form's fields hold it. */
function toForm(task) {
  const number = (value) => (value === null ? "" : String(value));
  return {
    title: task.title,
    description: task.description ?? "",
    status: task.status,
    priority: task.priority,
    category: task.category,
    assignee: task.assignee ?? "",
    due_at: toInput(task.due_at),
    estimated_hours: number(task.estimated_hours),
    actual_hours: number(task.actual_hours),
    tags: task.tags.join(", "),
    dependencies: task.dependencies,
  };
}

/** How the service wants what the fields hold. */
const TO_MEMBER = {
  title: (text) => text.trim(),
  description: (text) => text || null,
  assignee: (text) => text.trim() || null,
  due_at: fromInput,
  estimated_hours: (text) => (text === "" ? null : Number(text)),
  actual_hours: (text) => (text === "" ? null : Number(text)),
  tags: (text) => text.split(",").map((tag) => tag.trim()).filter(Boolean),
};

const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** The members that the form changes. */
function difference({ base, values }) {
  const before = toForm(base);
  const names = Object.keys(values).filter((name) => !isSame(values[name], before[name]));
  return Object.fromEntries(
    names.map((name) => [name, TO_MEMBER[name] ? TO_MEMBER[name](values[name]) : values[name]]),
  );
}

/** The members that the form and somebody else both changed, to different values. */
function contested(mine, theirs) {
  const [before, now] = [toForm(mine.base), toForm(theirs)];
  return Object.keys(difference(mine)).filter(
    (name) => !isSame(before[name], now[name]) && !isSame(mine.values[name], now[name]),
  );
}

/** The form's changes on another state of the task. */
function onto(mine, theirs) {
  const values = toForm(theirs);
  for (const name of Object.keys(difference(mine))) values[name] = mine.values[name];
  return { base: theirs, values };
}

function spoken(name, task) {
  const value = toForm(task)[name];
  if (name === "due_at" && task.due_at) return moment(task.due_at);
  if (name === "dependencies") return value.map((id) => `#${id}`).join(", ") || texts.nothing;
  return messages[name]?.[value] ?? (value || texts.nothing);
}

function history({ created_at, updated_at, completed_at }) {
  const steps = [texts.added(moment(created_at))];
  if (updated_at) steps.push(texts.changed(moment(updated_at)));
  if (completed_at) steps.push(texts.completed(moment(completed_at)));
  return steps.join(" · ");
}
