/* S15: what may be called in which callback. Calls that would run the calling runtime return REENTRANT in every callback of it. */
#include "rig.h"

enum { DISPATCH, SET_MODEL, PERSIST, FLUSH, ATTACH, FORBIDDEN };
static const char *const names[FORBIDDEN] = {"dispatch", "set_model", "persist", "flush", "attach"};

static struct rig rig;
static struct probe first, second;
static lily_session_persistence *more_fields;

/* The callbacks in which all calls were tried, and the first call there that returned a wrong status. */
static char tried[400], wrong[400];
static int inner_releases;

static void try_all(struct rig *rig_, const char *where) {
  if (strstr(tried, where) != NULL) return;
  strcat(strcat(tried, where), " ");
  lily_session *session = UNTOUCHED;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  config.storage = rig_->storage;
  config.context = &inner_releases;
  config.release = count_release;
  const int released = inner_releases;
  const char *where_else = lily_session_runtime_model(rig_->runtime);
  lily_session_status results[FORBIDDEN];
  results[DISPATCH] = lily_session_runtime_dispatch(rig_->runtime, NULL);
  results[SET_MODEL] = lily_session_runtime_set_model(rig_->runtime, &inner_releases);
  results[PERSIST] = lily_session_persist(rig_->session);
  results[FLUSH] = lily_session_flush(rig_->session);
  results[ATTACH] = lily_session_attach(rig_->runtime, more_fields, &config, &session);
  for (int i = 0; i < FORBIDDEN; i++)
    if (results[i] != LILY_SESSION_ERROR_REENTRANT && strlen(wrong) < 300)
      sprintf(wrong + strlen(wrong), "%s in %s: %s; ", names[i], where, lily_session_status_name(results[i]));
  if (session != NULL) strcat(wrong, "attach left a handle; ");
  if (inner_releases != released + 1) strcat(wrong, "attach did not release; ");
  if (lily_session_runtime_model(rig_->runtime) != where_else) strcat(wrong, "the model was changed; ");
  /* Storage and clear may be used: no lock is held. */
  char *json = NULL;
  if (lily_session_storage_get(rig_->storage, "other", &json, NULL) != LILY_SESSION_OK)
    sprintf(wrong + strlen(wrong), "get in %s; ", where);
  lily_session_free(json);
  if (set_text(rig_->storage, "other", "2") != LILY_SESSION_OK) sprintf(wrong + strlen(wrong), "set in %s; ", where);
}

static void begin(void) {
  tried[0] = wrong[0] = '\0';
  inner_releases = 0;
  memset(&second, 0, sizeof second);
  more_fields = lily_session_persistence_new();
  rig_begin(&rig, open_storage(JOURNAL));
  assert_ok(set_text(rig.storage, "other", "1"));
  assert_ok(set_text(rig.storage, "lily_session_second", "2"));
  assert_ok(set_text(rig.storage, "lily_session_third", "\"rejected\""));
  rig_field(&rig, &first, "first", LILY_SESSION_INT);
  probe_int(&first, 0);
  rig.config.revision = rig_revision;
  rig.config.get = rig_get;
  rig_attach(&rig);
}

static void end(void) {
  lily_session_persistence_free(more_fields);
  rig_end(&rig);
}

static void check_tried(const char *const *places, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strstr(tried, places[i]) == NULL) fail_msg("nothing was tried in %s", places[i]);
  assert_string_equal(wrong, "");
}

TEST(reentry__S15_callbacks_of_dispatch) {
  const char *const places[] = {"update", "slice", "revision", "get", "event"};
  begin();
  rig.hook = try_all;
  probe_string(&first, "not an integer");
  rig.revision++;
  assert_fails(ENCODE, lily_session_runtime_dispatch(rig.runtime, NULL));
  check_tried(places, COUNT(places));
  assert_int_equal(rig.updates, 1);
  rig.hook = NULL;
  probe_int(&first, 1);
  rig_dispatch(&rig);
  end();
}

static void check_session_call(lily_session_status (*call)(lily_session *)) {
  const char *const places[] = {"slice", "revision", "get", "event"};
  begin();
  rig.hook = try_all;
  probe_string(&first, "not an integer");
  rig.revision++;
  assert_fails(ENCODE, call(rig.session));
  check_tried(places, COUNT(places));
  rig.hook = NULL;
  end();
}

TEST(reentry__S15_callbacks_of_persist) { check_session_call(lily_session_persist); }
TEST(reentry__S15_callbacks_of_flush) { check_session_call(lily_session_flush); }

