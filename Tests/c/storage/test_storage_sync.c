/* lily_session_storage_sync() and _close(): what was removed leaves the file. */
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

TEST(storage_sync__S12_keeps_what_lives) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "a", "1"));
  assert_ok(lily_session_storage_set(storage, "b", "[2]", 3, INT64_MAX));
  assert_ok(set_text(storage, "c", "3"));
  assert_ok(lily_session_storage_remove(storage, "c"));
  assert_ok(lily_session_storage_sync(storage));
  assert_stored(storage, "a", "1");
  assert_stored(storage, "b", "[2]");
  assert_entries(storage, 2);
  lily_session_storage_close(storage);
  storage = open_storage(JOURNAL);
  assert_stored(storage, "a", "1");
  assert_stored(storage, "b", "[2]");
  assert_entries(storage, 2);
  lily_session_storage_close(storage);
}

TEST(storage_sync__S8_a_removed_secret_leaves_the_file) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "a", "\"" SECRET "\""));
  assert_ok(set_text(storage, "b", "1"));
  assert_true(file_has(JOURNAL, SECRET));
  assert_ok(lily_session_storage_remove(storage, "a"));
  assert_ok(lily_session_storage_sync(storage));
  assert_false(file_has(JOURNAL, SECRET));
  assert_int_not_equal(access(in_place("session.jsonl.damaged"), F_OK), 0);
  lily_session_storage_close(storage);
}

TEST(storage_close__S8_a_removed_secret_leaves_the_file) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "a", "\"" SECRET "\""));
  assert_ok(lily_session_storage_remove(storage, "a"));
  lily_session_storage_close(storage);
  assert_false(file_has(JOURNAL, SECRET));
}

TEST(storage_sync__a_rewritten_file_is_a_journal_without_damage) {
  lily_session_storage *storage = open_storage(JOURNAL);
  for (int i = 0; i < 300; i++) {
    char key[20], json[40];
    snprintf(key, sizeof key, "key %d", i % 100);
    snprintf(json, sizeof json, "{\"n\":%d.50}", i);
    assert_ok(set_text(storage, key, json));
  }
  assert_ok(lily_session_storage_remove(storage, "key 7"));
  assert_ok(lily_session_storage_sync(storage));
  lily_session_storage_close(storage);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = LILY_SESSION_STRICT;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
  assert_entries(storage, 99);
  assert_stored(storage, "key 42", "{\"n\":242.50}");
  lily_session_storage_close(storage);
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

/* One field that changes for ever does not fill the disk, though nobody syncs. */
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

/* The new file's name is not taken on trust: a link there would have the session written wherever it leads. */
static void plant_link(const char *path) { assert_int_equal(symlink(in_place("victim"), path), 0); }
static void plant_folder(const char *path) { assert_int_equal(mkdir(path, 0700), 0); }
static void plant_fifo(const char *path) { assert_int_equal(mkfifo(path, 0600), 0); }
static void plant_file(const char *path) { file_write(path, "evil", 4); }

TEST(storage_sync__S18_a_planted_temporary_file) {
  static void (*const plants[])(const char *) = {plant_link, plant_folder, plant_fifo, plant_file};
  file_write(in_place("victim"), "precious", 8);
  for (size_t i = 0; i < COUNT(plants); i++) {
    journal_of(JOURNAL, "a", "\"" SECRET "\"", "b", "1", NULL);
    const char *temporary = in_place(journal_temporary());
    plants[i](temporary);
    lily_session_storage *storage = open_storage(JOURNAL);
    assert_ok(lily_session_storage_remove(storage, "a"));
    assert_ok(lily_session_storage_sync(storage));
    assert_stored(storage, "b", "1");
    lily_session_storage_close(storage);
    assert_int_equal(operations(JOURNAL), 1); /* it was rewritten */
    assert_false(file_has(JOURNAL, SECRET));
    if (rmdir(temporary) != 0) assert_int_not_equal(access(temporary, F_OK), 0);
    unlink(JOURNAL);
  }
  struct bytes victim = file_read(in_place("victim"));
  assert_string_equal(victim.bytes, "precious");
  free(victim.bytes);
}
