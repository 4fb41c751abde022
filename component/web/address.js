// What the page shows (view, search, filters, sort order), stored in the page's address. A link or a
// reload therefore restores the same view.

import { state } from "./ui.js";

/** The query parameters of the address, each with its default value. */
const DEFAULTS = {
  view: "list",
  q: "",
  status: "",
  priority: "",
  category: "",
  assignee: "",
  tags: "",
  due: "",
  sort: "created_at-desc",
};

/** The parameters that filter the tasks. */
const FILTERS = ["q", "status", "priority", "category", "assignee", "tags", "due"];

/** What the page shows now. */
export const address = state(parseAddress());

addEventListener("popstate", () => (address.value = parseAddress()));

/**
 * Changes some parameters of the address. Switching the view adds a history entry, so that the Back
 * button returns to it. Changing a filter adds none.
 */
export function navigate(changes) {
  const next = { ...address.value, ...changes };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(next)) {
    if (value !== DEFAULTS[name]) query.set(name, value);
  }
  const target = query.size ? `?${query}` : location.pathname;
  const method = next.view === address.value.view ? "replaceState" : "pushState";
  history[method](null, "", target);
  address.value = next;
}

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

/** Returns the query parameters of `GET /tasks` for the address. */
export function toQuery(shown) {
  const [sort_by, order] = shown.sort.split(/-(?=\w+$)/);
  const { q, status, priority, category, assignee } = shown;
  const tags = shown.tags.split(",").map((tag) => tag.trim()).filter(Boolean);
  const query = { q, status, priority, category, assignee, tags, sort_by, order };
  if (shown.due === "overdue") query.overdue = "true";
  if (shown.due === "week") {
    query.due_after = new Date().toISOString();
    query.due_before = new Date(Date.now() + 7 * 86_400_000).toISOString();
  }
  return query;
}

function parseAddress() {
  const query = new URLSearchParams(location.search);
  return Object.fromEntries(
    Object.entries(DEFAULTS).map(([name, value]) => [name, query.get(name) ?? value]),
  );
}
