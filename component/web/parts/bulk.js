// The dialog that turns lines of text into tasks, up to 100 in one request. Lines that the service
// has stored are removed from the field at once, so that a retry after a failure does not add them
// again.

import { idempotencyKey, Problem, Unreachable } from "../api.js";
import { keepDraft, readDraft } from "../drafts.js";
import { messages } from "../messages.js";
import { notify } from "../notices.js";
import { createMany } from "../tasks.js";
import { html, useRef, useState } from "../ui.js";
import { Dialog } from "./dialog.js";
import { Field, FormError } from "./fields.js";

const texts = messages.bulk;
const BATCH_SIZE = 100;
/** `- `, `* `, `• `, `3. `, `3) `, and the boxes of check lists. */
const LIST_MARKER = /^\s*(?:[-*•]|\d+[.)])?\s*(?:\[[ xX]?\]\s*)?/;
/** A priority, an assignee or a tag at the end of a line. */
const SUFFIX = /\s+([!@#])([^\s!@#]+)$/;

export function Bulk({ close, text }) {
  const [lines, setLines] = useState(() => text || readDraft("bulk") || "");
  const [error, setError] = useState("");
  const [isBusy, setBusy] = useState(false);
  const key = useRef(null);
  const count = parse(lines).length;

  const keep = (value) => {
    setLines(value);
    keepDraft("bulk", value || null);
  };
  const onInput = (event) => {
    keep(event.target.value);
    key.current = null;
  };

  const submit = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    let remaining = parse(lines);
    const total = remaining.length;
    if (!total) return setError(texts.none);
    setBusy(true);
    try {
      while (remaining.length) {
        key.current ??= idempotencyKey();
        await createMany(remaining.slice(0, BATCH_SIZE).map(({ task }) => task), key.current);
        key.current = null;
        remaining = remaining.slice(BATCH_SIZE);
        keep(remaining.map(({ source }) => source).join("\n"));
      }
      notify(texts.added(total));
      close();
    } catch (error) {
      if (!(error instanceof Unreachable)) key.current = null;
      const partly = remaining.length < total ? ` ${texts.partly(total - remaining.length)}` : "";
      setError(explain(error, remaining) + partly);
      setBusy(false);
    }
  };

  return html`<${Dialog} heading=${texts.heading} onClose=${close}>
    <form onSubmit=${submit} novalidate>
      <${Field} name="lines" label=${texts.lines} hint=${texts.hint} span="wide">
        ${(attributes) => html`<textarea ...${attributes} rows="10" value=${lines} onInput=${onInput}></textarea>`}
      <//>
      <${FormError} text=${error} />
      <div class="actions">
        <button class="primary" disabled=${isBusy}>${texts.submit(count)}</button>
        <button type="button" onClick=${close}>${messages.edit.cancel}</button>
      </div>
    </form>
  <//>`;
}

/** Parses a text into tasks, each with the line it came from. Blank lines are ignored. */
export function parse(text) {
  return text
    .split("\n")
    .filter((line) => line.replace(LIST_MARKER, "").trim())
    .map((source) => ({ source, task: toTask(source.replace(LIST_MARKER, "").trim()) }));
}

function toTask(line) {
  const task = { title: line, category: "feature", tags: [] };
  for (let suffix; (suffix = SUFFIX.exec(task.title)); ) {
    const [all, sign, value] = suffix;
    if (sign === "!" && !(value in messages.priority)) break;
    if (sign === "!") task.priority = value;
    if (sign === "@") task.assignee = value;
    if (sign === "#") task.tags.unshift(value);
    task.title = task.title.slice(0, -all.length);
  }
  return task;
}

/** Returns the error's text, with the line of the first invalid task if there is one. */
function explain(error, lines) {
  const first = error instanceof Problem && error.errors[0];
  const line = first && lines[Number(first.path[0])];
  if (!line) return error.message;
  return texts.lineError(Number(first.path[0]) + 1, line.task.title, first.detail);
}
