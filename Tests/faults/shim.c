/* Is preloaded into a program, and stands between the library and the kernel. It counts the calls that concern files below one
 * directory, makes those fail that LILY_SHIM_RULES names, and records what was done.
 *
 *   LILY_SHIM_DIRECTORY  the directory, absolute
 *   LILY_SHIM_RULES      see shim.h
 *   LILY_SHIM_MEANWHILE  what other programs do before calls with the action meanwhile: commands of the shell, a line for each call
 *   LILY_SHIM_REPORT     a file for which rules fired, and which calls should not have been made
 *   LILY_SHIM_CALLS      1: the report also has each call
 *   LILY_SHIM_TRACE      a file for each change, with its data, and for what the program wrote to its standard output
 *
 * The program and a child that it forks share one count: if they take turns, the n-th call is the n-th of both together. The trace
 * has the process beside each descriptor.
 *
 * The shim makes kernel calls directly, so that it does not depend on how the C library uses the functions that it replaces. A sleep
 * takes no time, but moves on the clock that measures delays.
 */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { DESCRIPTORS = 1024, NAME = 256 };

/* What each descriptor is open on: "" nothing below the directory, "." the directory, or the name of a file. */
static char names[DESCRIPTORS][NAME];
static const char *directory;
static int report_file = -1, trace_file = -1;
static bool lists_calls;
static char *meanwhile; /* the commands that are left */
static long long slept; /* ns */

__attribute__((constructor)) static void begin(void) {
  directory = getenv("LILY_SHIM_DIRECTORY");
  const char *path = getenv("LILY_SHIM_REPORT");
  if (path) report_file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  path = getenv("LILY_SHIM_TRACE");
  if (path) trace_file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  lists_calls = getenv("LILY_SHIM_CALLS") != NULL;
  const char *rules = getenv("LILY_SHIM_RULES");
  if (rules) rules_read(rules);
  const char *commands = getenv("LILY_SHIM_MEANWHILE");
  if (commands) meanwhile = strdup(commands);
  unsetenv("LD_PRELOAD"); /* other programs are not to be under the shim */
}

static void print(int file, const char *format, va_list arguments) {
  if (file < 0) return;
  char line[600];
  int before = errno, length = vsnprintf(line, sizeof line, format, arguments);
  syscall(SYS_write, file, line, (size_t)length);
  errno = before;
}

void report(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print(report_file, format, arguments);
  va_end(arguments);
}

__attribute__((format(printf, 1, 2))) static void trace(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print(trace_file, format, arguments);
  va_end(arguments);
}

static void trace_data(const void *data, size_t length) {
  if (trace_file < 0) return;
  int before = errno;
  syscall(SYS_write, trace_file, data, length);
  syscall(SYS_write, trace_file, "\n", 1);
  errno = before;
}

static const char *name_of(int file) { return file >= 0 && file < DESCRIPTORS && *names[file] ? names[file] : NULL; }

static bool ends(const char *name, const char *end) {
  size_t length = strlen(name), tail = strlen(end);
  return length >= tail && strcmp(name + length - tail, end) == 0;
}

static const char *class_of(const char *name) {
  return strcmp(name, ".") == 0 ? "directory" : ends(name, ".tmp") ? "tmp" : ends(name, ".damaged") ? "damaged" :
    ends(name, ".replacement") ? "replacement" : "journal";
}

/* Runs the next command, as if the call that is about to be made took so long. */
static void let_others_run(void) {
  const char *command = strsep(&meanwhile, "\n");
  if (!command || system(command) != 0) report("violation: meanwhile: %s\n", command ? command : "there is no command for it");
}

/* Decides what a call does. Does not return if the process ends here. */
static struct decision decide(const char *call, const char *name) {
  const char *class = class_of(name);
  if (lists_calls) report("call %s %s\n", call, class);
  struct decision decision = rules_decide(call, class);
  if (decision.action == ACTION_MEANWHILE) {
    let_others_run();
    decision.action = decision.number ? ACTION_ERRNO : ACTION_NONE;
  }
  if (decision.action == ACTION_KILL) kill(getpid(), SIGKILL);
  return decision;
}

/* Makes a call that returns -1 for a failure, as decide() says. */
#define MAKE(decision, result, call) \
  do { \
    if ((decision).action == ACTION_ERRNO) { \
      errno = (int)(decision).number; \
      (result) = -1; \
    } else { \
      (result) = (call); \
    } \
    if ((decision).action == ACTION_KILL_AFTER) kill(getpid(), SIGKILL); \
  } while (0)

