/* lily_session_runtime_*(): a model, its update function, and whose failure is reported. */
#include "journal.h"
#include "rig.h"

TEST(runtime_new__null_model) {
  lily_session_runtime *runtime = UNTOUCHED;
  assert_fails(INVALID_ARGUMENT, lily_session_runtime_new(NULL, rig_update, NULL, &runtime));
  assert_null(runtime);
}

TEST(runtime_new__null_out_runtime) {
  int model = 0;
  assert_fails(INVALID_ARGUMENT, lily_session_runtime_new(&model, rig_update, NULL, NULL));
}

TEST(runtime_new__null_update_and_context) {
  int model = 0;
  lily_session_runtime *runtime = NULL;
  assert_ok(lily_session_runtime_new(&model, NULL, NULL, &runtime));
  assert_ptr_equal(lily_session_runtime_model(runtime), &model);
  lily_session_runtime_free(runtime);
}

TEST(runtime_dispatch__null_runtime) { assert_fails(INVALID_ARGUMENT, lily_session_runtime_dispatch(NULL, NULL)); }

TEST(runtime_set_model__null_arguments) {
  int model = 0;
  lily_session_runtime *runtime = NULL;
  assert_ok(lily_session_runtime_new(&model, NULL, NULL, &runtime));
  assert_fails(INVALID_ARGUMENT, lily_session_runtime_set_model(NULL, &model));
  assert_fails(INVALID_ARGUMENT, lily_session_runtime_set_model(runtime, NULL));
  assert_ptr_equal(lily_session_runtime_model(runtime), &model);
  lily_session_runtime_free(runtime);
}

TEST(runtime_set_model__S13_replaces_the_model) {
  int first = 1, second = 2;
  lily_session_runtime *runtime = NULL;
  assert_ok(lily_session_runtime_new(&first, NULL, NULL, &runtime));
  assert_ok(lily_session_runtime_set_model(runtime, &second));
  assert_ptr_equal(lily_session_runtime_model(runtime), &second);
  lily_session_runtime_free(runtime);
}

TEST(runtime_dispatch__S13_without_an_update_function) {
  int model = 0;
  lily_session_runtime *runtime = NULL;
  assert_ok(lily_session_runtime_new(&model, NULL, NULL, &runtime));
  assert_fails(UNSUPPORTED, lily_session_runtime_dispatch(runtime, "message"));
  lily_session_runtime_free(runtime);
}

/* What an update function was given. */
struct call {
  void *context, *model;
  const void *message;
  void *result;
};
static void *record(void *context, void *model, const void *message) {
  struct call *call = context;
  call->context = context;
  call->model = model;
  call->message = message;
  return call->result;
}

TEST(runtime_dispatch__hands_over_context_model_and_message) {
  struct call call = {NULL, NULL, NULL, NULL};
  int model = 0, message = 0;
  call.result = &model;
  lily_session_runtime *runtime = NULL;
  assert_ok(lily_session_runtime_new(&model, record, &call, &runtime));
  assert_ok(lily_session_runtime_dispatch(runtime, &message));
  assert_ptr_equal(call.context, &call);
  assert_ptr_equal(call.model, &model);
  assert_ptr_equal(call.message, &message);
  /* The library does not read the message, so it need not point to anything. */
  assert_ok(lily_session_runtime_dispatch(runtime, UNTOUCHED));
  assert_ptr_equal(call.message, UNTOUCHED);
  assert_ok(lily_session_runtime_dispatch(runtime, NULL));
  assert_null(call.message);
  lily_session_runtime_free(runtime);
}

static void *grow(void *context, void *model, const void *message) {
  (void)context, (void)message;
  int *bigger = malloc(sizeof *bigger);
  *bigger = *(int *)model + 1;
  free(model);
  return bigger;
}

TEST(runtime_dispatch__a_new_model_each_time_and_the_old_one_freed) {
  int *model = malloc(sizeof *model);
  *model = 0;
  lily_session_runtime *runtime = NULL;
  assert_ok(lily_session_runtime_new(model, grow, NULL, &runtime));
  for (int i = 1; i <= 10; i++) {
    assert_ok(lily_session_runtime_dispatch(runtime, NULL));
    assert_int_equal(*(int *)lily_session_runtime_model(runtime), i);
  }
  free(lily_session_runtime_model(runtime));
  lily_session_runtime_free(runtime);
}

/* The same with a session whose field is a member of that model: no pointer to the old one may be kept. */
TEST(runtime_dispatch__fields_are_read_from_the_new_model) {
  struct model {
    int32_t count;
  };
  int *model = malloc(sizeof *model);
  *model = 0;
  lily_session_runtime *runtime = NULL;
  lily_session_storage *storage = open_memory();
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_field count = LILY_SESSION_FIELD_INT32(struct model, count);
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session *session = NULL;
  config.storage = storage;
  assert_ok(lily_session_runtime_new(model, grow, NULL, &runtime));
  assert_ok(lily_session_field_add(fields, &count));
  assert_ok(lily_session_attach(runtime, fields, &config, &session));
  for (int i = 1; i <= 10; i++) {
    char json[20];
    assert_ok(lily_session_runtime_dispatch(runtime, NULL));
    snprintf(json, sizeof json, "%d", i);
    assert_stored(storage, "lily_session_count", json);
  }
  lily_session_detach(session);
  free(lily_session_runtime_model(runtime));
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(storage);
}

TEST(runtime_dispatch__an_update_that_refuses) {
  struct rig rig;
  struct probe theme = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  rig_attach_theme(&rig, &theme);
  rig.refuses = true;
  assert_fails(UPDATE, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_ptr_equal(lily_session_runtime_model(rig.runtime), &rig);
  assert_int_equal(operations(JOURNAL), 0);
  rig.refuses = false;
  rig_dispatch(&rig);
  assert_int_equal(rig.updates, 2);
  rig_end(&rig);
}

TEST(runtime_free__an_unused_runtime) {
  struct rig rig;
  rig_begin(&rig, NULL);
  end_by(lily_session_runtime_free, rig.runtime);
  rig_end(&rig);
}

TEST(runtime_free__flushes_its_sessions) {
  struct rig rig;
  struct probe theme = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  rig_attach_theme(&rig, &theme);
  probe_string(&theme, "dark");
  end_by(lily_session_runtime_free, rig.runtime);
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  rig_end(&rig);
}
