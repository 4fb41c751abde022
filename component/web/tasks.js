// What a person does to tasks, and who hears of it.

import { idempotencyKey, Problem, request } from "./api.js";
import { messages } from "./messages.js";
import { say } from "./notices.js";
import { state } from "./ui.js";

/** How many changes the page knows of: whoever shows tasks reads them again when it grows. */
export const changes = state(0);

/** Figures over all tasks; null until they are there. */
export const summary = state(null);

/**
 * Tasks as a person just made them, by id, for lists that were read before. `since` is the first
 * version of `changes` whose lists hold it; infinite until the service has answered.
 */
export const pending = state(new Map());

/** Whether a list that was read at this version does not hold the entry yet. */
export const isAhead = (entry, version) => entry !== undefined && version < entry.since;

/** Changes that come quickly after each other are looked at together. */
const GATHER_MS = 120;
let gathering = null;

/** Says that tasks may have changed. */
export function changed() {
  gathering ??= setTimeout(() => {
    gathering = null;
    changes.value += 1;
    readSummary();
  }, GATHER_MS);
}

/** Reads the figures. Where that fails, the old ones stay, and the page says it is offline. */
export async function readSummary() {
  const answer = await request("GET", "tasks/stats/summary").catch(() => null);
  if (answer) summary.value = answer.body;
}

export async function create(draft, key) {
  const headers = { "idempotency-key": key };
  const { body } = await request("POST", "tasks", { body: draft, headers });
  changed();
  return body;
}

export async function createMany(drafts, key) {
  const headers = { "idempotency-key": key };
  const { body } = await request("POST", "tasks/bulk", { body: drafts, headers });
  changed();
  return body.task_ids;
}

export async function read(id) {
  return (await request("GET", `tasks/${id}`)).body;
}

/** Changes members of a task; with a checksum only if it is still that one. */
export async function change(id, members, checksum) {
  const headers = checksum ? { "if-match": `"${checksum}"` } : {};
  const { body } = await request("PATCH", `tasks/${id}`, { body: members, headers });
  changed();
  return body;
}

/** The last move of each task that the service has not answered yet, by id. */
const underway = new Map();

/**
 * Moves a task to a status, at once for the eye; where the service refuses, back, and says so. Quick
 * moves of one task are sent one after the other: on connections of their own they could overtake.
 */
export function move(task, status, done) {
  setPending(task.id, { task: { ...task, status }, since: Infinity });
  const isLast = () => underway.get(task.id) === sent;
  const sent = Promise.resolve(underway.get(task.id)).then(async () => {
    try {
      const moved = await change(task.id, { status });
      if (isLast()) setPending(task.id, { task: moved, since: changes.value + 1 });
      if (done) say(done);
    } catch (error) {
      if (isLast()) setPending(task.id, null);
      say(error.message, { again: () => move(task, status, done) });
    }
    if (isLast()) underway.delete(task.id);
  });
  underway.set(task.id, sent);
  return sent;
}

/** Deletes a task and offers to undo it. `known` are tasks among which dependants are looked for. */
export async function remove(task, known) {
  try {
    const { body } = await request("DELETE", `tasks/${task.id}`);
    const dependants = known.filter(({ dependencies }) => dependencies.includes(task.id));
    const undo = () => restore(task, dependants, body.affected_tasks);
    say(messages.remove.done(task.title), { undo });
  } catch (error) {
    // Somebody else was faster: that is what was wanted.
    if (!(error instanceof Problem && error.status === 404)) {
      say(error.message, { again: () => remove(task, known) });
      return;
    }
  }
  changed();
}

/**
 * Brings a deleted task back as it was, under a new number: numbers are never used twice. Tasks
 * that depended on it do again as far as the page knew them, and the others are counted.
 */
async function restore(task, dependants, affected, key = idempotencyKey()) {
  const { title, description, priority, category, assignee, estimated_hours, tags, due_at } = task;
  const draft = { title, description, priority, category, assignee, estimated_hours, tags, due_at };
  try {
    const made = await create(draft, key);
    const { status, actual_hours, dependencies } = task;
    const rest = { status, actual_hours };
    await change(made.id, rest);
    // A task that it depended on may be gone as well.
    await change(made.id, { dependencies }).catch(() => {});
    let linked = 0;
    for (const { id } of dependants) {
      const now = await read(id).catch(() => null);
      if (now === null) continue;
      await change(id, { dependencies: [...now.dependencies, made.id] });
      linked += 1;
    }
    const lost = affected - linked;
    say(messages.remove.undone(title, made.id) + (lost > 0 ? messages.remove.unlinked(lost) : ""));
  } catch (error) {
    say(error.message, { again: () => restore(task, dependants, affected, key) });
  }
}

function setPending(id, entry) {
  const next = new Map(pending.value);
  if (entry) next.set(id, entry);
  else next.delete(id);
  pending.value = next;
}
