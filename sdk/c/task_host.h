// Writes the logic of a task-host service in C, on the bindings of a world named `service`.
//
// The bindings (`task-host bindings c`) have the types and functions of the WIT. This adds what every service needs:
// texts, statements, problems, and the answers to the host's questions about the service.
//
// An instance lives for one request, so nothing has to be freed. Strings and lists that an operation returns must come
// from `malloc`, because the bindings free them; `th_text`, `th_format` and `th_text_at` do that.

#ifndef TASK_HOST_H
#define TASK_HOST_H

#include "service.h"

// Text: UTF-8, with its length. It may have no zero at its end.
typedef service_string_t th_string;
// The answer to a request that fails: an HTTP status of 400 to 599, a stable code in kebab-case, and a title.
typedef task_host_platform_types_problem_t th_problem;

// Returns a copy of a C string.
th_string th_text(const char *text);
// Returns a text as `printf` makes it. `%.*s` with `TH_TEXT(text)` inserts a text.
th_string th_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define TH_TEXT(text) (int)(text).len, (const char *)(text).ptr

// Ends the request with 500 `logic-trapped`. The log gets the message, made as `printf` does, and the backtrace.
_Noreturn void th_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Fills in a problem and returns false, so that an operation can `return th_refuse(…)`.
bool th_refuse(th_problem *problem, uint16_t status, const char *code, const char *title);

// -- Statements

typedef task_host_platform_sql_value_t th_value;
typedef task_host_platform_sql_rows_t th_rows;

// A parameter.
th_value th_null(void);
th_value th_integer(int64_t value);
th_value th_real(double value);
th_value th_string_value(th_string value);

// What a statement did.
typedef enum {
  TH_DONE,
  // It broke a rule of the schema.
  TH_UNIQUE,
  TH_FOREIGN_KEY,
  TH_CHECK,
  TH_NOT_NULL,
  // It is a defect.
  TH_DEFECT,
} th_outcome;

// Runs a statement that returns rows: `th_query(&rows, err, "SELECT … WHERE id = $1", th_integer(id))`. `$n` is the nth
// of the values after it.
//
// Unless it returns TH_DONE, `err` is a problem with status 500 that shows nothing of the database, the log has the
// database's message, and the transaction cannot continue: return false, or first replace `err` by `th_refuse`.
#define th_query(rows, err, statement, ...) \
  th_query_with(rows, err, statement, (const th_value[]){__VA_ARGS__}, \
                sizeof((const th_value[]){__VA_ARGS__}) / sizeof(th_value))
th_outcome th_query_with(th_rows *rows, th_problem *err, const char *statement, const th_value *values, size_t count);

// Runs a statement that returns no rows. `changed` becomes the number of rows that it changed. Otherwise as `th_query`.
#define th_execute(changed, err, statement, ...) \
  th_execute_with(changed, err, statement, (const th_value[]){__VA_ARGS__}, \
                  sizeof((const th_value[]){__VA_ARGS__}) / sizeof(th_value))
th_outcome th_execute_with(uint64_t *changed, th_problem *err, const char *statement, const th_value *values,
                           size_t count);

// Returns the number of rows.
size_t th_count(const th_rows *rows);
// Return the value in a row and a column, both from 0. If it does not exist or has another type, they call `th_fail`.
int64_t th_integer_at(const th_rows *rows, size_t row, size_t column);
double th_real_at(const th_rows *rows, size_t row, size_t column);
th_string th_text_at(const th_rows *rows, size_t row, size_t column);
bool th_is_null_at(const th_rows *rows, size_t row, size_t column);

// Publishes an event for the clients that follow `GET /events`: what happened, such as `note.created`, and the id of
// what it happened to. They receive it if the transaction commits.
void th_publish(const char *kind, int64_t subject);

// -- The service. Define `task_host_service`; `task_host.c` answers the host's questions with it.

typedef struct {
  enum { TH_GET, TH_POST, TH_PUT, TH_PATCH, TH_DELETE } method;
  // A template such as `/notes/{id}`. Each name in braces is a parameter of the function.
  const char *path;
  // The interface and the function, such as `notes:api/notes#get`.
  const char *operation;
  enum { TH_READ, TH_WRITE } access;
  // The HTTP status of a success.
  uint16_t success;
  // The `Location` header of a success, such as `/notes/{id}`. Or NULL.
  const char *location;
} th_route;

// A step of the schema, with a name such as `0001-notes`. Never change one that was released: add another.
typedef struct {
  const char *name, *sqlite, *postgres;
} th_migration;

// Bounds on the values of one place, such as `notes:api/notes#draft.text`. 0 and NULL set no bound.
typedef struct {
  const char *place;
  uint32_t min_length, max_length;
  const char *pattern, *format;
} th_constraint;

// A file of the page: where it is served, its media type, and its first byte and its end.
typedef struct {
  const char *path, *media_type, *content, *end;
} th_asset;

// The lists end with an entry of zeros.
typedef struct {
  const char *name, *version;
  const th_route *routes;
  const th_migration *migrations;
  const th_constraint *constraints;
  const th_asset *assets;
} th_service;

extern const th_service task_host_service;

// Makes a file part of the component. `name` is its content, with a zero after it, and `name_end` its end. The path is
// relative to the folder in which the compiler runs.
#define TH_FILE(name, file) \
  __asm__(".section .rodata." #name ",\"\",@\n" \
          ".globl " #name "\n" \
          ".type " #name ",@object\n" #name ":\n" \
          ".incbin \"" file "\"\n" \
          ".size " #name ", .-" #name "\n" \
          ".globl " #name "_end\n" \
          ".type " #name "_end,@object\n" #name "_end:\n" \
          ".int8 0\n" \
          ".size " #name "_end, 1\n" \
          ".text\n"); \
  extern const char name[], name##_end[]

#endif