static size_t shortened(struct decision decision, size_t count) {
  long length = decision.number < 0 ? (long)count + decision.number : decision.number;
  return length < 0 || (size_t)length > count ? count : (size_t)length;
}

/* Returns the name below the directory that a path means, "." for the directory itself, or NULL for any other path. */
static const char *below(int at, const char *path) {
  if (!directory || !path) return NULL;
  if (*path != '/') return name_of(at) ? path : NULL;
  size_t length = strlen(directory);
  if (strncmp(path, directory, length) != 0 || (path[length] && path[length] != '/')) return NULL;
  return path[length] && path[length + 1] ? path + length + 1 : ".";
}

int openat(int at, const char *path, int flags, ...) {
  mode_t mode = 0;
  if (flags & (O_CREAT | O_TMPFILE)) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
  }
  const char *name = below(at, path);
  if (!name) return (int)syscall(SYS_openat, at, path, flags, mode);
  struct decision decision = decide("openat", name);
  if (ends(name, ".tmp") && !(flags & O_EXCL)) report("violation: %s was opened to be read\n", name);
  bool is_new = (flags & O_CREAT) && syscall(SYS_faccessat, at, path, F_OK) != 0;
  int file;
  MAKE(decision, file, (int)syscall(SYS_openat, at, path, flags, mode));
  if (file >= 0 && file < DESCRIPTORS) {
    snprintf(names[file], NAME, "%s", name);
    trace("open %d.%d %d %s\n", getpid(), file, is_new, name);
  }
  return file;
}
int openat64(int, const char *, int, ...) __attribute__((alias("openat")));

/* Closes the descriptor, even if it returns a failure. */
int close(int file) {
  if (!name_of(file)) return (int)syscall(SYS_close, file);
  struct decision decision = decide("close", names[file]);
  trace("close %d.%d\n", getpid(), file);
  *names[file] = 0;
  int result = (int)syscall(SYS_close, file);
  MAKE(decision, result, result);
  return result;
}

ssize_t write(int file, const void *data, size_t count) {
  const char *name = name_of(file);
  if (!name) {
    if (file == STDOUT_FILENO && trace_file >= 0) {
      trace("mark %zu\n", count);
      trace_data(data, count);
    }
    return syscall(SYS_write, file, data, count);
  }
  struct decision decision = decide("write", name);
  if (decision.action == ACTION_SHORT || decision.action == ACTION_TEAR) count = shortened(decision, count);
  ssize_t put;
  MAKE(decision, put, syscall(SYS_write, file, data, count));
  if (decision.action == ACTION_TEAR) kill(getpid(), SIGKILL);
  if (put > 0) {
    trace("write %d.%d %zd\n", getpid(), file, put);
    trace_data(data, (size_t)put);
  }
  return put;
}

ssize_t pread(int file, void *into, size_t count, off_t offset) {
  const char *name = name_of(file);
  if (!name) return syscall(SYS_pread64, file, into, count, offset);
  struct decision decision = decide("pread", name);
  if (ends(name, ".tmp")) report("violation: %s was read\n", name);
  if (decision.action == ACTION_SHORT) count = shortened(decision, count);
  ssize_t got;
  MAKE(decision, got, syscall(SYS_pread64, file, into, count, offset));
  return got;
}
ssize_t pread64(int, void *, size_t, off_t) __attribute__((alias("pread")));

ssize_t getdents64(int folder, void *into, size_t size) {
  const char *name = name_of(folder);
  if (!name) return syscall(SYS_getdents64, folder, into, size);
  struct decision decision = decide("getdents64", name);
  ssize_t got;
  MAKE(decision, got, syscall(SYS_getdents64, folder, into, size));
  return got;
}

/* Writes at an offset. The file must not be open for appending at the moment, because Linux would append. */
ssize_t pwrite(int file, const void *data, size_t count, off_t offset) {
  const char *name = name_of(file);
  if (!name) return syscall(SYS_pwrite64, file, data, count, offset);
  if (syscall(SYS_fcntl, file, F_GETFL) & O_APPEND) report("violation: %s is overwritten while it is open for appending\n", name);
  struct decision decision = decide("pwrite", name);
  if (decision.action == ACTION_SHORT || decision.action == ACTION_TEAR) count = shortened(decision, count);
  ssize_t put;
  MAKE(decision, put, syscall(SYS_pwrite64, file, data, count, offset));
  if (decision.action == ACTION_TEAR) kill(getpid(), SIGKILL);
  if (put > 0) {
    trace("overwrite %d.%d %lld %zd\n", getpid(), file, (long long)offset, put);
    trace_data(data, (size_t)put);
  }
  return put;
}
ssize_t pwrite64(int, const void *, size_t, off_t) __attribute__((alias("pwrite")));

