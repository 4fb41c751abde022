// The dialog that turns lines of text into tasks, up to 100 in one request. Lines that the service
// has stored are removed from the field at once, so that a retry after a failure does not add them
// again.

import { idempotencyKey, Problem, Unreachable } from "../api.js";
import { keepDraft, readDraft } from "../drafts.js";
import { messages } from "../messages.js";
import { notify } from "../notices.js";
import { parseLines } from "../parse.js";
import { createMany, people } from "../tasks.js";
import { html, useMemo, useRef, useState } from "../ui.js";
import { Dialog } from "./dialog.js";
import { Field, FormError, submitOnCtrlEnter } from "./fields.js";

const texts = messages.bulk;
const BATCH_SIZE = 100;
/** Number of lines with an unknown mark that the dialog names. */
const MAX_UNKNOWN = 5;

export function Bulk({ close, text: pasted }) {
  const [lines, setLines] = useState(() => pasted || readDraft("bulk") || "");
  const [error, setError] = useState("");
  const [isBusy, setBusy] = useState(false);
  const key = useRef(null);
  const parse = (text) => parseLines(text, { people: people() });
  const parsed = useMemo(() => parse(lines), [lines]);
  const unknown = parsed.flatMap(({ number, unknown }) => unknown.map((mark) => messages.parse.unknownLine(number, mark)));

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
    let text = lines;
    let remaining = parse(text);
    const total = remaining.length;
    if (!total) return setError(texts.none);
    setBusy(true);
    try {
      while (remaining.length) {
        key.current ??= idempotencyKey();
        await createMany(remaining.slice(0, BATCH_SIZE).map(toDraft), key.current);
        key.current = null;
        remaining = remaining.slice(BATCH_SIZE);
        text = remaining.map(({ source }) => source).join("\n");
        keep(text);
        remaining = parse(text);
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
    <form onSubmit=${submit} onKeyDown=${submitOnCtrlEnter} novalidate>
      <${Field} name="lines" label=${texts.lines} hint=${texts.hint} span="wide">
        ${(attributes) => html`<textarea ...${attributes} rows="10" value=${lines} onInput=${onInput}></textarea>`}
      <//>
      <div role="status">
        <ul class="hint">
          ${unknown.slice(0, MAX_UNKNOWN).map((text) => html`<li key=${text}>${text}</li>`)}
        </ul>
      </div>
      <${FormError} text=${error} />
      <div class="actions">
        <button class="primary" disabled=${isBusy}>${texts.submit(parsed.length)}</button>
        <button type="button" onClick=${close}>${messages.edit.cancel}</button>
      </div>
    </form>
  <//>`;
}

const toDraft = ({ task }) => ({ category: "feature", ...task });

/** Returns the error's text, with the line of the first invalid task if there is one. */
function explain(error, lines) {
  const first = error instanceof Problem && error.errors[0];
  const line = first && lines[Number(first.path[0])];
  if (!line) return error.message;
  return texts.lineError(line.number, line.task.title, first.detail);
}
