/* S27 with several processes at once: each counts by lily_session_modify() or lily_session_storage_modify(), some are killed, and no
   count is lost. */
#include "storages.h"

#include <sys/mman.h>

enum { PROCESSES = 4, ROUNDS = 250 };

struct counter {
  const char *path;
  const char *scope; /* NULL: none */
  bool by_storage;
  int *counted; /* shared memory: how many counts have returned, by all */
  bool is_endless;
};

static lily_session_status count_value(void *context, const lily_session_value *stored, lily_session_value *out_value) {
  (void)context;
  out_value->type = LILY_SESSION_INT;
  out_value->as.integer = stored ? stored->as.integer + 1 : 1;
  return LILY_SESSION_OK;
}

static lily_session_status count_json(void *context, const lily_session_value *stored, lily_session_value *out_value) {
  char *text = context;
  snprintf(text, 20, "%d", stored ? atoi(stored->as.text.bytes) + 1 : 1);
  out_value->type = LILY_SESSION_JSON;
  out_value->as.text.bytes = text;
  out_value->as.text.length = strlen(text);
  return LILY_SESSION_OK;
}

static int count_on(void *context) {
  const struct counter *counter = context;
  struct {
    int64_t visits;
  } app = {0};
  char text[20];
  lily_session_field field = LILY_SESSION_FIELD_INIT;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime = NULL;
  lily_session *session = NULL;
  lily_session_storage *file = NULL;
  alarm(300);
  field.key = "visits", field.types = LILY_SESSION_INT, field.member_type = LILY_SESSION_MEMBER_INT64, field.member_size = sizeof(int64_t);
  CHILD_CHECK(lily_session_storage_open(counter->path, NULL, &file) == LILY_SESSION_OK);
  config.storage = file;
  if (counter->scope) CHILD_CHECK(lily_session_storage_scoped(file, counter->scope, &config.storage) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_field_add(fields, &field) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_runtime_new(&app, NULL, NULL, &runtime) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_attach(runtime, fields, &config, &session) == LILY_SESSION_OK);
  for (int i = 0; counter->is_endless || i < ROUNDS; i++) {
    if (counter->by_storage)
      CHILD_CHECK(lily_session_storage_modify(config.storage, "lily_session_visits", count_json, text) == LILY_SESSION_OK);
    else
      CHILD_CHECK(lily_session_modify(session, "visits", count_value, NULL) == LILY_SESSION_OK);
    __atomic_add_fetch(counter->counted, 1, __ATOMIC_SEQ_CST);
  }
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  if (counter->scope) lily_session_storage_close(config.storage);
  lily_session_storage_close(file);
  return 0;
}

static int *shared_count(void) {
  int *counted = mmap(NULL, sizeof *counted, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(counted != MAP_FAILED);
  *counted = 0;
  return counted;
}

/* What is stored in the end. */
static int stored_count(const char *scope) {
  lily_session_storage *file = open_storage(JOURNAL), *storage = scope ? open_scope(file, scope) : file;
  char *json = NULL;
  assert_ok(lily_session_storage_get(storage, "lily_session_visits", &json, NULL));
  const int count = atoi(json);
  lily_session_free(json);
  if (scope) lily_session_storage_close(storage);
  lily_session_storage_close(file);
  return count;
}

static void count_together(const char *scope, bool by_storage) {
  struct counter counter = {JOURNAL, scope, by_storage, shared_count(), false};
  pid_t children[PROCESSES];
  for (int i = 0; i < PROCESSES; i++) {
    counter.by_storage = by_storage && i % 2 == 0; /* with sessions among them */
    children[i] = start_child(count_on, &counter);
  }
  for (int i = 0; i < PROCESSES; i++) assert_int_equal(end_of_child(children[i]), 0);
  assert_int_equal(stored_count(scope), PROCESSES * ROUNDS);
  munmap(counter.counted, sizeof *counter.counted);
}

TEST(modify_processes__S27_sessions) { count_together(NULL, false); }
TEST(modify_processes__S27_a_scope) { count_together("user:42", false); }
TEST(modify_processes__S27_storages_and_sessions) { count_together(NULL, true); }

/* A process that is killed may have stored one count that it did not live to report. */
TEST(modify_processes__S27_kills) {
  struct counter counter = {JOURNAL, NULL, false, shared_count(), true};
  enum { KILLS = 24 };
  pid_t children[PROCESSES] = {0};
  for (int i = 0; i < KILLS + PROCESSES; i++) {
    pid_t *child = &children[i % PROCESSES];
    if (*child) {
      const int before = *counter.counted;
      while (*counter.counted < before + 20) usleep(100);
      kill(*child, SIGKILL);
      assert_int_equal(end_of_child(*child), 128 + SIGKILL);
      *child = 0;
    }
    counter.by_storage = i % 3 == 0;
    if (i < KILLS) *child = start_child(count_on, &counter);
  }
  const int stored = stored_count(NULL);
  assert_true(stored >= *counter.counted);
  assert_true(stored <= *counter.counted + KILLS);
  munmap(counter.counted, sizeof *counter.counted);
}
