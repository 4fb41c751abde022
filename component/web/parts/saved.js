// Filters that the user has saved under a name. They are kept in this browser.

import { isFiltered, link, navigate, withoutTask } from "../address.js";
import { messages } from "../messages.js";
import { notify } from "../notices.js";
import { html, state, useRef, useShared, useState } from "../ui.js";
import { Field } from "./fields.js";

const texts = messages.filters;
const saved = state(read());

function read() {
  try {
    return Object.entries(JSON.parse(localStorage.getItem("filters") ?? "{}"));
  } catch {
    return [];
  }
}

function keep(entries) {
  localStorage.setItem("filters", JSON.stringify(Object.fromEntries(entries)));
  saved.value = entries;
}

export function Saved() {
  const entries = useShared(saved);
  const shown = useShared(withoutTask);
  const [name, setName] = useState("");
  const input = useRef(null);
  const { view, ...filters } = shown;
  const save = () => {
    if (!name.trim()) return input.current.focus();
    keep([...entries.filter(([other]) => other !== name.trim()), [name.trim(), filters]]);
    notify(texts.savedAs(name.trim()));
    setName("");
  };
  const remove = (name) => {
    keep(entries.filter(([other]) => other !== name));
    notify(texts.removedSaved(name), { undo: () => keep(entries) });
  };
  const open = (filters) => (event) => {
    event.preventDefault();
    navigate(filters);
  };
  return html`<div class="saved wide">
    ${entries.length > 0 &&
    html`<ul class="chosen" aria-label=${texts.saved}>
      ${entries.map(
        ([name, filters]) => html`<li key=${name}>
          <a href=${link({ ...filters, task: "" })} onClick=${open(filters)} dir="auto">${name}</a>
          <button type="button" class="plain icon" aria-label=${texts.removeSaved(name)} onClick=${() => remove(name)}>×</button>
        </li>`,
      )}
    </ul>`}
    ${isFiltered(shown) &&
    html`<div class="actions">
      <${Field} name="saved" label=${texts.saveName} isLabelHidden>
        ${(attributes) => html`<input
          ...${attributes}
          ref=${input}
          value=${name}
          placeholder=${texts.saveName}
          maxlength="60"
          autocomplete="off"
          onInput=${(event) => setName(event.target.value)}
        />`}
      <//>
      <button type="button" onClick=${save}>${texts.save}</button>
    </div>`}
  </div>`;
}
