// The functions of `task_host.h`.

#include "task_host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// -- Texts

// Returns memory for a number of things. The request ends if there is none.
static void *allocate(size_t count, size_t size) {
  void *memory = calloc(count ? count : 1, size);
  if (!memory) abort();
  return memory;
}

static th_string copy(const char *bytes, size_t length) {
  th_string text = {allocate(length, 1), length};
  memcpy(text.ptr, bytes, length);
  return text;
}

th_string th_text(const char *text) { return copy(text, strlen(text)); }

th_string th_format(const char *format, ...) {
  va_list values, again;
  va_start(values, format);
  va_copy(again, values);
  int length = vsnprintf(NULL, 0, format, values);
  th_string text = {allocate((size_t)length + 1, 1), (size_t)length};
  vsnprintf((char *)text.ptr, (size_t)length + 1, format, again);
  va_end(again);
  va_end(values);
  return text;
}

_Noreturn void th_fail(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vfprintf(stderr, format, values);
  fputc('\n', stderr);
  va_end(values);
  abort();
}

bool th_refuse(th_problem *problem, uint16_t status, const char *code, const char *title) {
  *problem = (th_problem){.status = status, .code = th_text(code), .title = th_text(title)};
  return false;
}

// -- Statements

th_value th_null(void) { return (th_value){.tag = TASK_HOST_PLATFORM_SQL_VALUE_NULL}; }

th_value th_integer(int64_t value) {
  return (th_value){.tag = TASK_HOST_PLATFORM_SQL_VALUE_INTEGER, .val.integer = value};
}

th_value th_real(double value) {
  return (th_value){.tag = TASK_HOST_PLATFORM_SQL_VALUE_REAL, .val.real = value};
}

th_value th_string_value(th_string value) {
  return (th_value){.tag = TASK_HOST_PLATFORM_SQL_VALUE_TEXT, .val.text = value};
}

static th_outcome failed(const task_host_platform_sql_failure_t *failure, th_problem *err) {
  // The host logs the statement and the message. Clients must not see them.
  th_refuse(err, 500, "service-failed", "The service has a defect");
  return TH_UNIQUE + failure->cause;
}

th_outcome th_query_with(th_rows *rows, th_problem *err, const char *statement, const th_value *values, size_t count) {
  th_string text = {(uint8_t *)statement, strlen(statement)};
  task_host_platform_sql_list_value_t list = {(th_value *)values, count};
  task_host_platform_sql_failure_t failure;
  return task_host_platform_sql_query(&text, &list, rows, &failure) ? TH_DONE : failed(&failure, err);
}

th_outcome th_execute_with(uint64_t *changed, th_problem *err, const char *statement, const th_value *values,
                           size_t count) {
  th_string text = {(uint8_t *)statement, strlen(statement)};
  task_host_platform_sql_list_value_t list = {(th_value *)values, count};
  task_host_platform_sql_failure_t failure;
  return task_host_platform_sql_execute(&text, &list, changed, &failure) ? TH_DONE : failed(&failure, err);
}

size_t th_count(const th_rows *rows) { return rows->width ? rows->cells.len / rows->width : 0; }

static const task_host_platform_sql_cell_t *cell(const th_rows *rows, size_t row, size_t column) {
  if (row >= th_count(rows) || column >= rows->width) {
    th_fail("no row %zu and column %zu in %zu rows of %u columns", row, column, th_count(rows), (unsigned)rows->width);
  }
  return &rows->cells.ptr[row * rows->width + column];
}

static const task_host_platform_sql_cell_t *cell_of(const th_rows *rows, size_t row, size_t column, uint8_t tag,
                                                    const char *type) {
  const task_host_platform_sql_cell_t *found = cell(rows, row, column);
  if (found->tag != tag) th_fail("row %zu, column %zu: not %s", row, column, type);
  return found;
}

int64_t th_integer_at(const th_rows *rows, size_t row, size_t column) {
  return cell_of(rows, row, column, TASK_HOST_PLATFORM_SQL_CELL_INTEGER, "an integer")->val.integer;
}

