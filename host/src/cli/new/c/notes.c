// The logic of __NAME__: typed functions that use SQL. The host does HTTP, JSON and transactions.
//
// `wit/service.wit` has the types and functions. The bindings in `bindings/service.h` are made of it.

#include <stdlib.h>

#include "task_host.h"

typedef exports___SNAKE___api_notes_note_t note_t;
typedef exports___SNAKE___api_notes_draft_t draft_t;
typedef exports___SNAKE___api_notes_list_note_t notes_t;

static note_t note_at(const th_rows *rows, size_t row) {
  return (note_t){.id = th_integer_at(rows, row, 0), .text = th_text_at(rows, row, 1)};
}

static bool no_such_note(th_problem *err) { return th_refuse(err, 404, "no-such-note", "There is no such note"); }

// -- The operations: each runs in a transaction, which a problem rolls back.

bool exports___SNAKE___api_notes_create(draft_t *draft, note_t *ret, th_problem *err) {
  th_rows rows;
  switch (th_query(&rows, err, "INSERT INTO notes (text) VALUES ($1) RETURNING id, text",
                   th_string_value(draft->text))) {
    case TH_DONE:
      *ret = note_at(&rows, 0);
      return true;
    case TH_UNIQUE:
      return th_refuse(err, 409, "already-noted", "There is a note with this text");
    default:
      return false;
  }
}

bool exports___SNAKE___api_notes_get(int64_t id, note_t *ret, th_problem *err) {
  th_rows rows;
  if (th_query(&rows, err, "SELECT id, text FROM notes WHERE id = $1", th_integer(id)) != TH_DONE) return false;
  if (th_count(&rows) == 0) return no_such_note(err);
  *ret = note_at(&rows, 0);
  return true;
}

bool exports___SNAKE___api_notes_list(th_string *maybe_q, int64_t *maybe_after, notes_t *ret, th_problem *err) {
  th_rows rows;
  if (th_query(&rows, err,
               "SELECT id, text FROM notes WHERE id > $1 AND text LIKE '%' || $2 || '%' ORDER BY id LIMIT 100",
               th_integer(maybe_after ? *maybe_after : 0), th_string_value(maybe_q ? *maybe_q : th_text(""))) != TH_DONE) {
    return false;
  }
  ret->len = th_count(&rows);
  ret->ptr = malloc(ret->len * sizeof *ret->ptr);
  for (size_t row = 0; row < ret->len; row++) ret->ptr[row] = note_at(&rows, row);
  return true;
}

bool exports___SNAKE___api_notes_delete(int64_t id, th_problem *err) {
  uint64_t changed;
  if (th_execute(&changed, err, "DELETE FROM notes WHERE id = $1", th_integer(id)) != TH_DONE) return false;
  return changed != 0 || no_such_note(err);
}

// -- What the host asks a component: routes, migrations, the page, the self-test and health.

TH_FILE(sqlite_0001, "migrations/0001-notes.sqlite.sql");
TH_FILE(postgres_0001, "migrations/0001-notes.postgres.sql");
TH_FILE(index_html, "web/index.html");
TH_FILE(notes_js, "web/notes.js");
TH_FILE(style_css, "web/style.css");

const th_service task_host_service = {
    .name = "__NAME__",
    .version = "0.1.0",
    .routes =
        (const th_route[]){
            {TH_POST, "/notes", "__NAME__:api/notes#create", TH_WRITE, 201, "/notes/{id}"},
            {TH_GET, "/notes", "__NAME__:api/notes#list", TH_READ, 200},
            {TH_GET, "/notes/{id}", "__NAME__:api/notes#get", TH_READ, 200},
            {TH_DELETE, "/notes/{id}", "__NAME__:api/notes#delete", TH_WRITE, 204},
            {},
        },
    // They run once, in this order. Never change one that was released: add another.
    .migrations = (const th_migration[]){{"0001-notes", sqlite_0001, postgres_0001}, {}},
    // The host checks them before it calls the logic.
    .constraints =
        (const th_constraint[]){
            {.place = "__NAME__:api/notes#draft.text", .max_length = 1000, .pattern = "\\S"},
            {},
        },
    .assets =
        (const th_asset[]){
            {"/", "text/html; charset=utf-8", index_html, index_html_end},
            {"/notes.js", "text/javascript; charset=utf-8", notes_js, notes_js_end},
            {"/style.css", "text/css; charset=utf-8", style_css, style_css_end},
            {},
        },
};

// Runs before this version serves, and is rolled back. If it fails, no client sees this version.
bool exports_task_host_platform_service_check(th_string *err) {
  draft_t draft = {th_text("self-test")};
  note_t note;
  th_problem problem;
  if (exports___SNAKE___api_notes_create(&draft, &note, &problem) &&
      exports___SNAKE___api_notes_delete(note.id, &problem)) {
    return true;
  }
  *err = problem.title;
  return false;
}

// Figures for `GET /health`.
bool exports_task_host_platform_service_health(service_list_tuple2_string_s64_t *ret, th_string *err) {
  th_rows rows;
  th_problem problem;
  if (th_query(&rows, &problem, "SELECT count(*) FROM notes") != TH_DONE) {
    *err = problem.title;
    return false;
  }
  ret->len = 1;
  ret->ptr = malloc(sizeof *ret->ptr);
  *ret->ptr = (service_tuple2_string_s64_t){th_text("total_notes"), th_integer_at(&rows, 0, 0)};
  return true;
}
