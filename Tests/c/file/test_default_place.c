/* S18: where a session is stored if its host names no path. */
#include "files.h"
#include "journal.h"
#include "rig.h"

#include <sys/stat.h>
#include <sys/wait.h>

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

/* An empty variable counts as one that is not set. */
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
  assert_returns(status, status);
  assert_null(storage);
}

/* The library never uses the current directory, nor any place other than the one that was named. */
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

static void set_home(const char *home) { set_places(NULL, NULL, home); }
static void set_state(const char *state) { set_places(NULL, state, NULL); }
static void set_session(const char *session) { set_places(session, NULL, NULL); }

/* Checks that opening the default place of "shop" fails with this message. */
static void check_message_is(lily_session_status expected, const char *message) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage = UNTOUCHED;
  options.application = "shop";
  assert_returns(expected, lily_session_storage_open(NULL, &options, &storage));
  assert_null(storage);
  assert_string_equal(lily_session_last_error(), message);
}

/* `format` has one %s, for a path inside the test's directory. */
static const char *message_with(const char *format, const char *name) {
  static char message[6000];
  snprintf(message, sizeof message, format, in_place(name));
  return message;
}

TEST(default_place__S18_a_message_tells_what_is_wrong_with_HOME) {
  assert_int_equal(chdir(place), 0);
  const char *unset = "there is no default place, because HOME is not set; set HOME or LILY_SESSION_DIR, or open a path of your own";
  set_home(NULL);
  check_message_is(LILY_SESSION_ERROR_NOT_FOUND, unset);
  set_home("");
  check_message_is(LILY_SESSION_ERROR_NOT_FOUND, unset);
  set_home("ada/home");
  check_message_is(LILY_SESSION_ERROR_NOT_FOUND, "HOME is not an absolute path: ada/home");
  set_home(in_place("missing"));
  check_message_is(LILY_SESSION_ERROR_NOT_FOUND, message_with("HOME: cannot find %s: No such file or directory", "missing"));
  set_home(in_place("missing/"));
  check_message_is(LILY_SESSION_ERROR_NOT_FOUND, message_with("HOME: cannot find %s: No such file or directory", "missing"));
  file_write(in_place("file"), "x", 1);
  set_home(in_place("file"));
  check_message_is(LILY_SESSION_ERROR_NOT_FOUND, message_with("HOME: cannot create %s: Not a directory", "file/.local/state/shop"));
  assert_int_equal(chdir("/"), 0);
  assert_int_not_equal(access(in_place("missing"), F_OK), 0);
}

TEST(default_place__S18_a_message_names_the_variable_the_path_and_the_reason) {
  set_session("./state");
  check_message_is(LILY_SESSION_ERROR_INVALID_ARGUMENT, "LILY_SESSION_DIR is not an absolute path: ./state");
  set_state("state");
  check_message_is(LILY_SESSION_ERROR_INVALID_ARGUMENT, "XDG_STATE_HOME is not an absolute path: state");
  file_write(in_place("file"), "x", 1);
  set_session(in_place("file/below"));
  check_message_is(LILY_SESSION_ERROR_NOT_FOUND, message_with("LILY_SESSION_DIR: cannot create %s: Not a directory", "file/below/shop"));
  assert_int_equal(symlink("nowhere", in_place("dangling")), 0);
  set_state(in_place("dangling"));
  const char *format = "XDG_STATE_HOME: cannot create %s: No such file or directory";
  check_message_is(LILY_SESSION_ERROR_NOT_FOUND, message_with(format, "dangling/shop"));
}

