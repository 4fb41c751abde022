// The bookmarks service in JavaScript.

import { write } from "task-host:platform/log@1.0.0";
import { execute, query } from "task-host:platform/sql@1.0.0";

const table = (key) => `CREATE TABLE bookmarks (id ${key}, url text NOT NULL)`;

export const bookmarks = logged({
  create(draft) {
    const statement = "INSERT INTO bookmarks (url) VALUES ($1) RETURNING id, url";
    return first(read(statement, { tag: "text", val: draft.url }));
  },

  list() {
    return read("SELECT id, url FROM bookmarks ORDER BY id");
  },

  get(id) {
    return first(read("SELECT id, url FROM bookmarks WHERE id = $1", { tag: "integer", val: id }));
  },

  delete(id) {
    if (execute("DELETE FROM bookmarks WHERE id = $1", [{ tag: "integer", val: id }]) == 0) throw notFound();
  },

  uuid() {
    return crypto.randomUUID();
  },

  clock() {
    return BigInt(Math.floor(Date.now() / 1000));
  },

  print(text) {
    console.log(text);
    console.error(text);
  },

  panic(message) {
    throw new TypeError(message);
  },
});

export const service = {
  describe() {
    const route = (method, path, name, more = {}) => ({
      method,
      path,
      operation: `bookmarks:api/bookmarks#${name}`,
      access: "read",
      success: 200,
      ...more,
    });
    return {
      name: "Bookmarks",
      version: "0.1.0",
      routes: [
        route("post", "/bookmarks", "create", { access: "write", success: 201, location: "/bookmarks/{id}" }),
        route("get", "/bookmarks", "list"),
        route("get", "/bookmarks/{id}", "get"),
        route("delete", "/bookmarks/{id}", "delete", { access: "write", success: 204 }),
        route("get", "/uuid", "uuid"),
        route("get", "/clock", "clock"),
        route("get", "/print", "print", { success: 204 }),
        route("get", "/panic", "panic", { success: 204 }),
      ],
      migrations: [
        {
          name: "0001-bookmarks",
          sqlite: table("integer PRIMARY KEY AUTOINCREMENT"),
          postgres: table("bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
        },
      ],
      constraints: [],
    };
  },

  assets() {
    return [];
  },

  check() {
    const saved = bookmarks.create({ url: "https://example.com/" });
    if (bookmarks.get(saved.id).url !== saved.url) throw "a bookmark was saved as something else";
  },

  health() {
    const schemes = new Set(bookmarks.list().map(({ url }) => url.split(":")[0]));
    return [["schemes", BigInt(schemes.size)]];
  },
};

// Logs the errors that a function does not handle, then throws them again. The tool expects that every thrown value
// is a problem. Of an error it reports only that it has another type.
function logged(functions) {
  const guard = (run) => (...values) => {
    try {
      return run(...values);
    } catch (error) {
      if (error instanceof Error) write("error", `${error}`, [["stack", error.stack]]);
      throw error;
    }
  };
  return Object.fromEntries(Object.entries(functions).map(([name, run]) => [name, guard(run)]));
}

function read(statement, ...parameters) {
  const { cells, heap } = query(statement, parameters);
  const text = ({ start, len }) => decodeURIComponent(escape(String.fromCharCode(...heap.slice(start, start + len))));
  const rows = [];
  for (let at = 0; at < cells.length; at += 2) rows.push({ id: cells[at].val, url: text(cells[at + 1].val) });
  return rows;
}

function first(rows) {
  if (rows.length === 0) throw notFound();
  return rows[0];
}

function notFound() {
  const problem = { status: 404, code: "bookmark-not-found", title: "No such bookmark" };
  return { ...problem, errors: [], extensions: [] };
}
