#include "table.h"

/* Counts the call, and frees what the last call lent. */
static lily_session_status enter(struct table *table, int function) {
  free(table->lent_key);
  free(table->lent_json);
  table->lent_key = table->lent_json = NULL;
  table->calls[function]++;
  if (table->hook != NULL) table->hook(table, function);
  return table->results[function];
}

static int find(const struct table *table, const char *key) {
  for (int i = 0; i < table->count; i++)
    if (strcmp(table->rows[i].key, key) == 0) return i;
  return -1;
}

const struct row *table_row(const struct table *table, const char *key) {
  const int at = find(table, key);
  return at < 0 ? NULL : &table->rows[at];
}

static void drop(struct table *table, int at) {
  free(table->rows[at].key);
  free(table->rows[at].json);
  table->rows[at] = table->rows[--table->count];
}

static char *copied(const char *bytes, size_t length) {
  char *copy = malloc(length + 1);
  memcpy(copy, bytes, length);
  copy[length] = '\0';
  return copy;
}

static void apply(struct table *table, const lily_session_entry *entry) {
  const int at = find(table, entry->key);
  if (at >= 0) drop(table, at);
  if (entry->json == NULL) return;
  table->rows = realloc(table->rows, (size_t)(table->count + 1) * sizeof *table->rows);
  table->rows[table->count++] = (struct row){copied(entry->key, strlen(entry->key)), copied(entry->json, entry->length),
                                             entry->length, entry->expires_at_ms, entry->version};
}

void table_put(struct table *table, const char *key, const char *json, int64_t expires_at_ms, uint32_t version) {
  const lily_session_entry entry = {key, json, strlen(json), expires_at_ms, version};
  apply(table, &entry);
}

static uint64_t *generation_of(struct table *table, const char *prefix) {
  for (int i = 0; i < table->prefixes; i++)
    if (strcmp(table->generations[i].prefix, prefix) == 0) return &table->generations[i].generation;
  if (table->prefixes == COUNT(table->generations)) abort();
  table->generations[table->prefixes] = (struct raised){copied(prefix, strlen(prefix)), 0};
  return &table->generations[table->prefixes++].generation;
}

static lily_session_status read_row(void *context, const char *key, lily_session_entry *out_entry) {
  struct table *table = context;
  const lily_session_status result = enter(table, TABLE_READ);
  if (result != LILY_SESSION_OK) return result;
  const struct row *row = table_row(table, key);
  if (row == NULL) return LILY_SESSION_ERROR_NOT_FOUND;
  table->lent_key = copied(row->key, strlen(row->key));
  table->lent_json = copied(row->json, row->length);
  *out_entry = (lily_session_entry){table->lent_key, table->lent_json, row->length, row->expires_at_ms, row->version};
  return LILY_SESSION_OK;
}

static lily_session_status write_rows(void *context, const lily_session_entry *entries, size_t count, const char *prefix,
                                      uint64_t generation) {
  struct table *table = context;
  const lily_session_status result = enter(table, TABLE_WRITE);
  table->batch = count;
  table->has_prefix = prefix != NULL;
  snprintf(table->prefix, sizeof table->prefix, "%s", prefix != NULL ? prefix : "");
  if (result != LILY_SESSION_OK) return result;
  if (prefix != NULL && *generation_of(table, prefix) != generation) return LILY_SESSION_ERROR_NEWER;
  for (size_t i = 0; i < count; i++) {
    if (entries[i].json != NULL) assert_int_equal(strlen(entries[i].json), entries[i].length); /* JSON has no NUL in it */
    apply(table, &entries[i]);
  }
  return table->after_write;
}

static lily_session_status clear_rows(void *context, const char *prefix) {
  struct table *table = context;
  const lily_session_status result = enter(table, TABLE_CLEAR);
  if (result != LILY_SESSION_OK) return result;
  for (int i = table->count - 1; i >= 0; i--)
    if (strncmp(table->rows[i].key, prefix, strlen(prefix)) == 0) drop(table, i);
  ++*generation_of(table, prefix);
  return LILY_SESSION_OK;
}

static lily_session_status tell_generation(void *context, const char *prefix, uint64_t *out_generation) {
  struct table *table = context;
  const lily_session_status result = enter(table, TABLE_GENERATION);
  if (result != LILY_SESSION_OK) return result;
  *out_generation = *generation_of(table, prefix);
  return LILY_SESSION_OK;
}

