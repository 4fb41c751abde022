// The tasks that a task depends on: a list to take from, and a search to add to it.

import { request } from "../api.js";
import { messages } from "../messages.js";
import { read } from "../tasks.js";
import { html, useEffect, useId, useState } from "../ui.js";

const texts = messages.dependencies;
const PAUSE_MS = 150;
const FOUND = 6;

/** `ids` are the task's dependencies; `own` is its own id, which it cannot depend on. */
export function Dependencies({ ids, own, fault, onChange }) {
  const [titles, setTitles] = useState({});
  const [text, setText] = useState("");
  const [found, setFound] = useState([]);
  const [active, setActive] = useState(-1);
  const id = useId();
  const learn = (tasks) =>
    setTitles((known) => ({ ...known, ...Object.fromEntries(tasks.map(({ id, title }) => [id, title])) }));

  useEffect(() => {
    const unknown = ids.filter((id) => !(id in titles));
    Promise.allSettled(unknown.map(read)).then((answers) =>
      learn(answers.filter(({ value }) => value).map(({ value }) => value)),
    );
  }, [ids.join()]);

  useEffect(() => {
    setActive(-1);
    if (!text.trim()) return setFound([]);
    const controller = new AbortController();
    const timer = setTimeout(async () => {
      const tasks = await search(text.trim(), controller.signal).catch(() => []);
      if (controller.signal.aborted) return;
      setFound(tasks.filter(({ id }) => id !== own && !ids.includes(id)).slice(0, FOUND));
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [text]);

  const add = (task) => {
    learn([task]);
    onChange([...ids, task.id]);
    setText("");
  };
  const press = (event) => {
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
  const option = (index) => `${id}-option-${index}`;
  return html`<fieldset class="field wide dependencies" aria-describedby=${fault ? `${id}-fault` : null}>
    <legend>${messages.fields.dependencies}</legend>
    ${ids.length
      ? html`<ul class="chosen">
          ${ids.map(
            (other) => html`<li key=${other}>
              <span>${name(other)}</span>
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
        aria-expanded=${found.length > 0}
        aria-controls=${`${id}-list`}
        aria-activedescendant=${active >= 0 ? option(active) : null}
        aria-invalid=${fault ? "true" : null}
        value=${text}
        onInput=${(event) => setText(event.target.value)}
        onKeyDown=${press}
      />
      <ul id=${`${id}-list`} role="listbox" aria-label=${texts.find} hidden=${!found.length}>
        ${found.map(
          (task, index) => html`<li
            key=${task.id}
            id=${option(index)}
            role="option"
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
    ${fault && html`<p class="fault" id=${`${id}-fault`}>${fault}</p>`}
  </fieldset>`;
}

/** By number or by words. */
async function search(text, signal) {
  const number = /^#?(\d+)$/.exec(text);
  if (number) {
    const byNumber = await request("GET", `tasks/${number[1]}`, { signal }).catch(() => null);
    if (byNumber) return [byNumber.body];
  }
  const query = { q: text, limit: FOUND * 3 };
  return (await request("GET", "tasks", { query, signal })).body;
}
