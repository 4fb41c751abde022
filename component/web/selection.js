// The selected tasks, and what is done with all of them.

import { address, toQuery } from "./address.js";
import { messages } from "./messages.js";
import { notify } from "./notices.js";
import { erase, restore, update } from "./tasks.js";
import { state } from "./ui.js";

const texts = messages.selection;
/** Number of requests at the same time. */
const CONCURRENCY = 4;

/** The selected tasks by id, or null while nothing can be selected. */
export const selection = state(null);

// Other filters hide some of the selected tasks, so nothing stays selected.
let query = JSON.stringify(toQuery(address.value));
address.subscribe((shown) => {
  const next = JSON.stringify(toQuery(shown));
  if (next !== query || shown.view !== "list") selection.value = null;
  query = next;
});

export function toggleSelected(task) {
  const next = new Map(selection.value);
  if (!next.delete(task.id)) next.set(task.id, task);
  selection.value = next;
}

/** Runs `act` for each task, a few at a time. Returns the results and the first error. */
async function forEach(tasks, act) {
  const queue = [...tasks];
  const results = [];
  let failed = 0;
  let error = null;
  const work = async () => {
    for (let task; (task = queue.shift()); ) {
      try {
        results.push(await act(task));
      } catch (one) {
        failed += 1;
        error ??= one;
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return { results, failed, error };
}

/** Changes all selected tasks: `toMembers` returns the members of each. Offers to undo the changes. */
export async function changeSelected(toMembers) {
  const tasks = [...selection.value.values()];
  const { results, failed, error } = await forEach(tasks, async (task) => {
    const members = toMembers(task);
    const old = Object.fromEntries(Object.keys(members).map((name) => [name, task[name]]));
    const changed = await update(task.id, members);
    return { changed, old };
  });
  if (selection.value) selection.value = new Map([...selection.value, ...results.map(({ changed }) => [changed.id, changed])]);
  const undo = () => forEach(results, ({ changed, old }) => update(changed.id, old));
  if (results.length) notify(texts.changed(results.length), { undo });
  if (error) notify(texts.failed(failed, error.message));
}

/** Deletes all selected tasks at once, and offers to undo it. */
export async function removeSelected() {
  const tasks = [...selection.value.values()];
  selection.value = null;
  const { results, failed, error } = await forEach(tasks, async ({ id }) => ((await erase(id)) === null ? null : id));
  const ids = results.filter((id) => id !== null);
  const undo = async () => {
    const restored = await forEach(ids, restore);
    notify(restored.error ? texts.notRestored(restored.failed, restored.error.message) : texts.restored(ids.length));
  };
  if (results.length) notify(texts.removed(results.length), { undo });
  if (error) notify(texts.failed(failed, error.message));
}
