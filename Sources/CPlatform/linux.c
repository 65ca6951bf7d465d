/* What only Linux has: see CPlatform.h. */
#ifndef PLATFORM_POSIX
#define _GNU_SOURCE
#endif
#include "CPlatform.h"

#if PLATFORM_IS_LINUX

#include <dirent.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>

void platform_claim(int file) {
  struct flock lock = {.l_type = F_WRLCK};
  (void)fcntl(file, F_OFD_SETLK, &lock);
}

bool platform_is_claimed(int file) {
  struct flock lock = {.l_type = F_RDLCK};
  return fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int64_t platform_next_data(int file, int64_t offset) { return lseek(file, offset, SEEK_DATA); }

int platform_fallocate_keep_size(int file, int64_t offset, int64_t length) {
  return fallocate(file, FALLOC_FL_KEEP_SIZE, offset, length);
}

const char *platform_secure_getenv(const char *name) { return secure_getenv(name); }

/* musl before 1.2.5 has no statx. */
int platform_size_and_links(int file, int64_t *out_size, uint32_t *out_links) {
#ifdef STATX_SIZE
  struct statx status;
  if (statx(file, "", AT_EMPTY_PATH, STATX_SIZE | STATX_NLINK | STATX_MODE, &status) != 0) return -1;
  *out_size = (int64_t)status.stx_size;
  *out_links = platform_links(status.stx_nlink, status.stx_mode);
#else
  struct stat status;
  if (fstat(file, &status) != 0) return -1;
  *out_size = (int64_t)status.st_size;
  *out_links = platform_links((uint32_t)status.st_nlink, status.st_mode);
#endif
  return 0;
}

const int platform_o_path = O_PATH;

enum { PROC_PATH_SIZE = 32 };

static void proc_path(int descriptor, char path[PROC_PATH_SIZE]) { snprintf(path, PROC_PATH_SIZE, "/proc/self/fd/%d", descriptor); }

/* fchmod refuses such a descriptor, and kernels before 6.6 need the way through /proc. */
int platform_chmod_opened(int descriptor, mode_t mode) {
  if (fchmodat(descriptor, "", mode, AT_EMPTY_PATH) == 0) return 0;
  char path[PROC_PATH_SIZE];
  proc_path(descriptor, path);
  return chmod(path, mode);
}

bool platform_names_begin(platform_names_t *names, int folder, void *buffer, size_t size) {
  *names = (platform_names_t){.folder = folder, .buffer = buffer, .size = size};
  return true;
}

static ssize_t read_folder(int folder, void *into, size_t size) {
#ifdef __GLIBC__
#pragma weak getdents64 /* it came with glibc 2.30 */
  return getdents64 != NULL ? getdents64(folder, into, size) : syscall(SYS_getdents64, folder, into, size);
#else /* musl's function has another name and type */
  return getdents(folder, (struct dirent *)into, size);
#endif
}

/* What getdents64 gives: an inode and an offset of 8 bytes each, the record's length of 2, a type, and the name with a NUL. */
enum { RECORD_LENGTH_AT = 16, RECORD_NAME_AT = 19 };

const char *platform_names_next(platform_names_t *names) {
  if (names->at >= names->filled) {
    ssize_t got = read_folder(names->folder, names->buffer, names->size);
    if (got < 0) return NULL;
    names->at = 0;
    names->filled = (size_t)got;
    errno = 0;
    if (got == 0) return NULL;
  }
  uint16_t length = 0;
  const char *record = names->buffer + names->at;
  size_t left = names->filled - names->at;
  if (left > RECORD_NAME_AT) memcpy(&length, record + RECORD_LENGTH_AT, sizeof length);
  if (length <= RECORD_NAME_AT || length > left) {
    errno = EIO; /* this is no record */
    return NULL;
  }
  names->at += length;
  return record + RECORD_NAME_AT;
}

void platform_names_end(platform_names_t *names) { (void)names; }

ssize_t platform_path_of(int descriptor, char *path, size_t size) {
  char link[PROC_PATH_SIZE];
  proc_path(descriptor, link);
  return readlink(link, path, size);
}

ssize_t platform_executable_path(char *path, size_t size) { return readlink("/proc/self/exe", path, size); }

volatile uint8_t *platform_fork_sentinel_make(void) {
  size_t size = (size_t)sysconf(_SC_PAGESIZE);
  uint8_t *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return NULL;
  /* Linux before 4.14 does not have it. What stands in for Linux, such as qemu's user mode, may say yes to any advice, and wipe nothing. */
  enum { NO_ADVICE = -1 };
  if (madvise(page, size, NO_ADVICE) == 0 || madvise(page, size, MADV_WIPEONFORK) != 0) {
    munmap(page, size);
    return NULL;
  }
  *page = 1;
  return page;
}

void platform_fork_sentinel_free(volatile uint8_t *sentinel) {
  if (sentinel != NULL) munmap((void *)sentinel, (size_t)sysconf(_SC_PAGESIZE));
}

bool platform_hides_environment(void) { return getauxval(AT_SECURE) != 0; }

bool platform_random(void *bytes, size_t count) {
  uint8_t *at = bytes;
  while (count > 0) {
    ssize_t got = getrandom(at, count, 0);
    if (got > 0) {
      at += got;
      count -= (size_t)got;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

#endif
