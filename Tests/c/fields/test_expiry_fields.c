/* S9 for fields: a field may expire some time after its last write. */
#include "journal.h"
#include "rig.h"

static int64_t now;
static struct rig rig;
static struct probe token, theme;

static void begin(int64_t time, int64_t expires_after_ms) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage = NULL;
  now = time;
  options.clock = fixed_clock;
  options.context = &now;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
  memset(&token, 0, sizeof token);
  rig_begin(&rig, storage);
  token.rig = &rig;
  lily_session_field field = probe_field(&token, "token", LILY_SESSION_STRING);
  field.expires_after_ms = expires_after_ms;
  assert_ok(lily_session_field_add(rig.fields, &field));
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  probe_string(&token, "none");
  probe_string(&theme, "light");
  rig_attach(&rig);
}

/* Returns the deadline that the nth line gives its only key. */
static int64_t deadline(int n) {
  json_t *line = operation(JOURNAL, n);
  const int64_t time = json_integer_value(json_array_get(line, 5));
  json_decref(line);
  return time;
}

TEST(expiry_fields__S9_counts_from_the_write) {
  begin(1000, 500);
  probe_string(&token, "t1");
  rig_dispatch(&rig);
  assert_int_equal(deadline(0), 1500);
  now = 1200;
  probe_string(&token, "t2");
  rig_dispatch(&rig);
  assert_int_equal(deadline(1), 1700);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_int_equal(deadline(2), 0);
  now = 1699;
  assert_stored(rig.storage, "lily_session_token", "\"t2\"");
  now = 1700;
  assert_absent(rig.storage, "lily_session_token");
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  rig_end(&rig);
}

TEST(expiry_fields__S9_only_a_write_renews_it) {
  begin(1000, 500);
  probe_string(&token, "t1");
  rig_dispatch(&rig);
  now = 1400;
  rig_dispatch(&rig);
  assert_ok(lily_session_persist(rig.session));
  assert_int_equal(operations(JOURNAL), 1);
  rig_end(&rig);
  begin(1450, 500);
  assert_string_equal(token.text, "t1");
  rig_end(&rig);
  begin(1500, 500);
  assert_string_equal(token.text, "none");
  rig_end(&rig);
}

TEST(expiry_fields__S9_an_expired_field_is_left_alone_at_attach) {
  struct journal journal;
  journal_begin(&journal);
  journal_line(&journal, "\"set\",\"lily_session_token\",\"old\",1000");
  journal_line(&journal, "\"set\",\"lily_session_theme\",\"dark\",1001");
  journal_save(&journal, JOURNAL);
  struct bytes before = file_read(JOURNAL);
  begin(1000, 0);
  assert_int_equal(token.sets, 0);
  assert_string_equal(token.text, "none");
  assert_string_equal(theme.text, "dark");
  assert_state(rig.session, "token", LILY_SESSION_STATE_EXPIRED);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED);
  assert_int_equal(rig.event_count, 0);
  rig_dispatch(&rig);
  rig_end(&rig);
  assert_file_is(JOURNAL, before);
}

TEST(expiry_fields__S9_an_expired_field_is_written_once_it_changes) {
  struct journal journal;
  journal_begin(&journal);
  journal_line(&journal, "\"set\",\"lily_session_token\",\"old\",1000");
  journal_save(&journal, JOURNAL);
  begin(2000, 500);
  probe_string(&token, "new");
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_token", "\"new\"");
  assert_state(rig.session, "token", LILY_SESSION_STATE_LOADED);
  assert_int_equal(deadline(1), 2500);
  rig_end(&rig);
}

/* In a running program no field of the model changes when it expires, and nothing is written because of it. */
TEST(expiry_fields__S9_while_the_program_runs) {
  begin(1000, 500);
  probe_string(&token, "t1");
  rig_dispatch(&rig);
  now = 5000;
  token.sets = 0;
  rig_dispatch(&rig);
  assert_int_equal(token.sets, 0);
  assert_string_equal(token.text, "t1");
  assert_int_equal(operations(JOURNAL), 1);
  probe_string(&token, "t2");
  rig_dispatch(&rig);
  assert_int_equal(deadline(1), 5500);
  rig_end(&rig);
}

TEST(expiry_fields__S9_overflow_saturates) {
  begin(INT64_MAX - 10, 500);
  probe_string(&token, "t1");
  rig_dispatch(&rig);
  assert_int_equal(deadline(0), INT64_MAX);
  assert_stored(rig.storage, "lily_session_token", "\"t1\"");
  rig_end(&rig);
  unlink(JOURNAL);
  begin(1000, INT64_MAX);
  probe_string(&token, "t1");
  rig_dispatch(&rig);
  assert_int_equal(deadline(0), INT64_MAX);
  rig_end(&rig);
}

/* A wrong clock does not lead to a deadline that the format cannot hold. */
TEST(expiry_fields__S9_a_clock_before_1970) {
  const int64_t times[] = {INT64_MIN, -1000000, -501, -500, -1};
  for (size_t i = 0; i < COUNT(times); i++) {
    begin(times[i], 500);
    probe_string(&token, "t1");
    rig_dispatch(&rig);
    const int64_t time = deadline(0);
    assert_true(time >= 0);
    if (times[i] == -1) assert_int_equal(time, 499);
    rig_end(&rig);
    lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
    options.flags = LILY_SESSION_STRICT;
    lily_session_storage *storage = NULL;
    assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
    lily_session_storage_close(storage);
    unlink(JOURNAL);
  }
}

TEST(expiry_fields__S9_each_of_a_batch_has_its_own) {
  begin(1000, 500);
  probe_string(&token, "t1");
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  json_t *line = operation(JOURNAL, 0), *items = json_array_get(line, 3);
  assert_int_equal(json_integer_value(json_array_get(json_array_get(items, 0), 3)), 1500);
  assert_int_equal(json_integer_value(json_array_get(json_array_get(items, 1), 3)), 0);
  json_decref(line);
  rig_end(&rig);
}
