/* Checks the backend of examples/c/postgres.c where the server has troubles. examples/check-postgres runs this. */
#define main example
#include "examples/c/postgres.c"
#undef main
#include <signal.h>

static int line, wrongs;

static void check(bool is_good, const char *what) {
  if (!is_good) printf("FAILED: line %d: %s; the last error: %s\n", line, what, lily_session_last_error()), wrongs++;
}
#define CHECK(condition) (line = __LINE__, check((condition), #condition))

static void control(const char *what) {
  char command[300];
  snprintf(command, sizeof command, "\"$POSTGRES_CONTROL\" %s", what);
  CHECK(system(command) == 0);
}

/* Runs a statement of the one who may do anything. */
static void administer(const char *statement) {
  char command[500];
  snprintf(command, sizeof command, "psql -qAtX -v ON_ERROR_STOP=1 -c \"%s\" shop", statement);
  CHECK(system(command) == 0);
}

static lily_session_status set(lily_session_storage *storage, const char *json) {
  return lily_session_storage_set(storage, "lily_session_k", json, strlen(json), 0);
}

static bool has(lily_session_storage *storage, const char *json) {
  char *stored = NULL;
  const bool is_same = !lily_session_storage_get(storage, "lily_session_k", &stored, NULL) && !strcmp(stored, json);
  lily_session_free(stored);
  return is_same;
}

static bool says(const char *part) { return strstr(lily_session_last_error(), part); }

/* If the server was restarted between two calls, the second one does not notice. While there is no server, calls fail and say so. */
static void restarted(lily_session_storage *storage) {
  CHECK(!set(storage, "1"));
  control("stop");
  CHECK(set(storage, "2") == LILY_SESSION_ERROR_IO && says("No such file or directory"));
  CHECK(set(storage, "2") == LILY_SESSION_ERROR_IO);
  control("start");
  CHECK(has(storage, "1"));
  control("stop");
  control("start");
  CHECK(!set(storage, "3"));
  CHECK(has(storage, "3"));
}

/* A write that the server has not done in time is not done after a later one. */
static void late(struct store *store, lily_session_storage *storage) {
  CHECK(!set(storage, "1"));
  const pid_t process = (pid_t)atoi(store->process);
  kill(process, SIGSTOP);
  CHECK(set(storage, "2") == LILY_SESSION_ERROR_IO && says("no reply"));
  CHECK(set(storage, "3") == LILY_SESSION_ERROR_BUSY && says("an earlier write"));
  kill(process, SIGCONT);
  CHECK(!set(storage, "3"));
  while (!kill(process, 0)) wait_for(store, 0, now_ms() + 10);
  CHECK(has(storage, "3"));
}

/* What another transaction holds for too long fails in time, and the connection stays. */
static void blocked(struct store *store, lily_session_storage *storage, const char *address) {
  char process[sizeof store->process];
  PGconn *other = PQconnectdb(address);
  CHECK(!set(storage, "4"));
  snprintf(process, sizeof process, "%s", store->process);
  PQclear(PQexec(other, "BEGIN; UPDATE lily_session SET version = 1"));
  CHECK(set(storage, "5") == LILY_SESSION_ERROR_BUSY && says("statement timeout"));
  PQfinish(other);
  CHECK(!set(storage, "6") && !strcmp(process, store->process));
}

/* A write or a replacement that a clear has overtaken changes nothing, also if it has waited for that clear. */
static void cleared(struct store *store, lily_session_storage *storage, const char *address) {
  const lily_session_entry entry = { "lily_session_k", "7", 1, 0, 0 };
  uint64_t before, after;
  char *json;
  CHECK(!generation(store, "lily_session_", &before));
  PGconn *other = PQconnectdb(address);
  PQclear(PQexec(other, "BEGIN"));
  PQclear(PQexecParams(other, statements[LOCK].sql, 1, NULL, (const char *[]){ "lily_session_" }, NULL, NULL, 0));
  PQclear(PQexecParams(other, statements[RAISE].sql, 1, NULL, (const char *[]){ "lily_session_" }, NULL, NULL, 0));
  PQclear(PQexecParams(other, statements[CLEAR].sql, 1, NULL, (const char *[]){ "lily_session_" }, NULL, NULL, 0));
  CHECK(PQsendQuery(other, "SELECT pg_sleep(0.2); COMMIT"));
  CHECK(write_entries(store, &entry, 1, "lily_session_", before) == LILY_SESSION_ERROR_NEWER);
  PQfinish(other);
  CHECK(!generation(store, "lily_session_", &after) && after == before + 1);
  CHECK(replace(store, NULL, &entry, "lily_session_", before) == LILY_SESSION_ERROR_NEWER);
  CHECK(lily_session_storage_get(storage, entry.key, &json, NULL) == LILY_SESSION_ERROR_NOT_FOUND);
  CHECK(!replace(store, NULL, &entry, "lily_session_", after) && !write_entries(store, &entry, 1, "lily_session_", after));
  CHECK(replace(store, &entry, &entry, "lily_session_", before) == LILY_SESSION_ERROR_NEWER);
}

/* A replacement compares text, version and deadline; a renewal does not compare the deadline. */
static void changed(struct store *store) {
  const lily_session_entry stored = { "lily_session_k", "7", 1, 0, 0 }, renewed = { "lily_session_k", "7", 1, INT64_MAX, 0 };
  lily_session_entry other[] = { stored, stored, stored };
  other[0].json = "8", other[1].version = 1, other[2].expires_at_ms = 1;
  for (int i = 0; i < 3; i++) CHECK(replace(store, &other[i], &renewed, NULL, 0) == LILY_SESSION_ERROR_NOT_FOUND);
  for (int i = 0; i < 2; i++) CHECK(renew(store, &other[i]) == LILY_SESSION_ERROR_NOT_FOUND);
  CHECK(!renew(store, &renewed) && replace(store, &stored, &stored, NULL, 0) == LILY_SESSION_ERROR_NOT_FOUND);
  CHECK(!renew(store, &stored) && !replace(store, &stored, &renewed, NULL, 0) && !replace(store, &renewed, &stored, NULL, 0));
}

/* All or nothing; and a message that has a value is not shown. */
static void refused(lily_session_storage *storage) {
  const lily_session_entry entries[] = { { "a", "1", 1, 0, 0 }, { "b", "\"SECRET\"", 8, 0, 0 }, { "lily_session_k", NULL, 0, 0, 0 } };
  char *json = NULL;
  administer("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no %'', new.json; END';"
             "CREATE TRIGGER refuse BEFORE INSERT ON lily_session FOR EACH ROW WHEN (new.json LIKE '%SECRET%') EXECUTE FUNCTION refuse()");
  CHECK(lily_session_storage_write(storage, entries, 3) == LILY_SESSION_ERROR_IO && says("error P0001") && !says("SECRET"));
  CHECK(lily_session_storage_get(storage, "a", &json, NULL) == LILY_SESSION_ERROR_NOT_FOUND);
  CHECK(has(storage, "7"));
  administer("DROP TRIGGER refuse ON lily_session");
  CHECK(!lily_session_storage_write(storage, entries, 3));
}

int main(int argc, char **argv) {
  struct store store;
  lily_session_storage *storage;
  if (argc != 2 || open_store(&store, argv[1], NULL, &storage)) return fail();
  restarted(storage);
  late(&store, storage);
  blocked(&store, storage, argv[1]);
  cleared(&store, storage, argv[1]);
  changed(&store);
  refused(storage);
  lily_session_storage_close(storage);
  return wrongs > 0;
}
