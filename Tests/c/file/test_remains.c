/* S8, S28: after a removal, copies beside the file, and values that are hard to take out of it, are removed, or the call returns that they
   stay. */
#include "files.h"
#include "journal.h"
#include "storages.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define DAMAGED in_place("session.jsonl.damaged")
enum { OWNER = 65534 };

static void damage(const char *path) {
  FILE *file = fopen(path, "a");
  assert_non_null(file);
  fputs("no line\n", file);
  fclose(file);
}

static void put_copy(const char *path) { file_write(path, SECRET, strlen(SECRET)); }

/* The copy of a damaged file holds nothing of what had been removed before it was damaged. */
TEST(remains__S8_a_copy_has_nothing_from_before_a_removal) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "lily_session_token", "\"" SECRET "\""));
  assert_ok(lily_session_clear(storage));
  damage(JOURNAL);
  assert_ok(set_text(storage, "b", "\"kept\""));
  assert_ok(lily_session_storage_sync(storage));
  assert_true(file_has(DAMAGED, "no line"));
  assert_true(file_has(DAMAGED, "kept"));
  assert_false(file_has(DAMAGED, SECRET));
  assert_false(file_has(JOURNAL, SECRET));
  lily_session_storage_close(storage);
}

/* The value of an absent key may be in the damaged line or in the copy. So a removal of that key deletes both. */
TEST(remains__S8_removing_what_was_damaged) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "a", "1"));
  put_copy(DAMAGED);
  assert_ok(lily_session_storage_remove(storage, "lily_session_token"));
  assert_int_not_equal(access(DAMAGED, F_OK), 0);
  FILE *file = fopen(JOURNAL, "a");
  fputs("[\"00000000\",2,\"set\",\"lily_session_token\",\"" SECRET "\",0]\n", file);
  fclose(file);
  assert_ok(lily_session_storage_remove(storage, "lily_session_token"));
  assert_ok(lily_session_storage_sync(storage));
  assert_false(file_has(JOURNAL, SECRET));
  assert_int_not_equal(access(DAMAGED, F_OK), 0);
  lily_session_storage_close(storage);
}

/* Flips a bit of the byte where `text` first begins, or of the file's last byte if `text` is NULL. */
static void flip(const char *path, const char *text) {
  FILE *file = fopen(path, "r+");
  char content[4096];
  assert_non_null(file);
  const size_t length = fread(content, 1, sizeof content, file);
  const char *found = text == NULL ? content + length - 1 : memmem(content, length, text, strlen(text));
  assert_non_null(found);
  fseek(file, found - content, SEEK_SET);
  fputc(*found ^ 1, file);
  fclose(file);
}

/* Another handle has read the line before it was damaged. It must learn of the removal, also if another key was removed before. */
TEST(remains__S8_removing_what_was_damaged_after_another_removal) {
  lily_session_storage *other = open_storage(JOURNAL);
  assert_ok(set_text(other, "lily_session_token", "\"" SECRET "\""));
  assert_ok(set_text(other, "lily_session_cart", "1"));
  flip(JOURNAL, SECRET);
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_absent(storage, "lily_session_token");
  assert_ok(lily_session_storage_remove(storage, "lily_session_cart"));
  assert_ok(lily_session_storage_remove(storage, "lily_session_token"));
  assert_ok(lily_session_storage_sync(other));
  assert_ok(lily_session_storage_sync(storage));
  assert_absent(storage, "lily_session_token");
  assert_absent(other, "lily_session_token");
  assert_false(file_has(JOURNAL, SECRET));
  lily_session_storage_close(other);
  lily_session_storage_close(storage);
}

