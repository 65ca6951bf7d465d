/* A program whose folder may be missing, full or read-only. It says so, and goes on.
 *
 *   noplace [THEME] */
#include <lily_session.h>
#include <stdio.h>

struct app { int32_t visits; char theme[16]; };

static int fail(void) { fprintf(stderr, "noplace: %s\n", lily_session_last_error()); return 1; }

/* Opens a storage that can be written, else one that can be read, else one in memory, and says which. */
static lily_session_status open_some(lily_session_storage **out) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.application = "noplace";
  if (!lily_session_storage_open(NULL, &options, out)) return LILY_SESSION_OK;
  fail();
  options.flags = LILY_SESSION_READ_ONLY;
  if (!lily_session_storage_open(NULL, &options, out)) return puts("Changes are not saved: settings can only be read."), LILY_SESSION_OK;
  puts("Settings last until the program ends.");
  return lily_session_storage_open_memory(NULL, out);
}

int main(int argc, char **argv) {
  struct app app = { 0, "light" };
  const lily_session_field fields[] = { LILY_SESSION_FIELD_INT32(struct app, visits), LILY_SESSION_FIELD_CHARS(struct app, theme) };
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *list = lily_session_persistence_new();
  lily_session_runtime *runtime;
  lily_session *session;

  if (open_some(&config.storage) || lily_session_fields_add(list, fields, 2) || lily_session_runtime_new(&app, NULL, NULL, &runtime)
      || lily_session_attach(runtime, list, &config, &session)) return fail();

  app.visits++;
  if (argc > 1) snprintf(app.theme, sizeof app.theme, "%s", argv[1]);
  if (lily_session_persist(session)) { /* the model has the change, and the next persist tries again */
    fail();
    puts("This change is not saved.");
  }
  printf("visit %d, theme %s\n", (int)app.visits, app.theme);

  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(list);
  lily_session_storage_close(config.storage);
  return 0;
}
