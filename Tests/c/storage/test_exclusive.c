/* S22: a storage that is exclusive keeps the lock from opening to closing. S24: one that closes without a sync. This program defines ftruncate
   and others, which the library finds before the C library's, and lets them fail. */
#include "files.h"
#include "journal.h"
#include "rig.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static bool cutting_fails, writing_fails, writing_is_cut, reading_fails;

ssize_t write(int file, const void *bytes, size_t count) {
  if (writing_is_cut) return writing_is_cut = false, syscall(SYS_write, file, bytes, count / 2);
  if (writing_fails) return errno = ENOSPC, -1;
  return syscall(SYS_write, file, bytes, count);
}

ssize_t pread(int file, void *bytes, size_t count, off_t offset) {
  if (reading_fails) return errno = EIO, -1;
  return syscall(SYS_pread64, file, bytes, count, offset);
}

int ftruncate(int file, off_t size) {
  if (cutting_fails) return errno = EIO, -1;
  return (int)syscall(SYS_ftruncate, file, size);
}

static lily_session_status open_with(int32_t flags, lily_session_storage **out_storage) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = flags;
  return lily_session_storage_open(JOURNAL, &options, out_storage);
}

static lily_session_storage *open_exclusive_and_durable(void) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = LILY_SESSION_EXCLUSIVE;
  options.durability = LILY_SESSION_DURABILITY_POWER;
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
  return storage;
}

static lily_session_storage *open_exclusive(void) { return open_flagged(JOURNAL, LILY_SESSION_EXCLUSIVE, NULL); }

/* `call` is to open `storage`, and cannot. */
#define assert_not_had(call, storage) \
  do {                                \
    assert_fails(BUSY, call);         \
    assert_null(storage);             \
  } while (0)

static int open_in_child(void *context) {
  lily_session_storage *storage = NULL;
  (void)context;
  CHILD_CHECK(open_with(LILY_SESSION_EXCLUSIVE, &storage) == LILY_SESSION_ERROR_BUSY);
  CHILD_CHECK(storage == NULL);
  return 0;
}

TEST(exclusive__S22_only_one_may_be_open) {
  lily_session_storage *storage = open_exclusive(), *second = UNTOUCHED;
  assert_ok(set_text(storage, "k", "1"));
  assert_not_had(open_with(LILY_SESSION_EXCLUSIVE, &second), second);
  assert_int_equal(in_child(open_in_child, NULL), 0);
  assert_ok(set_text(storage, "k", "2"));
  lily_session_storage_close(storage);
  storage = open_exclusive();
  assert_stored(storage, "k", "2");
  lily_session_storage_close(storage);
}

TEST(exclusive__S22_read_only_handles_read_on) {
  lily_session_storage *storage = open_exclusive(), *reader = NULL;
  assert_ok(set_text(storage, "k", "1"));
  assert_ok(open_with(LILY_SESSION_READ_ONLY, &reader));
  for (int i = 0; i < 5; i++) {
    char json[9];
    snprintf(json, sizeof json, "%d", i);
    assert_ok(set_text(storage, "k", json));
    assert_stored(reader, "k", json);
    if (i == 2) make_worth_rewriting(storage);
    assert_ok(lily_session_storage_sync(storage)); /* a new file is exclusive, too */
  }
  lily_session_storage *second = UNTOUCHED;
  assert_not_had(open_with(LILY_SESSION_EXCLUSIVE, &second), second);
  lily_session_storage_close(reader);
  lily_session_storage_close(storage);
}

/* A handle that was open before reads on, and cannot write. */
TEST(exclusive__S22_handles_from_before) {
  lily_session_storage *before = open_storage(JOURNAL), *storage;
  assert_ok(set_text(before, "k", "1"));
  storage = open_exclusive();
  assert_ok(set_text(storage, "k", "2"));
  assert_stored(before, "k", "2");
  assert_fails(BUSY, set_text(before, "k", "3"));
  assert_stored(before, "k", "2");
  lily_session_storage_close(storage);
  assert_ok(set_text(before, "k", "3"));
  lily_session_storage_close(before);
}

/* Somebody gives others rights to the file while it is open. Only the lock of a stranger may be passed over. */
TEST(exclusive__S22_others_get_rights_to_the_file) {
  lily_session_storage *storage = open_exclusive(), *second = UNTOUCHED;
  assert_ok(set_text(storage, "k", "1"));
  for (int rewritten = 0; rewritten < 2; rewritten++) {
    assert_int_equal(chmod(JOURNAL, 0644), 0);
    assert_not_had(open_with(rewritten ? LILY_SESSION_EXCLUSIVE : 0, &second), second);
    assert_ok(set_text(storage, "k", rewritten ? "3" : "2"));
    assert_ok(lily_session_storage_sync(storage));
    assert_int_equal(mode_of(JOURNAL), 0600);
  }
  lily_session_storage_close(storage);
  storage = open_storage(JOURNAL);
  assert_stored(storage, "k", "3");
  lily_session_storage_close(storage);
}

