/** @file
 * Opens storages on Redis or Valkey in C++; see lily_session_redis.h. A program that
 * includes this is linked with liblily_session_redis, too. */
#ifndef LILY_SESSION_REDIS_HPP
#define LILY_SESSION_REDIS_HPP

#include <lily_session.hpp>
#include <lily_session_redis.h>

namespace lily {

inline storage storage::redis(const lily_session_redis_options &options) {
  lily_session_storage *opened = nullptr;
  detail::call under_way;
  const lily_session_status code = lily_session_redis_open(&options, &opened);
  storage result(opened, nullptr);
  under_way.finish(code);
  return result;
}

inline storage storage::redis(const detail::c_string &url) {
  lily_session_redis_options options = LILY_SESSION_REDIS_OPTIONS_INIT;
  options.url = url.get();
  return redis(options);
}

} // namespace lily

#endif
