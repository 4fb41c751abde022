// Checks a form while the user fills it in. A check is the request that the form would send, as a dry run
// (`Prefer: tx=rollback`): the service keeps nothing of it.
//
// On the whole page one check runs at a time, and at most one begins each second. A check that does not
// arrive, or that the service is too busy for, shows nothing: sending the form is never held up by it.

import { connected, Problem } from "./api.js";
import { html, useEffect, useRef, useState } from "./ui.js";

/** How long the user has to pause before a check. */
const PAUSE_MS = 600;
/** Minimum time between the beginnings of two checks. */
const INTERVAL_MS = 1_000;
/** Time without checks after one that the service did not answer, or refused as too busy. */
const REST_MS = 15_000;
/** While a field with a shorter text has the focus for the first time, the user has only begun to fill it in. */
export const BEGINNING = 3;

/** When the next check may begin, of whatever form. */
let earliest = 0;
/** The check that runs. */
let running = null;

/** Returns whether the user has more than begun to fill in a field. */
const isFilled = (field) => field.value.trim().length >= BEGINNING;

/**
 * Checks a form. `draft` is what it would send, or null if there is nothing to check. `send` sends it as a
 * dry run; it gets the draft and a signal that aborts it. `toFields` turns a problem into the errors of
 * fields. `errors` are the form's errors, `{ fields, rest }`, and `setErrors` changes them. If all errors
 * concern parts of one field, `source` is its name, and `isDone` says whether the user is done with a part
 * while the field has the focus.
 *
 * An error is shown when the user leaves the field or pauses in it, but not while they begin to fill it in.
 * It disappears with the first check that does not find it any more.
 *
 * Returns `edited`, to be called with the name of each field that the user changes, `stop`, to be called
 * before the form is sent, the attributes of the form's element, and what a screen reader is told.
 */
export function useCheck({ draft, send, toFields, errors, setErrors, source, isDone = isFilled }) {
  const [spoken, setSpoken] = useState("");
  const form = useRef(null);
  /** `found` is the result of the last check, with the draft that it belongs to. */
  const check = useRef({ edited: new Set(), left: new Set(), found: null, timer: null, own: null, current: null }).current;
  const key = JSON.stringify(draft);
  check.current = { draft, key, send, toFields, errors, setErrors, isDone };

  const stop = () => {
    clearTimeout(check.timer);
    check.own?.abort();
    check.found = null;
  };
  const plan = (delay) => {
    clearTimeout(check.timer);
    check.own?.abort();
    check.timer = setTimeout(begin, Math.max(delay, earliest - performance.now()));
  };
  const begin = async () => {
    if (performance.now() < earliest) return plan(0);
    if (!connected.value) return;
    const { draft, key, send, toFields } = check.current;
    earliest = performance.now() + INTERVAL_MS;
    running?.abort();
    const controller = new AbortController();
    running = check.own = controller;
    let fields = {};
    try {
      await send(draft, controller.signal);
    } catch (error) {
      if (controller.signal.aborted) return;
      if (!(error instanceof Problem) || error.status === 429 || error.status >= 500) {
        earliest = performance.now() + REST_MS;
        return;
      }
      fields = toFields(error);
    }
    if (controller.signal.aborted) return;
    check.found = { key, fields };
    show();
  };

  const isShown = (name) => {
    if (name in check.current.errors.fields) return true;
    const field = document.activeElement;
    const own = source ?? name;
    if (field?.form !== form.current || field.name !== own) return check.edited.has(own);
    return check.left.has(own) || check.current.isDone(field, name);
  };
  /** Shows what the last check found, of the fields that the user is done with. */
  const show = () => {
    const { errors, setErrors } = check.current;
    const fields = Object.fromEntries(Object.entries(check.found.fields).filter(([name]) => isShown(name)));
    const added = Object.keys(fields).find((name) => fields[name] !== errors.fields[name]);
    if (added || Object.keys(fields).length !== Object.keys(errors.fields).length) setErrors({ ...errors, fields });
    setSpoken(added ? fields[added] : "");
  };

  useEffect(() => {
    if (draft !== null) return plan(PAUSE_MS);
    stop();
    check.edited.clear();
    check.left.clear();
    const { errors, setErrors } = check.current;
    if (Object.keys(errors.fields).length) setErrors({ ...errors, fields: {} });
    setSpoken("");
  }, [key]);
  useEffect(() => stop, []);

  /** The user leaves a field: what is wrong in it is shown now, or is looked for now. */
  const onFocusOut = ({ target, relatedTarget }) => {
    const { draft, key } = check.current;
    if (draft === null || !check.edited.has(target.name)) return;
    check.left.add(target.name);
    // A message must not move a button away while it is pressed, and the button may send the form.
    const wait = relatedTarget?.localName === "button" ? PAUSE_MS : 0;
    if (check.found?.key !== key) return plan(wait);
    clearTimeout(check.timer);
    check.timer = setTimeout(show, wait);
  };
  return {
    edited: (name) => check.edited.add(name),
    stop,
    form: { ref: form, onFocusOut },
    spoken: html`<p class="hidden" role="status">${spoken}</p>`,
  };
}
