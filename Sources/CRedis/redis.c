#define _GNU_SOURCE
#include "CRedis.h"

#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/un.h>

int redis_errno(void) { return errno; }

const char *redis_environment(const char *name) { return secure_getenv(name); }

const char *redis_error_text(int code) {
#ifdef __GLIBC__
  const char *known = strerrordesc_np(code);
  return known != NULL ? known : "unknown error";
#else
  return strerror(code);
#endif
}

int64_t redis_monotonic_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int redis_socket(int family) { return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

bool redis_receive_waits(int socket, int milliseconds) {
  struct timeval wait = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
  int flags = fcntl(socket, F_GETFL);
  /* The time comes first: without it a receive would wait for ever. */
  return setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 && flags >= 0 && fcntl(socket, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

int redis_connect_unix(int socket, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(address.sun_path, path, length + 1);
  return connect(socket, (const struct sockaddr *)&address, sizeof address);
}

void redis_send_at_once(int socket) {
  int on = 1;
  (void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int redis_resolve(const char *host, const char *port, int timeout_ms, struct addrinfo **out_addresses) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
  /* Without a host these are the addresses of this machine, which nobody needs to be asked for. */
  int code = getaddrinfo(strcmp(host, "localhost") == 0 ? NULL : host, port, &hints, out_addresses);
  if (code != EAI_NONAME) return code;
  hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
#ifdef __GLIBC__
  /* If the time is over, the C library's thread still uses the request. So it has memory of its own, which is then never freed. */
  struct request {
    struct gaicb wanted;
    struct addrinfo hints;
    char host[256], port[8];
  } *request = calloc(1, sizeof *request);
  if (request == NULL || strlen(host) >= sizeof request->host || strlen(port) >= sizeof request->port) {
    free(request);
    return request == NULL ? EAI_MEMORY : EAI_NONAME;
  }
  request->hints = hints;
  strcpy(request->host, host);
  strcpy(request->port, port);
  request->wanted = (struct gaicb){.ar_name = request->host, .ar_service = request->port, .ar_request = &request->hints};
  struct gaicb *list[] = {&request->wanted};
  code = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
  if (code == 0) {
    int64_t end = redis_monotonic_ms() + timeout_ms, left;
    while ((code = gai_error(&request->wanted)) == EAI_INPROGRESS && (left = end - redis_monotonic_ms()) > 0) {
      struct timespec wait = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
      (void)gai_suspend((const struct gaicb *const *)list, 1, &wait);
    }
    if (code == EAI_INPROGRESS) {
      if (gai_cancel(&request->wanted) != EAI_CANCELED) return EAI_AGAIN;
      code = EAI_AGAIN;
    } else if (code == 0) {
      *out_addresses = request->wanted.ar_result;
    }
  }
  free(request);
  return code;
#else
  (void)timeout_ms; /* this C library's resolver has its own limit */
  return getaddrinfo(host, port, &hints, out_addresses);
#endif
}

redis_lock *redis_lock_make(void) {
  redis_lock *lock = calloc(1, sizeof *lock);
  if (lock == NULL) return NULL;
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&lock->changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&lock->mutex, NULL);
  return lock;
}

void redis_lock_free(redis_lock *lock) {
  if (lock == NULL) return;
  pthread_cond_destroy(&lock->changed);
  pthread_mutex_destroy(&lock->mutex);
  free(lock);
}

void redis_lock_wait(redis_lock *lock, int64_t timeout_ms) {
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  int64_t nanoseconds = end.tv_nsec + timeout_ms % 1000 * 1000000;
  end.tv_sec += timeout_ms / 1000 + nanoseconds / 1000000000;
  end.tv_nsec = nanoseconds % 1000000000;
  (void)pthread_cond_timedwait(&lock->changed, &lock->mutex, &end);
}

bool redis_tls_at_least_1_2(SSL_CTX *context) { return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1; }

bool redis_tls_server_name(SSL *tls, const char *host) { return SSL_set_tlsext_host_name(tls, host) == 1; }

int redis_watch_make(int timer) {
  int watch = epoll_create1(EPOLL_CLOEXEC);
  if (watch >= 0) (void)redis_watch_add(watch, timer);
  return watch;
}

int redis_timer_make(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC); }

void redis_timer_set(int timer, int64_t after_ms) {
  struct itimerspec when = {.it_value = {.tv_sec = after_ms / 1000, .tv_nsec = after_ms % 1000 * 1000000}};
  (void)timerfd_settime(timer, 0, &when, NULL);
}

bool redis_watch_add(int watch, int socket) {
  struct epoll_event event = {.events = EPOLLIN, .data = {.fd = socket}};
  return epoll_ctl(watch, EPOLL_CTL_ADD, socket, &event) == 0;
}

void redis_watch_remove(int watch, int socket) { (void)epoll_ctl(watch, EPOLL_CTL_DEL, socket, NULL); }
