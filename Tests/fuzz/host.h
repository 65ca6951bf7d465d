/* The program that makes the calls. It has the callbacks, with contexts that are counted, a model, and a backend. Each byte of the
   input decides what a callback returns, and whether it calls the library first. */
#ifndef HOST_H
#define HOST_H

#include "support.h"

#include <math.h>

/* ------------------------------------------------------------------ the input */

static const uint8_t *input;
static size_t left;

static unsigned byte(void) {
  if (left == 0) return 0;
  left--;
  return *input++;
}

/* ------------------------------------------------------------------ calls in callbacks */

enum { DEEPEST = 3 };

static int depth;
/* How many steps have begun, those in callbacks included. If one began inside a call, the objects of that call may be gone. */
static long steps;

/* Makes the next call. */
static void step(void);

/* Makes calls inside a callback. Every callback begins with it. */
static void reenter(void) {
  if (depth >= DEEPEST || byte() % 4 != 1) return;
  depth++;
  step();
  depth--;
}

/* ------------------------------------------------------------------ contexts */

static int contexts;

struct context {
  int is_live;
  int is_closed; /* 1: this is the context of a backend that was closed */
  int32_t types;
  int member;
};

static struct context *make_context(void) {
  struct context *context = calloc(1, sizeof *context);
  context->is_live = 1234567;
  contexts++;
  return context;
}

static void release(void *pointer) {
  struct context *context = pointer;
  require(context->is_live == 1234567, "released twice"); /* the sanitizer may report it first */
  context->is_live = 0;
  contexts--;
  free(context);
}

static struct context *live(void *pointer) {
  struct context *context = pointer;
  require(context->is_live == 1234567, "a callback ran after its release");
  return context;
}

/* ------------------------------------------------------------------ callbacks */

static struct model {
  bool flag;
  int32_t small;
  int64_t large;
  double real;
  char name[8];
  int value; /* what the fields with callbacks show */
} models[2];

static int64_t clock_ms(void *context) {
  (void)context;
  reenter();
  return now_ms;
}

static lily_session_status get(void *pointer, const void *slice, lily_session_value *out_value) {
  struct context *context = live(pointer);
  const struct model *model = slice;
  reenter();
  live(pointer);
  unsigned way = byte();
  if (way % 16 == 15) return (lily_session_status)(int8_t)byte();
  static const int32_t types[] = {1, 2, 4, 8, 16, 32};
  out_value->type = way % 16 == 14 ? (int32_t)byte() : context->types == 63 ? types[(unsigned)model->value % 6] : context->types;
  switch (out_value->type) {
    case LILY_SESSION_BOOL: out_value->as.boolean = model->value % 2; break;
    case LILY_SESSION_INT: out_value->as.integer = model->value % 5 == 4 ? INT64_MIN : model->value; break;
    case LILY_SESSION_REAL: out_value->as.real = model->value % 5 == 4 ? NAN : model->value / 3.0; break;
    default: {
      static const char *const strings[] = {"", "SECRET", "\"SECRET\"", "[1, 2]", "\xED\xA0\x80", "{\"k\":[]}"};
      const char *text = strings[(unsigned)model->value % 6];
      out_value->as.text.bytes = text;
      out_value->as.text.length = strlen(text) + (model->value % 6 == 0); /* sometimes the length includes the NUL */
    }
  }
  return LILY_SESSION_OK;
}

static lily_session_status set(void *pointer, void *slice, const lily_session_value *value) {
  struct context *context = live(pointer);
  struct model *model = slice;
  require((value->type & context->types) != 0, "set is given type %d", value->type);
  if (value->type == LILY_SESSION_INT) model->value = (int)(value->as.integer & 0xFF);
  if (value->type == LILY_SESSION_STRING || value->type == LILY_SESSION_JSON) {
    require(value->as.text.bytes[value->as.text.length] == 0, "a text without its NUL");
    model->value = value->as.text.length & 0xFF;
  }
  reenter();
  return byte() % 8 == 7 ? LILY_SESSION_ERROR_DECODE : LILY_SESSION_OK;
}

static lily_session_status migrate(void *pointer, uint32_t stored_version, const lily_session_value *stored, lily_session_value *out_value) {
  struct context *context = live(pointer);
  require(stored->type == LILY_SESSION_JSON && stored_version < 3, "migrate is given type %d", stored->type);
  reenter();
  unsigned way = byte() % 4;
  if (way == 3) return LILY_SESSION_ERROR_CALLBACK;
  out_value->type = way == 2 ? (int32_t)byte() : context->types & LILY_SESSION_INT ? LILY_SESSION_INT : LILY_SESSION_NULL;
  if (out_value->type == LILY_SESSION_INT) {
    out_value->as.integer = 42;
  } else {
    out_value->as.text.bytes = "\"migrated\"";
    out_value->as.text.length = 10;
  }
  return LILY_SESSION_OK;
}

