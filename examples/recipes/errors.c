/* What can go wrong, and what a program tells its user. The quota is small, so that something does go wrong.
 *
 *   errors show | note TEXT | raw KEY JSON     raw stores any JSON under any key */
#include <lily_session.h>
#include <stdio.h>
#include <string.h>

struct app { char note[256]; int32_t size; };

/* For the log: the name of the status, and the key. It contains no values. */
static int fail(void) { fprintf(stderr, "errors: %s\n", lily_session_last_error()); return 1; }

/* For the user. */
static const char *advice(lily_session_status status) {
  switch (status) {
    case LILY_SESSION_ERROR_NO_SPACE: return "the disk is full";
    case LILY_SESSION_ERROR_QUOTA: return "it is too long";
    case LILY_SESSION_ERROR_PERMISSION: return "the file may not be written";
    case LILY_SESSION_ERROR_BUSY: return "another program is busy with the file";
    default: return lily_session_status_name(status);
  }
}

static void on_event(void *context, const lily_session_event *event) {
  (void)context;
  switch (event->kind) {
    case LILY_SESSION_EVENT_WRITE_FAILED: /* the model has the change, but the file does not yet */
      printf("The %s is not saved yet: %s.\n", event->key, advice(event->status));
      break;
    case LILY_SESSION_EVENT_REJECTED: /* the stored value stays until the field changes */
      printf("What was stored as %s is not understood, and left as it is.\n", event->key);
      break;
    case LILY_SESSION_EVENT_NEWER:
      printf("A newer release of this program has stored %s, which is left as it is.\n", event->key);
      break;
    case LILY_SESSION_EVENT_DAMAGED: /* the other lines are used */
      puts("The file was damaged. What can be read is here.");
      break;
    default: /* for the log */
      printf("event %d of %s: %s\n", (int)event->kind, event->key ? event->key : "the store", lily_session_status_name(event->status));
  }
}

static const char *state_of(lily_session *session, const char *key) {
  static const char *const names[] = { "absent", "loaded", "rejected", "expired", "migrated", "newer" };
  int32_t state;
  if (lily_session_field_state(session, key, &state)) return "no such field";
  return state & LILY_SESSION_STATE_DIRTY ? "not stored yet" : names[state];
}

static void show(lily_session *session, const struct app *app) {
  printf("note \"%s\" (%s), size %d (%s)\n", app->note, state_of(session, "note"), (int)app->size, state_of(session, "size"));
}

int main(int argc, char **argv) {
  const char *verb = argc > 1 ? argv[1] : "";
  if (argc != (!strcmp(verb, "show") ? 2 : !strcmp(verb, "note") ? 3 : !strcmp(verb, "raw") ? 4 : 0))
    return fputs("usage: errors show | note TEXT | raw KEY JSON\n", stderr), 2;

  struct app app = { "", 12 };
  lily_session_field note = LILY_SESSION_FIELD_CHARS(struct app, note), size = LILY_SESSION_FIELD_INT32(struct app, size);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime;
  lily_session *session;

  options.application = "errors";
  options.quota_bytes = 80;
  config.on_event = on_event;
  if (lily_session_storage_open(NULL, &options, &config.storage)) return fail();
  if (!strcmp(verb, "raw")) {
    const lily_session_status status = lily_session_storage_set(config.storage, argv[2], argv[3], strlen(argv[3]), 0);
    const int result = status ? fail() : 0;
    lily_session_persistence_free(fields);
    lily_session_storage_close(config.storage);
    return result;
  }
  if (lily_session_field_add(fields, &note) || lily_session_field_add(fields, &size)
      || lily_session_runtime_new(&app, NULL, NULL, &runtime)
      || lily_session_attach(runtime, fields, &config, &session)) return fail();

  if (argc > 2) snprintf(app.note, sizeof app.note, "%s", argv[2]);
  int failed = lily_session_persist(session) ? fail() : 0; /* the first failure; the events have reported each */
  show(session, &app);
  if (failed) {
    app.note[20] = '\0'; /* the program decides what to do; the next persist tries again */
    failed = lily_session_persist(session) ? fail() : 0;
    show(session, &app);
  }

  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  return failed;
}
