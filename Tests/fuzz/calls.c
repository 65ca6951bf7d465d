/* Makes sequences of calls. Each byte decides what comes next, in the program and inside its callbacks, which call the
   library again, fail, or end what called them. In any order, nothing crashes, each context is released exactly once, no
   descriptor and no memory stays, and lily_session_last_error() is "" after a success, and only then. */
#include "host.h"

#include <ftw.h>

/* ------------------------------------------------------------------ what calls are given */

#define pick(array) ((array)[byte() % (sizeof(array) / sizeof *(array))])

static const char *const keys[] = {"a", "b", "former", "lily_session_a", "lily_session_", "\xC3\xA9", "", "\xFF", NULL, "\x01x", "a\nb"};
static const char *const texts[] = {"1", "\"SECRET\"", "[ {\"a\" : null } ]", "2.5e300", "-9223372036854775808", "true", "null",
                                    "\"\\u0000\"", "{\"a\":1,\"a\":1}", "nul", "", "\"0123456789012345678901234567890123456789012345678901234567890123456789\""};
static const int32_t types_of_fields[] = {63, LILY_SESSION_INT, LILY_SESSION_STRING, LILY_SESSION_BOOL, LILY_SESSION_REAL, LILY_SESSION_JSON, 0, 64};
static const int64_t times[] = {0, 1700000000500, 1, INT64_MAX, -1, INT64_MIN};

/* ------------------------------------------------------------------ what is open */

enum { STORAGES = 4, LISTS = 2, RUNTIMES = 2, SESSIONS = 4 };

static lily_session_storage *storages[STORAGES];
static lily_session_persistence *lists[LISTS];
static lily_session_runtime *runtimes[RUNTIMES];
static lily_session *sessions[SESSIONS];
/* How many calls have set the message. */
static long calls;

/* Checks the message after a call. In nested calls, the outermost sets it. */
static lily_session_status checked(lily_session_status status, const char *call) {
  calls++;
  const char *message = lily_session_last_error();
  require((message[0] != 0) == (status != LILY_SESSION_OK), "%s returns %d", call, status);
  for (const char *at = message; *at != 0; at++) require((unsigned char)*at >= 0x20, "%s: the message has a line end", call);
  require(strstr(message, "SECRET") == NULL, "%s: the message has a value", call);
  return status;
}

#define CHECKED(call) checked((call), #call)

/* Makes a call that returns void. It leaves the message alone; only calls inside callbacks may change it. */
#define QUIETLY(call)                                                                                          \
  do {                                                                                                         \
    char message[2000];                                                                                        \
    snprintf(message, sizeof message, "%s", lily_session_last_error());                                        \
    long before = calls;                                                                                       \
    call;                                                                                                      \
    require(calls != before || strcmp(message, lily_session_last_error()) == 0, "%s changed the message", #call); \
  } while (0)

/* ------------------------------------------------------------------ steps */

static lily_session_storage_options storage_options(void) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  unsigned way = byte();
  options.clock = clock_ms;
  if (way % 4 == 3) options.quota_bytes = 60;
  if (way % 8 == 4) options.quota_bytes = -1;
  if (way % 64 == 63) options.size--;
  return options;
}

/* True if a storage may have written to a file that the path no longer leads to: an exclusive one looks the path up less often. */
static bool is_exclusive, is_disturbed;
static bool may_be_elsewhere(void) { return is_exclusive && is_disturbed; }

/* The files of the scopes "s" and "t", and what is beside them. */
static const char *const scope_files[] = {"a.jsonl.d/30/s.jsonl", "a.jsonl.d/e4/t.jsonl", "a.jsonl.d/30/cleared", "a.jsonl.d/30", "b.jsonl.d/30/s.jsonl",
                                          "a.jsonl.d/30/t.jsonl", "a.jsonl.d/30/s.jsonl.damaged", "fuzz/session.jsonl"};

/* Returns the path of a file in the folder of this run. */
static const char *in_run(const char *name) {
  char path[100];
  snprintf(path, sizeof path, "calls-run/%s", name);
  return in_directory(path);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place) {
  (void)status, (void)kind, (void)place;
  return remove(path);
}

