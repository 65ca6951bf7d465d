/* A session in GLib's main loop: the program notices at once what another program changes, and what expires.
 *
 * It shares the file of examples/c/theme.c: `theme set dark` is the other program, and `theme set end` ends this one. Building it
 * also needs pkg-config's glib-2.0. */
#include <glib-unix.h>
#include <lily_session.h>
#include <string.h>

struct app {
  char theme[32], code[8]; /* the code expires after a second */
  lily_session *session;
  GMainLoop *loop;
  int fd;
  guint watch, timer;
};

static int fail(void) { g_printerr("loop_glib: %s\n", lily_session_last_error()); return 1; }

static void on_event(void *context, const lily_session_event *event) {
  const struct app *app = context;
  if (event->kind == LILY_SESSION_EVENT_EXPIRED) g_print("%s has expired\n", event->key);
  else if (!g_strcmp0(event->key, "theme")) g_print("theme %s\n", app->theme);
}

static gboolean on_timer(gpointer data);
static gboolean on_change(gint fd, GIOCondition condition, gpointer data);

static void refresh(struct app *app) {
  const gboolean failed = lily_session_refresh(app->session) != LILY_SESSION_OK; /* calls on_event */
  if (failed) fail();
  if (!strcmp(app->theme, "end")) g_main_loop_quit(app->loop);

  /* After a failure the descriptor may stay readable, so wait a second before the next try. */
  const gint64 left = failed ? 1000 : lily_session_next_expiry(app->session);
  if (!failed) app->watch = g_unix_fd_add(app->fd, G_IO_IN, on_change, app);
  if (left >= 0) app->timer = g_timeout_add((guint)MIN(left, G_MAXINT), on_timer, app);
}

/* The first of the two to fire ends both. */
static gboolean look(struct app *app, guint *ended, guint *other) {
  *ended = 0; /* GLib removes it when this call returns */
  g_clear_handle_id(other, g_source_remove);
  refresh(app);
  return G_SOURCE_REMOVE;
}

static gboolean on_timer(gpointer data) {
  struct app *app = data;
  return look(app, &app->timer, &app->watch);
}

static gboolean on_change(gint fd, GIOCondition condition, gpointer data) {
  struct app *app = data;
  (void)fd, (void)condition;
  return look(app, &app->watch, &app->timer);
}

int main(void) {
  struct app app = { .theme = "light" };
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
  app.fd = lily_session_storage_fd(config.storage); /* made before attach reads the file, so that it misses no change */
  if (app.fd < 0) return g_printerr("loop_glib: the system gives no watch\n"), 1;
  if (lily_session_field_add(fields, &theme) || lily_session_field_add(fields, &code)
      || lily_session_runtime_new(&app, NULL, NULL, &runtime)
      || lily_session_attach(runtime, fields, &config, &app.session)) return fail();

  strcpy(app.code, "4711");
  if (lily_session_persist(app.session)) return fail();
  g_print("theme %s, code %s\n", app.theme, app.code);

  app.loop = g_main_loop_new(NULL, FALSE);
  refresh(&app); /* begins to wait */
  g_main_loop_run(app.loop);

  g_clear_handle_id(&app.watch, g_source_remove); /* the storage still owns the descriptor */
  g_clear_handle_id(&app.timer, g_source_remove);
  g_main_loop_unref(app.loop);
  lily_session_detach(app.session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  return 0;
}
