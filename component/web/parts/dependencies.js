// The tasks that a task depends on: a list with a button to remove each, and a search to add more.

import { request } from "../api.js";
import { messages } from "../messages.js";
import { read } from "../tasks.js";
import { html, useEffect, useId, useState } from "../ui.js";

const texts = messages.dependencies;
const DEBOUNCE_MS = 150;
const MAX_FOUND = 6;

/** `ids` are the task's dependencies. `ownId` is its own id, which the search leaves out. */
export function Dependencies({ ids, ownId, error, onChange }) {
  const [titles, setTitles] = useState({});
  const [text, setText] = useState("");
  const [found, setFound] = useState([]);
  const [active, setActive] = useState(-1);
  const id = useId();
  const rememberTitles = (tasks) =>
    setTitles((known) => ({ ...known, ...Object.fromEntries(tasks.map(({ id, title }) => [id, title])) }));

  useEffect(() => {
    const unknown = ids.filter((id) => !(id in titles));
    Promise.allSettled(unknown.map(read)).then((results) =>
      rememberTitles(results.filter(({ value }) => value).map(({ value }) => value)),
    );
  }, [ids.join()]);

  useEffect(() => {
    setActive(-1);
    if (!text.trim()) return setFound([]);
    const controller = new AbortController();
    const timer = setTimeout(async () => {
      const tasks = await search(text.trim(), controller.signal).catch(() => []);
      if (controller.signal.aborted) return;
      setFound(tasks.filter(({ id }) => id !== ownId && !ids.includes(id)).slice(0, MAX_FOUND));
    }, DEBOUNCE_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [text]);

  const add = (task) => {
    rememberTitles([task]);
    onChange([...ids, task.id]);
    setText("");
  };
  const onKeyDown = (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps && found.length) {
      setActive((active + steps[event.key] + found.length) % found.length);
    } else if (event.key === "Enter" && text) {
      if (found.length) add(found[Math.max(active, 0)]);
    } else if (event.key === "Escape" && text) {
      setText("");
    } else {
      return;
    }
    event.preventDefault();
  };

  const name = (id) => (titles[id] ? `#${id} ${titles[id]}` : texts.unknown(id));
  const optionId = (index) => `${id}-option-${index}`;
  return html`<fieldset class="field wide dependencies" aria-describedby=${error ? `${id}-fault` : null}>
    <legend>${messages.fields.dependencies}</legend>
    ${ids.length
      ? html`<ul class="chosen">
          ${ids.map(
            (other) => html`<li key=${other}>
              <span dir="auto">${name(other)}</span>
              <button
                type="button"
                class="plain icon"
                aria-label=${texts.remove(name(other))}
                onClick=${() => onChange(ids.filter((id) => id !== other))}
              >×</button>
            </li>`,
          )}
        </ul>`
      : html`<p class="hint">${texts.none}</p>`}
    <label for=${id}>${texts.find}</label>
    <div class="combobox">
      <input
        id=${id}
        role="combobox"
        autocomplete="off"
        placeholder=${texts.hint}
        dir="auto"
        aria-expanded=${found.length > 0}
        aria-controls=${`${id}-list`}
        aria-activedescendant=${active >= 0 ? optionId(active) : null}
        aria-invalid=${error ? "true" : null}
        value=${text}
        onInput=${(event) => setText(event.target.value)}
        onKeyDown=${onKeyDown}
      />
      <ul id=${`${id}-list`} role="listbox" aria-label=${texts.find} hidden=${!found.length}>
        ${found.map(
          (task, index) => html`<li
            key=${task.id}
            id=${optionId(index)}
            role="option"
            dir="auto"
            aria-selected=${index === active}
            onMouseDown=${(event) => {
              event.preventDefault();
              add(task);
            }}
          >#${task.id} ${task.title}</li>`,
        )}
      </ul>
    </div>
    <p class="hidden" role="status">${text ? texts.found(found.length) : ""}</p>
    ${error && html`<p class="fault" id=${`${id}-fault`}>${error}</p>`}
  </fieldset>`;
}

/** Finds tasks by number, or else by words. */
async function search(text, signal) {
  const number = /^#?(\d+)$/.exec(text);
  if (number) {
    const byNumber = await request("GET", `tasks/${number[1]}`, { signal }).catch(() => null);
    if (byNumber) return [byNumber.body];
  }
  const query = { q: text, limit: MAX_FOUND * 3 };
  return (await request("GET", "tasks", { query, signal })).body;
}
