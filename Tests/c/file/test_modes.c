/* S18: a session can be read by its owner alone, and an event tells of a directory that others can write to. */
#include "files.h"
#include "journal.h"
#include "rig.h"

#include <sys/stat.h>

TEST(modes__S18_the_file_is_0600_whatever_the_umask) {
  const mode_t masks[] = {0, 022, 077, 0777, 0400, 0200, 0600};
  for (size_t i = 0; i < COUNT(masks); i++) {
    umask(masks[i]);
    lily_session_storage *storage = open_storage(JOURNAL);
    assert_int_equal(mode_of(JOURNAL), 0600);
    assert_ok(set_text(storage, "a", "1"));
    assert_ok(lily_session_storage_remove(storage, "a"));
    /* The file is rewritten here: a new one takes its place. */
    assert_ok(lily_session_storage_sync(storage));
    assert_int_equal(mode_of(JOURNAL), 0600);
    lily_session_storage_close(storage);
    assert_int_equal(umask(022), masks[i]); /* the library has not changed the umask of the process */
    assert_int_equal(unlink(JOURNAL), 0);
  }
}

TEST(modes__S18_the_copy_of_a_damaged_file_is_0600) {
  struct journal journal;
  journal_begin(&journal);
  journal_line(&journal, "\"set\",\"a\",1,0");
  journal_text(&journal, "damage\n");
  journal_save(&journal, JOURNAL);
  umask(0);
  lily_session_storage *storage = open_storage(JOURNAL);
  make_worth_rewriting(storage);
  assert_ok(lily_session_storage_sync(storage));
  lily_session_storage_close(storage);
  assert_int_equal(mode_of(JOURNAL), 0600);
  assert_int_equal(mode_of(in_place("session.jsonl.damaged")), 0600);
}

/* Checks whether attach reports a directory of this mode. */
static void check_directory(mode_t mode, bool told) {
  struct rig rig;
  assert_int_equal(mkdir(in_place("directory"), 0700), 0);
  assert_int_equal(chmod(in_place("directory"), mode), 0);
  rig_begin(&rig, open_storage(in_place("directory/session.jsonl")));
  rig_attach(&rig);
  assert_int_equal(rig.event_count, told ? 1 : 0);
  if (told) assert_event(&rig, 0, LILY_SESSION_EVENT_DIRECTORY, LILY_SESSION_ERROR_PERMISSION, 0, NULL);
  rig_dispatch(&rig);
  assert_int_equal(rig.event_count, told ? 1 : 0);
  rig_end(&rig);
  assert_int_equal(unlink(in_place("directory/session.jsonl")), 0);
  assert_int_equal(rmdir(in_place("directory")), 0);
}

TEST(modes__S18_a_directory_that_others_can_write_to) {
  check_directory(0777, true);
  check_directory(0707, true);
  check_directory(0703, true);
}

TEST(modes__S18_a_directory_that_its_group_can_write_to) { check_directory(0770, true); }

TEST(modes__S18_a_sticky_directory) {
  check_directory(01777, false);
  check_directory(01770, false);
}

TEST(modes__S18_a_directory_that_others_can_only_read) {
  check_directory(0700, false);
  check_directory(0755, false);
}

TEST(modes__no_event_for_memory) {
  struct rig rig;
  rig_begin(&rig, open_memory());
  rig_attach(&rig);
  assert_int_equal(rig.event_count, 0);
  rig_end(&rig);
}
