/* A session that is kept in SQLite, beside a program's other tables. The library does everything else, as with a file.
 *
 *   sqlite FILE [THEME | logout]
 *
 * It must also be linked with -lsqlite3. */
#include <lily_session.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

/* ---- the backend; only one thread at a time may use it, as in this program */

struct store {
  sqlite3 *db;
  char *lent; /* the text that the last read gave */
};

static lily_session_status status_of(int code) {
  switch (code & 0xff) {
    case SQLITE_OK: case SQLITE_ROW: case SQLITE_DONE: return LILY_SESSION_OK;
    case SQLITE_BUSY: case SQLITE_LOCKED: return LILY_SESSION_ERROR_BUSY;
    case SQLITE_FULL: return LILY_SESSION_ERROR_NO_SPACE;
    case SQLITE_PERM: case SQLITE_READONLY: return LILY_SESSION_ERROR_PERMISSION;
    case SQLITE_CORRUPT: case SQLITE_NOTADB: return LILY_SESSION_ERROR_CORRUPT;
    case SQLITE_TOOBIG: return LILY_SESSION_ERROR_QUOTA;
    default: return LILY_SESSION_ERROR_IO;
  }
}

static lily_session_status execute(struct store *store, const char *sql) {
  const lily_session_status status = status_of(sqlite3_exec(store->db, sql, NULL, NULL, NULL));
  return status ? lily_session_backend_fail(status, sqlite3_errmsg(store->db), 0) : LILY_SESSION_OK;
}

/* Makes a statement whose ?1 is a key or a prefix. On failure it is NULL, which sqlite3_step and _finalize accept. */
static sqlite3_stmt *prepare(struct store *store, const char *sql, const char *text) {
  sqlite3_stmt *statement = NULL;
  if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) == SQLITE_OK) sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC);
  return statement;
}

static lily_session_status run(sqlite3_stmt *statement) {
  const int code = sqlite3_step(statement); /* a failure, too, if there is no statement */
  sqlite3_finalize(statement);
  return status_of(code);
}

static lily_session_status end(struct store *store, lily_session_status status) {
  if (!status) status = execute(store, "COMMIT");
  if (status) execute(store, "ROLLBACK");
  return status;
}

static lily_session_status entry_of(sqlite3_stmt *row, const char *key, const char *json, lily_session_entry *out) {
  out->key = key;
  out->json = json;
  out->length = (size_t)sqlite3_column_bytes(row, 1);
  out->expires_at_ms = sqlite3_column_int64(row, 2);
  out->version = (uint32_t)sqlite3_column_int64(row, 3);
  return json ? LILY_SESSION_OK : LILY_SESSION_ERROR_IO;
}

static lily_session_status read_entry(void *context, const char *key, lily_session_entry *out) {
  struct store *store = context;
  sqlite3_stmt *row = prepare(store, "SELECT key, json, expires, version FROM session WHERE key = ?1", key);
  lily_session_status status = LILY_SESSION_ERROR_NOT_FOUND;
  if (sqlite3_step(row) == SQLITE_ROW) {
    sqlite3_free(store->lent);
    store->lent = sqlite3_mprintf("%s", sqlite3_column_text(row, 1)); /* the row is freed with its statement */
    status = entry_of(row, key, store->lent, out);
  }
  const int code = sqlite3_finalize(row);
  return code || !row ? status_of(code ? code : sqlite3_errcode(store->db)) : status;
}

static lily_session_status generation(void *context, const char *prefix, uint64_t *out) {
  struct store *store = context;
  sqlite3_stmt *row = prepare(store, "SELECT coalesce(max(number), 0) FROM cleared WHERE prefix = ?1", prefix);
  const int code = sqlite3_step(row);
  if (code == SQLITE_ROW) *out = (uint64_t)sqlite3_column_int64(row, 0);
  sqlite3_finalize(row);
  return code == SQLITE_ROW ? LILY_SESSION_OK : code == SQLITE_DONE ? LILY_SESSION_ERROR_IO : status_of(code);
}

/* Reads all that a session needs in one transaction, so as of one moment. */
static lily_session_status load(void *context, const char *prefix, const char *const *keys, size_t count, uint64_t *out_generation,
                                lily_session_loaded_fn visit, void *visitor) {
  lily_session_status status = execute(context, "BEGIN");
  if (!status) status = generation(context, prefix, out_generation);
  for (size_t i = 0; !status && i < count; i++) {
    lily_session_entry entry;
    status = read_entry(context, keys[i], &entry);
    if (!status) status = visit(visitor, i, &entry);
    else if (status == LILY_SESSION_ERROR_NOT_FOUND) status = LILY_SESSION_OK;
  }
  return end(context, status);
}