int fcntl(int file, int operation, ...) {
  va_list arguments;
  va_start(arguments, operation);
  long argument = va_arg(arguments, long);
  va_end(arguments);
  const char *name = operation == F_SETFL ? name_of(file) : NULL;
  if (!name) return (int)syscall(SYS_fcntl, file, operation, argument);
  int result;
  struct decision decision = decide("fcntl", name);
  MAKE(decision, result, (int)syscall(SYS_fcntl, file, operation, argument));
  return result;
}
int fcntl64(int, int, ...) __attribute__((alias("fcntl")));

static int synced(const char *call, long number, int file) {
  const char *name = name_of(file);
  if (!name) return (int)syscall(number, file);
  int result;
  struct decision decision = decide(call, name);
  MAKE(decision, result, (int)syscall(number, file));
  trace("sync %d.%d %d\n", getpid(), file, result == 0);
  return result;
}

int fsync(int file) { return synced("fsync", SYS_fsync, file); }
int fdatasync(int file) { return synced("fdatasync", SYS_fdatasync, file); }

int ftruncate(int file, off_t size) {
  const char *name = name_of(file);
  if (!name) return (int)syscall(SYS_ftruncate, file, size);
  int result;
  struct decision decision = decide("ftruncate", name);
  MAKE(decision, result, (int)syscall(SYS_ftruncate, file, size));
  if (result == 0) trace("truncate %d.%d %lld\n", getpid(), file, (long long)size);
  return result;
}
int ftruncate64(int, off_t) __attribute__((alias("ftruncate")));

int renameat(int from_at, const char *from, int to_at, const char *to) {
  const char *old = below(from_at, from), *new = below(to_at, to);
  if (!old || !new) return (int)syscall(SYS_renameat2, from_at, from, to_at, to, 0);
  int result;
  struct decision decision = decide("renameat", old);
  MAKE(decision, result, (int)syscall(SYS_renameat2, from_at, from, to_at, to, 0));
  if (result != 0) return result;
  trace("rename %s %s\n", old, new);
  for (int file = 0; file < DESCRIPTORS; file++) {
    if (strcmp(names[file], old) == 0) snprintf(names[file], NAME, "%s", new);
  }
  return result;
}

int unlinkat(int at, const char *path, int flags) {
  const char *name = below(at, path);
  if (!name) return (int)syscall(SYS_unlinkat, at, path, flags);
  int result;
  struct decision decision = decide("unlinkat", name);
  MAKE(decision, result, (int)syscall(SYS_unlinkat, at, path, flags));
  if (result == 0) trace("unlink %s\n", name);
  return result;
}

/* Unlocking cannot fail. It has a name of its own, so that no rule for locking makes it fail. */
int flock(int file, int operation) {
  const char *name = name_of(file);
  if (!name) return (int)syscall(SYS_flock, file, operation);
  int result;
  struct decision decision = decide(operation & LOCK_UN ? "unlock" : "flock", name);
  MAKE(decision, result, (int)syscall(SYS_flock, file, operation));
  return result;
}

int fallocate(int file, int mode, off_t offset, off_t length) {
  const char *name = name_of(file);
  if (!name) return (int)syscall(SYS_fallocate, file, mode, offset, length);
  int result;
  struct decision decision = decide("fallocate", name);
  MAKE(decision, result, (int)syscall(SYS_fallocate, file, mode, offset, length));
  return result;
}
int fallocate64(int, int, off_t, off_t) __attribute__((alias("fallocate")));

int fchmod(int file, mode_t mode) {
  const char *name = name_of(file);
  if (!name) return (int)syscall(SYS_fchmod, file, mode);
  int result;
  struct decision decision = decide("fchmod", name);
  MAKE(decision, result, (int)syscall(SYS_fchmod, file, mode));
  return result;
}

int fstat(int file, struct stat *status) {
  const char *name = name_of(file);
  if (!name) return (int)syscall(SYS_fstat, file, status);
  int result;
  struct decision decision = decide("fstat", name);
  MAKE(decision, result, (int)syscall(SYS_fstat, file, status));
  return result;
}

