/* The program that makes the calls. It has the callbacks, with contexts that are counted, a model, and a backend. Each byte of the
   input decides what a callback returns, and whether it calls the library first. */
#ifndef HOST_H
#define HOST_H

#include "support.h"

#include <math.h>
#include <sys/syscall.h>
#include <time.h>

/* ------------------------------------------------------------------ the input */

static const uint8_t *input;
static size_t left;

static unsigned byte(void) {
  if (left == 0) return 0;
  left--;
  return *input++;
}

/* ------------------------------------------------------------------ the time of the system */

static int64_t slept_ns;

/* Sleeping takes no time. The library, which waits for locks in vain, sees by this clock that it has slept, and for twenty times as long, because
   each try costs some time, too. */
int nanosleep(const struct timespec *wanted, struct timespec *rest) {
  (void)rest;
  slept_ns += 20 * (wanted->tv_sec * 1000000000 + wanted->tv_nsec);
  return 0;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = (int)syscall(SYS_clock_gettime, clock, time);
  if (clock != CLOCK_MONOTONIC || result != 0) return result;
  int64_t ns = time->tv_nsec + slept_ns;
  time->tv_sec += ns / 1000000000;
  time->tv_nsec = ns % 1000000000;
  return 0;
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
  struct rich {
    int8_t tiny;
    uint32_t bits;
    float gain;
    int16_t levels[3];
    bool has_limit;
    int32_t limit;
    int64_t *total;
    struct window {
      int16_t width;
      int32_t kind;
    } window, *other_window;
    struct window windows[2];
    uint8_t window_count;
    struct line {
      char *title;
      struct window *windows;
      int32_t window_count;
    } *lines;
    int64_t line_count;
  } rich;
} models[2];

/* Memory of pointers and of lists that grow. */
static void *blocks[4096];

static void *resize(void *context, void *memory, size_t size) {
  (void)context;
  size_t at = 0;
  while (at < sizeof blocks / sizeof *blocks && blocks[at] != memory) at++;
  require(at < sizeof blocks / sizeof *blocks, "memory is given back that was not taken, or too much is taken");
  if (size == 0) {
    require(memory != NULL, "NULL is given back");
    free(memory);
    blocks[at] = NULL;
    return NULL;
  }
  require(memory == NULL, "memory is resized");
  if (byte() % 16 == 15) return NULL;
  return blocks[at] = malloc(size);
}

static void drop_lines(struct rich *rich) {
  for (int64_t at = 0; at < rich->line_count; at++) {
    if (rich->lines[at].windows != NULL) resize(NULL, rich->lines[at].windows, 0);
    free(rich->lines[at].title);
  }
  if (rich->lines != NULL) resize(NULL, rich->lines, 0);
  rich->lines = NULL;
  rich->line_count = 0;
}

static void drop_rich(void) {
  for (int at = 0; at < 2; at++) drop_lines(&models[at].rich);
  for (size_t at = 0; at < sizeof blocks / sizeof *blocks; at++) {
    free(blocks[at]); /* what pointers have pointed to */
    blocks[at] = NULL;
  }
}

static void change_rich(struct model *model) {
  struct rich *rich = &model->rich;
  unsigned way = byte();
  rich->tiny = (int8_t)way;
  rich->bits = way * 0x01010101u;
  rich->gain = way == 255 ? (float)NAN : (float)way / 3;
  rich->levels[way % 3] = (int16_t)way;
  rich->has_limit = way & 1;
  rich->window.kind = (int32_t)(way % 4); /* 3 has no name */
  rich->window_count = way % 4;         /* 3 is more than there are */
  if (way & 16) rich->total = NULL, rich->other_window = NULL;
  if (way & 32) drop_lines(rich);
  if ((way & 64) == 0 || rich->line_count > 0) return;
  void *memory = resize(NULL, NULL, 2 * sizeof *rich->lines);
  if (memory == NULL) return;
  memset(memory, 0, 2 * sizeof *rich->lines);
  rich->lines = memory;
  rich->line_count = 2;
  rich->lines[1].title = strdup("SECRET");
}

static const char *const kinds[] = {"plain", "SECRET", "none", NULL};
static const lily_session_field window_fields[] = {LILY_SESSION_FIELD_INT16(struct window, width), LILY_SESSION_FIELD_ENUM(struct window, kind, kinds)};
static const lily_session_field line_fields[] = {LILY_SESSION_FIELD_STRING(struct line, title),
                                                 LILY_SESSION_FIELD_GROWING_LIST(struct line, windows, window_count, window_fields, 2, resize)};
static const lily_session_field rich_members[] = {LILY_SESSION_FIELD_GROWING_LIST(struct rich, lines, line_count, line_fields, 2, resize),
                                                  LILY_SESSION_FIELD_LIST(struct rich, windows, window_count, window_fields, 2),
                                                  LILY_SESSION_FIELD_ARRAY(INT16, struct rich, levels),
                                                  LILY_SESSION_FIELD_OPTIONAL(INT32, struct rich, limit, has_limit)};