/* Begins a transaction, if nobody has cleared since. end() ends it, whatever this returns. */
static lily_session_status begin(struct store *store, const char *prefix, uint64_t wanted) {
  uint64_t current = wanted;
  lily_session_status status = execute(store, "BEGIN IMMEDIATE"); /* from here on nobody else can write */
  if (!status && prefix) status = generation(store, prefix, &current);
  return !status && current != wanted ? LILY_SESSION_ERROR_NEWER : status;
}

/* Makes a statement whose ?1 to ?4 are an entry. */
static sqlite3_stmt *prepare_entry(struct store *store, const char *sql, const lily_session_entry *entry) {
  sqlite3_stmt *statement = prepare(store, sql, entry->key);
  sqlite3_bind_text(statement, 2, entry->json, (int)entry->length, SQLITE_STATIC); /* at most 16 MiB */
  sqlite3_bind_int64(statement, 3, entry->expires_at_ms);
  sqlite3_bind_int64(statement, 4, entry->version);
  return statement;
}

static lily_session_status write_entries(void *context, const lily_session_entry *entries, size_t count, const char *prefix, uint64_t wanted) {
  struct store *store = context;
  lily_session_status status = begin(store, prefix, wanted);
  for (const lily_session_entry *entry = entries; !status && entry < entries + count; entry++)
    status = run(entry->json ? prepare_entry(store, "INSERT OR REPLACE INTO session VALUES (?1, ?2, ?3, ?4)", entry)
                             : prepare(store, "DELETE FROM session WHERE key = ?1", entry->key));
  return end(store, status);
}

/* Runs a statement that changes one row, if that is still what the library has read. */
static lily_session_status run_if_unchanged(struct store *store, sqlite3_stmt *statement) {
  const lily_session_status status = run(statement);
  return status || sqlite3_changes(store->db) ? status : LILY_SESSION_ERROR_NOT_FOUND;
}

/* Changes only the deadline. It is one statement, and so one step. */
static lily_session_status renew(void *context, const lily_session_entry *entry) {
  return run_if_unchanged(context, prepare_entry(context, "UPDATE session SET expires = ?3 WHERE key = ?1 AND json = ?2 AND version = ?4", entry));
}

static lily_session_status replace(void *context, const lily_session_entry *stored, const lily_session_entry *entry, const char *prefix, uint64_t wanted) {
  struct store *store = context;
  lily_session_status status = begin(store, prefix, wanted);
  if (status) return end(store, status);
  sqlite3_stmt *change = prepare_entry(store, stored ? "UPDATE session SET json = ?2, expires = ?3, version = ?4 WHERE key = ?1 AND json = ?5 AND version = ?6 AND expires = ?7"
                                                     : "INSERT OR IGNORE INTO session VALUES (?1, ?2, ?3, ?4)", entry);
  if (stored) {
    sqlite3_bind_text(change, 5, stored->json, (int)stored->length, SQLITE_STATIC);
    sqlite3_bind_int64(change, 6, stored->version);
    sqlite3_bind_int64(change, 7, stored->expires_at_ms);
  }
  return end(store, run_if_unchanged(store, change));
}

static lily_session_status clear(void *context, const char *prefix) {
  struct store *store = context;
  lily_session_status status = execute(store, "BEGIN IMMEDIATE");
  if (status) return status;
  status = run(prepare(store, "DELETE FROM session WHERE substr(key, 1, length(?1)) = ?1", prefix));
  if (!status) status = run(prepare(store, "INSERT INTO cleared VALUES (?1, 1) ON CONFLICT (prefix) DO UPDATE SET number = number + 1", prefix));
  return end(store, status);
}

static lily_session_status each(void *context, const char *prefix, lily_session_entry_fn visit, void *visitor) {
  sqlite3_stmt *row = prepare(context, "SELECT key, json, expires, version FROM session WHERE substr(key, 1, length(?1)) = ?1", prefix);
  lily_session_status status = LILY_SESSION_OK;
  int code = SQLITE_ROW;
  while (!status && (code = sqlite3_step(row)) == SQLITE_ROW) {
    lily_session_entry entry;
    status = entry_of(row, (const char *)sqlite3_column_text(row, 0), (const char *)sqlite3_column_text(row, 1), &entry);
    if (!status) status = visit(visitor, &entry);
  }
  sqlite3_finalize(row);
  return status ? status : status_of(code);
}

