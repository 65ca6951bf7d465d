/* S12, S8: that a file or a value is gone survives power loss, too, once a sync returns OK. This program defines unlinkat, fsync and fdatasync, which
   the library finds before the C library's. By them it knows whether a folder in which a name went away was synced since, and how often a file was. */
#include "files.h"
#include "journal.h"
#include "rig.h"

#include <sys/stat.h>
#include <sys/syscall.h>

static ino_t folder; /* in which a name went away that no sync has made durable; 0: none */
static bool fails;   /* a folder cannot be synced */
static int datasyncs;

int fdatasync(int file) {
  datasyncs++;
  return (int)syscall(SYS_fdatasync, file);
}

int unlinkat(int directory, const char *name, int flags) {
  const int result = (int)syscall(SYS_unlinkat, directory, name, flags);
  struct stat status;
  if (result == 0 && fstat(directory, &status) == 0) folder = status.st_ino;
  return result;
}

int fsync(int file) {
  struct stat status;
  if (fstat(file, &status) == 0 && S_ISDIR(status.st_mode)) {
    if (fails) return errno = EIO, -1;
    if (status.st_ino == folder) folder = 0;
  }
  return (int)syscall(SYS_fsync, file);
}

static lily_session_storage *parent, *scope, *other_parent, *other; /* two handles of one scope */

static lily_session_storage *open_parent(int32_t durability) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = LILY_SESSION_SCOPE_FILES;
  options.durability = durability;
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
  return storage;
}

static void begin(int32_t durability) {
  limit_files(1 << 30);
  folder = 0, fails = false;
  parent = open_parent(durability), scope = open_scope(parent, "u");
  other_parent = open_parent(LILY_SESSION_DURABILITY_PROCESS), other = open_scope(other_parent, "u");
  assert_ok(set_text(other, "lily_session_token", "\"" SECRET "\""));
  assert_ok(lily_session_storage_sync(other));
}

static void end(void) {
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
  lily_session_storage_close(other);
  lily_session_storage_close(other_parent);
}

static void sweep(lily_session_storage *all) {
  size_t removed = 0;
  assert_ok(lily_session_storage_sweep(all, 0, &removed));
  assert_int_equal(removed, 1);
  assert_true(folder != 0); /* a sweep itself promises nothing */
}

/* Whoever has cleared a scope may rely on the next sync, even if somebody has swept it since. */
TEST(absence__S12_a_sync_after_a_clear_and_a_sweep) {
  for (int looks = 0; looks < 2; looks++) {
    begin(LILY_SESSION_DURABILITY_PROCESS);
    assert_ok(lily_session_clear(scope));
    sweep(other_parent);
    if (looks) assert_absent(scope, "lily_session_token"); /* this notices that the file is gone */
    fails = true;
    assert_fails(NOT_DURABLE, lily_session_storage_sync(scope));
    fails = false;
    assert_ok(lily_session_storage_sync(scope));
    assert_true(folder == 0);
    end();
  }
}

TEST(absence__S12_a_clear_after_an_unsynced_sweep) {
  for (int32_t durability = LILY_SESSION_DURABILITY_PROCESS; durability <= LILY_SESSION_DURABILITY_POWER; durability++) {
    begin(durability);
    assert_ok(lily_session_clear(other));
    sweep(other_parent);
    if (durability == LILY_SESSION_DURABILITY_POWER) {
      fails = true;
      assert_fails(NOT_DURABLE, lily_session_clear(scope));
      fails = false;
    }
    assert_ok(lily_session_clear(scope));
    if (durability == LILY_SESSION_DURABILITY_PROCESS) assert_ok(lily_session_storage_sync(scope));
    assert_true(folder == 0);
    end();
  }
}

/* The file itself goes because the disk is full. */
TEST(absence__S12_a_clear_on_a_full_disk) {
  for (int32_t durability = LILY_SESSION_DURABILITY_PROCESS; durability <= LILY_SESSION_DURABILITY_POWER; durability++) {
    begin(durability);
    limit_files(20); /* the mark of clears has 17 bytes */
    assert_ok(lily_session_clear(scope));
    assert_int_equal(access(lily_session_storage_path(scope), F_OK), -1);
    if (durability == LILY_SESSION_DURABILITY_PROCESS) assert_ok(lily_session_storage_sync(scope));
    assert_true(folder == 0);
    limit_files(1 << 30);
    end();
  }
}

/* What somebody else has removed, and not synced, is absent only until the power fails. */
TEST(absence__S12_a_durable_removal_of_what_another_has_removed) {
  begin(LILY_SESSION_DURABILITY_POWER);
  assert_ok(lily_session_storage_remove(other, "lily_session_token"));
  datasyncs = 0;
  assert_ok(lily_session_storage_remove(scope, "lily_session_token"));
  assert_true(datasyncs > 0);
  assert_ok(lily_session_storage_set(other, "lily_session_token", "1", 1, 1));
  sweep(other_parent);
  assert_ok(lily_session_storage_remove(scope, "lily_session_token"));
  assert_true(folder == 0);
  end();
}

TEST(absence__S12_a_durable_sweep) {
  begin(LILY_SESSION_DURABILITY_POWER);
  size_t removed = 0;
  assert_ok(lily_session_clear(scope));
  fails = true;
  assert_fails(NOT_DURABLE, lily_session_storage_sweep(parent, 0, NULL));
  fails = false;
  assert_ok(lily_session_storage_set(other, "lily_session_token", "1", 1, 1));
  assert_ok(lily_session_storage_sweep(parent, 0, &removed));
  assert_int_equal(removed, 1);
  assert_true(folder == 0);
  end();
}

/* What was in a file that somebody has emptied does not come back either. */
TEST(absence__S12_an_emptied_file) {
  folder = 0, fails = false;
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "lily_session_token", "\"" SECRET "\""));
  assert_ok(lily_session_storage_sync(storage));
  assert_ok(lily_session_clear(storage));
  assert_int_equal(truncate(JOURNAL, 0), 0);
  file_write(in_place("session.jsonl.damaged"), SECRET, strlen(SECRET));
  datasyncs = 0;
  assert_ok(lily_session_storage_sync(storage));
  assert_true(datasyncs > 0);
  assert_int_equal(access(in_place("session.jsonl.damaged"), F_OK), -1);
  assert_true(folder == 0);
  lily_session_storage_close(storage);
}

/* The copy of a damaged file may have a key that is stored nowhere else. */
TEST(absence__S12_what_is_beside_the_file) {
  folder = 0, fails = false;
  journal_of(JOURNAL, "k", "1", NULL);
  file_write(in_place("session.jsonl.damaged"), SECRET, strlen(SECRET));
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(lily_session_storage_remove(storage, "lily_session_token"));
  assert_int_equal(access(in_place("session.jsonl.damaged"), F_OK), -1);
  assert_ok(lily_session_storage_sync(storage));
  assert_true(folder == 0);
  lily_session_storage_close(storage);
}

TEST(absence__S12_log_out_without_a_handle) {
  char path[400], damaged[420];
  lily_session_storage *storage = NULL;
  folder = 0, fails = false;
  assert_ok(lily_session_storage_open(NULL, NULL, &storage));
  snprintf(path, sizeof path, "%s", lily_session_storage_path(storage));
  lily_session_storage_close(storage);
  assert_int_equal(unlink(path), 0);
  snprintf(damaged, sizeof damaged, "%s.damaged", path);
  file_write(damaged, SECRET, strlen(SECRET));
  assert_ok(lily_session_clear(NULL));
  assert_int_equal(access(damaged, F_OK), -1);
  assert_true(folder == 0);
}
