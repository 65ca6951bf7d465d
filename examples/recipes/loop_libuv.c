/* A session in libuv's loop: the program notices at once what another program changes, and what expires.
 *
 * It shares the file of examples/c/theme.c: `theme set dark` is the other program, and `theme set end` ends this one. Building it
 * also needs pkg-config's libuv. */
#include <lily_session.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

struct app {
  char theme[32], code[8]; /* the code expires after a second */
  lily_session *session;
  uv_poll_t watch;
  uv_timer_t timer;
};

static int fail(void) { fprintf(stderr, "loop_libuv: %s\n", lily_session_last_error()); return 1; }

static void say(const char *what, const char *more) {
  printf("%s %s\n", what, more);
  fflush(stdout);
}

static void on_event(void *context, const lily_session_event *event) {
  const struct app *app = context;
  if (event->kind == LILY_SESSION_EVENT_EXPIRED) say(event->key, "has expired");
  else if (event->key && !strcmp(event->key, "theme")) say("theme", app->theme);
}

static void on_timer(uv_timer_t *timer);
static void on_change(uv_poll_t *watch, int status, int events);

static void refresh(struct app *app) {
  const bool failed = lily_session_refresh(app->session) != LILY_SESSION_OK; /* calls on_event */
  if (failed) fail();
  if (!strcmp(app->theme, "end")) {
    uv_close((uv_handle_t *)&app->watch, NULL); /* the storage still owns the descriptor */
    uv_close((uv_handle_t *)&app->timer, NULL);
    return;
  }
  /* After a failure the descriptor may stay readable, so wait a second before the next try. */
  const int64_t left = failed ? 1000 : lily_session_next_expiry(app->session);
  if (failed) uv_poll_stop(&app->watch);
  else uv_poll_start(&app->watch, UV_READABLE, on_change);
  if (left < 0) uv_timer_stop(&app->timer);
  else uv_timer_start(&app->timer, on_timer, (uint64_t)left, 0);
}

static void on_timer(uv_timer_t *timer) { refresh(timer->data); }

static void on_change(uv_poll_t *watch, int status, int events) {
  (void)status, (void)events;
  refresh(watch->data);
}

int main(void) {
  struct app app = { .theme = "light" };
  uv_loop_t *loop = uv_default_loop();
  lily_session_field theme = LILY_SESSION_FIELD_CHARS(struct app, theme), code = LILY_SESSION_FIELD_CHARS(struct app, code);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime;

  code.expires_after_ms = 1000;
  options.application = "theme";
  config.on_event = on_event;
  config.context = &app;
  if (lily_session_storage_open(NULL, &options, &config.storage)) return fail();
  const int fd = lily_session_storage_fd(config.storage); /* made before attach reads the file, so that it misses no change */
  if (fd < 0) return fputs("loop_libuv: the system gives no watch\n", stderr), 1;
  if (lily_session_field_add(fields, &theme) || lily_session_field_add(fields, &code)
      || lily_session_runtime_new(&app, NULL, NULL, &runtime)
      || lily_session_attach(runtime, fields, &config, &app.session)) return fail();

  strcpy(app.code, "4711");
  if (lily_session_persist(app.session)) return fail();
  printf("theme %s, ", app.theme);
  say("code", app.code);

  app.watch.data = app.timer.data = &app;
  if (uv_timer_init(loop, &app.timer) || uv_poll_init(loop, &app.watch, fd)) return fputs("loop_libuv: no loop\n", stderr), 1;
  refresh(&app); /* begins to wait */
  uv_run(loop, UV_RUN_DEFAULT);

  uv_loop_close(loop);
  lily_session_detach(app.session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  return 0;
}
