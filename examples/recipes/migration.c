/* Two releases of one program. The old one stored the zoom in percent, such as 150, and a `colour`. The new one stores a zoom such
 * as 1.5, and calls the colour `theme`.
 *
 *   migration old | new [ZOOM COLOUR] */
#include <lily_session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(void) { fprintf(stderr, "migration: %s\n", lily_session_last_error()); return 1; }

static void on_event(void *context, const lily_session_event *event) {
  (void)context;
  printf("%s: %s\n", event->key, lily_session_status_name(event->status));
}

/* Attaches, changes the model if there are words, and shows it. The persist also stores what was migrated. */
static int run(void *model, lily_session_field fields[2], double *zoom, char *colour, char *const *words) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *list = lily_session_persistence_new();
  lily_session_runtime *runtime;
  lily_session *session;

  options.application = "migration";
  config.on_event = on_event;
  if (lily_session_storage_open(NULL, &options, &config.storage)
      || lily_session_field_add(list, &fields[0]) || lily_session_field_add(list, &fields[1])
      || lily_session_runtime_new(model, NULL, NULL, &runtime)
      || lily_session_attach(runtime, list, &config, &session)) return fail();

  if (words[0]) {
    *zoom = strtod(words[0], NULL);
    strcpy(colour, words[1]);
  }
  if (lily_session_persist(session)) return fail();
  printf("zoom %g, %s\n", *zoom, colour);

  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(list);
  lily_session_storage_close(config.storage);
  return 0;
}

/* ---- the old release */

struct old_app { double zoom; char colour[16]; };

static int run_old(char *const *words) {
  struct old_app app = { 100, "white" };
  lily_session_field fields[] = { LILY_SESSION_FIELD_DOUBLE(struct old_app, zoom), LILY_SESSION_FIELD_CHARS(struct old_app, colour) };
  return run(&app, fields, &app.zoom, app.colour, words);
}

/* ---- the new one */

struct new_app { double zoom; char theme[16]; };

/* `stored` is JSON text of an older version. The field is set to what this makes of it. */
static lily_session_status migrate_zoom(void *context, uint32_t stored_version, const lily_session_value *stored,
                                        lily_session_value *out) {
  char *end;
  const double percent = strtod(stored->as.text.bytes, &end);
  (void)context;
  if (stored_version != 0 || *end || percent <= 0) return LILY_SESSION_ERROR_DECODE; /* the stored value stays */
  out->type = LILY_SESSION_REAL;
  out->as.real = percent / 100;
  return LILY_SESSION_OK;
}

static int run_new(char *const *words) {
  static const char *const former_keys[] = { "colour", NULL };
  struct new_app app = { 1, "white" };
  lily_session_field fields[] = { LILY_SESSION_FIELD_DOUBLE(struct new_app, zoom),
                                  LILY_SESSION_FIELD_CHARS(struct new_app, theme) };
  fields[0].version = 1; /* of the value's shape, not of the program */
  fields[0].migrate = migrate_zoom;
  fields[1].former_keys = former_keys;
  return run(&app, fields, &app.zoom, app.theme, words);
}

int main(int argc, char **argv) {
  const char *release = argc > 1 ? argv[1] : "";
  if ((argc != 2 && argc != 4) || (argc == 4 && strlen(argv[3]) > 15) || (strcmp(release, "old") && strcmp(release, "new")))
    return fputs("usage: migration old | new [ZOOM COLOUR]\n", stderr), 2;
  return strcmp(release, "old") ? run_new(argv + 2) : run_old(argv + 2);
}
