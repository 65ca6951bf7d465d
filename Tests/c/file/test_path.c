/* S21: the path counts. A file or folder that was exchanged, deleted or made anew, or that may be written again, is noticed without opening
   the storage again. */
#include "files.h"
#include "journal.h"
#include "rig.h"

#include <fcntl.h>
#include <sys/stat.h>

#define FOLDER in_place("folder")
#define INSIDE in_place("folder/session.jsonl")

static void delete_folder(void) {
  assert_int_equal(unlink(INSIDE), 0);
  assert_int_equal(rmdir(FOLDER), 0);
}

TEST(path__S21_a_folder_that_is_exchanged) {
  struct rig rig;
  struct probe theme = {0};
  assert_int_equal(mkdir(FOLDER, 0700), 0);
  rig_begin(&rig, open_storage(INSIDE));
  rig_attach_theme(&rig, &theme);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_int_equal(rename(FOLDER, in_place("moved")), 0);
  assert_int_equal(mkdir(FOLDER, 0700), 0);
  struct bytes before = file_read(in_place("moved/session.jsonl"));

  assert_ok(lily_session_refresh(rig.session));
  assert_event(&rig, 0, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, 0, "theme");
  assert_string_equal(theme.text, "light");
  probe_string(&theme, "blue");
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "\"blue\"");
  assert_true(file_has(INSIDE, "blue"));
  assert_file_is(in_place("moved/session.jsonl"), before);
  rig_end(&rig);
}

/* The file is the same, but its folder is another one. New files beside it or in its place are made in the folder that the path leads to. */
TEST(path__S21_a_folder_that_is_exchanged_around_the_file) {
  assert_int_equal(mkdir(FOLDER, 0700) | mkdir(in_place("new"), 0700), 0);
  lily_session_storage *storage = open_storage(INSIDE);
  assert_ok(set_text(storage, "a", "1"));
  assert_ok(set_text(storage, "b", "\"" SECRET "\""));
  assert_int_equal(rename(INSIDE, in_place("new/session.jsonl")), 0);
  assert_int_equal(rename(FOLDER, in_place("old")), 0);
  assert_int_equal(rename(in_place("new"), FOLDER), 0);
  assert_ok(lily_session_storage_remove(storage, "b"));
  assert_ok(lily_session_storage_sync(storage));
  assert_int_equal(rmdir(in_place("old")), 0); /* the library has put nothing into the old folder */
  assert_false(file_has(INSIDE, SECRET));
  assert_stored(storage, "a", "1");
  lily_session_storage_close(storage);
}

