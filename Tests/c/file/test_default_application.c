/* S18: which application a session belongs to: the one that the options name, or else the executable. */
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

/* Without a name in the options, the application is called like this program. */
TEST(default_application__S18_the_executables_name) {
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open(NULL, NULL, &storage));
  assert_string_equal(lily_session_storage_path(storage), in_place("default/test_default_application/session.jsonl"));
  lily_session_storage_close(storage);
  assert_ok(open_for(NULL, &storage));
  assert_string_equal(lily_session_storage_path(storage), in_place("default/test_default_application/session.jsonl"));
  lily_session_storage_close(storage);
}

/* What the last copy of the helper printed. */
static char said[6000];

/* Makes a copy of the helper with this name, and returns its path. */
static const char *copy_to(const char *name) {
  static char path[5000];
  char helper[5000];
  snprintf(helper, sizeof helper, "%s/helper_default", program_directory());
  snprintf(path, sizeof path, "%s/%s", place, name);
  struct bytes program = file_read(helper);
  file_write(path, program.bytes, program.length);
  free(program.bytes);
  assert_int_equal(chmod(path, 0700), 0);
  return path;
}

/* Runs the program as `user`, keeps what it prints, deletes it, and returns its exit code. */
static int run(const char *path, uid_t user) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 1);
    if (user == geteuid() || setuid(user) == 0) execl(path, "misleading", (char *)NULL);
    _exit(126);
  }
  close(ends[1]);
  size_t length = 0;
  for (ssize_t got = 1; got > 0 && length < sizeof said - 1; length += (size_t)got) {
    got = read(ends[0], said + length, sizeof said - 1 - length);
    if (got < 0) got = 0;
  }
  said[length] = '\0';
  close(ends[0]);
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(unlink(path), 0);
  return WEXITSTATUS(status);
}

/* Runs a copy of the helper under this name, and returns its exit code. */
static int run_as(const char *name) { return run(copy_to(name), geteuid()); }

TEST(default_application__S18_it_is_the_file_that_runs_not_what_it_is_called_with) {
  assert_int_equal(run_as("my-shop_1.2"), 0);
  assert_int_equal(access(in_place("default/my-shop_1.2/session.jsonl"), F_OK), 0);
  assert_int_not_equal(access(in_place("default/misleading"), F_OK), 0);
}

static void check_refused(const char *name) {
  char path[5000];
  snprintf(path, sizeof path, "%s/default", place);
  const int code = run_as(name);
  if (code != -LILY_SESSION_ERROR_INVALID_ARGUMENT) print_error("%s: exit %d: %s", name, code, said);
  assert_int_equal(code, -LILY_SESSION_ERROR_INVALID_ARGUMENT);
  assert_non_null(strstr(said, "set `application` in the options"));
  assert_int_not_equal(access(path, F_OK), 0);
}

/* Checks that a copy of the helper with this name stores in this folder. */
static void check_folder(const char *name, const char *folder) {
  char path[5000];
  snprintf(path, sizeof path, "%s/default/%s/session.jsonl\n", place, folder);
  const int code = run_as(name);
  if (code != 0) print_error("%s: exit %d: %s", name, code, said);
  assert_int_equal(code, 0);
  assert_string_equal(said, path);
}

