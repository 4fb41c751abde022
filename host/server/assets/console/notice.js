// A notice of why the last action failed. It stays until it is dismissed or another action starts.

import { html, nothing } from "./lit-html.js";
import { Refused, Unreachable } from "./api.js";
import { t } from "./messages.js";

let text = null;
let onChange = () => {};

/** Calls `listener` whenever the notice changes. */
export function watch(listener) {
  onChange = listener;
}

/** Runs an action, and shows a notice if it fails. Returns its result, or undefined if it failed. */
export async function attempt(action) {
  show(null);
  try {
    return await action();
  } catch (error) {
    if (error instanceof Refused) show(t.refused(error.problem.title, error.problem.detail));
    else if (error instanceof Unreachable) show(t.login.unreachable);
    else throw error;
    return undefined;
  }
}

export function notice() {
  return html`
    <div role="alert">
      ${text ? html`
        <p class="alert">${text}
          <button class="quiet" @click=${() => show(null)}>${t.dismiss}</button>
        </p>` : nothing}
    </div>`;
}

function show(next) {
  text = next;
  onChange();
}