/* The library does not make the folder again. What cannot be stored stays dirty until it can be. */
TEST(path__S21_a_folder_that_is_deleted_and_made_again) {
  struct rig rig;
  struct probe theme = {0};
  assert_int_equal(mkdir(FOLDER, 0700), 0);
  rig_begin(&rig, open_storage(INSIDE));
  rig_attach_theme(&rig, &theme);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  delete_folder();
  assert_absent(rig.storage, "lily_session_theme");
  probe_string(&theme, "blue");
  for (int i = 0; i < 3; i++) assert_fails(NOT_FOUND, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_event(&rig, 0, LILY_SESSION_EVENT_WRITE_FAILED, LILY_SESSION_ERROR_NOT_FOUND, ENOENT, "theme");
  assert_int_not_equal(access(FOLDER, F_OK), 0);
  assert_int_equal(mkdir(FOLDER, 0700), 0);
  assert_ok(lily_session_persist(rig.session));
  assert_true(file_has(INSIDE, "blue"));
  rig_end(&rig);
}

/* The deletion of the file is a clear for scopes, too, because they are in the same file. */
TEST(path__S19_a_deleted_file_is_a_clear_for_a_scopes_session) {
  struct rig rig;
  struct probe theme = {0};
  lily_session_storage *parent = open_storage(JOURNAL), *other = open_storage(JOURNAL);
  rig_begin(&rig, open_scope(parent, "user:1"));
  rig_attach_theme(&rig, &theme);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_ok(lily_session_clear(other)); /* a scope's keys are not among the storage's own keys */
  assert_ok(lily_session_refresh(rig.session));
  assert_int_equal(rig.event_count, 0);
  assert_int_equal(unlink(JOURNAL), 0);
  assert_ok(set_text(other, "a", "1"));
  assert_ok(lily_session_refresh(rig.session));
  assert_event(&rig, 0, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, 0, "theme");
  rig_end(&rig);
  lily_session_storage_close(other);
  lily_session_storage_close(parent);
}

/* One handle finds the file gone and makes it again, and another handle finds the new file. For both together that is one clear. */
TEST(path__S8_a_deletion_is_one_clear_for_all_who_meet_it) {
  struct rig rig;
  struct probe theme = {0};
  lily_session_storage *other = open_storage(JOURNAL);
  rig_begin(&rig, open_storage(JOURNAL));
  rig_attach_theme(&rig, &theme);
  assert_absent(other, "a"); /* so this handle has read the file */
  assert_int_equal(unlink(JOURNAL), 0);
  assert_ok(lily_session_refresh(rig.session));
  assert_ok(set_text(other, "a", "1"));
  const int events = rig.event_count;
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_ok(lily_session_refresh(rig.session));
  assert_int_equal(rig.event_count, events);
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  rig_end(&rig);
  lily_session_storage_close(other);
}

/* A foreign file is at the path for a while, and is then moved away. The link count of the open file does not show either change. */
TEST(path__S21_a_foreign_file_that_goes_away_again) {
  lily_session_storage *storage = open_storage(JOURNAL);
  char *json = NULL;
  assert_ok(set_text(storage, "a", "1"));
  assert_int_equal(rename(JOURNAL, in_place("kept")), 0);
  file_write(in_place("foreign"), "precious\n", 9);
  assert_int_equal(rename(in_place("foreign"), JOURNAL), 0);
  assert_fails(REFUSED, lily_session_storage_sync(storage));
  assert_fails(REFUSED, lily_session_storage_get(storage, "a", &json, NULL));
  assert_int_equal(rename(JOURNAL, in_place("foreign")), 0);
  assert_int_equal(rename(in_place("kept"), JOURNAL), 0);
  assert_stored(storage, "a", "1");
  assert_ok(set_text(storage, "a", "2"));
  assert_stored(storage, "a", "2");
  lily_session_storage_close(storage);
}

/* A file that is emptied in place counts as deleted. */
TEST(path__S8_a_file_that_is_emptied_is_a_clear) {
  struct rig rig;
  struct probe theme = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  rig_attach_theme(&rig, &theme);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_int_equal(truncate(JOURNAL, 0), 0);
  assert_ok(lily_session_refresh(rig.session));
  assert_event(&rig, 0, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, 0, "theme");
  rig_end(&rig);
}

/* ---- as a user other than root, so that rights count */

static bool become_nobody(void) {
  return geteuid() != 0 || become(65534);
}

/* Makes a folder of that user's, below one that every user may pass through. */
static void give_folder(void) {
  assert_int_equal(chmod(place, 0755), 0);
  assert_int_equal(mkdir(FOLDER, 0755), 0);
  if (geteuid() == 0) assert_int_equal(chown(FOLDER, 65534, 65534), 0);
}

static lily_session_status stored(lily_session_storage *storage, const char *key, const char *expected) {
  char *json = NULL;
  lily_session_status status = lily_session_storage_get(storage, key, &json, NULL);
  const bool same = status == LILY_SESSION_OK && strcmp(json, expected) == 0;
  lily_session_free(json);
  return status != LILY_SESSION_OK || same ? status : 1;
}

struct counter {
  int32_t n;
};

/* If `runs_out` is set, the process has no free descriptor; otherwise it has no right to write. */
static int change_after_a_deletion(void *runs_out) {
  struct counter counter = {0};
  lily_session_field field = LILY_SESSION_FIELD_INT32(struct counter, n);
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_runtime *runtime;
  lily_session *session;
  CHILD_CHECK(become_nobody());
  CHILD_CHECK(lily_session_field_add(fields, &field) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_storage_open(INSIDE, NULL, &config.storage) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_runtime_new(&counter, NULL, NULL, &runtime) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_attach(runtime, fields, &config, &session) == LILY_SESSION_OK);
  counter.n = 1;
  CHILD_CHECK(lily_session_persist(session) == LILY_SESSION_OK);
  CHILD_CHECK(unlink(INSIDE) == 0);
  struct rlimit limit;
  CHILD_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const rlim_t enough = limit.rlim_cur;
  limit.rlim_cur = 0;
  if (runs_out) CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  else CHILD_CHECK(chmod(FOLDER, 0555) == 0);
  for (int i = 0; i < 3; i++) {
    counter.n = 2;
    CHILD_CHECK(lily_session_persist(session) == (runs_out ? LILY_SESSION_ERROR_IO : LILY_SESSION_ERROR_PERMISSION));
    /* No look finds the deleted entry again. */
    CHILD_CHECK(stored(config.storage, "lily_session_n", "1") == LILY_SESSION_ERROR_NOT_FOUND);
    CHILD_CHECK(lily_session_refresh(session) != LILY_SESSION_OK && counter.n == 2);
  }
  limit.rlim_cur = enough;
  if (runs_out) CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  else CHILD_CHECK(chmod(FOLDER, 0755) == 0);
  CHILD_CHECK(lily_session_persist(session) == LILY_SESSION_OK);
  CHILD_CHECK(stored(config.storage, "lily_session_n", "2") == LILY_SESSION_OK);
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  return 0;
}

TEST(path__S21_a_change_that_cannot_be_stored_after_a_deletion_is_stored_once_it_can_be) {
  give_folder();
  assert_int_equal(in_child(change_after_a_deletion, NULL), 0);
  assert_int_equal(unlink(INSIDE), 0);
  assert_int_equal(in_child(change_after_a_deletion, UNTOUCHED), 0);
}

static int write_again(void *context) {
  (void)context;
  lily_session_storage *storage;
  CHILD_CHECK(become_nobody());
  CHILD_CHECK(lily_session_storage_open(INSIDE, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(set_text(storage, "a", "1") == LILY_SESSION_OK);
  lily_session_storage_close(storage);
  CHILD_CHECK(chmod(INSIDE, 0400) == 0);
  CHILD_CHECK(lily_session_storage_open(INSIDE, NULL, &storage) == LILY_SESSION_OK);
  for (int i = 0; i < 3; i++) {
    CHILD_CHECK(set_text(storage, "a", "2") == LILY_SESSION_ERROR_PERMISSION);
    CHILD_CHECK(strstr(lily_session_last_error(), "errno 13") || strstr(lily_session_last_error(), strerror(EACCES)));
    CHILD_CHECK(stored(storage, "a", "1") == LILY_SESSION_OK);
  }
  CHILD_CHECK(chmod(INSIDE, 0600) == 0);
  CHILD_CHECK(set_text(storage, "a", "2") == LILY_SESSION_OK);
  CHILD_CHECK(stored(storage, "a", "2") == LILY_SESSION_OK);
  lily_session_storage_close(storage);
  return 0;
}

TEST(path__S21_a_file_that_may_be_written_again_is_written_by_the_next_write) {
  give_folder();
  assert_int_equal(in_child(write_again, NULL), 0);
}

/* ---- descriptors */

/* A program may be started with its standard descriptors closed. What it prints then goes into any file that gets their numbers. */
static int without_standard_descriptors(void *context) {
  (void)context;
  lily_session_storage *storage;
  for (int i = 0; i < 3; i++) close(i);
  if (lily_session_storage_open(JOURNAL, NULL, &storage) != LILY_SESSION_OK) return 2;
  if (lily_session_storage_fd(storage) < 3) return 3;
  if (set_text(storage, "a", "1") != LILY_SESSION_OK || lily_session_storage_remove(storage, "a") != LILY_SESSION_OK) return 4;
  if (lily_session_storage_sync(storage) != LILY_SESSION_OK) return 5; /* rewrites the file */
  unlink(JOURNAL);
  if (set_text(storage, "a", "2") != LILY_SESSION_OK) return 6;
  for (int i = 0; i < 3; i++) {
    if (fcntl(i, F_GETFD) != -1) return 7;
  }
  lily_session_storage_close(storage);
  return 0;
}

TEST(path__no_descriptor_is_a_standard_one) { assert_int_equal(in_child(without_standard_descriptors, NULL), 0); }

/* What a handle renames into place must not take the place of somebody else's file. */
TEST(path__S21_an_emptied_file_that_has_another_name_by_now) {
  for (int is_moved = 0; is_moved < 2; is_moved++) {
    unlink(JOURNAL);
    unlink(in_place("second"));
    lily_session_storage *one = open_storage(JOURNAL), *two = open_storage(JOURNAL);
    assert_ok(set_text(one, "a", "1"));
    assert_stored(two, "a", "1");
    assert_int_equal(is_moved ? rename(JOURNAL, in_place("second")) : link(JOURNAL, in_place("second")), 0);
    assert_int_equal(truncate(in_place(is_moved ? "second" : "session.jsonl"), 0), 0);
    assert_ok(set_text(one, "of_one", "1"));
    assert_ok(set_text(two, "of_two", "2"));
    assert_stored(two, "of_one", "1");
    assert_stored(one, "of_two", "2");
    assert_absent(two, "a");
    lily_session_storage_close(two);
    lily_session_storage_close(one);
  }
}

TEST(path__S21_a_rewriting_in_a_file_that_was_moved_away) {
  lily_session_storage *one = open_storage(JOURNAL);
  assert_ok(set_text(one, "a", "1"));
  assert_int_equal(rename(JOURNAL, in_place("away")), 0);
  lily_session_storage *two = open_storage(JOURNAL);
  assert_ok(set_text(two, "of_two", "2"));
  assert_ok(lily_session_storage_sync(two));
  char *large = repeated('x', 100000);
  large[0] = large[99999] = '"';
  for (int i = 0; i < 60; i++) {
    large[1] = (char)('a' + i % 26);
    assert_ok(lily_session_storage_set(one, "large", large, 100000, 0));
  }
  lily_session_storage *third = open_storage(JOURNAL);
  assert_stored(third, "of_two", "2");
  assert_absent(third, "a");
  assert_stored(one, "of_two", "2"); /* this handle has found the file at the path */
  lily_session_storage_close(third);
  lily_session_storage_close(two);
  lily_session_storage_close(one);
  free(large);
}

/* Nothing is taken for absent because the file cannot be opened. */
TEST(path__S21_a_removal_where_the_file_cannot_be_opened) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_int_equal(unlink(JOURNAL), 0);
  assert_absent(storage, "lily_session_k");
  lily_session_storage *other = open_storage(JOURNAL);
  assert_ok(set_text(other, "lily_session_k", "1"));
  assert_int_equal(link(JOURNAL, in_place("second")), 0);
  assert_fails(REFUSED, lily_session_storage_remove(storage, "lily_session_k"));
  assert_fails(REFUSED, lily_session_clear(storage));
  assert_int_equal(unlink(in_place("second")), 0);
  assert_stored(storage, "lily_session_k", "1");
  assert_ok(lily_session_storage_remove(storage, "lily_session_k"));
  assert_absent(other, "lily_session_k");
  lily_session_storage_close(other);
  lily_session_storage_close(storage);
}

/* A clear succeeds if there is nothing to clear, and makes no file. What could not be stored before it is not stored after it. */
TEST(path__S8_a_clear_where_there_is_nothing) {
  assert_int_equal(mkdir(in_place("gone"), 0700), 0);
  const char *const file = in_place("gone/session.jsonl");
  lily_session_storage *storage = open_storage(file);
  assert_ok(set_text(storage, "a", "1"));
  assert_int_equal(unlink(file) | rmdir(in_place("gone")), 0);
  assert_ok(lily_session_clear(storage));
  assert_ok(lily_session_storage_remove(storage, "a"));
  assert_fails(NOT_FOUND, set_text(storage, "a", "1"));
  assert_int_equal(access(in_place("gone"), F_OK), -1);
  assert_int_equal(mkdir(in_place("gone"), 0700), 0);
  assert_ok(lily_session_clear(storage));
  assert_int_equal(access(file, F_OK), -1);
  assert_ok(set_text(storage, "a", "2"));
  assert_stored(storage, "a", "2");
  lily_session_storage_close(storage);
}

/* A handle that has made an empty file may find, before it writes the header, that another handle has put a new file in its place. */
TEST(path__S10_two_that_make_a_missing_file) {
  lily_session_storage *storages[4];
  for (size_t i = 0; i < COUNT(storages); i++) storages[i] = open_storage(JOURNAL);
  for (int round = 0; round < 50; round++) {
    char key[20], json[20];
    assert_int_equal(unlink(JOURNAL), 0);
    for (size_t i = 0; i < COUNT(storages); i++) {
      snprintf(key, sizeof key, "k%zu", i);
      snprintf(json, sizeof json, "%d", round);
      if (round % 2) assert_ok(lily_session_storage_sync(storages[i]));
      assert_ok(set_text(storages[i], key, json));
    }
    for (size_t i = 0; i < COUNT(storages); i++) {
      snprintf(key, sizeof key, "k%zu", i);
      assert_stored(storages[(i + 1) % COUNT(storages)], key, json);
    }
  }
  for (size_t i = 0; i < COUNT(storages); i++) lily_session_storage_close(storages[i]);
}
