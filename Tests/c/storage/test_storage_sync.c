/* lily_session_storage_sync(): that it does nothing if there is nothing to do, and how small it keeps a file. */
#include "journal.h"
#include "storages.h"

#include <sys/stat.h>

static ino_t inode(const char *path) {
  struct stat status;
  assert_int_equal(stat(path, &status), 0);
  return status.st_ino;
}

TEST(storage_sync__null_storage) { assert_fails(INVALID_ARGUMENT, lily_session_storage_sync(NULL)); }

TEST(storage_sync__memory) {
  lily_session_storage *storage = open_memory();
  assert_ok(set_text(storage, "a", "1"));
  assert_ok(lily_session_storage_sync(storage));
  assert_stored(storage, "a", "1");
  lily_session_storage_close(storage);
}

TEST(storage_sync__S12_a_handle_that_wrote_nothing_does_nothing) {
  struct journal journal;
  journal_begin(&journal);
  journal_line(&journal, "\"set\",\"a\",\"" SECRET "\",0");
  journal_line(&journal, "\"remove\",\"a\"");
  journal_save(&journal, JOURNAL);
  struct bytes before = file_read(JOURNAL);
  const ino_t was = inode(JOURNAL);
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_entries(storage, 0);
  assert_ok(lily_session_storage_sync(storage));
  assert_ok(lily_session_storage_sync(storage));
  lily_session_storage_close(storage);
  assert_int_equal(inode(JOURNAL), was);
  assert_file_is(JOURNAL, before);
}

TEST(storage_sync__a_file_far_past_what_it_stores_becomes_small) {
  lily_session_storage *storage = open_storage(JOURNAL);
  char *text = repeated('x', 8192);
  text[0] = text[8191] = '"';
  for (int i = 0; i < 700; i++) assert_ok(set_text(storage, "a", text));
  assert_ok(lily_session_storage_sync(storage));
  struct stat status;
  assert_int_equal(stat(JOURNAL, &status), 0);
  assert_true(status.st_size < 64 * 1024);
  assert_stored(storage, "a", text);
  lily_session_storage_close(storage);
  free(text);
}

/* A field that changes for ever does not fill the disk, even if nobody syncs. */
TEST(storage_set__S17_a_file_is_bounded_without_sync) {
  lily_session_storage *storage = open_storage(JOURNAL);
  char *text = repeated('x', 65536);
  text[0] = text[65535] = '"';
  for (int i = 0; i < 300; i++) assert_ok(set_text(storage, "a", text));
  struct stat status;
  assert_int_equal(stat(JOURNAL, &status), 0);
  assert_true(status.st_size <= (4 << 20) + 2 * 65536);
  assert_stored(storage, "a", text);
  lily_session_storage_close(storage);
  free(text);
}
