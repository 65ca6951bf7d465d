/* S8, S12 and S21: what was removed also leaves a file that cannot be rewritten, or the call says that it did not. No kind of change,
   repeated for ever, makes the file grow for ever. This program defines write, and lets it fail. */
#include "files.h"
#include "journal.h"
#include "storages.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* ---- a file that is a mount of its own, as containers have them */

static int mounted_by_itself(void *context) {
  (void)context;
  lily_session_storage *storage;
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, "") != 0) return 77;
  CHILD_CHECK(mount(JOURNAL, JOURNAL, "none", MS_BIND, "") == 0);
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(set_text(storage, "lily_session_token", "\"" SECRET "\"") == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_clear(storage) == LILY_SESSION_OK);
  const rlim_t before = size_of(JOURNAL);
  for (int i = 0; i < 1000; i++) {
    CHILD_CHECK(lily_session_storage_sync(storage) == LILY_SESSION_OK);
    CHILD_CHECK(!file_has(JOURNAL, SECRET));
  }
  CHILD_CHECK(size_of(JOURNAL) < before + 1000); /* each try to rewrite the file adds a line, so there were only about ten tries */
  lily_session_info info = LILY_SESSION_INFO_INIT;
  CHILD_CHECK(lily_session_storage_info(storage, &info) == LILY_SESSION_OK && !info.owes_sync && !info.damaged_lines);
  char *a = NULL;
  CHILD_CHECK(lily_session_storage_get(storage, "a", &a, NULL) == LILY_SESSION_OK);
  lily_session_free(a);
  CHILD_CHECK(umount2(JOURNAL, MNT_DETACH) == 0);
  lily_session_storage_close(storage);
  return 0;
}

TEST(rewriting__S8_of_a_file_that_is_mounted_by_itself) {
  journal_of(JOURNAL, "a", "1", NULL);
  const int result = in_child(mounted_by_itself, NULL);
  if (result == 77) skip(); /* this process may not mount anything */
  assert_int_equal(result, 0);
}

/* ---- the blocks behind the end, in which log-out works on a full disk */

/* Returns how many bytes may still be written into the blocks that the file has. */
static long room_of(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 ? (long)status.st_blocks * 512 - (long)status.st_size : -1;
}

TEST(rewriting__S28_the_reserve_is_there_again) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "k", "1"));
  if (room_of(JOURNAL) < 16 << 10) skip(); /* this file system cannot allocate ahead */
  assert_ok(lily_session_storage_remove(storage, "k"));
  assert_ok(lily_session_storage_sync(storage)); /* rewrites the file */
  assert_true(room_of(JOURNAL) >= 16 << 10);
  lily_session_storage_close(storage);
  const int file = open(JOURNAL, O_WRONLY | O_APPEND | O_CLOEXEC);
  assert_int_equal(write(file, "[\"torn", 6), 6);
  close(file);
  storage = open_storage(JOURNAL); /* cuts it off */
  assert_int_equal(size_of(JOURNAL), 140);
  assert_true(room_of(JOURNAL) >= 16 << 10);
  lily_session_storage_close(storage);
}

static bool writing_fails;

/* The library finds this one before the C library's. */
ssize_t write(int file, const void *bytes, size_t count) {
  if (writing_fails) return errno = ENOSPC, -1;
  return syscall(SYS_write, file, bytes, count);
}

/* Cutting off what a failed write may have left frees the blocks behind it. */
TEST(rewriting__S28_the_reserve_is_there_after_a_failed_write) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "k", "1"));
  if (room_of(JOURNAL) < 16 << 10) skip();
  writing_fails = true;
  const lily_session_status status = set_text(storage, "k", "2");
  writing_fails = false;
  assert_int_equal(status, LILY_SESSION_ERROR_NO_SPACE);
  assert_true(room_of(JOURNAL) >= 16 << 10);
  lily_session_storage_close(storage);
}

static int block_size;
static off_t allocated_to;

/* The library finds these before the C library's. */
int fstat(int file, struct stat *status) {
  const int result = (int)syscall(SYS_newfstatat, file, "", status, AT_EMPTY_PATH);
  if (block_size) status->st_blksize = block_size;
  return result;
}

int fallocate(int file, int mode, off_t offset, off_t length) {
  allocated_to = offset + length;
  return (int)syscall(SYS_fallocate, file, mode, offset, length);
}

