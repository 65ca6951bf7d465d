/* S16: a child of fork opens storages of its own. An inherited one returns FORKED there, and the parent's goes on. */
#include "journal.h"
#include "rig.h"

static int use_inherited(void *context) {
  lily_session_storage *storage = context;
  char *json = UNTOUCHED;
  int count = 0;
  CHILD_CHECK(lily_session_storage_get(storage, "a", &json, NULL) == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(json == UNTOUCHED);
  CHILD_CHECK(lily_session_last_error()[0] != '\0');
  CHILD_CHECK(set_text(storage, "a", "2") == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(lily_session_storage_remove(storage, "a") == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(lily_session_storage_each(storage, NULL, count_items, &count) == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(count == 0);
  CHILD_CHECK(lily_session_storage_sync(storage) == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(lily_session_clear(storage) == LILY_SESSION_ERROR_FORKED);
  lily_session_storage_path(storage);
  lily_session_storage_close(storage);
  return 0;
}

TEST(fork__S16_an_inherited_storage_returns_FORKED) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "a", "1"));
  struct bytes before = file_read(JOURNAL);
  assert_int_equal(in_child(use_inherited, storage), 0);
  assert_file_is(JOURNAL, before);
  assert_stored(storage, "a", "1");
  assert_ok(set_text(storage, "a", "3"));
  assert_stored(storage, "a", "3");
  assert_ok(lily_session_storage_sync(storage));
  lily_session_storage_close(storage);
}

TEST(fork__S16_memory_too) {
  lily_session_storage *storage = open_memory();
  assert_ok(set_text(storage, "a", "1"));
  assert_int_equal(in_child(use_inherited, storage), 0);
  assert_stored(storage, "a", "1");
  lily_session_storage_close(storage);
}

static int close_inherited(void *context) {
  lily_session_storage_close(context);
  return 0;
}

/* The removed value stays in the file, because the file is the parent's: a close in the child does not rewrite it. */
TEST(fork__S16_close_in_a_child_only_frees) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "a", "1"));
  assert_ok(lily_session_storage_remove(storage, "a"));
  struct bytes before = file_read(JOURNAL);
  assert_int_equal(in_child(close_inherited, storage), 0);
  assert_file_is(JOURNAL, before);
  assert_ok(set_text(storage, "b", "1"));
  assert_stored(storage, "b", "1");
  lily_session_storage_close(storage);
}

static int open_its_own(void *context) {
  lily_session_storage *inherited = context, *own = NULL;
  char *json = NULL;
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &own) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_storage_get(own, "a", &json, NULL) == LILY_SESSION_OK && strcmp(json, "1") == 0);
  lily_session_free(json);
  for (int i = 0; i < 50; i++) CHILD_CHECK(set_text(own, "child", "1") == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_storage_remove(own, "child") == LILY_SESSION_OK);
  CHILD_CHECK(set_text(own, "child", "2") == LILY_SESSION_OK);
  lily_session_storage_close(inherited);
  CHILD_CHECK(set_text(own, "child", "3") == LILY_SESSION_OK);
  lily_session_storage_close(own);
  return 0;
}

TEST(fork__S16_a_child_may_open_its_own) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "a", "1"));
  assert_int_equal(in_child(open_its_own, storage), 0);
  assert_stored(storage, "child", "3");
  assert_ok(set_text(storage, "a", "2"));
  lily_session_storage_close(storage);
}

/* While the parent writes, a child must neither release the parent's lock nor keep it. */
static int hold_and_wait(void *context) {
  int *ends = context;
  char byte;
  close(ends[1]);
  CHILD_CHECK(read(ends[0], &byte, 1) == 1);
  return 0;
}

TEST(fork__S16_a_child_that_lives_on_does_not_hold_up_the_parent) {
  int ends[2];
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "a", "1"));
  assert_int_equal(pipe(ends), 0);
  const pid_t child = start_child(hold_and_wait, ends);
  assert_ok(set_text(storage, "a", "2"));
  assert_ok(lily_session_storage_remove(storage, "a"));
  assert_ok(lily_session_storage_sync(storage));
  lily_session_storage_close(storage);
  storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "a", "3"));
  lily_session_storage_close(storage);
  assert_int_equal(write(ends[1], "x", 1), 1);
  assert_int_equal(end_of_child(child), 0);
  close(ends[0]);
  close(ends[1]);
}

static int run_an_inherited_runtime(void *context) {
  struct rig *rig = context;
  struct probe *theme = rig->get_result;
  /* Nothing changed, so the dispatch may use the storage or not, and may return OK or FORKED. It updates the model in any case. */
  rig_forget(rig);
  lily_session_runtime_dispatch(rig->runtime, NULL);
  CHILD_CHECK(rig->updates == 1);
  probe_string(theme, "dark");
  CHILD_CHECK(lily_session_runtime_dispatch(rig->runtime, NULL) == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(rig->updates == 2);
  CHILD_CHECK(rig->event_count > 0);
  CHILD_CHECK(rig->events[rig->event_count - 1].kind == LILY_SESSION_EVENT_WRITE_FAILED);
  CHILD_CHECK(rig->events[rig->event_count - 1].status == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(lily_session_flush(rig->session) == LILY_SESSION_ERROR_FORKED);
  lily_session_detach(rig->session);
  CHILD_CHECK(rig->releases == 1);
  lily_session_runtime_free(rig->runtime);
  lily_session_persistence_free(rig->fields);
  CHILD_CHECK(theme->releases == 1);
  lily_session_storage_close(rig->storage);
  return 0;
}

TEST(fork__S16_an_inherited_session) {
  struct rig rig;
  struct probe theme = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  rig_attach_theme(&rig, &theme);
  rig.get_result = &theme;
  struct bytes before = file_read(JOURNAL);
  assert_int_equal(in_child(run_an_inherited_runtime, &rig), 0);
  assert_file_is(JOURNAL, before);
  probe_string(&theme, "blue");
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "\"blue\"");
  rig_end(&rig);
}

static int fork_again(void *context) { return in_child(use_inherited, context); }

TEST(fork__S16_a_grandchild) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "a", "1"));
  assert_int_equal(in_child(fork_again, storage), 0);
  assert_stored(storage, "a", "1");
  lily_session_storage_close(storage);
}
