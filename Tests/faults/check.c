/* Opens journals as any later program does. It reports what is stored, stores one more value, and reports again.
 *
 *   check <path>…     without a path, it reads paths from standard input, one on each line
 *
 *   O  status  last error        the result of opening
 *   V  …                         what is stored (marks.h)
 *   P  status                    the result of storing a value under "probe"
 *   V  …                         what a second handle shows then
 *   .                            the end
 */
#define _GNU_SOURCE
#include "marks.h"

#include <stdio.h>
#include <string.h>

static const char probe[] = "\"probe\"";

static lily_session_storage *open_storage(const char *path) {
  lily_session_storage *storage;
  lily_session_status status = lily_session_storage_open(path, NULL, &storage);
  mark("O\t%d\t%s", status, lily_session_last_error());
  mark_end();
  return storage;
}

static void check(const char *path) {
  lily_session_storage *storage = open_storage(path);
  if (storage) {
    mark_view(1, storage);
    mark("P\t%d", lily_session_storage_set(storage, "probe", probe, sizeof probe - 1, 0));
    mark_end();
    lily_session_storage *again = open_storage(path);
    if (again) mark_view(2, again);
    lily_session_storage_close(again);
    lily_session_storage_close(storage);
  }
  mark(".");
  mark_end();
}

int main(int argc, char **argv) {
  static char line[4096];
  for (int i = 1; i < argc; i++) check(argv[i]);
  while (argc == 1 && fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    check(line);
  }
}
