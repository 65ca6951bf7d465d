/* Log-out: any program can remove everything that is stored, in one step, and the other programs notice it.
 *
 *   logout login TOKEN | out | show | wait */
#include <lily_session.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

struct app { char token[64], theme[16]; lily_session_storage *storage; }; /* lily_session_clear() needs the storage */
static const struct app empty = { "", "light", NULL };

static int fail(void) { fprintf(stderr, "logout: %s\n", lily_session_last_error()); return 1; }
static int show(const struct app *app) { return printf("token %s, theme %s\n", app->token[0] ? app->token : "none", app->theme) < 0; }

/* A message is the words of the command line. */
static void *update(void *context, void *model, const void *message) {
  char *const *words = message;
  struct app *app = model;
  (void)context;
  if (!strcmp(words[0], "out")) {
    lily_session_storage *storage = app->storage;
    if (lily_session_clear(storage)) return NULL; /* nothing was removed, so refuse the message */
    *app = empty;                                 /* the library leaves the model alone */
    app->storage = storage;
    return app;
  }
  if (strlen(words[1]) >= sizeof app->token) return NULL;
  strcpy(app->token, words[1]);
  strcpy(app->theme, "dark");
  return app;
}

/* What every other program that shares the file does: its model says whether somebody has logged out. */
static int wait_for_logout(lily_session *session, const struct app *app, int fd) {
  show(app);
  while (app->token[0]) {
    struct pollfd changed = { fd, POLLIN, 0 };
    fflush(stdout);
    if (poll(&changed, 1, -1) < 0 || lily_session_refresh(session)) return fail();
  }
  puts("logged out by another");
  return show(app);
}

int main(int argc, char **argv) {
  const char *verb = argc > 1 ? argv[1] : "";
  const bool logs_in = !strcmp(verb, "login"), logs_out = !strcmp(verb, "out"), waits = !strcmp(verb, "wait");
  if (argc != (logs_in ? 3 : 2) || (!logs_in && !logs_out && !waits && strcmp(verb, "show")))
    return fputs("usage: logout login TOKEN | out | show | wait\n", stderr), 2;

  struct app app = empty;
  lily_session_field token = LILY_SESSION_FIELD_CHARS(struct app, token), theme = LILY_SESSION_FIELD_CHARS(struct app, theme);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime;
  lily_session *session;

  options.application = "logout";
  if (lily_session_storage_open(NULL, &options, &app.storage)) return fail();
  const int fd = waits ? lily_session_storage_fd(app.storage) : -1; /* made before attach reads the file */
  config.storage = app.storage;
  if (lily_session_field_add(fields, &token) || lily_session_field_add(fields, &theme)
      || lily_session_runtime_new(&app, update, NULL, &runtime)
      || lily_session_attach(runtime, fields, &config, &session)) return fail();

  int result = 0;
  if (waits) result = wait_for_logout(session, &app, fd);
  else if (logs_in || logs_out) result = lily_session_runtime_dispatch(runtime, argv + 1) || lily_session_flush(session) ? fail() : 0;
  else show(&app);

  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(app.storage);
  return result;
}
