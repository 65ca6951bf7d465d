/* READ_ONLY never writes; STRICT refuses a damaged file. */
#include "journal.h"
#include "rig.h"

#include <sys/stat.h>

static lily_session_status open_with(int32_t flags, const char *path, lily_session_storage **out_storage) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = flags;
  return lily_session_storage_open(path, &options, out_storage);
}

TEST(flags__read_only_a_missing_file) {
  lily_session_storage *storage = UNTOUCHED;
  assert_fails(NOT_FOUND, open_with(LILY_SESSION_READ_ONLY, JOURNAL, &storage));
  assert_null(storage);
  assert_int_not_equal(access(JOURNAL, F_OK), 0);
}

TEST(flags__read_only_reads_and_does_not_write) {
  journal_of(JOURNAL, "lily_session_a", "1", "b", "2", NULL);
  struct bytes before = file_read(JOURNAL);
  lily_session_storage *storage = NULL;
  assert_ok(open_with(LILY_SESSION_READ_ONLY, JOURNAL, &storage));
  assert_stored(storage, "lily_session_a", "1");
  assert_entries(storage, 2);
  assert_fails(PERMISSION, set_text(storage, "b", "3"));
  assert_fails(PERMISSION, lily_session_storage_remove(storage, "b"));
  assert_fails(PERMISSION, lily_session_clear(storage));
  assert_fails(DECODE, set_text(storage, "b", "{"));
  assert_fails(INVALID_ARGUMENT, set_text(storage, "", "3"));
  assert_ok(lily_session_storage_sync(storage));
  assert_stored(storage, "b", "2");
  lily_session_storage_close(storage);
  assert_file_is(JOURNAL, before);
}

/* A READ_ONLY handle does not cut off what a killed writer left. */
TEST(flags__read_only_leaves_a_torn_tail) {
  journal_of(JOURNAL, "a", "1", NULL);
  struct bytes whole = file_read(JOURNAL);
  struct journal journal = {NULL, 0, 0};
  journal_raw(&journal, whole.bytes, whole.length);
  journal_text(&journal, "[\"1234");
  journal_save(&journal, JOURNAL);
  free(whole.bytes);
  struct bytes before = file_read(JOURNAL);
  lily_session_storage *storage = NULL;
  assert_ok(open_with(LILY_SESSION_READ_ONLY, JOURNAL, &storage));
  assert_stored(storage, "a", "1");
  lily_session_storage_close(storage);
  assert_file_is(JOURNAL, before);
}

TEST(flags__read_only_sees_what_others_write) {
  lily_session_storage *writer = open_storage(JOURNAL), *reader = NULL;
  assert_ok(open_with(LILY_SESSION_READ_ONLY, JOURNAL, &reader));
  assert_ok(set_text(writer, "a", "1"));
  assert_stored(reader, "a", "1");
  assert_ok(lily_session_storage_remove(writer, "a"));
  assert_ok(lily_session_storage_sync(writer));
  assert_ok(set_text(writer, "b", "2"));
  assert_absent(reader, "a");
  assert_stored(reader, "b", "2");
  lily_session_storage_close(writer);
  lily_session_storage_close(reader);
}

TEST(flags__read_only_hydrates_a_session) {
  journal_of(JOURNAL, "lily_session_theme", "\"dark\"", NULL);
  struct rig rig;
  struct probe theme = {0};
  lily_session_storage *storage = NULL;
  assert_ok(open_with(LILY_SESSION_READ_ONLY, JOURNAL, &storage));
  rig_begin(&rig, storage);
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  rig_attach(&rig);
  assert_string_equal(theme.text, "dark");
  rig_dispatch(&rig);
  assert_ok(lily_session_flush(rig.session));
  rig_end(&rig);
}

static void make_damaged(void) {
  struct journal journal;
  journal_begin(&journal);
  journal_line(&journal, "\"set\",\"a\",1,0");
  journal_line(&journal, "\"set\",\"b\",2,0");
  journal.bytes[journal.length - 5] ^= 1;
  journal_line(&journal, "\"set\",\"lily_session_c\",3,0");
  journal_save(&journal, JOURNAL);
}

/* A file that is refused stays the same, also where its last line is torn. */
TEST(flags__strict_refuses_a_damaged_file) {
  const int32_t flags[] = {LILY_SESSION_STRICT, LILY_SESSION_STRICT | LILY_SESSION_READ_ONLY};
  for (int torn = 0; torn < 2; torn++) {
    make_damaged();
    struct bytes before = file_read(JOURNAL);
    if (torn) {
      before.length -= 3;
      file_write(JOURNAL, before.bytes, before.length);
    }
    for (size_t i = 0; i < COUNT(flags); i++) {
      lily_session_storage *storage = UNTOUCHED;
      assert_fails(CORRUPT, open_with(flags[i], JOURNAL, &storage));
      assert_null(storage);
    }
    assert_file_is(JOURNAL, before);
  }
  assert_int_not_equal(access(in_place("session.jsonl.damaged"), F_OK), 0);
}

TEST(flags__strict_takes_a_whole_file) {
  journal_of(JOURNAL, "a", "1", NULL);
  lily_session_storage *storage = NULL;
  assert_ok(open_with(LILY_SESSION_STRICT, JOURNAL, &storage));
  assert_ok(set_text(storage, "a", "2"));
  assert_stored(storage, "a", "2");
  lily_session_storage_close(storage);
  unlink(JOURNAL);
  assert_ok(open_with(LILY_SESSION_STRICT, JOURNAL, &storage));
  assert_entries(storage, 0);
  lily_session_storage_close(storage);
}

TEST(flags__without_strict_damage_is_read_around_and_told_of) {
  make_damaged();
  struct bytes before = file_read(JOURNAL);
  struct rig rig;
  struct probe c = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  assert_stored(rig.storage, "a", "1");
  assert_absent(rig.storage, "b");
  rig_field(&rig, &c, "c", LILY_SESSION_INT);
  rig_attach(&rig);
  assert_int_equal(c.value.as.integer, 3);
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_DAMAGED, LILY_SESSION_ERROR_CORRUPT, 0, NULL);
  rig_end(&rig);
  assert_file_is(JOURNAL, before);
}
