// The operations on tasks, and the shared state that tells the views about their effects.

import { Problem, request, Unreachable } from "./api.js";
import { messages } from "./messages.js";
import { notify } from "./notices.js";
import { state, useEffect, useShared, useState } from "./ui.js";

/** Grows with each known change. Views that show tasks reload when it does. */
export const dataVersion = state(0);

/** Figures over all tasks. Null until they are loaded. */
export const summary = state(null);

/** Returns the assignees that have tasks. */
export const people = () => Object.keys(summary.value?.by_assignee ?? {}).filter((name) => name !== "unassigned");

/**
 * Optimistic updates by task id: `{ task, since }`. Views show `task` instead of their own copy until
 * they have loaded a list that includes the update. `since` is the first `dataVersion` of such a list;
 * it is infinite until the service has responded.
 */
export const optimistic = state(new Map());

/** Changes members of a task, and offers to undo it. Returns the changed task. */
export async function change(task, members, done) {
  const changed = await update(task.id, members);
  const old = Object.fromEntries(Object.keys(members).map((name) => [name, task[name]]));
  notify(done, { undo: () => change(changed, old, messages.remove.undoneChange(task.title)).catch((error) => notify(error.message)) });
  return changed;
}

/** Returns whether an optimistic update is newer than a list of this version. */
export const isNewer = (update, version) => update !== undefined && version < update.since;

/** Changes within this time cause one reload. */
const BATCH_MS = 120;
let batchTimer = null;

/** Calls `load` at first and after each change, but not more often than every second. */
export function useData(load, dependencies) {
  const version = useShared(dataVersion);
  const [loadedAt, setLoadedAt] = useState({ at: -Infinity, key: "" });
  const key = JSON.stringify(dependencies);
  useEffect(() => {
    const wait = key === loadedAt.key ? Math.max(0, loadedAt.at + DATA_MS - performance.now()) : 0;
    const timer = setTimeout(() => {
      setLoadedAt({ at: performance.now(), key });
      load();
    }, wait);
    return () => clearTimeout(timer);
  }, [version, key]);
}

/** Returns the number of tasks that match a query and of those with each status, or null until loaded. */
export function useCount(query, isWanted = true) {
  const [count, setCount] = useState({ key: "", value: null });
  const { sort_by, order, ...filters } = query;
  const key = JSON.stringify(filters);
  useData(() => {
    if (!isWanted) return;
    request("GET", "tasks/stats/count", { query: filters }).then(
      ({ body }) => setCount({ key, value: body }),
      () => {},
    );
  }, [key, isWanted]);
  return count.key === key ? count.value : null;
}

const DATA_MS = 1_000;

/** Makes all views reload shortly, because tasks may have changed. */
export function tasksChanged() {
  batchTimer ??= setTimeout(() => {
    batchTimer = null;
    dataVersion.value += 1;
    readSummary();
  }, BATCH_MS);
}

/** Loads the figures. If that fails, the old ones stay, and the page shows that it is offline. */
export async function readSummary() {
  const response = await request("GET", "tasks/stats/summary").catch(() => null);
  if (response) summary.value = response.body;
}

export async function create(draft, key) {
  const headers = { "idempotency-key": key };
  const { body } = await request("POST", "tasks", { body: draft, headers });
  tasksChanged();
  return body;
}

export async function createMany(drafts, key) {
  const headers = { "idempotency-key": key };
  const { body } = await request("POST", "tasks/bulk", { body: drafts, headers });
  tasksChanged();
  return body.task_ids;
}

export async function read(id) {
  return (await request("GET", `tasks/${id}`)).body;
}

/** Returns the latest changes of a task, the latest first. */
export async function readChanges(id) {
  return (await request("GET", `tasks/${id}/changes`)).body;
}

/** Changes members of a task. If a checksum is given and the task no longer has it, fails with 412. */
export async function update(id, members, checksum) {
  const headers = checksum ? { "if-match": `"${checksum}"` } : {};
  const { body } = await request("PATCH", `tasks/${id}`, { body: members, headers });
  tasksChanged();
  return body;
}

/** The service keeps nothing of a request with this header, and answers it as usual. */
const DRY_RUN = { prefer: "tx=rollback" };
/** Ids start at 1. */
const NO_TASK = 0;

/** Checks a new task. */
export const tryCreate = (draft, signal) => tryPost("tasks", incomplete(draft), signal);

/** Checks several new tasks, at most as many as one request may have. */
export const tryCreateMany = (drafts, signal) => tryPost("tasks/bulk", drafts.map(incomplete), signal);

/**
 * Makes a draft depend on a task that does not exist, which is the last thing that the service checks: no id
 * is given out, not even one that is never used.
 */
const incomplete = (draft) => ({ ...draft, dependencies: [NO_TASK] });

async function tryPost(path, body, signal) {
  try {
    await request("POST", path, { body, headers: DRY_RUN, signal });
  } catch (error) {
    if (error.code !== "dependency-not-found") throw error;
  }
}

/** Checks a change of a task that has this checksum. */
export function tryUpdate(id, members, checksum, signal) {
  const headers = { ...DRY_RUN, "if-match": `"${checksum}"` };
  return request("PATCH", `tasks/${id}`, { body: members, headers, signal });
}

