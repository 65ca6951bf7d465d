#include "files.h"

#include <poll.h>
#include <sys/stat.h>

bool readable(int fd, int ms) {
  struct pollfd poller = {.fd = fd, .events = POLLIN};
  return poll(&poller, 1, ms) == 1 && (poller.revents & POLLIN) != 0;
}

void limit_files(rlim_t bytes) {
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

rlim_t size_of(const char *path) {
  struct stat status;
  assert_int_equal(stat(path, &status), 0);
  return (rlim_t)status.st_size;
}

int mode_of(const char *path) {
  struct stat status;
  assert_int_equal(lstat(path, &status), 0);
  return (int)(status.st_mode & 07777);
}
