/* Lets each malloc that checking a text makes return NULL, one at a time. The call then returns IO, not DECODE, and what is stored stays.
 * A text that is refused makes the same calls of malloc as one that is stored, without those of storing it. So the test learns from a refused
 * text which calls belong to the check.
 *
 *   memory FILE
 *
 * This program's malloc stands before the C library's for all libraries of the process.
 */
#include <lily_session.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_realloc(void *memory, size_t size);

static long counted;
static long failing = -1; /* the number of the call that fails */

static bool fails(void) {
  if (counted++ != failing) return false;
  errno = ENOMEM;
  return true;
}

void *malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }

void *realloc(void *memory, size_t size) { return fails() ? NULL : __libc_realloc(memory, size); }

static lily_session_storage *storage;
static int failed;

static lily_session_status set(const char *text) { return lily_session_storage_set(storage, "k", text, (int64_t)strlen(text), 0); }

static void require(bool is_so, const char *name, const char *what) {
  if (is_so) return;
  printf("FAILED %s: %s\n", name, what);
  failed = 1;
}

static void check(const char *name, char *text, long least) {
  size_t length = strlen(text);
  strcpy(text + length, " ?");
  counted = 0;
  failing = -1;
  require(set(text) == LILY_SESSION_ERROR_DECODE, name, "taken with something behind it");
  long calls = counted;
  text[length] = 0;
  require(calls >= least, name, "it is judged without memory, so that nothing is tried here");
  for (long call = 0; call < calls; call++) {
    counted = 0;
    failing = call;
    lily_session_status status = set(text);
    failing = -1;
    require(status == LILY_SESSION_ERROR_IO, name, "without memory, the call does not return IO");
    char *stored = NULL;
    require(lily_session_storage_get(storage, "k", &stored, NULL) == LILY_SESSION_OK && strcmp(stored, "1") == 0, name, "something was stored");
    lily_session_free(stored);
  }
  require(set(text) == LILY_SESSION_OK && set("1") == LILY_SESSION_OK, name, "not taken with memory");
  printf("%s %s: %ld allocations\n", failed ? "      " : "ok    ", name, calls);
}

static char *names(char *text, const char *format) {
  char *end = text + sprintf(text, "[{");
  for (int name = 0; name < 1000; name++) end += sprintf(end, format, name, name == 999 ? "}]" : ",");
  return text;
}

int main(int argc, char **argv) {
  static char text[1 << 16];
  if (argc != 2) return 2;
  unlink(argv[1]);
  if (lily_session_storage_open(argv[1], NULL, &storage) != LILY_SESSION_OK || set("1") != LILY_SESSION_OK) return 2;
  check("many names", names(text, "\"%d\":0%s"), 2);
  check("many names with escapes", names(text, "\"\\n%d\":0%s"), 3);
  sprintf(text, "[1.%02000de308]", 0);
  check("a number near the end of the range", text, 1);
  lily_session_storage_close(storage);
  return failed;
}