static const lily_session_field rich_fields[] = {
  LILY_SESSION_FIELD_INT8(struct model, rich.tiny), LILY_SESSION_FIELD_UINT32(struct model, rich.bits), LILY_SESSION_FIELD_FLOAT(struct model, rich.gain),
  LILY_SESSION_FIELD_ARRAY(INT16, struct model, rich.levels), LILY_SESSION_FIELD_OPTIONAL(INT32, struct model, rich.limit, rich.has_limit),
  LILY_SESSION_FIELD_POINTER(INT64, struct model, rich.total), LILY_SESSION_FIELD_POINTER(STRUCT, struct model, rich.other_window, window_fields, 2),
  LILY_SESSION_FIELD_STRUCT(struct model, rich.window, window_fields, 2), LILY_SESSION_FIELD_LIST(struct model, rich.windows, rich.window_count, window_fields, 2),
  LILY_SESSION_FIELD_GROWING_LIST(struct model, rich.lines, rich.line_count, line_fields, 2, resize), LILY_SESSION_FIELD_STRUCT(struct model, rich, rich_members, 4)};

/* The values of a map's entries; 0: the map has no such entry. */
enum { ENTRIES = 4 };
static const char *const ids[ENTRIES] = {"a", "b", "\xC3\xA9", "c"};
static uint8_t entries[ENTRIES];

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

/* Gives a value of one of these types, or sometimes none that can be stored. */
static lily_session_value any_value(int32_t types, unsigned way) {
  lily_session_value value = {0};
  static const int32_t each[] = {LILY_SESSION_INT, LILY_SESSION_JSON, LILY_SESSION_STRING, LILY_SESSION_NULL, LILY_SESSION_REAL, LILY_SESSION_BOOL};
  for (int at = 0; at < 6 && value.type == 0; at++) value.type = types & each[at];
  static const char *const strings[] = {"[1, 2]", "{\"width\":3,\"kind\":\"none\"}", "[{\"title\":\"t\",\"windows\":[{\"width\":1},{}]},{}]", "null",
                                        "{\"lines\":[{\"windows\":[{}],\"title\":\"x\"}],\"levels\":[9],\"limit\":7}", "[[", "\xFF", "{\"lines\":[{\"title\":\"y\"}],\"limit\":\"\"}"};
  if (value.type == LILY_SESSION_JSON || value.type == LILY_SESSION_STRING) {
    value.as.text.bytes = strings[way % 8];
    value.as.text.length = strlen(strings[way % 8]);
  } else {
    value.as.integer = (int64_t)way;
  }
  if (way == 254) value.as.text.length = (size_t)-1;
  if (way == 253) value.as.text.bytes = NULL;
  if (way == 252) value.type = (int32_t)byte();
  return value;
}

/* `pointer` is an int32_t with the types. */
static lily_session_status modify(void *pointer, const lily_session_value *stored, lily_session_value *out_value) {
  if (stored != NULL && stored->type == LILY_SESSION_JSON) require(stored->as.text.bytes[stored->as.text.length] == 0, "a text without its NUL");
  reenter();
  unsigned way = byte();
  if (way == 255) return (lily_session_status)(int8_t)byte();
  *out_value = any_value(*(int32_t *)pointer, way);
  return LILY_SESSION_OK;
}

static lily_session_status map_each(void *pointer, const void *slice, lily_session_map_visit_fn visit_entry, void *visitor) {
  struct context *context = live(pointer);
  (void)slice;
  reenter();
  for (int at = 0; at < ENTRIES; at++) {
    if (entries[at] == 0) continue;
    lily_session_value value = any_value(context->types, entries[at]);
    visit_entry(visitor, ids[at], &value);
    if (entries[at] == 7) visit_entry(visitor, byte() % 2 ? "" : ids[at], &value);
    if (entries[at] == 6) visit_entry(visitor, "d\xFF", NULL);
    reenter();
  }
  live(pointer);
  return byte() % 16 == 15 ? (lily_session_status)(int8_t)byte() : LILY_SESSION_OK;
}

static lily_session_status map_set(void *pointer, void *slice, const char *id, const lily_session_value *value) {
  struct context *context = live(pointer);
  (void)slice;
  require(id[0] != 0 && strlen(id) <= 512 && (value == NULL || (value->type & context->types) != 0), "a map's set");
  for (int at = 0; at < ENTRIES; at++) {
    if (strcmp(ids[at], id) == 0) entries[at] = value == NULL ? 0 : 1;
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
    struct rich rich = other->rich; /* each model has memory of its own */
    *other = *changed;
    other->rich = rich;
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
  require(event->size == sizeof *event && event->kind >= 1 && event->kind <= 12, "event %d", event->kind);
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
