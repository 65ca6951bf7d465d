/* S6: a write that fails leaves the model updated and the field dirty, and the next update tries it again. */
#include "files.h"
#include "journal.h"
#include "rig.h"

static struct rig rig;
static struct probe theme, visits;

/* Sets a high limit before the storage is opened, because the library looks for a limit only then. */
static void begin(void) {
  limit_files(1 << 30);
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  rig_field(&rig, &visits, "visits", LILY_SESSION_INT);
  probe_string(&theme, "light");
  rig_attach(&rig);
}

/* Lowers the limit, which stands for a full disk: the next write does not fit. */
static void fill_disk(void) { limit_files(size_of(JOURNAL)); }
static void empty_disk(void) { limit_files(1 << 30); }

TEST(write_failure__S6_the_model_is_updated_and_the_field_dirty) {
  begin();
  fill_disk();
  probe_string(&theme, SECRET);
  assert_fails(NO_SPACE, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_int_equal(rig.updates, 1);
  assert_string_equal(theme.text, SECRET);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT | LILY_SESSION_STATE_DIRTY);
  assert_state(rig.session, "visits", LILY_SESSION_STATE_ABSENT);
  empty_disk();
  assert_absent(rig.storage, "lily_session_theme");
  assert_int_equal(operations(JOURNAL), 0);
  rig_end(&rig);
}

TEST(write_failure__S6_an_event_names_each_field_and_the_errno) {
  begin();
  fill_disk();
  probe_int(&visits, 1);
  probe_string(&theme, "dark");
  assert_fails(NO_SPACE, lily_session_runtime_dispatch(rig.runtime, NULL));
  empty_disk();
  assert_int_equal(rig.event_count, 2);
  assert_event(&rig, 0, LILY_SESSION_EVENT_WRITE_FAILED, LILY_SESSION_ERROR_NO_SPACE, EFBIG, "theme");
  assert_event(&rig, 1, LILY_SESSION_EVENT_WRITE_FAILED, LILY_SESSION_ERROR_NO_SPACE, EFBIG, "visits");
  rig_end(&rig);
}

static lily_session_status by_dispatch(void) { return lily_session_runtime_dispatch(rig.runtime, NULL); }
static lily_session_status by_persist(void) { return lily_session_persist(rig.session); }
static lily_session_status by_flush(void) { return lily_session_flush(rig.session); }
static lily_session_status by_detach(void) {
  end_by(lily_session_detach, rig.session);
  return LILY_SESSION_OK;
}

static void check_retried(lily_session_status (*again)(void)) {
  begin();
  fill_disk();
  probe_string(&theme, "dark");
  assert_fails(NO_SPACE, lily_session_runtime_dispatch(rig.runtime, NULL));
  if (again != by_detach) {
    /* The disk is still full: the write fails again, and the failure is reported again. */
    rig_forget(&rig);
    assert_fails(NO_SPACE, again());
    assert_int_equal(rig.event_count, 1);
    assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT | LILY_SESSION_STATE_DIRTY);
  }
  empty_disk();
  rig_forget(&rig);
  assert_int_equal(again(), LILY_SESSION_OK);
  assert_int_equal(rig.event_count, 0);
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  assert_int_equal(operations(JOURNAL), 1);
  if (rig.session != NULL) {
    assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED);
    rig_dispatch(&rig);
    assert_int_equal(operations(JOURNAL), 1);
  }
  rig_end(&rig);
}

TEST(write_failure__S6_tried_again_by_dispatch) { check_retried(by_dispatch); }
TEST(write_failure__S6_tried_again_by_persist) { check_retried(by_persist); }
TEST(write_failure__S6_tried_again_by_flush) { check_retried(by_flush); }
TEST(write_failure__S6_tried_again_by_detach) { check_retried(by_detach); }

TEST(write_failure__S6_a_revision_does_not_hide_a_dirty_field) {
  limit_files(1 << 30);
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  probe_string(&theme, "light");
  rig.config.revision = rig_revision;
  rig_attach(&rig);
  fill_disk();
  probe_string(&theme, "dark");
  rig.revision++;
  assert_fails(NO_SPACE, by_dispatch());
  empty_disk();
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  rig_end(&rig);
}

TEST(write_failure__S6_the_newest_value_is_what_is_tried_again) {
  begin();
  fill_disk();
  probe_string(&theme, "dark");
  assert_fails(NO_SPACE, by_dispatch());
  probe_string(&theme, "darker");
  assert_fails(NO_SPACE, by_dispatch());
  empty_disk();
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "\"darker\"");
  assert_stored(rig.storage, "lily_session_visits", "1");
  assert_int_equal(operations(JOURNAL), 1);
  rig_end(&rig);
}

