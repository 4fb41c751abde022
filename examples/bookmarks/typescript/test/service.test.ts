import assert from "node:assert/strict";

import { Cursor } from "task-host-sdk";
import { check, events, logLines, problemOf, test } from "task-host-sdk/testing";

import { broken, create, find, list, panic, remove } from "../src/service.ts";

const save = (url: string) => create({ draft: { url } });

test("an address is saved once", () => {
  const saved = save("https://example.com/");
  assert.deepEqual(find({ id: saved.id }), saved);
  assert.equal(problemOf(() => save("https://example.com/")).code, "already-saved");
  // Nothing of the failed request is left.
  assert.deepEqual(list({}).items, [saved]);
  assert.equal(events().length, 1);
});

test("a long list has pages", () => {
  for (let number = 0; number < 5; number++) save(`https://example.com/${number}`);
  const first = list({ q: "example", page: new Cursor({ limit: 3 }) });
  assert.equal(first.items.length, 3);
  const rest = list({ page: new Cursor({ after: first.next, limit: 3 }) });
  assert.equal(rest.items.length, 2);
  assert.equal(rest.next, null);
});

test("a deleted bookmark is missing", () => {
  const { id } = save("https://example.com/");
  remove({ id });
  for (const operation of [find, remove]) assert.equal(problemOf(() => operation({ id })).status, 404);
});

test("the self-test passes and leaves nothing", () => {
  check();
  assert.deepEqual(list({}).items, []);
});

test("a defect is logged and not shown", () => {
  assert.equal(problemOf(() => panic({ message: "at the disco" })).code, "service-failed");
  assert.match(logLines()[0]!, /TypeError: at the disco/);
  problemOf(() => broken({}));
  assert.match(logLines()[1]!, /no_such_column.*db\.query\.text="select no_such_column from bookmarks"/);
});
