/* The smallest backend: a table in memory. Another backend would use a file, a database or a keyring instead. Only one thread at a
 * time may use it, as in this program. If there is no memory, it ends the program. */
#include <lily_session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 32 };

struct row { char *key, *json; size_t length; int64_t expires_at_ms; uint32_t version; };
struct store {
  struct row rows[ROOM];
  size_t count;
  struct { char *prefix; uint64_t number; } cleared[ROOM]; /* how often each prefix was cleared */
  size_t cleared_count;
};

static char *copy(const char *text, size_t length) {
  char *made = calloc(length + 1, 1);
  if (!made) abort();
  return memcpy(made, text, length);
}

static struct row *find(struct store *store, const char *key) {
  for (size_t i = 0; i < store->count; i++)
    if (!strcmp(store->rows[i].key, key)) return &store->rows[i];
  return NULL;
}

static void drop(struct store *store, struct row *row) {
  free(row->key);
  free(row->json);
  *row = store->rows[--store->count];
}

static lily_session_entry entry_of(const struct row *row) {
  return (lily_session_entry){ row->key, row->json, row->length, row->expires_at_ms, row->version };
}

static lily_session_status read_entry(void *context, const char *key, lily_session_entry *out) {
  const struct row *row = find(context, key);
  if (!row) return LILY_SESSION_ERROR_NOT_FOUND;
  *out = entry_of(row); /* even if it has expired: the library decides */
  return LILY_SESSION_OK;
}

static lily_session_status generation(void *context, const char *prefix, uint64_t *out) {
  const struct store *store = context;
  *out = 0;
  for (size_t i = 0; i < store->cleared_count; i++)
    if (!strcmp(store->cleared[i].prefix, prefix)) *out = store->cleared[i].number;
  return LILY_SESSION_OK;
}

/* Writes all or nothing: everything that can fail comes before the first change. */
static lily_session_status write_entries(void *context, const lily_session_entry *entries, size_t count,
                                         const char *prefix, uint64_t wanted) {
  struct store *store = context;
  uint64_t current = wanted;
  if (prefix) generation(store, prefix, &current);
  if (current != wanted) return LILY_SESSION_ERROR_NEWER; /* cleared since: an older write must not reappear */
  if (store->count + count > ROOM) return LILY_SESSION_ERROR_QUOTA;
  for (const lily_session_entry *entry = entries; entry < entries + count; entry++) {
    struct row *old = find(store, entry->key);
    if (old) drop(store, old);
    if (!entry->json) continue; /* removed */
    store->rows[store->count++] = (struct row){ copy(entry->key, strlen(entry->key)), copy(entry->json, entry->length),
                                                entry->length, entry->expires_at_ms, entry->version };
  }
  return LILY_SESSION_OK;
}

static lily_session_status clear(void *context, const char *prefix) {
  struct store *store = context;
  size_t i = 0;
  while (i < store->cleared_count && strcmp(store->cleared[i].prefix, prefix)) i++;
  if (i == ROOM) return LILY_SESSION_ERROR_QUOTA;
  if (i == store->cleared_count) store->cleared[store->cleared_count++].prefix = copy(prefix, strlen(prefix));
  store->cleared[i].number++;
  for (size_t j = store->count; j-- > 0;)
    if (!strncmp(store->rows[j].key, prefix, strlen(prefix))) drop(store, &store->rows[j]);
  return LILY_SESSION_OK;
}

static lily_session_status each(void *context, const char *prefix, lily_session_entry_fn visit, void *visitor) {
  const struct store *store = context;
  lily_session_status status = LILY_SESSION_OK;
  for (size_t i = 0; i < store->count && !status; i++) {
    const lily_session_entry entry = entry_of(&store->rows[i]);
    if (!strncmp(entry.key, prefix, strlen(prefix))) status = visit(visitor, &entry);
  }
  return status;
}

static void release(void *context) {
  struct store *store = context;
  while (store->count) drop(store, store->rows);
  while (store->cleared_count) free(store->cleared[--store->cleared_count].prefix);
  free(store);
}

static lily_session_status open_table(lily_session_storage **out) {
  lily_session_backend backend = LILY_SESSION_BACKEND_INIT;
  backend.context = calloc(1, sizeof(struct store));
  if (!backend.context) abort();
  backend.release = release;
  backend.read = read_entry;
  backend.write = write_entries;
  backend.clear = clear;
  backend.generation = generation;
  backend.each = each;
  return lily_session_storage_open_backend(&backend, NULL, out);
}

/* ---- a program like any other */

struct app { int32_t visits; char theme[16]; };

static int fail(void) { fprintf(stderr, "backend: %s\n", lily_session_last_error()); return 1; }

static lily_session_status show(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms) {
  (void)context, (void)length, (void)expires_at_ms;
  printf("  %s = %s\n", key, json);
  return LILY_SESSION_OK;
}

int main(void) {
  struct app app = { 0, "light" };
  lily_session_field visits = LILY_SESSION_FIELD_INT32(struct app, visits), theme = LILY_SESSION_FIELD_CHARS(struct app, theme);
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime;
  lily_session *session;

  if (open_table(&config.storage)
      || lily_session_field_add(fields, &visits) || lily_session_field_add(fields, &theme)
      || lily_session_runtime_new(&app, NULL, NULL, &runtime)
      || lily_session_attach(runtime, fields, &config, &session)) return fail();

  app.visits = 1;
  strcpy(app.theme, "dark");
  if (lily_session_persist(session)) return fail();
  puts("stored:");
  if (lily_session_storage_each(config.storage, "", show, NULL) || lily_session_clear(config.storage)) return fail();
  puts("after a clear:");
  if (lily_session_storage_each(config.storage, "", show, NULL)) return fail();

  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  return 0;
}
