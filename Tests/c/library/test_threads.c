/* S16: any thread may use a storage handle, and several may use one at once. */
#include "rig.h"

#include <pthread.h>

enum { THREADS = 8, ROUNDS = 60 };

struct worker {
  pthread_t thread;
  lily_session_storage *storage;
  int number, failures;
  bool opens; /* true: the thread opens a handle of its own */
};

static void note(struct worker *worker, bool right) { worker->failures += !right; }

/* Writes keys of its own and one that all share, and reads what it wrote. */
static void *work(void *context) {
  struct worker *worker = context;
  lily_session_storage *storage = worker->storage;
  if (worker->opens && lily_session_storage_open(JOURNAL, NULL, &storage) != LILY_SESSION_OK) {
    worker->failures = 1;
    return NULL;
  }
  for (int i = 0; i < ROUNDS; i++) {
    char key[40], json[40], *got = NULL;
    int count = 0;
    snprintf(key, sizeof key, "lily_session_%d_%d", worker->number, i % 10);
    snprintf(json, sizeof json, "[%d,%d]", worker->number, i);
    note(worker, set_text(storage, key, json) == LILY_SESSION_OK);
    note(worker, lily_session_storage_get(storage, key, &got, NULL) == LILY_SESSION_OK && strcmp(got, json) == 0);
    lily_session_free(got);
    note(worker, set_text(storage, "shared", json) == LILY_SESSION_OK);
    if (i % 7 == 0) note(worker, lily_session_storage_each(storage, "lily_session_", count_items, &count) == LILY_SESSION_OK && count > 0);
    if (i % 13 == 0) note(worker, lily_session_storage_sync(storage) == LILY_SESSION_OK);
    if (i % 5 == 0) note(worker, lily_session_storage_remove(storage, "shared") == LILY_SESSION_OK);
    /* Another thread's failure is not seen here. */
    note(worker, lily_session_storage_get(storage, "", &got, NULL) == LILY_SESSION_ERROR_INVALID_ARGUMENT);
    note(worker, lily_session_last_error()[0] != '\0');
  }
  if (worker->opens) lily_session_storage_close(storage);
  return NULL;
}

static void run(lily_session_storage *storage, bool opens) {
  struct worker workers[THREADS];
  for (int i = 0; i < THREADS; i++) {
    workers[i] = (struct worker){.storage = storage, .number = i, .opens = opens};
    assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
  for (int i = 0; i < THREADS; i++) assert_int_equal(workers[i].failures, 0);
}

static void check_entries_of_all(lily_session_storage *storage) {
  for (int i = 0; i < THREADS; i++)
    for (int j = 0; j < 10; j++) {
      char key[40], json[40];
      snprintf(key, sizeof key, "lily_session_%d_%d", i, j);
      snprintf(json, sizeof json, "[%d,%d]", i, ROUNDS - 10 + j);
      assert_stored(storage, key, json);
    }
}

TEST(threads__S16_one_handle_of_a_file) {
  lily_session_storage *storage = open_storage(JOURNAL);
  run(storage, false);
  check_entries_of_all(storage);
  lily_session_storage_close(storage);
  storage = open_storage(JOURNAL);
  check_entries_of_all(storage);
  lily_session_storage_close(storage);
}

TEST(threads__S16_one_handle_in_memory) {
  lily_session_storage *storage = open_memory();
  run(storage, false);
  check_entries_of_all(storage);
  lily_session_storage_close(storage);
}

TEST(threads__S16_a_handle_each) {
  run(NULL, true);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = LILY_SESSION_STRICT;
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
  check_entries_of_all(storage);
  lily_session_storage_close(storage);
}

/* Each thread has a runtime of its own, and all use one handle: their sessions share the storage and nothing else. */
static void *run_a_session(void *context) {
  struct worker *worker = context;
  struct rig *rig = calloc(1, sizeof *rig);
  struct probe *count = calloc(1, sizeof *count);
  char key[40];
  snprintf(key, sizeof key, "count %d", worker->number);
  lily_session_field field = probe_field(count, key, LILY_SESSION_INT);
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime = NULL;
  lily_session *session = NULL;
  config.storage = worker->storage;
  probe_int(count, 0);
  note(worker, lily_session_field_add(fields, &field) == LILY_SESSION_OK);
  note(worker, lily_session_runtime_new(rig, rig_update, rig, &runtime) == LILY_SESSION_OK);
  note(worker, lily_session_attach(runtime, fields, &config, &session) == LILY_SESSION_OK);
  for (int i = 1; i <= ROUNDS; i++) {
    probe_int(count, i);
    note(worker, lily_session_runtime_dispatch(runtime, NULL) == LILY_SESSION_OK);
  }
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  note(worker, count->releases == 1);
  free(count);
  free(rig);
  return NULL;
}

TEST(threads__S16_a_session_each) {
  lily_session_storage *storage = open_storage(JOURNAL);
  struct worker workers[THREADS];
  for (int i = 0; i < THREADS; i++) {
    workers[i] = (struct worker){.storage = storage, .number = i};
    assert_int_equal(pthread_create(&workers[i].thread, NULL, run_a_session, &workers[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
  for (int i = 0; i < THREADS; i++) {
    char key[40], json[20];
    assert_int_equal(workers[i].failures, 0);
    snprintf(key, sizeof key, "lily_session_count %d", i);
    snprintf(json, sizeof json, "%d", ROUNDS);
    assert_stored(storage, key, json);
  }
  assert_entries(storage, THREADS);
  lily_session_storage_close(storage);
}

/* A runtime belongs to no thread. Any thread may use it, as long as only one does at a time. */
static void *dispatch_and_detach(void *context) {
  struct rig *rig = context;
  const bool right = lily_session_runtime_dispatch(rig->runtime, NULL) == LILY_SESSION_OK;
  end_by(lily_session_detach, rig->session);
  return right ? context : NULL;
}

TEST(threads__S16_a_runtime_may_move_to_another_thread) {
  struct rig rig;
  struct probe theme = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  rig_attach_theme(&rig, &theme);
  probe_string(&theme, "dark");
  pthread_t thread;
  void *result = NULL;
  assert_int_equal(pthread_create(&thread, NULL, dispatch_and_detach, &rig), 0);
  assert_int_equal(pthread_join(thread, &result), 0);
  assert_non_null(result);
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  rig_end(&rig);
}
