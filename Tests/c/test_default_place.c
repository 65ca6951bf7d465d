/* S18: where a session lies when its host names no path. */
#include "journal.h"
#include "rig.h"

#include <sys/stat.h>
#include <sys/wait.h>

static int mode_of(const char *path) {
  struct stat status;
  assert_int_equal(lstat(path, &status), 0);
  return (int)(status.st_mode & 07777);
}

/* Opens the default place of "shop", checks where it is, and that it can be used. */
static void check_place(const char *path) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage = NULL;
  options.application = "shop";
  assert_ok(lily_session_storage_open(NULL, &options, &storage));
  assert_string_equal(lily_session_storage_path(storage), path);
  assert_ok(set_text(storage, "a", "1"));
  lily_session_storage_close(storage);
  assert_int_equal(operations(path), 1);
}

static void set_places(const char *session, const char *state, const char *home) {
  const char *names[] = {"LILY_SESSION_DIR", "XDG_STATE_HOME", "HOME"}, *values[] = {session, state, home};
  for (int i = 0; i < 3; i++)
    if (values[i] != NULL)
      setenv(names[i], values[i], 1);
    else
      unsetenv(names[i]);
}

TEST(default_place__S18_LILY_SESSION_DIR) {
  set_places(in_place("one"), in_place("two"), in_place("three"));
  check_place(in_place("one/shop/session.jsonl"));
  assert_int_not_equal(access(in_place("two"), F_OK), 0);
  assert_int_not_equal(access(in_place("three"), F_OK), 0);
}

TEST(default_place__S18_XDG_STATE_HOME) {
  set_places(NULL, in_place("two"), in_place("three"));
  check_place(in_place("two/shop/session.jsonl"));
  assert_int_not_equal(access(in_place("three"), F_OK), 0);
}

TEST(default_place__S18_HOME) {
  assert_int_equal(mkdir(in_place("three"), 0700), 0);
  set_places(NULL, NULL, in_place("three"));
  check_place(in_place("three/.local/state/shop/session.jsonl"));
}

/* As everywhere with these variables. */
TEST(default_place__S18_an_empty_variable_is_none) {
  assert_int_equal(mkdir(in_place("three"), 0700), 0);
  set_places("", in_place("two"), in_place("three"));
  check_place(in_place("two/shop/session.jsonl"));
  set_places("", "", in_place("three"));
  check_place(in_place("three/.local/state/shop/session.jsonl"));
}

static void check_none(void) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage = UNTOUCHED;
  options.application = "shop";
  const lily_session_status status = lily_session_storage_open(NULL, &options, &storage);
  assert_int_not_equal(status, LILY_SESSION_OK);
  assert_answers(status, status);
  assert_null(storage);
}

/* Never the current directory, and never another place than the one that was named. */
TEST(default_place__S18_a_relative_one_is_refused) {
  assert_int_equal(chdir(place), 0);
  const char *relative[] = {".", "state", "./state", "../x", "~"};
  for (size_t i = 0; i < COUNT(relative); i++) {
    set_places(relative[i], in_place("two"), in_place("three"));
    check_none();
    set_places(NULL, relative[i], in_place("three"));
    check_none();
    set_places(NULL, NULL, relative[i]);
    check_none();
  }
  assert_int_equal(chdir("/"), 0);
  assert_int_equal(rmdir(place), 0);
  assert_int_equal(mkdir(place, 0700), 0);
}

TEST(default_place__S18_no_variable_at_all) {
  assert_int_equal(chdir(place), 0);
  set_places(NULL, NULL, NULL);
  check_none();
  assert_int_equal(chdir("/"), 0);
}

TEST(default_place__S18_no_fallback_from_one_that_cannot_be_used) {
  file_write(in_place("file"), "x", 1);
  set_places(in_place("file"), in_place("two"), in_place("three"));
  check_none();
  set_places(in_place("file/below"), in_place("two"), in_place("three"));
  check_none();
  set_places(NULL, in_place("file"), in_place("three"));
  check_none();
  assert_int_not_equal(access(in_place("two"), F_OK), 0);
  assert_int_not_equal(access(in_place("three"), F_OK), 0);
}

/* The directories of the application and of the variable are made, private whatever the umask. */
TEST(default_place__S18_directories_are_0700_and_the_file_0600) {
  const mode_t masks[] = {0, 022, 0777, 0077, 0200};
  for (size_t i = 0; i < COUNT(masks); i++) {
    char name[20];
    snprintf(name, sizeof name, "mask%zu", i);
    char path[5000];
    snprintf(path, sizeof path, "%s/shop/session.jsonl", in_place(name));
    set_places(in_place(name), NULL, NULL);
    umask(masks[i]);
    check_place(path);
    umask(022);
    assert_int_equal(mode_of(path), 0600);
    *strrchr(path, '/') = '\0';
    assert_int_equal(mode_of(path), 0700);
    assert_int_equal(mode_of(in_place(name)), 0700);
  }
}

TEST(default_place__S18_a_directory_that_is_there_keeps_its_mode) {
  assert_int_equal(mkdir(in_place("one"), 0755), 0);
  assert_int_equal(chmod(in_place("one"), 0755), 0);
  set_places(in_place("one"), NULL, NULL);
  check_place(in_place("one/shop/session.jsonl"));
  assert_int_equal(mode_of(in_place("one")), 0755);
  assert_int_equal(mode_of(in_place("one/shop")), 0700);
}

TEST(default_place__S18_read_only_creates_nothing) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage = UNTOUCHED;
  options.application = "shop";
  options.flags = LILY_SESSION_READ_ONLY;
  set_places(in_place("one"), NULL, NULL);
  assert_fails(NOT_FOUND, lily_session_storage_open(NULL, &options, &storage));
  assert_null(storage);
  assert_int_not_equal(access(in_place("one"), F_OK), 0);
}

TEST(default_place__S18_clear_means_what_attach_opens) {
  struct rig rig;
  struct probe theme = {0};
  set_places(in_place("one"), NULL, NULL);
  rig_begin(&rig, NULL);
  rig_attach_theme(&rig, &theme);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED);
  assert_ok(lily_session_clear(NULL));
  rig_dispatch(&rig);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT);
  rig_end(&rig);
}

TEST(default_place__S18_clear_of_one_that_cannot_be_used) {
  file_write(in_place("file"), "x", 1);
  set_places(in_place("file"), NULL, NULL);
  assert_int_not_equal(lily_session_clear(NULL), LILY_SESSION_OK);
  set_places("relative", NULL, NULL);
  assert_int_not_equal(lily_session_clear(NULL), LILY_SESSION_OK);
}
