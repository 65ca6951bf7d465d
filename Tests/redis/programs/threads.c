/* Threads that share a handle of a server, for ThreadSanitizer: threads URL SECONDS. Prints how many calls they made. */
#include <lily_session_redis.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS = 8, SHARED = 3 };

static lily_session_storage *storage;
static const char *url;
static atomic_bool stop;
static atomic_long calls, wrong;

static void expect(bool right, const char *what) {
  calls++;
  if (right) return;
  wrong++;
  fprintf(stderr, "%s: %s\n", what, lily_session_last_error());
}

static bool is_one_of(lily_session_status status, lily_session_status other) { return status == LILY_SESSION_OK || status == other; }

static lily_session_status visit(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms) {
  (void)context, (void)key, (void)expires_at_ms;
  return strlen(json) == length ? LILY_SESSION_OK : LILY_SESSION_ERROR_CALLBACK;
}

static lily_session_status add(void *context, const lily_session_value *stored, lily_session_value *out_value) {
  char *text = context;
  snprintf(text, 30, "%lld", stored == NULL ? 1 : atoll(stored->as.text.bytes) + 1);
  out_value->type = LILY_SESSION_JSON;
  out_value->as.text.bytes = text;
  out_value->as.text.length = strlen(text);
  return LILY_SESSION_OK;
}

struct model {
  int64_t number;
};

/* A session of this thread's own, as a server's request has one. */
static void request(lily_session_storage *scope, int64_t number) {
  static const lily_session_field field = LILY_SESSION_FIELD_INT64(struct model, number);
  struct model model = {0};
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime = NULL;
  lily_session *session = NULL;
  config.storage = scope;
  expect(lily_session_field_add(fields, &field) == LILY_SESSION_OK, "field_add");
  expect(lily_session_runtime_new(&model, NULL, NULL, &runtime) == LILY_SESSION_OK, "runtime_new");
  expect(lily_session_attach(runtime, fields, &config, &session) == LILY_SESSION_OK, "attach");
  model.number = number;
  expect(lily_session_persist(session) == LILY_SESSION_OK, "persist");
  expect(lily_session_refresh(session) == LILY_SESSION_OK, "refresh");
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
}

static void own_value(lily_session_storage *own, int64_t number) {
  char text[30], *json = NULL;
  size_t length = 0;
  snprintf(text, sizeof text, "%lld", (long long)number);
  expect(lily_session_storage_set(own, "own", text, strlen(text), 0) == LILY_SESSION_OK, "set");
  expect(lily_session_storage_get(own, "own", &json, &length) == LILY_SESSION_OK, "get");
  expect(json != NULL && strcmp(json, text) == 0, "another thread's reply");
  lily_session_free(json);
}

static void *work(void *argument) {
  const int64_t thread = (int64_t)(intptr_t)argument;
  char name[30], text[30];
  lily_session_storage *own = NULL, *shared = NULL;
  snprintf(name, sizeof name, "own:%d", (int)thread);
  expect(lily_session_storage_scoped(storage, name, &own) == LILY_SESSION_OK, "scoped");
  for (int64_t number = 1; !stop; number++) {
    snprintf(name, sizeof name, "shared:%d", (int)((thread + number) % SHARED));
    expect(lily_session_storage_scoped(storage, name, &shared) == LILY_SESSION_OK, "scoped");
    own_value(own, thread * 1000000000 + number);
    expect(is_one_of(lily_session_storage_modify(shared, "lily_session_count", add, text), LILY_SESSION_ERROR_BUSY), "modify");
    if (number % 7 == 0) request(shared, number);
    if (number % 11 == 0) expect(lily_session_storage_each(shared, NULL, visit, NULL) == LILY_SESSION_OK, "each");
    if (number % 13 == 0) expect(lily_session_clear(shared) == LILY_SESSION_OK, "clear");
    if (number % 17 == 0) {
      struct pollfd watched = {.fd = lily_session_storage_fd(shared), .events = POLLIN};
      expect(watched.fd >= 0, "fd");
      poll(&watched, 1, 0);
    }
    if (number % 50 == 0) {
      lily_session_redis_options options = LILY_SESSION_REDIS_OPTIONS_INIT;
      lily_session_storage *another = NULL;
      options.url = url;
      options.timeout_ms = 20000;
      expect(lily_session_redis_open(&options, &another) == LILY_SESSION_OK, "open");
      lily_session_storage_close(another);
    }
    lily_session_storage_close(shared);
  }
  lily_session_storage_close(own);
  return NULL;
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  lily_session_redis_options options = LILY_SESSION_REDIS_OPTIONS_INIT;
  options.url = url = arguments[1];
  options.timeout_ms = 20000;
  expect(lily_session_redis_open(&options, &storage) == LILY_SESSION_OK, "open");
  if (storage == NULL) return 1;
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i) != 0) return 2;
  const double seconds = atof(arguments[2]);
  nanosleep(&(struct timespec){(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)}, NULL);
  stop = true;
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  lily_session_storage_close(storage);
  printf("%ld calls, %ld wrong\n", (long)calls, (long)wrong);
  return wrong == 0 ? 0 : 1;
}