static lily_session_status each_row(void *context, const char *prefix, lily_session_entry_fn visit, void *visitor) {
  struct table *table = context;
  const lily_session_status result = enter(table, TABLE_EACH);
  if (result != LILY_SESSION_OK) return result;
  /* It visits backwards, because the library must not depend on the order. */
  for (int i = table->count - 1; i >= 0; i--) {
    const struct row *row = &table->rows[i];
    if (strncmp(row->key, prefix, strlen(prefix)) != 0) continue;
    char *key = copied(row->key, strlen(row->key)), *json = copied(row->json, row->length);
    const lily_session_entry entry = {key, json, row->length, row->expires_at_ms, row->version};
    const lily_session_status seen = visit(visitor, &entry);
    free(key);
    free(json);
    if (seen != LILY_SESSION_OK) return seen;
  }
  return LILY_SESSION_OK;
}

static lily_session_status sync_rows(void *context) { return enter(context, TABLE_SYNC); }

static int fd_of_rows(void *context) {
  struct table *table = context;
  table->fds++;
  return table->fd_result;
}

static void close_rows(void *context) { ((struct table *)context)->closes++; }

static void release_rows(void *context) {
  struct table *table = context;
  table->releases++;
  table->closes_at_release = table->closes;
}

lily_session_backend table_backend(struct table *table) {
  lily_session_backend backend = LILY_SESSION_BACKEND_INIT;
  backend.context = table;
  backend.release = release_rows;
  backend.read = read_row;
  backend.write = write_rows;
  backend.clear = clear_rows;
  backend.generation = tell_generation;
  backend.each = each_row;
  backend.sync = sync_rows;
  backend.fd = fd_of_rows;
  backend.close = close_rows;
  return backend;
}

/* ---- what a backend may have besides */

static bool holds(const struct row *row, const lily_session_entry *entry) {
  return row->version == entry->version && row->length == entry->length && memcmp(row->json, entry->json, row->length) == 0;
}

static lily_session_status load_rows(void *context, const char *prefix, const char *const *keys, size_t count, uint64_t *out_generation,
                                     lily_session_loaded_fn visit, void *visitor) {
  struct table *table = context;
  const lily_session_status result = enter(table, TABLE_LOAD);
  if (result != LILY_SESSION_OK) return result;
  *out_generation = *generation_of(table, prefix);
  for (size_t i = count; i-- > 0;) { /* in any order */
    const struct row *row = table_row(table, keys[i]);
    if (row == NULL) continue;
    char *json = copied(row->json, row->length);
    const lily_session_entry entry = {NULL, json, row->length, row->expires_at_ms, row->version};
    const lily_session_status seen = visit(visitor, i, &entry);
    free(json);
    if (seen != LILY_SESSION_OK) return seen;
  }
  return LILY_SESSION_OK;
}

static lily_session_status renew_row(void *context, const lily_session_entry *entry) {
  struct table *table = context;
  const lily_session_status result = enter(table, TABLE_RENEW);
  if (result != LILY_SESSION_OK) return result;
  const int at = find(table, entry->key);
  if (at < 0 || !holds(&table->rows[at], entry)) return LILY_SESSION_ERROR_NOT_FOUND;
  table->rows[at].expires_at_ms = entry->expires_at_ms;
  return LILY_SESSION_OK;
}

static lily_session_status told_newer(struct table *table, const char *prefix) {
  lily_session_backend_tell_generation(*generation_of(table, prefix));
  return LILY_SESSION_ERROR_NEWER;
}

static lily_session_status replace_row(void *context, const lily_session_entry *stored, const lily_session_entry *entry, const char *prefix,
                                       uint64_t generation) {
  struct table *table = context;
  const lily_session_status result = enter(table, TABLE_REPLACE);
  if (result != LILY_SESSION_OK) return result;
  if (prefix != NULL && *generation_of(table, prefix) != generation) return told_newer(table, prefix);
  const struct row *row = table_row(table, entry->key);
  if (stored == NULL ? row != NULL : row == NULL || !holds(row, stored) || row->expires_at_ms != stored->expires_at_ms) return LILY_SESSION_ERROR_NOT_FOUND;
  apply(table, entry);
  return LILY_SESSION_OK;
}

