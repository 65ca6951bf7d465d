/* Uses one handle of a storage in several threads, under ThreadSanitizer, which ends the program at the first race. What each
   thread wrote under keys of its own must be there, and each thread has its own message. */
#include "support.h"

#include <poll.h>
#include <pthread.h>
#include <time.h>

enum { THREADS = 6, KEYS = 4 };

static time_t deadline;
static long rounds;

static lily_session_storage *shared;
static bool has_own_keys; /* true: no thread clears what another one wrote */
static int32_t flags;

static int64_t clock_ms(void *context) {
  (void)context;
  return 1700000000000;
}

static lily_session_status visit(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms) {
  (void)expires_at_ms;
  require(key[0] != 0 && strlen(json) == length, "each");
  ++*(int *)context;
  return LILY_SESSION_OK;
}

static lily_session_status visit_scope(void *context, const char *scope) {
  require(strncmp(scope, "scope ", 6) == 0, "scopes");
  ++*(int *)context;
  return LILY_SESSION_OK;
}

static void ok(lily_session_status status, const char *call) {
  require(status == LILY_SESSION_OK && lily_session_last_error()[0] == 0, "%s returns %d", call, status);
}

#define OK(call) ok((call), #call)

/* ------------------------------------------------------------------ a session in each thread */

static lily_session_status get(void *context, const void *session, lily_session_value *out_value) {
  (void)context;
  out_value->type = LILY_SESSION_INT;
  out_value->as.integer = *(const int64_t *)session;
  return LILY_SESSION_OK;
}

static lily_session_status set(void *context, void *session, const lily_session_value *value) {
  (void)context;
  *(int64_t *)session = value->as.integer;
  return LILY_SESSION_OK;
}

static void use_session(lily_session_storage *storage, int thread, int round) {
  char key[20];
  snprintf(key, sizeof key, "field %d", thread);
  int64_t model = 0;
  lily_session_persistence *list = lily_session_persistence_new();
  lily_session_field field = LILY_SESSION_FIELD_INIT;
  field.key = key;
  field.types = LILY_SESSION_INT;
  field.get = get;
  field.set = set;
  OK(lily_session_field_add(list, &field));
  lily_session_runtime *runtime;
  OK(lily_session_runtime_new(&model, NULL, NULL, &runtime));
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  config.storage = storage;
  lily_session *session;
  OK(lily_session_attach(runtime, list, &config, &session));
  model = round + 1000;
  OK(lily_session_persist(session));
  if (has_own_keys) {
    OK(lily_session_refresh(session));
    require(model == round + 1000, "another thread's value");
  }
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(list);
}

/* ------------------------------------------------------------------ what a thread does */

static void *work(void *argument) {
  int thread = (int)(intptr_t)argument;
  lily_session_storage *storage = shared;
  long count = 0;
  for (int round = 0; time(NULL) < deadline; round++, count++) {
    char key[40], json[40], *got = NULL;
    snprintf(key, sizeof key, "own %d %d", thread, round % KEYS);
    snprintf(json, sizeof json, "[%d,%d]", thread, round);
    OK(lily_session_storage_set(storage, key, json, strlen(json), 0));
    size_t length;
    OK(lily_session_storage_get(storage, key, &got, &length));
    require(strcmp(got, json) == 0 && length == strlen(json), "%s is %s", key, got);
    lily_session_free(got);
    require(lily_session_storage_get(storage, "", &got, NULL) == LILY_SESSION_ERROR_INVALID_ARGUMENT && lily_session_last_error()[0] != 0,
            "no message of this thread's");
    OK(lily_session_storage_set(storage, "all", json, strlen(json), 0));
    switch ((round + thread) % 8) {
      case 0: {
        int items = 0;
        OK(lily_session_storage_each(storage, "own", visit, &items));
        require(items > 0, "nothing is there");
        break;
      }
      case 1: OK(lily_session_storage_sync(storage)); break;
      case 2: if (!has_own_keys) OK(lily_session_clear(storage)); break;
      case 3: OK(lily_session_storage_remove(storage, "all")); break;
      case 4: {
        lily_session_storage *scope;
        char name[20]; /* threads share a scope, unless has_own_keys */
        snprintf(name, sizeof name, "scope %d", has_own_keys ? thread : thread % 2);
        OK(lily_session_storage_scoped(storage, name, &scope));
        OK(lily_session_storage_set(scope, "key", json, strlen(json), 0));
        OK(lily_session_clear(scope));
        use_session(scope, thread, round);
        lily_session_storage_close(scope);
        int scopes = 0;
        OK(lily_session_storage_scopes(storage, visit_scope, &scopes));
        require(scopes > 0, "no scope is there");
        OK(lily_session_storage_sweep(storage, 2, NULL));
        break;
      }
      case 5: {
        struct pollfd polled = {lily_session_storage_fd(storage), POLLIN, 0};
        if (polled.fd >= 0) poll(&polled, 1, 0);
        break;
      }
      case 6: {
        lily_session_info info = LILY_SESSION_INFO_INIT;
        OK(lily_session_storage_info(storage, &info));
        require(info.entries > 0 && info.damaged_lines == 0, "info");
        break;
      }
      default: use_session(storage, thread, round);
    }
  }
  __atomic_add_fetch(&rounds, count, __ATOMIC_RELAXED);
  return NULL;
}

/* Works with a handle of its own, which the kernel's lock of the file treats like another process. */
static void *work_elsewhere(void *argument) {
  lily_session_storage *other;
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = flags;
  OK(lily_session_storage_open(argument, &options, &other));
  for (int round = 0; time(NULL) < deadline; round++) {
    OK(lily_session_storage_set(other, "elsewhere", "true", 4, 0));
    OK(lily_session_storage_remove(other, "elsewhere"));
    if (round % 16 == 0) OK(lily_session_storage_sync(other)); /* rewrites the file */
    if (round % 16 == 8) OK(lily_session_storage_sweep(other, 0, NULL));
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  }
  lily_session_storage_close(other);
  return NULL;
}

static void run(const char *name, const char *path, int seconds) {
  pthread_t threads[THREADS], other;
  rounds = 0;
  deadline = time(NULL) + seconds;
  for (intptr_t at = 0; at < THREADS; at++) require(pthread_create(&threads[at], NULL, work, (void *)at) == 0, "no thread");
  if (path != NULL) require(pthread_create(&other, NULL, work_elsewhere, (void *)path) == 0, "no thread");
  for (int at = 0; at < THREADS; at++) pthread_join(threads[at], NULL);
  if (path != NULL) pthread_join(other, NULL);
  lily_session_storage_close(shared);
  printf("%d threads, %s, %s: %ld rounds\n", THREADS, name, has_own_keys ? "no clears" : "clears", rounds);
}

int main(int count, char **arguments) {
  int seconds = count > 1 ? atoi(arguments[1]) : 8;
  seconds = seconds < 6 ? 1 : seconds / 6;
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.clock = clock_ms;
  const char *path = in_directory("session.jsonl");
  for (int way = 0; way < 6; way++) {
    has_own_keys = way % 2;
    flags = way < 4 ? 0 : LILY_SESSION_SCOPE_FILES;
    options.flags = flags;
    if (way < 2) {
      OK(lily_session_storage_open_memory(&options, &shared));
      run("one handle in memory", NULL, seconds);
    } else {
      unlink(path);
      OK(lily_session_storage_open(path, &options, &shared));
      run(way < 4 ? "one handle of a file" : "one handle of a file with a file for each scope", path, seconds);
    }
  }
  return 0;
}