/* Where the quota makes room, an expired entry is forgotten, but it is still in the file. So a removal of its key takes it out. */
TEST(remains__S8_removing_what_was_forgotten_to_make_room) {
  int64_t now = 1000;
  const size_t bytes = strlen("lily_session_token") + strlen(SECRET) + 2;
  lily_session_storage *storage = open_clocked(JOURNAL, &now, (int64_t)bytes);
  assert_ok(lily_session_storage_set(storage, "lily_session_token", "\"" SECRET "\"", strlen(SECRET) + 2, now + 1));
  now++;
  assert_ok(set_text(storage, "a", "1"));
  assert_ok(lily_session_storage_sync(storage));
  assert_true(file_has(JOURNAL, SECRET));
  assert_ok(lily_session_storage_remove(storage, "lily_session_token"));
  assert_ok(lily_session_storage_sync(storage));
  assert_false(file_has(JOURNAL, SECRET));
  assert_stored(storage, "a", "1");
  lily_session_storage_close(storage);
}

/* A clear removes the copy where there is no file, too. */
TEST(remains__S8_a_clear_where_there_is_no_file) {
  lily_session_storage *storage = open_storage(JOURNAL);
  for (int noticed = 0; noticed < 2; noticed++) {
    assert_ok(set_text(storage, "a", "1"));
    put_copy(DAMAGED);
    assert_int_equal(unlink(JOURNAL), 0);
    if (noticed) assert_absent(storage, "a");
    assert_ok(lily_session_clear(storage));
    assert_int_not_equal(access(DAMAGED, F_OK), 0);
  }
  lily_session_storage_close(storage);
  storage = open_storage(NULL);
  const char *path = lily_session_storage_path(storage);
  char copy[4096];
  snprintf(copy, sizeof copy, "%s.damaged", path);
  assert_int_equal(unlink(path), 0);
  lily_session_storage_close(storage);
  put_copy(copy);
  assert_ok(lily_session_clear(NULL));
  assert_int_not_equal(access(copy, F_OK), 0);
}

/* A process that dies before the rename leaves its new file. Opening and clearing delete it, even if the journal itself is gone. Files with
   other names stay. */
TEST(remains__S8_new_files_that_were_left) {
  const char *left = in_place("session.jsonl.01234567.tmp");
  const char *others[] = {in_place("session.jsonl.0123456.tmp"), in_place("session.jsonl.0123456g.tmp"), in_place("session.jsonl2.01234567.tmp")};
  for (size_t i = 0; i < COUNT(others); i++) put_copy(others[i]);
  put_copy(left);
  lily_session_storage *storage = open_storage(JOURNAL); /* makes the file */
  assert_int_not_equal(access(left, F_OK), 0);
  put_copy(left);
  assert_int_equal(unlink(JOURNAL), 0);
  assert_ok(lily_session_clear(storage));
  assert_int_not_equal(access(left, F_OK), 0);
  for (size_t i = 0; i < COUNT(others); i++) assert_int_equal(access(others[i], F_OK), 0);
  lily_session_storage_close(storage);
}

/* They are deleted before the file is rewritten, whoever rewrites it and why, because afterwards nobody would know of the removal. */
TEST(remains__S8_new_files_that_were_left_go_with_the_removal) {
  const char *left = in_place("session.jsonl.01234567.tmp");
  lily_session_storage *storage = open_storage(JOURNAL);
  const size_t length = 9 << 19; /* more than 4 MiB */
  char *large = repeated('1', length);
  large[0] = large[length - 1] = '"';
  put_copy(left);
  assert_ok(set_text(storage, "lily_session_large", large));
  free(large);
  assert_ok(lily_session_clear(storage)); /* the file is far too large now, so the clear itself rewrites it */
  assert_true(info_of(storage).file_bytes < 4096);
  assert_int_not_equal(access(left, F_OK), 0);

  make_worth_rewriting(storage);
  put_copy(left);
  assert_ok(lily_session_storage_remove(storage, "fill"));
  lily_session_storage_close(open_storage(JOURNAL)); /* opening rewrites the file */
  assert_int_not_equal(access(left, F_OK), 0);

  assert_ok(lily_session_storage_sync(storage));
  put_copy(left);
  assert_ok(lily_session_storage_remove(storage, "lily_session_token")); /* no line has this key */
  assert_ok(lily_session_storage_sync(storage));
  assert_int_not_equal(access(left, F_OK), 0);
  lily_session_storage_close(storage);
}

