// A service of four routes. Others show what JavaScript's standard library does in a component.

import { cursor, del, get, integer, optional, page, post, publish, record, service, sql, string } from "task-host-sdk";

/** A saved address. */
export const Bookmark = record({
  /** Assigned by the service. */
  id: integer(),
  /** The address. */
  url: string(),
});

/** A new bookmark. */
export const Draft = record({
  /** The address. */
  url: string({ maxLength: 2048, format: "uri" }),
});

/** Saves an address. */
export const create = post("/bookmarks", {
  params: { draft: Draft },
  returns: Bookmark,
  location: "/bookmarks/{id}",
  run({ draft }) {
    const bookmark = sql`insert into bookmarks (url) values (${draft.url}) returning id, url`
      .onUnique(409, "already-saved", "This address is already saved")
      .one(Bookmark);
    publish("bookmark.created", bookmark.id);
    return bookmark;
  },
});

/** Lists addresses that contain a text, oldest first. */
export const list = get("/bookmarks", {
  params: { q: optional(string()), page: cursor() },
  returns: page(Bookmark),
  run({ q, page }) {
    const bookmarks = sql`
      select id, url from bookmarks where id > ${page.afterId()} and url like '%' || ${q ?? ""} || '%'
      order by id limit ${page.limit + 1}`.all(Bookmark);
    return page.of(bookmarks, ({ id }) => id);
  },
});

/** Returns one bookmark. */
export const find = get("/bookmarks/{id}", {
  params: { id: integer() },
  returns: Bookmark,
  run: ({ id }) =>
    sql`select id, url from bookmarks where id = ${id}`
      .onMissing(404, "no-such-bookmark", "This bookmark does not exist")
      .one(Bookmark),
});

/** Deletes a bookmark. */
export const remove = del("/bookmarks/{id}", {
  params: { id: integer() },
  run({ id }) {
    find({ id });
    sql`delete from bookmarks where id = ${id}`.execute();
    publish("bookmark.deleted", id);
  },
});

export * from "./every-type.ts";
export * from "./standard-library.ts";

/** Addresses worth keeping. */
export default service({
  name: "Bookmarks",
  migrations: "migrations",
  check() {
    const saved = create({ draft: { url: "https://example.com/" } });
    if (find({ id: saved.id }).url !== saved.url) throw new Error("a bookmark was saved as something else");
  },
  health: () => ({ bookmarks: sql`select count(*) from bookmarks`.one(integer()) }),
});
