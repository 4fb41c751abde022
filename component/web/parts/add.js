// The form for a new task. What is typed in it is kept until the service has it.

import { idempotencyKey, Unreachable } from "../api.js";
import { draft, keepDraft } from "../drafts.js";
import { fromInput } from "../format.js";
import { messages } from "../messages.js";
import { say } from "../notices.js";
import { create } from "../tasks.js";
import { html, useRef, useState } from "../ui.js";
import { Bulk } from "./bulk.js";
import { openDialog } from "./dialog.js";
import { Choice, Field, focusFault, FormFault, sortFaults } from "./fields.js";

const { add: texts, fields: labels } = messages;
const BLANK = { title: "", description: "", priority: "medium", category: "feature", due_at: "" };
const NO_FAULTS = { fields: {}, rest: "" };

export function Add() {
  const [values, setValues] = useState(() => ({ ...BLANK, ...draft("add") }));
  const [faults, setFaults] = useState(NO_FAULTS);
  const [isBusy, setBusy] = useState(false);
  /** On a small screen the title is all there is to fill, until more is wanted. */
  const [isOpen, setOpen] = useState(false);
  const key = useRef(null);
  const form = useRef(null);

  const set = (name) => (value) => {
    const next = { ...values, [name]: value };
    setValues(next);
    keepDraft("add", next);
    // Another task than the one that was sent: not a repetition.
    key.current = null;
  };
  const typed = (name) => (event) => set(name)(event.target.value);

  const openBulk = (text = "") => openDialog((close) => html`<${Bulk} close=${close} text=${text} />`);

  /** Several lines in the place for one are several tasks. */
  const paste = (event) => {
    const text = event.clipboardData.getData("text");
    if (!/\S\s*\n\s*\S/.test(text)) return;
    event.preventDefault();
    openBulk(text);
  };

  const submit = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    if (!values.title.trim()) {
      setFaults({ fields: { title: texts.titleMissing }, rest: "" });
      focusFault(form.current);
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
      setFaults(NO_FAULTS);
      say(texts.added(task.title));
      form.current.elements.title.focus();
    } catch (error) {
      // The answer may be lost though the task is there: the same key tells a repetition.
      if (!(error instanceof Unreachable)) key.current = null;
      const faults = sortFaults(error, Object.keys(BLANK));
      setFaults(faults);
      if (Object.keys(faults.fields).some((name) => name !== "title")) setOpen(true);
      focusFault(form.current);
    } finally {
      setBusy(false);
    }
  };

  const { fields } = faults;
  return html`<form class=${isOpen ? "card add open" : "card add"} ref=${form} onSubmit=${submit} novalidate aria-label=${texts.heading}>
    <${Field} name="title" label=${labels.title} fault=${fields.title} span="wide">
      ${(attributes) => html`<input
        ...${attributes}
        value=${values.title}
        onInput=${typed("title")}
        onPaste=${paste}
        placeholder=${texts.titleHint}
        required
        maxlength="200"
        autocomplete="off"
      />`}
    <//>
    <${Field} name="description" label=${labels.description} fault=${fields.description} span="wide">
      ${(attributes) => html`<textarea
        ...${attributes}
        rows="1"
        value=${values.description}
        onInput=${typed("description")}
        maxlength="2000"
      ></textarea>`}
    <//>
    <${Field} name="priority" label=${labels.priority} fault=${fields.priority}>
      ${(attributes) => html`<${Choice} attributes=${attributes} value=${values.priority} onChange=${set("priority")} texts=${messages.priority} />`}
    <//>
    <${Field} name="category" label=${labels.category} fault=${fields.category}>
      ${(attributes) => html`<${Choice} attributes=${attributes} value=${values.category} onChange=${set("category")} texts=${messages.category} />`}
    <//>
    <${Field} name="due_at" label=${labels.due_at} fault=${fields.due_at} span="double">
      ${(attributes) => html`<input ...${attributes} type="datetime-local" value=${values.due_at} onInput=${typed("due_at")} />`}
    <//>
    <div class="actions">
      <button class="primary" disabled=${isBusy}>${texts.submit}</button>
      <button type="button" class="plain toggle" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>
        ${texts.details}
      </button>
      <button type="button" class="plain" onClick=${() => openBulk()}>${texts.several}</button>
    </div>
    <${FormFault} text=${faults.rest} />
  </form>`;
}
