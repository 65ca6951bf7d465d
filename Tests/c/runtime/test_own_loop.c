/* S13: a host with a loop of its own changes or replaces its model, and then calls persist. */
#include "journal.h"
#include "rig.h"

struct model {
  int32_t visits;
  double rate;
};

static struct model model;
static lily_session_storage *storage;
static lily_session_persistence *fields;
static lily_session_runtime *runtime;
static lily_session *session;

static void set_up(void) {
  const lily_session_field visits = LILY_SESSION_FIELD_INT32(struct model, visits);
  const lily_session_field rate = LILY_SESSION_FIELD_DOUBLE(struct model, rate);
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  model = (struct model){0, 0.0};
  config.storage = storage = open_storage(JOURNAL);
  fields = lily_session_persistence_new();
  assert_ok(lily_session_field_add(fields, &visits));
  assert_ok(lily_session_field_add(fields, &rate));
  assert_ok(lily_session_runtime_new(&model, NULL, NULL, &runtime));
  assert_ok(lily_session_attach(runtime, fields, &config, &session));
}

static void tear_down(void) {
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(storage);
}

TEST(own_loop__S13_dispatch_is_unsupported_and_changes_nothing) {
  set_up();
  model.visits = 1;
  assert_fails(UNSUPPORTED, lily_session_runtime_dispatch(runtime, NULL));
  assert_entries(storage, 0);
  tear_down();
}

TEST(own_loop__S13_persist_stores_what_changed) {
  set_up();
  model.visits = 1;
  assert_entries(storage, 0);
  assert_ok(lily_session_persist(session));
  assert_stored(storage, "lily_session_visits", "1");
  assert_entries(storage, 1);
  model.rate = 0.5;
  assert_ok(lily_session_persist(session));
  assert_stored(storage, "lily_session_rate", "0.5");
  tear_down();
}

TEST(own_loop__S13_it_hydrates_like_any_other) {
  journal_of(JOURNAL, "lily_session_visits", "41", NULL);
  set_up();
  assert_int_equal(model.visits, 41);
  model.visits++;
  tear_down();
  set_up();
  assert_int_equal(model.visits, 42);
  tear_down();
}

TEST(own_loop__S13_a_model_that_is_replaced_is_compared_with_the_old_one) {
  set_up();
  model.visits = 1;
  assert_ok(lily_session_persist(session));
  struct model replacement = {1, 0.25};
  assert_ok(lily_session_runtime_set_model(runtime, &replacement));
  assert_ptr_equal(lily_session_runtime_model(runtime), &replacement);
  assert_int_equal(operations(JOURNAL), 1);
  assert_ok(lily_session_persist(session));
  assert_stored(storage, "lily_session_rate", "0.25");
  assert_int_equal(operations(JOURNAL), 2);
  /* The host may free the old model now. */
  model.visits = 77;
  assert_ok(lily_session_persist(session));
  assert_stored(storage, "lily_session_visits", "1");
  assert_ok(lily_session_runtime_set_model(runtime, &model));
  tear_down();
  set_up();
  assert_int_equal(model.visits, 77);
  tear_down();
}

/* set_model also works if the runtime has an update function. */
TEST(own_loop__S13_set_model_beside_an_update_function) {
  struct rig rig;
  int other = 0;
  rig_begin(&rig, open_memory());
  assert_ok(lily_session_runtime_set_model(rig.runtime, &other));
  rig_dispatch(&rig);
  assert_ptr_equal(lily_session_runtime_model(rig.runtime), &other);
  rig_end(&rig);
}
