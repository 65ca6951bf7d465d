/* What an editor remembers of each document, in a map whose ids are the paths, beside the settings of the program.
 *
 *   documents FILE [LINE [ZOOM]]     shows where FILE was left, or leaves it at LINE
 *   documents moved OLD NEW          follows a document that has been moved */
#define _XOPEN_SOURCE 700
#include <lily_session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct document { struct document *next; char *path; int32_t line; };
struct app { double zoom; struct document *documents; };

static int fail(void) { fprintf(stderr, "documents: %s\n", lily_session_last_error()); return 1; }

/* Returns the place of the pointer to the document, or of the NULL at the end if there is none of this path. */
static struct document **find(struct app *app, const char *path) {
  struct document **at = &app->documents;
  while (*at && strcmp((*at)->path, path)) at = &(*at)->next;
  return at;
}

static struct document *find_or_add(struct app *app, const char *path) {
  struct document **at = find(app, path);
  if (*at) return *at;
  struct document *added = calloc(1, sizeof *added);
  if (!added || !(added->path = strdup(path))) abort();
  added->line = 1;
  return *at = added;
}

static void forget(struct app *app, const char *path) {
  struct document **at = find(app, path), *document = *at;
  if (!document) return;
  *at = document->next;
  free(document->path);
  free(document);
}

static lily_session_status each_document(void *context, const void *model, lily_session_map_visit_fn visit, void *visitor) {
  (void)context;
  for (const struct document *document = ((const struct app *)model)->documents; document; document = document->next) {
    const lily_session_value line = { .type = LILY_SESSION_INT, .as.integer = document->line };
    visit(visitor, document->path, &line);
  }
  return LILY_SESSION_OK;
}

static lily_session_status set_document(void *context, void *model, const char *path, const lily_session_value *line) {
  (void)context;
  if (!line) return forget(model, path), LILY_SESSION_OK; /* it has expired, or another window has forgotten it */
  if (line->as.integer < 1 || line->as.integer > INT32_MAX) return LILY_SESSION_ERROR_DECODE;
  find_or_add(model, path)->line = (int32_t)line->as.integer;
  return LILY_SESSION_OK;
}

int main(int argc, char **argv) {
  struct app app = { 1, NULL };
  const bool moved = argc == 4 && !strcmp(argv[1], "moved");
  char *path = argc < 2 || argc > 4 ? NULL : realpath(argv[moved ? 3 : 1], NULL), key[4200];
  if (!path) return fputs("usage: documents FILE [LINE [ZOOM]] | moved OLD NEW\n", stderr), 2;

  const lily_session_field zoom = LILY_SESSION_FIELD_DOUBLE(struct app, zoom);
  lily_session_map documents = LILY_SESSION_MAP_INIT;
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime;
  lily_session *session;

  documents.prefix = "document/";
  documents.types = LILY_SESSION_INT;
  documents.each = each_document;
  documents.set = set_document;
  documents.expires_after_ms = INT64_C(90) * 24 * 3600 * 1000; /* a document that nobody opens for so long is forgotten */
  options.application = "documents";
  if (lily_session_field_add(fields, &zoom) || lily_session_map_add(fields, &documents)
      || lily_session_storage_open(NULL, &options, &config.storage)
      || lily_session_runtime_new(&app, NULL, NULL, &runtime) || lily_session_attach(runtime, fields, &config, &session)) return fail();

  if (moved) {
    const int32_t line = find_or_add(&app, argv[2])->line;
    forget(&app, argv[2]);
    find_or_add(&app, path)->line = line;
  }
  struct document *document = find_or_add(&app, path);
  if (argc > 2 && !moved) document->line = atoi(argv[2]);
  if (argc > 3 && !moved) app.zoom = strtod(argv[3], NULL);
  snprintf(key, sizeof key, "document/%s", path);
  if (lily_session_touch(session, key)) return fail(); /* stores what changed, and renews the expiry of the document that is open */
  printf("line %d, zoom %g\n", (int)document->line, app.zoom);

  lily_session_runtime_free(runtime); /* detaches the session */
  lily_session_detach(session);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  while (app.documents) forget(&app, app.documents->path);
  free(path);
  return 0;
}
