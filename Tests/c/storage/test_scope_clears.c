/* S8, S21 and S23: what a session of a scope notices of clears, sweeps and deletions while its scope has no file, or gets another one. */
#include "files.h"
#include "journal.h"
#include "rig.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

static lily_session_storage *parent, *scope, *other_parent, *other; /* two handles of one scope */
static struct rig rig;
static struct probe token;
static char path[400], folder[400], mark[420], all[300];

static lily_session_storage *open_files(void) { return open_flagged(JOURNAL, LILY_SESSION_SCOPE_FILES, NULL); }

/* Attaches a session to the scope "u". */
static void begin(void) {
  limit_files(1 << 30);
  parent = open_files(), scope = open_scope(parent, "u");
  other_parent = open_files(), other = open_scope(other_parent, "u");
  snprintf(path, sizeof path, "%s", lily_session_storage_path(scope));
  snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
  snprintf(mark, sizeof mark, "%s/cleared", folder);
  snprintf(all, sizeof all, "%s.d", JOURNAL);
}

static void attach(void) {
  rig_lend(&rig, scope);
  rig_field(&rig, &token, "token", LILY_SESSION_STRING);
  probe_string(&token, "none");
  rig_attach(&rig);
}

/* The session tries to store a token, and cannot, because a folder is where the file would be. */
static void fail_without_file(void) {
  assert_true(mkdir(path, 0700) == 0);
  probe_string(&token, SECRET);
  assert_fails(REFUSED, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_int_equal(rmdir(path), 0);
}

/* The same, because the file may not grow. */
static void fail_with_file(void) {
  limit_files(size_of(path));
  probe_string(&token, SECRET);
  assert_fails(NO_SPACE, lily_session_runtime_dispatch(rig.runtime, NULL));
  limit_files(1 << 30);
}

static void check_dropped(void) {
  rig_forget(&rig);
  rig_dispatch(&rig);
  assert_absent(other, "lily_session_token");
  assert_event(&rig, 0, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, 0, "token");
}

/* What could not be stored is stored now, because there was no clear. */
static void check_kept(void) {
  rig_dispatch(&rig);
  assert_stored(other, "lily_session_token", "\"" SECRET "\"");
}

/* The other program ends, and begins anew: what it knew of the file is forgotten. */
static void reopen_other(void) {
  lily_session_storage_close(other);
  other = open_scope(other_parent, "u");
}

static void close_all(void) {
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
  lily_session_storage_close(other);
  lily_session_storage_close(other_parent);
}

static void end(void) {
  rig_end(&rig);
  close_all();
}

static void make_folders(void) {
  assert_int_equal(mkdir(all, 0700), 0);
  assert_int_equal(mkdir(folder, 0700), 0);
}

static void make_mark(mode_t mode) {
  file_write(mark, "0000000000000007\n", 17);
  assert_int_equal(chmod(mark, mode), 0);
}

/* Whatever is in the place of the mark, a clear is noticed, and nobody else's file is touched. */
TEST(scope_clears__S8_whatever_the_mark_is) {
  const char *elsewhere = in_place("elsewhere");
  struct stat status;
  for (int kind = 0; kind < 9; kind++) {
    begin();
    make_folders();
    file_write(elsewhere, "this is somebody's text", 23);
    const struct bytes before = file_read(elsewhere);
    switch (kind) {
    case 0: make_mark(0600); break;
    case 1: make_mark(0644); break;
    case 2: make_mark(0400); break;
    case 3: make_mark(0); break;
    case 4: assert_int_equal(link(elsewhere, mark), 0); break;
    case 5: assert_int_equal(symlink(elsewhere, mark), 0); break;
    case 6: assert_int_equal(mkfifo(mark, 0600), 0); break;
    case 7: assert_int_equal(mkdir(mark, 0700), 0); break;
    default: file_write(mark, "odd", 3); assert_int_equal(chmod(mark, 0600), 0);
    }
    attach();
    fail_without_file();
    assert_ok(lily_session_clear(other));
    check_dropped();
    assert_int_equal(lstat(mark, &status), 0);
    assert_true(S_ISREG(status.st_mode) && status.st_nlink == 1 && status.st_size == 17);
    assert_int_equal(mode_of(mark), 0600);
    assert_file_is(elsewhere, before);
    end();
    assert_int_equal(unlink(mark), 0);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(rmdir(all), 0);
  }
}

/* A umask that takes the owner's rights away does not stop the next clear. */
TEST(scope_clears__S8_under_any_umask) {
  begin();
  const mode_t before = umask(0777);
  assert_ok(lily_session_clear(other));
  umask(before);
  assert_int_equal(mode_of(mark), 0600);
  assert_ok(lily_session_clear(scope));
  close_all();
}

/* Only a folder that is not empty stays. Then neither a clear nor a sweep says OK. */
TEST(scope_clears__S8_a_mark_that_cannot_be_made) {
  begin();
  make_folders();
  char inside[440];
  assert_int_equal(mkdir(mark, 0700), 0);
  snprintf(inside, sizeof inside, "%s/x", mark);
  file_write(inside, "", 0);
  assert_fails(IO, lily_session_clear(other));
  assert_ok(lily_session_storage_set(other, "lily_session_token", "1", 1, 1));
  assert_fails(IO, lily_session_storage_sweep(parent, 0, NULL));
  assert_int_equal(unlink(inside), 0);
  assert_ok(lily_session_clear(other));
  assert_ok(lily_session_storage_sweep(parent, 0, NULL));
  close_all();
}

/* Somebody who could open the mark once, and has it locked, stops neither a clear nor a sweep. */
TEST(scope_clears__S23_a_locked_mark) {
  begin();
  make_folders();
  make_mark(0600);
  const int lock = open(mark, O_RDWR | O_CLOEXEC);
  assert_int_equal(flock(lock, LOCK_EX), 0);
  attach();
  fail_without_file();
  assert_ok(lily_session_clear(other));
  check_dropped();
  assert_ok(lily_session_storage_set(other, "lily_session_token", "1", 1, 1));
  size_t removed = 0;
  assert_ok(lily_session_storage_sweep(parent, 0, &removed));
  assert_int_equal(removed, 1);
  close(lock);
  end();
}

/* Nothing comes back from before the folders were deleted by hand, nor from before a clear after that. */
TEST(scope_clears__S21_the_folders_are_deleted) {
  for (int clears = 0; clears < 2; clears++) {
    begin();
    assert_ok(lily_session_clear(other)); /* this makes the mark */
    attach();
    fail_without_file();
    assert_int_equal(unlink(mark), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(rmdir(all), 0);
    if (clears) assert_ok(lily_session_clear(other));
    check_dropped();
    end();
    unlink(mark);
    unlink(path);
    rmdir(folder);
    rmdir(all);
  }
}

/* A deleted file counts as cleared, even if another program has made a new one before the session looks. */
TEST(scope_clears__S21_the_file_is_deleted_and_made_anew) {
  begin();
  assert_ok(set_text(other, "k", "1"));
  attach();
  fail_with_file();
  assert_int_equal(unlink(path), 0);
  reopen_other(); /* a handle that knows of the old file would notice that it is gone */
  assert_ok(set_text(other, "k", "2"));
  check_dropped();
  assert_stored(scope, "k", "2");
  end();
}

/* A rewriting by another program is no clear. */
TEST(scope_clears__S8_a_rewriting_is_none) {
  begin();
  assert_ok(set_text(other, "k", "1"));
  assert_ok(set_text(other, "l", "1"));
  attach();
  fail_with_file();
  assert_ok(lily_session_storage_remove(other, "l"));
  assert_ok(lily_session_storage_sync(other));
  check_kept();
  end();
}

/* Nor is it one if this handle meets damage before the rewriting, or if the rewriting did not wait for the lock. */
TEST(scope_clears__S8_a_rewriting_after_damage_is_none) {
  begin();
  assert_ok(set_text(other, "k", "1"));
  attach();
  fail_with_file();
  assert_ok(set_text(other, "l", "\"xxxxx\""));
  struct bytes bytes = file_read(path);
  char *at = memmem(bytes.bytes, bytes.length, "xxxxx", 5);
  assert_non_null(at);
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  assert_int_equal(pwrite(file, "y", 1, at - bytes.bytes), 1);
  close(file);
  free(bytes.bytes);
  reopen_other(); /* a handle that has read the line knows what it said */
  assert_ok(lily_session_storage_remove(other, "k"));
  assert_ok(lily_session_storage_sync(other));
  assert_absent(scope, "k"); /* this reads without the lock */
  check_kept();
  end();
}

TEST(scope_clears__S8_a_rewriting_without_the_lock_is_none) {
  begin();
  assert_ok(set_text(other, "k", "1"));
  attach();
  fail_with_file();
  assert_int_equal(chmod(path, 0644), 0);
  const int stranger = open(path, O_RDONLY | O_CLOEXEC);
  assert_int_equal(flock(stranger, LOCK_EX), 0);
  reopen_other();
  assert_ok(set_text(other, "k", "2"));
  check_kept();
  close(stranger);
  end();
}

/* A full disk that leaves an empty file is no deletion either. */
TEST(scope_clears__S6_a_first_write_that_failed_is_tried_again) {
  begin();
  attach();
  limit_files(20);
  probe_string(&token, SECRET);
  assert_fails(NO_SPACE, lily_session_runtime_dispatch(rig.runtime, NULL));
  limit_files(1 << 30);
  assert_ok(set_text(other, "k", "1"));
  check_kept();
  end();
}

/* If no line can be appended and no new file be made, the file itself goes. */
TEST(scope_clears__S8_a_full_disk_stops_no_clear) {
  begin();
  assert_ok(set_text(other, "lily_session_token", "\"" SECRET "\""));
  attach();
  assert_string_equal(token.text, SECRET);
  limit_files(20); /* the mark has 17 bytes */
  assert_ok(lily_session_clear(other));
  limit_files(1 << 30);
  assert_int_equal(access(path, F_OK), -1);
  assert_absent(other, "lily_session_token");
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(token.text, "none");
  /* unless it stores what a clear leaves there */
  assert_ok(set_text(other, "lily_session_token", "\"" SECRET "\""));
  assert_ok(set_text(other, "kept", "1"));
  limit_files(20);
  assert_fails(NO_SPACE, lily_session_clear(other));
  limit_files(1 << 30);
  assert_stored(other, "kept", "1");
  end();
}

/* If not even the mark can be made, the clear says so. */
TEST(scope_clears__S8_a_clear_that_cannot_be_marked) {
  begin();
  assert_ok(set_text(other, "lily_session_token", "\"" SECRET "\""));
  limit_files(5);
  assert_fails(NO_SPACE, lily_session_clear(other));
  assert_fails(NO_SPACE, lily_session_clear(other));
  limit_files(1 << 30);
  assert_ok(lily_session_clear(other));
  assert_int_equal(access(mark, F_OK), 0);
  end();
}

/* The mark needs the inode of the file that a clear removes. */
static int clear_without_inodes(void *context) {
  const char *place = context;
  char file[300], other_file[320];
  snprintf(file, sizeof file, "%s/session.jsonl", place);
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, "") != 0) return 77;
  CHILD_CHECK(mount("none", place, "tmpfs", 0, "nr_inodes=50,size=1m") == 0);
  limit_files(1 << 30);
  CHILD_CHECK((parent = open_flagged(file, LILY_SESSION_SCOPE_FILES, NULL)) && (scope = open_scope(parent, "u")));
  CHILD_CHECK(set_text(scope, "lily_session_token", "\"" SECRET "\"") == LILY_SESSION_OK);
  snprintf(path, sizeof path, "%s", lily_session_storage_path(scope));
  snprintf(mark, sizeof mark, "%.*s/cleared", (int)(strrchr(path, '/') - path), path);
  for (int i = 0, file_made = 0; file_made >= 0; i++) {
    snprintf(other_file, sizeof other_file, "%s/%d", place, i);
    file_made = open(other_file, O_CREAT | O_CLOEXEC, 0600);
    close(file_made);
  }
  limit_files(size_of(path));
  CHILD_CHECK(lily_session_clear(scope) == LILY_SESSION_OK);
  CHILD_CHECK(access(path, F_OK) == -1 && access(mark, F_OK) == 0);
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
  return 0;
}

