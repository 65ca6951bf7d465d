/* A session in GLib's main loop: what another program changes, and what expires, is seen when it happens.
 *
 * It shares the file of examples/c/theme.c: `theme set dark` is the other program, and `theme set end` ends this one. To be built
 * with pkg-config's glib-2.0, too. */
#include <glib-unix.h>
#include <lily_session.h>
#include <string.h>

struct app {
  char theme[32], code[8]; /* a code that is good for a second */
  lily_session *session;
  GMainLoop *loop;
  guint timer;
};

static int fail(void) { g_printerr("loop_glib: %s\n", lily_session_last_error()); return 1; }

static void on_event(void *context, const lily_session_event *event) {
  const struct app *app = context;
  if (event->kind == LILY_SESSION_EVENT_EXPIRED) g_print("%s has expired\n", event->key);
  else if (!g_strcmp0(event->key, "theme")) g_print("theme %s\n", app->theme);
}

static gboolean on_timer(gpointer data);

static void refresh(struct app *app) {
  if (lily_session_refresh(app->session)) fail(); /* calls on_event; after a failure the next one tries again */
  if (!strcmp(app->theme, "end")) g_main_loop_quit(app->loop);

  const gint64 left = lily_session_next_expiry(app->session);
  g_clear_handle_id(&app->timer, g_source_remove);
  /* 0 is what could not be read just now: not again before a second. */
  if (left >= 0) app->timer = g_timeout_add((guint)CLAMP(left ? left : 1000, 1, G_MAXINT), on_timer, app);
}

static gboolean on_timer(gpointer data) {
  ((struct app *)data)->timer = 0; /* it goes with this call */
  refresh(data);
  return G_SOURCE_REMOVE;
}

static gboolean on_change(gint fd, GIOCondition condition, gpointer data) {
  (void)fd, (void)condition;
  refresh(data);
  return G_SOURCE_CONTINUE;
}

int main(void) {
  struct app app = { "light", "", NULL, NULL, 0 };
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
  const int fd = lily_session_storage_fd(config.storage); /* before the first look at the file: whatever comes after is told */
  if (fd < 0) return g_printerr("loop_glib: the system gives no watch\n"), 1;
  if (lily_session_field_add(fields, &theme) || lily_session_field_add(fields, &code)
      || lily_session_runtime_new(&app, NULL, NULL, &runtime)
      || lily_session_attach(runtime, fields, &config, &app.session)) return fail();

  strcpy(app.code, "4711");
  if (lily_session_persist(app.session)) return fail();
  g_print("theme %s, code %s\n", app.theme, app.code);

  app.loop = g_main_loop_new(NULL, FALSE);
  const guint watch = g_unix_fd_add(fd, G_IO_IN, on_change, &app);
  refresh(&app); /* sets the first timer */
  g_main_loop_run(app.loop);

  g_source_remove(watch); /* the descriptor is the storage's */
  g_clear_handle_id(&app.timer, g_source_remove);
  g_main_loop_unref(app.loop);
  lily_session_detach(app.session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  return 0;
}
