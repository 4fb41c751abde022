import assert from "node:assert/strict";
import { test } from "node:test";

import {
  bool, bytes, cursor, datetime, del, enumeration, get, integer, list, map, number, optional, page, patch, post, put,
  record, service, string, variant,
} from "task-host-sdk";

import { documented } from "../build/docs.js";
import { lineMap } from "../build/lines.js";
import { describe } from "../src/describe.ts";
import { useEngine } from "../src/engine.ts";
import { camel, kebab, snake } from "../src/names.ts";
import { utf8 } from "../src/utf8.ts";

const Priority = enumeration("low", "very_high");
const Shape = variant({ circle: number(), nothing: null });
const Task = record({
  id: integer(),
  dueAt: optional(datetime()),
  priority: Priority,
  tags: list(string({ maxLength: 10 }), { maxItems: 3 }),
  hours: map(number()),
  shape: Shape,
  photo: bytes(),
  done: bool(),
});
const Change = record({ title: optional(optional(string({ minLength: 1 }))) });

const value = {
  id: 2 ** 53 - 1,
  dueAt: new Date("2026-11-30T10:00:00.123Z"),
  priority: "very_high",
  tags: ["a"],
  hours: { ann: 1.5 },
  shape: { case: "circle", value: 2.5 },
  photo: new Uint8Array([0, 255]),
  done: true,
} as const;

const build = (module: object) =>
  describe({ default: service({ name: "Tasks" }), ...module }, "tasks", "1.0.0", [], true) as any;

test("names are kebab-case in WIT, camelCase in engines and snake_case in JSON", () => {
  for (const [name, expected] of [["dueAt", "due-at"], ["DueAt", "due-at"], ["due_at", "due-at"], ["type_", "type"]]) {
    assert.equal(kebab(name!), expected);
  }
  assert.equal(camel("due_at"), "dueAt");
  assert.equal(snake("dueAt"), "due_at");
  for (const name of ["q_1", "größe", "_x", "a__b", "1st"]) assert.throws(() => kebab(name), /cannot be a name/);
});

test("a value survives the way to the engine and back", () => {
  for (const engine of ["quickjs", "starlingmonkey"] as const) {
    useEngine(engine);
    const lowered: any = Task.lower(Task.accept(value, "task"));
    assert.equal(typeof lowered.id, engine === "quickjs" ? "number" : "bigint");
    assert.equal(lowered.dueAt.nanoseconds, 123_000_000);
    assert.equal(lowered.priority, "very-high");
    assert.deepEqual(Task.lift(lowered), value);
  }
  useEngine("quickjs");
});

test("a merge patch tells an absent member from null", () => {
  for (const title of [undefined, null, "new"]) {
    const change = Change.accept({ title }, "change");
    assert.deepEqual(change, { title });
    assert.deepEqual(Change.lift(Change.lower(change)), { title });
  }
});

test("a value that does not fit its type is named with its place", () => {
  const refused = (change: object, message: RegExp) =>
    assert.throws(() => Task.accept({ ...value, ...change }, "task"), { name: "TypeError", message });
  refused({ id: 1.5 }, /^task\.id must be an integer of at most 53 bits, not 1\.5$/);
  refused({ tags: ["a", 1] }, /^task\.tags\[1\] must be a string, not 1$/);
  refused({ priority: "high" }, /^task\.priority must be one of low, very_high, not a string$/);
  refused({ shape: { case: "square" } }, /^task\.shape\.case must be one of circle, nothing/);
  refused({ dueAt: new Date(Number.NaN) }, /^task\.dueAt must be a valid Date/);
  refused({ dueAt: new Date(-1) }, /before 1970/);
  refused({ photo: [1] }, /^task\.photo must be a Uint8Array, not a value of Array$/);
  refused({ hours: null }, /^task\.hours must be an object, not null$/);
});

