/* Two programs that share a session: one shows, within milliseconds, what another sets.
 *
 *   theme watch [CHANGES [SECONDS]]   shows the theme, and each change of it; ends after so many, or so long
 *   theme set NAME
 *   theme reset                       removes what is stored: back to the default */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <lily_session.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct app {
  char theme[32];
  int64_t set_at; /* microseconds since 1970, to show how long the change took to arrive */
  int changes;    /* how often others changed the theme; not stored */
};

static int64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int fail(void) {
  fprintf(stderr, "theme: %s\n", lily_session_last_error());
  return 1;
}

/* The library has changed the model before it reports an event. */
static void on_event(void *context, const lily_session_event *event) {
  struct app *app = context;
  if (!event->key || strcmp(event->key, "theme")) return;
  switch (event->kind) {
    case LILY_SESSION_EVENT_CHANGED:
      printf("%s, set %.1f ms ago\n", app->theme, (double)(now_us() - app->set_at) / 1000);
      break;
    case LILY_SESSION_EVENT_REMOVED:
    case LILY_SESSION_EVENT_CLEARED: printf("%s again\n", app->theme); break;
    default: fprintf(stderr, "theme: %s\n", lily_session_status_name(event->status)); return;
  }
  app->changes++;
}

/* A program with an event loop would add the descriptor to those that it waits for. */
static int watch(lily_session *session, const struct app *app, int fd, int changes, int64_t seconds) {
  const int64_t end = now_us() + seconds * 1000000;
  printf("%s\n", app->theme);
  while (app->changes < changes) {
    struct pollfd changed = { fd, POLLIN, 0 };
    const int64_t left = (end - now_us()) / 1000;
    if (fflush(stdout)) return 1;
    if (left <= 0) return 0;
    if (poll(&changed, 1, (int)left) > 0 && lily_session_refresh(session)) return fail(); /* calls on_event */
  }
  return 0;
}

int main(int argc, char **argv) {
  const char *command = argc > 1 ? argv[1] : "";
  const bool watches = !strcmp(command, "watch") && argc <= 4;
  const bool sets = !strcmp(command, "set") && argc == 3 && strlen(argv[2]) < sizeof ((struct app *)0)->theme;
  const bool resets = !strcmp(command, "reset") && argc == 2;
  const int changes = watches && argc > 2 ? atoi(argv[2]) : 3, seconds = watches && argc > 3 ? atoi(argv[3]) : 60;
  if ((!watches && !sets && !resets) || changes < 0 || seconds < 0 || seconds > 86400) {
    fputs("usage: theme watch [CHANGES [SECONDS]] | set NAME | reset\n", stderr);
    return 2;
  }

  struct app app = { "light", 0, 0 };
  lily_session_field theme = LILY_SESSION_FIELD_CHARS(struct app, theme);
  lily_session_field set_at = LILY_SESSION_FIELD_INT64(struct app, set_at);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime = NULL;
  lily_session *session = NULL;
  int result = 0;

  options.application = "theme"; /* all name the same application, so they share a file */
  config.on_event = on_event;
  config.context = &app;
  if (lily_session_storage_open(NULL, &options, &config.storage)) return fail();
  /* It is made before attach reads the file, so that it misses no change. */
  const int fd = watches ? lily_session_storage_fd(config.storage) : -1;
  /* set_at comes first: fields are set in their order, and the event of the theme shows set_at. */
  if (lily_session_field_add(fields, &set_at) || lily_session_field_add(fields, &theme)
      || lily_session_runtime_new(&app, NULL, NULL, &runtime)
      || lily_session_attach(runtime, fields, &config, &session)) return fail();

  if (watches && fd < 0) {
    fputs("theme: the system gives no watch\n", stderr);
    result = 1;
  } else if (watches) {
    result = watch(session, &app, fd, changes, seconds);
  } else if (sets) {
    strcpy(app.theme, argv[2]);
    app.set_at = now_us();
    if (lily_session_persist(session)) result = fail(); /* both in one write, so nobody sees one without the other */
  } else if (lily_session_clear(config.storage)) {
    result = fail();
  }

  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  return result;
}