/** The latest move of each task that is still in progress, by task id. */
const lastMoves = new Map();

/**
 * Moves a task to a status. The page shows the move immediately; if the service refuses it, the page
 * reverts it and shows why. If the move succeeds, the page shows the text `done`, with a button that
 * undoes the move. Moves of one task are sent one after the other, because requests on separate
 * connections could overtake each other. Returns the moved task, or null.
 */
export function move(task, status, done) {
  setOptimistic(task.id, { task: { ...task, status }, since: Infinity });
  const isLast = () => lastMoves.get(task.id) === sent;
  const sent = Promise.resolve(lastMoves.get(task.id)).then(async () => {
    let moved = null;
    try {
      moved = await update(task.id, { status });
      if (isLast()) setOptimistic(task.id, { task: moved, since: dataVersion.value + 1 });
      const undo = () => move({ ...moved }, task.status, messages.remove.undoneChange(task.title));
      if (done) notify(done, { undo });
    } catch (error) {
      if (isLast()) setOptimistic(task.id, null);
      notify(error.message, { retry: () => move(task, status, done), isUnreachable: error instanceof Unreachable });
    }
    if (isLast()) lastMoves.delete(task.id);
    return moved;
  });
  lastMoves.set(task.id, sent);
  return sent;
}

/** The status that a task had before the page completed it. Kept in this browser. */
const before = {
  get: (id) => localStorage.getItem(`before:${id}`),
  set: (id, status) => localStorage.setItem(`before:${id}`, status),
  delete: (id) => localStorage.removeItem(`before:${id}`),
};

/** Completes a task. The notice names the open tasks that it depends on, if there are any. */
export async function complete(task) {
  before.set(task.id, task.status);
  const open = openDependencies(task);
  const moved = move(task, "completed", messages.task.completed(task.title));
  const names = (await open).map(messages.task.name).join(", ");
  const isCompleted = await moved;
  const undo = () => reopen({ ...task, status: "completed" });
  if (isCompleted && names) notify(messages.task.completedBefore(task.title, names), { undo });
  return isCompleted;
}

/** Reopens a completed task with the status that it had before, as far as this browser knows it. */
export function reopen(task) {
  const known = before.get(task.id);
  const status = known in messages.status && known !== "completed" ? known : "pending";
  before.delete(task.id);
  return move(task, status, messages.task.reopened(task.title, messages.status[status]));
}

/** Returns the tasks that a task depends on and that are neither completed nor cancelled. */
async function openDependencies({ dependencies }) {
  const results = await Promise.allSettled(dependencies.slice(0, MAX_NAMED).map(read));
  const tasks = results.map(({ value }) => value).filter(Boolean);
  return tasks.filter(({ status }) => status !== "completed" && status !== "cancelled");
}

const MAX_NAMED = 5;

/** Returns the first tasks that depend on a task. */
export async function dependents(id, limit) {
  const query = { depends_on: id, limit, order: "asc" };
  return (await request("GET", "tasks", { query })).body;
}

/** The tasks that can be brought back by the notice that is shown. */
let removed = { tasks: [], isShown: () => false };

/**
 * Deletes a task at once, and offers to undo it. The notice names the tasks that depended on it. If the notice
 * of an earlier deletion is still there, the new one undoes both.
 */
export async function remove(task) {
  // Without an answer, the notice has no names.
  const dependants = await dependents(task.id, MAX_NAMED).catch(() => []);
  try {
    const affected = await erase(task.id);
    if (affected === null) return;
    const names = dependants.map(messages.task.name).join(", ");
    const tasks = removed.isShown() ? [...removed.tasks, task] : [task];
    const text = tasks.length > 1 ? messages.selection.removed(tasks.length) : messages.remove.done(task.title, affected, names);
    removed = { tasks, isShown: notify(text, { undo: () => restoreAll(tasks) }) };
  } catch (error) {
    notify(error.message, { retry: () => remove(task), isUnreachable: error instanceof Unreachable });
  }
}

/** Restores tasks. A retry does no harm to those that are there again. */
async function restoreAll(tasks) {
  try {
    for (const { id } of tasks) await restore(id);
    notify(tasks.length > 1 ? messages.selection.restored(tasks.length) : messages.remove.undone(tasks[0].title));
  } catch (error) {
    notify(error.message, { retry: () => restoreAll(tasks), isUnreachable: error instanceof Unreachable });
  }
}

/**
 * Deletes a task. Returns the number of tasks that depended on it, or null if somebody else had deleted
 * it.
 */
export async function erase(id) {
  try {
    const { body } = await request("DELETE", `tasks/${id}`);
    return body.affected_tasks;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  } finally {
    tasksChanged();
  }
}

/** Restores a deleted task with its id, and the dependencies of other tasks on it. Repeating it changes nothing. */
export async function restore(id) {
  const { body } = await request("POST", `tasks/${id}/restore`);
  tasksChanged();
  return body;
}

function setOptimistic(id, update) {
  const next = new Map(optimistic.value);
  if (update) next.set(id, update);
  else next.delete(id);
  optimistic.value = next;
}
