// The dialog that edits a task.
//
// It remembers the task as loaded, and sends only the members that differ, on the condition that the
// task has not changed since. If someone else changed other members, both changes are kept. If they
// changed the same members, the user decides.

import { Problem } from "../api.js";
import { useCheck } from "../check.js";
import { keepDraft, readDraft } from "../drafts.js";
import { formatTime, fromInput, toInput } from "../format.js";
import { messages } from "../messages.js";
import { notify } from "../notices.js";
import { people, read, remove, tryUpdate, update } from "../tasks.js";
import { html, useEffect, useState } from "../ui.js";
import { Dependencies } from "./dependencies.js";
import { Dialog, openDialog } from "./dialog.js";
import { Choice, Field, focusFirstError, FormError, sortErrors, submitOnCtrlEnter } from "./fields.js";

const { edit: texts, fields: labels } = messages;
const NO_ERRORS = { fields: {}, rest: "" };

const toErrors = (error) => sortErrors(error, Object.keys(labels));

/** Opens the dialog. */
export function openEdit(id) {
  openDialog((close) => html`<${Edit} id=${id} close=${close} />`);
}

function Edit({ id, close }) {
  const draftName = `edit:${id}`;
  /** `base` is the task as loaded, `values` the content of the form's fields. Null until loaded. */
  const [edit, setEdit] = useState(() => readDraft(draftName));
  const [isRestored, setRestored] = useState(edit !== null);
  const [errors, setErrors] = useState(NO_ERRORS);
  /** `theirs` is the task as changed by someone else, `members` the members that both changed. */
  const [conflict, setConflict] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const check = useCheck({
    draft: edit && !conflict ? toDraft(edit) : null,
    send: ({ members, checksum }, signal) => tryUpdate(id, members, checksum, signal).catch(compare(signal)),
    toFields: (error) => toErrors(error).fields,
    errors,
    setErrors,
  });
  const form = check.form.ref;

  /** If a check finds that someone else changed the task, both changes are kept, or the user decides. */
  const compare = (signal) => async (error) => {
    if (!(error instanceof Problem) || error.status !== 412) throw error;
    const theirs = await read(id);
    if (signal.aborted) return;
    const members = conflictingMembers(edit, theirs);
    if (members.length) setConflict({ theirs, members });
    else setEdit((mine) => (conflictingMembers(mine, theirs).length ? mine : rebase(mine, theirs)));
  };

  const load = async () => {
    try {
      const base = await read(id);
      setEdit({ base, values: toForm(base) });
    } catch (error) {
      setErrors({ fields: {}, rest: error.status === 404 ? texts.gone : error.message });
    }
  };
  useEffect(() => {
    if (!edit) load();
  }, []);

  const keep = (next) => {
    setEdit(next);
    keepDraft(draftName, Object.keys(difference(next)).length ? next : null);
  };
  const set = (member) => (value) => {
    check.edited(member);
    keep({ ...edit, values: { ...edit.values, [member]: value } });
  };
  const discard = () => {
    keepDraft(draftName, null);
    setConflict(null);
    setErrors(NO_ERRORS);
    setRestored(false);
    form.current?.elements.title.focus();
    load();
  };

  const save = async (mine) => {
    const members = difference(mine);
    try {
      if (Object.keys(members).length) await update(id, members, mine.base.checksum);
      keepDraft(draftName, null);
      notify(texts.saved(mine.values.title));
      close();
    } catch (error) {
      if (error instanceof Problem && error.status === 412) return resolveConflict(mine, await read(id));
      throw error;
    }
  };
  /** Someone else changed the task first: applies the edit to their version, or asks the user. */
  const resolveConflict = (mine, theirs) => {
    const members = conflictingMembers(mine, theirs);
    if (!members.length) return save(rebase(mine, theirs));
    keep(mine);
    setConflict({ theirs, members });
  };
  /** Returns an event handler that saves the edit returned by `getEdit`. */
  const submit = (getEdit) => async (event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    check.stop();
    setErrors(NO_ERRORS);
    setConflict(null);
    try {
      await save(getEdit());
    } catch (error) {
      const isGone = error instanceof Problem && error.status === 404;
      setErrors(isGone ? { fields: {}, rest: texts.gone } : toErrors(error));
      focusFirstError(form.current);
    } finally {
      setBusy(false);
    }
  };
  const removeTask = () => {
    close();
    remove(edit.base);
  };
  const acceptTheirs = () => {
    const next = rebase(edit, conflict.theirs);
    const theirs = toForm(conflict.theirs);
    for (const member of conflict.members) next.values[member] = theirs[member];
    setConflict(null);
    keep(next);
  };

  if (!edit) {
    return html`<${Dialog} heading=${texts.heading(id)} onClose=${close}>
      <${FormError} text=${errors.rest} />
      ${!errors.rest && html`<p class="quiet">${texts.loading}</p>`}
      <div class="actions"><button onClick=${close}>${texts.close}</button></div>
    <//>`;
  }
  const { base, values } = edit;
  return html`<${Dialog} heading=${texts.heading(id)} onClose=${close}>
    <form class="edit" ...${check.form} onSubmit=${submit(() => edit)} onKeyDown=${submitOnCtrlEnter} novalidate>
      ${isRestored &&
      html`<p class="note wide" role="status">${texts.draftRestored}</p>`}
      <${EditFields} values=${values} set=${set} ownId=${id} errors=${errors.fields} />
      <p class="hint wide">${history(base)}</p>
      <${FormError} text=${errors.rest} />
      ${check.spoken}
      ${conflict &&
      html`<${Conflict} ...${conflict} onTheirs=${acceptTheirs} onMine=${submit(() => rebase(edit, conflict.theirs))} />`}
      <div class="actions wide">
        <button class="primary" disabled=${isBusy}>${texts.save}</button>
        <button type="button" onClick=${close}>${texts.cancel}</button>
        ${isRestored && html`<button type="button" class="plain" onClick=${discard}>${texts.discard}</button>`}
        <button type="button" class="plain quiet last" onClick=${removeTask}>${messages.task.remove}</button>
      </div>
    </form>
  <//>`;
}

