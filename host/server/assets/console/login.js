// The login form, which asks for the admin token. A host without a token accepts requests from its own
// machine, and this form does not appear.

import { html, nothing } from "./lit-html.js";
import { Unreachable, session } from "./api.js";
import { t } from "./messages.js";
import { logIn, state } from "./state.js";

/** Why the last attempt failed, or null. */
let failure = null;
let isBusy = false;

export function login(redraw) {
  const refusal = failure ?? (state.refusal && describe(state.refusal));
  return html`
    <main class="login">
      <form class="card" novalidate @submit=${(event) => submit(event, redraw)}>
        <h1><span class="brand">${t.product}</span> ${t.login.heading}</h1>
        <p>${t.login.explain}</p>
        ${refusal ? html`<p class="alert" role="alert" id="login-refusal">${refusal}</p>` : nothing}
        <label for="token">${t.login.token}</label>
        <input id="token" name="token" type="password" autocomplete="current-password" required
          spellcheck="false" autofocus aria-describedby="token-hint${refusal ? " login-refusal" : ""}"
          aria-invalid=${refusal ? "true" : "false"}>
        <p class="hint" id="token-hint">${t.login.tokenHint}</p>
        <label for="name">${t.login.name}</label>
        <input id="name" name="name" type="text" autocomplete="username" maxlength="100"
          .value=${session.name} aria-describedby="name-hint">
        <p class="hint" id="name-hint">${t.login.nameHint}</p>
        <button class="primary" type="submit" ?disabled=${isBusy}>${t.login.submit}</button>
      </form>
    </main>`;
}

async function submit(event, redraw) {
  event.preventDefault();
  const form = event.target;
  const token = form.elements.token.value.trim();
  const name = form.elements.name.value.trim();
  failure = check(token, name);
  if (failure) return redraw();
  isBusy = true;
  redraw();
  try {
    await logIn(token, name);
    failure = null;
  } catch (error) {
    failure = describe(error);
  }
  isBusy = false;
  redraw();
  document.getElementById("token")?.select();
}

/** Returns what is wrong with the input, or null. */
function check(token, name) {
  if (!token) return t.login.missing;
  // A header cannot carry other characters, so no host has such a token.
  if (!/^[!-~]+$/.test(token)) return t.login.wrong;
  return /^[ -~]{0,100}$/.test(name) ? null : t.login.badName;
}

function describe(error) {
  if (error instanceof Unreachable) return t.login.unreachable;
  return error.status === 401 ? t.login.wrong : error.message;
}
