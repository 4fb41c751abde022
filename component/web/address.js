// What the page shows (view, search, filters, sort order, open task), stored in the page's address. A
// link or a reload therefore restores the same view.

import { DAY_MS, startOfDay } from "./format.js";
import { state, useShared } from "./ui.js";

/** The query parameters of the address, each with its default value. */
const DEFAULTS = {
  view: "list",
  show: "open",
  task: "",
  q: "",
  status: "",
  priority: "",
  category: "",
  assignee: "",
  tags: "",
  due: "",
  sort: "",
};

/** The parameters that filter the tasks, beside `show`. */
const FILTERS = ["q", "status", "priority", "category", "assignee", "tags", "due"];

/** The statuses of tasks that are still to be done. */
export const OPEN = ["pending", "in_progress", "blocked"];

/** The value of `assignee` for tasks without one. */
export const NOBODY = "-";

/** What the page shows now. */
export const address = state(parseAddress());

const omitTask = ({ task, ...others }) => others;

/** The address without the open task: most of the page is not rendered again when a task opens. */
export const withoutTask = state(omitTask(address.value));

address.subscribe((shown) => {
  const others = omitTask(shown);
  if (Object.keys(others).some((name) => others[name] !== withoutTask.value[name])) withoutTask.value = others;
});

/** The user's own name as an assignee, for `show=mine`. It is kept in this browser. */
export const ownName = state(localStorage.getItem("name") ?? "");

export function setOwnName(name) {
  localStorage.setItem("name", name);
  ownName.value = name;
}

addEventListener("popstate", () => (address.value = parseAddress()));

/** Returns the page's address after some changes of its parameters. */
export function link(changes) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...address.value, ...changes })) {
    if (value !== DEFAULTS[name]) query.set(name, value);
  }
  return query.size ? `?${query}` : location.pathname;
}

/**
 * Changes some parameters of the address. Switching the view and opening the panel add a history entry, so
 * that the Back button returns from them. Changing a filter, or the task in the panel, adds none.
 */
export function navigate(changes) {
  const next = { ...address.value, ...changes };
  const isNew = next.view !== address.value.view || (next.task !== "" && address.value.task === "");
  if (isNew) history.pushState({ hasOpener: true }, "", link(changes));
  else history.replaceState(history.state, "", link(changes));
  address.value = next;
}

/** Opens a task in the panel. */
export const openTask = (id) => navigate({ task: String(id) });

/** Returns whether a task is open, and renders the component again when that changes. */
export const useIsOpen = (id) => useShared(address, ({ task }) => task === String(id));

/** Closes the open task: goes back if this page opened it, so that Back does not open it again. */
export function closeTask() {
  if (history.state?.hasOpener) history.back();
  else navigate({ task: "" });
}

/** Returns an event handler that navigates without loading the page again, unless in a new tab. */
export const follow = (changes) => (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  navigate(changes);
};

export function clearFilters() {
  navigate(Object.fromEntries(FILTERS.map((name) => [name, ""])));
}

/** Returns the number of filters that are set, not counting the search. */
export function countFilters(shown) {
  return FILTERS.filter((name) => name !== "q" && shown[name] !== "").length;
}

export function isFiltered(shown) {
  return shown.q !== "" || countFilters(shown) > 0;
}

/** Returns the sort order: the chosen one, or the one that suits what is shown. */
export function sortOf(shown) {
  const isDue = shown.show === "overdue" || shown.show === "week" || shown.due !== "";
  return shown.sort || (isDue ? "due_at-asc" : "created_at-desc");
}

/** Returns the query parameters that `show` stands for. */
export function showQuery(show, name) {
  if (show === "open") return { status: OPEN };
  if (show === "all") return {};
  if (show === "mine") return { status: OPEN, assignee: name };
  if (show === "unassigned") return { status: OPEN, unassigned: "true" };
  if (show === "overdue") return { overdue: "true" };
  if (show === "week") return { status: OPEN, ...thisWeek() };
  return { status: [show] };
}

/** Returns the query parameters of `GET /tasks` for the address. */
export function toQuery(shown, name = ownName.value) {
  const [sort_by, order] = sortOf(shown).split(/-(?=\w+$)/);
  const query = { ...showQuery(shown.show, name), sort_by, order };
  for (const member of ["q", "priority", "category", "assignee"]) {
    if (shown[member]) query[member] = shown[member];
  }
  if (shown.assignee === NOBODY) {
    delete query.assignee;
    query.unassigned = "true";
  }
  if (shown.status) query.status = [shown.status];
  const tags = shown.tags.split(",").map((tag) => tag.trim()).filter(Boolean);
  if (tags.length) query.tags = tags;
  if (shown.due === "overdue") query.overdue = "true";
  if (shown.due === "week") {
    // Whole days, so that the same filter makes the same query.
    const today = startOfDay(new Date());
    query.due_after = today.toISOString();
    query.due_before = new Date(today.getTime() + 8 * DAY_MS).toISOString();
  }
  return query;
}

/** Returns whether a task matches what the address shows, as far as the page can tell. */
export function matches(task, shown) {
  const query = toQuery(shown);
  const text = [task.title, task.description ?? "", ...task.tags].join(" ").toLowerCase();
  const words = (query.q ?? "").toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const isDue = (limit, sign) => task.due_at !== null && sign * (Date.parse(task.due_at) - Date.parse(limit)) > 0;
  return (
    (!query.status || query.status.includes(task.status)) &&
    (!query.priority || query.priority === task.priority) &&
    (!query.category || query.category === task.category) &&
    (!query.assignee || query.assignee === task.assignee) &&
    (!query.unassigned || task.assignee === null) &&
    (!query.tags || query.tags.some((tag) => task.tags.includes(tag))) &&
    (!query.due_after || isDue(query.due_after, 1)) &&
    (!query.due_before || isDue(query.due_before, -1)) &&
    (!query.overdue || isDue(new Date(), -1)) &&
    words.every((word) => text.split(/[^\p{L}\p{N}]+/u).some((other) => other.startsWith(word)))
  );
}

/** From Monday to Sunday, in local time. */
function thisWeek() {
  const today = startOfDay(new Date());
  const monday = today.getDate() - ((today.getDay() + 6) % 7);
  const at = (day) => new Date(today.getFullYear(), today.getMonth(), day);
  const after = new Date(at(monday).getTime() - 1);
  return { due_after: after.toISOString(), due_before: at(monday + 7).toISOString() };
}

function parseAddress() {
  const query = new URLSearchParams(location.search);
  return Object.fromEntries(
    Object.entries(DEFAULTS).map(([name, value]) => [name, query.get(name) ?? value]),
  );
}
