/* S18: whose session it is: the application that the options name, else the executable. */
#include "journal.h"
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static lily_session_status open_for(const char *application, lily_session_storage **out_storage) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.application = application;
  return lily_session_storage_open(NULL, &options, out_storage);
}

TEST(default_application__S18_names_that_are_names) {
  char *longest = repeated('n', 64);
  const char *names[] = {"shop", "a", "A-Z_0.9", "org.example.Shop", "-", "_", "a..b", "a.", "9", longest};
  for (size_t i = 0; i < COUNT(names); i++) {
    char path[5000];
    lily_session_storage *storage = NULL;
    snprintf(path, sizeof path, "%s/default/%s/session.jsonl", place, names[i]);
    assert_ok(open_for(names[i], &storage));
    assert_string_equal(lily_session_storage_path(storage), path);
    lily_session_storage_close(storage);
    assert_int_equal(access(path, F_OK), 0);
  }
  free(longest);
}

TEST(default_application__S18_names_that_are_none) {
  char *too_long = repeated('n', 65);
  const char *names[] = {"", ".", "..", ".hidden", "a/b", "/", "/etc", "../x", "a b", " ", "a\n", "\xc3\xa9", "\xff", "a:b",
      "a\\b", "a*", too_long};
  for (size_t i = 0; i < COUNT(names); i++) {
    lily_session_storage *storage = UNTOUCHED;
    assert_fails(INVALID_ARGUMENT, open_for(names[i], &storage));
    assert_null(storage);
  }
  assert_int_not_equal(access(in_place("default"), F_OK), 0);
  free(too_long);
}

TEST(default_application__S18_each_has_its_own_file) {
  lily_session_storage *one = NULL, *two = NULL;
  assert_ok(open_for("one", &one));
  assert_ok(open_for("One", &two));
  assert_ok(lily_session_storage_set(one, "a", "1", 1, 0));
  char *json = NULL;
  assert_fails(NOT_FOUND, lily_session_storage_get(two, "a", &json, NULL));
  lily_session_storage_close(one);
  lily_session_storage_close(two);
}

/* An unnamed one is called like this program. */
TEST(default_application__S18_the_executables_name) {
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open(NULL, NULL, &storage));
  assert_string_equal(lily_session_storage_path(storage), in_place("default/test_default_application/session.jsonl"));
  lily_session_storage_close(storage);
  assert_ok(open_for(NULL, &storage));
  assert_string_equal(lily_session_storage_path(storage), in_place("default/test_default_application/session.jsonl"));
  lily_session_storage_close(storage);
}

/* Runs a copy of the helper under this name, and answers its exit code. */
static int run_as(const char *name) {
  char helper[5000], path[5000];
  snprintf(helper, sizeof helper, "%s/helper_default", program_directory());
  snprintf(path, sizeof path, "%s/%s", place, name);
  struct bytes program = file_read(helper);
  file_write(path, program.bytes, program.length);
  free(program.bytes);
  assert_int_equal(chmod(path, 0700), 0);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    int nothing = open("/dev/null", O_WRONLY);
    dup2(nothing, 1);
    execl(path, "misleading", (char *)NULL);
    _exit(126);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(unlink(path), 0);
  return WEXITSTATUS(status);
}

TEST(default_application__S18_it_is_the_file_that_runs_not_what_it_is_called_with) {
  assert_int_equal(run_as("my-shop_1.2"), 0);
  assert_int_equal(access(in_place("default/my-shop_1.2/session.jsonl"), F_OK), 0);
  assert_int_not_equal(access(in_place("default/misleading"), F_OK), 0);
}

/* All programs of one interpreter would share a session, so its host has to say which it is. */
TEST(default_application__S18_interpreters_must_be_told) {
  const char *names[] = {"python", "python3", "python3.11", "ruby", "ruby3.1", "node", "perl", "perl5.36", "lua", "lua5.4",
      "luajit", "java", "php", "php8.2"};
  for (size_t i = 0; i < COUNT(names); i++) assert_int_equal(run_as(names[i]), -LILY_SESSION_ERROR_INVALID_ARGUMENT);
  assert_int_not_equal(access(in_place("default"), F_OK), 0);
}

TEST(default_application__S18_programs_that_sound_like_interpreters) {
  const char *names[] = {"nodes", "javascript-shop", "mypython"};
  for (size_t i = 0; i < COUNT(names); i++) assert_int_equal(run_as(names[i]), 0);
}

TEST(default_application__S18_an_executable_whose_name_does_not_serve) {
  const char *names[] = {".hidden", "with space", "na\xc3\xafve"};
  for (size_t i = 0; i < COUNT(names); i++) assert_int_equal(run_as(names[i]), -LILY_SESSION_ERROR_INVALID_ARGUMENT);
}
