/* refresh, touch and next_expiry: wrong arguments, sessions that have ended, and calls from inside callbacks. */
#include "rig.h"

static struct rig rig;
static struct probe theme, visits;

static lily_session_status migrate(void *context, uint32_t stored_version, const lily_session_value *stored, lily_session_value *out_value);

static void begin(lily_session_storage *storage) {
  memset(&theme, 0, sizeof theme);
  rig_begin(&rig, storage);
  lily_session_field field = probe_field(&theme, "theme", LILY_SESSION_STRING);
  field.version = 1;
  field.migrate = migrate;
  rig_add(&rig, &theme, field);
  rig_field(&rig, &visits, "visits", LILY_SESSION_INT);
  probe_string(&theme, "light");
  probe_int(&visits, 0);
  rig.config.get = rig_get;
  rig.config.set = rig_set;
  rig.config.revision = rig_revision;
}

TEST(refresh_calls__NULL) {
  assert_fails(INVALID_ARGUMENT, lily_session_refresh(NULL));
  assert_fails(INVALID_ARGUMENT, lily_session_touch(NULL, "theme"));
  assert_fails(INVALID_ARGUMENT, lily_session_touch(NULL, NULL));
  assert_int_equal(lily_session_next_expiry(NULL), -1);
}

TEST(refresh_calls__keys_of_touch) {
  begin(open_memory());
  rig_attach(&rig);
  char *longest = repeated('k', 256), *too_long = repeated('k', 769);
  assert_fails(INVALID_ARGUMENT, lily_session_touch(rig.session, NULL));
  assert_fails(INVALID_ARGUMENT, lily_session_touch(rig.session, ""));
  assert_fails(INVALID_ARGUMENT, lily_session_touch(rig.session, too_long));
  assert_fails(INVALID_ARGUMENT, lily_session_touch(rig.session, "\xff"));
  assert_fails(NOT_FOUND, lily_session_touch(rig.session, longest));
  assert_fails(NOT_FOUND, lily_session_touch(rig.session, "lily_session_theme")); /* the key is without the prefix */
  assert_fails(NOT_FOUND, lily_session_touch(rig.session, "Theme"));
  assert_fails(NOT_FOUND, lily_session_touch(rig.session, "theme")); /* nothing is stored */
  assert_message_has("theme");
  assert_entries(rig.storage, 0);
  rig_end(&rig);
  free(longest);
  free(too_long);
}

static void check_over(void) {
  assert_fails(INVALID_ARGUMENT, lily_session_refresh(rig.session));
  assert_fails(INVALID_ARGUMENT, lily_session_touch(rig.session, "theme"));
  assert_int_equal(lily_session_next_expiry(rig.session), -1);
}

TEST(refresh_calls__of_a_session_that_is_over) {
  begin(open_memory());
  rig_attach(&rig);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  end_by(lily_session_runtime_free, rig.runtime);
  check_over();
  rig_end(&rig);
}

/* next_expiry does not return failures, so it leaves the message of the call before it alone. */
TEST(refresh_calls__next_expiry_leaves_the_message_alone) {
  begin(open_memory());
  rig_attach(&rig);
  assert_fails(NOT_FOUND, lily_session_touch(rig.session, "theme"));
  char *message = strdup(lily_session_last_error());
  assert_int_equal(lily_session_next_expiry(rig.session), -1);
  assert_int_equal(lily_session_next_expiry(NULL), -1);
  assert_string_equal(lily_session_last_error(), message);
  free(message);
  rig_end(&rig);
}

/* ---- inside callbacks */

static char tried[400], wrong[400];