static lily_session_status write_rows_and_tell(void *context, const lily_session_entry *entries, size_t count, const char *prefix,
                                               uint64_t generation) {
  const lily_session_status status = write_rows(context, entries, count, prefix, generation);
  return status == LILY_SESSION_ERROR_NEWER && prefix != NULL ? told_newer(context, prefix) : status;
}

static lily_session_status scopes_of_rows(void *context, lily_session_scope_fn visit, void *visitor) {
  struct table *table = context;
  const lily_session_status result = enter(table, TABLE_SCOPES);
  if (result != LILY_SESSION_OK) return result;
  for (int i = 0; i < table->count; i++) {
    const char *name = table->rows[i].key + 1, *end = strchr(name, 1);
    if (name[-1] != 1 || end == NULL) continue;
    int earlier = 0;
    while (earlier < i && strncmp(table->rows[earlier].key, name - 1, (size_t)(end - name) + 2) != 0) earlier++;
    if (earlier < i) continue; /* it was visited */
    char *scope = copied(name, (size_t)(end - name));
    const lily_session_status seen = visit(visitor, scope);
    free(scope);
    if (seen != LILY_SESSION_OK) return seen;
  }
  return LILY_SESSION_OK;
}

static lily_session_status each_unscoped_row(void *context, const char *prefix, lily_session_entry_fn visit, void *visitor) {
  struct table *table = context;
  const lily_session_status result = enter(table, TABLE_EACH_UNSCOPED);
  if (result != LILY_SESSION_OK) return result;
  for (int i = 0; i < table->count; i++) {
    const struct row *row = &table->rows[i];
    if (row->key[0] == 1 || strncmp(row->key, prefix, strlen(prefix)) != 0) continue;
    const lily_session_entry entry = {row->key, row->json, row->length, row->expires_at_ms, row->version};
    const lily_session_status seen = visit(visitor, &entry);
    if (seen != LILY_SESSION_OK) return seen;
  }
  return LILY_SESSION_OK;
}

static lily_session_status usage_of_rows(void *context, int64_t *out_entries, int64_t *out_bytes) {
  struct table *table = context;
  const lily_session_status result = enter(table, TABLE_USAGE);
  if (result != LILY_SESSION_OK) return result;
  for (int i = 0; i < table->count; i++) *out_bytes += (int64_t)(strlen(table->rows[i].key) + table->rows[i].length);
  *out_entries = table->count;
  return LILY_SESSION_OK;
}

static int fd_of_prefix(void *context, const char *prefix) {
  struct table *table = context;
  snprintf(table->prefix, sizeof table->prefix, "%s", prefix);
  return table->fd_result;
}

static const char *name_of_table(void *context) { return ((struct table *)context)->name; }

lily_session_backend table_whole_backend(struct table *table) {
  lily_session_backend backend = table_backend(table);
  backend.write = write_rows_and_tell;
  backend.load = load_rows;
  backend.renew = renew_row;
  backend.replace = replace_row;
  backend.scopes = scopes_of_rows;
  backend.each_unscoped = each_unscoped_row;
  backend.usage = usage_of_rows;
  backend.prefix_fd = fd_of_prefix;
  backend.identity = name_of_table;
  return backend;
}

static lily_session_storage *open_backend(const lily_session_backend *backend, int64_t *now) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage = NULL;
  options.clock = now == NULL ? NULL : fixed_clock;
  options.context = now;
  assert_ok(lily_session_storage_open_backend(backend, &options, &storage));
  assert_non_null(storage);
  return storage;
}

lily_session_storage *table_open(struct table *table, int64_t *now) {
  const lily_session_backend backend = table_backend(table);
  return open_backend(&backend, now);
}

lily_session_storage *table_open_whole(struct table *table, int64_t *now) {
  const lily_session_backend backend = table_whole_backend(table);
  return open_backend(&backend, now);
}

void table_free(struct table *table) {
  while (table->count > 0) drop(table, 0);
  free(table->rows);
  for (int i = 0; i < table->prefixes; i++) free(table->generations[i].prefix);
  free(table->lent_key);
  free(table->lent_json);
  *table = (struct table){0};
}