TEST(exclusive__S22_a_stranger_has_the_lock) {
  journal_of(JOURNAL, "k", "1", NULL);
  assert_int_equal(chmod(JOURNAL, 0644), 0);
  const int stranger = open(JOURNAL, O_RDONLY | O_CLOEXEC);
  assert_int_equal(flock(stranger, LOCK_EX), 0);
  lily_session_storage *storage = open_exclusive(), *second = UNTOUCHED;
  assert_int_equal(mode_of(JOURNAL), 0600);
  assert_ok(set_text(storage, "k", "2"));
  assert_not_had(open_with(LILY_SESSION_EXCLUSIVE, &second), second);
  lily_session_storage_close(storage);
  close(stranger);
  storage = open_storage(JOURNAL);
  assert_stored(storage, "k", "2");
  lily_session_storage_close(storage);
}

TEST(exclusive__a_storage_that_is_read_only_is_not) {
  lily_session_storage *storage = UNTOUCHED;
  lily_session_storage_close(open_storage(JOURNAL));
  assert_fails(INVALID_ARGUMENT, open_with(LILY_SESSION_EXCLUSIVE | LILY_SESSION_READ_ONLY, &storage));
  assert_null(storage);
  assert_fails(INVALID_ARGUMENT, open_with(32, &storage));
}

/* The file lives as long as a session has it. */
TEST(exclusive__S22_until_its_sessions_are_detached) {
  struct rig rig;
  struct probe theme = {0};
  lily_session_storage *second = UNTOUCHED;
  rig_begin(&rig, open_exclusive());
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  probe_string(&theme, "light");
  rig_attach(&rig);
  lily_session_storage_close(rig.storage);
  rig.storage = NULL;
  assert_not_had(open_with(LILY_SESSION_EXCLUSIVE, &second), second);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  rig_end(&rig);
  second = open_exclusive();
  assert_stored(second, "lily_session_theme", "\"dark\"");
  lily_session_storage_close(second);
}

static int close_inherited(void *context) {
  lily_session_storage_close(context);
  return 0;
}

/* A child of fork that closes the handle does not give the lock back. */
TEST(exclusive__S16_a_child_of_fork_leaves_the_lock) {
  lily_session_storage *storage = open_exclusive(), *second = UNTOUCHED;
  assert_int_equal(in_child(close_inherited, storage), 0);
  assert_not_had(open_with(LILY_SESSION_EXCLUSIVE, &second), second);
  assert_ok(set_text(storage, "k", "1"));
  lily_session_storage_close(storage);
  lily_session_storage_close(open_exclusive());
}

static int stay(void *context) {
  (void)context;
  pause();
  return 0;
}

/* The lock is given back at closing even while a child of fork has the file open. */
TEST(exclusive__S22_closing_gives_the_lock_back) {
  lily_session_storage *storage = open_exclusive();
  const pid_t child = start_child(stay, NULL);
  lily_session_storage_close(storage);
  storage = open_exclusive();
  assert_ok(set_text(storage, "k", "1"));
  lily_session_storage_close(storage);
  kill(child, SIGKILL);
  end_of_child(child);
}

/* The path decides: the next sync meets what has been put there, and says that the latest changes may be lost. */
TEST(exclusive__S21_another_file_is_met) {
  lily_session_storage *storage = open_exclusive(), *second = UNTOUCHED;
  assert_ok(set_text(storage, "k", "1"));
  journal_of(in_place("other.jsonl"), "k", "7", NULL);
  assert_int_equal(rename(in_place("other.jsonl"), JOURNAL), 0);
  assert_ok(set_text(storage, "l", "1"));
  assert_fails(NOT_DURABLE, lily_session_storage_sync(storage));
  assert_ok(lily_session_storage_sync(storage));
  assert_stored(storage, "k", "7");
  assert_ok(set_text(storage, "l", "2"));
  assert_not_had(open_with(LILY_SESSION_EXCLUSIVE, &second), second);
  assert_int_equal(unlink(JOURNAL), 0);
  assert_fails(NOT_DURABLE, lily_session_storage_sync(storage));
  assert_absent(storage, "k");
  assert_ok(set_text(storage, "k", "8"));
  assert_not_had(open_with(LILY_SESSION_EXCLUSIVE, &second), second);
  lily_session_storage_close(storage);
  storage = open_storage(JOURNAL);
  assert_stored(storage, "k", "8");
  assert_absent(storage, "l");
  lily_session_storage_close(storage);
}

