// What the host refused, shown until it is read.

import { html, nothing } from "./lit-html.js";
import { Refused, Unreachable } from "./api.js";
import { t } from "./messages.js";

let said = null;
let changed = () => {};

export function watch(listener) {
  changed = listener;
}

/** Does something; tells what kept it from being done. */
export async function attempt(work) {
  tell(null);
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refused) tell(t.refused(error.problem.title, error.problem.detail));
    else if (error instanceof Unreachable) tell(t.login.unreachable);
    else throw error;
    return undefined;
  }
}

export function notice() {
  return html`
    <div role="alert">
      ${said ? html`
        <p class="alert">${said}
          <button class="quiet" @click=${() => tell(null)}>${t.dismiss}</button>
        </p>` : nothing}
    </div>`;
}

function tell(text) {
  said = text;
  changed();
}
