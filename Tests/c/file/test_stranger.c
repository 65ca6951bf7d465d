/* S18: a journal that others could read for a while, such as a copy (a loose one), is made private when it is opened. What is stored from then on is not
   in the file that another user still has open. These tests need root, to be two users. */
#include "journal.h"
#include "storages.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { OWNER = 65534, STRANGER = 65533 };

/* Starts a process of another user. It opens the file, locks it if `locks` is set, reports that, and keeps the file open until the pipe is
   closed. */
static pid_t stranger(const char *path, bool locks, int *out_end) {
  int ready[2], end[2];
  char byte;
  assert_int_equal(pipe(ready), 0);
  assert_int_equal(pipe(end), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(end[1]);
    if (!become(STRANGER)) _exit(1);
    const int file = open(path, O_RDONLY);
    if (file < 0 || (locks && flock(file, LOCK_SH) != 0) || write(ready[1], "", 1) != 1) _exit(1);
    (void)!read(end[0], &byte, 1);
    /* The file that this user has open must not contain what was stored after the journal had become private. */
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

static void make_loose(void) {
  journal_of(JOURNAL, "a", "1", NULL);
  assert_int_equal(chmod(place, 0755), 0);
  assert_int_equal(chmod(JOURNAL, 0644), 0);
  assert_int_equal(chown(place, OWNER, OWNER), 0);
  assert_int_equal(chown(JOURNAL, OWNER, OWNER), 0);
}

static void use_beside_stranger(bool locks) {
  make_loose();
  int end, status;
  const pid_t child = stranger(JOURNAL, locks, &end);
  assert_int_equal(in_child(use, NULL), 0);
  close(end);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

TEST(stranger__S18_who_had_a_loose_copy_open_sees_nothing_new) {
  if (geteuid() != 0) skip();
  use_beside_stranger(false);
}

TEST(stranger__S18_who_locked_a_loose_copy_keeps_nobody_waiting) {
  if (geteuid() != 0) skip();
  use_beside_stranger(true);
}

/* A handle that was open before others got rights to the file goes on in the new file, and neither handle loses what it stored. */
static int use_from_before(void *context) {
  const int *turns = context;
  lily_session_storage *before, *after;
  char byte, *json = NULL;
  CHILD_CHECK(become(OWNER));
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &before) == LILY_SESSION_OK);
  CHILD_CHECK(set_text(before, "mine", "\"" SECRET "\"") == LILY_SESSION_OK);
  CHILD_CHECK(chmod(JOURNAL, 0644) == 0);
  CHILD_CHECK(write(turns[1], "", 1) == 1 && read(turns[2], &byte, 1) == 1);
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &after) == LILY_SESSION_OK);
  CHILD_CHECK(set_text(after, "theirs", "2") == LILY_SESSION_OK);
  CHILD_CHECK(set_text(before, "mine", "3") == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_storage_get(after, "mine", &json, NULL) == LILY_SESSION_OK && strcmp(json, "3") == 0);
  lily_session_free(json);
  CHILD_CHECK(lily_session_storage_get(before, "theirs", &json, NULL) == LILY_SESSION_OK && strcmp(json, "2") == 0);
  lily_session_free(json);
  lily_session_storage_close(after);
  lily_session_storage_close(before);
  return 0;
}

TEST(stranger__S18_a_handle_from_before_goes_on_in_the_new_file) {
  if (geteuid() != 0) skip();
  int turns[4];
  assert_int_equal(chmod(place, 0755), 0);
  assert_int_equal(chown(place, OWNER, OWNER), 0);
  assert_int_equal(pipe(turns) | pipe(turns + 2), 0);
  const pid_t locker = fork();
  if (locker == 0) {
    char byte;
    if (read(turns[0], &byte, 1) != 1 || !become(STRANGER)) _exit(1);
    const int file = open(JOURNAL, O_RDONLY);
    if (file < 0 || flock(file, LOCK_EX) != 0 || write(turns[3], "", 1) != 1) _exit(1);
    pause();
  }
  assert_int_equal(in_child(use_from_before, turns), 0);
  kill(locker, SIGKILL);
  waitpid(locker, NULL, 0);
  for (size_t i = 0; i < COUNT(turns); i++) close(turns[i]);
}

/* A process that died while it replaced the file has left a new file. That does not stop the next process, and does not stay. */
TEST(stranger__S18_a_replacement_of_a_dead_process_goes) {
  if (geteuid() != 0) skip();
  make_loose();
  file_write(in_place("session.jsonl.replacement"), SECRET, strlen(SECRET));
  assert_int_equal(chown(in_place("session.jsonl.replacement"), OWNER, OWNER), 0);
  int end;
  const pid_t child = stranger(JOURNAL, true, &end);
  assert_int_equal(in_child(use, NULL), 0);
  assert_int_equal(access(in_place("session.jsonl.replacement"), F_OK), -1);
  close(end);
  waitpid(child, NULL, 0);
}

/* A copied folder may have a moved line of a process that died, and a replacement file that others can lock. Neither makes anybody wait. */
TEST(stranger__S18_what_is_left_beside_a_loose_copy) {
  if (geteuid() != 0) skip();
  const char *left = in_place("session.jsonl.replacement");
  make_loose();
  struct journal journal;
  journal_begin(&journal);
  journal_line(&journal, "\"set\",\"a\",1,0");
  journal_line(&journal, "\"moved\"");
  journal_save(&journal, JOURNAL);
  assert_int_equal(chmod(JOURNAL, 0644), 0);
  file_write(left, "x", 1);
  assert_int_equal(chown(JOURNAL, OWNER, OWNER) | chown(left, OWNER, OWNER) | chmod(left, 0644), 0);
  int ends[2];
  const pid_t strangers[] = {stranger(JOURNAL, true, &ends[0]), stranger(left, true, &ends[1])};
  assert_int_equal(in_child(use, NULL), 0);
  assert_int_equal(access(left, F_OK), -1);
  for (size_t i = 0; i < COUNT(ends); i++) close(ends[i]); /* all together, because the second process has inherited the first one's end */
  for (size_t i = 0; i < COUNT(strangers); i++) waitpid(strangers[i], NULL, 0);
}

