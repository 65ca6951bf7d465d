/* liblily_session_redis, on the empty server at $LILY_SESSION_TEST_REDIS. */
#include "server.h"

#include <lily_session_redis.h>
#include <stdio.h>
#include <stdlib.h>

/* Each case has a database of its own, so that nothing has to be removed. */
static int database;

void server_empty(void) { database++; }

lily_session_status server_open(const lily_session_storage_options *given, lily_session_storage **out_storage) {
  char url[300];
  lily_session_redis_options options = LILY_SESSION_REDIS_OPTIONS_INIT;
  snprintf(url, sizeof url, "%s/%d", getenv("LILY_SESSION_TEST_REDIS"), database);
  options.url = url;
  options.clock = given->clock;
  options.context = given->context;
  options.timeout_ms = 10000;
  return lily_session_redis_open(&options, out_storage);
}
