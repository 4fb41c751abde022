// The dialog that turns lines of text into tasks, up to 100 in one request. The lines are checked while the
// user enters them. Lines that the service has stored are removed from the field at once, so that a retry
// after a failure does not add them again.

import { idempotencyKey, Unreachable } from "../api.js";
import { BEGINNING, useCheck } from "../check.js";
import { keepDraft, readDraft } from "../drafts.js";
import { messages } from "../messages.js";
import { notify } from "../notices.js";
import { parseLines } from "../parse.js";
import { createMany, people, tryCreateMany } from "../tasks.js";
import { html, useEffect, useMemo, useRef, useState } from "../ui.js";
import { Dialog } from "./dialog.js";
import { Field, focusFirstError, FormError, submitOnCtrlEnter } from "./fields.js";

const texts = messages.bulk;
const BATCH_SIZE = 100;
/** Number of lines with an error, and of those with an unknown mark, that the dialog names. */
const MAX_NAMED = 5;
/** Length of a title in an error, in UTF-16 units. */
const MAX_QUOTED = 60;
/** `fields` has the errors of lines by their numbers. */
const NO_ERRORS = { fields: {}, rest: "" };

export function Bulk({ close, text: pasted }) {
  const [lines, setLines] = useState(() => pasted || readDraft("bulk") || "");
  const [errors, setErrors] = useState(NO_ERRORS);
  const [isBusy, setBusy] = useState(false);
  const key = useRef(null);
  const parse = (text) => parseLines(text, { people: people() });
  const parsed = useMemo(() => parse(lines), [lines]);
  const drafts = useMemo(() => parsed.map(toDraft), [parsed]);
  const unknown = parsed.flatMap(({ number, unknown }) => unknown.map((mark) => messages.parse.unknownLine(number, mark)));
  const check = useCheck({
    draft: drafts.length ? drafts : null,
    send: checkAll,
    toFields: (error) => toLines(error, parsed),
    errors,
    setErrors,
    source: "lines",
    isDone: (area, number) => isElsewhere(area, Number(number)) || lineOf(area, number).trim().length >= BEGINNING,
  });
  const form = check.form.ref;
  useEffect(() => {
    // Text that was pasted or kept is checked, too.
    if (lines) check.edited("lines");
  }, []);

  const keep = (value) => {
    setLines(value);
    keepDraft("bulk", value || null);
  };
  const onInput = ({ target }) => {
    check.edited("lines");
    const [before, after] = [lines.split("\n"), target.value.split("\n")];
    // If lines are added or removed, an error must not stay at a line that it does not belong to.
    const isSame = ([number]) => before.length === after.length || before[number - 1] === after[number - 1];
    setErrors({ ...errors, fields: Object.fromEntries(Object.entries(errors.fields).filter(isSame)) });
    keep(target.value);
    key.current = null;
  };
  const goTo = (number) => {
    const area = form.current.elements.lines;
    const start = area.value.split("\n").slice(0, number - 1).join("\n").length + (number > 1 ? 1 : 0);
    area.focus();
    area.setSelectionRange(start, start + lineOf(area, number).length);
  };

  const submit = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    let text = lines;
    let remaining = parse(text);
    const total = remaining.length;
    if (!total) return setErrors({ fields: {}, rest: texts.none });
    setBusy(true);
    check.stop();
    setErrors(NO_ERRORS);
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
      const fields = toLines(error, remaining);
      const reason = Object.keys(fields).length ? "" : error.message;
      const partly = remaining.length < total ? texts.partly(total - remaining.length) : "";
      setErrors({ fields, rest: [reason, partly].filter(Boolean).join(" ") });
      focusFirstError(form.current);
      setBusy(false);
    }
  };

  const faults = Object.entries(errors.fields);
  const error =
    faults.length > 0 &&
    html`${faults.slice(0, MAX_NAMED).map(
        ([number, text]) => html`<button key=${number} type="button" class="plain fault" onClick=${() => goTo(Number(number))}>${text}</button>`,
      )}
      ${faults.length > MAX_NAMED && texts.moreErrors(faults.length - MAX_NAMED)}`;
  return html`<${Dialog} heading=${texts.heading} onClose=${close}>
    <form ...${check.form} onSubmit=${submit} onKeyDown=${submitOnCtrlEnter} novalidate>
      <${Field} name="lines" label=${texts.lines} hint=${texts.hint} error=${error} span="wide">
        ${(attributes) => html`<textarea ...${attributes} rows="10" dir="auto" value=${lines} onInput=${onInput}></textarea>`}
      <//>
      <div role="status">
        <ul class="hint">
          ${unknown.slice(0, MAX_NAMED).map((text) => html`<li key=${text}>${text}</li>`)}
        </ul>
      </div>
      <${FormError} text=${errors.rest} />
      ${check.spoken}
      <div class="actions">
        <button class="primary" disabled=${isBusy}>${texts.submit(parsed.length)}</button>
        <button type="button" onClick=${close}>${messages.edit.cancel}</button>
      </div>
    </form>
  <//>`;
}

const toDraft = ({ task }) => ({ category: "feature", ...task });

/** Checks the requests that would be sent, until one is refused. `from` of its error is the index of its first task. */
async function checkAll(drafts, signal) {
  for (let from = 0; from < drafts.length; from += BATCH_SIZE) {
    try {
      await tryCreateMany(drafts.slice(from, from + BATCH_SIZE), signal);
    } catch (error) {
      throw Object.assign(error, { from });
    }
  }
}

/** Returns the first error of each invalid line, by the line's number. */
function toLines(error, parsed) {
  const fields = {};
  for (const { path, detail } of error.errors ?? []) {
    const line = parsed[(error.from ?? 0) + Number(path[0])];
    if (line) fields[line.number] ??= texts.lineError(line.number, beginning(line.task.title), detail);
  }
  return fields;
}

/** Returns a title that is short enough for a message. */
const beginning = (title) => (title.length > MAX_QUOTED ? `${title.slice(0, MAX_QUOTED).trim()}…` : title);

const lineOf = (area, number) => area.value.split("\n")[number - 1] ?? "";

/** Returns whether the user is in another line of the field. */
const isElsewhere = (area, number) => area.value.slice(0, area.selectionStart).split("\n").length !== number;
