#include "loops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIELDS = 20, ENTRIES = 1000, CROWD = 100, STRING_LENGTH = 16, JSON_LENGTH = 1024, WARM_UP = 200 };

const struct loop loops[] = {
    {"revision unchanged", true, false, LILY_SESSION_STRING, 0, false, 0, 0, 0},
    {"strings unchanged", false, false, LILY_SESSION_STRING, 0, false, 0, 0, 0},
    {"integers unchanged", false, false, LILY_SESSION_INT, 0, false, 0, 0, 0},
    {"members unchanged", false, true, LILY_SESSION_INT, 0, false, 0, 0, 0},
    {"1 string changed", false, false, LILY_SESSION_STRING, 1, false, 0, 0, 0},
    {"1 integer changed", false, false, LILY_SESSION_INT, 1, false, 0, 0, 0},
    {"1 member changed", false, true, LILY_SESSION_INT, 1, false, 0, 0, 0},
    {"1 string of another length", false, false, LILY_SESSION_STRING, 1, true, 0, 0, 0},
    {"1 JSON of 1 KiB changed", false, false, LILY_SESSION_JSON, 1, false, 0, 0, 0},
    {"20 strings changed", false, false, LILY_SESSION_STRING, FIELDS, false, 0, 0, 0},
    {"1 string changed, exclusive", false, false, LILY_SESSION_STRING, 1, false, LILY_SESSION_EXCLUSIVE, 0, 0},
    {"1000 entries of a map unchanged", false, false, LILY_SESSION_INT, 0, false, 0, ENTRIES, 0},
    {"1 of 1000 entries of a map changed", false, false, LILY_SESSION_INT, 1, false, 0, ENTRIES, 0},
    {"1000 entries of a map changed, in two orders", false, false, LILY_SESSION_INT, ENTRIES, true, 0, ENTRIES, 0},
    {"1000 entries of a map changed, of which none fits", false, false, LILY_SESSION_INT, ENTRIES, false, 0, ENTRIES, 1},
};
const size_t loop_count = sizeof loops / sizeof *loops;

static struct model {
  uint64_t revision;
  int64_t numbers[ENTRIES];
  char texts[FIELDS][JSON_LENGTH + 1]; /* the digit at 15 changes */
} model;

static const struct loop *running;
static int at[FIELDS]; /* the contexts of the callbacks */
static lily_session_storage *storage;
static lily_session_persistence *persistence;
static lily_session_runtime *runtime;
static lily_session *session;

bool loop_rewrites(const struct loop *loop) { return loop->changed > FIELDS; }

const struct loop *loop_named(const char *name) {
  for (size_t each = 0; each < loop_count; each++) {
    if (strcmp(loops[each].name, name) == 0) return &loops[each];
  }
  return NULL;
}

static void require(lily_session_status status) {
  if (status == LILY_SESSION_OK) return;
  fprintf(stderr, "loops: %s\n", lily_session_last_error());
  exit(2);
}

static size_t text_length(void) { return running->type == LILY_SESSION_JSON ? JSON_LENGTH : STRING_LENGTH; }

/* Makes a list of records, as programs have them, of the wanted length. */
static void write_json(char *text) {
  size_t length = (size_t)sprintf(text, "[\"sixteen byte:0\"");
  for (const char *record = ",{\"id\":1234,\"name\":\"an apple\",\"tags\":[true,null]}"; length + strlen(record) < JSON_LENGTH;) {
    length += (size_t)sprintf(text + length, "%s", record);
  }
  sprintf(text + length, ",\"%0*d\"]", (int)(JSON_LENGTH - length) - 4, 0);
}

static lily_session_status get(void *context, const void *slice, lily_session_value *out) {
  const struct model *from = slice;
  int field = *(int *)context;
  out->type = running->type;
  if (running->type == LILY_SESSION_INT) {
    out->as.integer = from->numbers[field];
  } else {
    out->as.text.bytes = from->texts[field];
    out->as.text.length = running->varies && field == 0 ? 1 + from->revision % STRING_LENGTH : text_length();
  }
  return LILY_SESSION_OK;
}

static lily_session_status set(void *context, void *slice, const lily_session_value *value) {
  (void)context, (void)slice, (void)value; /* what is stored, if anything, is what the model has */
  return LILY_SESSION_OK;
}

static char ids[ENTRIES][24];

