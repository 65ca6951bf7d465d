#include "elsewhere.h"

#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

void check_changed(const char *command, const char *key, const char *json, const char *file, int line) {
  char program[5000];
  snprintf(program, sizeof program, "%s/helper_change", program_directory());
  /* A program of another machine is run by what runs this one. */
  const char *emulator = getenv("LILY_TEST_EMULATOR");
  const char *const all[] = {emulator, program, JOURNAL, command, key, key == NULL ? NULL : json, NULL};
  const char *const *arguments = emulator == NULL ? all + 1 : all;
  pid_t child = 0;
  int status = -1;
  if (posix_spawnp(&child, arguments[0], NULL, NULL, (char *const *)(uintptr_t)arguments, environ) == 0)
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (status == 0) return;
  print_error("helper_change %s returned %d\n", command, status);
  _fail(file, line);
}