double th_real_at(const th_rows *rows, size_t row, size_t column) {
  return cell_of(rows, row, column, TASK_HOST_PLATFORM_SQL_CELL_REAL, "a real")->val.real;
}

th_string th_text_at(const th_rows *rows, size_t row, size_t column) {
  task_host_platform_sql_span_t span =
      cell_of(rows, row, column, TASK_HOST_PLATFORM_SQL_CELL_TEXT, "a text")->val.text;
  return copy((const char *)rows->heap.ptr + span.start, span.len);
}

bool th_is_null_at(const th_rows *rows, size_t row, size_t column) {
  return cell(rows, row, column)->tag == TASK_HOST_PLATFORM_SQL_CELL_NULL;
}

void th_publish(const char *kind, int64_t subject) {
  task_host_platform_events_event_t event = {.kind = th_text(kind), .subject = th_format("%lld", (long long)subject)};
  task_host_platform_events_publish(&event);
}

// -- The service

static service_option_string_t optional(const char *text) {
  return text ? (service_option_string_t){true, th_text(text)} : (service_option_string_t){false};
}

static service_option_u32_t bound(uint32_t value) { return (service_option_u32_t){value != 0, value}; }

// Counts the entries of a list, whose last one has no name.
#define COUNT(list, count, name) \
  size_t count = 0; \
  while ((list) && (list)[count].name) count++

void exports_task_host_platform_service_describe(exports_task_host_platform_service_description_t *ret) {
  const th_service *service = &task_host_service;
  *ret = (exports_task_host_platform_service_description_t){
      .name = th_text(service->name),
      .version = th_text(service->version),
  };

  COUNT(service->routes, routes, path);
  ret->routes.ptr = allocate(routes, sizeof *ret->routes.ptr);
  ret->routes.len = routes;
  for (size_t at = 0; at < routes; at++) {
    const th_route *route = &service->routes[at];
    ret->routes.ptr[at] = (exports_task_host_platform_service_route_t){
        .method = (uint8_t)route->method,
        .path = th_text(route->path),
        .operation = th_text(route->operation),
        .access = (uint8_t)route->access,
        .success = route->success,
        .location = optional(route->location),
    };
  }

  COUNT(service->migrations, migrations, name);
  ret->migrations.ptr = allocate(migrations, sizeof *ret->migrations.ptr);
  ret->migrations.len = migrations;
  for (size_t at = 0; at < migrations; at++) {
    const th_migration *migration = &service->migrations[at];
    ret->migrations.ptr[at] = (exports_task_host_platform_service_migration_t){
        .name = th_text(migration->name),
        .sqlite = th_text(migration->sqlite),
        .postgres = th_text(migration->postgres ? migration->postgres : ""),
    };
  }

  COUNT(service->constraints, constraints, place);
  ret->constraints.ptr = allocate(constraints, sizeof *ret->constraints.ptr);
  ret->constraints.len = constraints;
  for (size_t at = 0; at < constraints; at++) {
    const th_constraint *constraint = &service->constraints[at];
    ret->constraints.ptr[at] = (exports_task_host_platform_service_constraint_t){
        .place = th_text(constraint->place),
        .min_length = bound(constraint->min_length),
        .max_length = bound(constraint->max_length),
        .pattern = optional(constraint->pattern),
        .format = optional(constraint->format),
    };
  }
}

void exports_task_host_platform_service_assets(exports_task_host_platform_service_list_asset_t *ret) {
  COUNT(task_host_service.assets, assets, path);
  ret->ptr = allocate(assets, sizeof *ret->ptr);
  ret->len = assets;
  for (size_t at = 0; at < assets; at++) {
    const th_asset *asset = &task_host_service.assets[at];
    th_string content = copy(asset->content, (size_t)(asset->end - asset->content));
    ret->ptr[at] = (exports_task_host_platform_service_asset_t){
        .path = th_text(asset->path),
        .media_type = th_text(asset->media_type),
        .content = {content.ptr, content.len},
    };
  }
}
