/* S9: lily_session_touch() renews what is stored, lily_session_next_expiry() returns when the host has to refresh, and
   lily_session_refresh() resets expired fields. */
#include "journal.h"
#include "rig.h"

#define YEAR INT64_C(31536000000)

static int64_t now;
static struct rig rig;
static struct probe token, theme;

static void begin(int64_t time, int64_t expires_after_ms) {
  now = time;
  memset(&token, 0, sizeof token);
  rig_begin(&rig, open_clocked(JOURNAL, &now, 0));
  lily_session_field field = probe_field(&token, "token", LILY_SESSION_STRING);
  field.expires_after_ms = expires_after_ms;
  rig_add(&rig, &token, field);
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  probe_string(&token, "none");
  probe_string(&theme, "light");
  rig_attach(&rig);
}

/* Returns the deadline in the last line, which sets one key. */
static int64_t deadline(void) {
  json_t *line = operation(JOURNAL, operations(JOURNAL) - 1);
  const int64_t time = json_integer_value(json_array_get(line, 5));
  json_decref(line);
  return time;
}

static void log_in(const char *value) {
  probe_string(&token, value);
  rig_dispatch(&rig);
}

TEST(touch__S9_writes_one_line_and_calls_no_set) {
  begin(1000, 500);
  log_in("t");
  now = 1300;
  rig_forget(&rig);
  assert_ok(lily_session_touch(rig.session, "token"));
  assert_int_equal(operations(JOURNAL), 2);
  assert_operation(JOURNAL, 1, "\"set\",\"lily_session_token\",\"t\",1800");
  assert_int_equal(token.sets, 0);
  assert_int_equal(rig.event_count, 0);
  assert_state(rig.session, "token", LILY_SESSION_STATE_LOADED);
  rig_end(&rig);
}

/* The deadline slides: a token that is touched in time does not expire. */
TEST(touch__S9_again_and_again) {
  begin(1000, 500);
  log_in("t");
  for (int i = 0; i < 50; i++) {
    now += 499;
    assert_int_equal(lily_session_next_expiry(rig.session), 1);
    assert_ok(lily_session_touch(rig.session, "token"));
    assert_int_equal(lily_session_next_expiry(rig.session), 500);
  }
  assert_stored(rig.storage, "lily_session_token", "\"t\"");
  now += 500;
  assert_fails(NOT_FOUND, lily_session_touch(rig.session, "token"));
  assert_absent(rig.storage, "lily_session_token");
  rig_end(&rig);
}

TEST(touch__S9_persists_what_changed) {
  begin(1000, 500);
  probe_string(&token, "t");
  probe_string(&theme, "dark");
  assert_ok(lily_session_touch(rig.session, "token"));
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  assert_stored(rig.storage, "lily_session_token", "\"t\"");
  probe_string(&theme, "blue");
  assert_fails(NOT_FOUND, lily_session_touch(rig.session, "no such field"));
  rig_end(&rig);
}

/* A field that never expires has nothing to renew, and is stored again all the same. */
TEST(touch__S9_of_a_field_that_never_expires) {
  begin(1000, 500);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_ok(lily_session_touch(rig.session, "theme"));
  assert_int_equal(deadline(), 0);
  assert_int_equal(lily_session_next_expiry(rig.session), -1);
  rig_end(&rig);
}

/* If another program has stored a value meanwhile, that value is renewed, and not overwritten. */
TEST(touch__S9_of_what_another_stored) {
  begin(1000, 500);
  log_in("mine");
  lily_session_storage *other = open_clocked(JOURNAL, &now, 0);
  assert_ok(lily_session_storage_set(other, "lily_session_token", "\"theirs\"", 8, 1400));
  now = 1399;
  assert_ok(lily_session_touch(rig.session, "token"));
  now = 1898;
  assert_stored(other, "lily_session_token", "\"theirs\"");
  now = 1899;
  assert_absent(other, "lily_session_token");
  lily_session_storage_close(other);
  rig_end(&rig);
}

TEST(touch__S8_does_not_undo_anothers_clear) {
  begin(1000, 500);
  log_in(SECRET);
  lily_session_storage *other = open_clocked(JOURNAL, &now, 0);
  assert_ok(lily_session_clear(other));
  assert_fails(NOT_FOUND, lily_session_touch(rig.session, "token"));
  assert_entries(other, 0);
  assert_ok(set_text(other, "lily_session_token", "\"new\""));
  assert_ok(lily_session_storage_remove(other, "lily_session_token"));
  assert_fails(NOT_FOUND, lily_session_touch(rig.session, "token"));
  lily_session_storage_close(other);
  rig_end(&rig);
}