static void *update(void *context, void *model, const void *message) {
  (void)context, (void)message;
  struct model *changed = model;
  reenter();
  unsigned way = byte();
  if (way % 8 == 7) return NULL;
  changed->value = (int)(way / 8);
  changed->large = way;
  if (way % 8 == 6) {
    struct model *other = changed == models ? models + 1 : models;
    *other = *changed;
    return other;
  }
  return changed;
}

static void *slice_of(void *context, void *model) {
  live(context);
  reenter();
  return byte() % 8 == 7 ? NULL : model;
}

static void *put_back(void *context, void *model, void *slice) {
  live(context);
  require(slice == models || slice == models + 1, "another slice");
  reenter();
  return byte() % 8 == 7 ? NULL : model;
}

static uint64_t revision(void *context, const void *slice) {
  live(context);
  reenter();
  return byte() % 2 ? 7 : (uint64_t)((const struct model *)slice)->value;
}

static void on_event(void *context, const lily_session_event *event) {
  live(context);
  require(event->size == sizeof *event && event->kind >= 1 && event->kind <= 11, "event %d", event->kind);
  require(event->key == NULL || event->key[0] != 0, "an event's key");
  reenter();
}

static lily_session_status visit(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms) {
  (void)context;
  require(key[0] != 0 && strlen(json) == length && expires_at_ms >= 0, "each");
  reenter();
  return byte() % 8 == 7 ? (lily_session_status)(int8_t)byte() : LILY_SESSION_OK;
}

/* ------------------------------------------------------------------ a backend of the host */

enum { ROWS = 128 }; /* more than there are keys and scopes */

/* There is one row for each key. All prefixes share one generation, so that it is raised more often than it must be. All backends
   share these rows. */
static struct row {
  char key[600];
  char *json;
  lily_session_entry entry;
} rows[ROWS];
static uint64_t row_generation;

static struct row *find(const char *key) {
  for (struct row *row = rows; row < rows + ROWS; row++) {
    if (row->json != NULL && strcmp(row->key, key) == 0) return row;
  }
  return NULL;
}

static void drop(struct row *row) {
  if (row == NULL) return;
  free(row->json);
  row->json = NULL;
}

/* Fails sometimes, with any number. */
static lily_session_status backend_fails(void *context) {
  require(!live(context)->is_closed, "a backend's function ran after close");
  reenter();
  unsigned way = byte();
  if (way % 16 != 15) return LILY_SESSION_OK;
  steps++; /* the caller sees the status of the backend, which may be NOT_FOUND */
  return (lily_session_status)(int8_t)byte();
}

static lily_session_status backend_read(void *context, const char *key, lily_session_entry *out_entry) {
  lily_session_status failure = backend_fails(context);
  if (failure != LILY_SESSION_OK) return failure;
  struct row *row = find(key);
  if (row == NULL) return LILY_SESSION_ERROR_NOT_FOUND;
  *out_entry = row->entry;
  return LILY_SESSION_OK;
}

static lily_session_status backend_write(void *context, const lily_session_entry *entries, size_t count, const char *prefix, uint64_t generation) {
  lily_session_status failure = backend_fails(context);
  if (failure != LILY_SESSION_OK) return failure;
  if (prefix != NULL && generation != row_generation) return LILY_SESSION_ERROR_NEWER;
  for (size_t at = 0; at < count; at++) {
    drop(find(entries[at].key));
    if (entries[at].json == NULL) continue;
    for (struct row *row = rows; row < rows + ROWS; row++) {
      if (row->json != NULL) continue;
      snprintf(row->key, sizeof row->key, "%s", entries[at].key);
      row->json = malloc(entries[at].length + 1);
      memcpy(row->json, entries[at].json, entries[at].length);
      row->entry = entries[at];
      row->entry.key = row->key;
      row->entry.json = row->json;
      break;
    }
  }
  return LILY_SESSION_OK;
}

static lily_session_status backend_clear(void *context, const char *prefix) {
  lily_session_status failure = backend_fails(context);
  if (failure != LILY_SESSION_OK) return failure;
  for (struct row *row = rows; row < rows + ROWS; row++) {
    if (row->json != NULL && strncmp(row->key, prefix, strlen(prefix)) == 0) drop(row);
  }
  row_generation++;
  return LILY_SESSION_OK;
}

static lily_session_status backend_generation(void *context, const char *prefix, uint64_t *out_generation) {
  (void)prefix;
  *out_generation = row_generation;
  return backend_fails(context);
}

static lily_session_status backend_each(void *context, const char *prefix, lily_session_entry_fn visit_row, void *visitor) {
  lily_session_status failure = backend_fails(context);
  for (struct row *row = rows; row < rows + ROWS && failure == LILY_SESSION_OK; row++) {
    if (row->json != NULL && strncmp(row->key, prefix, strlen(prefix)) == 0) failure = visit_row(visitor, &row->entry);
  }
  return failure;
}

static lily_session_status backend_sync(void *context) { return backend_fails(context); }

static void backend_close(void *context) {
  require(!live(context)->is_closed, "closed twice");
  live(context)->is_closed = 1;
}

#endif
