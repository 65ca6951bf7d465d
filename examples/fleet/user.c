/* Counts the visits of a user, whichever machine they come to: user NAME. The sessions are in the Redis that LILY_SESSION_REDIS names. */
#include <lily_session_redis.h>
#include <stdio.h>

struct user { int64_t visits; };

static int fail(void) { fprintf(stderr, "user: %s\n", lily_session_last_error()); return 1; }

static lily_session_status add_one(void *context, const lily_session_value *stored, lily_session_value *out) {
  (void)context;
  out->type = LILY_SESSION_INT;
  out->as.integer = (stored ? stored->as.integer : 0) + 1;
  return LILY_SESSION_OK;
}

int main(int argc, char **argv) {
  const lily_session_field visits = LILY_SESSION_FIELD_INT64(struct user, visits);
  lily_session_redis_options options = LILY_SESSION_REDIS_OPTIONS_INIT;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  struct user user = { 0 };
  lily_session_storage *all = NULL;
  lily_session_runtime *runtime = NULL;
  lily_session *session;
  char scope[64];
  int failed = 0;

  snprintf(scope, sizeof scope, "user:%.50s", argc > 1 ? argv[1] : "ada");
  options.idle_ms = 30 * 60 * 1000; /* a user who stays away for half an hour is forgotten */
  if (lily_session_redis_open(&options, &all) || lily_session_storage_scoped(all, scope, &config.storage)
      || lily_session_field_add(fields, &visits) || lily_session_runtime_new(&user, NULL, NULL, &runtime)
      || lily_session_attach(runtime, fields, &config, &session)
      || lily_session_modify(session, "visits", add_one, NULL)) failed = fail();
  else printf("visit %d\n", (int)user.visits);

  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  lily_session_storage_close(all);
  return failed;
}