TEST(scope_clears__S8_a_clear_without_inodes) {
  char place[200];
  snprintf(place, sizeof place, "%s", in_place("small"));
  assert_int_equal(mkdir(place, 0700), 0);
  const int result = in_child(clear_without_inodes, place);
  if (result == 77) skip(); /* this process may not mount anything */
  assert_int_equal(result, 0);
}

/* An exclusive storage counts no file as replaced where there was none. */
TEST(scope_clears__S22_a_clear_without_a_file) {
  parent = open_flagged(JOURNAL, LILY_SESSION_SCOPE_FILES | LILY_SESSION_EXCLUSIVE, NULL);
  scope = open_scope(parent, "u");
  assert_ok(lily_session_clear(scope));
  assert_ok(set_text(scope, "k", "1"));
  assert_ok(lily_session_storage_sync(scope));
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
}

/* In one file, a scope's generation cannot hide that the file was deleted, whatever the file says of it. */
TEST(scope_clears__S21_the_generation_of_an_inner_scope) {
  struct journal journal;
  limit_files(1 << 30);
  journal_begin(&journal);
  journal_line(&journal, "\"set\",\"\\u0000u\\u0000\",\"0000000100000000\",0");
  journal_line(&journal, "\"set\",\"\\u0000u\\u0000lily_session_other\",1,0");
  journal_save(&journal, JOURNAL);
  parent = open_storage(JOURNAL), scope = open_scope(parent, "u");
  other_parent = open_storage(JOURNAL), other = open_scope(other_parent, "u");
  snprintf(path, sizeof path, "%s", JOURNAL);
  attach();
  fail_with_file();
  assert_int_equal(unlink(JOURNAL), 0);
  check_dropped();
  end();
}