int fstatat(int at, const char *restrict path, struct stat *restrict status, int flags) {
  const char *name = below(at, path);
  if (!name) return (int)syscall(SYS_newfstatat, at, path, status, flags);
  int result;
  struct decision decision = decide("fstatat", name);
  MAKE(decision, result, (int)syscall(SYS_newfstatat, at, path, status, flags));
  return result;
}

int statx(int at, const char *restrict path, int flags, unsigned mask, struct statx *restrict status) {
  const char *name = (flags & AT_EMPTY_PATH) && !*path ? name_of(at) : below(at, path);
  if (!name) return (int)syscall(SYS_statx, at, path, flags, mask, status);
  int result;
  struct decision decision = decide("statx", name);
  MAKE(decision, result, (int)syscall(SYS_statx, at, path, flags, mask, status));
  return result;
}

/* Does what below() does, also if the folder above was opened by a path that is not below the directory. */
static const char *below_opened(int at, const char *path, char room[static 4096]) {
  const char *name = below(at, path);
  if (name || !path || *path == '/' || at < 0) return name;
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", at);
  ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, room, 2048);
  if (length <= 0) return NULL;
  snprintf(room + length, 4096 - (size_t)length, "/%s", path);
  return below(AT_FDCWD, room);
}

int mkdirat(int at, const char *path, mode_t mode) {
  char room[4096];
  const char *name = below_opened(at, path, room);
  if (!name) return (int)syscall(SYS_mkdirat, at, path, mode);
  int result;
  struct decision decision = decide("mkdirat", name);
  MAKE(decision, result, (int)syscall(SYS_mkdirat, at, path, mode));
  return result;
}

/* The kernel's older call has no flags, so with flags this fails, and the library takes its other way. */
int fchmodat(int at, const char *path, mode_t mode, int flags) {
  if (!flags) return (int)syscall(SYS_fchmodat, at, path, mode);
  errno = EINVAL;
  return -1;
}

int chmod(const char *path, mode_t mode) {
  const char *name = below(AT_FDCWD, path);
  if (!name) return (int)syscall(SYS_fchmodat, AT_FDCWD, path, mode);
  int result;
  struct decision decision = decide("chmod", name);
  MAKE(decision, result, (int)syscall(SYS_fchmodat, AT_FDCWD, path, mode));
  return result;
}

int inotify_init1(int flags) {
  int result;
  struct decision decision = decide("inotify_init1", ".");
  MAKE(decision, result, (int)syscall(SYS_inotify_init1, flags));
  return result;
}

int inotify_add_watch(int file, const char *path, uint32_t mask) {
  int result;
  struct decision decision = decide("inotify_add_watch", ".");
  MAKE(decision, result, (int)syscall(SYS_inotify_add_watch, file, path, mask));
  return result;
}

int eventfd(unsigned count, int flags) {
  int result;
  struct decision decision = decide("eventfd", ".");
  MAKE(decision, result, (int)syscall(SYS_eventfd2, count, flags));
  return result;
}

int epoll_create1(int flags) {
  int result;
  struct decision decision = decide("epoll_create1", ".");
  MAKE(decision, result, (int)syscall(SYS_epoll_create1, flags));
  return result;
}

int epoll_ctl(int epoll, int operation, int file, struct epoll_event *event) {
  int result;
  struct decision decision = decide("epoll_ctl", ".");
  MAKE(decision, result, (int)syscall(SYS_epoll_ctl, epoll, operation, file, event));
  return result;
}

ssize_t getrandom(void *into, size_t count, unsigned flags) {
  ssize_t result;
  struct decision decision = decide("getrandom", ".");
  MAKE(decision, result, syscall(SYS_getrandom, into, count, flags));
  return result;
}

/* A sleep that is interrupted has not begun. */
int nanosleep(const struct timespec *time, struct timespec *rest) {
  if (time->tv_nsec < 0 || time->tv_nsec >= 1000000000) report("violation: the kernel refuses to sleep for %lld ns\n", (long long)time->tv_nsec);
  int result;
  struct decision decision = decide("nanosleep", ".");
  MAKE(decision, result, 0);
  if (result == 0) slept += time->tv_sec * 1000000000LL + time->tv_nsec;
  else if (rest) *rest = *time;
  return result;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = (int)syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && clock == CLOCK_MONOTONIC) {
    long long ns = time->tv_nsec + slept;
    time->tv_sec += ns / 1000000000;
    time->tv_nsec = ns % 1000000000;
  }
  return result;
}
