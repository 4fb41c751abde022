// Lines of text become tasks, up to a hundred with one request. Lines that the service has are
// taken out of the field at once, so that a failure in between repeats nothing.

import { idempotencyKey, Problem, Unreachable } from "../api.js";
import { draft, keepDraft } from "../drafts.js";
import { messages } from "../messages.js";
import { say } from "../notices.js";
import { createMany } from "../tasks.js";
import { html, useRef, useState } from "../ui.js";
import { Dialog } from "./dialog.js";
import { Field, FormFault } from "./fields.js";

const texts = messages.bulk;
const AT_ONCE = 100;
/** `- `, `* `, `• `, `3. `, `3) `, and the boxes of check lists. */
const MARK = /^\s*(?:[-*•]|\d+[.)])?\s*(?:\[[ xX]?\]\s*)?/;
const WORD = /\s+([!@#])([^\s!@#]+)$/;

export function Bulk({ close, text }) {
  const [lines, setLines] = useState(() => text || draft("bulk") || "");
  const [fault, setFault] = useState("");
  const [isBusy, setBusy] = useState(false);
  const key = useRef(null);
  const count = parse(lines).length;

  const keep = (value) => {
    setLines(value);
    keepDraft("bulk", value || null);
  };
  const type = (event) => {
    keep(event.target.value);
    key.current = null;
  };

  const submit = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    let rest = parse(lines);
    const total = rest.length;
    if (!total) return setFault(texts.none);
    setBusy(true);
    try {
      while (rest.length) {
        key.current ??= idempotencyKey();
        await createMany(rest.slice(0, AT_ONCE).map(({ task }) => task), key.current);
        key.current = null;
        rest = rest.slice(AT_ONCE);
        keep(rest.map(({ source }) => source).join("\n"));
      }
      say(texts.added(total));
      close();
    } catch (error) {
      if (!(error instanceof Unreachable)) key.current = null;
      const partly = rest.length < total ? ` ${texts.partly(total - rest.length)}` : "";
      setFault(explain(error, rest) + partly);
      setBusy(false);
    }
  };

  return html`<${Dialog} heading=${texts.heading} onClose=${close}>
    <form onSubmit=${submit} novalidate>
      <${Field} name="lines" label=${texts.lines} hint=${texts.hint} span="wide">
        ${(attributes) => html`<textarea ...${attributes} rows="10" value=${lines} onInput=${type}></textarea>`}
      <//>
      <${FormFault} text=${fault} />
      <div class="actions">
        <button class="primary" disabled=${isBusy}>${texts.submit(count)}</button>
        <button type="button" onClick=${close}>${messages.edit.cancel}</button>
      </div>
    </form>
  <//>`;
}

/** The tasks of a text, each with the line it came from. */
export function parse(text) {
  return text
    .split("\n")
    .filter((line) => line.replace(MARK, "").trim())
    .map((source) => ({ source, task: toTask(source.replace(MARK, "").trim()) }));
}

function toTask(line) {
  const task = { title: line, category: "feature", tags: [] };
  for (let word; (word = WORD.exec(task.title)); ) {
    const [all, sign, value] = word;
    if (sign === "!" && !(value in messages.priority)) break;
    if (sign === "!") task.priority = value;
    if (sign === "@") task.assignee = value;
    if (sign === "#") task.tags.unshift(value);
    task.title = task.title.slice(0, -all.length);
  }
  return task;
}

/** Names the line of the first fault. */
function explain(error, lines) {
  const fault = error instanceof Problem && error.faults[0];
  const line = fault && lines[Number(fault.path[0])];
  if (!line) return error.message;
  return texts.fault(Number(fault.path[0]) + 1, line.task.title, fault.detail);
}
