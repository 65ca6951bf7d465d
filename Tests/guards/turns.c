/* Makes updates, or attaches one session after the other. instructions.py counts the instructions of that alone by callgrind.
 *
 *   turns FILE LOOP COUNT      if LOOP and COUNT are missing, it prints the names of the loops
 */
#include "loops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

/* In place of making updates, attaches the fields of a loop that has stored all of them, alone or beside other sessions. */
static const char attaching[] = "20 strings attached", crowded[] = "20 strings attached beside 100 sessions", attached[] = "20 strings changed";

int main(int argc, char **argv) {
  if (argc == 2) {
    for (size_t at = 0; at < loop_count; at++) puts(loops[at].name);
    puts(attaching);
    puts(crowded);
    return 0;
  }
  if (argc != 4) return 2;
  const bool joins = strcmp(argv[2], crowded) == 0, attaches = joins || strcmp(argv[2], attaching) == 0;
  const struct loop *loop = loop_named(attaches ? attached : argv[2]);
  if (loop == NULL) return 2;
  loop_begin(loop, argv[1]);
  if (joins) loop_crowd();
  attaches ? loop_attach() : loop_turn(); /* the first one also does what is done once */
  CALLGRIND_START_INSTRUMENTATION;
  for (int turn = atoi(argv[3]); turn > 0; turn--) attaches ? loop_attach() : loop_turn();
  CALLGRIND_STOP_INSTRUMENTATION;
  loop_end();
  return 0;
}
