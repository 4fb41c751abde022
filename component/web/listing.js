// A list of tasks that grows page by page, and is read again where it was changed elsewhere.
//
// One request runs at a time: a new query aborts it, and what is shown stays until the answer is
// there. Tasks that did not change keep their identity, so that their rows are not drawn again.

import { request } from "./api.js";
import { changes } from "./tasks.js";
import { state, useEffect, useMemo, useShared } from "./ui.js";

/** Tasks of a page. */
const PAGE = 100;
/** Tasks of one request at most, when what is shown is read again. */
const REFRESH = 1_000;

/** `version` is that of `changes` when the tasks were read. */
const EMPTY = { tasks: [], next: null, version: 0, loading: true, error: null };

/** A list: `shown` is what there is to see of it. */
export class Listing {
  shown = state(EMPTY);
  /** How many of its first tasks are looked at: so many stay when it is read again. */
  reach = 0;
  #query = {};
  #running = null;
  #again = false;

  /** Shows the tasks of another query. */
  load(query) {
    this.#query = query;
    this.reach = 0;
    return this.#run();
  }

  /** Reads what is looked at again, after what runs now. */
  refresh() {
    if (this.#running) this.#again = true;
    else this.#run();
  }

  /** Reads the next page, unless a request runs already. */
  async more() {
    const { tasks, next } = this.shown.value;
    if (next === null || this.#running) return;
    await this.#guarded(async (signal) => {
      const page = await this.#page(PAGE, next, signal);
      const { version } = this.shown.value;
      const longer = [...tasks, ...page.body];
      // Whoever is at the end looks at them: a refresh that waits must not take them away again.
      this.reach = longer.length;
      return { tasks: longer, next: page.next, version };
    });
  }

  /** Ends what runs: the list is no longer looked at. */
  stop() {
    this.#running?.abort();
  }

  #run() {
    this.#running?.abort();
    return this.#guarded(async (signal) => {
      const version = changes.value;
      const tasks = [];
      let next = null;
      do {
        const rest = Math.ceil((this.reach - tasks.length) / PAGE) * PAGE;
        const page = await this.#page(Math.min(Math.max(rest, PAGE), REFRESH), next, signal);
        tasks.push(...page.body);
        next = page.next;
        // Asked anew: it may have been scrolled meanwhile.
      } while (next !== null && tasks.length < this.reach);
      return { tasks: sameWhereEqual(this.shown.value.tasks, tasks), next, version };
    });
  }

  async #guarded(work) {
    const controller = new AbortController();
    this.#running = controller;
    const { shown } = this;
    shown.value = { ...shown.value, loading: true };
    try {
      const found = await work(controller.signal);
      if (this.#running === controller) shown.value = { ...found, loading: false, error: null };
    } catch (error) {
      const isCurrent = this.#running === controller && !controller.signal.aborted;
      if (isCurrent) shown.value = { ...shown.value, loading: false, error };
    } finally {
      if (this.#running === controller) this.#finish();
    }
  }

  #finish() {
    const again = this.#again;
    this.#running = null;
    this.#again = false;
    if (again) this.refresh();
  }

  #page(limit, cursor, signal) {
    return request("GET", "tasks", { query: { ...this.#query, limit, cursor }, signal });
  }
}

/** The new list, with the old objects of tasks that are as they were. */
function sameWhereEqual(old, now) {
  const known = new Map(old.map((task) => [task.id, task]));
  const same = (task) => {
    const before = known.get(task.id);
    return before?.checksum === task.checksum ? before : task;
  };
  const merged = now.map(same);
  const unchanged =
    merged.length === old.length && merged.every((task, index) => task === old[index]);
  return unchanged ? old : merged;
}

/** A listing of this query in a component, read again after each change. */
export function useListing(query) {
  const listing = useMemo(() => new Listing(), []);
  const version = useShared(changes);
  useEffect(() => {
    listing.load(query);
  }, [JSON.stringify(query)]);
  useEffect(() => {
    if (version > 0) listing.refresh();
  }, [version]);
  useEffect(() => () => listing.stop(), []);
  return { listing, shown: useShared(listing.shown) };
}
