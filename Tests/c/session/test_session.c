/* persist, flush, field_state, detach and abandon: their arguments, and handles whose runtime was freed. */
#include "journal.h"
#include "rig.h"

static void begin(struct rig *rig, struct probe *theme) {
  rig_begin(rig, open_storage(JOURNAL));
  rig_attach_theme(rig, theme);
}

TEST(persist__null_session) { assert_fails(INVALID_ARGUMENT, lily_session_persist(NULL)); }
TEST(flush__null_session) { assert_fails(INVALID_ARGUMENT, lily_session_flush(NULL)); }

TEST(field_state__null_arguments) {
  struct rig rig;
  struct probe theme;
  int32_t state = 77;
  begin(&rig, &theme);
  assert_fails(INVALID_ARGUMENT, lily_session_field_state(NULL, "theme", &state));
  assert_fails(INVALID_ARGUMENT, lily_session_field_state(rig.session, NULL, &state));
  assert_fails(INVALID_ARGUMENT, lily_session_field_state(rig.session, "theme", NULL));
  assert_int_equal(state, 77);
  rig_end(&rig);
}

TEST(field_state__a_field_that_is_none) {
  struct rig rig;
  struct probe theme;
  int32_t state = 77;
  begin(&rig, &theme);
  assert_fails(NOT_FOUND, lily_session_field_state(rig.session, "cart", &state));
  assert_fails(NOT_FOUND, lily_session_field_state(rig.session, "Theme", &state));
  /* The key is the field's own, without the prefix. */
  assert_fails(NOT_FOUND, lily_session_field_state(rig.session, "lily_session_theme", &state));
  assert_int_equal(state, 77);
  rig_end(&rig);
}

TEST(field_state__from_absent_to_loaded) {
  struct rig rig;
  struct probe theme;
  begin(&rig, &theme);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED);
  assert_ok(lily_session_clear(rig.storage));
  rig_dispatch(&rig);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT);
  rig_end(&rig);
}

/* After runtime_free, the calls on a session fail, and it still has to be freed. */
static void check_detached(void (*give_back)(lily_session *)) {
  struct rig rig;
  struct probe theme;
  int32_t state = 77;
  begin(&rig, &theme);
  end_by(lily_session_runtime_free, rig.runtime);
  rig_forget(&rig);
  probe_string(&theme, "dark");
  struct bytes before = file_read(JOURNAL);
  assert_fails(INVALID_ARGUMENT, lily_session_persist(rig.session));
  assert_fails(INVALID_ARGUMENT, lily_session_flush(rig.session));
  assert_fails(INVALID_ARGUMENT, lily_session_field_state(rig.session, "theme", &state));
  assert_int_equal(state, 77);
  give_back(rig.session);
  rig.session = NULL;
  assert_string_equal(rig.trace, "");
  assert_file_is(JOURNAL, before);
  rig_end(&rig);
}

TEST(detached__detach) { check_detached(lily_session_detach); }
TEST(detached__abandon) { check_detached(lily_session_abandon); }

TEST(persist__stores_what_changed) {
  struct rig rig;
  struct probe theme;
  begin(&rig, &theme);
  probe_string(&theme, "dark");
  assert_ok(lily_session_persist(rig.session));
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  assert_int_equal(rig.updates, 0);
  assert_ok(lily_session_persist(rig.session));
  assert_int_equal(operations(JOURNAL), 1);
  rig_end(&rig);
}

TEST(persist__this_session_alone) {
  struct rig rig;
  struct probe theme, cart = {0};
  begin(&rig, &theme);
  lily_session_storage *other = open_memory();
  lily_session_persistence *fields = rig.fields;
  lily_session *first = rig.session;
  rig.fields = lily_session_persistence_new();
  rig_field(&rig, &cart, "cart", LILY_SESSION_INT);
  probe_int(&cart, 0);
  rig.config.storage = other;
  rig_attach(&rig);
  probe_int(&cart, 1);
  probe_string(&theme, "dark");
  assert_ok(lily_session_persist(first));
  assert_absent(other, "lily_session_cart");
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  assert_ok(lily_session_persist(rig.session));
  assert_stored(other, "lily_session_cart", "1");
  lily_session_detach(first);
  lily_session_persistence_free(fields);
  rig_end(&rig);
  lily_session_storage_close(other);
}

/* A flush syncs, so that the file has nothing of what was cleared. */
TEST(flush__persists_and_syncs) {
  struct rig rig;
  struct probe theme;
  begin(&rig, &theme);
  probe_string(&theme, SECRET);
  rig_dispatch(&rig);
  assert_ok(lily_session_clear(rig.storage));
  probe_string(&theme, "dark");
  assert_ok(lily_session_flush(rig.session));
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  assert_false(file_has(JOURNAL, SECRET));
  rig_end(&rig);
}

TEST(flush__a_field_that_fails_does_not_keep_it_from_syncing) {
  struct rig rig;
  struct probe theme;
  begin(&rig, &theme);
  probe_string(&theme, SECRET);
  rig_dispatch(&rig);
  assert_ok(lily_session_clear(rig.storage));
  theme.get_result = -5;
  assert_fails(CALLBACK, lily_session_flush(rig.session));
  assert_false(file_has(JOURNAL, SECRET));
  rig_end(&rig);
}

TEST(detach__flushes) {
  struct rig rig;
  struct probe theme;
  begin(&rig, &theme);
  probe_string(&theme, "dark");
  end_by(lily_session_detach, rig.session);
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  rig_end(&rig);
}

TEST(detach__the_runtime_goes_on_without_it) {
  struct rig rig;
  struct probe theme;
  begin(&rig, &theme);
  end_by(lily_session_detach, rig.session);
  probe_string(&theme, "dark");
  rig_forget(&rig);
  rig_dispatch(&rig);
  assert_string_equal(rig.trace, "update; ");
  assert_absent(rig.storage, "lily_session_theme");
  rig_end(&rig);
}

TEST(abandon__neither_flushes_nor_calls_anything) {
  struct rig rig;
  struct probe theme;
  begin(&rig, &theme);
  probe_string(&theme, "dark");
  rig_forget(&rig);
  end_by(lily_session_abandon, rig.session);
  assert_string_equal(rig.trace, "");
  assert_int_equal(operations(JOURNAL), 0);
  assert_int_equal(rig.releases, 1);
  rig_dispatch(&rig);
  assert_int_equal(operations(JOURNAL), 0);
  rig_end(&rig);
}