static const char *journal_path(void) { return in_run(byte() % 4 == 3 ? "b.jsonl" : "a.jsonl"); }

static void open_storage(lily_session_storage **out_storage) {
  lily_session_storage_options options = storage_options();
  unsigned way = byte();
  lily_session_status status;
  if (way % 4 == 0) {
    status = CHECKED(lily_session_storage_open_memory(&options, out_storage));
  } else if (way % 4 == 3) {
    lily_session_backend backend = LILY_SESSION_BACKEND_INIT;
    struct context *context = make_context();
    backend.context = context;
    backend.release = release;
    backend.read = backend_read;
    backend.write = way / 4 % 16 == 15 ? NULL : backend_write;
    backend.clear = backend_clear;
    backend.generation = backend_generation;
    backend.each = backend_each;
    if (way & 64) backend.sync = backend_sync;
    if (way & 128) backend.close = backend_close;
    if (options.quota_bytes != 60) options.quota_bytes = 0;
    status = CHECKED(lily_session_storage_open_backend(&backend, &options, out_storage));
  } else {
    if (way & 8) options.durability = LILY_SESSION_DURABILITY_POWER;
    if ((way & 48) == 48) options.flags = LILY_SESSION_READ_ONLY;
    if ((way & 192) == 192) options.flags |= LILY_SESSION_STRICT;
    unsigned kind = byte();
    if (kind & 1) options.flags |= LILY_SESSION_SCOPE_FILES;
    if (kind & 2) options.flags |= LILY_SESSION_NO_SYNC;
    if (kind % 16 >= 12) options.flags |= LILY_SESSION_EXCLUSIVE, is_exclusive = true;
    options.application = "fuzz";
    status = CHECKED(lily_session_storage_open(way % 4 == 1 ? journal_path() : NULL, &options, out_storage));
  }
  require((status == LILY_SESSION_OK) == (*out_storage != NULL), "open returns %d", status);
}

static void set_and_get(lily_session_storage *storage) {
  const char *key = pick(keys);
  const char *text = pick(texts);
  int64_t expires_at_ms = pick(times);
  long before = steps;
  lily_session_status status = CHECKED(lily_session_storage_set(storage, key, text, strlen(text), expires_at_ms));
  if (status != LILY_SESSION_OK || steps != before || may_be_elsewhere()) return;
  char *got = NULL;
  size_t length;
  status = CHECKED(lily_session_storage_get(storage, key, &got, &length));
  if (steps == before && (status == LILY_SESSION_OK || status == LILY_SESSION_ERROR_NOT_FOUND)) {
    bool is_expired = expires_at_ms != 0 && expires_at_ms <= now_ms;
    require((status == LILY_SESSION_OK) == !is_expired, "what was set reads as %d", status);
  }
  lily_session_free(got);
}

/* Writes several entries. Either all of them are stored, or none is. */
static void write_entries(lily_session_storage *storage) {
  lily_session_entry entries[3];
  size_t count = byte() % (sizeof entries / sizeof *entries + 1);
  for (size_t at = 0; at < count; at++) {
    const char *text = byte() % 4 == 3 ? NULL : pick(texts);
    entries[at] = (lily_session_entry){pick(keys), text, text != NULL ? strlen(text) : 0, pick(times), byte() % 3};
  }
  long before = steps;
  lily_session_status status = CHECKED(lily_session_storage_write(storage, entries, count));
  if (status != LILY_SESSION_OK || steps != before || may_be_elsewhere()) return;
  for (size_t at = 0; at < count; at++) {
    char *got = NULL;
    status = CHECKED(lily_session_storage_get(storage, entries[at].key, &got, NULL));
    lily_session_free(got);
    if (steps != before) return;
    bool is_there = entries[at].json != NULL && (entries[at].expires_at_ms == 0 || entries[at].expires_at_ms > now_ms);
    require(status == (is_there ? LILY_SESSION_OK : LILY_SESSION_ERROR_NOT_FOUND), "what was written reads as %d", status);
  }
}

