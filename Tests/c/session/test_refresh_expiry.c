/* S9: in a running program a field expires once, when the host refreshes, and nothing is written because of it. */
#include "journal.h"
#include "rig.h"

static int64_t now;
static struct rig rig;
static struct probe token, theme;

static void begin(int64_t time) {
  now = time;
  memset(&token, 0, sizeof token);
  rig_begin(&rig, open_clocked(JOURNAL, &now, 0));
  lily_session_field field = probe_field(&token, "token", LILY_SESSION_STRING);
  field.expires_after_ms = 500;
  rig_add(&rig, &token, field);
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  probe_string(&token, "none");
  probe_string(&theme, "light");
  rig_attach(&rig);
}

static void log_in(const char *value) {
  probe_string(&token, value);
  rig_dispatch(&rig);
}

static void check_expired(void) {
  assert_string_equal(token.text, "none");
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_EXPIRED, LILY_SESSION_OK, 0, "token");
  assert_int_equal(lily_session_next_expiry(rig.session), -1);
}

TEST(refresh_expiry__S9_one_event_and_no_write) {
  begin(1000);
  log_in("t");
  now = 1499;
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(token.text, "t");
  now = 1500;
  assert_ok(lily_session_refresh(rig.session));
  check_expired();
  assert_state(rig.session, "token", LILY_SESSION_STATE_EXPIRED);
  for (int i = 0; i < 3; i++) {
    assert_ok(lily_session_refresh(rig.session));
    rig_dispatch(&rig);
  }
  check_expired();
  assert_int_equal(operations(JOURNAL), 1);
  log_in("t2");
  assert_stored(rig.storage, "lily_session_token", "\"t2\"");
  assert_int_equal(lily_session_next_expiry(rig.session), 500);
  rig_end(&rig);
}

TEST(refresh_expiry__S9_of_what_attach_loaded) {
  begin(1000);
  log_in("t");
  rig_end(&rig);
  begin(1200);
  assert_string_equal(token.text, "t");
  assert_int_equal(lily_session_next_expiry(rig.session), 300);
  now = 1600;
  assert_ok(lily_session_refresh(rig.session));
  check_expired();
  rig_end(&rig);
}

/* The entry had expired before attach, so the model never had its value. Nothing is reset, and nothing is reported. */
TEST(refresh_expiry__S9_of_what_had_expired_at_attach) {
  begin(1000);
  log_in("t");
  rig_end(&rig);
  begin(1500);
  assert_state(rig.session, "token", LILY_SESSION_STATE_EXPIRED);
  assert_int_equal(lily_session_next_expiry(rig.session), -1);
  probe_string(&theme, "dark");
  assert_ok(lily_session_refresh(rig.session));
  assert_int_equal(rig.event_count, 0);
  assert_int_equal(token.sets, 0);
  rig_end(&rig);
}

/* When this or another handle rewrites the file, expired entries are dropped. A refresh reports them as EXPIRED, not as REMOVED. */
TEST(refresh_expiry__S9_after_it_was_swept) {
  for (int by_another = 0; by_another < 2; by_another++) {
    begin(1000);
    log_in("\"" SECRET);
    now = 1600;
    lily_session_storage *sweeper = by_another ? open_clocked(JOURNAL, &now, 0) : rig.storage;
    assert_ok(set_text(sweeper, "gone", "1"));
    assert_ok(lily_session_storage_remove(sweeper, "gone"));
    assert_ok(lily_session_storage_sync(sweeper));
    assert_false(file_has(JOURNAL, SECRET));
    assert_ok(lily_session_refresh(rig.session));
    check_expired();
    if (by_another) lily_session_storage_close(sweeper);
    rig_end(&rig);
    unlink(JOURNAL);
  }
}

/* Another program has renewed the entry. The stored deadline counts. */
TEST(refresh_expiry__S9_renewed_elsewhere) {
  begin(1000);
  log_in("t");
  lily_session_storage *other = open_clocked(JOURNAL, &now, 0);
  assert_ok(lily_session_storage_set(other, "lily_session_token", "\"t\"", 3, 2400));
  now = 2000;
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(token.text, "t");
  assert_int_equal(rig.event_count, 0);
  assert_int_equal(lily_session_next_expiry(rig.session), 400);
  assert_ok(lily_session_storage_set(other, "lily_session_token", "\"t\"", 3, 0));
  assert_ok(lily_session_refresh(rig.session));
  assert_int_equal(lily_session_next_expiry(rig.session), -1);
  lily_session_storage_close(other);
  rig_end(&rig);
}

/* Another program sets the token, and a refresh reports that as its last event. */
static void check_set_elsewhere(const char *json, const char *text, int events) {
  lily_session_storage *other = open_clocked(JOURNAL, &now, 0);
  assert_ok(set_text(other, "lily_session_token", json));
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(token.text, text);
  assert_int_equal(rig.event_count, events);
  assert_event(&rig, events - 1, LILY_SESSION_EVENT_CHANGED, LILY_SESSION_OK, 0, "token");
  lily_session_storage_close(other);
  rig_end(&rig);
}

/* The entry expires, and another program stores a new one, before this program refreshes. */
TEST(refresh_expiry__S9_set_anew_elsewhere) {
  begin(1000);
  log_in("t");
  now = 3000;
  check_set_elsewhere("\"theirs\"", "theirs", 1);
}

/* After the field was reset, the same text from another program is news. */
TEST(refresh_expiry__S9_the_same_text_comes_again) {
  begin(1000);
  log_in("t");
  now = 1500;
  assert_ok(lily_session_refresh(rig.session));
  check_set_elsewhere("\"t\"", "t", 2);
}

/* A field that changed meanwhile is written by the refresh, and so has not expired. */
TEST(refresh_expiry__S9_a_changed_field_is_renewed) {
  begin(1000);
  log_in("t");
  now = 1500;
  probe_string(&token, "t2");
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(token.text, "t2");
  assert_int_equal(rig.event_count, 0);
  assert_int_equal(lily_session_next_expiry(rig.session), 500);
  rig_end(&rig);
}

/* The field's set may refuse the value from before attach. The event has that status. */
TEST(refresh_expiry__S9_a_set_that_refuses_to_go_back) {
  begin(1000);
  log_in("t");
  now = 1500;
  token.set_result = -44;
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(token.text, "t");
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_EXPIRED, -44, 0, "token");
  rig_end(&rig);
}