static void try_all(struct rig *rig_, const char *where) {
  if (strstr(tried, where) != NULL) return;
  strcat(strcat(tried, where), " ");
  if (rig_->session == NULL) return; /* attach has not returned the handle yet */
  const lily_session_status refreshed = lily_session_refresh(rig_->session);
  const lily_session_status touched = lily_session_touch(rig_->session, "theme");
  const lily_session_status nonsense = lily_session_touch(rig_->session, NULL);
  if (refreshed != LILY_SESSION_ERROR_REENTRANT) sprintf(wrong + strlen(wrong), "refresh in %s: %d; ", where, (int)refreshed);
  if (touched != LILY_SESSION_ERROR_REENTRANT) sprintf(wrong + strlen(wrong), "touch in %s: %d; ", where, (int)touched);
  if (nonsense == LILY_SESSION_OK) sprintf(wrong + strlen(wrong), "touch of NULL in %s; ", where);
  if (lily_session_next_expiry(rig_->session) < -1) sprintf(wrong + strlen(wrong), "next_expiry in %s; ", where);
  if (set_text(rig_->config.storage, "other", "1") != LILY_SESSION_OK) sprintf(wrong + strlen(wrong), "set in %s; ", where);
  lily_session_info info = LILY_SESSION_INFO_INIT;
  if (lily_session_storage_info(rig_->config.storage, &info) != LILY_SESSION_OK) sprintf(wrong + strlen(wrong), "info in %s; ", where);
  lily_session_storage_fd(rig_->config.storage);
  lily_session_storage *scope = NULL;
  if (lily_session_storage_scoped(rig_->config.storage, "s", &scope) != LILY_SESSION_OK) sprintf(wrong + strlen(wrong), "scoped in %s; ", where);
  if (set_text(scope, "k", "1") != LILY_SESSION_OK) sprintf(wrong + strlen(wrong), "set in a scope in %s; ", where);
  lily_session_storage_close(scope);
}

static lily_session_status migrate(void *context, uint32_t stored_version, const lily_session_value *stored, lily_session_value *out_value) {
  (void)context, (void)stored_version;
  if (rig.hook != NULL) rig.hook(&rig, "migrate");
  *out_value = *stored;
  out_value->type = LILY_SESSION_STRING;
  return LILY_SESSION_OK;
}

static void check_tried(const char *const *places, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strstr(tried, places[i]) == NULL) fail_msg("nothing was tried in %s, but in %s", places[i], tried);
  assert_string_equal(wrong, "");
}

TEST(refresh_calls__S15_reentrant_in_every_callback_of_refresh) {
  const char *const places[] = {"slice", "get", "set", "put", "revision", "event", "migrate"};
  begin(open_storage(JOURNAL));
  rig_attach(&rig);
  tried[0] = wrong[0] = '\0';
  assert_ok(set_text(rig.storage, "lily_session_theme", "\"dark\"")); /* of version 0 */
  assert_ok(set_text(rig.storage, "lily_session_visits", "3"));
  rig.hook = try_all;
  rig.revision++;
  assert_ok(lily_session_refresh(rig.session));
  rig.hook = NULL;
  check_tried(places, COUNT(places));
  assert_int_equal(visits.value.as.integer, 3);
  rig_end(&rig);
}

TEST(refresh_calls__S15_reentrant_in_every_callback_of_touch_and_dispatch) {
  const char *const places[] = {"update", "slice", "get", "revision", "event"};
  for (int touches = 0; touches < 2; touches++) {
    begin(open_storage(JOURNAL));
    rig_attach(&rig);
    probe_string(&theme, "dark");
    rig.revision++;
    rig_dispatch(&rig);
    tried[0] = wrong[0] = '\0';
    rig.hook = try_all;
    rig.revision++;
    visits.get_result = -99; /* for the event */
    if (touches)
      assert_fails(CALLBACK, lily_session_touch(rig.session, "theme"));
    else
      assert_fails(CALLBACK, lily_session_runtime_dispatch(rig.runtime, NULL));
    rig.hook = NULL;
    check_tried(places + touches, COUNT(places) - (size_t)touches);
    rig_end(&rig);
    unlink(JOURNAL);
  }
}

/* Inside an update and inside refresh's callbacks the session may end; that takes effect when the outermost call returns. */
static void detach_it(struct rig *rig_, const char *where) {
  if (strcmp(where, "set") != 0 || rig_->session == NULL) return;
  lily_session *session = rig_->session;
  rig_->session = NULL;
  lily_session_detach(session);
}

TEST(refresh_calls__S15_a_detach_inside_a_refresh) {
  begin(open_storage(JOURNAL));
  rig_attach(&rig);
  assert_ok(set_text(rig.storage, "lily_session_theme", "\"dark\""));
  assert_ok(set_text(rig.storage, "lily_session_visits", "3"));
  rig.hook = detach_it;
  lily_session_refresh(rig.session);
  rig.hook = NULL;
  assert_null(rig.session);
  assert_int_equal(visits.value.as.integer, 3);
  assert_int_equal(rig.releases, 1);
  rig_end(&rig);
}