static void modify_entry(lily_session_storage *storage) {
  int32_t types = byte() % 8 == 7 ? 63 : LILY_SESSION_JSON;
  const char *key = pick(keys);
  long before = steps;
  lily_session_status status = CHECKED(lily_session_storage_modify(storage, key, byte() % 16 == 15 ? NULL : modify, &types));
  if (status != LILY_SESSION_OK || steps != before || may_be_elsewhere()) return;
  char *got = NULL;
  status = CHECKED(lily_session_storage_get(storage, key, &got, NULL));
  require(status == LILY_SESSION_OK || steps != before, "what was modified reads as %d", status);
  lily_session_free(got);
}

static void add_field(lily_session_persistence *list) {
  union {
    lily_session_field field;
    char larger[sizeof(lily_session_field) + 8];
  } given;
  memset(&given, 0, sizeof given);
  static const char *const former[] = {"former", "b", NULL};
  unsigned way = byte();
  lily_session_field field = LILY_SESSION_FIELD_INIT;
  struct context *context = make_context();
  if (way % 4 == 3) {
    lily_session_field members[] = {LILY_SESSION_FIELD_BOOL(struct model, flag), LILY_SESSION_FIELD_INT32(struct model, small),
                                    LILY_SESSION_FIELD_INT64(struct model, large), LILY_SESSION_FIELD_DOUBLE(struct model, real),
                                    LILY_SESSION_FIELD_CHARS(struct model, name)};
    field = pick(members);
  } else if (way % 4 == 2) {
    field = pick(rich_fields);
    field.key = pick(keys);
    if (field.member_shape == LILY_SESSION_SHAPE_POINTER) field.member_resize = resize;
  } else {
    field.key = pick(keys);
    field.types = pick(types_of_fields);
    field.get = get;
    field.set = set;
    if (way & 4) field.migrate = migrate;
  }
  context->types = field.types;
  field.context = context;
  field.release = release;
  field.expires_after_ms = pick(times);
  field.version = byte() % 3;
  if (way & 8) field.former_keys = former;
  bool is_named = true;
  switch (way / 16) {
    case 13: field.size += 8; break; /* the bytes behind it are zero, so it is accepted */
    case 14: field.size += 8, given.larger[sizeof field] = 1; break;
    case 15: field.size = 8, is_named = false; break;
  }
  given.field = field;
  lily_session_status status = CHECKED(lily_session_field_add(list, &given.field));
  require(status != LILY_SESSION_OK || (is_named && way / 16 != 14), "a wrong size is accepted");
  if (!is_named) release(context);
}

static void add_map(lily_session_persistence *list) {
  union {
    lily_session_map map;
    char larger[sizeof(lily_session_map) + 8];
  } given;
  memset(&given, 0, sizeof given);
  unsigned way = byte();
  lily_session_map map = LILY_SESSION_MAP_INIT;
  struct context *context = make_context();
  map.prefix = way % 4 == 3 ? pick(keys) : "m:";
  map.types = way & 4 ? 63 : LILY_SESSION_JSON | LILY_SESSION_INT;
  map.each = way / 8 % 8 == 7 ? NULL : map_each;
  map.set = map_set;
  if (way & 64) map.migrate = migrate;
  context->types = map.types;
  map.context = context;
  map.release = release;
  map.expires_after_ms = pick(times);
  map.version = byte() % 3;
  bool is_named = true;
  switch (byte() % 16) {
    case 13: map.size += 8; break;
    case 14: map.size += 8, given.larger[sizeof map] = 1; break;
    case 15: map.size = 8, is_named = false; break;
  }
  given.map = map;
  lily_session_status status = CHECKED(lily_session_map_add(list, &given.map));
  require(status != LILY_SESSION_OK || map.each != NULL, "a map without each is accepted");
  if (!is_named) release(context);
}

static void attach(lily_session_runtime *runtime, lily_session_persistence *list, lily_session **out_session) {
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  unsigned way = byte();
  config.storage = pick(storages);
  config.context = make_context();
  config.release = release;
  if (way & 1) config.get = slice_of;
  if (way & 2) config.set = put_back;
  if (way & 4) config.revision = revision;
  if (way & 8) config.on_event = on_event;
  lily_session_status status = CHECKED(lily_session_attach(runtime, list, &config, out_session));
  require((status == LILY_SESSION_OK) == (*out_session != NULL), "attach returns %d", status);
}

