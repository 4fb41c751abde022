// Short texts worth keeping. The host derives the HTTP API from these types.

import { cursor, del, get, integer, optional, page, post, publish, record, service, sql, string } from "task-host-sdk";

/** A note. */
export const Note = record({
  /** Assigned by the service. */
  id: integer(),
  text: string(),
});

/** A new note. */
export const Draft = record({
  /** From 1 to 1000 characters. Every note has another text. */
  text: string({ maxLength: 1000, pattern: "\\S" }),
});

/** Saves a note. */
export const create = post("/notes", {
  params: { draft: Draft },
  returns: Note,
  location: "/notes/{id}",
  run({ draft }) {
    const note = sql`insert into notes (text) values (${draft.text}) returning id, text`
      .onUnique(409, "already-noted", "There is a note with this text")
      .one(Note);
    publish("note.created", note.id);
    return note;
  },
});

/** Lists the notes that contain a text, oldest first. */
export const list = get("/notes", {
  params: { q: optional(string()), page: cursor() },
  returns: page(Note),
  run({ q, page }) {
    const notes = sql`
      select id, text from notes where id > ${page.afterId()} and text like '%' || ${q ?? ""} || '%'
      order by id limit ${page.limit + 1}`.all(Note);
    return page.of(notes, (note) => note.id);
  },
});

/** Returns a note. */
export const find = get("/notes/{id}", {
  params: { id: integer() },
  returns: Note,
  run: ({ id }) =>
    sql`select id, text from notes where id = ${id}`
      .onMissing(404, "no-such-note", "There is no such note")
      .one(Note),
});

/** Deletes a note. */
export const remove = del("/notes/{id}", {
  params: { id: integer() },
  run({ id }) {
    find({ id });
    sql`delete from notes where id = ${id}`.execute();
    publish("note.deleted", id);
  },
});

/** Short texts worth keeping. */
export default service({
  name: "__NAME__",
  migrations: "migrations",
  assets: "web",

  /** Runs before this version serves, and is undone. If it throws, no client sees this version. */
  check() {
    const { id } = create({ draft: { text: "self-test" } });
    find({ id });
    remove({ id });
  },

  /** Figures for `GET /health`. */
  health: () => ({ total_notes: sql`select count(*) from notes`.one(integer()) }),
});
