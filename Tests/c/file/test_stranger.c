/* S18: a journal that others could read for a while, such as a copy, is made private when it is opened. What is stored from then on is not
   in the file that another user still has open. These tests need root, to be two users. */
#include "journal.h"
#include "test.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { OWNER = 65534, STRANGER = 65533 };

static bool become(uid_t user) { return setgroups(0, NULL) == 0 && setgid(user) == 0 && setuid(user) == 0; }

/* Another user who opens the file, says so, and holds on until the pipe is closed. */
static pid_t stranger(const char *path, int *out_end) {
  int ready[2], end[2];
  char byte;
  assert_int_equal(pipe(ready), 0);
  assert_int_equal(pipe(end), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(end[1]);
    if (!become(STRANGER)) _exit(1);
    const int file = open(path, O_RDONLY);
    if (file < 0 || write(ready[1], "", 1) != 1) _exit(1);
    (void)!read(end[0], &byte, 1);
    /* What was stored after the file had become private is not in what he holds. */
    char text[4096];
    const ssize_t length = pread(file, text, sizeof text, 0);
    _exit(length > 0 && memmem(text, (size_t)length, SECRET, strlen(SECRET)) == NULL ? 0 : 2);
  }
  close(ready[1]);
  close(end[0]);
  assert_int_equal(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  *out_end = end[1];
  return child;
}

static int use(void *context) {
  (void)context;
  lily_session_storage *storage, *other;
  CHILD_CHECK(become(OWNER));
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &other) == LILY_SESSION_OK);
  struct stat status;
  CHILD_CHECK(stat(JOURNAL, &status) == 0 && (status.st_mode & 0777) == 0600);
  CHILD_CHECK(set_text(storage, "token", "\"" SECRET "\"") == LILY_SESSION_OK);
  CHILD_CHECK(set_text(other, "more", "2") == LILY_SESSION_OK);
  char *json = NULL;
  CHILD_CHECK(lily_session_storage_get(storage, "a", &json, NULL) == LILY_SESSION_OK && strcmp(json, "1") == 0);
  lily_session_free(json);
  CHILD_CHECK(lily_session_storage_get(storage, "more", &json, NULL) == LILY_SESSION_OK && strcmp(json, "2") == 0);
  lily_session_free(json);
  lily_session_storage_close(other);
  lily_session_storage_close(storage);
  return 0;
}

TEST(stranger__S18_who_had_a_loose_copy_open_sees_nothing_new) {
  if (geteuid() != 0) skip();
  journal_of(JOURNAL, "a", "1", NULL);
  assert_int_equal(chmod(place, 0755), 0);
  assert_int_equal(chmod(JOURNAL, 0644), 0);
  assert_int_equal(chown(place, OWNER, OWNER), 0);
  assert_int_equal(chown(JOURNAL, OWNER, OWNER), 0);
  int end, result;
  const pid_t child = stranger(JOURNAL, &end);
  assert_int_equal(in_child(use, NULL), 0);
  close(end);
  assert_int_equal(waitpid(child, &result, 0), child);
  assert_int_equal(result, 0);
}

/* Of a process that died between making the file and giving it its mode. */
static int open_file(void *context) {
  (void)context;
  lily_session_storage *storage;
  if (geteuid() == 0) CHILD_CHECK(become(OWNER));
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(set_text(storage, "a", "1") == LILY_SESSION_OK);
  lily_session_storage_close(storage);
  return 0;
}

TEST(stranger__S18_a_file_that_never_got_its_mode) {
  const mode_t modes[] = {0, 0200};
  for (size_t i = 0; i < COUNT(modes); i++) {
    file_write(JOURNAL, "", 0);
    assert_int_equal(chmod(JOURNAL, modes[i]), 0);
    if (geteuid() == 0) assert_int_equal(chown(place, OWNER, OWNER) | chown(JOURNAL, OWNER, OWNER), 0);
    assert_int_equal(in_child(open_file, NULL), 0);
    struct stat status;
    assert_int_equal(stat(JOURNAL, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(unlink(JOURNAL), 0);
  }
}

/* What has no mode and yet something in it was made so by somebody, and is left alone. */
static int refused(void *context) {
  (void)context;
  lily_session_storage *storage;
  if (geteuid() == 0) CHILD_CHECK(become(OWNER));
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &storage) == LILY_SESSION_ERROR_PERMISSION);
  return 0;
}

TEST(stranger__S18_a_file_whose_mode_was_taken_away) {
  journal_of(JOURNAL, "a", "1", NULL);
  assert_int_equal(chmod(JOURNAL, 0), 0);
  if (geteuid() == 0) assert_int_equal(chown(place, OWNER, OWNER) | chown(JOURNAL, OWNER, OWNER), 0);
  assert_int_equal(in_child(refused, NULL), 0);
  struct stat status;
  assert_int_equal(stat(JOURNAL, &status), 0);
  assert_int_equal(status.st_mode & 0777, 0);
}