/* After a removal, the next sync deletes the leftovers, even if the file was deleted or exchanged in between. */
TEST(remains__S8_the_file_is_another_one_before_the_sync) {
  enum { DELETED, EMPTIED, EXCHANGED, OVERWRITTEN, ENDS };
  const char *other = in_place("other.jsonl");
  const char *left[] = {DAMAGED, in_place("session.jsonl.01234567.tmp")};
  for (int end = DELETED; end < ENDS; end++) {
    lily_session_storage *storage = open_storage(JOURNAL);
    assert_ok(set_text(storage, "lily_session_token", "\"" SECRET "\""));
    assert_ok(lily_session_storage_remove(storage, "lily_session_token"));
    for (size_t i = 0; i < COUNT(left); i++) put_copy(left[i]);
    journal_of(other, "a", "1", NULL);
    struct bytes bytes = file_read(other);
    if (end == DELETED) assert_int_equal(unlink(JOURNAL), 0);
    if (end == EMPTIED) assert_int_equal(truncate(JOURNAL, 0), 0);
    if (end == EXCHANGED) assert_int_equal(rename(other, JOURNAL), 0);
    if (end == OVERWRITTEN) file_write(JOURNAL, bytes.bytes, bytes.length);
    free(bytes.bytes);
    assert_ok(lily_session_storage_sync(storage));
    for (size_t i = 0; i < COUNT(left); i++) assert_int_not_equal(access(left[i], F_OK), 0);
    if (end > EMPTIED) assert_stored(storage, "a", "1");
    lily_session_storage_close(storage);
    unlink(JOURNAL);
  }
}

/* A process removes a value, and dies before its sync. */
static int removes(void *context) {
  (void)context;
  lily_session_storage *storage;
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_storage_remove(storage, "lily_session_token") == LILY_SESSION_OK);
  return 0;
}

TEST(remains__S8_what_a_process_removed_that_died) {
  journal_of(JOURNAL, "lily_session_token", "\"" SECRET "\"", NULL);
  assert_int_equal(in_child(removes, NULL), 0);
  assert_true(file_has(JOURNAL, SECRET));
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(lily_session_storage_remove(storage, "lily_session_token"));
  assert_ok(lily_session_storage_sync(storage));
  assert_false(file_has(JOURNAL, SECRET));
  lily_session_storage_close(storage);
}

/* A process that is still replacing the file has its new file locked. That file is not deleted, and each sync reports that it stays. */
TEST(remains__S28_a_replacement_at_work_is_told) {
  const char *name = in_place("session.jsonl.replacement");
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "lily_session_token", "\"" SECRET "\""));
  put_copy(name);
  const int replacement = open(name, O_RDWR);
  assert_int_equal(flock(replacement, LOCK_EX), 0);
  assert_ok(lily_session_clear(storage));
  for (int i = 0; i < 2; i++) assert_fails(BUSY, lily_session_storage_sync(storage));
  assert_false(file_has(JOURNAL, SECRET));
  assert_int_equal(access(name, F_OK), 0);
  close(replacement);
  assert_ok(lily_session_storage_sync(storage));
  assert_int_not_equal(access(name, F_OK), 0);
  lily_session_storage_close(storage);
}

/* A folder in the place of the copy is not a copy, and does not stop a clear. */
TEST(remains__S8_something_else_in_the_place_of_the_copy) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_int_equal(mkdir(DAMAGED, 0700), 0);
  assert_ok(set_text(storage, "lily_session_a", "\"" SECRET "\""));
  assert_ok(lily_session_clear(storage));
  assert_ok(lily_session_storage_sync(storage));
  assert_false(file_has(JOURNAL, SECRET));
  lily_session_storage_close(storage);
}

