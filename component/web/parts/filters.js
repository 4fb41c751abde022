// Search, filters and sort order. They are stored in the address. Typing is debounced.

import { clearFilters, countFilters, isFiltered, navigate, NOBODY, ownName, setOwnName, sortOf, withoutTask } from "../address.js";
import { messages } from "../messages.js";
import { people, summary } from "../tasks.js";
import { html, useEffect, useId, useRef, useShared, useState } from "../ui.js";
import { Choice, Field } from "./fields.js";
import { Saved } from "./saved.js";

const { filters: texts, fields: labels } = messages;
const DEBOUNCE_MS = 150;

export function Filters() {
  const shown = useShared(withoutTask);
  const [isOpen, setOpen] = useState(false);
  const name = useShared(ownName);
  useShared(summary);
  const panel = useId();
  const choice = (name, label, options, first) => html`<${Field} name=${name} label=${label} span=${name === "sort" && "sort"} isLabelHidden=${name === "sort"}>
    ${(attributes) => html`<${Choice}
      attributes=${attributes}
      value=${name === "sort" ? sortOf(shown) : shown[name]}
      onChange=${(value) => navigate({ [name]: value })}
      texts=${options}
      first=${first}
    />`}
  <//>`;
  const { label: dueLabel, ...due } = texts.due;
  const { label: sortLabel, ...sort } = texts.sort;
  const { "": anyTime, ...dueOptions } = due;
  return html`<form class=${isOpen ? "filters open" : "filters"} role="search" aria-label=${texts.label} onSubmit=${(event) => event.preventDefault()}>
    <${TextFilter} name="q" label=${texts.search} isLabelHidden type="search" placeholder=${texts.searchHint} />
    <button
      type="button"
      aria-expanded=${isOpen}
      aria-controls=${panel}
      onClick=${() => setOpen(!isOpen)}
    >${texts.show(countFilters(shown))}</button>
    ${choice("sort", sortLabel, sort)}
    ${isFiltered(shown) && html`<button type="button" class="plain" onClick=${clearFilters}>${texts.clear}</button>`}
    <div id=${panel} class="options" hidden=${!isOpen}>
      ${shown.view !== "board" && choice("status", labels.status, messages.status, texts.any.status)}
      ${choice("priority", labels.priority, messages.priority, texts.any.priority)}
      ${choice("category", labels.category, messages.category, texts.any.category)}
      ${choice("assignee", labels.assignee, assignees(shown), texts.assignee)}
      ${choice("due", dueLabel, dueOptions, anyTime)}
      <${TextFilter} name="tags" label=${texts.tags} placeholder=${texts.tagsHint} />
      <${Field} name="name" label=${messages.show.name} hint=${messages.show.nameHint}>
        ${(attributes) => html`<input
          ...${attributes}
          value=${name}
          maxlength="100"
          autocomplete="off"
          onChange=${(event) => setOwnName(event.target.value.trim())}
        />`}
      <//>
      <${Saved} />
    </div>
  </form>`;
}

/** A text field that updates the address when the user stops typing. */
function TextFilter({ name, label, isLabelHidden, type, placeholder }) {
  const value = useShared(withoutTask)[name];
  const [text, setText] = useState(value);
  /** The value that this field last wrote to the address. Its echo must not replace newer input. */
  const sent = useRef(value);
  useEffect(() => {
    if (value !== sent.current) setText((sent.current = value));
  }, [value]);
  useEffect(() => {
    if (text === sent.current) return;
    const timer = setTimeout(() => navigate({ [name]: (sent.current = text) }), DEBOUNCE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<${Field} name=${name} label=${label} isLabelHidden=${isLabelHidden}>
    ${(attributes) => html`<input
      ...${attributes}
      type=${type ?? "text"}
      value=${text}
      placeholder=${placeholder}
      autocomplete="off"
      onInput=${(event) => setText(event.target.value)}
    />`}
  <//>`;
}

/** Returns the assignees with tasks, and the assignee in the address. */
function assignees({ assignee }) {
  const names = people();
  if (assignee && assignee !== NOBODY && !names.includes(assignee)) names.push(assignee);
  return { [NOBODY]: messages.unassigned, ...Object.fromEntries(names.map((name) => [name, name])) };
}
