#include "elsewhere.h"

#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

void check_changed(const char *command, const char *key, const char *json, const char *file, int line) {
  char program[5000];
  snprintf(program, sizeof program, "%s/helper_change", program_directory());
  const char *const arguments[] = {program, JOURNAL, command, key, key == NULL ? NULL : json, NULL};
  pid_t child = 0;
  int status = -1;
  if (posix_spawn(&child, program, NULL, NULL, (char *const *)(uintptr_t)arguments, environ) == 0)
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (status == 0) return;
  print_error("helper_change %s returned %d\n", command, status);
  _fail(file, line);
}
