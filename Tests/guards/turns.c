/* Makes updates and nothing else, or attaches one session after the other. instructions.py counts its instructions by callgrind.
 *
 *   turns FILE LOOP COUNT      if LOOP and COUNT are missing, it prints the names of the loops
 */
#include "loops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In place of making updates, attaches the fields of a loop that has stored all of them. */
static const char attaching[] = "20 strings attached", attached[] = "20 strings changed";

int main(int argc, char **argv) {
  if (argc == 2) {
    for (size_t at = 0; at < loop_count; at++) puts(loops[at].name);
    puts(attaching);
    return 0;
  }
  if (argc != 4) return 2;
  const bool attaches = strcmp(argv[2], attaching) == 0;
  const struct loop *loop = loop_named(attaches ? attached : argv[2]);
  if (loop == NULL) return 2;
  loop_begin(loop, argv[1]);
  for (int turn = atoi(argv[3]); turn > 0; turn--) attaches ? loop_attach() : loop_turn();
  loop_end();
  return 0;
}
