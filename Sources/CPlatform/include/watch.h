/* Linux' ways to learn of changes of files. Elsewhere each of these functions fails, so that a storage has no descriptor to wait for. */
#ifndef PLATFORM_WATCH_H
#define PLATFORM_WATCH_H

#if PLATFORM_IS_LINUX

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

/* Swift imports these as values of an unnamed enum's type. */
enum {
  PLATFORM_IN_NONBLOCK = IN_NONBLOCK,
  PLATFORM_IN_CLOEXEC = IN_CLOEXEC,
  PLATFORM_EFD_NONBLOCK = EFD_NONBLOCK,
  PLATFORM_EFD_CLOEXEC = EFD_CLOEXEC,
  PLATFORM_EPOLL_CLOEXEC = EPOLL_CLOEXEC
};

/* Makes `epoll` poll readable while `descriptor` does. struct epoll_event is packed, and has a union. */
static inline int platform_epoll_add(int epoll, int descriptor) {
  struct epoll_event event = {.events = EPOLLIN, .data = {.fd = descriptor}};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

#else

enum { PLATFORM_IN_NONBLOCK, PLATFORM_IN_CLOEXEC, PLATFORM_EFD_NONBLOCK, PLATFORM_EFD_CLOEXEC, PLATFORM_EPOLL_CLOEXEC };
enum {
  IN_MODIFY, IN_ATTRIB, IN_MOVE_SELF, IN_DELETE_SELF, IN_CREATE, IN_MOVED_TO, IN_DELETE, IN_MOVED_FROM,
  IN_ONLYDIR, IN_DONT_FOLLOW, IN_IGNORED, IN_Q_OVERFLOW
};
typedef uint64_t eventfd_t;

static inline int platform_missing(void) {
  errno = ENOSYS;
  return -1;
}
static inline int inotify_init1(int flags) { return (void)flags, platform_missing(); }
static inline int inotify_add_watch(int events, const char *path, uint32_t mask) {
  return (void)events, (void)path, (void)mask, platform_missing();
}
static inline int inotify_rm_watch(int events, int watch) { return (void)events, (void)watch, platform_missing(); }
static inline int eventfd(unsigned count, int flags) { return (void)count, (void)flags, platform_missing(); }
static inline int eventfd_read(int raised, eventfd_t *count) { return (void)raised, (void)count, platform_missing(); }
static inline int eventfd_write(int raised, eventfd_t count) { return (void)raised, (void)count, platform_missing(); }
static inline int epoll_create1(int flags) { return (void)flags, platform_missing(); }
static inline int platform_epoll_add(int epoll, int descriptor) { return (void)epoll, (void)descriptor, platform_missing(); }

#endif

#endif
