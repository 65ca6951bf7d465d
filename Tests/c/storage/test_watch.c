/* S10: the descriptor of lily_session_storage_fd() polls readable when another handle has changed the file, until this handle has read the
   change or, if sessions are attached, until each of them has refreshed. */
#include "elsewhere.h"
#include "files.h"
#include "journal.h"
#include "rig.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

/* This is long enough for any machine, and no test waits so long unless it fails. */
enum { PATIENCE = 5000 };

static lily_session_storage *storage;
static int fd;

static void begin(void) {
  storage = open_storage(JOURNAL);
  fd = lily_session_storage_fd(storage);
  assert_true(fd >= 0);
}

static void end(void) { lily_session_storage_close(storage); }

static void look(const char *key) {
  char *json = NULL;
  lily_session_storage_get(storage, key, &json, NULL);
  lily_session_free(json);
}

TEST(watch__S10_the_same_descriptor_each_time) {
  begin();
  for (int i = 0; i < 5; i++) assert_int_equal(lily_session_storage_fd(storage), fd);
  assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  assert_false(readable(fd, 0));
  end();
  assert_int_equal(fcntl(fd, F_GETFD), -1); /* closing the handle closes its descriptor */
}

TEST(watch__S10_another_programs_change) {
  begin();
  const char *const commands[] = {"set", "set", "remove", "clear"};
  for (size_t i = 0; i < COUNT(commands); i++) {
    changed_elsewhere(commands[i], strcmp(commands[i], "clear") == 0 ? NULL : "lily_session_theme", i == 0 ? "1" : "2");
    assert_true(readable(fd, PATIENCE));
    look("lily_session_theme");
    assert_false(readable(fd, 0));
  }
  end();
}

TEST(watch__S10_another_handles_change) {
  begin();
  lily_session_storage *other = open_storage(JOURNAL);
  look("k");
  for (int i = 0; i < 100; i++) { /* One look is enough for everything that came before it. */
    for (int times = 0; times <= i % 3; times++) assert_ok(set_text(other, "k", i % 2 ? "1" : "2"));
    assert_true(readable(fd, PATIENCE));
    assert_stored(storage, "k", i % 2 ? "1" : "2");
    assert_false(readable(fd, 0));
  }
  lily_session_storage_close(other);
  end();
}

/* Without a session any look makes it quiet. With a session, only a refresh does. */
TEST(watch__S10_readable_until_the_sessions_have_refreshed) {
  begin();
  for (int i = 0; i < 4; i++) {
    changed_elsewhere("set", "lily_session_theme", i % 2 ? "\"dark\"" : "\"blue\"");
    assert_true(readable(fd, PATIENCE));
    if (i % 2 == 0) look("absent"); /* A get that returns NOT_FOUND is a look, too. */
    if (i % 2 == 1) assert_entries(storage, 1);
    assert_false(readable(fd, 0));
  }
  struct rig rigs[2];
  static struct probe themes[2];
  lily_session_storage *scope = open_scope(storage, "u"); /* a session of a scope counts, too */
  rig_lend(&rigs[0], storage);
  rig_lend(&rigs[1], scope);
  for (int i = 0; i < 2; i++) rig_attach_theme(&rigs[i], &themes[i]);
  for (int i = 0; i < 4; i++) {
    changed_elsewhere("set", "lily_session_theme", i % 2 ? "\"dark\"" : "\"blue\"");
    assert_true(readable(fd, PATIENCE));
    int32_t state;
    assert_ok(lily_session_field_state(rigs[0].session, "theme", &state));
    look("absent");
    assert_entries(storage, 1);
    assert_true(readable(fd, 0));
    assert_ok(lily_session_refresh(rigs[i % 2].session));
    assert_true(readable(fd, 0)); /* the other session has not refreshed yet */
    assert_ok(lily_session_refresh(rigs[1 - i % 2].session));
    assert_false(readable(fd, 0));
  }
  changed_elsewhere("set", "lily_session_theme", "\"red\"");
  assert_ok(lily_session_refresh(rigs[0].session));
  assert_true(readable(fd, PATIENCE));
  rig_end(&rigs[1]); /* A session that has ended is not waited for. */
  look("absent");
  assert_false(readable(fd, 100));
  rig_end(&rigs[0]);
  lily_session_storage_close(scope);
  end();
}

