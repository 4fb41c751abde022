// The line that adds a task. It understands what a line of several tasks does, and shows it as chips. More
// fields unfold below it. The input is kept as a draft until the service has stored the task.

import { address, matches, openTask } from "../address.js";
import { idempotencyKey, Unreachable } from "../api.js";
import { useCheck } from "../check.js";
import { keepDraft, readDraft } from "../drafts.js";
import { fromInput } from "../format.js";
import { messages } from "../messages.js";
import { notify } from "../notices.js";
import { parseLine } from "../parse.js";
import { create, people, tryCreate } from "../tasks.js";
import { html, useMemo, useRef, useState } from "../ui.js";
import { Bulk } from "./bulk.js";
import { openDialog } from "./dialog.js";
import { Choice, Field, focusFirstError, FormError, sortErrors, submitOnCtrlEnter } from "./fields.js";

const { add: texts, fields: labels } = messages;
const BLANK = { title: "", description: "", priority: "medium", category: "feature", due_at: "" };
const NO_ERRORS = { fields: {}, rest: "" };

/** The end of the title gives other members, too, so their errors are shown at the title. */
const toErrors = (error) => sortErrors(error, Object.keys(BLANK), "title");

export function Add() {
  const [values, setValues] = useState(() => ({ ...BLANK, ...readDraft("add") }));
  const [errors, setErrors] = useState(NO_ERRORS);
  const [isBusy, setBusy] = useState(false);
  /** Whether the fields below the title are shown. */
  const [isOpen, setOpen] = useState(() => Boolean(values.description || values.due_at));
  /** Whether the user has been in the form. Until then, a small screen shows only the line and one button. */
  const [isUsed, setUsed] = useState(false);
  /** Parts at the end of the title that the user wants to keep there. */
  const [kept, setKept] = useState([]);
  const key = useRef(null);
  const parsed = useMemo(() => parseLine(values.title, { people: people(), kept }), [values.title, kept]);
  const draft = useMemo(() => toDraft(values, parsed), [values, parsed]);
  const isBlank = !values.title.trim() && !values.description.trim();
  const check = useCheck({
    draft: isBlank ? null : draft,
    send: tryCreate,
    toFields: (error) => toErrors(error).fields,
    errors,
    setErrors,
  });
  const form = check.form.ref;

  const set = (name) => (value) => {
    check.edited(name);
    const next = { ...values, [name]: value };
    setValues(next);
    keepDraft("add", next);
    // The task differs from the one sent before, so the next request is not a repetition of it.
    key.current = null;
  };
  const onInput = (name) => (event) => set(name)(event.target.value);
  const keepInTitle = (source) => {
    setKept([...kept, source]);
    key.current = null;
    form.current.elements.title.focus();
  };

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
    check.stop();
    key.current ??= idempotencyKey();
    try {
      const task = await create(draft, key.current);
      const { priority, category } = values;
      setValues({ ...BLANK, priority, category });
      setKept([]);
      keepDraft("add", null);
      key.current = null;
      setErrors(NO_ERRORS);
      const isShown = address.value.view !== "statistics" && matches(task, address.value);
      if (isShown) notify(texts.added(task.title));
      else notify(texts.hidden(task.title), { open: () => openTask(task.id) });
      form.current.elements.title.focus();
    } catch (error) {
      // If no response arrived, the service may have created the task: a repetition needs the same key.
      if (!(error instanceof Unreachable)) key.current = null;
      const errors = toErrors(error);
      setErrors(errors);
      if (Object.keys(errors.fields).some((name) => name !== "title")) setOpen(true);
      focusFirstError(form.current);
    } finally {
      setBusy(false);
    }
  };

  const { fields } = errors;
  return html`<form
    class=${`card add${isOpen ? " open" : ""}${isUsed ? " used" : ""}`}
    ...${check.form}
    onFocusIn=${() => setUsed(true)}
    onSubmit=${submit}
    onKeyDown=${submitOnCtrlEnter}
    novalidate
    aria-label=${texts.heading}
  >
    <${Field} name="title" label=${labels.title} error=${fields.title} isLabelHidden>
      ${(attributes) => html`<input
        ...${attributes}
        value=${values.title}
        onInput=${onInput("title")}
        onPaste=${onPaste}
        placeholder=${texts.hint}
        dir="auto"
        required
        maxlength="300"
        autocomplete="off"
      />`}
    <//>
    <div class="actions">
      <button class="primary" disabled=${isBusy}>${texts.submit}</button>
      <button type="button" class="plain" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>${texts.details}</button>
      <button type="button" class="plain" onClick=${() => openBulk()}>${texts.several}</button>
    </div>
    <${Understood} ...${parsed} onKeep=${keepInTitle} />
    ${isOpen &&
    html`<div class="details">
      <${Field} name="description" label=${labels.description} error=${fields.description} span="wide">
        ${(attributes) => html`<textarea
          ...${attributes}
          rows="2"
          dir="auto"
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
    </div>`}
    <${FormError} text=${errors.rest} />
    ${check.spoken}
  </form>`;
}

function toDraft({ description, priority, category, due_at }, parsed) {
  return { description: description.trim() || null, priority, category, due_at: fromInput(due_at), ...parsed.task };
}

/** The parts of the line that were understood. Pressing one keeps its text in the title. */
function Understood({ chips, unknown, onKeep }) {
  return html`<ul class="understood" aria-label=${texts.understood} hidden=${!chips.length && !unknown.length}>
    ${chips.map(
      ({ text, source }) => html`<li key=${source}>
        <button type="button" class="chip" aria-label=${texts.keep(text, source)} title=${texts.keep(text, source)} onClick=${() => onKeep(source)}>
          <span dir="auto">${text}</span> <span aria-hidden="true">×</span>
        </button>
      </li>`,
    )}
    ${unknown.map((mark) => html`<li key=${mark} class="hint">${messages.parse.unknown(mark)}</li>`)}
  </ul>`;
}