/* Others see a changed file at once, but an exclusive storage only looks at some calls. What it finds then, it tells at the next sync. */
TEST(exclusive__S21_a_refresh_that_finds_another_file_is_no_sync) {
  lily_session_storage *storage = open_exclusive();
  assert_ok(set_text(storage, "k", "1"));
  assert_int_equal(unlink(JOURNAL), 0);
  assert_absent(storage, "k");
  assert_fails(NOT_DURABLE, lily_session_storage_sync(storage));
  assert_ok(lily_session_storage_sync(storage));
  lily_session_storage_close(storage);
}

/* An exclusive storage in which each write is durable looks before it says so. */
TEST(exclusive__S12_each_write_is_durable_in_the_right_file) {
  lily_session_storage *storage = open_exclusive_and_durable();
  assert_ok(set_text(storage, "k", "1"));
  journal_of(in_place("other.jsonl"), "k", "7", NULL);
  assert_int_equal(rename(in_place("other.jsonl"), JOURNAL), 0);
  assert_fails(NOT_DURABLE, set_text(storage, "k", "2"));
  lily_session_storage_close(storage);
}

/* Nothing is removed or cleared in a file that is no longer at the path. */
TEST(exclusive__S8_what_is_at_the_path_is_removed) {
  for (int clears = 0; clears < 2; clears++) {
    lily_session_storage *storage = open_exclusive();
    assert_ok(set_text(storage, "lily_session_k", "1"));
    journal_of(in_place("other.jsonl"), "lily_session_k", "\"" SECRET "\"", NULL);
    assert_int_equal(rename(in_place("other.jsonl"), JOURNAL), 0);
    assert_ok(clears ? lily_session_clear(storage) : lily_session_storage_remove(storage, "lily_session_k"));
    assert_absent(storage, "lily_session_k");
    lily_session_storage_sync(storage);
    assert_false(file_has(JOURNAL, SECRET));
    lily_session_storage_close(storage);
    storage = open_storage(JOURNAL);
    assert_absent(storage, "lily_session_k");
    lily_session_storage_close(storage);
  }
}

/* A file that was emptied, cut or lengthened by somebody else is written anew from memory, which has everything acknowledged. */
TEST(exclusive__S4_a_file_that_was_cut_is_mended) {
  for (int size = 0; size < 320; size += 35) {
    for (int reads = 0; reads < 2; reads++) {
      lily_session_storage *storage = open_exclusive();
      assert_ok(set_text(storage, "k", "1"));
      assert_ok(set_text(storage, "l", "1"));
      assert_ok(lily_session_storage_sync(storage));
      assert_int_equal(truncate(JOURNAL, size), 0);
      assert_ok(set_text(storage, "k", "2"));
      if (reads) assert_stored(storage, "l", "1");
      assert_ok(lily_session_storage_sync(storage));
      lily_session_storage_close(storage);
      storage = open_exclusive();
      assert_stored(storage, "k", "2");
      assert_stored(storage, "l", "1");
      assert_int_equal(info_of(storage).damaged_lines, 0);
      lily_session_storage_close(storage);
      assert_int_equal(unlink(JOURNAL), 0);
    }
  }
}

static void append_as_somebody_else(void) {
  const int file = open(JOURNAL, O_WRONLY | O_APPEND | O_CLOEXEC);
  assert_int_equal(syscall(SYS_write, file, "xx", 2), 2);
  close(file);
}

/* A write that fails finds that somebody has written to the file before. What was acknowledged since then is not cut off. */
TEST(exclusive__S4_a_failed_write_behind_what_somebody_has_appended) {
  for (int clears = 0; clears < 2; clears++) {
    lily_session_storage *storage = open_exclusive(), *reader;
    assert_ok(set_text(storage, "lily_session_k", "\"" SECRET "\""));
    append_as_somebody_else();
    assert_ok(set_text(storage, "lily_session_l", "2"));
    writing_fails = true;
    assert_fails(NO_SPACE, set_text(storage, "lily_session_l", "3"));
    writing_fails = false;
    assert_ok(clears ? lily_session_clear(storage) : lily_session_storage_sync(storage));
    reader = open_flagged(JOURNAL, LILY_SESSION_READ_ONLY, NULL);
    if (clears) assert_absent(reader, "lily_session_k"), assert_absent(reader, "lily_session_l");
    else assert_stored(reader, "lily_session_k", "\"" SECRET "\""), assert_stored(reader, "lily_session_l", "2");
    lily_session_storage_close(reader);
    lily_session_storage_close(storage);
    assert_int_equal(unlink(JOURNAL), 0);
  }
}

