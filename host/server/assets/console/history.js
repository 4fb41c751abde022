// Which deployments of the history are shown: the latest, or a page of those that a filter asks for.

import { html, nothing } from "./lit-html.js";
import { read } from "./api.js";
import { t } from "./messages.js";
import { attempt } from "./notice.js";
import { state } from "./state.js";

const PAGE_SIZE = 20;
/** How long a person may pause between two letters of the search. */
const TYPING_MS = 250;

const filter = { kind: "", outcome: "", search: "" };
/** The ids before which the pages that were left begin, the current page last. Empty: the first page. */
let pages = [];
/** The deployments of a filter or a later page, and whether there are more. Null: the latest are shown. */
let found = null;
/** Counts the requests, so that a late answer does not replace a later one. */
let turn = 0;
let typing;
/** The latest deployments when the page was read. Others say that it may have changed. */
let seen = null;

const isFiltered = () => pages.length > 0 || Object.values(filter).some((value) => value !== "");

/** The deployments to show, and whether they are not simply the latest. */
export function shownDeployments(redraw) {
  if (isFiltered() && seen !== state.deployments) load(redraw, quietly);
  return { list: found?.list ?? state.deployments, isFiltered: isFiltered() };
}

export function filterFields(redraw) {
  const change = (name) => (event) => {
    filter[name] = event.target.value;
    pages = [];
    clearTimeout(typing);
    typing = setTimeout(() => load(redraw), name === "search" ? TYPING_MS : 0);
  };
  const select = (name, label, words) => html`
    <label>${label}
      <select @change=${change(name)}>
        <option value="" .selected=${filter[name] === ""}>${t.history.any}</option>
        ${Object.entries(words).map(([value, text]) => html`
          <option value=${value} .selected=${filter[name] === value}>${text}</option>`)}
      </select></label>`;
  return html`
    <form class="filter" role="search" aria-label=${t.history.filter} @submit=${(event) => event.preventDefault()}>
      ${select("outcome", t.history.outcome, t.timeline.outcomes)}
      ${select("kind", t.history.kind, t.history.kinds)}
      <label class="wide">${t.history.search}
        <input type="text" autocomplete="off" spellcheck="false" .value=${filter.search} @input=${change("search")}></label>
    </form>`;
}

/** The buttons to the pages before and after this one, if there are any. */
export function pager(redraw) {
  const list = found?.list ?? state.deployments;
  const isLast = found ? !found.hasMore : list.length < PAGE_SIZE;
  if (pages.length === 0 && isLast) return nothing;
  const older = () => {
    // The first page of the latest deployments is longer than the others.
    pages.push(list.at(-1).id);
    load(redraw);
  };
  const newer = () => {
    pages.pop();
    load(redraw);
  };
  return html`
    <nav class="pages" aria-label=${t.history.pages}>
      <button class="quiet" ?disabled=${pages.length === 0} @click=${newer}>${t.history.newer}</button>
      <button class="quiet" ?disabled=${isLast} @click=${older}>${t.history.older}</button>
    </nav>`;
}

/** Ends without a result if the host does not answer. The page says so already. */
const quietly = (action) => action().catch(() => undefined);

async function load(redraw, ask = attempt) {
  seen = state.deployments;
  turn += 1;
  const mine = turn;
  if (!isFiltered()) {
    found = null;
    return redraw();
  }
  const query = new URLSearchParams({ limit: PAGE_SIZE + 1 });
  for (const [name, value] of Object.entries(filter)) if (value) query.set(name, value);
  if (pages.length > 0) query.set("before", pages.at(-1));
  const list = await ask(() => read(`admin/deployments?${query}`));
  if (!list || mine !== turn) return;
  found = { list: list.slice(0, PAGE_SIZE), hasMore: list.length > PAGE_SIZE };
  redraw();
}