/* Others get rights to the file only while it is open. */
static int use_while_it_becomes_loose(void *context) {
  (void)context;
  lily_session_storage *storage;
  CHILD_CHECK(become(OWNER));
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(chmod(JOURNAL, 0644) == 0);
  const int other = open(JOURNAL, O_RDONLY); /* another descriptor's lock counts as another user's, although this process made it */
  CHILD_CHECK(flock(other, LOCK_SH) == 0);
  CHILD_CHECK(set_text(storage, "token", "\"" SECRET "\"") == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_clear(storage) == LILY_SESSION_OK);
  char text[4096];
  const ssize_t length = pread(other, text, sizeof text, 0);
  CHILD_CHECK(length > 0 && memmem(text, (size_t)length, SECRET, strlen(SECRET)) == NULL);
  close(other);
  struct stat status;
  CHILD_CHECK(stat(JOURNAL, &status) == 0 && (status.st_mode & 07777) == 0600);
  lily_session_storage_close(storage);
  return 0;
}

TEST(stranger__S18_a_file_that_becomes_loose_while_it_is_open) {
  if (geteuid() != 0) skip();
  make_loose();
  assert_int_equal(chmod(JOURNAL, 0600), 0);
  assert_int_equal(in_child(use_while_it_becomes_loose, NULL), 0);
}

/* While somebody replaces a file, nobody may append to it, because the line would be lost with the old file. */
TEST(stranger__S12_nobody_writes_to_a_file_that_is_being_replaced) {
  journal_of(JOURNAL, "a", "1", NULL);
  assert_int_equal(chmod(JOURNAL, 01600), 0);
  lily_session_storage *storage;
  const char *name = in_place("session.jsonl.replacement");
  file_write(name, "", 0);
  const int replacement = open(name, O_RDWR);
  assert_int_equal(flock(replacement, LOCK_EX), 0);
  assert_int_equal(lily_session_storage_open(JOURNAL, NULL, &storage), LILY_SESSION_ERROR_BUSY);
  struct stat status;
  assert_int_equal(stat(JOURNAL, &status), 0);
  assert_int_equal(status.st_mode & 07777, 01600);
  close(replacement);
  assert_int_equal(lily_session_storage_open(JOURNAL, NULL, &storage), LILY_SESSION_OK);
  assert_int_equal(access(in_place("session.jsonl.replacement"), F_OK), -1);
  assert_int_equal(set_text(storage, "b", "1"), LILY_SESSION_OK);
  assert_int_equal(stat(JOURNAL, &status), 0);
  assert_int_equal(status.st_mode & 07777, 0600); /* the first change has put the content into a new file */
  assert_true(info_of(storage).last_compaction_ms > 0);
  lily_session_storage_close(storage);
}

/* A file that was marked and then emptied stays marked for as long as no new file can be made in its place. */
static int begin_in_place(void *context) {
  (void)context;
  lily_session_storage *storage;
  struct stat status;
  if (geteuid() == 0) CHILD_CHECK(become(OWNER));
  CHILD_CHECK(chmod(place, 0555) == 0);
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(set_text(storage, "a", "1") == LILY_SESSION_OK);
  CHILD_CHECK(stat(JOURNAL, &status) == 0 && (status.st_mode & 07777) == 01600);
  CHILD_CHECK(chmod(place, 0755) == 0);
  CHILD_CHECK(lily_session_storage_sync(storage) == LILY_SESSION_OK);
  CHILD_CHECK(stat(JOURNAL, &status) == 0 && (status.st_mode & 07777) == 0600);
  lily_session_storage_close(storage);
  return 0;
}

TEST(stranger__S18_a_marked_file_that_is_begun_in_place_stays_marked) {
  file_write(JOURNAL, "", 0);
  assert_int_equal(chmod(JOURNAL, 01600), 0);
  if (geteuid() == 0) assert_int_equal(chown(place, OWNER, OWNER) | chown(JOURNAL, OWNER, OWNER), 0);
  assert_int_equal(in_child(begin_in_place, NULL), 0);
}

/* A file of another program keeps its rights, even while that program has it locked. */
TEST(stranger__S20_a_file_of_another_program_that_is_locked_stays) {
  file_write(JOURNAL, "no journal\n", 11);
  struct bytes before = file_read(JOURNAL);
  assert_int_equal(chmod(JOURNAL, 0644), 0);
  lily_session_storage *storage;
  const int program = open(JOURNAL, O_RDONLY);
  assert_int_equal(flock(program, LOCK_EX), 0);
  assert_fails(BUSY, lily_session_storage_open(JOURNAL, NULL, &storage));
  close(program);
  struct stat status;
  assert_int_equal(stat(JOURNAL, &status), 0);
  assert_int_equal(status.st_mode & 07777, 0644);
  assert_file_is(JOURNAL, before);
}

/* A process that dies after it has made the file and before it sets the mode leaves a file without rights. */
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

/* Somebody made a file that has no mode, but has content. It is left alone. */
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