/* Root becomes nobody, because no mode keeps root out. */
static int open_where_nothing_may_be_made(void *context) {
  const char *variable = context;
  const bool is_home = strcmp(variable, "HOME") == 0;
  if (geteuid() == 0) CHILD_CHECK(setgid(65534) == 0 && setuid(65534) == 0);
  char path[5000], message[6000];
  snprintf(path, sizeof path, "%s/locked%s", place, is_home ? "" : "/a/b");
  snprintf(message, sizeof message, "%s: cannot create %s/locked/%s: Permission denied", variable, place, is_home ? ".local" : "a");
  set_places(NULL, NULL, NULL);
  setenv(variable, path, 1);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage = UNTOUCHED;
  options.application = "shop";
  CHILD_CHECK(lily_session_storage_open(NULL, &options, &storage) == LILY_SESSION_ERROR_PERMISSION && storage == NULL);
  if (strcmp(lily_session_last_error(), message) != 0) fprintf(stderr, "%s\n", lily_session_last_error());
  CHILD_CHECK(strcmp(lily_session_last_error(), message) == 0);
  return 0;
}

TEST(default_place__S18_a_folder_that_may_not_be_written) {
  assert_int_equal(mkdir(in_place("locked"), 0755), 0);
  assert_int_equal(chmod(in_place("locked"), 0555), 0);
  assert_int_equal(chmod(place, 0755), 0);
  char *variables[] = {"LILY_SESSION_DIR", "XDG_STATE_HOME", "HOME"};
  for (size_t i = 0; i < COUNT(variables); i++) assert_int_equal(in_child(open_where_nothing_may_be_made, variables[i]), 0);
}

/* Missing folders are made, as the XDG specification requires, with mode 0700 whatever the umask is. */
TEST(default_place__S18_missing_parents_are_made) {
  const char *folders[] = {"a", "a/b", "a/b/c", "a/b/c/shop"};
  void (*const set[])(const char *) = {set_session, set_state};
  const mode_t masks[] = {022, 0777, 0};
  for (size_t i = 0; i < COUNT(set); i++)
    for (size_t k = 0; k < COUNT(masks); k++) {
      umask(masks[k]);
      set[i](in_place("a/b/c"));
      check_place(in_place("a/b/c/shop/session.jsonl"));
      umask(022);
      for (size_t f = 0; f < COUNT(folders); f++) assert_int_equal(mode_of(in_place(folders[f])), 0700);
      assert_int_equal(unlink(in_place("a/b/c/shop/session.jsonl")), 0);
      for (size_t f = COUNT(folders); f > 0; f--) assert_int_equal(rmdir(in_place(folders[f - 1])), 0);
    }
}

TEST(default_place__S18_a_parent_that_is_there_stays_as_it_is) {
  assert_int_equal(mkdir(in_place("a"), 0755), 0);
  assert_int_equal(chmod(in_place("a"), 0751), 0);
  set_state(in_place("a/b"));
  check_place(in_place("a/b/shop/session.jsonl"));
  assert_int_equal(mode_of(in_place("a")), 0751);
  assert_int_equal(mode_of(in_place("a/b")), 0700);
}

TEST(default_place__S18_parents_however_the_path_is_spelt) {
  set_session(in_place("one//two/./three/../four/"));
  check_place(in_place("one//two/./three/../four/shop/session.jsonl"));
  assert_int_equal(access(in_place("one/two/four/shop/session.jsonl"), F_OK), 0);
  assert_int_equal(symlink("one", in_place("link")), 0);
  set_session(in_place("link/five/six"));
  check_place(in_place("link/five/six/shop/session.jsonl"));
  assert_int_equal(access(in_place("one/five/six/shop/session.jsonl"), F_OK), 0);
}

TEST(default_place__S18_nothing_is_made_for_a_bad_name_or_by_a_clear) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage = UNTOUCHED;
  options.application = ".shop";
  void (*const set[])(const char *) = {set_session, set_state};
  for (size_t i = 0; i < COUNT(set); i++) {
    set[i](in_place("a/b"));
    storage = UNTOUCHED;
    assert_fails(INVALID_ARGUMENT, lily_session_storage_open(NULL, &options, &storage));
    assert_null(storage);
    assert_ok(lily_session_clear(NULL));
    assert_int_not_equal(access(in_place("a"), F_OK), 0);
  }
}

/* The folders of the application and of the variable are made with mode 0700, whatever the umask is. */
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