static lily_session_status each(void *context, const void *slice, lily_session_map_visit_fn visit, void *visitor) {
  (void)context;
  for (int turn = 0; turn < running->entries; turn++) {
    const int entry = running->varies && ((const struct model *)slice)->revision % 2 ? running->entries - 1 - turn : turn;
    lily_session_value value = {.type = LILY_SESSION_INT, .as.integer = ((const struct model *)slice)->numbers[entry]};
    require(visit(visitor, ids[entry], &value));
  }
  return LILY_SESSION_OK;
}

static lily_session_status set_entry(void *context, void *slice, const char *id, const lily_session_value *value) {
  (void)context, (void)slice, (void)id, (void)value; /* the file is new, so attach sets nothing */
  return LILY_SESSION_OK;
}

static lily_session_map map_of_entries(void) {
  lily_session_map map = LILY_SESSION_MAP_INIT;
  map.prefix = "file/";
  map.types = LILY_SESSION_INT;
  map.each = each;
  map.set = set_entry;
  for (int entry = 0; entry < ENTRIES; entry++) snprintf(ids[entry], sizeof ids[entry], "/home/ada/file %d", entry);
  return map;
}

static uint64_t get_revision(void *context, const void *slice) {
  (void)context;
  return ((const struct model *)slice)->revision;
}

/* Changes as many fields as the loop says, in place. The next value differs in its last digits, or in its length. */
static void *update(void *context, void *slice, const void *message) {
  (void)context, (void)message;
  struct model *to = slice;
  if (running->changed > 0) to->revision++;
  for (int field = 0; field < running->changed; field++) {
    to->numbers[field] = 1000000 + (to->numbers[field] + 1) % 1000000;
    if (running->entries > 0) continue;
    char *digit = to->texts[field] + 15;
    *digit = *digit == '9' ? '0' : (char)(*digit + 1);
  }
  return to;
}

static lily_session_field field_at(int index) {
  static char keys[FIELDS][16];
  lily_session_field field = LILY_SESSION_FIELD_INIT;
  snprintf(keys[index], sizeof keys[index], "field_%02d", index);
  if (running->has_members) {
    field = (lily_session_field)LILY_SESSION_FIELD_INT64(struct model, numbers[0]);
    field.member_offset = offsetof(struct model, numbers) + (size_t)index * sizeof(int64_t);
  } else {
    at[index] = index;
    field.types = running->type;
    field.get = get;
    field.set = set;
    field.context = &at[index];
  }
  field.key = keys[index];
  return field;
}

static void attach(void) {
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  config.storage = storage;
  if (running->has_revision) config.revision = get_revision;
  require(lily_session_attach(runtime, persistence, &config, &session));
}

void loop_begin(const struct loop *loop, const char *path) {
  running = loop;
  unlink(path);
  memset(&model, 0, sizeof model);
  for (int entry = 0; entry < ENTRIES; entry++) model.numbers[entry] = 1000000;
  for (int field = 0; field < FIELDS; field++) {
    if (loop->type == LILY_SESSION_JSON) {
      write_json(model.texts[field]);
    } else {
      strcpy(model.texts[field], "sixteen bytes: 0");
    }
  }
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = loop->flags;
  options.quota_bytes = loop->quota;
  require(lily_session_storage_open(path, &options, &storage));
  persistence = lily_session_persistence_new();
  for (int index = 0; index < FIELDS && loop->entries == 0; index++) {
    lily_session_field field = field_at(index);
    require(lily_session_field_add(persistence, &field));
  }
  if (loop->entries > 0) {
    lily_session_map map = map_of_entries();
    require(lily_session_map_add(persistence, &map));
  }
  require(lily_session_runtime_new(&model, update, NULL, &runtime));
  attach();
  for (int turn = 0; turn < WARM_UP; turn++) loop_turn();
}

void loop_turn(void) {
  const lily_session_status status = lily_session_runtime_dispatch(runtime, NULL);
  require(running->quota > 0 && status == LILY_SESSION_ERROR_QUOTA ? LILY_SESSION_OK : status);
}

void loop_attach(void) {
  lily_session_detach(session);
  attach();
}

void loop_crowd(void) {
  static char keys[CROWD][16];
  for (int number = 0; number < CROWD; number++) {
    lily_session_persistence *one = lily_session_persistence_new();
    lily_session_field field = field_at(0);
    lily_session_config config = LILY_SESSION_CONFIG_INIT;
    lily_session *other;
    snprintf(keys[number], sizeof keys[number], "other_%02d", number);
    field.key = keys[number];
    config.storage = storage;
    require(lily_session_field_add(one, &field));
    require(lily_session_attach(runtime, one, &config, &other));
    lily_session_persistence_free(one);
  }
}

void loop_end(void) {
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(persistence);
  lily_session_storage_close(storage);
}
