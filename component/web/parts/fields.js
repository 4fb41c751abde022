// Form fields with a label, a hint and an error, and the mapping of a failed request to the fields.

import { connected } from "../api.js";
import { messages } from "../messages.js";
import { html, useId, useShared } from "../ui.js";

/** A labelled field. `children` is a function that renders the control with the given attributes. */
export function Field({ name, label, hint, error, span, isLabelHidden, children }) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-fault`].filter(Boolean).join(" ");
  const attributes = { id, name };
  if (described) attributes["aria-describedby"] = described;
  if (error) attributes["aria-invalid"] = "true";
  return html`<div class=${span ? `field ${span}` : "field"}>
    <label for=${id} class=${isLabelHidden && "hidden"}>${label}</label>
    ${children(attributes)}
    ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    ${error && html`<p class="fault" id=${`${id}-fault`}>${error}</p>`}
  </div>`;
}

/** A select of the entries of `texts` (value to label). `first`, if given, is the label for no value. */
export function Choice({ attributes, value, onChange, texts, first }) {
  return html`<select ...${attributes} value=${value} onChange=${(event) => onChange(event.target.value)}>
    ${first !== undefined && html`<option value="">${first}</option>`}
    ${Object.entries(texts).map(
      ([key, text]) => html`<option key=${key} value=${key} selected=${key === value}>${text}</option>`,
    )}
  </select>`;
}

/** Focuses the first invalid field, after the next render. */
export function focusFirstError(form) {
  requestAnimationFrame(() => form?.querySelector("[aria-invalid]")?.focus());
}

/** An error that concerns the whole form. That the service cannot be reached is shown until it can. */
export function FormError({ text }) {
  const isConnected = useShared(connected);
  const isOver = text === messages.unreachable && isConnected;
  const shown = isOver ? html`<p class="hint">${messages.reachable}</p>` : text && html`<p class="fault">${text}</p>`;
  return html`<div role="alert">${shown}</div>`;
}

/** The problems that concern one field, although the service names none. */
const FIELDS_OF_CODES = { "dependency-cycle": "dependencies", "too-many-dependencies": "dependencies" };

/**
 * Splits the error of a failed request into `fields`, the errors of the fields in `names`, and `rest`,
 * the text for the whole form. If the members of other fields come from the field `source`, it gets their
 * errors.
 */
export function sortErrors(error, names, source) {
  const fields = {};
  const ownField = FIELDS_OF_CODES[error.code];
  const byField = ownField ? { [ownField]: error.message } : (error.byField ?? {});
  let rest = "";
  for (const [name, detail] of Object.entries(byField)) {
    if (names.includes(name)) fields[name] = detail;
    else rest ||= `${messages.fields[name] ?? name}: ${detail}`;
  }
  if (source && rest) {
    fields[source] ??= rest;
    rest = "";
  }
  if (!Object.keys(fields).length) rest ||= error.message;
  return { fields, rest };
}

/** Sends the form on Ctrl+Enter, also from a field with several lines. */
export function submitOnCtrlEnter(event) {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  event.currentTarget.requestSubmit();
}