/* So it does if what the failed write has left cannot be looked at. */
TEST(exclusive__S4_a_failed_write_that_nobody_can_look_at) {
  lily_session_storage *storage = open_exclusive();
  assert_ok(set_text(storage, "k", "1"));
  writing_fails = writing_is_cut = reading_fails = true;
  assert_fails(NO_SPACE, set_text(storage, "k", "2"));
  writing_fails = writing_is_cut = reading_fails = false;
  assert_ok(set_text(storage, "k", "3"));
  lily_session_storage *reader = open_flagged(JOURNAL, LILY_SESSION_READ_ONLY, NULL);
  assert_stored(reader, "k", "3");
  assert_int_equal(info_of(reader).damaged_lines, 0);
  lily_session_storage_close(reader);
  lily_session_storage_close(storage);
}

/* A file that was cut, and cannot be written anew, is not filled with zeros, and its entries are read from memory. */
TEST(exclusive__S4_a_cut_file_on_a_full_disk) {
  lily_session_storage *storage = open_exclusive();
  assert_ok(set_text(storage, "k", "1"));
  const off_t cut = (off_t)size_of(JOURNAL) - 4;
  assert_int_equal(truncate(JOURNAL, cut), 0);
  writing_fails = true;
  assert_fails(NO_SPACE, lily_session_storage_sync(storage));
  assert_stored(storage, "k", "1");
  writing_fails = false;
  assert_int_equal(size_of(JOURNAL), cut);
  assert_ok(set_text(storage, "l", "2"));
  assert_ok(lily_session_storage_sync(storage));
  assert_int_equal(truncate(JOURNAL, cut), 0);
  assert_ok(lily_session_storage_sync(storage)); /* nothing is owed, and it looks all the same */
  lily_session_storage *reader = open_flagged(JOURNAL, LILY_SESSION_READ_ONLY, NULL);
  assert_stored(reader, "k", "1");
  assert_stored(reader, "l", "2");
  lily_session_storage_close(reader);
  lily_session_storage_close(storage);
}

/* Where each write is durable, it also is if somebody has written to the file before. */
TEST(exclusive__S12_a_write_behind_what_somebody_has_appended) {
  lily_session_storage *storage = open_exclusive_and_durable();
  assert_ok(set_text(storage, "k", "1"));
  append_as_somebody_else();
  assert_ok(set_text(storage, "k", "2"));
  lily_session_storage *reader = open_flagged(JOURNAL, LILY_SESSION_READ_ONLY, NULL);
  assert_stored(reader, "k", "2");
  lily_session_storage_close(reader);
  lily_session_storage_close(storage);
}

/* What comes after a part of a line that could not be cut off is in a line of its own. */
TEST(exclusive__S4_a_fragment_that_cannot_be_cut_off) {
  limit_files(1 << 30);
  lily_session_storage *storage = open_exclusive();
  assert_ok(set_text(storage, "a", "1"));
  limit_files(size_of(JOURNAL) + 20);
  cutting_fails = true;
  assert_fails(NO_SPACE, set_text(storage, "b", "\"torn\""));
  assert_fails(NO_SPACE, lily_session_storage_remove(storage, "a")); /* not even the end of the fragment can be written */
  limit_files(1 << 30);
  assert_ok(set_text(storage, "c", "1"));
  assert_ok(set_text(storage, "d", "1"));
  cutting_fails = false;
  lily_session_storage *reader = open_flagged(JOURNAL, LILY_SESSION_READ_ONLY, NULL);
  assert_stored(reader, "c", "1");
  assert_stored(reader, "d", "1");
  lily_session_storage_close(reader);
  lily_session_storage_close(storage);
}

/* Readers do not wait for the lock that is never given back, even if a line is damaged. */
TEST(exclusive__S22_readers_read_around_damage) {
  struct journal journal;
  journal_begin(&journal);
  journal_line(&journal, "\"set\",\"a\",1,0");
  journal_line(&journal, "\"set\",\"b\",2,0");
  journal.bytes[journal.length - 3] ^= 1;
  journal_line(&journal, "\"set\",\"c\",3,0");
  journal_save(&journal, JOURNAL);
  lily_session_storage *storage = open_exclusive(), *reader = open_flagged(JOURNAL, LILY_SESSION_READ_ONLY, NULL);
  assert_stored(reader, "a", "1");
  assert_absent(reader, "b");
  assert_stored(reader, "c", "3");
  assert_ok(set_text(storage, "d", "4"));
  assert_stored(reader, "d", "4");
  lily_session_storage_close(reader);
  lily_session_storage_close(storage);
}