/* In a folder that may not be written, leftovers cannot be deleted. Each sync reports that until they are gone. */
static int told_until_it_goes(void *context) {
  const char *left = context;
  lily_session_storage *storage;
  if (geteuid() == 0) CHILD_CHECK(become(OWNER));
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(set_text(storage, "lily_session_a", "\"" SECRET "\"") == LILY_SESSION_OK);
  file_write(left, SECRET, strlen(SECRET));
  CHILD_CHECK(chmod(place, 0555) == 0);
  CHILD_CHECK(lily_session_clear(storage) == LILY_SESSION_OK);
  for (int i = 0; i < 2; i++) CHILD_CHECK(lily_session_storage_sync(storage) == LILY_SESSION_ERROR_PERMISSION);
  CHILD_CHECK(!file_has(JOURNAL, SECRET));
  CHILD_CHECK(chmod(place, 0755) == 0);
  CHILD_CHECK(lily_session_storage_sync(storage) == LILY_SESSION_OK);
  CHILD_CHECK(access(left, F_OK) != 0);
  /* The same where there is no file and none can be made, so that the key is not there. */
  file_write(left, SECRET, strlen(SECRET));
  CHILD_CHECK(unlink(JOURNAL) == 0 && chmod(place, 0555) == 0);
  CHILD_CHECK(lily_session_storage_remove(storage, "lily_session_a") == LILY_SESSION_OK);
  for (int i = 0; i < 2; i++) CHILD_CHECK(lily_session_storage_sync(storage) == LILY_SESSION_ERROR_PERMISSION);
  CHILD_CHECK(chmod(place, 0755) == 0);
  CHILD_CHECK(lily_session_storage_sync(storage) == LILY_SESSION_OK);
  CHILD_CHECK(access(left, F_OK) != 0);
  lily_session_storage_close(storage);
  return 0;
}

TEST(remains__S28_what_cannot_be_removed_is_told) {
  const char *left[] = {DAMAGED, in_place("session.jsonl.89abcdef.tmp"), in_place("session.jsonl.replacement")};
  assert_int_equal(chmod(place, 0755), 0);
  if (geteuid() == 0) assert_int_equal(chown(place, OWNER, OWNER), 0);
  for (size_t i = 0; i < COUNT(left); i++) {
    assert_int_equal(in_child(told_until_it_goes, (void *)(uintptr_t)left[i]), 0);
  }
}

/* Nothing may be erased from a file with lines of a newer format, and sync says so. */
TEST(remains__S28_a_line_of_a_newer_format_after_a_removal) {
  struct journal journal;
  journal_begin(&journal);
  journal_line(&journal, "\"set\",\"lily_session_token\",\"" SECRET "\",0");
  journal_save(&journal, JOURNAL);
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(lily_session_storage_remove(storage, "lily_session_token"));
  journal_line(&journal, "\"remove\",\"lily_session_token\"");
  journal_line(&journal, "\"newer\",1");
  journal_save(&journal, JOURNAL);
  for (int i = 0; i < 2; i++) assert_int_equal(lily_session_storage_sync(storage), LILY_SESSION_ERROR_NEWER);
  lily_session_storage_close(storage);
}

