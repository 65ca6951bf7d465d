/* Loads a library and calls a function of it that takes no argument. Prints how long that took in ns, how many bytes of memory it made
 * dirty, and the size of the library's file.
 *
 *   probe LIBRARY FUNCTION
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static long long now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static long long dirty_bytes(void) {
  static char text[4096];
  FILE *file = fopen("/proc/self/smaps_rollup", "re");
  if (file == NULL) return -1;
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = 0;
  const char *line = strstr(text, "Private_Dirty:");
  long long kib = -1;
  return line != NULL && sscanf(line, "Private_Dirty: %lld", &kib) == 1 ? kib * 1024 : -1;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  dirty_bytes(); /* once before, so that the memory that reading the file makes dirty does not count */
  long long dirty = dirty_bytes(), begin = now_ns();
  void *library = dlopen(argv[1], RTLD_NOW);
  if (library == NULL) return fprintf(stderr, "probe: %s\n", dlerror()), 1;
  void *(*function)(void) = (void *(*)(void))dlsym(library, argv[2]);
  if (function == NULL) return fprintf(stderr, "probe: %s\n", dlerror()), 1;
  function();
  long long took = now_ns() - begin;
  dirty = dirty_bytes() - dirty;
  struct link_map *map;
  struct stat status;
  if (dlinfo(library, RTLD_DI_LINKMAP, &map) != 0 || stat(map->l_name, &status) != 0) return 1;
  printf("%lld %lld %lld\n", took, dirty, (long long)status.st_size);
  return 0;
}