static const char *const entry_keys[] = {"m:a", "m:b", "m:", "m:\xC3\xA9", "m:\xFF"};

/* Returns the key of a field, or that of an entry of a map. */
static const char *any_key(void) { return byte() % 2 ? pick(entry_keys) : pick(keys); }

/* Requires that after a success no field is dirty. */
static void require_clean(lily_session *session, long before) {
  if (steps != before) return;
  static const size_t count = sizeof keys / sizeof *keys;
  for (size_t at = 0; at < count + sizeof entry_keys / sizeof *entry_keys; at++) {
    const char *key = at < count ? keys[at] : entry_keys[at - count];
    int32_t state = -1;
    lily_session_status status = CHECKED(lily_session_field_state(session, key, &state));
    if (steps != before) return;
    require(status != LILY_SESSION_OK || (state & LILY_SESSION_STATE_DIRTY) == 0, "dirty after a success: %s", key);
    require((status == LILY_SESSION_OK) == (state != -1), "a state and %d", status);
  }
}

/* Does to a file what another program, or the user, may do. */
static void disturb(void) {
  is_disturbed = true;
  const char *path = byte() % 2 ? journal_path() : in_run(pick(scope_files));
  char line[100];
  switch (byte() % 10) {
    case 0: unlink(path); break;
    case 1: if (truncate(path, (off_t)byte() * 4) != 0) unlink(path); break;
    case 2: rename(path, in_run("b.jsonl")); break;
    case 3: link(path, in_run("c.jsonl")); break;
    case 4: unlink(in_run("c.jsonl")); break;
    case 5: rename(in_run("a.jsonl.d"), in_run("moved.d")); break;
    case 6: rename(in_run("moved.d"), in_run("a.jsonl.d")); break;
    case 7: chmod(path, byte() % 2 ? 0644 : 0700); break;
    default: {
      int file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
      if (file < 0) break;
      size_t length = byte() % sizeof line;
      memset(line, 'x', sizeof line);
      if (byte() % 2) line[length / 2] = '\n';
      if (write(file, line, length) < 0) unlink(path);
      close(file);
    }
  }
}

/* Empties the slot first, because a callback must not use a handle that is being given back. */
static lily_session_status visit_scope(void *context, const char *scope) {
  (void)context;
  require(scope[0] != 0 && strlen(scope) <= 64, "a scope's name");
  reenter();
  return byte() % 8 == 7 ? (lily_session_status)(int8_t)byte() : LILY_SESSION_OK;
}

static void sweep(lily_session_storage *storage) {
  size_t limit = byte() % 4, removed = 4711;
  lily_session_status status = CHECKED(lily_session_storage_sweep(storage, limit, &removed));
  require((status == LILY_SESSION_OK) == (removed != 4711), "sweep returns %d", status);
  require(status != LILY_SESSION_OK || limit == 0 || removed <= limit, "more were swept than the limit says");
}

#define TAKE(slot) (slot); (slot) = NULL

