/* The session of one user of a server, which machines share through Redis or Valkey.
 *
 *   redis USER [THEME | logout]
 *
 * The server is at $LILY_SESSION_REDIS, or on this machine. It must also be linked with -llily_session_redis. */
#include <lily_session_redis.h>
#include <stdio.h>
#include <string.h>

struct user { int32_t visits; char theme[16]; };

static lily_session_status add_one(void *context, const lily_session_value *stored, lily_session_value *out) {
  (void)context;
  out->type = LILY_SESSION_INT;
  out->as.integer = (stored ? stored->as.integer : 0) + 1;
  return LILY_SESSION_OK;
}

static int fail(void) { fprintf(stderr, "redis: %s\n", lily_session_last_error()); return 1; }

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3) { fputs("usage: redis USER [THEME | logout]\n", stderr); return 2; }

  lily_session_redis_options options = LILY_SESSION_REDIS_OPTIONS_INIT;
  lily_session_storage *all;
  options.timeout_ms = 500; /* no call of this program waits longer */
  if (lily_session_redis_open(&options, &all)) return fail();

  struct user user = { 0, "light" };
  lily_session_field visits = LILY_SESSION_FIELD_INT32(struct user, visits);
  lily_session_field theme = LILY_SESSION_FIELD_CHARS(struct user, theme);
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime;
  lily_session *session;
  if (lily_session_field_add(fields, &visits) || lily_session_field_add(fields, &theme)
      || lily_session_storage_scoped(all, argv[1], &config.storage)
      || lily_session_runtime_new(&user, NULL, NULL, &runtime)
      || lily_session_attach(runtime, fields, &config, &session)) return fail();

  if (argc > 2 && !strcmp(argv[2], "logout")) {
    if (lily_session_clear(config.storage)) return fail(); /* on all machines */
  } else {
    if (argc > 2) snprintf(user.theme, sizeof user.theme, "%s", argv[2]);
    if (lily_session_modify(session, "visits", add_one, NULL)) return fail(); /* stores the theme, and counts the visit */
    printf("visit %d, theme %s\n", (int)user.visits, user.theme);
  }

  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  lily_session_storage_close(all);
  return 0;
}