/* A limit on the size of files ends no program, neither while a damaged file is copied nor while values are overwritten. */
static int under_a_limit(void *context) {
  (void)context;
  lily_session_storage *storage;
  const struct rlimit limit = {300 << 10, 300 << 10};
  CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &storage) == LILY_SESSION_OK);
  lily_session_storage_close(storage);
  /* If SIGXFSZ was already pending for the host, it still is. */
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGXFSZ);
  CHILD_CHECK(sigprocmask(SIG_BLOCK, &signals, NULL) == 0 && raise(SIGXFSZ) == 0);
  CHILD_CHECK(lily_session_storage_open(in_place("another.jsonl"), NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(set_text(storage, "a", "1") == LILY_SESSION_OK);
  lily_session_storage_close(storage);
  CHILD_CHECK(sigpending(&signals) == 0 && sigismember(&signals, SIGXFSZ) == 1);
  return 0;
}

TEST(remains__S28_a_limit_on_the_size_of_files) {
  journal_of(JOURNAL, "a", "1", NULL);
  assert_int_equal(truncate(JOURNAL, 2 << 20), 0);
  damage(JOURNAL);
  assert_int_equal(in_child(under_a_limit, NULL), 0);
}

/* The library keeps room for removals below such a limit, too. */
static int at_the_limit(void *context) {
  (void)context;
  lily_session_storage *storage;
  const struct rlimit limit = {40 << 10, 40 << 10};
  CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(set_text(storage, "lily_session_token", "1") == LILY_SESSION_OK);
  char value[1002];
  memset(value, '1', 1000);
  value[0] = value[999] = '"';
  value[1000] = 0;
  lily_session_status status = LILY_SESSION_OK;
  for (int i = 0; i < 100 && status == LILY_SESSION_OK; i++) status = set_text(storage, "b", value);
  CHILD_CHECK(status == LILY_SESSION_ERROR_NO_SPACE);
  CHILD_CHECK(lily_session_storage_remove(storage, "lily_session_token") == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_storage_sync(storage) == LILY_SESSION_OK);
  CHILD_CHECK(set_text(storage, "b", value) == LILY_SESSION_OK);
  lily_session_storage_close(storage);
  return 0;
}

TEST(remains__S8_room_for_removals_at_a_limit_on_the_size_of_files) { assert_int_equal(in_child(at_the_limit, NULL), 0); }

/* Others could read this file, and no new file can be made in its place. A user who has it open can still read it, and info reports that. */
static int loose_for_ever(void *context) {
  (void)context;
  lily_session_storage *storage;
  lily_session_info info = LILY_SESSION_INFO_INIT;
  if (geteuid() == 0) CHILD_CHECK(become(OWNER));
  CHILD_CHECK(chmod(place, 0555) == 0);
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(set_text(storage, "a", "2") == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_storage_info(storage, &info) == LILY_SESSION_OK && info.directory_is_open == 1);
  lily_session_storage_close(storage);
  return chmod(place, 0755);
}

TEST(remains__S28_a_file_that_stays_loose_is_told) {
  journal_of(JOURNAL, "a", "1", NULL);
  assert_int_equal(chmod(place, 0755) | chmod(JOURNAL, 0644), 0);
  if (geteuid() == 0) assert_int_equal(chown(place, OWNER, OWNER) | chown(JOURNAL, OWNER, OWNER), 0);
  assert_int_equal(in_child(loose_for_ever, NULL), 0);
}

/* If such a file is also damaged, opening leaves it alone. The first writer puts its content into a new file before it stores anything. */
TEST(remains__S18_a_loose_and_damaged_file) {
  journal_of(JOURNAL, "a", "1", NULL);
  damage(JOURNAL);
  assert_int_equal(chmod(JOURNAL, 0644), 0);
  struct stat before, after;
  assert_int_equal(stat(JOURNAL, &before), 0);
  const int old = open(JOURNAL, O_RDONLY);
  lily_session_storage *storage = open_storage(JOURNAL);
  lily_session_storage_close(storage);
  assert_int_equal(stat(JOURNAL, &after), 0);
  assert_int_equal(after.st_ino, before.st_ino);
  storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "lily_session_token", "\"" SECRET "\""));
  assert_int_equal(stat(JOURNAL, &after), 0);
  assert_int_not_equal(after.st_ino, before.st_ino);
  assert_int_equal(after.st_mode & 07777, 0600);
  char text[4096];
  const ssize_t length = pread(old, text, sizeof text, 0);
  assert_true(length > 0 && memmem(text, (size_t)length, SECRET, strlen(SECRET)) == NULL);
  close(old);
  lily_session_storage_close(storage);
}

/* The newline behind the secret is damaged while the file is open, so that the clear comes into the same line, and nobody can read either. Where
   the file cannot be rewritten, the secret stays, and a sync says so. */
