#include "test.h"

#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <locale.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* This is enough for the file with the most tests. If a file registers more, the program stops. */
enum { MOST_TESTS = 160, MOST_PATHS = 64 };

static struct CMUnitTest tests[MOST_TESTS];
static size_t test_count;
static mode_t usual_umask;
static struct rlimit usual_file_size;
static char *directory_of_programs;

char place[PATH_MAX];
static char *paths[MOST_PATHS];
static size_t path_count;

const char *in_place(const char *name) {
  char path[2 * PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", place, name);
  for (size_t i = 0; i < path_count; i++)
    if (strcmp(paths[i], path) == 0) return paths[i];
  if (path_count == MOST_PATHS) abort();
  return paths[path_count++] = strdup(path);
}

const char *program_directory(void) { return directory_of_programs; }

static int begin(void **state) {
  (void)state;
  const char *temporary = getenv("TMPDIR");
  snprintf(place, PATH_MAX, "%s/lily-session-test-XXXXXX", temporary != NULL && *temporary != '\0' ? temporary : "/tmp");
  if (mkdtemp(place) == NULL) return -1;
  setenv("LILY_SESSION_DIR", in_place("default"), 1);
  return 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *at) {
  (void)status, (void)at;
  return kind == FTW_DP ? rmdir(path) : unlink(path);
}

static int end(void **state) {
  (void)state;
  /* What a test may have changed in the process is restored, even if the test failed halfway. */
  setrlimit(RLIMIT_FSIZE, &usual_file_size);
  umask(usual_umask);
  setlocale(LC_ALL, "C");
  int result = chdir("/");
  result |= nftw(place, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  while (path_count > 0) free(paths[--path_count]);
  return result;
}

void test_register(const char *name, CMUnitTestFunction function) {
  if (test_count == MOST_TESTS) abort();
  tests[test_count++] = (struct CMUnitTest){name, function, begin, end, NULL};
}

void check_status(lily_session_status got, lily_session_status expected, const char *call, const char *file, int line) {
  const char *message = lily_session_last_error();
  if (got != expected) {
    print_error("%s\n  returned %d %s \"%s\", not %d %s\n", call, (int)got, lily_session_status_name(got), message, (int)expected,
                lily_session_status_name(expected));
    _fail(file, line);
  }
  bool right = got == LILY_SESSION_OK ? message[0] == '\0' : message[0] != '\0';
  right = right && strpbrk(message, "\r\n") == NULL && strstr(message, SECRET) == NULL;
  if (!right) {
    print_error("%s\n  returned %s and left the message \"%s\"\n", call, lily_session_status_name(got), message);
    _fail(file, line);
  }
}

void check_message(const char *part, const char *file, int line) {
  if (strstr(lily_session_last_error(), part) != NULL) return;
  print_error("the message \"%s\" does not have \"%s\"\n", lily_session_last_error(), part);
  _fail(file, line);
}

void check_stored(lily_session_storage *storage, const char *key, const char *json, const char *file, int line) {
  char *got = UNTOUCHED;
  size_t length = 12345;
  lily_session_status status = lily_session_storage_get(storage, key, &got, &length);
  if (json == NULL) {
    if (status == LILY_SESSION_ERROR_NOT_FOUND && got == UNTOUCHED && length == 12345) return;
    print_error("%s is not absent: %s %s\n", key, lily_session_status_name(status), status == LILY_SESSION_OK ? got : "");
    _fail(file, line);
  }
  if (status != LILY_SESSION_OK) {
    print_error("%s returned %s \"%s\", not %s\n", key, lily_session_status_name(status), lily_session_last_error(), json);
    _fail(file, line);
  }
  bool same = strcmp(got, json) == 0 && length == strlen(json);
  if (!same) print_error("%s holds %s (%zu bytes), not %s\n", key, got, length, json);
  lily_session_free(got);
  if (!same) _fail(file, line);
}

void check_state(lily_session *session, const char *key, int32_t state, const char *file, int line) {
  int32_t got = -1;
  check_status(lily_session_field_state(session, key, &got), LILY_SESSION_OK, "lily_session_field_state", file, line);
  if (got == state) return;
  print_error("the state of %s is %d, not %d\n", key, (int)got, (int)state);
  _fail(file, line);
}

lily_session_storage *open_storage(const char *path) {
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open(path, NULL, &storage));
  assert_non_null(storage);
  return storage;
}

lily_session_storage *open_memory(void) {
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open_memory(NULL, &storage));
  assert_non_null(storage);
  return storage;
}

lily_session_status set_text(lily_session_storage *storage, const char *key, const char *json) {
  return lily_session_storage_set(storage, key, json, strlen(json), 0);
}

pid_t start_child(int (*body)(void *context), void *context) {
  /* The registers go onto the stack first, because the child is checked for leaks, too: memory that only a register leads to would look
     leaked there. */
  __builtin_unwind_init();
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    /* cmocka reports a fault by longjmp, and the child would go on with the parent's tests. */
    const int faults[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS};
    for (size_t i = 0; i < COUNT(faults); i++) signal(faults[i], SIG_DFL);
    _exit(body(context));
  }
  assert_true(child > 0);
  return child;
}

int end_of_child(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) assert_int_equal(errno, EINTR);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool become(uid_t user) { return setgroups(0, NULL) == 0 && setgid(user) == 0 && setuid(user) == 0; }

int in_child(int (*body)(void *context), void *context) { return end_of_child(start_child(body, context)); }

#if defined(__SANITIZE_ADDRESS__)
#define HAS_SANITIZER true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SANITIZER true
#endif
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER false
#endif

bool has_memory_checker(void) {
  const char *preloaded = getenv("LD_PRELOAD"); /* valgrind sets it */
  return HAS_SANITIZER || (preloaded != NULL && strstr(preloaded, "vgpreload") != NULL);
}

bool is_unoptimised(void) { return getenv("LILY_SESSION_UNOPTIMISED") != NULL; }

bool is_long_run(void) { return getenv("LILY_SESSION_LONG") != NULL; }

char *repeated(char byte, size_t length) {
  char *text = malloc(length + 1);
  assert_non_null(text);
  memset(text, byte, length);
  text[length] = '\0';
  return text;
}

/* An argument picks the tests whose names match it: test_keys 'storage_set__*'. */
int main(int count, char **arguments) {
  usual_umask = umask(022);
  umask(usual_umask = 022);
  getrlimit(RLIMIT_FSIZE, &usual_file_size);
  char path[PATH_MAX];
  if (realpath(arguments[0], path) == NULL) return 2;
  *strrchr(path, '/') = '\0';
  directory_of_programs = path;
  if (count > 1) cmocka_set_test_filter(arguments[1]);
  return _cmocka_run_group_tests(strrchr(arguments[0], '/') + 1, tests, test_count, NULL, NULL) == 0 ? 0 : 1;
}
