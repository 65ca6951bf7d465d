/** @file
 * Keeps sessions in Redis or Valkey, for programs on several machines.
 *
 * This is a library of its own, liblily_session_redis. It opens a storage that is used
 * with all functions of lily_session.h. Redis 7.0 or newer, or Valkey, is needed.
 * docs/guides/fleet.md says how the server is set up, and what each failure looks
 * like. */
#ifndef LILY_SESSION_REDIS_H
#define LILY_SESSION_REDIS_H

#include "lily_session.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @defgroup redis Redis
 * A storage on a server of Redis or Valkey. This is the header of liblily_session_redis, a library of its own.
 * @{ */

/** The bits of lily_session_redis_options::flags. */
enum lily_session_redis_flags {
  /** Opening succeeds although no server can be reached. Calls return IO until one can. */
  LILY_SESSION_REDIS_LAZY = 1
};

/** How sessions in Redis are kept. Zero means the default of each member. */
typedef struct lily_session_redis_options {
  size_t size;                 /**< sizeof(lily_session_redis_options) */
  const char *url;             /**< where the server is; see lily_session_redis_open(). NULL: $LILY_SESSION_REDIS, or redis://127.0.0.1:6379 if that is not set */
  int64_t timeout_ms;          /**< how long one call may wait, in ms, connecting included; 0: 1000 */
  int64_t idle_ms;             /**< a scope is removed this many ms after it was last written or touched, unless an entry in it has a later deadline
                                    of its own; 0: 30 days, -1: never */
  int32_t durability;          /**< a ::lily_session_durability */
  int32_t replicas;            /**< how many replicas must have a write before it counts; 0: none */
  int32_t flags;               /**< the bits of ::lily_session_redis_flags, or 0 */
  lily_session_clock_fn clock; /**< judges expiry; NULL: the system's clock */
  void *context;               /**< passed to clock; must outlive the storage */
  const char *ca_file;          /**< the certificates that are trusted, as PEM; NULL: those of the system */
  const char *certificate_file; /**< the certificate of this program, as PEM; NULL: none */
  const char *key_file;         /**< the key of that certificate, as PEM; NULL: it is in certificate_file */
} lily_session_redis_options;

/** Every option at its default. */
#define LILY_SESSION_REDIS_OPTIONS_INIT { sizeof(lily_session_redis_options), NULL, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL }

/** Opens a storage on a server. It is used, and closed, as any other storage. Any
 * thread may use it. Several programs may share one place: a clear by one removes
 * what the others would write later.
 *
 * The address has one of these forms, in which `%40` and the like stand for
 * characters that the form cannot have:
 *
 *     redis://[user[:password]@]host[:port][/database]
 *     rediss://…                                        the same, by TLS
 *     unix://[user[:password]@]/path[?database=n]
 *     redis+sentinel://[user[:password]@]host[:port],…/name[/database]
 *     redis+cluster://[user[:password]@]host[:port],…
 *
 * `rediss+sentinel` and `rediss+cluster` use TLS. The name is that of the primary
 * among the Sentinels. `redis://:password@host` has a password without a user.
 *
 * No call waits longer than timeout_ms. While the server is down, a call fails within 1 ms
 * of being made, and from time to time one tries to connect again. An update
 * that fails stays with the session, which stores it later.
 *
 * If the server deletes sessions when its memory is full (its maxmemory-policy is not
 * noeviction), the first attach to the storage reports that by an event NOTICE with status
 * NOT_DURABLE, unless the user may not ask for it.
 *
 * @param options      read during the call; NULL: the defaults
 * @param out_storage  becomes the storage, or NULL on failure
 * @return INVALID_ARGUMENT: an option or the address is wrong, or a certificate cannot be
 *         used; IO: no server can be reached, or it is not one; PERMISSION: the password
 *         is wrong, or the user has too few rights; UNSUPPORTED: the server is too old;
 *         BUSY: it has not loaded its data yet
 * @since 0.1 */
lily_session_status lily_session_redis_open(const lily_session_redis_options *options, lily_session_storage **out_storage);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