TEST(write_failure__S6_dirty_is_added_to_what_was_there) {
  journal_of(JOURNAL, "lily_session_theme", "\"light\"", "lily_session_visits", "\"not a number\"", NULL);
  begin();
  fill_disk();
  probe_string(&theme, "dark");
  probe_int(&visits, 1);
  assert_fails(NO_SPACE, by_dispatch());
  assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED | LILY_SESSION_STATE_DIRTY);
  assert_state(rig.session, "visits", LILY_SESSION_STATE_REJECTED | LILY_SESSION_STATE_DIRTY);
  empty_disk();
  assert_stored(rig.storage, "lily_session_theme", "\"light\"");
  rig_end(&rig);
}

/* Part of a line was written: it is cut off again, and the next line is whole. */
TEST(write_failure__S6_a_short_write_leaves_nothing_behind) {
  for (rlim_t more = 1; more < 40; more += 6) {
    unlink(JOURNAL);
    begin();
    struct bytes before = file_read(JOURNAL);
    limit_files(size_of(JOURNAL) + more);
    probe_string(&theme, "dark");
    assert_fails(NO_SPACE, by_dispatch());
    empty_disk();
    assert_file_is(JOURNAL, before);
    rig_dispatch(&rig);
    rig_end(&rig);
    lily_session_storage *storage = open_storage(JOURNAL);
    assert_stored(storage, "lily_session_theme", "\"dark\"");
    lily_session_storage_close(storage);
  }
}

TEST(write_failure__S6_a_read_only_storage) {
  journal_of(JOURNAL, "lily_session_theme", "\"dark\"", NULL);
  struct bytes before = file_read(JOURNAL);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = LILY_SESSION_READ_ONLY;
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
  rig_begin(&rig, storage);
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  rig_attach(&rig);
  assert_string_equal(theme.text, "dark");
  probe_string(&theme, "light");
  assert_fails(PERMISSION, by_dispatch());
  assert_int_equal(rig.event_count, 1);
  assert_int_equal(rig.events[0].kind, LILY_SESSION_EVENT_WRITE_FAILED);
  assert_int_equal(rig.events[0].status, LILY_SESSION_ERROR_PERMISSION);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED | LILY_SESSION_STATE_DIRTY);
  rig_end(&rig);
  assert_file_is(JOURNAL, before);
}

/* The signal is at its default here, and would end the process. */
static int meet_the_limit(void *context) {
  struct rlimit limit;
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = JOURNAL_HEADERS_SIZE + 10;
  CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  CHILD_CHECK(signal(SIGXFSZ, SIG_DFL) != SIG_ERR);
  lily_session_storage *storage = NULL;
  CHILD_CHECK(lily_session_storage_open(context, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(set_text(storage, "lily_session_theme", "\"dark\"") == LILY_SESSION_ERROR_NO_SPACE);
  sigset_t pending;
  CHILD_CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGXFSZ) == 0);
  limit.rlim_cur = limit.rlim_max;
  CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  CHILD_CHECK(set_text(storage, "lily_session_theme", "\"dark\"") == LILY_SESSION_OK);
  lily_session_storage_close(storage);
  return 0;
}

TEST(write_failure__S20_the_file_size_limit_does_not_kill) { assert_int_equal(in_child(meet_the_limit, (void *)JOURNAL), 0); }

/* There is no room for the two headers. No journal is made, and one can be made later. */
static int meet_the_limit_at_once(void *context) {
  struct rlimit limit;
  getrlimit(RLIMIT_FSIZE, &limit);
  for (limit.rlim_cur = 0; limit.rlim_cur < JOURNAL_HEADERS_SIZE; limit.rlim_cur += 23) {
    CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    lily_session_storage *storage = UNTOUCHED;
    CHILD_CHECK(lily_session_storage_open(context, NULL, &storage) == LILY_SESSION_ERROR_NO_SPACE);
    CHILD_CHECK(storage == NULL);
  }
  return 0;
}

TEST(write_failure__S20_a_creation_that_does_not_fit) {
  assert_int_equal(in_child(meet_the_limit_at_once, (void *)JOURNAL), 0);
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "a", "1"));
  assert_stored(storage, "a", "1");
  lily_session_storage_close(storage);
}
