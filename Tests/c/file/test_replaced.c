/* The file at the path is changed by another program while a handle has it open. Tests/journal has more of these tests. */
#include "journal.h"
#include "rig.h"

static lily_session_storage *storage;

static void begin(void) {
  storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "a", "1"));
  assert_stored(storage, "a", "1");
}

/* A deletion counts as a clear: a session does not store again what it wrote before. */
TEST(replaced__S8_a_session_goes_on_after_a_deletion) {
  struct rig rig;
  struct probe theme = {0}, visits = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  rig_attach_theme_and_visits(&rig, &theme, &visits);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_int_equal(unlink(JOURNAL), 0);
  rig_dispatch(&rig);
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  assert_entries(rig.storage, 1);
  assert_stored(rig.storage, "lily_session_visits", "1");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT);
  rig_end(&rig);
}

/* Checks that a foreign file in the place of the journal is neither read nor written, and that the model stays as it was. */
static void check_refused(void) {
  char *json = UNTOUCHED;
  int count = 0;
  assert_fails(REFUSED, lily_session_storage_get(storage, "a", &json, NULL));
  assert_ptr_equal(json, UNTOUCHED);
  assert_fails(REFUSED, set_text(storage, "a", "2"));
  assert_fails(REFUSED, lily_session_storage_remove(storage, "a"));
  assert_fails(REFUSED, lily_session_storage_each(storage, NULL, count_items, &count));
  assert_fails(REFUSED, lily_session_clear(storage));
  assert_int_equal(count, 0);
  lily_session_storage_close(storage);
}

TEST(replaced__S18_by_a_symbolic_link) {
  begin();
  journal_of(in_place("victim"), "a", "0", NULL);
  struct bytes before = file_read(in_place("victim"));
  assert_int_equal(unlink(JOURNAL), 0);
  assert_int_equal(symlink(in_place("victim"), JOURNAL), 0);
  check_refused();
  assert_file_is(in_place("victim"), before);
}

TEST(replaced__S18_by_a_foreign_file) {
  begin();
  file_write(in_place("foreign"), "{\"precious\":true}\n", 18);
  struct bytes before = file_read(in_place("foreign"));
  assert_int_equal(rename(in_place("foreign"), JOURNAL), 0);
  check_refused();
  assert_file_is(JOURNAL, before);
}

/* A session reports that its file is gone, and goes on once the file is back. */
TEST(replaced__S6_a_session_whose_file_is_taken_away_for_a_while) {
  struct rig rig;
  struct probe theme = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  rig_attach_theme(&rig, &theme);
  assert_int_equal(rename(JOURNAL, in_place("kept")), 0);
  assert_int_equal(symlink("/dev/null", in_place("link")), 0);
  assert_int_equal(rename(in_place("link"), JOURNAL), 0);
  /* A writer looks the path up when its own file has lost its name. */
  assert_int_equal(link(in_place("kept"), in_place("second")), 0);
  probe_string(&theme, "dark");
  assert_fails(REFUSED, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_event(&rig, 0, LILY_SESSION_EVENT_WRITE_FAILED, LILY_SESSION_ERROR_REFUSED, rig.events[0].system_error, "theme");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT | LILY_SESSION_STATE_DIRTY);
  assert_int_equal(unlink(in_place("second")), 0);
  assert_int_equal(rename(in_place("kept"), JOURNAL), 0);
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  rig_end(&rig);
}

/* A refresh reports what differs in the file that is there now. It is an older copy, then a copy with an edited line, then no file. */
TEST(replaced__S10_refresh_tells_the_differences) {
  struct rig rig;
  struct probe theme = {0}, visits = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  rig_attach_theme_and_visits(&rig, &theme, &visits);
  probe_string(&theme, "blue");
  rig_dispatch(&rig);
  struct bytes older = file_read(JOURNAL);
  probe_string(&theme, "dark");
  probe_int(&visits, 1);
  rig_dispatch(&rig);

  file_write(in_place("older"), older.bytes, older.length);
  assert_int_equal(rename(in_place("older"), JOURNAL), 0);
  assert_ok(lily_session_refresh(rig.session));
  assert_int_equal(rig.event_count, 2);
  assert_event(&rig, 0, LILY_SESSION_EVENT_CHANGED, LILY_SESSION_OK, 0, "theme");
  assert_event(&rig, 1, LILY_SESSION_EVENT_REMOVED, LILY_SESSION_OK, 0, "visits");
  assert_string_equal(theme.text, "blue");
  assert_int_equal(visits.value.as.integer, 0);

  rig_forget(&rig);
  memcpy(memmem(older.bytes, older.length, "blue", 4), "grue", 4); /* the check of this line fails now */
  file_write(in_place("edited"), older.bytes, older.length);
  assert_int_equal(rename(in_place("edited"), JOURNAL), 0);
  assert_ok(lily_session_refresh(rig.session));
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_REMOVED, LILY_SESSION_OK, 0, "theme");
  assert_string_equal(theme.text, "light");

  rig_forget(&rig);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_int_equal(unlink(JOURNAL), 0);
  assert_ok(lily_session_refresh(rig.session));
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, 0, "theme");
  assert_string_equal(theme.text, "light");
  free(older.bytes);
  rig_end(&rig);
}

/* A file that is moved away keeps its one link and its size. Only a look at the path shows that it was moved. */
TEST(replaced__S10_refresh_finds_the_file_that_was_put_where_this_one_was) {
  struct rig rig;
  struct probe theme = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  rig_attach_theme(&rig, &theme);
  probe_string(&theme, "blue");
  rig_dispatch(&rig);

  assert_int_equal(rename(JOURNAL, in_place("moved")), 0);
  lily_session_storage *other = open_storage(JOURNAL);
  assert_ok(lily_session_storage_set(other, "lily_session_theme", "\"dark\"", 6, 0));
  lily_session_storage_close(other);
  assert_ok(lily_session_refresh(rig.session));
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_CHANGED, LILY_SESSION_OK, 0, "theme");
  assert_string_equal(theme.text, "dark");

  probe_string(&theme, "green");
  rig_dispatch(&rig);
  other = open_storage(JOURNAL);
  assert_stored(other, "lily_session_theme", "\"green\"");
  lily_session_storage_close(other);
  rig_end(&rig);
}