/* The keys of a scope begin with U+0001, its name and U+0001. No other key begins with U+0001. */
static lily_session_status scopes(void *context, lily_session_scope_fn visit, void *visitor) {
  sqlite3_stmt *row = prepare(context, "SELECT DISTINCT substr(key, 2, instr(substr(key, 2), ?1) - 1) FROM session WHERE key >= ?1 AND key < char(2)", "\001");
  lily_session_status status = LILY_SESSION_OK;
  int code = SQLITE_ROW;
  while (!status && (code = sqlite3_step(row)) == SQLITE_ROW) status = visit(visitor, (const char *)sqlite3_column_text(row, 0));
  sqlite3_finalize(row);
  return status ? status : status_of(code);
}

/* Two storages on one file are one place. */
static const char *identity(void *context) { return sqlite3_db_filename(((struct store *)context)->db, "main"); }

static void close_store(void *context) {
  struct store *store = context;
  sqlite3_free(store->lent);
  sqlite3_close(store->db);
}

/* There is no sync function, because COMMIT has synced what it wrote (PRAGMA synchronous). */
static lily_session_status open_store(struct store *store, const char *path, lily_session_storage **out) {
  lily_session_backend backend = LILY_SESSION_BACKEND_INIT;
  backend.context = store;
  backend.read = read_entry;
  backend.write = write_entries;
  backend.clear = clear;
  backend.generation = generation;
  backend.each = each;
  backend.renew = renew;
  backend.replace = replace;
  backend.scopes = scopes;
  backend.load = load;
  backend.identity = identity;
  backend.close = close_store;
  if (sqlite3_open(path, &store->db) == SQLITE_OK && sqlite3_busy_timeout(store->db, 5000) == SQLITE_OK
      && !execute(store, "PRAGMA synchronous = FULL;"
                         "CREATE TABLE IF NOT EXISTS session (key TEXT PRIMARY KEY, json TEXT, expires INTEGER, version INTEGER) WITHOUT ROWID;"
                         "CREATE TABLE IF NOT EXISTS cleared (prefix TEXT PRIMARY KEY, number INTEGER) WITHOUT ROWID"))
    return lily_session_storage_open_backend(&backend, NULL, out);
  fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(store->db));
  close_store(store);
  return LILY_SESSION_ERROR_IO;
}

/* ---- a program like any other */

struct app { int32_t visits; char theme[16]; };

static lily_session_status add_one(void *context, const lily_session_value *stored, lily_session_value *out) {
  (void)context;
  out->type = LILY_SESSION_INT;
  out->as.integer = (stored ? stored->as.integer : 0) + 1;
  return LILY_SESSION_OK;
}

static int fail(void) { fprintf(stderr, "sqlite: %s\n", lily_session_last_error()); return 1; }

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3) { fputs("usage: sqlite FILE [THEME | logout]\n", stderr); return 2; }

  struct app app = { 0, "light" };
  struct store store = { NULL, NULL };
  lily_session_field visits = LILY_SESSION_FIELD_INT32(struct app, visits);
  lily_session_field theme = LILY_SESSION_FIELD_CHARS(struct app, theme);
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime;
  lily_session *session;

  theme.expires_after_ms = INT64_C(30) * 24 * 3600 * 1000; /* after the last visit */
  if (open_store(&store, argv[1], &config.storage)) return 1;
  if (lily_session_field_add(fields, &visits) || lily_session_field_add(fields, &theme)
      || lily_session_runtime_new(&app, NULL, NULL, &runtime)
      || lily_session_attach(runtime, fields, &config, &session)) return fail();

  if (argc > 2 && !strcmp(argv[2], "logout")) {
    if (lily_session_clear(config.storage)) return fail();
  } else {
    if (argc > 2) snprintf(app.theme, sizeof app.theme, "%s", argv[2]);
    if (lily_session_modify(session, "visits", add_one, NULL)) return fail(); /* stores the theme, and counts the visit */
    const lily_session_status renewed = lily_session_touch(session, "theme");
    if (renewed && renewed != LILY_SESSION_ERROR_NOT_FOUND && renewed != LILY_SESSION_ERROR_DECODE) return fail();
    printf("visit %d, theme %s\n", (int)app.visits, app.theme);
  }

  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  return 0;
}
