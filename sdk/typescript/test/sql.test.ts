import assert from "node:assert/strict";
import { test as plain } from "node:test";

import {
  bytes, datetime, dialect, enumeration, get, integer, list, log, now, number, optional, post, Problem, publish, record,
  service, sql, StatementError, string,
} from "task-host-sdk";
import { check, events, logLines, problemOf, setNow, test } from "task-host-sdk/testing";

service({
  name: "Tasks",
  migrations: "test/migrations",
  check: () => assert.equal(sql`insert into tasks (title) values ('self-test')`.execute(), 1),
});

const Priority = enumeration("low", "very_high");
const Task = record({
  id: integer(),
  title: string(),
  priority: Priority,
  hours: optional(number()),
  dueAt: optional(datetime()),
  photo: optional(bytes()),
});
const columns = sql`id, title, priority, hours, due_at, photo`;

test("a row becomes a record, with every type of column", () => {
  const dueAt = new Date("2026-11-30T10:00:00.123Z");
  const task = sql`insert into tasks (title, priority, hours, due_at, photo)
    values (${"é"}, ${"very_high"}, ${1.5}, ${dueAt}, ${new Uint8Array([0, 255])}) returning ${columns}`.one(Task);
  assert.deepEqual(task, { id: 1, title: "é", priority: "very_high", hours: 1.5, dueAt, photo: new Uint8Array([0, 255]) });
  assert.equal(sql`select due_at from tasks`.one(integer()), dueAt.getTime() * 1000);
});

test("rows are read as values and as arrays, too", () => {
  sql`insert into tasks (title) values ('a'), ('b')`.execute();
  assert.deepEqual(sql`select title from tasks order by id`.all(string()), ["a", "b"]);
  assert.deepEqual(sql`select id, hours from tasks order by id`.optional([integer(), optional(number())]), [1, null]);
  assert.equal(sql`select id from tasks where id = ${9}`.optional(integer()), null);
  assert.equal(sql`update tasks set hours = 2`.execute(), 2);
});

plain("a statement in a statement becomes a part of it", () => {
  const filter = sql`title = ${"a"} and hours > ${2}`;
  assert.deepEqual(sql`select id from tasks where ${filter} limit ${3}`.build(), {
    text: "select id from tasks where title = $1 and hours > $2 limit $3",
    parameters: ["a", 2, 3],
  });
});

plain("a value that no column has is refused", () => {
  for (const value of [Number.NaN, { a: 1 }, ["a"], Symbol("x"), () => 1]) {
    assert.throws(() => sql`select ${value as never}`.build(), TypeError);
  }
});

test("broken rules become problems", () => {
  const insert = () =>
    sql`insert into tasks (title, hours, parent) values (${"a"}, ${1}, ${null})`
      .onUnique(409, "taken", "Taken")
      .onCheck(422, "too-long", "Too long")
      .onForeignKey(422, "no-parent", "No parent");
  insert().execute();
  const unique = post("/unique", { run: () => void insert().execute() });
  assert.equal(problemOf(() => unique({})).code, "taken");
  const negative = post("/negative", {
    run: () => void sql`insert into tasks (title, hours) values ('b', -1)`.onCheck(422, "negative", "Negative").execute(),
  });
  assert.equal(problemOf(() => negative({})).code, "negative");
  const orphan = post("/orphan", {
    run: () => void sql`insert into tasks (title, parent) values ('b', 9)`.onForeignKey(422, "orphan", "Orphan").execute(),
  });
  assert.equal(problemOf(() => orphan({})).code, "orphan");
  const missing = get("/missing", {
    returns: integer(),
    run: () => sql`select id from tasks where id = 9`.onMissing(404, "missing", "Missing").one(integer()),
  });
  assert.equal(problemOf(() => missing({})).status, 404);
  assert.deepEqual(logLines(), []);
});

