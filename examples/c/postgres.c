/* A session that is kept in PostgreSQL, for programs on several machines. The library does everything else, as with a file.
 *
 *   postgres ADDRESS [THEME | logout]
 *
 * ADDRESS is what libpq accepts, such as "postgresql://db.example.org/shop" or "dbname=shop". It must also be linked with -lpq. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <libpq-fe.h>
#include <lily_session.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- the backend; only one thread at a time may use it, as in this program */

enum { TIMEOUT_MS = 2000 }; /* of one call, connecting included. A single statement has less, so that the server gives up first. */

struct store {
  const char *address;
  PGconn *connection;          /* NULL: the next call makes one */
  PGresult *result;            /* of the last statement; what is in it is lent until the next call */
  int64_t deadline;            /* of this call */
  bool is_sent;                /* all statements of this call were sent */
  char process[16], began[40]; /* the server's process that has served the last connection */
  char identity[64];
};

/* Several programs may make the tables at once. */
#define TABLES \
  "DO $$ BEGIN IF to_regclass('lily_cleared') IS NULL THEN" \
  " PERFORM pg_advisory_xact_lock(hashtext('lily_session'));" \
  " CREATE TABLE IF NOT EXISTS lily_session (key text COLLATE \"C\" PRIMARY KEY, json text NOT NULL, expires bigint NOT NULL, version bigint NOT NULL);" \
  " CREATE TABLE IF NOT EXISTS lily_cleared (prefix text COLLATE \"C\" PRIMARY KEY, number bigint NOT NULL);" \
  " END IF; END $$"

/* Changes an entry, if nobody has cleared since. Gives the generation, and the number of entries that were changed. */
#define GENERATION "(SELECT coalesce(max(number), 0) AS number FROM lily_cleared WHERE prefix = $1)"
#define IF_CURRENT(change) \
  "WITH cleared AS " GENERATION ", allowed AS (SELECT FROM cleared WHERE $1 IS NULL OR number = $2::bigint)," \
  " changed AS (" change " RETURNING 1) SELECT number, (SELECT count(*) FROM changed) FROM cleared"
#define INSERT "INSERT INTO lily_session SELECT $3, $4, $5::bigint, $6::bigint FROM allowed ON CONFLICT (key) DO "

enum { SETUP, LOCK, LOAD, WRITE, REMOVE, ADD, REPLACE, RENEW, RAISE, CLEAR, EACH, EACH_UNSCOPED, SCOPES, USAGE, STATEMENTS };

static const struct { int parameters; const char *sql; } statements[STATEMENTS] = {
  /* Also ends what the last connection may still do, so that a write that was given up cannot come after those of this one. */
  [SETUP] = { 2, "SELECT pg_backend_pid(), (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()),"
                 " (SELECT pg_terminate_backend(pid, 500) FROM pg_stat_activity WHERE pid = $1::int AND backend_start = $2::timestamptz),"
                 " format('%s/%s/%s', (SELECT system_identifier FROM pg_control_system()),"
                 " (SELECT oid FROM pg_database WHERE datname = current_database()), 'lily_session'::regclass::oid),"
                 " set_config('statement_timeout', '1500', false), set_config('default_transaction_isolation', 'read committed', false),"
                 " set_config('synchronous_commit', coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on'), false)" },
  /* Until the end of the transaction, nobody else writes or clears what begins with the prefix. */
  [LOCK] = { 1, "SELECT pg_advisory_xact_lock('lily_session'::regclass::oid::int, hashtext($1))" },
  /* The first row has the generation, also if there is no entry. */
  [LOAD] = { 2, "SELECT place, json, expires, version, number FROM " GENERATION " AS cleared LEFT JOIN"
                " (unnest($2::text[]) WITH ORDINALITY AS wanted (key, place) JOIN lily_session USING (key)) ON true" },
  [WRITE] = { 6, IF_CURRENT(INSERT "UPDATE SET json = excluded.json, expires = excluded.expires, version = excluded.version") },
  [REMOVE] = { 3, IF_CURRENT("DELETE FROM lily_session USING allowed WHERE key = $3") },
  [ADD] = { 6, IF_CURRENT(INSERT "NOTHING") },
  [REPLACE] = { 9, IF_CURRENT("UPDATE lily_session SET json = $4, expires = $5, version = $6 FROM allowed"
                              " WHERE key = $3 AND json = $7 AND version = $8 AND expires = $9") },
  [RENEW] = { 6, IF_CURRENT("UPDATE lily_session SET expires = $5 FROM allowed WHERE key = $3 AND json = $4 AND version = $6") },
  [RAISE] = { 1, "INSERT INTO lily_cleared VALUES ($1, 1) ON CONFLICT (prefix) DO UPDATE SET number = lily_cleared.number + 1" },
  [CLEAR] = { 1, "DELETE FROM lily_session WHERE key ^@ $1" },
  [EACH] = { 1, "SELECT key, json, expires, version FROM lily_session WHERE key ^@ $1" },
  /* The keys of a scope begin with U+0001, its name and U+0001. No other key begins with U+0001. */
  [EACH_UNSCOPED] = { 1, "SELECT key, json, expires, version FROM lily_session WHERE key ^@ $1 AND key >= chr(2)" },
  [SCOPES] = { 0, "SELECT DISTINCT split_part(key, chr(1), 2) FROM lily_session WHERE key < chr(2)" },
  [USAGE] = { 0, "SELECT count(*), coalesce(sum(octet_length(key) + octet_length(json)), 0) FROM lily_session" },
};

