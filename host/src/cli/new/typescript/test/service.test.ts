// Tests of the logic. Each has a database of its own in memory, and each operation is a transaction, as on the host.

import assert from "node:assert/strict";

import { check, events, problemOf, test } from "task-host-sdk/testing";

import { create, find, list, remove } from "../src/service.ts";

test("a text is noted once", () => {
  const note = create({ draft: { text: "Buy milk" } });
  assert.deepEqual(find({ id: note.id }), note);
  const problem = problemOf(() => create({ draft: { text: "Buy milk" } }));
  assert.equal(problem.code, "already-noted");
  assert.deepEqual(list({ q: "milk" }).items, [note]);
  assert.deepEqual(
    events().map(({ kind }) => kind),
    ["note.created"],
  );
});

test("a deleted note is missing", () => {
  const { id } = create({ draft: { text: "Buy milk" } });
  remove({ id });
  assert.equal(problemOf(() => find({ id })).status, 404);
});

test("the self-test passes", check);
