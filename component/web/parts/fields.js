// Form fields with a label, a hint and an error, and the mapping of a failed request to the fields.

import { messages } from "../messages.js";
import { html, useId } from "../ui.js";

/** A labelled field. `children` is a function that renders the control with the given attributes. */
export function Field({ name, label, hint, error, span, children }) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-fault`].filter(Boolean).join(" ");
  const attributes = { id, name };
  if (described) attributes["aria-describedby"] = described;
  if (error) attributes["aria-invalid"] = "true";
  return html`<div class=${span ? `field ${span}` : "field"}>
    <label for=${id}>${label}</label>
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

/** An error that concerns the whole form. */
export function FormError({ text }) {
  return html`<div role="alert">${text && html`<p class="fault">${text}</p>`}</div>`;
}

/**
 * Splits the error of a failed request into `fields`, the errors of the fields in `names`, and `rest`,
 * the text for the whole form.
 */
export function sortErrors(error, names) {
  const fields = {};
  const byField = error.byField ?? {};
  let rest = "";
  for (const [name, detail] of Object.entries(byField)) {
    if (names.includes(name)) fields[name] = detail;
    else rest ||= `${messages.fields[name] ?? name}: ${detail}`;
  }
  if (!Object.keys(fields).length) rest ||= error.message;
  return { fields, rest };
}
