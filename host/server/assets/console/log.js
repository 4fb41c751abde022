// The last log lines of this host, filtered by level and request.

import { html, nothing } from "./lit-html.js";
import { read } from "./api.js";
import { time } from "./format.js";
import { expandableList } from "./list.js";
import { t } from "./messages.js";
import { state } from "./state.js";

const COLLAPSED_COUNT = 12;
const LIMIT = 200;
/** How long a person may pause between two letters. */
const TYPING_MS = 250;

const filter = { level: "info", request: "" };
/** The lines, the latest first. Null until somebody opens the section. */
let lines = null;
/** The host's error, or null. */
let failure = null;
let turn = 0;
let typing;

export function log(redraw) {
  const open = (event) => {
    if (event.currentTarget.open && lines === null) load(redraw);
  };
  return html`
    <section aria-labelledby="log-heading">
      <h2 id="log-heading">${t.log.heading} <span class="hint">${t.log.hint}</span></h2>
      <details class="card log-lines" @toggle=${open}>
        <summary>${t.log.show}</summary>
        ${fields(redraw)}
        <div role="status">${failure ? html`<p class="alert">${failure}</p>` : nothing}</div>
        ${lines === null ? nothing : lines.length === 0 ? html`<p class="empty">${t.log.none}</p>`
          : expandableList("log", lines, COLLAPSED_COUNT, t.log, (shown) => html`
            <ol class="log-list" tabindex="0" aria-label=${t.log.heading}>${shown.map(entry)}</ol>`, redraw)}
      </details>
    </section>`;
}

function fields(redraw) {
  const change = (name, delay) => (event) => {
    filter[name] = event.target.value.trim();
    clearTimeout(typing);
    typing = setTimeout(() => load(redraw), delay);
  };
  return html`
    <form class="filter" role="search" aria-label=${t.log.filter} @submit=${(event) => event.preventDefault()}>
      <label>${t.log.level}
        <select @change=${change("level", 0)}>
          ${Object.entries(t.log.levels).map(([value, text]) => html`
            <option value=${value} .selected=${filter.level === value}>${text}</option>`)}
        </select></label>
      <label>${t.log.request}
        <input type="text" autocomplete="off" spellcheck="false" .value=${filter.request}
          @input=${change("request", TYPING_MS)}></label>
      <button type="button" ?disabled=${!state.connected} @click=${() => load(redraw)}>${t.log.refresh}</button>
    </form>`;
}

function entry({ at, level, target, message, request_id: request, fields: more }) {
  const rest = Object.entries(more).map(([name, value]) =>
    `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`).join(" ");
  // The message of a trap has the backtrace in further lines.
  const [first, ...others] = message.split("\n");
  return html`
    <li class=${level}>
      <time datetime=${at}>${time(at)}</time> <b>${t.log.marks[level] ?? level}</b>
      <span>${first}</span>
      ${others.length > 0 ? html`<details><summary>${t.log.more}</summary>
        <pre tabindex="0">${others.join("\n")}</pre></details>` : nothing}
      <span class="hint">${target ?? ""} ${request ? html`<code>${request}</code>` : nothing} ${rest}</span>
    </li>`;
}

async function load(redraw) {
  turn += 1;
  const mine = turn;
  const query = new URLSearchParams({ level: filter.level, limit: LIMIT });
  if (filter.request) query.set("request", filter.request);
  try {
    const found = await read(`admin/log?${query}`);
    if (mine !== turn) return;
    lines = found;
    failure = null;
  } catch (error) {
    if (mine !== turn) return;
    failure = error.message;
  }
  redraw();
}
