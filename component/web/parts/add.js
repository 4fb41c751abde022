// The form that adds a task. Its input is kept as a draft until the service has stored the task.

import { idempotencyKey, Unreachable } from "../api.js";
import { keepDraft, readDraft } from "../drafts.js";
import { fromInput } from "../format.js";
import { messages } from "../messages.js";
import { notify } from "../notices.js";
import { create } from "../tasks.js";
import { html, useRef, useState } from "../ui.js";
import { Bulk } from "./bulk.js";
import { openDialog } from "./dialog.js";
import { Choice, Field, focusFirstError, FormError, sortErrors } from "./fields.js";

const { add: texts, fields: labels } = messages;
const BLANK = { title: "", description: "", priority: "medium", category: "feature", due_at: "" };
const NO_ERRORS = { fields: {}, rest: "" };

export function Add() {
  const [values, setValues] = useState(() => ({ ...BLANK, ...readDraft("add") }));
  const [errors, setErrors] = useState(NO_ERRORS);
  const [isBusy, setBusy] = useState(false);
  /** Whether a small screen shows the fields below the title. */
  const [isOpen, setOpen] = useState(false);
  const key = useRef(null);
  const form = useRef(null);

  const set = (name) => (value) => {
    const next = { ...values, [name]: value };
    setValues(next);
    keepDraft("add", next);
    // The task differs from the one sent before, so the next request is not a repetition of it.
    key.current = null;
  };
  const onInput = (name) => (event) => set(name)(event.target.value);

  const openBulk = (text = "") => openDialog((close) => html`<${Bulk} close=${close} text=${text} />`);

  /** Opens the dialog for multiple tasks if the pasted text has several lines. */
  const onPaste = (event) => {
    const text = event.clipboardData.getData("text");
    if (!/\S\s*\n\s*\S/.test(text)) return;
    event.preventDefault();
    openBulk(text);
  };

  const submit = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    if (!values.title.trim()) {
      setErrors({ fields: { title: texts.titleMissing }, rest: "" });
      focusFirstError(form.current);
      return;
    }
    setBusy(true);
    key.current ??= idempotencyKey();
    try {
      const description = values.description.trim() || null;
      const task = { ...values, title: values.title.trim(), description, due_at: fromInput(values.due_at) };
      await create(task, key.current);
      const next = { ...BLANK, priority: values.priority, category: values.category };
      setValues(next);
      keepDraft("add", null);
      key.current = null;
      setErrors(NO_ERRORS);
      notify(texts.added(task.title));
      form.current.elements.title.focus();
    } catch (error) {
      // If no response arrived, the service may have created the task: a repetition needs the same key.
      if (!(error instanceof Unreachable)) key.current = null;
      const errors = sortErrors(error, Object.keys(BLANK));
      setErrors(errors);
      if (Object.keys(errors.fields).some((name) => name !== "title")) setOpen(true);
      focusFirstError(form.current);
    } finally {
      setBusy(false);
    }
  };

  const { fields } = errors;
  return html`<form class=${isOpen ? "card add open" : "card add"} ref=${form} onSubmit=${submit} novalidate aria-label=${texts.heading}>
    <${Field} name="title" label=${labels.title} error=${fields.title} span="wide">
      ${(attributes) => html`<input
        ...${attributes}
        value=${values.title}
        onInput=${onInput("title")}
        onPaste=${onPaste}
        placeholder=${texts.titleHint}
        required
        maxlength="200"
        autocomplete="off"
      />`}
    <//>
    <${Field} name="description" label=${labels.description} error=${fields.description} span="wide">
      ${(attributes) => html`<textarea
        ...${attributes}
        rows="1"
        value=${values.description}
        onInput=${onInput("description")}
        maxlength="2000"
      ></textarea>`}
    <//>
    <${Field} name="priority" label=${labels.priority} error=${fields.priority}>
      ${(attributes) => html`<${Choice} attributes=${attributes} value=${values.priority} onChange=${set("priority")} texts=${messages.priority} />`}
    <//>
    <${Field} name="category" label=${labels.category} error=${fields.category}>
      ${(attributes) => html`<${Choice} attributes=${attributes} value=${values.category} onChange=${set("category")} texts=${messages.category} />`}
    <//>
    <${Field} name="due_at" label=${labels.due_at} error=${fields.due_at} span="double">
      ${(attributes) => html`<input ...${attributes} type="datetime-local" value=${values.due_at} onInput=${onInput("due_at")} />`}
    <//>
    <div class="actions">
      <button class="primary" disabled=${isBusy}>${texts.submit}</button>
      <button type="button" class="plain toggle" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>
        ${texts.details}
      </button>
      <button type="button" class="plain" onClick=${() => openBulk()}>${texts.several}</button>
    </div>
    <${FormError} text=${errors.rest} />
  </form>`;
}
