/* What the library for Redis needs of C: hiredis, OpenSSL, and the few things that Swift cannot use directly, each with the reason. */
#ifndef CREDIS_H
#define CREDIS_H

#include <errno.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* errno is a macro. */
int redis_errno(void);

/* secure_getenv is declared only under _GNU_SOURCE, which a module's headers cannot ask for. */
const char *redis_environment(const char *name);

/* Returns a copy of the text of an errno, in English if the C library lets us choose. strerror_r has another type in each C library. */
const char *redis_error_text(int code);

/* Returns milliseconds of a clock that is never set. clockid_t is a macro's value in some C libraries. */
int64_t redis_monotonic_ms(void);

/* Makes a socket that does not block, and is closed by exec. Returns -1 and sets errno on failure. SOCK_STREAM is of an unnamed enum's type. */
int redis_socket(int family);

/* Lets a receive from a socket wait for so many milliseconds, unless MSG_DONTWAIT says otherwise. Returns false if that cannot be. fcntl has a
   variable number of arguments. */
bool redis_receive_waits(int socket, int milliseconds);

/* Begins to connect to a socket in the file system. sun_path is an array, which Swift sees as a tuple. */
int redis_connect_unix(int socket, const char *path);

/* Switches Nagle's algorithm off, so that a small command is sent at once. IPPROTO_TCP is of an unnamed enum's type. */
void redis_send_at_once(int socket);

/* Finds the addresses of a host, for freeaddrinfo, within so many milliseconds. Returns 0, or an error of getaddrinfo, EAI_AGAIN if the time is
   over. getaddrinfo itself has no limit; getaddrinfo_a, which has one, is declared only under _GNU_SOURCE, and only by glibc. */
int redis_resolve(const char *host, const char *port, int timeout_ms, struct addrinfo **out_addresses);

/* Makes a reader whose replies have no more than REDIS_MOST_ELEMENTS elements in all, and are freed by redis_reply_free. A reader of hiredis takes
   memory for as many as the peer names. The type of the number of elements differs between its versions. */
enum { REDIS_MOST_ELEMENTS = 4 << 20 };
redisReader *redis_reader_make(void);
void redis_reply_free(void *reply);
/* Lets the next reply have as many elements again. */
void redis_reader_expect(redisReader *reader);
/* Returns false if what waits in the reader can be no part of a reply that a server gives: a line without an end, or a string longer than any
   value. hiredis would wait for the end of both. */
bool redis_reader_is_sane(const redisReader *reader);
void redis_reader_free(redisReader *reader);

/* A mutex, and a condition that is waited for by the monotonic clock. */
typedef struct redis_lock {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
} redis_lock;
redis_lock *redis_lock_make(void);
void redis_lock_free(redis_lock *lock);
/* Waits until the condition is signalled, for so many milliseconds at most. */
void redis_lock_wait(redis_lock *lock, int64_t timeout_ms);

/* Sets what a TLS connection must have. These are macros. */
bool redis_tls_at_least_1_2(SSL_CTX *context);
bool redis_tls_server_name(SSL *tls, const char *host);

/* A descriptor that polls readable while one of two sources does: a socket, and a timer. struct epoll_event is packed, and the flags are of unnamed enums'
   types. */
int redis_watch_make(int timer);
int redis_timer_make(void);
/* Makes the timer readable after so many milliseconds, which must be at least 1, or no more, if 0. */
void redis_timer_set(int timer, int64_t after_ms);
bool redis_watch_add(int watch, int socket);
void redis_watch_remove(int watch, int socket);

#endif