function EditFields({ values, set, ownId, errors }) {
  const text = (name, more = {}) => (attributes) =>
    html`<input ...${attributes} ...${more} value=${values[name]} onInput=${(event) => set(name)(event.target.value)} />`;
  const choice = (name) => (attributes) =>
    html`<${Choice} attributes=${attributes} value=${values[name]} onChange=${set(name)} texts=${messages[name]} />`;
  const field = (name, renderControl, more = {}) =>
    html`<${Field} name=${name} label=${labels[name]} error=${errors[name]} ...${more}>${renderControl}<//>`;
  const hours = { type: "number", min: 0, max: 1000, step: "any", inputmode: "decimal" };
  const description = (attributes) =>
    html`<textarea ...${attributes} rows="3" dir="auto" maxlength="2000" value=${values.description} onInput=${(event) => set("description")(event.target.value)}></textarea>`;
  return html`
    ${field("title", text("title", { required: true, maxlength: 200, autocomplete: "off", dir: "auto" }), { span: "wide" })}
    ${field("description", description, { span: "wide" })}
    ${field("status", choice("status"))} ${field("priority", choice("priority"))}
    ${field("category", choice("category"))}
    ${field("assignee", text("assignee", { maxlength: 100, list: "people", autocomplete: "off", dir: "auto" }))}
    ${field("due_at", text("due_at", { type: "datetime-local" }), { span: "double" })}
    ${field("estimated_hours", text("estimated_hours", hours))}
    ${field("actual_hours", text("actual_hours", hours))}
    ${field("tags", text("tags", { autocomplete: "off", dir: "auto" }), { hint: texts.tagsHint, span: "wide" })}
    <${Dependencies} ids=${values.dependencies} ownId=${ownId} error=${errors.dependencies} onChange=${set("dependencies")} />
    <datalist id="people">${people().map((name) => html`<option key=${name} value=${name} />`)}</datalist>
  `;
}

function Conflict({ theirs, members, onTheirs, onMine }) {
  return html`<div class="note warn wide" role="alert">
    <p><strong>${texts.conflict}</strong></p>
    <ul>
      ${members.map((name) => html`<li key=${name}>${texts.conflictField(labels[name], displayValue(name, theirs))}</li>`)}
    </ul>
    <div class="actions">
      <button type="button" onClick=${onMine}>${texts.keepMine}</button>
      <button type="button" onClick=${onTheirs}>${texts.useTheirs}</button>
    </div>
  </div>`;
}

/** Converts a task to the values of the form's fields. */
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

/** Converts a field's value to the member that the service expects. Other fields are sent unchanged. */
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

/** Returns the members that the user has changed, as the service expects them. */
function difference({ base, values }) {
  const before = toForm(base);
  const names = Object.keys(values).filter((name) => !isSame(values[name], before[name]));
  return Object.fromEntries(
    names.map((name) => [name, TO_MEMBER[name] ? TO_MEMBER[name](values[name]) : values[name]]),
  );
}

/** Returns what is checked of an edit: null if nothing is changed. */
function toDraft(edit) {
  const members = difference(edit);
  return Object.keys(members).length ? { members, checksum: edit.base.checksum } : null;
}

/** Returns the names of the members that the user and someone else changed to different values. */
function conflictingMembers(mine, theirs) {
  const [before, current] = [toForm(mine.base), toForm(theirs)];
  return Object.keys(difference(mine)).filter(
    (name) => !isSame(before[name], current[name]) && !isSame(mine.values[name], current[name]),
  );
}

/** Applies the user's changes to another version of the task. */
function rebase(mine, theirs) {
  const values = toForm(theirs);
  for (const name of Object.keys(difference(mine))) values[name] = mine.values[name];
  return { base: theirs, values };
}

/** Formats a member of a task for the conflict message. */
function displayValue(name, task) {
  const value = toForm(task)[name];
  if (name === "due_at" && task.due_at) return formatTime(task.due_at);
  if (name === "dependencies") return value.map((id) => `#${id}`).join(", ") || texts.empty;
  return messages[name]?.[value] ?? (value || texts.empty);
}

function history({ created_at, updated_at, completed_at }) {
  const steps = [texts.added(formatTime(created_at))];
  if (updated_at) steps.push(texts.changed(formatTime(updated_at)));
  if (completed_at) steps.push(texts.completed(formatTime(completed_at)));
  return steps.join(" · ");
}
