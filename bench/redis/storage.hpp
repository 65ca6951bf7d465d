// The library's storage on the server.
#pragma once
#include "../session.hpp"
#include "server.hpp"

#include <lily_session_redis.h>

inline lily_session_storage *open_redis(int64_t timeout_ms = 0) {
  std::string url = server().url();
  lily_session_redis_options options = LILY_SESSION_REDIS_OPTIONS_INIT;
  options.url = url.c_str();
  options.timeout_ms = timeout_ms;
  lily_session_storage *storage;
  if (lily_session_redis_open(&options, &storage) != LILY_SESSION_OK) fail(lily_session_last_error());
  return storage;
}

inline lily_session_storage *open_scope(lily_session_storage *parent, const std::string &name) {
  lily_session_storage *scope;
  REQUIRE(lily_session_storage_scoped(parent, name.c_str(), &scope) == LILY_SESSION_OK);
  return scope;
}
