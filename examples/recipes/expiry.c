/* A token that expires an hour after its last use. The example has a clock of its own, so that nobody waits for the hour; a
 * program should leave options.clock alone. */
#include <inttypes.h>
#include <lily_session.h>
#include <stdio.h>
#include <string.h>

enum { MINUTE = 60 * 1000 };

struct app { char token[64]; };

static int64_t now = INT64_C(1800000000000); /* UTC, in ms since 1970 */
static int64_t clock_of_the_example(void *context) { (void)context; return now; }

static int fail(void) { fprintf(stderr, "expiry: %s\n", lily_session_last_error()); return 1; }

static void on_event(void *context, const lily_session_event *event) {
  (void)context;
  if (event->kind == LILY_SESSION_EVENT_EXPIRED) printf("%s has expired\n", event->key);
}

static void show(lily_session *session, const struct app *app) {
  const int64_t left = lily_session_next_expiry(session);
  printf("token %s, ", app->token[0] ? app->token : "none");
  if (left < 0) puts("and nothing will expire");
  else printf("%" PRId64 " minutes left\n", left / MINUTE);
}

int main(void) {
  struct app app = { "" };
  lily_session_field token = LILY_SESSION_FIELD_CHARS(struct app, token);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime;
  lily_session *session;

  token.expires_after_ms = 60 * MINUTE; /* after its last write or touch */
  options.application = "expiry";
  options.clock = clock_of_the_example;
  config.on_event = on_event;
  if (lily_session_storage_open(NULL, &options, &config.storage)
      || lily_session_field_add(fields, &token)
      || lily_session_runtime_new(&app, NULL, NULL, &runtime)
      || lily_session_attach(runtime, fields, &config, &session)) return fail();

  strcpy(app.token, "grace-7");
  if (lily_session_persist(session)) return fail();
  show(session, &app);

  now += 40 * MINUTE; /* the token is used: the same value is stored again, with a new deadline */
  show(session, &app);
  if (lily_session_touch(session, "token")) return fail();
  show(session, &app);

  now += lily_session_next_expiry(session); /* a program's loop would wait for this long */
  if (lily_session_refresh(session)) return fail();
  show(session, &app);

  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  return 0;
}
