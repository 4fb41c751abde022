// Renders the whole page from `state`: the login form, or everything else.

import { html, nothing, render } from "./lit-html.js";
import { session } from "./api.js";
import { charts } from "./charts.js";
import { deploy } from "./deploy.js";
import { failures } from "./failures.js";
import { time } from "./format.js";
import { gauges } from "./gauges.js";
import { failureGroups } from "./groups.js";
import { log } from "./log.js";
import { login } from "./login.js";
import { t } from "./messages.js";
import * as notices from "./notice.js";
import { progress } from "./progress.js";
import { revisions } from "./revisions.js";
import { logOut, run, state, watch } from "./state.js";
import { statements } from "./statements.js";
import { timeline } from "./timeline.js";

const root = document.createElement("div");
document.body.append(root);

let isScheduled = false;

/** Schedules one render, however many changes there are until then. */
function redraw() {
  if (isScheduled) return;
  isScheduled = true;
  queueMicrotask(() => {
    isScheduled = false;
    render(page(), root);
  });
}

function page() {
  if (state.phase === "login") return login(redraw);
  if (!state.status) return state.connected ? nothing : html`<main>${connectionAlerts()}</main>`;
  return html`
    <a class="skip" href="#revisions">${t.skip}</a>
    ${header()}
    <main>
      ${connectionAlerts()}
      ${notices.notice()}
      ${state.status.warning ? html`
        <p class="alert" role="status">${t.connection.fallback} ${state.status.warning}</p>` : nothing}
      ${revisions(redraw)}
      <div class="columns narrow-first">
        <div>${progress()}${deploy(redraw)}</div>
        ${charts(redraw)}
      </div>
      <div class="columns">
        ${timeline(redraw)}
        <div>${failureGroups(redraw)}${failures(redraw)}${statements(redraw)}${gauges()}</div>
      </div>
      ${log(redraw)}
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

/** Alerts while the host does not respond or cannot report its status. Screen readers announce them. */
function connectionAlerts() {
  const lastUpdate = state.lastUpdateAt && t.connection.lastUpdate(time(state.lastUpdateAt));
  return html`
    <div role="status">
      ${state.connected ? nothing : html`
        <p class="alert">${t.connection.banner} ${lastUpdate ?? ""}</p>`}
      ${state.statusError ? html`
        <p class="alert">${t.connection.noStatus} ${state.statusError.message}</p>` : nothing}
    </div>`;
}

watch(redraw);
notices.watch(redraw);
redraw();
run();
