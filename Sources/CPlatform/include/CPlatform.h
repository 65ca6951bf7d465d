/* The few things that Swift cannot ask of C by itself. Each says why it is here. */
#ifndef CPLATFORM_H
#define CPLATFORM_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
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

/* fcntl is variadic. Sets or clears O_APPEND. */
bool platform_set_appending(int file, bool appends);

/* SEEK_DATA is declared only under _GNU_SOURCE: the place of the next bytes that are not in a hole; -1 with errno. */
int64_t platform_next_data(int file, int64_t offset);

/* fallocate with FALLOC_FL_KEEP_SIZE, secure_getenv and statx are declared only under _GNU_SOURCE, which a module's
   headers cannot ask for. */
int platform_fallocate_keep_size(int file, int64_t offset, int64_t length);
const char *platform_secure_getenv(const char *name);

/* Size and link count alone: on ext4 a full fstat makes the next write dearer. PLATFORM_STICKY is set in the count of a file that has the
   sticky bit. */
#define PLATFORM_STICKY 0x80000000u
int platform_size_and_links(int file, int64_t *out_size, uint32_t *out_links);

/* O_PATH is declared only under _GNU_SOURCE: a descriptor to go on from, for which a folder need not be readable. */
extern const int platform_o_path;

/* Changes the mode of what a descriptor of that kind has open, which fchmod refuses, and of nothing else: AT_EMPTY_PATH is declared only under
   _GNU_SOURCE, and kernels before 6.6 want the way through /proc. -1: neither is to be had (errno). */
int platform_chmod_opened(int descriptor, mode_t mode);

/* Reads names of a folder as getdents64 gives them, which glibc declares only under _GNU_SOURCE. Returns the bytes, 0 at the end, -1 with errno. */
ssize_t platform_names(int folder, void *into, size_t size);

/* The path of what a descriptor has open, as readlink tells it of /proc. snprintf is variadic. -1: there is none (errno). */
ssize_t platform_path_of(int descriptor, char *path, size_t size);

/* Zeros, which are written even where nothing seems to read them any more. */
void platform_wipe(void *memory, size_t size);

/* One byte of memory that reads 1 here and 0 in a child of fork; NULL where the kernel cannot do that. */
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

/* fcntl is variadic. A copy of the descriptor that is 3 or more; -1: none (errno). */
int platform_copy_above_standard(int descriptor);

/* Has `epoll` poll readable while `descriptor` does. struct epoll_event is packed, and has a union. */
int platform_epoll_add(int epoll, int descriptor);

/* Thread-local storage cannot be declared in Swift. This thread's buffer of PLATFORM_MESSAGE_SIZE bytes, zero at first. */
enum { PLATFORM_MESSAGE_SIZE = 240 };
char *platform_message(void);

/* strerror_r has another type in each C library, and glibc's answers in the language and encoding of the host's locale. Writes the
   system's words for an errno, in English where the C library lets us choose. false: it knows none. */
bool platform_error_text(int code, char *text, size_t size);

/* AT_SECURE, and getauxval, are in a header of Linux' own: whether secure_getenv finds nothing, whatever the variable. */
bool platform_hides_environment(void);

/* CRC-32C needs the processor's instruction, which has no name in Swift. `crc` is the register, not the final value. */
uint32_t platform_crc32c(uint32_t crc, const void *bytes, size_t count);
/* The same without the instruction: the slow twin that tests hold it to. */
uint32_t platform_crc32c_portable(uint32_t crc, const void *bytes, size_t count);
/* What the register was before the bytes, given what it is after them. */
uint32_t platform_crc32c_backwards(uint32_t crc, const void *bytes, size_t count);

/* Random bytes from the kernel. false: it has none to give (errno), and bytes are as they were. */
bool platform_random(void *bytes, size_t count);

#endif
