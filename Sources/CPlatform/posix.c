/* The ways without what only Linux has: POSIX.1-2017, and flock. CPlatform.h says what each loses. */
#include "CPlatform.h"

#if !PLATFORM_IS_LINUX

#include <dirent.h>

void platform_claim(int file) { (void)file; }
bool platform_is_claimed(int file) { return (void)file, false; }

/* Sets errno to say that this system has no such function. */
static int has_no_such_function(void) {
  errno = ENOSYS;
  return -1;
}

int64_t platform_next_data(int file, int64_t offset) { return (void)file, (void)offset, has_no_such_function(); }

int platform_fallocate_keep_size(int file, int64_t offset, int64_t length) {
  return (void)file, (void)offset, (void)length, has_no_such_function();
}

/* A program that has more rights because of its file, and not by another user or group, is not noticed. */
bool platform_hides_environment(void) { return getuid() != geteuid() || getgid() != getegid(); }

const char *platform_secure_getenv(const char *name) { return platform_hides_environment() ? NULL : getenv(name); }

int platform_size_and_links(int file, int64_t *out_size, uint32_t *out_links) {
  struct stat status;
  if (fstat(file, &status) != 0) return -1;
  *out_size = (int64_t)status.st_size;
  *out_links = platform_links((uint32_t)status.st_nlink, status.st_mode);
  return 0;
}

const int platform_o_path = O_RDONLY | O_NONBLOCK; /* a pipe would wait for a writer */

int platform_chmod_opened(int descriptor, mode_t mode) { return fchmod(descriptor, mode); }

bool platform_names_begin(platform_names_t *names, int folder, void *buffer, size_t size) {
  *names = (platform_names_t){.folder = folder, .buffer = buffer, .size = size};
  int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (again < 0) return false;
  names->stream = fdopendir(again);
  if (names->stream == NULL) close(again);
  return names->stream != NULL;
}

const char *platform_names_next(platform_names_t *names) {
  errno = 0;
  struct dirent *entry = readdir(names->stream);
  return entry == NULL ? NULL : entry->d_name;
}

void platform_names_end(platform_names_t *names) { closedir(names->stream); }

ssize_t platform_path_of(int descriptor, char *path, size_t size) {
  return (void)descriptor, (void)path, (void)size, has_no_such_function();
}

ssize_t platform_executable_path(char *path, size_t size) { return (void)path, (void)size, has_no_such_function(); }

volatile uint8_t *platform_fork_sentinel_make(void) { return NULL; }
void platform_fork_sentinel_free(volatile uint8_t *sentinel) { (void)sentinel; }

bool platform_random(void *bytes, size_t count) {
  int source = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  if (source < 0) return false;
  uint8_t *at = bytes;
  while (count > 0) {
    ssize_t got = read(source, at, count);
    if (got > 0) {
      at += got;
      count -= (size_t)got;
    } else if (got == 0 || errno != EINTR) {
      break;
    }
  }
  int code = errno;
  close(source);
  errno = code;
  return count == 0;
}

#endif