/* Changes are seen before and after the file is rewritten, however often. */
TEST(watch__S10_across_a_rewriting_of_the_file) {
  begin();
  lily_session_storage *other = open_storage(JOURNAL);
  assert_ok(set_text(other, "gone", "1"));
  for (int i = 0; i < 3; i++) {
    assert_ok(set_text(other, "k", "1"));
    assert_ok(lily_session_storage_remove(other, "gone"));
    assert_ok(lily_session_storage_sync(other)); /* another file has the name now */
    assert_true(info_of(other).last_compaction_ms > 0);
    assert_true(readable(fd, PATIENCE));
    assert_stored(storage, "k", "1");
    look("k");
    assert_false(readable(fd, 0));
    assert_ok(set_text(other, "gone", "1"));
    assert_true(readable(fd, PATIENCE));
    assert_stored(storage, "gone", "1");
    assert_false(readable(fd, 0));
  }
  lily_session_storage_close(other);
  /* Here this handle is the one that rewrites. */
  assert_ok(lily_session_storage_remove(storage, "gone"));
  assert_ok(lily_session_storage_sync(storage));
  look("k");
  assert_false(readable(fd, 0));
  changed_elsewhere("set", "k", "5");
  assert_true(readable(fd, PATIENCE));
  assert_stored(storage, "k", "5");
  end();
}

TEST(watch__S10_of_a_storage_that_only_reads) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *reader = NULL;
  changed_elsewhere("set", "k", "1");
  options.flags = LILY_SESSION_READ_ONLY;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &reader));
  const int watch = lily_session_storage_fd(reader);
  assert_true(watch >= 0);
  assert_stored(reader, "k", "1");
  assert_false(readable(watch, 0));
  changed_elsewhere("set", "k", "2");
  assert_true(readable(watch, PATIENCE));
  assert_stored(reader, "k", "2");
  assert_false(readable(watch, 0));
  lily_session_storage_close(reader);
}

/* The descriptor of a scope is its parent's, or one that works like it. */
TEST(watch__S10_of_a_scope) {
  begin();
  lily_session_storage *scope = open_scope(storage, "user:4"), *other = open_storage(JOURNAL), *there = open_scope(other, "user:4");
  const int watch = lily_session_storage_fd(scope);
  assert_true(watch >= 0);
  assert_ok(set_text(there, "k", "1"));
  assert_true(readable(watch, PATIENCE));
  assert_stored(scope, "k", "1");
  assert_false(readable(watch, 0));
  lily_session_storage_close(there);
  lily_session_storage_close(other);
  lily_session_storage_close(scope);
  end();
}

TEST(watch__none_for_NULL) { assert_int_equal(lily_session_storage_fd(NULL), -1); }

static int ask_in_child(void *context) {
  CHILD_CHECK(lily_session_storage_fd(context) == -1);
  return 0;
}

TEST(watch__S16_none_in_a_child_of_fork) {
  begin();
  assert_int_equal(in_child(ask_in_child, storage), 0);
  changed_elsewhere("set", "k", "1");
  assert_true(readable(fd, PATIENCE));
  end();
}

/* If the system gives no watch, the descriptor is -1, and all else works. */
static int without_descriptors(void *context) {
  lily_session_storage *mine = NULL;
  CHILD_CHECK(lily_session_storage_open(context, NULL, &mine) == LILY_SESSION_OK);
  int last = open("/dev/null", O_RDONLY), next = last;
  while (next >= 0) {
    last = next;
    next = dup(last);
  }
  CHILD_CHECK(errno == EMFILE);
  for (int few = 0; few < 3; few++) { /* one for inotify, one that the library makes readable itself, and one that polls both */
    CHILD_CHECK(lily_session_storage_fd(mine) == -1);
    CHILD_CHECK(set_text(mine, "k", "1") == LILY_SESSION_OK);
    close(last--);
  }
  CHILD_CHECK(lily_session_storage_fd(mine) >= 0);
  lily_session_storage_close(mine);
  return 0;
}

