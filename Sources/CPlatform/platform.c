#define _GNU_SOURCE
#include "CPlatform.h"

#include <fcntl.h>
#include <math.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

int platform_errno(void) { return errno; }
void platform_set_errno(int code) { errno = code; }

int platform_openat(int directory, const char *path, int flags, mode_t mode) { return openat(directory, path, flags, mode); }

bool platform_set_appending(int file, bool appends) {
  int flags = fcntl(file, F_GETFL);
  return flags >= 0 && fcntl(file, F_SETFL, appends ? flags | O_APPEND : flags & ~O_APPEND) == 0;
}

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

int platform_copy_above_standard(int descriptor) { return fcntl(descriptor, F_DUPFD_CLOEXEC, 3); }

int platform_epoll_add(int epoll, int descriptor) {
  struct epoll_event event = {.events = EPOLLIN, .data = {.fd = descriptor}};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

const char *platform_secure_getenv(const char *name) { return secure_getenv(name); }

int platform_size_and_links(int file, int64_t *out_size, uint32_t *out_links) {
  struct statx status;
  if (statx(file, "", AT_EMPTY_PATH, STATX_SIZE | STATX_NLINK | STATX_MODE, &status) != 0) return -1;
  *out_size = (int64_t)status.stx_size;
  *out_links = (status.stx_nlink & ~(PLATFORM_STICKY | PLATFORM_OPEN_TO_OTHERS)) | (status.stx_mode & S_ISVTX ? PLATFORM_STICKY : 0) |
               (status.stx_mode & 077 ? PLATFORM_OPEN_TO_OTHERS : 0);
  return 0;
}

const int platform_o_path = O_PATH;

enum { PROC_PATH_SIZE = 32 };

static void proc_path(int descriptor, char path[PROC_PATH_SIZE]) { snprintf(path, PROC_PATH_SIZE, "/proc/self/fd/%d", descriptor); }

int platform_chmod_opened(int descriptor, mode_t mode) {
  if (fchmodat(descriptor, "", mode, AT_EMPTY_PATH) == 0) return 0;
  char path[PROC_PATH_SIZE];
  proc_path(descriptor, path);
  return chmod(path, mode);
}

ssize_t platform_names(int folder, void *into, size_t size) { return getdents64(folder, into, size); }

ssize_t platform_path_of(int descriptor, char *path, size_t size) {
  char link[PROC_PATH_SIZE];
  proc_path(descriptor, link);
  return readlink(link, path, size);
}

double platform_decimal(float value) {
  /* A normal float keeps every number of six digits, a smaller one keeps fewer, and nine digits keep every float. */
  for (int digits = isnormal(value) ? 6 : 1;; digits++) {
    char text[32];
    snprintf(text, sizeof text, "%.*g", digits, (double)value);
    double decimal = strtod(text, NULL);
    if ((float)decimal == value || digits == 9) return decimal;
  }
}

void platform_wipe(void *memory, size_t size) {
  memset(memory, 0, size);
  __asm__ volatile("" : : "r"(memory) : "memory");
}

volatile uint8_t *platform_fork_sentinel_make(void) {
  size_t size = (size_t)sysconf(_SC_PAGESIZE);
  uint8_t *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return NULL;
  if (madvise(page, size, MADV_WIPEONFORK) != 0) { /* before Linux 4.14 */
    munmap(page, size);
    return NULL;
  }
  *page = 1;
  return page;
}

void platform_fork_sentinel_free(volatile uint8_t *sentinel) {
  if (sentinel != NULL) munmap((void *)sentinel, (size_t)sysconf(_SC_PAGESIZE));
}

/* The model is initial-exec, because the general one would call __tls_get_addr, and so need ld-linux. It uses memory that glibc reserves for
  libraries that are loaded by dlopen, so the buffer is small. */
static _Thread_local __attribute__((tls_model("initial-exec"))) char message[PLATFORM_MESSAGE_SIZE];
static _Thread_local __attribute__((tls_model("initial-exec"))) int32_t system_error;
static _Thread_local __attribute__((tls_model("initial-exec"))) platform_told_t told;

char *platform_message(void) { return message; }

int32_t *platform_system_error(void) { return &system_error; }

platform_told_t *platform_told(void) { return &told; }

bool platform_error_text(int code, char *text, size_t size) {
#ifdef __GLIBC__
  const char *known = strerrordesc_np(code);
  if (known == NULL || size == 0) return false;
  size_t length = strnlen(known, size - 1);
  memcpy(text, known, length);
  text[length] = '\0';
  return true;
#else
  return strerror_r(code, text, size) == 0;
#endif
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