/* Each scope has a file, which is locked by the handle that has the scope open. */
TEST(exclusive__S23_scopes_as_files) {
  const int32_t flags = LILY_SESSION_EXCLUSIVE | LILY_SESSION_SCOPE_FILES;
  lily_session_storage *parent = open_flagged(JOURNAL, flags, NULL), *a = open_scope(parent, "a"), *second = UNTOUCHED;
  assert_ok(set_text(a, "k", "1"));
  assert_not_had(lily_session_storage_scoped(parent, "a", &second), second);
  lily_session_storage *b = open_scope(parent, "b");
  assert_ok(set_text(b, "lily_session_k", "1"));
  lily_session_storage_close(a);
  a = open_scope(parent, "a");
  assert_stored(a, "k", "1");
  size_t removed = 7;
  assert_ok(lily_session_clear(b));
  assert_ok(lily_session_storage_sweep(parent, 0, &removed));
  assert_int_equal(removed, 0); /* it is in use */
  lily_session_storage_close(b);
  assert_ok(lily_session_storage_sweep(parent, 0, &removed));
  assert_int_equal(removed, 1);
  lily_session_storage_close(a);
  lily_session_storage_close(parent);
}

/* What a writer left that was killed is cut off before anything is appended. */
TEST(exclusive__S22_a_torn_end) {
  for (int scoped = 0; scoped < 2; scoped++) {
    const int32_t flags = LILY_SESSION_EXCLUSIVE | LILY_SESSION_SCOPE_FILES;
    lily_session_storage *parent = open_flagged(JOURNAL, flags, NULL), *storage = scoped ? open_scope(parent, "a") : parent;
    assert_ok(set_text(storage, "k", "1"));
    char path[400];
    strcpy(path, lily_session_storage_path(storage));
    if (scoped) lily_session_storage_close(storage);
    lily_session_storage_close(parent);
    FILE *file = fopen(path, "a");
    fputs("[\"0123", file);
    fclose(file);
    parent = open_flagged(JOURNAL, flags, NULL), storage = scoped ? open_scope(parent, "a") : parent;
    assert_ok(set_text(storage, "l", "2"));
    assert_ok(set_text(storage, "m", "3"));
    if (scoped) lily_session_storage_close(storage);
    lily_session_storage_close(parent);
    storage = open_storage(path);
    assert_stored(storage, "k", "1");
    assert_stored(storage, "l", "2");
    assert_stored(storage, "m", "3");
    lily_session_storage_close(storage);
  }
}

/* A removed value stays in the file when a storage with NO_SYNC is closed, and goes with a sync. */
TEST(no_sync__S24_closing_does_not_sync) {
  lily_session_storage *storage = open_flagged(JOURNAL, LILY_SESSION_NO_SYNC, NULL);
  assert_ok(set_text(storage, "lily_session_token", "\"" SECRET "\""));
  assert_ok(lily_session_clear(storage));
  assert_int_equal(info_of(storage).owes_sync, 1);
  lily_session_storage_close(storage);
  assert_true(file_has(JOURNAL, SECRET));
  storage = open_flagged(JOURNAL, LILY_SESSION_NO_SYNC, NULL);
  assert_absent(storage, "lily_session_token");
  assert_ok(set_text(storage, "lily_session_token", "\"" SECRET "\""));
  assert_ok(lily_session_clear(storage));
  assert_ok(lily_session_storage_sync(storage));
  assert_false(file_has(JOURNAL, SECRET));
  lily_session_storage_close(storage);
}

TEST(no_sync__S24_detaching_does_not_sync) {
  struct rig rig;
  struct probe theme = {0};
  lily_session_storage *storage = open_flagged(JOURNAL, LILY_SESSION_NO_SYNC, NULL);
  rig_lend(&rig, storage);
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  probe_string(&theme, "light");
  rig_attach(&rig);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_ok(lily_session_flush(rig.session));
  assert_int_equal(info_of(storage).owes_sync, 0);
  probe_string(&theme, "blue");
  lily_session_detach(rig.session); /* it stores what changed */
  rig.session = NULL;
  assert_int_equal(info_of(storage).owes_sync, 1);
  assert_stored(storage, "lily_session_theme", "\"blue\"");
  rig_end(&rig);
  lily_session_storage_close(storage);
}
