/* What every test has: its own directory, checks of statuses, and children. */
#ifndef TEST_H
#define TEST_H

/* cmocka.h needs these four headers before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lily_session.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A test is a function whose name is its path. It registers itself, so that no list can forget it.
   An assertion leaves by longjmp, which must not cross the library: callbacks record, and tests assert afterwards. */
#define TEST(name)                                                                                       \
  static void name(void **);                                                                             \
  __attribute__((constructor)) static void register_##name(void) { test_register(#name, name); }         \
  static void name(void **unused_state __attribute__((unused)))

void test_register(const char *name, CMUnitTestFunction function);

/* The test's own directory, made before it and removed after it. $LILY_SESSION_DIR names a place inside, so that no
   mistake can reach the user's own files. */
extern char place[];

/* Returns the path of `name` inside the test's directory. The text lives until the test ends. */
const char *in_place(const char *name);

/* The file that most tests use. */
#define JOURNAL in_place("session.jsonl")

/* Returns the directory that holds the test programs. */
const char *program_directory(void);

/* Every secret value of a test contains this, and no message may contain it. */
#define SECRET "SECRETVALUE"

/* Checks that a call returns the right status and leaves the right message: "" after a success, and one line without values after a
   failure. */
#define assert_ok(call) check_status((call), LILY_SESSION_OK, #call, __FILE__, __LINE__)
#define assert_fails(name, call) check_status((call), LILY_SESSION_ERROR_##name, #call, __FILE__, __LINE__)
#define assert_returns(status, call) check_status((call), (status), #call, __FILE__, __LINE__)
void check_status(lily_session_status got, lily_session_status expected, const char *call, const char *file, int line);

/* Checks that the message of the last failure contains `part`. */
#define assert_message_has(part) check_message((part), __FILE__, __LINE__)
void check_message(const char *part, const char *file, int line);

/* Checks the JSON text of an entry of a storage. */
#define assert_stored(storage, key, json) check_stored((storage), (key), (json), __FILE__, __LINE__)
#define assert_absent(storage, key) check_stored((storage), (key), NULL, __FILE__, __LINE__)
void check_stored(lily_session_storage *storage, const char *key, const char *json, const char *file, int line);

/* Checks the state of a field of a session. */
#define assert_state(session, key, state) check_state((session), (key), (state), __FILE__, __LINE__)
void check_state(lily_session *session, const char *key, int32_t state, const char *file, int line);

/* Opens a storage with default options. The test fails where that cannot be done. */
lily_session_storage *open_storage(const char *path);
lily_session_storage *open_memory(void);

/* Calls storage_set with a NUL-terminated text that never expires. */
lily_session_status set_text(lily_session_storage *storage, const char *key, const char *json);

/* The value of an out handle that no call has written to. */
#define UNTOUCHED ((void *)(uintptr_t)0x5a5a5a58)

/* Runs `body` in a child of fork and returns its exit code, or 128 + the signal that ended it. The child must not
   assert: it has the parent's stack, and would go on as a second test program. */
int in_child(int (*body)(void *context), void *context);
/* Makes this process, which is root's, another user's for good. Returns false if it cannot. */
bool become(uid_t user);
pid_t start_child(int (*body)(void *context), void *context);
int end_of_child(pid_t child);
#define CHILD_CHECK(condition)                                                               \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      fprintf(stderr, "%s:%d: child: not so: %s\n", __FILE__, __LINE__, #condition);         \
      return 1;                                                                              \
    }                                                                                        \
  } while (0)

/* Returns true if the test runs under AddressSanitizer or valgrind. */
bool has_memory_checker(void);

/* Returns true if the library was built without optimisation, as it is for scripts/coverage. */
bool is_unoptimised(void);

/* Returns true if tests may take minutes, as they do in make check. */
bool is_long_run(void);

/* Returns a text of `length` times `byte`, which the caller frees. */
char *repeated(char byte, size_t length);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