/* Says why a statement has failed. Of messages that may quote a value only the code is told. */
static lily_session_status failure_of(const PGresult *result) {
  static const struct { const char *begin; lily_session_status status; } known[] = {
    { "53100", LILY_SESSION_ERROR_NO_SPACE }, { "53", LILY_SESSION_ERROR_BUSY }, { "40", LILY_SESSION_ERROR_BUSY }, { "57", LILY_SESSION_ERROR_BUSY },
    { "42501", LILY_SESSION_ERROR_PERMISSION }, { "25006", LILY_SESSION_ERROR_PERMISSION }, { "54", LILY_SESSION_ERROR_QUOTA },
    { "XX001", LILY_SESSION_ERROR_CORRUPT }, { "XX002", LILY_SESSION_ERROR_CORRUPT }, { "42", LILY_SESSION_ERROR_IO }, { "58", LILY_SESSION_ERROR_IO },
  };
  const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE), *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  for (size_t i = 0; code && i < sizeof known / sizeof *known; i++)
    if (!strncmp(code, known[i].begin, strlen(known[i].begin))) return lily_session_backend_fail(known[i].status, message, 0);
  char reason[40];
  snprintf(reason, sizeof reason, "PostgreSQL's error %s", code ? code : "without a code");
  return lily_session_backend_fail(LILY_SESSION_ERROR_IO, reason, 0);
}

static void drop_connection(struct store *store) {
  PQfinish(store->connection);
  store->connection = NULL;
}