/* A file has room to the end of its last block anyway. The smaller blocks are, the sooner a scope's file needs more for its reserve. */
TEST(rewriting__S28_the_reserve_of_a_scope_where_blocks_are_small) {
  lily_session_storage *parent = open_flagged(JOURNAL, LILY_SESSION_SCOPE_FILES, NULL);
  for (block_size = 1024; block_size <= 4096; block_size *= 2) {
    char name[9];
    snprintf(name, sizeof name, "%d", block_size);
    lily_session_storage *scope = open_scope(parent, name);
    allocated_to = 0;
    for (int i = 0; i < 100; i++) {
      assert_ok(set_text(scope, "k", i % 2 ? "1" : "2"));
      const off_t size = (off_t)info_of(scope).file_bytes, in_blocks = (size + block_size - 1) / block_size * block_size;
      assert_true(size + 512 <= (allocated_to > in_blocks ? allocated_to : in_blocks));
    }
    lily_session_storage_close(scope);
  }
  block_size = 0;
  lily_session_storage_close(parent);
}

/* Cuts off what a writer that died has left. A handle that is open does not learn that this frees the blocks behind it. */
TEST(rewriting__S28_other_handles_leave_the_reserve) {
  lily_session_storage *other = open_storage(JOURNAL);
  assert_ok(set_text(other, "k", "1"));
  const long room = room_of(JOURNAL);
  if (room < 16 << 10) skip();
  const int file = open(JOURNAL, O_WRONLY | O_APPEND | O_CLOEXEC);
  assert_int_equal(write(file, "[\"torn", 6), 6);
  close(file);
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_true(room_of(JOURNAL) >= room);
  for (int i = 0; i < 1000; i++) { /* more than the reserve, and less than what an update allocates */
    assert_ok(set_text(other, "k", i % 2 ? "2" : "3"));
    assert_true(room_of(JOURNAL) >= 16 << 10);
  }
  lily_session_storage_close(storage);
  lily_session_storage_close(other);
}

/* ---- a folder that may not be written */

static int in_a_folder_that_may_not_be_written(void *context) {
  const char *path = context;
  lily_session_storage *storage;
  if (geteuid() == 0) CHILD_CHECK(become(65534));
  CHILD_CHECK(lily_session_storage_open(path, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(set_text(storage, "a", "\"" SECRET "\"") == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_storage_remove(storage, "a") == LILY_SESSION_OK);
  CHILD_CHECK(chmod(in_place("folder"), 0555) == 0);
  const rlim_t before = size_of(path);
  for (int i = 0; i < 10; i++) CHILD_CHECK(lily_session_storage_sync(storage) == LILY_SESSION_OK);
  CHILD_CHECK(size_of(path) == before && !file_has(path, SECRET));
  lily_session_storage_close(storage);
  return 0;
}

TEST(rewriting__S8_in_a_folder_that_may_not_be_written) {
  assert_int_equal(chmod(place, 0755), 0);
  assert_int_equal(mkdir(in_place("folder"), 0755), 0);
  if (geteuid() == 0) assert_int_equal(chown(in_place("folder"), 65534, 65534), 0);
  assert_int_equal(in_child(in_a_folder_that_may_not_be_written, (void *)(uintptr_t)in_place("folder/session.jsonl")), 0);
  assert_int_equal(chmod(in_place("folder"), 0755), 0); /* so that whoever runs the test may remove it */
}

/* ---- changes that a program repeats for ever without a sync */

TEST(rewriting__P5_each_kind_of_change_keeps_the_file_small) {
  const rlim_t most = (4 << 20) + (64 << 10);
  lily_session_storage *storage = open_storage(JOURNAL);
  char *value = repeated('1', 40000);
  value[0] = value[39999] = '"';
  for (int i = 0; i < 250; i++) {
    assert_ok(set_text(storage, "lily_session_a", value));
    assert_true(size_of(JOURNAL) < most);
  }
  for (int i = 0; i < 250; i++) {
    assert_ok(set_text(storage, "lily_session_a", value));
    assert_ok(lily_session_storage_remove(storage, "lily_session_a"));
    assert_true(size_of(JOURNAL) < most);
  }
  free(value);
  value = repeated('1', 200000);
  value[0] = value[199999] = '"';
  char key[40];
  for (int i = 0; i < 25; i++) {
    snprintf(key, sizeof key, "lily_session_%d", i);
    assert_ok(set_text(storage, key, value));
  }
  assert_true(size_of(JOURNAL) > most); /* so much is stored now */
  assert_ok(lily_session_clear(storage));
  assert_true(size_of(JOURNAL) < 1000);
  free(value);
  lily_session_storage_close(storage);
}
