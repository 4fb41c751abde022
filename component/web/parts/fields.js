// Form fields: a label, a hint, and the fault that the service found in it.

import { messages } from "../messages.js";
import { html, useId } from "../ui.js";

/** A labelled field. `children` draws the control with the attributes that it is given. */
export function Field({ name, label, hint, fault, span, children }) {
  const id = useId();
  const described = [hint && `${id}-hint`, fault && `${id}-fault`].filter(Boolean).join(" ");
  const attributes = { id, name };
  if (described) attributes["aria-describedby"] = described;
  if (fault) attributes["aria-invalid"] = "true";
  return html`<div class=${span ? `field ${span}` : "field"}>
    <label for=${id}>${label}</label>
    ${children(attributes)}
    ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    ${fault && html`<p class="fault" id=${`${id}-fault`}>${fault}</p>`}
  </div>`;
}

/** A choice among the texts of an object; `first` is what stands for none of them. */
export function Choice({ attributes, value, onChange, texts, first }) {
  return html`<select ...${attributes} value=${value} onChange=${(event) => onChange(event.target.value)}>
    ${first !== undefined && html`<option value="">${first}</option>`}
    ${Object.entries(texts).map(
      ([key, text]) => html`<option key=${key} value=${key} selected=${key === value}>${text}</option>`,
    )}
  </select>`;
}

/** Brings the first field with a fault into view and focus, once it is drawn. */
export function focusFault(form) {
  requestAnimationFrame(() => form?.querySelector("[aria-invalid]")?.focus());
}

/** What is wrong with the whole, where no field is at fault. */
export function FormFault({ text }) {
  return html`<div role="alert">${text && html`<p class="fault">${text}</p>`}</div>`;
}

/** The faults of a failed request: at the fields that a form has, and one for the rest. */
export function sortFaults(error, names) {
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