TEST(watch__S10_none_where_descriptors_have_run_out) { assert_int_equal(in_child(without_descriptors, (void *)(uintptr_t)JOURNAL), 0); }

/* There are more changes in the directory than the kernel keeps. It reports that it dropped some. */
TEST(watch__S10_a_queue_that_overflows) {
  begin();
  FILE *limit = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
  long most = 16384;
  if (limit != NULL) {
    if (fscanf(limit, "%ld", &most) != 1) most = 16384;
    fclose(limit);
  }
  if (most > 1 << 20) skip(); /* it would take too long to fill */
  for (long i = 0; i < most / 2 + 100; i++) { /* an event each for making and deleting it */
    close(open(in_place("other"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    unlink(in_place("other"));
  }
  changed_elsewhere("set", "k", "1");
  assert_true(readable(fd, PATIENCE));
  assert_stored(storage, "k", "1");
  assert_false(readable(fd, 0));
  changed_elsewhere("set", "k", "2");
  assert_true(readable(fd, PATIENCE));
  assert_stored(storage, "k", "2");
  assert_false(readable(fd, 0));
  end();
}

/* When the directory is deleted, the descriptor becomes readable once. A loop that waits for it does not spin. */
TEST(watch__S10_a_directory_that_is_deleted) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s", in_place("folder/session.jsonl"));
  assert_int_equal(mkdir(in_place("folder"), 0700), 0);
  storage = open_storage(path);
  fd = lily_session_storage_fd(storage);
  assert_ok(set_text(storage, "k", "1"));
  look("k");
  assert_false(readable(fd, 0));
  assert_int_equal(unlink(path), 0);
  assert_int_equal(rmdir(in_place("folder")), 0);
  assert_true(readable(fd, PATIENCE));
  assert_absent(storage, "k");
  for (int i = 0; i < 3; i++) {
    assert_false(readable(fd, 0));
    assert_fails(NOT_FOUND, set_text(storage, "k", "2"));
    look("k");
  }
  end();
}

/* ---- what it watches */

/* Programs keep logs and caches beside their session. Such files do not wake the program. */
TEST(watch__S10_other_files_in_the_folder_do_not_wake) {
  begin();
  for (int i = 0; i < 10; i++) {
    file_write(in_place("shop.log"), "x", 1);
    assert_int_equal(rename(in_place("shop.log"), in_place("shop.log.1")), 0);
    assert_int_equal(unlink(in_place("shop.log.1")), 0);
  }
  assert_false(readable(fd, 50));
  changed_elsewhere("set", "k", "1");
  assert_true(readable(fd, PATIENCE));
  end();
}

TEST(watch__S10_what_changed_before_it_was_asked_for) {
  storage = open_storage(JOURNAL);
  look("k");
  changed_elsewhere("set", "k", "1");
  fd = lily_session_storage_fd(storage);
  assert_true(readable(fd, PATIENCE));
  assert_stored(storage, "k", "1");
  assert_false(readable(fd, 0));
  end();
}

TEST(watch__S10_neither_info_nor_a_write_that_fails_makes_it_quiet) {
  begin();
  changed_elsewhere("set", "k", "1");
  lily_session_info info = LILY_SESSION_INFO_INIT;
  assert_ok(lily_session_storage_info(storage, &info));
  char *value = repeated('1', 6 << 20);
  value[0] = value[(6 << 20) - 1] = '"';
  assert_fails(QUOTA, set_text(storage, "large", value));
  free(value);
  assert_true(readable(fd, PATIENCE));
  assert_stored(storage, "k", "1");
  assert_false(readable(fd, 0));
  end();
}

TEST(watch__S21_a_file_that_is_exchanged) {
  begin();
  for (int i = 0; i < 3; i++) {
    journal_of(in_place("backup"), "k", "1", NULL);
    assert_int_equal(rename(in_place("backup"), JOURNAL), 0);
    assert_true(readable(fd, PATIENCE));
    assert_stored(storage, "k", "1");
    assert_false(readable(fd, 0));
    changed_elsewhere("set", "k", "2"); /* this changes the file that is there now */
    assert_true(readable(fd, PATIENCE));
    assert_stored(storage, "k", "2");
    assert_false(readable(fd, 0));
  }
  end();
}

TEST(watch__S21_a_file_that_is_deleted_and_made_again) {
  begin();
  assert_ok(set_text(storage, "k", "1"));
  for (int i = 0; i < 3; i++) {
    assert_int_equal(unlink(JOURNAL), 0);
    assert_true(readable(fd, PATIENCE));
    assert_absent(storage, "k");
    assert_false(readable(fd, 0));
    changed_elsewhere("set", "k", "1");
    assert_true(readable(fd, PATIENCE));
    assert_stored(storage, "k", "1");
    assert_false(readable(fd, 0));
  }
  end();
}

TEST(watch__S21_folders_that_are_deleted_and_made_again) {
  const char *path = in_place("above/folder/session.jsonl");
  assert_int_equal(mkdir(in_place("above"), 0700) | mkdir(in_place("above/folder"), 0700), 0);
  storage = open_storage(path);
  fd = lily_session_storage_fd(storage);
  for (int i = 0; i < 3; i++) {
    assert_ok(set_text(storage, "k", "1"));
    look("k");
    assert_false(readable(fd, 0));
    assert_int_equal(unlink(path) | rmdir(in_place("above/folder")) | rmdir(in_place("above")), 0);
    assert_true(readable(fd, PATIENCE));
    assert_absent(storage, "k");
    /* A write that fails does not lose the watch either. */
    assert_fails(NOT_FOUND, set_text(storage, "k", "2"));
    assert_false(readable(fd, 0));
    assert_int_equal(mkdir(in_place("above"), 0700), 0);
    assert_true(readable(fd, PATIENCE));
    look("k");
    assert_false(readable(fd, 0));
    assert_int_equal(mkdir(in_place("above/folder"), 0700), 0);
    assert_true(readable(fd, PATIENCE));
    look("k");
    assert_false(readable(fd, 0));
    lily_session_storage *other = open_storage(path);
    assert_ok(set_text(other, "k", "3"));
    assert_true(readable(fd, PATIENCE));
    assert_stored(storage, "k", "3");
    assert_false(readable(fd, 0));
    lily_session_storage_close(other);
  }
  end();
}

/* The system does not report that a folder is deleted which somebody has open, and another handle may have it open. */
/* The file goes, then its folder, which somebody holds open, and then the folder is made again. */
static void wakes_where_the_folder_is_made_again(const char *path) {
  storage = open_storage(path);
  const int held = open(in_place("folder"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  fd = lily_session_storage_fd(storage);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(unlink(path), 0);
    look("k");
    assert_false(readable(fd, 0));
    assert_int_equal(rmdir(in_place("folder")) | mkdir(in_place("folder"), 0700), 0);
    assert_true(readable(fd, PATIENCE));
    look("k");
    lily_session_storage *other = open_storage(path);
    assert_ok(set_text(other, "k", "3"));
    assert_true(readable(fd, PATIENCE));
    assert_stored(storage, "k", "3");
    lily_session_storage_close(other);
  }
  close(held);
  assert_int_equal(unlink(path), 0);
  end();
}

TEST(watch__S21_a_folder_that_is_held_open_and_made_again) {
  assert_int_equal(mkdir(in_place("folder"), 0700) | mkdir(in_place("else"), 0700), 0);
  assert_int_equal(symlink("../folder", in_place("else/link")), 0);
  const char *const names[] = {"folder/session.jsonl", "folder//session.jsonl", "folder/./session.jsonl", "else/link/session.jsonl"};
  for (size_t i = 0; i < COUNT(names); i++) wakes_where_the_folder_is_made_again(in_place(names[i]));
}

TEST(watch__S21_a_folder_that_is_moved_away) {
  assert_int_equal(mkdir(in_place("folder"), 0700), 0);
  storage = open_storage(in_place("folder/session.jsonl"));
  fd = lily_session_storage_fd(storage);
  assert_ok(set_text(storage, "k", "1"));
  look("k");
  assert_false(readable(fd, 0));
  assert_int_equal(rename(in_place("folder"), in_place("moved")), 0);
  assert_true(readable(fd, PATIENCE));
  end();
}
