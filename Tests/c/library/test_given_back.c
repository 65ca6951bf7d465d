/* A handle that was freed, or is of another kind, is refused where the library can tell. These tests read freed memory. A memory checker
   rightly complains of that, so they are skipped under one. */
#include "rig.h"

static void *update(void *context, void *model, const void *message) {
  (void)message;
  ++*(int *)context;
  return model;
}

TEST(given_back__a_storage) {
  if (has_memory_checker()) skip();
  lily_session_storage *storage = open_storage(JOURNAL), *other = UNTOUCHED;
  lily_session_info info = LILY_SESSION_INFO_INIT;
  char *json = UNTOUCHED;
  lily_session_storage_close(storage);
  assert_fails(INVALID_ARGUMENT, set_text(storage, "a", "1"));
  assert_string_equal(lily_session_last_error(), "the storage handle has been closed, or is not a storage");
  assert_fails(INVALID_ARGUMENT, lily_session_storage_get(storage, "a", &json, NULL));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_remove(storage, "a"));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_each(storage, "", count_items, NULL));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_sync(storage));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_info(storage, &info));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_scoped(storage, "user:1", &other));
  assert_fails(INVALID_ARGUMENT, lily_session_clear(storage));
  assert_null(lily_session_storage_path(storage));
  assert_int_equal(lily_session_storage_fd(storage), -1);
  lily_session_storage_close(storage); /* returns void, and does nothing */
  lily_session_storage_close(storage);
}

TEST(given_back__a_list_of_fields) {
  if (has_memory_checker()) skip();
  struct probe probe = {0};
  const lily_session_field field = probe_field(&probe, "theme", LILY_SESSION_STRING);
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_persistence_free(fields);
  assert_fails(INVALID_ARGUMENT, lily_session_field_add(fields, &field));
  assert_message_has("the list of fields has been freed");
  assert_int_equal(probe.releases, 1);
  lily_session_persistence_free(fields);
}

TEST(given_back__a_runtime) {
  if (has_memory_checker()) skip();
  int updates = 0;
  const lily_session_update_fn functions[] = {update, NULL};
  for (size_t i = 0; i < COUNT(functions); i++) {
    lily_session_runtime *runtime = NULL;
    assert_ok(lily_session_runtime_new(&updates, functions[i], &updates, &runtime));
    lily_session_runtime_free(runtime);
    assert_fails(INVALID_ARGUMENT, lily_session_runtime_dispatch(runtime, NULL));
    assert_string_equal(lily_session_last_error(), "the runtime has been freed, or the handle is not a runtime");
    assert_fails(INVALID_ARGUMENT, lily_session_runtime_set_model(runtime, &updates));
    assert_null(lily_session_runtime_model(runtime));
    lily_session_runtime_free(runtime);
  }
  assert_int_equal(updates, 0);
}

TEST(given_back__a_session) {
  if (has_memory_checker()) skip();
  void (*const ends[])(lily_session *) = {lily_session_detach, lily_session_abandon};
  for (size_t i = 0; i < COUNT(ends); i++) {
    struct rig rig;
    struct probe theme = {0};
    int32_t state = 77;
    rig_begin(&rig, open_storage(JOURNAL));
    rig_attach_theme(&rig, &theme);
    lily_session *session = rig.session;
    end_by(ends[i], rig.session);
    assert_fails(INVALID_ARGUMENT, lily_session_persist(session));
    assert_string_equal(lily_session_last_error(), "the session has been detached, or the handle is not a session");
    assert_fails(INVALID_ARGUMENT, lily_session_flush(session));
    assert_fails(INVALID_ARGUMENT, lily_session_refresh(session));
    assert_fails(INVALID_ARGUMENT, lily_session_mark(session, "theme"));
    assert_fails(INVALID_ARGUMENT, lily_session_touch(session, "theme"));
    assert_fails(INVALID_ARGUMENT, lily_session_field_state(session, "theme", &state));
    assert_int_equal(lily_session_next_expiry(session), -1);
    ends[i](session);
    assert_int_equal(rig.releases, 1);
    assert_int_equal(theme.releases, 0);
    rig_end(&rig);
    assert_int_equal(theme.releases, 1);
  }
}

TEST(given_back__what_attach_gets) {
  if (has_memory_checker()) skip();
  int model = 0;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime = NULL;
  lily_session *session = UNTOUCHED;
  assert_ok(lily_session_runtime_new(&model, NULL, NULL, &runtime));
  config.storage = open_memory();
  lily_session_storage_close(config.storage);
  assert_fails(INVALID_ARGUMENT, lily_session_attach(runtime, fields, &config, &session));
  assert_message_has("the storage handle has been closed");
  assert_null(session);
  lily_session_persistence_free(fields);
  lily_session_runtime_free(runtime);
}

/* A dispatch calls a function that is in the handle, so a wrong one could make it call anything. */
TEST(given_back__a_dispatch_to_another_kind) {
  struct rig rig;
  struct probe theme = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  rig_attach_theme(&rig, &theme);
  lily_session_storage *memory = open_memory(), *scope = open_scope(rig.storage, "user:1");
  void *const others[] = {rig.storage, memory, scope, rig.fields, rig.session};
  for (size_t i = 0; i < COUNT(others); i++) {
    assert_fails(INVALID_ARGUMENT, lily_session_runtime_dispatch(others[i], NULL));
    assert_string_equal(lily_session_last_error(), "the runtime has been freed, or the handle is not a runtime");
  }
  lily_session_storage_close(scope);
  lily_session_storage_close(memory);
  rig_end(&rig);
}

/* This may happen in a language whose pointers have no types. */
TEST(given_back__of_another_kind) {
  int model = 0;
  lily_session_runtime *runtime = NULL;
  lily_session_storage *storage = open_memory();
  assert_ok(lily_session_runtime_new(&model, NULL, NULL, &runtime));
  assert_fails(INVALID_ARGUMENT, set_text((lily_session_storage *)runtime, "a", "1"));
  assert_fails(INVALID_ARGUMENT, lily_session_persist((lily_session *)storage));
  assert_fails(INVALID_ARGUMENT, lily_session_runtime_set_model((lily_session_runtime *)storage, &model));
  lily_session_storage_close((lily_session_storage *)runtime); /* which ends nothing */
  lily_session_detach((lily_session *)storage);
  assert_ptr_equal(lily_session_runtime_model(runtime), &model);
  assert_ok(set_text(storage, "a", "1"));
  lily_session_runtime_free(runtime);
  lily_session_storage_close(storage);
}

/* ---- twice inside a callback: the object still lives there, so this test also runs under a memory checker */

static void end_twice(struct rig *rig, const void *message) {
  (void)message;
  lily_session *const session = rig->session;
  lily_session_runtime *const runtime = rig->runtime;
  lily_session_detach(session);
  lily_session_detach(session);
  lily_session_abandon(session);
  lily_session_runtime_free(runtime);
  lily_session_runtime_free(runtime);
  rig->session = NULL;
  rig->runtime = NULL;
}

TEST(given_back__twice_inside_a_callback) {
  struct rig rig;
  struct probe theme = {0};
  lily_session_storage *storage = open_storage(JOURNAL);
  rig_begin(&rig, NULL);
  rig.config.storage = storage;
  rig_attach_theme(&rig, &theme);
  probe_string(&theme, "dark");
  rig.in_update = end_twice;
  assert_ok(lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_int_equal(rig.releases, 1);
  assert_stored(storage, "lily_session_theme", "\"dark\"");
  rig_end(&rig);
  assert_int_equal(theme.releases, 1);
  lily_session_storage_close(storage);
}