test("a defect is logged with its statement, and the client sees nothing of it", () => {
  const operation = get("/", { returns: integer(), run: () => sql`select id from tasks where title = ${"secret"}`.one(integer()) });
  const problem = problemOf(() => operation({}));
  assert.deepEqual([problem.status, problem.code, problem.details], [500, "service-failed", {}]);
  const [line] = logLines();
  assert.match(line!, /^error StatementError: the statement returned no row/);
  assert.match(line!, /db\.query\.text="select id from tasks where title = \$1"/);
  assert.doesNotMatch(line!, /secret/);
});

test("a row that does not fit is a defect that names the column", () => {
  sql`insert into tasks (title) values ('a')`.execute();
  const fails = (body: () => unknown, message: RegExp) => assert.throws(body, { name: "StatementError", message });
  fails(() => sql`select title from tasks`.one(integer()), /^column 1 must be an integer of at most 53 bits, not a string$/);
  fails(() => sql`select hours from tasks`.one(number()), /^column 1 must be a finite number, not null$/);
  fails(() => sql`select id, title from tasks`.one(integer()), /expected 1 columns, not 2/);
  const Pair = record({ title: string(), id: integer() });
  fails(() => sql`select id, title from tasks`.one(Pair), /columns id, title, but the record has the fields title, id/);
});

test("an operation is a transaction", () => {
  const count = () => sql`select count(*) from tasks`.one(integer());
  const add = post("/add", {
    params: { title: string() },
    run({ title }) {
      sql`insert into tasks (title) values (${title})`.execute();
      publish("task.created", title, { size: title.length });
      if (title === "refused") throw new Problem(409, "refused", "Refused");
    },
  });
  const both = post("/both", {
    run() {
      add({ title: "b" });
      add({ title: "refused" });
    },
  });
  add({ title: "a" });
  assert.equal(problemOf(() => add({ title: "refused" })).code, "refused");
  problemOf(() => both({}));
  assert.equal(count(), 1);
  assert.deepEqual(events(), [{ kind: "task.created", subject: "a", attributes: [["size", "1"]] }]);
});

test("a GET cannot write, and nothing runs after a failed statement", () => {
  const write = get("/write", { run: () => void sql`insert into tasks (title) values ('a')`.execute() });
  assert.throws(() => write({}), /a GET only reads/);
  const tell = get("/tell", { run: () => publish("a", 1) });
  assert.throws(() => tell({}), /a GET publishes no events/);
  const careless = post("/careless", {
    run() {
      assert.throws(() => sql`selec`.execute(), StatementError);
      assert.throws(() => sql`select 1`.one(integer()), /an earlier statement failed/);
    },
  });
  assert.throws(() => careless({}), /a success after a failed statement/);
});

test("arguments and results are checked, and a promise is refused", () => {
  const half = post("/half", { params: { of: integer() }, returns: integer(), run: ({ of }) => of / 2 });
  assert.equal(half({ of: 4 }), 2);
  assert.throws(() => half({ of: "4" as never }), /^TypeError: of must be an integer/);
  assert.throws(() => half({ of: 3 }), /^TypeError: the result must be an integer.*not 1\.5/);
  const slow = post("/slow", { returns: list(integer()), run: (async () => []) as never });
  assert.throws(() => slow({}), /not async/);
});

test("the time is set by the test, and the log is read", () => {
  setNow(new Date(5));
  assert.equal(now().getTime(), 5);
  assert.equal(dialect(), "sqlite");
  log("info", "saved a task", { "task.id": 1 });
  assert.deepEqual(logLines(), ['info saved a task task.id="1"']);
});

test("the self-test leaves nothing", () => {
  check();
  assert.equal(sql`select count(*) from tasks`.one(integer()), 0);
});

plain("logic outside of a test says what is missing", () => {
  assert.throws(() => sql`select 1`.one(integer()), /there is no request here/);
  assert.throws(() => events(), /it exists in test/);
});