/* The stored value has changed since attach. */
TEST(touch__S11_of_what_a_newer_program_stored_meanwhile) {
  begin(1000, 500);
  log_in("mine");
  struct rig newer;
  struct probe their = {0};
  rig_begin(&newer, open_clocked(JOURNAL, &now, 0));
  lily_session_field field = probe_field(&their, "token", LILY_SESSION_STRING);
  field.version = 4;
  rig_add(&newer, &their, field);
  rig_attach(&newer);
  probe_string(&their, "newer");
  rig_dispatch(&newer);
  const int lines = operations(JOURNAL);
  assert_fails(NEWER, lily_session_touch(rig.session, "token"));
  assert_int_equal(operations(JOURNAL), lines);
  rig_end(&newer);
  rig_end(&rig);
}

TEST(touch__S9_times_at_the_edges) {
  const struct {
    int64_t time, after, deadline, left;
  } cases[] = {
      {1000, 1, 1001, 1},
      {1000, 10 * YEAR, 1000 + 10 * YEAR, 10 * YEAR},
      {-10 * YEAR, 10 * YEAR + 5, 5, 10 * YEAR + 5},
      {1000, INT64_MAX, INT64_MAX, INT64_MAX - 1000},
      {INT64_MAX - 10, 500, INT64_MAX, 10},
      {INT64_MAX - 1, 1, INT64_MAX, 1},
      {0, INT64_MAX, INT64_MAX, INT64_MAX},
      {0, 500, 500, 500},
      {-1000, INT64_MAX, INT64_MAX - 1000, INT64_MAX},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    begin(cases[i].time, cases[i].after);
    log_in("t");
    assert_true(deadline() == cases[i].deadline);
    assert_true(lily_session_next_expiry(rig.session) == cases[i].left);
    assert_ok(lily_session_touch(rig.session, "token"));
    assert_int_equal(operations(JOURNAL), 2);
    assert_true(deadline() == cases[i].deadline);
    assert_true(lily_session_next_expiry(rig.session) == cases[i].left);
    assert_ok(lily_session_refresh(rig.session));
    assert_string_equal(token.text, "t");
    rig_end(&rig);
    unlink(JOURNAL);
  }
}

/* The clock may be set by years, either way, and nothing overflows. */
TEST(touch__S9_a_clock_that_jumps) {
  begin(1000, 500);
  log_in("t");
  now = INT64_MIN;
  assert_int_equal(lily_session_next_expiry(rig.session), 500); /* never longer than the field's own expiry */
  now = -10 * YEAR;
  assert_int_equal(lily_session_next_expiry(rig.session), 500);
  now = 10 * YEAR;
  assert_int_equal(lily_session_next_expiry(rig.session), 0);
  now = INT64_MAX;
  assert_int_equal(lily_session_next_expiry(rig.session), 0);
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(token.text, "none");
  assert_int_equal(rig.event_count, 1);
  rig_end(&rig);
}

TEST(next_expiry__S9_the_earliest_counts) {
  struct probe probes[4];
  const int64_t after[] = {900, 300, 0, 600};
  const char *const keys[] = {"a", "b", "c", "d"};
  now = 1000;
  memset(probes, 0, sizeof probes);
  rig_begin(&rig, open_clocked(JOURNAL, &now, 0));
  for (int i = 0; i < 4; i++) {
    lily_session_field field = probe_field(&probes[i], keys[i], LILY_SESSION_INT);
    field.expires_after_ms = after[i];
    probe_int(&probes[i], 0);
    rig_add(&rig, &probes[i], field);
  }
  rig_attach(&rig);
  const int64_t left[] = {900, 300, 300, 300};
  for (int i = 0; i < 4; i++) {
    probe_int(&probes[i], 1);
    rig_dispatch(&rig);
    assert_int_equal(lily_session_next_expiry(rig.session), left[i]);
  }
  now = 1300;
  assert_int_equal(lily_session_next_expiry(rig.session), 0);
  assert_ok(lily_session_refresh(rig.session));
  assert_int_equal(lily_session_next_expiry(rig.session), 300);
  now = 1900;
  assert_int_equal(lily_session_next_expiry(rig.session), 0);
  assert_ok(lily_session_refresh(rig.session));
  assert_int_equal(rig.event_count, 3);
  assert_int_equal(lily_session_next_expiry(rig.session), -1);
  assert_int_equal(probes[2].value.as.integer, 1);
  rig_end(&rig);
}