/* Ends a call without knowing what the server has done. It is not sent again here: what is not stored, the library writes later. */
static lily_session_status give_up(struct store *store, const char *reason, int system_error) {
  char line[160];
  snprintf(line, sizeof line, "%.*s", (int)strcspn(reason, "\n"), reason);
  drop_connection(store);
  return lily_session_backend_fail(LILY_SESSION_ERROR_IO, line, system_error);
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Returns false if nothing has happened until the deadline. */
static bool wait_for(const struct store *store, int events, int64_t deadline) {
  struct pollfd connection = { PQsocket(store->connection), (short)events, 0 };
  int ready;
  do {
    const int64_t left = deadline - now_ms();
    ready = poll(&connection, 1, left > 0 ? (int)left : 0);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

static void send_statement(struct store *store, int statement, const char *const *values) {
  const char name[] = { (char)('a' + statement), '\0' };
  store->is_sent = store->is_sent && PQsendQueryPrepared(store->connection, name, statements[statement].parameters, values, NULL, NULL, 0);
}

/* Has the server run what was sent as one transaction. Keeps the last result. */
static lily_session_status finish(struct store *store) {
  PGconn *connection = store->connection;
  lily_session_status status = LILY_SESSION_OK;
  if (!store->is_sent || !PQpipelineSync(connection)) return give_up(store, PQerrorMessage(connection), 0);
  for (;;) {
    int unsent;
    while ((unsent = PQflush(connection)) > 0 || PQisBusy(connection)) {
      if (!wait_for(store, unsent > 0 ? POLLIN | POLLOUT : POLLIN, store->deadline)) return give_up(store, "no reply from PostgreSQL", ETIMEDOUT);
      if (!PQconsumeInput(connection)) return give_up(store, PQerrorMessage(connection), 0);
    }
    PGresult *result = PQgetResult(connection);
    const ExecStatusType kind = result ? PQresultStatus(result) : PGRES_EMPTY_QUERY; /* NULL only separates the results of two statements */
    if (kind == PGRES_FATAL_ERROR && !status) status = failure_of(result);
    if (result && kind != PGRES_PIPELINE_SYNC) {
      PQclear(store->result);
      store->result = result;
    } else {
      PQclear(result);
    }
    if (PQstatus(connection) != CONNECTION_OK) return give_up(store, PQerrorMessage(connection), 0);
    if (kind == PGRES_PIPELINE_SYNC) return status;
  }
}

static void ignore(void *context, const char *notice) { (void)context, (void)notice; }

/* Connects, makes the tables if there are none, and prepares the statements. */
static lily_session_status make_connection(struct store *store) {
  const char *const names[] = { "fallback_application_name", "dbname", "client_encoding", NULL };
  const char *const values[] = { "lily_session", store->address, "UTF8", NULL };
  PGconn *connection = store->connection = PQconnectStartParams(names, values, 1);
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  for (; PQstatus(connection) != CONNECTION_BAD && next != PGRES_POLLING_OK; next = PQconnectPoll(connection))
    if (!wait_for(store, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, store->deadline)) return give_up(store, "no reply from PostgreSQL", ETIMEDOUT);
  /* The message about a wrong address quotes it, and with it maybe a password. There is no name of a database then. */
  if (PQstatus(connection) != CONNECTION_OK) return give_up(store, PQdb(connection) ? PQerrorMessage(connection) : "the address of the database is wrong", 0);

  PQsetNoticeProcessor(connection, ignore, NULL);
  store->is_sent = !PQsetnonblocking(connection, 1) && PQenterPipelineMode(connection) && PQsendQueryParams(connection, TABLES, 0, NULL, NULL, NULL, NULL, 0);
  for (int i = 0; store->is_sent && i < STATEMENTS; i++)
    store->is_sent = PQsendPrepare(connection, (char[]){ (char)('a' + i), '\0' }, statements[i].sql, 0, NULL);
  send_statement(store, SETUP, (const char *[]){ *store->process ? store->process : NULL, *store->began ? store->began : NULL });
  const lily_session_status status = finish(store);
  const bool is_over = status || *PQgetvalue(store->result, 0, 2) != 'f';
  if (status || !is_over) drop_connection(store);
  if (status) return status;
  if (!is_over) return lily_session_backend_fail(LILY_SESSION_ERROR_BUSY, "an earlier write is not over", 0);
  snprintf(store->process, sizeof store->process, "%s", PQgetvalue(store->result, 0, 0));
  snprintf(store->began, sizeof store->began, "%s", PQgetvalue(store->result, 0, 1));
  if (!*store->identity) snprintf(store->identity, sizeof store->identity, "%s", PQgetvalue(store->result, 0, 3));
  return LILY_SESSION_OK;
}

/* Begins a call. */
static lily_session_status begin(struct store *store) {
  store->deadline = now_ms() + TIMEOUT_MS;
  store->is_sent = true;
  /* If the server has closed the connection since the last call, this is the time to learn it: nothing was sent yet. */
  while (store->connection && wait_for(store, POLLIN, 0))
    if (!PQconsumeInput(store->connection)) drop_connection(store);
  return store->connection ? LILY_SESSION_OK : make_connection(store);
}

static lily_session_status run(struct store *store, int statement, const char *value) {
  const lily_session_status status = begin(store);
  if (status) return status;
  send_statement(store, statement, &value);
  return finish(store);
}

/* Returns the keys as PostgreSQL writes an array: {"key","other key"}. */
static char *array_of(const char *const *keys, size_t count) {
  char *text = NULL;
  size_t size;
  FILE *array = open_memstream(&text, &size);
  if (!array) return NULL;
  putc('{', array);
  for (size_t i = 0; i < count; i++) {
    fputs(i ? ",\"" : "\"", array);
    for (const char *byte = keys[i]; *byte; byte++) {
      if (*byte == '"' || *byte == '\\') putc('\\', array);
      putc(*byte, array);
    }
    putc('"', array);
  }
  putc('}', array);
  return fclose(array) ? free(text), NULL : text;
}

static lily_session_entry entry_of(const PGresult *rows, int row) {
  return (lily_session_entry){ PQgetvalue(rows, row, 0), PQgetvalue(rows, row, 1), (size_t)PQgetlength(rows, row, 1),
                               strtoll(PQgetvalue(rows, row, 2), NULL, 10), (uint32_t)strtoul(PQgetvalue(rows, row, 3), NULL, 10) };
}

/* Reads all that a session needs by one statement, so as of one moment. */
static lily_session_status load(void *context, const char *prefix, const char *const *keys, size_t count, uint64_t *out_generation,
                                lily_session_loaded_fn visit, void *visitor) {
  struct store *store = context;
  char *wanted = array_of(keys, count);
  lily_session_status status = wanted ? begin(store) : LILY_SESSION_ERROR_IO;
  if (!status) {
    send_statement(store, LOAD, (const char *[]){ prefix, wanted });
    status = finish(store);
  }
  free(wanted);
  if (!status) *out_generation = strtoull(PQgetvalue(store->result, 0, 4), NULL, 10);
  for (int row = 0; !status && row < PQntuples(store->result) && !PQgetisnull(store->result, row, 0); row++) {
    const lily_session_entry entry = entry_of(store->result, row);
    status = visit(visitor, strtoul(entry.key, NULL, 10) - 1, &entry);
  }
  return status;
}

static lily_session_status generation(void *context, const char *prefix, uint64_t *out) { return load(context, prefix, NULL, 0, out, NULL, NULL); }

static void send_change(struct store *store, int statement, const char *prefix, uint64_t wanted, const lily_session_entry *entry, const lily_session_entry *stored) {
  char number[24], expires[24], version[16], old_expires[24], old_version[16];
  snprintf(number, sizeof number, "%llu", (unsigned long long)wanted);
  snprintf(expires, sizeof expires, "%lld", (long long)entry->expires_at_ms);
  snprintf(version, sizeof version, "%lu", (unsigned long)entry->version);
  snprintf(old_version, sizeof old_version, "%lu", stored ? (unsigned long)stored->version : 0);
  snprintf(old_expires, sizeof old_expires, "%lld", stored ? (long long)stored->expires_at_ms : 0);
  send_statement(store, statement, (const char *[]){ prefix, number, entry->key, entry->json, expires, version,
                                                     stored ? stored->json : NULL, old_version, old_expires });
}

/* Ends a call that has changed entries, or none of them if somebody has cleared since. */
static lily_session_status finish_change(struct store *store, const char *prefix, uint64_t wanted) {
  const lily_session_status status = finish(store);
  const uint64_t current = status || !prefix ? wanted : strtoull(PQgetvalue(store->result, 0, 0), NULL, 10);
  if (current == wanted) return status;
  lily_session_backend_tell_generation(current);
  return LILY_SESSION_ERROR_NEWER;
}

/* All statements go to the server at once, and are one transaction. */
static lily_session_status write_entries(void *context, const lily_session_entry *entries, size_t count, const char *prefix, uint64_t wanted) {
  struct store *store = context;
  const lily_session_status status = begin(store);
  if (status) return status;
  /* NULL locks nothing. Without a prefix, only what changes several entries could wait for another that waits for it. */
  send_statement(store, LOCK, (const char *[]){ prefix ? prefix : count > 1 ? "" : NULL });
  for (const lily_session_entry *entry = entries; entry < entries + count; entry++) send_change(store, entry->json ? WRITE : REMOVE, prefix, wanted, entry, NULL);
  return finish_change(store, prefix, wanted);
}

/* Changes an entry, if it is still the one that the library has read. */
static lily_session_status change(struct store *store, int statement, const lily_session_entry *stored, const lily_session_entry *entry,
                                  const char *prefix, uint64_t wanted) {
  lily_session_status status = begin(store);
  if (status) return status;
  send_statement(store, LOCK, &prefix);
  send_change(store, statement, prefix, wanted, entry, stored);
  status = finish_change(store, prefix, wanted);
  return !status && *PQgetvalue(store->result, 0, 1) == '0' ? LILY_SESSION_ERROR_NOT_FOUND : status;
}

static lily_session_status replace(void *context, const lily_session_entry *stored, const lily_session_entry *entry, const char *prefix, uint64_t wanted) {
  return change(context, stored ? REPLACE : ADD, stored, entry, prefix, wanted);
}

static lily_session_status renew(void *context, const lily_session_entry *entry) { return change(context, RENEW, NULL, entry, NULL, 0); }

static lily_session_status clear(void *context, const char *prefix) {
  const lily_session_status status = begin(context);
  if (status) return status;
  send_statement(context, LOCK, &prefix);
  send_statement(context, RAISE, &prefix);
  send_statement(context, CLEAR, &prefix);
  return finish(context);
}

static lily_session_status visit_all(struct store *store, int statement, const char *prefix, lily_session_entry_fn visit, void *visitor) {
  lily_session_status status = run(store, statement, prefix);
  for (int row = 0; !status && row < PQntuples(store->result); row++) {
    const lily_session_entry entry = entry_of(store->result, row);
    status = visit(visitor, &entry);
  }
  return status;
}

static lily_session_status each(void *context, const char *prefix, lily_session_entry_fn visit, void *visitor) {
  return visit_all(context, EACH, prefix, visit, visitor);
}

static lily_session_status each_unscoped(void *context, const char *prefix, lily_session_entry_fn visit, void *visitor) {
  return visit_all(context, EACH_UNSCOPED, prefix, visit, visitor);
}

static lily_session_status scopes(void *context, lily_session_scope_fn visit, void *visitor) {
  struct store *store = context;
  lily_session_status status = run(store, SCOPES, NULL);
  for (int row = 0; !status && row < PQntuples(store->result); row++) status = visit(visitor, PQgetvalue(store->result, row, 0));
  return status;
}

static lily_session_status usage(void *context, int64_t *out_entries, int64_t *out_bytes) {
  struct store *store = context;
  const lily_session_status status = run(store, USAGE, NULL);
  if (!status) *out_entries = strtoll(PQgetvalue(store->result, 0, 0), NULL, 10);
  if (!status) *out_bytes = strtoll(PQgetvalue(store->result, 0, 1), NULL, 10);
  return status;
}

/* Two storages on one table are one place. */
static const char *identity(void *context) { return ((struct store *)context)->identity; }

static void close_store(void *context) {
  struct store *store = context;
  PQclear(store->result);
  PQfinish(store->connection);
}

/* There is no sync function, because COMMIT has synced what it wrote (synchronous_commit). */
static lily_session_status open_store(struct store *store, const char *address, const lily_session_storage_options *options, lily_session_storage **out) {
  lily_session_backend backend = LILY_SESSION_BACKEND_INIT;
  backend.context = store;
  backend.write = write_entries;
  backend.clear = clear;
  backend.generation = generation;
  backend.each = each;
  backend.renew = renew;
  backend.replace = replace;
  backend.scopes = scopes;
  backend.load = load;
  backend.each_unscoped = each_unscoped;
  backend.usage = usage;
  backend.identity = identity;
  backend.close = close_store;
  *store = (struct store){ .address = address };
  const lily_session_status status = begin(store);
  if (!status) return lily_session_storage_open_backend(&backend, options, out);
  close_store(store);
  return status;
}

/* ---- a program like any other */

struct app { int32_t visits; char theme[16]; };

static lily_session_status add_one(void *context, const lily_session_value *stored, lily_session_value *out) {
  (void)context;
  out->type = LILY_SESSION_INT;
  out->as.integer = (stored ? stored->as.integer : 0) + 1;
  return LILY_SESSION_OK;
}

static int fail(void) { fprintf(stderr, "postgres: %s\n", lily_session_last_error()); return 1; }

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3) { fputs("usage: postgres ADDRESS [THEME | logout]\n", stderr); return 2; }

  struct app app = { 0, "light" };
  struct store store;
  lily_session_field fields[] = { LILY_SESSION_FIELD_INT32(struct app, visits), LILY_SESSION_FIELD_CHARS(struct app, theme) };
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *persistence = lily_session_persistence_new();
  lily_session_runtime *runtime;
  lily_session *session;

  fields[1].expires_after_ms = INT64_C(30) * 24 * 3600 * 1000; /* after the last visit */
  if (open_store(&store, argv[1], NULL, &config.storage) || lily_session_fields_add(persistence, fields, 2)
      || lily_session_runtime_new(&app, NULL, NULL, &runtime)
      || lily_session_attach(runtime, persistence, &config, &session)) return fail();

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
  lily_session_persistence_free(persistence);
  lily_session_storage_close(config.storage);
  return 0;
}
