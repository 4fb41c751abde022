// The form that asks for the host's token. Hosts without one let their own machine in unasked.

import { html, nothing } from "./lit-html.js";
import { Unreachable, session } from "./api.js";
import { t } from "./messages.js";
import { logIn, state } from "./state.js";

/** What the last attempt came to. */
let complaint = null;
let trying = false;

export function login(redraw) {
  const refusal = complaint ?? (state.refusal && reason(state.refusal));
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
        <button class="primary" type="submit" ?disabled=${trying}>${t.login.submit}</button>
      </form>
    </main>`;
}

async function submit(event, redraw) {
  event.preventDefault();
  const form = event.target;
  const token = form.elements.token.value.trim();
  const name = form.elements.name.value.trim();
  complaint = check(token, name);
  if (complaint) return redraw();
  trying = true;
  redraw();
  try {
    await logIn(token, name);
    complaint = null;
  } catch (error) {
    complaint = reason(error);
  }
  trying = false;
  redraw();
  document.getElementById("token")?.select();
}

function check(token, name) {
  if (!token) return t.login.missing;
  // What a header cannot carry is no host's token.
  if (!/^[!-~]+$/.test(token)) return t.login.wrong;
  return /^[ -~]{0,100}$/.test(name) ? null : t.login.badName;
}

function reason(error) {
  if (error instanceof Unreachable) return t.login.unreachable;
  return error.status === 401 ? t.login.wrong : error.message;
}
