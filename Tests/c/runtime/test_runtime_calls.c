/* S27: lily_session_runtime_persist(), _refresh() and _next_expiry() do for each session of a runtime what the session's own calls do. */
#include "rig.h"

static int64_t now;
static struct rig rig;
static struct probe theme, token;
static lily_session_storage *one, *two;
static lily_session *second;

/* A runtime with two sessions, each with a field and a storage. */
static void begin(void) {
  now = 1000;
  memset(&theme, 0, sizeof theme);
  memset(&token, 0, sizeof token);
  one = open_memory_clocked(&now, 0), two = open_memory_clocked(&now, 0);
  rig_lend(&rig, one);
  rig_attach_theme(&rig, &theme);
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_field field = probe_field(&token, "token", LILY_SESSION_STRING);
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  field.expires_after_ms = 500;
  probe_string(&token, "none");
  config.storage = two;
  assert_ok(lily_session_field_add(fields, &field));
  assert_ok(lily_session_attach(rig.runtime, fields, &config, &second));
  lily_session_persistence_free(fields);
}

static void end(void) {
  lily_session_detach(second);
  rig_end(&rig);
  lily_session_storage_close(one);
  lily_session_storage_close(two);
}

TEST(runtime_calls__S27_persist) {
  begin();
  probe_string(&theme, "dark");
  probe_string(&token, "t");
  assert_int_equal(lily_session_runtime_next_expiry(rig.runtime), -1);
  assert_ok(lily_session_runtime_persist(rig.runtime));
  assert_stored(one, "lily_session_theme", "\"dark\"");
  assert_stored(two, "lily_session_token", "\"t\"");
  assert_int_equal(lily_session_runtime_next_expiry(rig.runtime), 500);
  end();
}

TEST(runtime_calls__S27_refresh) {
  begin();
  assert_ok(set_text(one, "lily_session_theme", "\"blue\""));
  assert_ok(set_text(two, "lily_session_token", "\"u\""));
  assert_ok(lily_session_runtime_refresh(rig.runtime));
  assert_string_equal(theme.text, "blue");
  assert_string_equal(token.text, "u");
  end();
}

/* The failure of one session keeps none of the others back. */
TEST(runtime_calls__S27_one_fails) {
  begin();
  probe_string(&theme, "not UTF-8: \xff");
  probe_string(&token, "t");
  assert_fails(ENCODE, lily_session_runtime_persist(rig.runtime));
  assert_stored(two, "lily_session_token", "\"t\"");
  assert_ok(set_text(two, "lily_session_token", "\"u\""));
  assert_fails(ENCODE, lily_session_runtime_refresh(rig.runtime));
  assert_string_equal(token.text, "u");
  end();
}

static void end_second(struct rig *own, const char *where) {
  (void)own;
  if (strcmp(where, "get") == 0) end_by(lily_session_abandon, second);
}

/* What a callback ends is ended when the call of the runtime returns, and not before the last session's turn. */
TEST(runtime_calls__S15_a_session_that_is_ended_inside) {
  begin();
  probe_string(&token, "t");
  rig.hook = end_second;
  assert_ok(lily_session_runtime_persist(rig.runtime));
  assert_stored(two, "lily_session_token", "\"t\"");
  assert_int_equal(token.releases, 1);
  end();
}

static void persist_inside(struct rig *own, const void *message) {
  (void)message;
  own->get_result = lily_session_runtime_persist(own->runtime) == LILY_SESSION_ERROR_REENTRANT &&
                            lily_session_runtime_refresh(own->runtime) == LILY_SESSION_ERROR_REENTRANT
                        ? own
                        : NULL;
}

TEST(runtime_calls__S15_inside_an_update) {
  begin();
  rig.in_update = persist_inside;
  rig_dispatch(&rig);
  assert_ptr_equal(rig.get_result, &rig);
  end();
}

TEST(runtime_calls__null) {
  assert_fails(INVALID_ARGUMENT, lily_session_runtime_persist(NULL));
  assert_fails(INVALID_ARGUMENT, lily_session_runtime_refresh(NULL));
  assert_int_equal(lily_session_runtime_next_expiry(NULL), -1);
}
