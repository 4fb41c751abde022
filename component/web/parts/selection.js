// The toolbar for the selected tasks.

import { messages } from "../messages.js";
import { changeSelected, removeSelected, selection } from "../selection.js";
import { people } from "../tasks.js";
import { html, useLayoutEffect, useRef, useShared, useState } from "../ui.js";
import { Choice, Field } from "./fields.js";

const texts = messages.selection;

export function SelectionBar() {
  const selected = useShared(selection);
  return selected && html`<${Bar} selected=${selected} />`;
}

function Bar({ selected }) {
  const [isBusy, setBusy] = useState(false);
  const bar = useRef(null);
  useLayoutEffect(() => {
    // Notices lie above the bar, whose height depends on the width of the window.
    const { style } = document.documentElement;
    const observer = new ResizeObserver(() => style.setProperty("--toolbar", `${bar.current.offsetHeight}px`));
    observer.observe(bar.current);
    return () => {
      observer.disconnect();
      style.removeProperty("--toolbar");
    };
  }, []);
  const run = async (act) => {
    setBusy(true);
    await act();
    setBusy(false);
  };
  /** A field whose Enter key changes the tasks. */
  const entry = (name, label, toMembers, list) => html`<${Field} name=${name} label=${label} isLabelHidden>
    ${(attributes) => html`<input
      ...${attributes}
      placeholder=${label}
      list=${list}
      maxlength="100"
      autocomplete="off"
      onKeyDown=${(event) => {
        const value = event.target.value.trim();
        if (event.key !== "Enter" || !value) return;
        event.target.value = "";
        run(() => changeSelected((task) => toMembers(value, task)));
      }}
    />`}
  <//>`;
  const isDisabled = isBusy || !selected.size;
  return html`<section class="selection" ref=${bar} aria-label=${texts.label} aria-busy=${isBusy}>
    <p role="status">${texts.count(selected.size)}</p>
    <button type="button" class="plain" onClick=${() => (selection.value = null)}>${texts.clear}</button>
    <fieldset disabled=${isDisabled}>
      <${Field} name="selected-status" label=${texts.status} isLabelHidden>
        ${(attributes) => html`<${Choice}
          attributes=${attributes}
          value=""
          onChange=${(status) => status && run(() => changeSelected(() => ({ status })))}
          texts=${messages.status}
          first=${texts.status}
        />`}
      <//>
      ${entry("selected-assignee", texts.assignee, (assignee) => ({ assignee }), "people-selected")}
      ${entry("selected-tag", texts.tag, (tag, task) => ({ tags: [...new Set([...task.tags, tag])] }))}
      <button type="button" onClick=${() => run(removeSelected)}>${texts.remove}</button>
    </fieldset>
    <datalist id="people-selected">${people().map((name) => html`<option key=${name} value=${name} />`)}</datalist>
  </section>`;
}
