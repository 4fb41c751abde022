// What the page shows, kept in its address: a link or a reload brings the same view back.

import { state } from "./ui.js";

/** The members of the address, with what each is where it is absent. */
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

/** The filters among them. */
const FILTERS = ["q", "status", "priority", "category", "assignee", "tags", "due"];

/** What the page shows now. */
export const address = state(read());

addEventListener("popstate", () => (address.value = read()));

/** Shows something else. Another view can be gone back from; typing leaves no trail. */
export function show(part) {
  const next = { ...address.value, ...part };
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
  show(Object.fromEntries(FILTERS.map((name) => [name, ""])));
}

/** How many filters beside the search are set. */
export function countFilters(shown) {
  return FILTERS.filter((name) => name !== "q" && shown[name] !== "").length;
}

export function isFiltered(shown) {
  return shown.q !== "" || countFilters(shown) > 0;
}

/** The query of `GET /tasks` for this view. */
export function toQuery(shown) {
  const [sort_by, order] = shown.sort.split(/-(?=\w+$)/);
  const { q, status, priority, category, assignee, tags } = shown;
  const query = { q, status, priority, category, assignee, tags, sort_by, order };
  if (shown.due === "overdue") query.overdue = "true";
  if (shown.due === "week") {
    query.due_after = new Date().toISOString();
    query.due_before = new Date(Date.now() + 7 * 86_400_000).toISOString();
  }
  return query;
}

function read() {
  const query = new URLSearchParams(location.search);
  return Object.fromEntries(
    Object.entries(DEFAULTS).map(([name, value]) => [name, query.get(name) ?? value]),
  );
}
