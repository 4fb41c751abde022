// The bookmarks service in C.

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "task_host.h"

typedef exports_bookmarks_api_bookmarks_bookmark_t bookmark_t;
typedef exports_bookmarks_api_bookmarks_draft_t draft_t;
typedef exports_bookmarks_api_bookmarks_list_bookmark_t bookmarks_t;

static bookmark_t bookmark(const th_rows *rows, size_t row) {
  return (bookmark_t){th_integer_at(rows, row, 0), th_text_at(rows, row, 1)};
}

static bool not_found(th_problem *err) { return th_refuse(err, 404, "bookmark-not-found", "No such bookmark"); }

bool exports_bookmarks_api_bookmarks_create(draft_t *draft, bookmark_t *ret, th_problem *err) {
  th_rows rows;
  const char *statement = "INSERT INTO bookmarks (url) VALUES ($1) RETURNING id, url";
  if (th_query(&rows, err, statement, th_string_value(draft->url)) != TH_DONE) return false;
  *ret = bookmark(&rows, 0);
  return true;
}

bool exports_bookmarks_api_bookmarks_list(bookmarks_t *ret, th_problem *err) {
  th_rows rows;
  if (th_query(&rows, err, "SELECT id, url FROM bookmarks ORDER BY id") != TH_DONE) return false;
  ret->len = th_count(&rows);
  ret->ptr = malloc(ret->len * sizeof *ret->ptr);
  for (size_t row = 0; row < ret->len; row++) ret->ptr[row] = bookmark(&rows, row);
  return true;
}

bool exports_bookmarks_api_bookmarks_get(int64_t id, bookmark_t *ret, th_problem *err) {
  th_rows rows;
  if (th_query(&rows, err, "SELECT id, url FROM bookmarks WHERE id = $1", th_integer(id)) != TH_DONE) return false;
  if (th_count(&rows) == 0) return not_found(err);
  *ret = bookmark(&rows, 0);
  return true;
}

bool exports_bookmarks_api_bookmarks_delete(int64_t id, th_problem *err) {
  uint64_t changed;
  if (th_execute(&changed, err, "DELETE FROM bookmarks WHERE id = $1", th_integer(id)) != TH_DONE) return false;
  return changed != 0 || not_found(err);
}

bool exports_bookmarks_api_bookmarks_uuid(th_string *ret, th_problem *err) {
  uint8_t b[16];
  if (getentropy(b, sizeof b) != 0) th_fail("no random bytes");
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  *ret = th_format("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4],
                   b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
  return true;
}

bool exports_bookmarks_api_bookmarks_clock(int64_t *ret, th_problem *err) {
  *ret = time(NULL);
  return true;
}

bool exports_bookmarks_api_bookmarks_print(th_string *text, th_problem *err) {
  printf("%.*s\n", TH_TEXT(*text));
  fprintf(stderr, "%.*s\n", TH_TEXT(*text));
  return true;
}

bool exports_bookmarks_api_bookmarks_panic(th_string *message, th_problem *err) {
  th_fail("%s:%d: %.*s", __FILE__, __LINE__, TH_TEXT(*message));
}

bool exports_task_host_platform_service_check(th_string *err) {
  draft_t draft = {th_text("https://example.com/")};
  bookmark_t saved, found;
  th_problem problem;
  if (exports_bookmarks_api_bookmarks_create(&draft, &saved, &problem) &&
      exports_bookmarks_api_bookmarks_get(saved.id, &found, &problem)) {
    return true;
  }
  *err = problem.title;
  return false;
}

bool exports_task_host_platform_service_health(service_list_tuple2_string_s64_t *ret, th_string *err) {
  th_rows rows;
  th_problem problem;
  if (th_query(&rows, &problem, "SELECT count(*) FROM bookmarks") != TH_DONE) {
    *err = problem.title;
    return false;
  }
  ret->len = 1;
  ret->ptr = malloc(sizeof *ret->ptr);
  *ret->ptr = (service_tuple2_string_s64_t){th_text("bookmarks"), th_integer_at(&rows, 0, 0)};
  return true;
}

#define OPERATION(name) "bookmarks:api/bookmarks#" name

const th_service task_host_service = {
    .name = "Bookmarks",
    .version = "0.1.0",
    .routes =
        (const th_route[]){
            {TH_POST, "/bookmarks", OPERATION("create"), TH_WRITE, 201, "/bookmarks/{id}"},
            {TH_GET, "/bookmarks", OPERATION("list"), TH_READ, 200},
            {TH_GET, "/bookmarks/{id}", OPERATION("get"), TH_READ, 200},
            {TH_DELETE, "/bookmarks/{id}", OPERATION("delete"), TH_WRITE, 204},
            {TH_GET, "/uuid", OPERATION("uuid"), TH_READ, 200},
            {TH_GET, "/clock", OPERATION("clock"), TH_READ, 200},
            {TH_GET, "/print", OPERATION("print"), TH_READ, 204},
            {TH_GET, "/panic", OPERATION("panic"), TH_READ, 204},
            {},
        },
    .migrations =
        (const th_migration[]){
            {"0001-bookmarks", "CREATE TABLE bookmarks (id integer PRIMARY KEY AUTOINCREMENT, url text NOT NULL)",
             "CREATE TABLE bookmarks (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, url text NOT NULL)"},
            {},
        },
};