TEST(reentry__S15_callbacks_of_attach) {
  const char *const places[] = {"slice", "put", "revision", "set", "get", "event"};
  struct probe third = {0};
  begin();
  lily_session_persistence *fields = lily_session_persistence_new();
  second.rig = third.rig = &rig;
  lily_session_field field = probe_field(&second, "second", LILY_SESSION_INT);
  assert_ok(lily_session_field_add(fields, &field));
  field = probe_field(&third, "third", LILY_SESSION_INT);
  probe_int(&third, 0);
  assert_ok(lily_session_field_add(fields, &field));
  lily_session_config config = rig.config;
  lily_session *session = NULL;
  config.set = rig_set;
  config.release = NULL;
  rig.hook = try_all;
  assert_ok(lily_session_attach(rig.runtime, fields, &config, &session));
  rig.hook = NULL;
  check_tried(places, COUNT(places));
  assert_int_equal(second.value.as.integer, 2);
  lily_session_detach(session);
  lily_session_persistence_free(fields);
  end();
}

TEST(reentry__S15_callbacks_of_detach) {
  const char *const places[] = {"slice", "revision", "get", "event"};
  begin();
  rig.hook = try_all;
  probe_string(&first, "not an integer");
  rig.revision++;
  lily_session *session = rig.session;
  lily_session_detach(session);
  rig.session = NULL;
  rig.hook = NULL;
  for (size_t i = 0; i < COUNT(places); i++) assert_non_null(strstr(tried, places[i]));
  /* The handle was given back, so the test does not look at what persist and flush return. Nothing ran, and nothing hung. */
  assert_int_equal(rig.updates, 0);
  end();
}

static lily_session_status results[12];
static void use_storage(struct rig *rig_, const void *message) {
  int n = 0, count = 0;
  char *json = NULL;
  lily_session_storage *other = NULL;
  (void)message;
  results[n++] = set_text(rig_->storage, "a", "1");
  results[n++] = lily_session_storage_get(rig_->storage, "a", &json, NULL);
  lily_session_free(json);
  results[n++] = lily_session_storage_remove(rig_->storage, "a");
  results[n++] = lily_session_storage_each(rig_->storage, NULL, count_items, &count);
  results[n++] = lily_session_storage_sync(rig_->storage);
  results[n++] = lily_session_clear(rig_->storage);
  results[n++] = lily_session_storage_open(JOURNAL, NULL, &other);
  results[n++] = set_text(other, "b", "1");
  lily_session_storage_close(other);
  results[n++] = lily_session_storage_open_memory(NULL, &other);
  lily_session_storage_close(other);
}

TEST(reentry__S15_storage_and_clear_inside_an_update) {
  begin();
  for (size_t i = 0; i < COUNT(results); i++) results[i] = LILY_SESSION_OK;
  results[0] = -1;
  rig.in_update = use_storage;
  probe_int(&first, 5);
  rig.revision++;
  rig_dispatch(&rig);
  for (size_t i = 0; i < COUNT(results); i++) assert_int_equal(results[i], LILY_SESSION_OK);
  assert_stored(rig.storage, "b", "1");
  assert_stored(rig.storage, "lily_session_first", "5");
  rig.in_update = NULL;
  end();
}

/* A callback may call another runtime. */
static struct rig inner;
static lily_session_status inner_status;
static void dispatch_inner(struct rig *rig_, const void *message) {
  (void)rig_, (void)message;
  inner_status = lily_session_runtime_dispatch(inner.runtime, NULL);
}

TEST(reentry__S15_another_runtime_may_run_inside) {
  struct probe theme = {0};
  begin();
  rig_begin(&inner, rig.storage);
  rig_field(&inner, &theme, "theme", LILY_SESSION_INT);
  probe_int(&theme, 0);
  rig_attach(&inner);
  probe_int(&theme, 1);
  rig.in_update = dispatch_inner;
  inner_status = -1;
  rig_dispatch(&rig);
  assert_int_equal(inner_status, LILY_SESSION_OK);
  assert_stored(rig.storage, "lily_session_theme", "1");
  assert_int_equal(inner.updates, 1);
  rig.in_update = NULL;
  inner.storage = NULL;
  rig_end(&inner);
  end();
}

static int32_t state_seen;
static lily_session_status state_status;
static void ask_state(struct rig *rig_, const char *where) {
  if (strcmp(where, "event") == 0) state_status = lily_session_field_state(rig_->session, "first", &state_seen);
}

TEST(reentry__S15_a_state_may_be_asked_for_in_an_event) {
  begin();
  rig.hook = ask_state;
  state_seen = state_status = -1;
  first.get_result = -1;
  rig.revision++;
  assert_fails(CALLBACK, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_int_equal(state_status, LILY_SESSION_OK);
  assert_int_equal(state_seen, LILY_SESSION_STATE_ABSENT);
  rig.hook = NULL;
  end();
}