static void step(void) {
  lily_session_storage **storage = storages + byte() % STORAGES;
  unsigned which = byte();
  lily_session_persistence **list = lists + which % LISTS;
  lily_session_runtime **runtime = runtimes + which / 2 % RUNTIMES;
  lily_session **session = sessions + which / 4 % SESSIONS;
  long before = ++steps;
  switch (byte() % 46) {
    case 0: case 1:
      if (*storage == NULL) {
        lily_session_storage *opened = NULL;
        open_storage(&opened);
        if (*storage != NULL) QUIETLY(lily_session_storage_close(opened)); /* a callback has filled the slot meanwhile */
        else *storage = opened;
      }
      break;
    case 2: {
      static const char *const scopes[] = {"s", "t", "", NULL, "\xFF"};
      lily_session_storage *opened = NULL;
      lily_session_status status = CHECKED(lily_session_storage_scoped(*storage, pick(scopes), &opened));
      require((status == LILY_SESSION_OK) == (opened != NULL), "scoped returns %d", status);
      lily_session_storage **slot = &pick(storages);
      lily_session_storage *old = TAKE(*slot);
      QUIETLY(lily_session_storage_close(old));
      if (*slot != NULL) QUIETLY(lily_session_storage_close(opened));
      else *slot = opened;
      break;
    }
    case 3: {
      lily_session_storage *old = TAKE(*storage);
      QUIETLY(lily_session_storage_close(old));
      break;
    }
    case 4: {
      char *got = NULL;
      size_t length = 4711;
      lily_session_status status = CHECKED(lily_session_storage_get(*storage, pick(keys), &got, &length));
      require((status == LILY_SESSION_OK) == (got != NULL && length != 4711), "get returns %d", status);
      lily_session_free(got);
      break;
    }
    case 5: case 6: set_and_get(*storage); break;
    case 7: CHECKED(lily_session_storage_remove(*storage, pick(keys))); break;
    case 8: CHECKED(lily_session_storage_each(*storage, pick(keys), visit, NULL)); break;
    case 9: CHECKED(lily_session_storage_sync(*storage)); break;
    case 10: QUIETLY(lily_session_storage_fd(*storage)); break;
    case 11: {
      lily_session_info info = LILY_SESSION_INFO_INIT;
      CHECKED(lily_session_storage_info(*storage, &info));
      require(info.entries >= 0 && info.live_bytes >= 0 && info.file_bytes >= 0, "info");
      break;
    }
    case 12:
      if (*list != NULL) break;
      *list = lily_session_persistence_new();
      checked(LILY_SESSION_OK, "persistence_new");
      break;
    case 13: {
      lily_session_persistence *old = TAKE(*list);
      QUIETLY(lily_session_persistence_free(old));
      break;
    }
    case 14: case 15: case 16: add_field(*list); break;
    case 17:
      if (*runtime == NULL) {
        CHECKED(lily_session_runtime_new(byte() % 16 == 15 ? NULL : models, byte() % 8 == 7 ? NULL : update, NULL, runtime));
      }
      break;
    case 18: {
      lily_session_runtime *old = TAKE(*runtime);
      QUIETLY(lily_session_runtime_free(old));
      break;
    }
    case 19: case 20: case 21: CHECKED(lily_session_runtime_dispatch(*runtime, NULL)); break;
    case 22:
      CHECKED(lily_session_runtime_set_model(*runtime, models + byte() % 2));
      QUIETLY(lily_session_runtime_model(*runtime));
      break;
    case 23: case 24: case 25:
      if (*session == NULL) {
        lily_session *attached = NULL;
        attach(*runtime, *list, &attached);
        if (*session != NULL) QUIETLY(lily_session_detach(attached));
        else *session = attached;
      }
      break;
    case 26: {
      lily_session *old = TAKE(*session);
      QUIETLY(lily_session_detach(old));
      break;
    }
    case 27: {
      lily_session *old = TAKE(*session);
      QUIETLY(lily_session_abandon(old));
      break;
    }
    case 28:
      if (CHECKED(lily_session_persist(*session)) == LILY_SESSION_OK) require_clean(*session, before);
      break;
    case 29:
      if (CHECKED(lily_session_flush(*session)) == LILY_SESSION_OK) require_clean(*session, before);
      break;
    case 30: CHECKED(lily_session_refresh(*session)); break;
    case 31: CHECKED(lily_session_touch(*session, any_key())); break;
    case 32: QUIETLY(require(lily_session_next_expiry(*session) >= -1, "next_expiry")); break;
    case 33: CHECKED(lily_session_clear(*storage)); break;
    case 34:
      now_ms += byte() * 10;
      models[byte() % 2].value = (int)byte();
      models[0].name[byte() % sizeof models->name] = (char)byte();
      break;
    case 35: disturb(); break;
    case 36: add_map(*list); break;
    case 37: write_entries(*storage); break;
    case 38: modify_entry(*storage); break;
    case 39: case 40: {
      int32_t types = pick(types_of_fields);
      CHECKED(lily_session_modify(*session, any_key(), byte() % 16 == 15 ? NULL : modify, &types));
      break;
    }
    case 41: CHECKED(lily_session_reset(*session, any_key())); break;
    case 42: CHECKED(lily_session_mark(*session, any_key())); break;
    case 43: CHECKED(lily_session_storage_scopes(*storage, byte() % 16 == 15 ? NULL : visit_scope, NULL)); break;
    case 44: sweep(*storage); break;
    default:
      entries[byte() % ENTRIES] = byte() % 8;
      change_rich(models + byte() % 2);
  }
}

