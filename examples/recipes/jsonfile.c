/* A program that kept its settings in ~/.jsonfile.json, and now keeps them in a session. Building it also needs pkg-config's jansson.
 *
 *   jsonfile [VOLUME]     shows the settings, after it has changed the volume */
#include <jansson.h>
#include <lily_session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct app { int32_t volume; char theme[16]; };

static int fail(void) { fprintf(stderr, "jsonfile: %s\n", lily_session_last_error()); return 1; }

/* Gives the text that the context is, unless the key has a value. */
static lily_session_status if_absent(void *context, const lily_session_value *stored, lily_session_value *out) {
  if (stored) return LILY_SESSION_ERROR_DUPLICATE_KEY; /* which changes nothing */
  out->type = LILY_SESSION_JSON;
  out->as.text.bytes = context;
  out->as.text.length = strlen(context);
  return LILY_SESSION_OK;
}

/* Stores each member of an object under the prefix and its name. */
static lily_session_status import(lily_session_storage *storage, const char *prefix, json_t *object) {
  lily_session_status status = LILY_SESSION_OK;
  json_t *value;
  const char *name;
  json_object_foreach(object, name, value) {
    char key[1025], *text = json_dumps(value, JSON_ENCODE_ANY);
    snprintf(key, sizeof key, "%s%s", prefix, name);
    const lily_session_status failure = lily_session_storage_modify(storage, key, if_absent, text);
    if (failure && failure != LILY_SESSION_ERROR_DUPLICATE_KEY && !status) status = failure;
    free(text);
  }
  return status;
}

/* Stores each member of the old file as the field of that name, and each member of `lines`, a line for each document, as an entry of a map. */
static lily_session_status import_file(lily_session_storage *storage, const char *path) {
  json_t *old = json_load_file(path, 0, NULL); /* NULL: there is no file, or it is not JSON */
  lily_session_status status = import(storage, "lily_session_lines/", json_object_get(old, "lines"));
  json_object_del(old, "lines");
  if (!status) status = import(storage, "lily_session_", old);
  json_decref(old);
  return status;
}

int main(int argc, char **argv) {
  struct app app = { 50, "light" };
  const lily_session_field fields[] = { LILY_SESSION_FIELD_INT32(struct app, volume), LILY_SESSION_FIELD_CHARS(struct app, theme) };
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage;
  lily_session *session;
  char path[4096];

  options.application = "jsonfile";
  snprintf(path, sizeof path, "%s/.jsonfile.json", getenv("HOME"));
  if (lily_session_storage_open(NULL, &options, &storage) || import_file(storage, path)) return fail();
  if (lily_session_open("jsonfile", &app, fields, 2, &session)) return fail();

  if (argc > 1) sscanf(argv[1], "%d", &app.volume);
  if (lily_session_persist(session)) return fail();
  printf("volume %d, theme %s\n", (int)app.volume, app.theme);

  lily_session_close(session);
  lily_session_storage_close(storage);
  return 0;
}
