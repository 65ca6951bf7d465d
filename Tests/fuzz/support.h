/* What the fuzz targets share: a directory in memory, files, the journal's check, and the report of an error. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <lily_session.h>

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Ends the run by a signal, because then the fuzzer keeps the input. */
__attribute__((format(printf, 1, 2), noreturn)) static inline void wrong(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("\nWRONG: ", stderr);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, " (last error: \"%s\")\n", lily_session_last_error());
  va_end(arguments);
  abort();
}

#define require(condition, ...) do { if (!(condition)) wrong(__VA_ARGS__); } while (0)

/* The time of all storages, UTC in ms. */
static int64_t now_ms = 1700000000000;

/* Returns the path of a file in $FUZZ_DIRECTORY, which `run` makes and removes. A run by hand makes a directory of its own.
 * The text lives for seven more calls. */
static inline const char *in_directory(const char *name) {
  static char directory[200];
  static char paths[8][300];
  static int next;
  if (directory[0] == 0) {
    const char *given = getenv("FUZZ_DIRECTORY");
    if (given != NULL) {
      snprintf(directory, sizeof directory, "%s", given);
    } else {
      snprintf(directory, sizeof directory, "%s/lily-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
      require(mkdtemp(directory) != NULL, "no directory %s", directory);
    }
  }
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", directory, name);
  return path;
}

/* Returns the register of the check after these bytes. `reg` is the register before them, not a finished check. */
static inline uint32_t crc32c(uint32_t reg, const uint8_t *bytes, size_t count) {
  for (size_t at = 0; at < count; at++) {
    reg ^= bytes[at];
    for (int bit = 0; bit < 8; bit++) reg = reg >> 1 ^ (reg & 1 ? 0x82F63B78 : 0);
  }
  return reg;
}

static inline void file_write(const char *path, const void *bytes, size_t length) {
  unlink(path); /* the file is a new inode, so that nothing of the last run is seen */
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  require(file >= 0, "%s cannot be made", path);
  require(write(file, bytes, length) == (ssize_t)length, "%s cannot be written", path);
  close(file);
}

/* Returns true if the file has exactly these bytes. */
static inline bool file_is(const char *path, const void *bytes, size_t length) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  char *got = malloc(length + 1);
  ssize_t count = read(file, got, length + 1);
  bool same = count == (ssize_t)length && memcmp(got, bytes, length) == 0;
  free(got);
  close(file);
  return same;
}

#endif
