/* Counts the system calls of an update. If nothing changes, it makes none. If something changes, it locks, looks, writes and
 * unlocks, and once in 64 KiB it calls fallocate for the reserve. If the storage is exclusive, it only writes.
 *
 *   calls FILE
 *
 * A child makes the updates and this process traces it, so that it sees every call.
 */
#define _GNU_SOURCE
#include "loops.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  TURNS = 3000,
  NUMBERS = 1024,
  MARK = 100000, /* a number that no system call has: it marks where the updates begin and end */
  NOT_ALLOWED = 77,
  NOT_MADE = 78
};

struct counts {
  long calls[NUMBERS];
  long total;
  long grown; /* how many bytes the updates added to the file */
};

static long size_of(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 ? (long)status.st_size : -1;
}

static void make_updates(const struct loop *loop, const char *path) {
  loop_begin(loop, path);
  long before = size_of(path);
  if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(NOT_ALLOWED);
  raise(SIGSTOP);
  syscall(MARK, 0);
  for (int turn = 0; turn < TURNS; turn++) loop_turn();
  syscall(MARK, size_of(path) - before);
  _exit(0);
}

/* Counts the calls between the two marks. Returns 0, NOT_MADE if the updates could not be made, or NOT_ALLOWED if tracing is
 * not allowed here. */
static int trace(pid_t child, struct counts *counts) {
  int status, marks = 0;
  waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) return WEXITSTATUS(status);
  ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  for (;;) {
    if (ptrace(PTRACE_SYSCALL, child, NULL, NULL) != 0 || waitpid(child, &status, 0) != child) return NOT_MADE;
    if (WIFEXITED(status)) return marks == 2 ? WEXITSTATUS(status) : NOT_MADE;
    if (!WIFSTOPPED(status)) return NOT_MADE;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) <= 0) return NOT_MADE;
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) continue;
    if (info.entry.nr == MARK) {
      marks++;
      counts->grown = (long)info.entry.args[0];
    } else if (marks == 1) {
      counts->total++;
      if (info.entry.nr < NUMBERS) counts->calls[info.entry.nr]++;
    }
  }
}

static int check(const struct loop *loop, const char *path) {
  struct counts counts = {{0}, 0, 0};
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) make_updates(loop, path);
  int result = child < 0 ? NOT_MADE : trace(child, &counts);
  if (result == NOT_ALLOWED) return printf("skipped %s: this system does not let one process trace another\n", loop->name), 0;
  if (result != 0) return printf("FAILED %s: the updates could not be made (%d)\n", loop->name, result), 1;
  counts.total--; /* without the look at the file's size at the end */
#ifdef SYS_newfstatat
  counts.calls[SYS_newfstatat]--;
#endif
  long *calls = counts.calls;
  long reserves = counts.grown / (64 << 10) + 1;
  long known = calls[SYS_flock] + calls[SYS_statx] + calls[SYS_write] + calls[SYS_fallocate];
  printf("       %s: in %d updates %ld flock, %ld statx, %ld write, %ld fallocate, %ld others; %ld bytes\n", loop->name, TURNS,
         calls[SYS_flock], calls[SYS_statx], calls[SYS_write], calls[SYS_fallocate], counts.total - known, counts.grown);
  if (loop->changed == 0) {
    if (counts.total != 0) return printf("FAILED %s: makes system calls\n", loop->name), 1;
  } else if ((loop->flags & LILY_SESSION_EXCLUSIVE) && calls[SYS_flock] + calls[SYS_statx] != 0) {
    return printf("FAILED %s: locks or looks\n", loop->name), 1;
  } else if (calls[SYS_flock] > 2 * TURNS || calls[SYS_statx] > TURNS || calls[SYS_write] != TURNS || calls[SYS_fallocate] > reserves ||
             counts.total != known || counts.grown <= 0) {
    return printf("FAILED %s: at most lock, statx, one write, unlock, and %ld times fallocate\n", loop->name, reserves), 1;
  }
  printf("ok     %s\n", loop->name);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  int failed = 0;
  for (size_t at = 0; at < loop_count; at++) {
    if (!loop_rewrites(&loops[at])) failed += check(&loops[at], argv[1]);
  }
  return failed > 0;
}
