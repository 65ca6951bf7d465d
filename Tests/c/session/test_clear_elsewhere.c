/* S8 between handles and sessions: a clear by another one drops the dirty marks from before it. */
#include "files.h"
#include "journal.h"
#include "rig.h"

#include <fcntl.h>
#include <pthread.h>

static struct rig one, two;
static struct probe theme_of_one, visits_of_one, theme_of_two;

static void begin(void) {
  limit_files(1 << 30);
  rig_begin(&one, open_storage(JOURNAL));
  rig_begin(&two, open_storage(JOURNAL));
  rig_attach_theme_and_visits(&one, &theme_of_one, &visits_of_one);
  rig_attach_theme(&two, &theme_of_two);
}

static void end(void) {
  rig_end(&one);
  rig_end(&two);
}

/* Session one tried to store a theme, and could not. */
static void fail_to_store(void) {
  limit_files(size_of(JOURNAL));
  probe_string(&theme_of_one, SECRET);
  assert_fails(NO_SPACE, lily_session_runtime_dispatch(one.runtime, NULL));
  assert_state(one.session, "theme", LILY_SESSION_STATE_ABSENT | LILY_SESSION_STATE_DIRTY);
  limit_files(1 << 30);
}

static lily_session_status by_dispatch(void) { return lily_session_runtime_dispatch(one.runtime, NULL); }
static lily_session_status by_persist(void) { return lily_session_persist(one.session); }
static lily_session_status by_flush(void) { return lily_session_flush(one.session); }
static lily_session_status by_refresh(void) { return lily_session_refresh(one.session); }

static void check_dropped(lily_session_status (*again)(void)) {
  begin();
  fail_to_store();
  assert_ok(lily_session_clear(two.storage));
  assert_ok(again());
  assert_entries(one.storage, 0);
  assert_state(one.session, "theme", LILY_SESSION_STATE_ABSENT);
  assert_ok(again());
  assert_entries(one.storage, 0);
  probe_string(&theme_of_one, "dark");
  assert_ok(again());
  assert_stored(one.storage, "lily_session_theme", "\"dark\"");
  end();
}

/* A rewriting of a file whose header was lost begins the generation anew. That is no clear. */
TEST(clear_elsewhere__S4_a_lost_header_drops_nothing) {
  const char zeros[JOURNAL_HEADERS_SIZE] = {0};
  begin();
  assert_ok(set_text(two.storage, "k", "1"));
  assert_ok(set_text(two.storage, "l", "1"));
  fail_to_store();
  const int file = open(JOURNAL, O_WRONLY | O_CLOEXEC);
  assert_int_equal(pwrite(file, zeros, sizeof zeros, 0), sizeof zeros);
  close(file);
  lily_session_storage *third = open_storage(JOURNAL);
  assert_ok(lily_session_storage_remove(third, "l"));
  assert_ok(lily_session_storage_sync(third));
  lily_session_storage_close(third);
  rig_forget(&one);
  rig_dispatch(&one);
  assert_stored(two.storage, "lily_session_theme", "\"" SECRET "\"");
  assert_int_equal(one.event_count, 0);
  /* A clear after that is one. */
  limit_files(1);
  probe_string(&theme_of_one, "dark");
  assert_fails(NO_SPACE, lily_session_runtime_dispatch(one.runtime, NULL));
  limit_files(1 << 30);
  assert_ok(lily_session_clear(two.storage));
  rig_dispatch(&one);
  assert_absent(two.storage, "lily_session_theme");
  end();
}

TEST(clear_elsewhere__S8_dispatch_drops_dirty_marks_from_before) { check_dropped(by_dispatch); }
TEST(clear_elsewhere__S8_persist_drops_dirty_marks_from_before) { check_dropped(by_persist); }
TEST(clear_elsewhere__S8_flush_drops_dirty_marks_from_before) { check_dropped(by_flush); }
TEST(clear_elsewhere__S8_refresh_drops_dirty_marks_from_before) { check_dropped(by_refresh); }

TEST(clear_elsewhere__S8_detach_drops_dirty_marks_from_before) {
  begin();
  fail_to_store();
  assert_ok(lily_session_clear(two.storage));
  end_by(lily_session_detach, one.session);
  assert_entries(two.storage, 0);
  end();
  assert_false(file_has(JOURNAL, SECRET));
}

TEST(clear_elsewhere__S8_the_same_handle_drops_them_too) {
  begin();
  fail_to_store();
  assert_ok(lily_session_clear(one.storage));
  assert_ok(lily_session_persist(one.session));
  assert_entries(one.storage, 0);
  assert_state(one.session, "theme", LILY_SESSION_STATE_ABSENT);
  end();
}

TEST(clear_elsewhere__S8_by_another_session_of_the_same_file) {
  begin();
  probe_string(&theme_of_one, "dark");
  rig_dispatch(&one);
  assert_ok(lily_session_clear(two.storage));
  rig_dispatch(&one);
  rig_dispatch(&two);
  assert_entries(one.storage, 0);
  probe_string(&theme_of_two, "blue");
  rig_dispatch(&two);
  rig_dispatch(&one);
  assert_stored(one.storage, "lily_session_theme", "\"blue\"");
  end();
}

TEST(clear_elsewhere__S8_survives_a_rewriting_of_the_file) {
  begin();
  fail_to_store();
  assert_ok(lily_session_clear(two.storage));
  assert_ok(set_text(two.storage, "other", "1"));
  assert_ok(lily_session_storage_remove(two.storage, "other"));
  assert_ok(lily_session_storage_sync(two.storage));
  assert_ok(lily_session_persist(one.session));
  assert_entries(one.storage, 0);
  end();
}

static int clear_in_child(void *context) {
  lily_session_storage *storage = NULL;
  CHILD_CHECK(lily_session_storage_open(context, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_clear(storage) == LILY_SESSION_OK);
  lily_session_storage_close(storage);
  return 0;
}

TEST(clear_elsewhere__S8_by_another_process) {
  begin();
  probe_int(&visits_of_one, 1);
  rig_dispatch(&one);
  fail_to_store();
  assert_int_equal(in_child(clear_in_child, (void *)JOURNAL), 0);
  assert_ok(lily_session_persist(one.session));
  assert_entries(one.storage, 0);
  assert_state(one.session, "theme", LILY_SESSION_STATE_ABSENT);
  assert_state(one.session, "visits", LILY_SESSION_STATE_ABSENT);
  end();
}

static void *clear_in_thread(void *storage) { return lily_session_clear(storage) == LILY_SESSION_OK ? storage : NULL; }

TEST(clear_elsewhere__S8_by_another_thread) {
  begin();
  probe_string(&theme_of_one, "dark");
  rig_dispatch(&one);
  pthread_t thread;
  void *result = NULL;
  assert_int_equal(pthread_create(&thread, NULL, clear_in_thread, one.storage), 0);
  assert_int_equal(pthread_join(thread, &result), 0);
  assert_non_null(result);
  rig_dispatch(&one);
  assert_entries(one.storage, 0);
  end();
}

TEST(clear_elsewhere__S8_in_memory) {
  struct rig rig;
  struct probe theme = {0};
  rig_begin(&rig, open_memory());
  rig_attach_theme(&rig, &theme);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_ok(lily_session_clear(rig.storage));
  rig_dispatch(&rig);
  assert_entries(rig.storage, 0);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT);
  rig_end(&rig);
}