/* Attaches something at the beginning of most runs, because the fuzzer would take long to find that itself. */
static void begin(unsigned way) {
  if (way % 8 == 0) return;
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.clock = clock_ms;
  /* The handles go into variables first, because a callback may fill the slots meanwhile. */
  lily_session_storage *storage = NULL;
  static const int flags[] = {0, LILY_SESSION_SCOPE_FILES, LILY_SESSION_EXCLUSIVE, LILY_SESSION_SCOPE_FILES | LILY_SESSION_NO_SYNC};
  options.flags = way & 1 ? 0 : pick(flags);
  if (options.flags & LILY_SESSION_EXCLUSIVE) is_exclusive = true;
  if (way & 1) CHECKED(lily_session_storage_open_memory(&options, &storage));
  else CHECKED(lily_session_storage_open(in_run("a.jsonl"), &options, &storage));
  lily_session_storage *filled = TAKE(storages[0]);
  storages[0] = storage;
  lily_session_storage_close(filled);
  lily_session_persistence_free(lists[0]);
  lists[0] = lily_session_persistence_new();
  add_field(lists[0]);
  add_field(lists[0]);
  add_map(lists[0]);
  if (runtimes[0] == NULL) CHECKED(lily_session_runtime_new(models, update, NULL, &runtimes[0]));
  if (storages[1] == NULL) CHECKED(lily_session_storage_scoped(storages[0], "s", &storages[1]));
  for (unsigned at = 0; at < 1 + (way >> 1 & 1); at++) {
    lily_session *session = NULL;
    attach(runtimes[0], lists[0], &session);
    if (sessions[at] == NULL) sessions[at] = session;
    else lily_session_detach(session);
  }
}

/* ------------------------------------------------------------------ the target */

static int lowest_descriptor(void) {
  int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(file);
  return file;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input = data;
  left = size;
  static bool is_begun;
  if (!is_begun) setenv("LILY_SESSION_DIR", in_run(""), 1);
  is_begun = true;
  nftw(in_run(""), remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  mkdir(in_run(""), 0700);
  now_ms = 1700000000000;
  drop_rich();
  memset(models, 0, sizeof models);
  memset(entries, 0, sizeof entries);
  row_generation = 0;
  is_exclusive = is_disturbed = false;
  int descriptor = lowest_descriptor();
  contexts = 0;
  unsigned order = byte();
  begin(order / 8);
  for (int count = 0; left > 0 && count < 400; count++) step();

  /* Handles may be freed in any order. */
  left = 0;
  for (int turn = 0; turn < 4; turn++) {
    switch ((order + (order & 4 ? 3 * (unsigned)turn : (unsigned)turn)) % 4) {
      case 0: for (int at = 0; at < SESSIONS; at++) { lily_session *old = TAKE(sessions[at]); QUIETLY(lily_session_detach(old)); } break;
      case 1: for (int at = 0; at < RUNTIMES; at++) { lily_session_runtime *old = TAKE(runtimes[at]); QUIETLY(lily_session_runtime_free(old)); } break;
      case 2: for (int at = 0; at < LISTS; at++) { lily_session_persistence *old = TAKE(lists[at]); QUIETLY(lily_session_persistence_free(old)); } break;
      default: for (int at = 0; at < STORAGES; at++) { lily_session_storage *old = TAKE(storages[at]); QUIETLY(lily_session_storage_close(old)); } break;
    }
  }
  for (struct row *row = rows; row < rows + ROWS; row++) drop(row);
  drop_rich();
  require(contexts == 0, "%d contexts were not released", contexts);
  require(lowest_descriptor() == descriptor, "a descriptor was left open");
  return 0;
}
