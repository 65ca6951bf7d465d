/* S8, S20: when a damaged file is kept beside its new one, and when the copy is removed. */
#include "journal.h"
#include "rig.h"

static void make_damaged(void) {
  struct journal journal;
  journal_begin(&journal);
  journal_line(&journal, "\"set\",\"lily_session_a\",1,0");
  journal_line(&journal, "\"set\",\"lily_session_b\",\"" SECRET "\",0");
  journal.bytes[journal.length - 3] ^= 1;
  journal_line(&journal, "\"set\",\"lily_session_c\",3,0");
  journal_save(&journal, JOURNAL);
}

#define DAMAGED in_place("session.jsonl.damaged")

/* A removal also deletes the copy, because the damaged line may hold the removed value. */
TEST(damage_kept__S8_a_removal_removes_the_copy) {
  make_damaged();
  lily_session_storage *storage = open_storage(JOURNAL);
  make_worth_rewriting(storage);
  assert_ok(lily_session_storage_sync(storage));
  assert_int_equal(access(DAMAGED, F_OK), 0);
  assert_ok(lily_session_storage_remove(storage, "lily_session_c"));
  assert_ok(lily_session_storage_sync(storage));
  assert_int_not_equal(access(DAMAGED, F_OK), 0);
  lily_session_storage_close(storage);
}

TEST(damage_kept__S8_damage_from_before_a_removal_is_not_kept) {
  make_damaged();
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(lily_session_storage_remove(storage, "lily_session_c"));
  assert_ok(lily_session_storage_sync(storage));
  lily_session_storage_close(storage);
  assert_int_not_equal(access(DAMAGED, F_OK), 0);
  assert_false(file_has(JOURNAL, SECRET));
}

TEST(damage_kept__S20_an_item_of_a_newer_format) {
  struct journal journal;
  journal_begin(&journal);
  journal_line(&journal, "\"batch\",[[\"set\",\"a\",1,0],[\"merge\",\"b\",2]]");
  journal_save(&journal, JOURNAL);
  struct bytes before = file_read(JOURNAL);
  lily_session_storage *storage = open_storage(JOURNAL);
  /* A batch is applied as a whole or not at all, and this version does not know one of its items. */
  assert_absent(storage, "a");
  lily_session_storage_close(storage);
  assert_file_is(JOURNAL, before);
}

TEST(damage_kept__S6_a_session_on_a_file_of_a_newer_format) {
  struct journal journal;
  journal_begin(&journal);
  journal_line(&journal, "\"set\",\"lily_session_a\",1,0");
  journal_line(&journal, "\"merge\",1");
  journal_save(&journal, JOURNAL);
  struct rig rig;
  struct probe a = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &a, "a", LILY_SESSION_INT);
  rig_attach(&rig);
  assert_int_equal(a.value.as.integer, 1);
  probe_int(&a, 2);
  assert_fails(NEWER, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_event(&rig, 0, LILY_SESSION_EVENT_WRITE_FAILED, LILY_SESSION_ERROR_NEWER, 0, "a");
  assert_state(rig.session, "a", LILY_SESSION_STATE_LOADED | LILY_SESSION_STATE_DIRTY);
  rig_end(&rig);
}
