// A list of tasks that loads page by page, and reloads when tasks change.
//
// One request runs at a time. A new query aborts it; the tasks shown so far stay until the response
// arrives. Tasks that did not change keep their object identity, so that their rows are not rendered
// again.

import { request } from "./api.js";
import { dataVersion } from "./tasks.js";
import { state, useEffect, useMemo, useShared } from "./ui.js";

/** Number of tasks on a page. */
const PAGE_SIZE = 100;
/** Maximum number of tasks in one request when the list reloads. */
const MAX_RELOAD_SIZE = 1_000;

/** `version` is the value of `dataVersion` when the tasks were requested. */
const EMPTY = { tasks: [], next: null, version: 0, loading: true, error: null };

/** A list of tasks. `shown` is its current content. */
export class Listing {
  shown = state(EMPTY);
  /** How many tasks from the start of the list the user has viewed. A reload keeps at least these. */
  viewedCount = 0;
  /** Tasks that stay in the list until another query, even if they do not match any more: their places by id. */
  #kept = new Map();
  #query = {};
  #running = null;
  #refreshRequested = false;

  /** Loads the tasks of another query. */
  load(query) {
    this.#query = query;
    this.#kept.clear();
    this.viewedCount = 0;
    return this.#reload();
  }

  /** Reloads the list, after the running request if there is one. */
  refresh() {
    if (this.#running) this.#refreshRequested = true;
    else this.#reload();
  }

  /** Loads the next page. Does nothing while a request runs or if there is no next page. */
  async loadMore() {
    const { tasks, next } = this.shown.value;
    if (next === null || this.#running) return;
    await this.#exclusively(async (signal) => {
      const page = await this.#fetchPage(PAGE_SIZE, next, signal);
      const { version } = this.shown.value;
      const longer = [...tasks, ...page.body];
      // The user has scrolled to the end: a waiting refresh must not remove these tasks again.
      this.viewedCount = longer.length;
      return { tasks: longer, next: page.next, version };
    });
  }

  /** Keeps a task in its place: the user has just completed it, and may reopen it. */
  keep(id) {
    const index = this.shown.value.tasks.findIndex((task) => task.id === id);
    if (index >= 0) this.#kept.set(id, index);
  }

  /** Undoes `keep`, for a task that was deleted or not changed after all. */
  drop(id) {
    this.#kept.delete(id);
  }

  /** Returns all tasks of the list. */
  async readAll() {
    const tasks = [];
    let next = null;
    do {
      const page = await this.#fetchPage(MAX_RELOAD_SIZE, next);
      tasks.push(...page.body);
      next = page.next;
    } while (next !== null);
    return tasks;
  }

  /** Loads all tasks of the list, such as for printing. */
  async loadAll() {
    this.viewedCount = Infinity;
    await this.#reload();
  }

  /** Aborts the running request, when the list is no longer shown. */
  stop() {
    this.#running?.abort();
  }

  #reload() {
    this.#running?.abort();
    return this.#exclusively(async (signal) => {
      const version = dataVersion.value;
      const tasks = [];
      let next = null;
      const numbered = this.#findByNumber(signal);
      do {
        const missing = Math.ceil((this.viewedCount - tasks.length) / PAGE_SIZE) * PAGE_SIZE;
        const limit = Math.min(Math.max(missing, PAGE_SIZE), MAX_RELOAD_SIZE);
        const page = await this.#fetchPage(limit, next, signal);
        tasks.push(...page.body);
        next = page.next;
        // Read `viewedCount` again: the user may have scrolled during the request.
      } while (next !== null && tasks.length < this.viewedCount);
      const found = await numbered;
      if (found && tasks.every(({ id }) => id !== found.id)) tasks.unshift(found);
      await this.#insertKept(tasks, signal);
      return { tasks: keepUnchanged(this.shown.value.tasks, tasks), next, version };
    });
  }

  /** Adds the kept tasks that the list lacks, each at its place. Those that were deleted are forgotten. */
  async #insertKept(tasks, signal) {
    const missing = [...this.#kept].filter(([id]) => tasks.every((task) => task.id !== id));
    missing.sort(([, one], [, other]) => one - other);
    for (const [id, index] of missing) {
      try {
        tasks.splice(index, 0, (await request("GET", `tasks/${id}`, { signal })).body);
      } catch (error) {
        if (error.status !== 404) throw error;
        this.#kept.delete(id);
      }
    }
  }

  /** Returns the task that a search such as `#298` names, whatever else is filtered. */
  async #findByNumber(signal) {
    const [, number] = /^\s*#(\d{1,15})\s*$/.exec(this.#query.q ?? "") ?? [];
    if (!number) return null;
    return (await request("GET", `tasks/${Number(number)}`, { signal }).catch(() => null))?.body;
  }

  /** Runs `load` as the list's only request, and publishes its result unless another one replaced it. */
  async #exclusively(load) {
    const controller = new AbortController();
    this.#running = controller;
    const { shown } = this;
    shown.value = { ...shown.value, loading: true };
    try {
      const result = await load(controller.signal);
      if (this.#running === controller) shown.value = { ...result, loading: false, error: null };
    } catch (error) {
      const isCurrent = this.#running === controller && !controller.signal.aborted;
      if (isCurrent) shown.value = { ...shown.value, loading: false, error };
    } finally {
      if (this.#running === controller) this.#finish();
    }
  }

  #finish() {
    const refreshRequested = this.#refreshRequested;
    this.#running = null;
    this.#refreshRequested = false;
    if (refreshRequested) this.refresh();
  }

  #fetchPage(limit, cursor, signal) {
    return request("GET", "tasks", { query: { ...this.#query, limit, cursor }, signal });
  }
}

/** Returns the current list, reusing the old objects of tasks that did not change. */
function keepUnchanged(old, current) {
  const known = new Map(old.map((task) => [task.id, task]));
  const reuse = (task) => {
    const before = known.get(task.id);
    return before?.checksum === task.checksum ? before : task;
  };
  const merged = current.map(reuse);
  const unchanged =
    merged.length === old.length && merged.every((task, index) => task === old[index]);
  return unchanged ? old : merged;
}

/** Gives a component a listing of this query that reloads after each change. */
export function useListing(query) {
  const listing = useMemo(() => new Listing(), []);
  const version = useShared(dataVersion);
  useEffect(() => {
    listing.load(query);
  }, [JSON.stringify(query)]);
  useEffect(() => {
    if (version > 0) listing.refresh();
  }, [version]);
  useEffect(() => () => listing.stop(), []);
  return { listing, shown: useShared(listing.shown) };
}
