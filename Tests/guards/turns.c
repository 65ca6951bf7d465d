/* Makes updates and nothing else. instructions.py counts its instructions by callgrind.
 *
 *   turns FILE LOOP COUNT      if LOOP and COUNT are missing, it prints the names of the loops
 */
#include "loops.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  if (argc == 2) {
    for (size_t at = 0; at < loop_count; at++) puts(loops[at].name);
    return 0;
  }
  const struct loop *loop = argc == 4 ? loop_named(argv[2]) : NULL;
  if (loop == NULL) return 2;
  loop_begin(loop, argv[1]);
  for (int turn = atoi(argv[3]); turn > 0; turn--) loop_turn();
  loop_end();
  return 0;
}