static int glued(void *context) {
  (void)context;
  lily_session_storage *storage;
  if (geteuid() == 0) CHILD_CHECK(become(OWNER));
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(set_text(storage, "lily_session_token", "\"" SECRET "\"") == LILY_SESSION_OK);
  flip(JOURNAL, NULL);
  CHILD_CHECK(chmod(place, 0555) == 0);
  CHILD_CHECK(lily_session_clear(storage) == LILY_SESSION_OK);
  CHILD_CHECK(file_has(JOURNAL, SECRET));
  for (int i = 0; i < 2; i++) CHILD_CHECK(lily_session_storage_sync(storage) == LILY_SESSION_ERROR_PERMISSION);
  CHILD_CHECK(lily_session_clear(storage) == LILY_SESSION_OK); /* This one has a line of its own. */
  CHILD_CHECK(lily_session_storage_sync(storage) == LILY_SESSION_OK);
  CHILD_CHECK(!file_has(JOURNAL, SECRET));
  lily_session_storage_close(storage);
  return chmod(place, 0755);
}

/* One copy of the header is damaged before, which counts as damage, too. */
static int glued_with_a_damaged_header(void *context) {
  if (geteuid() == 0) CHILD_CHECK(become(OWNER));
  lily_session_storage *storage;
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &storage) == LILY_SESSION_OK);
  lily_session_storage_close(storage);
  flip(JOURNAL, "lily-session");
  return glued(context);
}

/* Another line is damaged meanwhile, which is no reason not to overwrite. */
static int damaged_elsewhere(void *context) {
  (void)context;
  lily_session_storage *storage;
  if (geteuid() == 0) CHILD_CHECK(become(OWNER));
  CHILD_CHECK(lily_session_storage_open(JOURNAL, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(set_text(storage, "lily_session_theme", "\"dark\"") == LILY_SESSION_OK);
  CHILD_CHECK(set_text(storage, "lily_session_token", "\"" SECRET "\"") == LILY_SESSION_OK);
  flip(JOURNAL, "dark");
  CHILD_CHECK(chmod(place, 0555) == 0);
  CHILD_CHECK(lily_session_clear(storage) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_storage_sync(storage) == LILY_SESSION_OK);
  CHILD_CHECK(!file_has(JOURNAL, SECRET));
  lily_session_storage_close(storage);
  return chmod(place, 0755);
}

static void in_child_of_owner(int (*body)(void *context)) {
  assert_int_equal(chmod(place, 0755), 0);
  if (geteuid() == 0) assert_int_equal(chown(place, OWNER, OWNER), 0);
  assert_int_equal(in_child(body, NULL), 0);
  unlink(JOURNAL);
}

TEST(remains__S28_a_removal_in_a_damaged_line_is_told) {
  in_child_of_owner(glued);
  in_child_of_owner(glued_with_a_damaged_header);
  in_child_of_owner(damaged_elsewhere);
}

/* Where the quota makes room, this handle forgets an expired entry. Another one, whose clock is behind, still has it, and must learn of the removal. */
TEST(remains__S8_others_learn_that_what_was_forgotten_is_removed) {
  int64_t now = 1000, behind = 1000;
  const size_t bytes = strlen("lily_session_token") + strlen(SECRET) + 2;
  lily_session_storage *storage = open_clocked(JOURNAL, &now, (int64_t)bytes), *other = open_clocked(JOURNAL, &behind, -1);
  assert_ok(lily_session_storage_set(storage, "lily_session_token", "\"" SECRET "\"", strlen(SECRET) + 2, now + 1));
  assert_stored(other, "lily_session_token", "\"" SECRET "\"");
  now++;
  assert_ok(set_text(storage, "a", "1"));
  assert_ok(lily_session_storage_remove(storage, "lily_session_token"));
  assert_absent(other, "lily_session_token");
  lily_session_storage_close(storage);
  lily_session_storage_close(other);
}
