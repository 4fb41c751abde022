// The operations on tasks, and the shared state that tells the views about their effects.

import { idempotencyKey, Problem, request } from "./api.js";
import { messages } from "./messages.js";
import { notify } from "./notices.js";
import { state } from "./ui.js";

/** Grows with each known change. Views that show tasks reload when it does. */
export const dataVersion = state(0);

/** Figures over all tasks. Null until they are loaded. */
export const summary = state(null);

/**
 * Optimistic updates by task id: `{ task, since }`. Views show `task` instead of their own copy until
 * they have loaded a list that includes the update. `since` is the first `dataVersion` of such a list;
 * it is infinite until the service has responded.
 */
export const optimistic = state(new Map());

/** Returns whether an optimistic update is newer than a list of this version. */
export const isNewer = (update, version) => update !== undefined && version < update.since;

/** Changes within this time cause one reload. */
const BATCH_MS = 120;
let batchTimer = null;

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

/** Changes members of a task. If a checksum is given and the task no longer has it, fails with 412. */
export async function update(id, members, checksum) {
  const headers = checksum ? { "if-match": `"${checksum}"` } : {};
  const { body } = await request("PATCH", `tasks/${id}`, { body: members, headers });
  tasksChanged();
  return body;
}

/** The latest move of each task that is still in progress, by task id. */
const lastMoves = new Map();

/**
 * Moves a task to a status. The page shows the move immediately; if the service refuses it, the page
 * reverts it and shows why. If the move succeeds, the page shows the text `done`, if there is one.
 * Moves of one task are sent one after the other, because requests on separate connections could
 * overtake each other.
 */
export function move(task, status, done) {
  setOptimistic(task.id, { task: { ...task, status }, since: Infinity });
  const isLast = () => lastMoves.get(task.id) === sent;
  const sent = Promise.resolve(lastMoves.get(task.id)).then(async () => {
    try {
      const moved = await update(task.id, { status });
      if (isLast()) setOptimistic(task.id, { task: moved, since: dataVersion.value + 1 });
      if (done) notify(done);
    } catch (error) {
      if (isLast()) setOptimistic(task.id, null);
      notify(error.message, { retry: () => move(task, status, done) });
    }
    if (isLast()) lastMoves.delete(task.id);
  });
  lastMoves.set(task.id, sent);
  return sent;
}

/**
 * Deletes a task and offers to undo it. The undo also restores the dependencies on it, of those tasks
 * that are in `loadedTasks`.
 */
export async function remove(task, loadedTasks) {
  try {
    const { body } = await request("DELETE", `tasks/${task.id}`);
    const dependants = loadedTasks.filter(({ dependencies }) => dependencies.includes(task.id));
    const undo = () => restore(task, dependants, body.affected_tasks);
    notify(messages.remove.done(task.title), { undo });
  } catch (error) {
    // 404: someone else deleted the task first, which is the wanted result.
    if (!(error instanceof Problem && error.status === 404)) {
      notify(error.message, { retry: () => remove(task, loadedTasks) });
      return;
    }
  }
  tasksChanged();
}

/**
 * Creates a deleted task again with the same members. It gets a new id, because ids are never reused.
 * `dependants` depend on it again. `affected` is how many tasks depended on it; the notice says how
 * many of them no longer do.
 */
async function restore(task, dependants, affected, key = idempotencyKey()) {
  const { title, description, priority, category, assignee, estimated_hours, tags, due_at } = task;
  const draft = { title, description, priority, category, assignee, estimated_hours, tags, due_at };
  try {
    const restored = await create(draft, key);
    const { status, actual_hours, dependencies } = task;
    await update(restored.id, { status, actual_hours });
    // Fails if a task that it depended on was deleted as well.
    await update(restored.id, { dependencies }).catch(() => {});
    let linked = 0;
    for (const { id } of dependants) {
      const dependant = await read(id).catch(() => null);
      if (dependant === null) continue;
      await update(id, { dependencies: [...dependant.dependencies, restored.id] });
      linked += 1;
    }
    const unlinked = affected - linked;
    const note = unlinked > 0 ? messages.remove.unlinked(unlinked) : "";
    notify(messages.remove.undone(title, restored.id) + note);
  } catch (error) {
    notify(error.message, { retry: () => restore(task, dependants, affected, key) });
  }
}

function setOptimistic(id, update) {
  const next = new Map(optimistic.value);
  if (update) next.set(id, update);
  else next.delete(id);
  optimistic.value = next;
}
