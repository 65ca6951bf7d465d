/* The few things that Swift cannot use of C directly, each with the reason. */
#ifndef CPLATFORM_H
#define CPLATFORM_H

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The one switch: what only Linux has is in linux.c, and posix.c does without it. The library uses the first on Linux, unless it is built by
   `make POSIX=1`. What both have is in platform.c. */
#if defined(__linux__) && !defined(PLATFORM_POSIX)
#define PLATFORM_IS_LINUX 1
#else
#define PLATFORM_IS_LINUX 0
#endif

#include "watch.h"

/* errno is a macro. */
int platform_errno(void);
void platform_set_errno(int code);

/* open is variadic. */
int platform_openat(int directory, const char *path, int flags, mode_t mode);

/* Sets or clears O_APPEND. Returns false and sets errno if that fails. fcntl is variadic. */
bool platform_set_appending(int file, bool appends);

/* The functions from here to the next line of dashes are in linux.c and posix.c. Most of what linux.c uses is declared only under _GNU_SOURCE,
   which a module's headers cannot ask for. What posix.c says of each is what a system without it loses. */

/* Takes a write lock on the whole file for this open file, if nobody else has one, and tells whether somebody else has one. Such a lock has nothing
   to do with that of flock. POSIX: nobody ever has one. */
void platform_claim(int file);
bool platform_is_claimed(int file);

/* Returns the place of the next bytes that are not in a hole, or -1 and sets errno. POSIX: always -1. */
int64_t platform_next_data(int file, int64_t offset);

/* Allocates blocks without changing the file's size. POSIX: always -1, because posix_fallocate makes the file longer. */
int platform_fallocate_keep_size(int file, int64_t offset, int64_t length);

/* Returns a variable of the environment, or NULL if the program has more rights than its user. The other function returns true if that is so. */
const char *platform_secure_getenv(const char *name);
bool platform_hides_environment(void);

/* Asks for size and link count alone, because on ext4 a full fstat makes the next write slower. The count has PLATFORM_STICKY set if the
   file has the sticky bit, and PLATFORM_OPEN_TO_OTHERS if its mode gives rights to the group or to others. POSIX: fstat. */
#define PLATFORM_STICKY 0x80000000u
#define PLATFORM_OPEN_TO_OTHERS 0x40000000u
int platform_size_and_links(int file, int64_t *out_size, uint32_t *out_links);
static inline uint32_t platform_links(uint32_t links, mode_t mode) {
  return (links & ~(PLATFORM_STICKY | PLATFORM_OPEN_TO_OTHERS)) | (mode & S_ISVTX ? PLATFORM_STICKY : 0) |
         (mode & 077 ? PLATFORM_OPEN_TO_OTHERS : 0);
}

/* Opens a folder to reach what is in it, even if the folder is not readable, or any file to examine it (O_PATH). POSIX: O_RDONLY, so that both
   have to be readable. */
extern const int platform_o_path;

/* Changes the mode of what a descriptor of platform_o_path has open. Returns 0, or -1 and sets errno. */
int platform_chmod_opened(int descriptor, mode_t mode);

/* Goes through the names in a folder, whose descriptor has to stand at its beginning. `begin` returns false and sets errno if that fails. `next`
   returns NULL at the end, and then errno is 0 unless it failed. Linux: uses that descriptor, because there may be no other left, and the buffer,
   which is aligned to 8 bytes. POSIX: opens the folder once more. */
typedef struct platform_names_t {
  int folder;
  char *buffer;
  size_t size, filled, at;
  void *stream;
} platform_names_t;
bool platform_names_begin(platform_names_t *names, int folder, void *buffer, size_t size);
const char *platform_names_next(platform_names_t *names);
void platform_names_end(platform_names_t *names);

/* Writes the path of what a descriptor has open, and that of the executable. Return its length, or -1 and set errno. POSIX: always -1. */
ssize_t platform_path_of(int descriptor, char *path, size_t size);
ssize_t platform_executable_path(char *path, size_t size);

/* Returns a byte of memory that reads 1 here and 0 in a child of fork, or NULL if the kernel cannot do that. POSIX: always NULL. */
volatile uint8_t *platform_fork_sentinel_make(void);
void platform_fork_sentinel_free(volatile uint8_t *sentinel);

/* Fills memory with random bytes of the kernel's. Returns false and sets errno if it gives none. POSIX: /dev/urandom. */
bool platform_random(void *bytes, size_t count);

/* ---- */

/* Returns this process's limit on the size of files, or -1 if there is none. getrlimit's first argument has another type in each C library. */
int64_t platform_file_size_limit(void);

/* Returns the double with the fewest decimal digits that rounds to this float: 0.1 for 0.1f. snprintf is variadic. */
double platform_decimal(float value);

/* Writes zeros, even if nothing seems to read them any more. */
void platform_wipe(void *memory, size_t size);

/* LC_ALL_MASK is an expression of macros. */
enum { PLATFORM_LC_ALL_MASK = LC_ALL_MASK };

/* Returns a copy of the descriptor that is at least 3, or -1 and sets errno. fcntl is variadic. */
int platform_copy_above_standard(int descriptor);

/* Returns this thread's buffer of PLATFORM_MESSAGE_SIZE bytes, zero at first. Swift cannot declare thread-local memory. */
enum { PLATFORM_MESSAGE_SIZE = 232 };
char *platform_message(void);

/* Returns where this thread keeps the errno of the failure that the message is about. It means nothing while the message is empty. */
int32_t *platform_system_error(void);

/* Returns what a function of this thread's backend has told beyond its status. A reason stands in the thread's message. */
typedef struct platform_told_t {
  bool has_reason, has_generation;
  int32_t system_error;
  uint64_t generation;
} platform_told_t;
platform_told_t *platform_told(void);

/* Writes the system's words for an errno, in English if the C library lets us choose. Returns false if it knows none. strerror_r has another
   type in each C library, and glibc's uses the language and encoding of the host's locale. */
bool platform_error_text(int code, char *text, size_t size);

/* Returns the CRC-32C's register after the bytes, given the one before. Swift has no name for the processor's instruction. */
uint32_t platform_crc32c(uint32_t crc, const void *bytes, size_t count);
/* Does the same without the instruction. Tests compare the two. */
uint32_t platform_crc32c_portable(uint32_t crc, const void *bytes, size_t count);
/* Returns the register before the bytes, given the one after them. */
uint32_t platform_crc32c_backwards(uint32_t crc, const void *bytes, size_t count);

/* Returns a hash of bytes by SipHash-1-3. The key is random in each process. Swift's own hash takes twice as many instructions, and in Embedded Swift
   (6.3) it needs libm (swiftlang/swift#92357). */
uint64_t platform_hash(const void *bytes, size_t count);
/* Does the same with a given key. Tests compare it with another one. */
uint64_t platform_siphash(uint64_t key0, uint64_t key1, const void *bytes, size_t count);

/* Lays out a real that libjansson has written with `precision` digits: with an exponent if that is below -4, or not below the precision, as
   libjansson did before 2.15. So the file has the same bytes with every version. `text` ends with a NUL and has room for 40 bytes. Returns its length. */
size_t platform_lay_out_real(char *text, int precision);

#include "bytes16.h"

#endif
