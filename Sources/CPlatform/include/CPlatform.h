/* The few things that Swift cannot use of C directly, each with the reason. */
#ifndef CPLATFORM_H
#define CPLATFORM_H

#include <dirent.h>
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
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* errno is a macro. */
int platform_errno(void);
void platform_set_errno(int code);

/* open is variadic. */
int platform_openat(int directory, const char *path, int flags, mode_t mode);

/* Sets or clears O_APPEND. Returns false and sets errno if that fails. fcntl is variadic. */
bool platform_set_appending(int file, bool appends);

/* Takes a write lock on the whole file for this open file, if nobody else has one, and tells whether somebody else has one. Such a lock has nothing
   to do with that of flock. F_OFD_SETLK is declared only under _GNU_SOURCE. */
void platform_claim(int file);
bool platform_is_claimed(int file);

/* Returns the place of the next bytes that are not in a hole, or -1 and sets errno. SEEK_DATA is declared only under _GNU_SOURCE. */
int64_t platform_next_data(int file, int64_t offset);

/* fallocate with FALLOC_FL_KEEP_SIZE, secure_getenv and statx are declared only under _GNU_SOURCE, which a module's
   headers cannot ask for. */
int platform_fallocate_keep_size(int file, int64_t offset, int64_t length);
const char *platform_secure_getenv(const char *name);

/* Asks for size and link count alone, because on ext4 a full fstat makes the next write slower. The count has PLATFORM_STICKY set if the
   file has the sticky bit, and PLATFORM_OPEN_TO_OTHERS if its mode gives rights to the group or to others. */
#define PLATFORM_STICKY 0x80000000u
#define PLATFORM_OPEN_TO_OTHERS 0x40000000u
int platform_size_and_links(int file, int64_t *out_size, uint32_t *out_links);

/* O_PATH, which opens a folder to reach what is in it, even if the folder is not readable. It is declared only under _GNU_SOURCE. */
extern const int platform_o_path;

/* Changes the mode of what an O_PATH descriptor has open, which fchmod refuses. AT_EMPTY_PATH is declared only under _GNU_SOURCE, and kernels
   before 6.6 need the way through /proc. Returns 0, or -1 and sets errno. */
int platform_chmod_opened(int descriptor, mode_t mode);

/* Reads names of a folder in the form of getdents64, which glibc declares only under _GNU_SOURCE. Returns the number of bytes, 0 at the end, or
   -1 and sets errno. */
ssize_t platform_names(int folder, void *into, size_t size);

/* Writes the path of what a descriptor has open, from /proc. snprintf is variadic. Returns its length, or -1 and sets errno. */
ssize_t platform_path_of(int descriptor, char *path, size_t size);

/* Returns the double with the fewest decimal digits that rounds to this float: 0.1 for 0.1f. snprintf is variadic. */
double platform_decimal(float value);

/* Writes zeros, even if nothing seems to read them any more. */
void platform_wipe(void *memory, size_t size);

/* Returns a byte of memory that reads 1 here and 0 in a child of fork, or NULL if the kernel cannot do that. */
volatile uint8_t *platform_fork_sentinel_make(void);
void platform_fork_sentinel_free(volatile uint8_t *sentinel);

/* LC_ALL_MASK is an expression of macros; the others are of an unnamed enum's type. */
enum {
  PLATFORM_LC_ALL_MASK = LC_ALL_MASK,
  PLATFORM_IN_NONBLOCK = IN_NONBLOCK,
  PLATFORM_IN_CLOEXEC = IN_CLOEXEC,
  PLATFORM_EFD_NONBLOCK = EFD_NONBLOCK,
  PLATFORM_EFD_CLOEXEC = EFD_CLOEXEC,
  PLATFORM_EPOLL_CLOEXEC = EPOLL_CLOEXEC
};

/* Returns a copy of the descriptor that is at least 3, or -1 and sets errno. fcntl is variadic. */
int platform_copy_above_standard(int descriptor);

/* Makes `epoll` poll readable while `descriptor` does. struct epoll_event is packed, and has a union. */
int platform_epoll_add(int epoll, int descriptor);

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

/* Returns true if secure_getenv finds no variable at all, because the program has more rights than its user. AT_SECURE and getauxval are in
   a header of Linux alone. */
bool platform_hides_environment(void);

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

/* Fills memory with random bytes of the kernel's. Returns false and sets errno if it gives none. */
bool platform_random(void *bytes, size_t count);

#include "bytes16.h"

#endif
