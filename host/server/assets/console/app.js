// The page: the login form, or everything else. One draw renders all of it from `state`.

import { html, nothing, render } from "./lit-html.js";
import { session } from "./api.js";
import { charts } from "./charts.js";
import { deploy } from "./deploy.js";
import { failures } from "./failures.js";
import { time } from "./format.js";
import { login } from "./login.js";
import { t } from "./messages.js";
import * as notices from "./notice.js";
import { progress } from "./progress.js";
import { revisions } from "./revisions.js";
import { logOut, run, state, watch } from "./state.js";
import { timeline } from "./timeline.js";

const root = document.createElement("div");
document.body.append(root);

let asked = false;

/** Draws once, however many changes there were meanwhile. */
function draw() {
  if (asked) return;
  asked = true;
  queueMicrotask(() => {
    asked = false;
    render(page(), root);
  });
}

function page() {
  if (state.phase === "login") return login(draw);
  if (!state.status) return state.connected ? nothing : html`<main>${lost()}</main>`;
  return html`
    <a class="skip" href="#revisions">${t.skip}</a>
    ${header()}
    <main>
      ${lost()}
      ${notices.notice()}
      ${state.status.warning ? html`
        <p class="alert" role="status">${t.connection.fallback} ${state.status.warning}</p>` : nothing}
      ${revisions(draw)}
      <div class="columns narrow-first">
        <div>${progress()}${deploy(draw)}</div>
        ${charts()}
      </div>
      <div class="columns">
        ${timeline(draw)}
        ${failures(draw)}
      </div>
    </main>`;
}

function header() {
  return html`
    <header>
      <h1><span class="brand">${t.product}</span> ${state.status.active.name}</h1>
      <p class="connection ${state.connected ? "live" : "lost"}">
        ${state.connected ? t.connection.live : t.connection.lost}</p>
      ${session.token ? html`
        <span class="hint">${session.name ? t.login.as(session.name) : nothing}</span>
        <button class="quiet" @click=${logOut}>${t.login.out}</button>` : nothing}
    </header>`;
}

/** Whether the host answers; said aloud when that changes. */
function lost() {
  const since = state.answeredAt && t.connection.old(time(state.answeredAt));
  return html`
    <div role="status">
      ${state.connected ? nothing : html`
        <p class="alert">${t.connection.banner} ${since ?? ""}</p>`}
      ${state.trouble ? html`
        <p class="alert">${t.connection.drains} ${state.trouble.message}</p>` : nothing}
    </div>`;
}

watch(draw);
notices.watch(draw);
draw();
run();