test("the WIT is made from types and operations", () => {
  const find = get("/tasks/{taskId}", { params: { taskId: integer() }, returns: Task, etag: "priority", run: () => value });
  const all = get("/tasks", { params: { page: cursor() }, returns: page(Task), run: ({ page }) => page.of([], () => 1) });
  const create = post("/tasks", { params: { draft: Task }, returns: Task, location: "/tasks/{id}", run: () => value });
  const edit = patch("/tasks/{id}", { params: { id: integer(), change: Change }, run() {} });
  const replace = put("/tasks/{id}", { params: { id: integer(), task: Task }, status: 202, run() {} });
  const remove = del("/tasks/{id}", { params: { id: integer() }, run() {} });
  const { wit, description } = build({ Task, Priority, Shape, Change, find, all, create, edit, replace, remove });
  assert.equal(
    wit,
    `package %tasks:api;

interface %tasks {
    use task-host:platform/types@1.0.0.{problem};
    use wasi:clocks/wall-clock@0.2.0.{datetime};
    record %task {
        %id: s64,
        %due-at: option<datetime>,
        %priority: %priority,
        %tags: list<string>,
        %hours: list<tuple<string, f64>>,
        %shape: %shape,
        %photo: list<u8>,
        %done: bool,
    }
    enum %priority {
        %low,
        %very-high,
    }
    variant %shape {
        %circle(f64),
        %nothing,
    }
    record %change {
        %title: option<option<string>>,
    }
    record %task-page {
        %items: list<%task>,
        %next: option<string>,
    }
    %find: func(%task-id: s64) -> result<%task, problem>;
    %all: func(%cursor: option<string>, %limit: option<s64>) -> result<%task-page, problem>;
    %create: func(%draft: %task) -> result<%task, problem>;
    %edit: func(%id: s64, %change: %change) -> result<_, problem>;
    %replace: func(%id: s64, %task: %task) -> result<_, problem>;
    %remove: func(%id: s64) -> result<_, problem>;
}

world logic {
    include task-host:platform/task-service@1.0.0;
    import wasi:random/random@0.2.0;
    export %tasks;
}
`,
  );

  const routes = description.routes.map((route: any) => [route.method, route.path, route.access, route.success]);
  assert.deepEqual(routes, [
    ["get", "/tasks/{task-id}", "read", 200],
    ["get", "/tasks", "read", 200],
    ["post", "/tasks", "write", 201],
    ["patch", "/tasks/{id}", "write", 204],
    ["put", "/tasks/{id}", "write", 202],
    ["delete", "/tasks/{id}", "write", 204],
  ]);
  const [found, listed, created] = description.routes;
  assert.deepEqual([found.etag, listed.body, listed.next, created.location], ["priority", "items", "next", "/tasks/{id}"]);
  assert.equal(found.operation, "tasks:api/tasks#find");

  const bounds = (place: string) => {
    const constraint = description.constraints.find((constraint: any) => constraint.place === `tasks:api/tasks#${place}`);
    return Object.fromEntries(Object.entries(constraint).filter(([name, bound]) => bound !== null && name !== "place"));
  };
  assert.deepEqual(bounds("task.tags"), { maxItems: 3 });
  assert.deepEqual(bounds("task.tags[]"), { maxLength: 10 });
  assert.deepEqual(bounds("change.title"), { minLength: 1 });
  assert.deepEqual(bounds("all.limit"), { minimum: 1, maximum: 1000 });
  // TypeScript has no larger integers.
  assert.deepEqual(bounds("remove.id"), { minimum: -(2 ** 53 - 1), maximum: 2 ** 53 - 1 });
});

test("a bound that cannot be one is refused", () => {
  assert.throws(() => string({ maxLength: -1 }), /maxLength must be an integer from 0, not -1/);
  assert.throws(() => list(bool(), { minItems: 1.5 }), /minItems must be/);
});

test("what cannot be an API is refused with its place", () => {
  const refused = (module: object, message: RegExp) => assert.throws(() => build(module), { message });
  const run = (): any => {};
  refused({}, /no operation/);
  refused({ default: 1, list: get("/", { run }) }, /default export/);
  const Inner = record({ id: integer() });
  refused({ find: get("/", { returns: Inner, run }) }, /^the result of find has a record without a name: export it/);
  refused({ Outer: record({ inner: list(Inner) }), find: get("/", { run }) }, /^outer\.inner has a record without a name/);
  refused({ Find: Inner, find: get("/", { run }) }, /called find: the operation find and the type Find/);
  refused({ find: get("/{id}", { run }) }, /the path of find names \{id\}/);
  refused({ find: get("tasks", { run }) }, /the path of find must begin with \//);
  const made = post("/", { returns: Inner, location: "/{key}", run });
  refused({ Inner, made }, /the location of made names \{key\}/);
});

test("comments become documentation, and lines stay where they are", () => {
  const text = [
    'import { record as type, get, string } from "task-host-sdk";',
    "/**",
    " * A task, “é”.",
    " *",
    " * More.",
    " */",
    "export const Task = type({",
    "  /** Its title. */",
    "  title: string(),",
    "  /* no documentation */",
    "  other: string(),",
    "});",
    "/** Not of the SDK. */",
    "const other = local({ /** x */ a: 1 });",
    "/** Finds. */",
    'export const find = get("/", {});',
  ].join("\n");
  const result = documented("service.ts", text).split("\n");
  assert.equal(result.length, text.split("\n").length);
  assert.equal(result[11], '}, {"title":"Its title."}).doc("A task, “é”.\\n\\nMore.");');
  assert.equal(result[13], "const other = local({ /** x */ a: 1 });");
  assert.equal(result[15], 'export const find = get("/", {}).doc("Finds.");');

  const Task = record({ title: string() }, { title: "Its title." }).doc("A task.");
  const find = get("/", { run() {} }).doc("Finds.");
  const { docs } = build({ default: service({ name: "Tasks" }).doc("All."), Task, find });
  assert.equal(docs.section, "package-docs:tasks:api");
  assert.deepEqual(JSON.parse(docs.content), {
    docs: "All.",
    interfaces: {
      tasks: {
        docs: "All.",
        funcs: { find: { docs: "Finds." } },
        types: { task: { docs: "A task.", items: { title: "Its title." } } },
      },
    },
  });
});

test("a source map gives each line of a bundle its line in a source", () => {
  // Line 3 of a.ts, no source, and line 24 of b.ts, whose indentation belongs to the line before.
  const map = { sources: ["a.ts", "b.ts"], mappings: "AAEA;;ACoBA,EACA" };
  const bundle = "a\n\n  b\n";
  assert.deepEqual(lineMap(map, bundle, () => true).lines, [[0, 3], null, [1, 24]]);
  assert.deepEqual(lineMap(map, bundle, (source: string) => source === "b.ts").lines, [null, null, [1, 24]]);
});

test("bytes in UTF-8 become text", () => {
  for (const text of ["", "plain", "é", "日本語", "🙂 and more"]) assert.equal(utf8(new TextEncoder().encode(text)), text);
});