/* All programs that an interpreter runs would share one session, so each must name its application. */
TEST(default_application__S18_interpreters_must_be_told) {
  const char *names[] = {
      "python", "python3", "python3.11", "python3.11-dbg", "python3.13t", "python3.7m", "python-3.12", ".python3-wrapped", "pypy",
      "pypy3", "pypy3.10", "ruby", "ruby3.1", "ruby31", "node", "nodejs", "node-20", "electron", "electron28", "deno", "bun", "qjs",
      "gjs", "gjs-console", "perl", "perl5.36", "perl5.36.0", "perl5.36-x86_64-linux-gnu", "lua", "lua5.4", "luajit",
      "luajit-2.1.0-beta3", "java", "php", "php8.2", "php-cgi8.2", "php-fpm8.2", "dotnet", "mono", "mono-sgen64", "beam.smp",
      "escript", "julia", "julia-1.9", "R", "Rscript", "octave-cli-8.4.0", "guile", "guile-3.0", "guile2.2", "tclsh", "tclsh8.6",
      "wish", "wish8.6", "swipl", "sbcl", "wine", "wine64", "wine64-preloader", "qemu-x86_64", "qemu-aarch64-static", "box64",
      "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "ld-linux.so.2", "ld-musl-x86_64.so.1", "ld64.so.2", "ld-2.31.so", "libc.so",
  };
  for (size_t i = 0; i < COUNT(names); i++) check_refused(names[i]);
  assert_non_null(strstr(said, in_place("libc.so"))); /* the executable's path */
}

TEST(default_application__S18_programs_that_sound_like_interpreters) {
  const char *names[] = {
      "phpstorm", "lualatex", "luakit", "perltidy", "nodemon", "javaws", "nodes", "javascript-shop", "mypython", "pythonista",
      "python-shop", "python3-shop", "node-red", "rubymine", "javac", "java3d", "monodevelop", "mono-tools", "electronic",
      "deno-shop", "bundle", "juliana", "R2D2", "RStudio", "r", "Python", "guilevel", "wishlist", "winetricks", "gjsify",
      "qemu-img", "qemu-system-x86_64", "ld", "ldap.shop", "ld.sold", "libcurl.so", "dotnetshop", "beam", "php-shop", "dbg", "-",
      "3.11",
  };
  for (size_t i = 0; i < COUNT(names); i++) check_folder(names[i], names[i]);
}

/* Wrappers of packages begin with a dot, and people's names for programs have spaces in them. */
TEST(default_application__S18_a_name_is_made_of_an_executables) {
  char *longest = repeated('n', 64), *longer = repeated('n', 100);
  const char *names[][2] = {
      {".minimal-wrapped", "minimal-wrapped"}, {"..shop", "shop"}, {"My Game", "My-Game"}, {"na\xc3\xafve", "na-ve"},
      {"caf\xc3\xa9.bin", "caf-.bin"}, {"two\nlines", "two-lines"}, {"a:b*c", "a-b-c"}, {"odd\xff\xfe", "odd--"}, {"\x80.x", "x"},
      {longer, longest}, {"shop (deleted)", "shop"},
  };
  for (size_t i = 0; i < COUNT(names); i++) check_folder(names[i][0], names[i][1]);
  free(longest);
  free(longer);
}

TEST(default_application__S18_an_executable_of_whose_name_nothing_is_left) {
  const char *names[] = {"...", "\xe5\xba\x97", "\xe5\x95\x86 \xe5\xba\x97", " ", "\x80"};
  for (size_t i = 0; i < COUNT(names); i++) {
    assert_int_equal(run_as(names[i]), -LILY_SESSION_ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(said, "set `application` in the options"));
  }
  assert_int_not_equal(access(in_place("default"), F_OK), 0);
}

/* The caller of the program controls its environment, and must not choose where it writes. */
TEST(default_application__S18_a_program_with_raised_rights_hears_why) {
  if (geteuid() != 0) skip(); /* only root may become another user */
  const char *path = copy_to("raised");
  assert_int_equal(chmod(place, 0755), 0);
  assert_int_equal(chmod(path, 04755), 0);
  const int code = run(path, 65534);
  if (code == 126 || code == 127) skip(); /* the library is in a folder that other users cannot read */
  assert_int_equal(code, -LILY_SESSION_ERROR_NOT_FOUND);
  assert_string_equal(said, "the environment is not used in a program with raised rights (set-user-ID, capabilities); "
                            "open a path of your own\n");
  assert_int_not_equal(access(in_place("default"), F_OK), 0);
}
