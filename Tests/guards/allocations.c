/* Checks that an update allocates nothing once the library's buffers have their sizes, but for three small objects that walk through maps.
 *
 *   allocations FILE
 *
 * This program's malloc stands before the C library's for all libraries of the process.
 */
#include "loops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { TURNS = 2000 };

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static long counted;

void *malloc(size_t size) {
  counted++;
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  counted++;
  return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
  counted++;
  return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  counted++;
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  counted++;
  *out = __libc_memalign(alignment, size);
  return *out == NULL ? ENOMEM : 0;
}

static int check(const struct loop *loop, const char *path) {
  loop_begin(loop, path);
  long before = counted;
  for (int turn = 0; turn < TURNS; turn++) loop_turn();
  long made = counted - before;
  loop_end();
  if (before == 0) return printf("FAILED %s: attaching allocated nothing, so nothing was counted\n", loop->name), 1;
  if (made > (loop->entries > 0 ? 3 * TURNS : 0)) return printf("FAILED %s: %ld allocations in %d updates\n", loop->name, made, TURNS), 1;
  printf("ok     %s\n", loop->name);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  int failed = 0;
  for (size_t at = 0; at < loop_count; at++) {
    if (!loop_rewrites(&loops[at])) failed += check(&loops[at], argv[1]);
  }
  return failed > 0;
}
