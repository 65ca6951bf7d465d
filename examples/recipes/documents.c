/* An editor's state of each document, in a scope of its own, beside the settings of the program.
 *
 *   documents FILE [LINE [ZOOM]]     shows where FILE was left, or leaves it at LINE */
#define _XOPEN_SOURCE 700
#include <lily_session.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct settings { double zoom; };
struct document { int32_t line; };

static int fail(void) { fprintf(stderr, "documents: %s\n", lily_session_last_error()); return 1; }

/* Names the scope of a document. A path may be longer than a scope's name, so the name has the path's hash, FNV-1a. */
static void name_scope(char *name, size_t size, const char *path) {
  uint64_t hash = UINT64_C(14695981039346656037);
  for (; *path; path++) hash = (hash ^ (unsigned char)*path) * UINT64_C(1099511628211);
  snprintf(name, size, "document:%016" PRIx64, hash);
}

int main(int argc, char **argv) {
  struct settings settings = { 1 };
  struct document document = { 1 };
  char *path = argc < 2 || argc > 4 ? NULL : realpath(argv[1], NULL);
  if (!path) return fputs("usage: documents FILE [LINE [ZOOM]]\n", stderr), 2;

  const lily_session_field of_all = LILY_SESSION_FIELD_DOUBLE(struct settings, zoom);
  lily_session_field of_one = LILY_SESSION_FIELD_INT32(struct document, line);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_config for_all = LILY_SESSION_CONFIG_INIT, for_one = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields_of_all = lily_session_persistence_new(), *fields_of_one = lily_session_persistence_new();
  lily_session_runtime *program, *window;
  lily_session *all, *one;
  char scope[64];

  of_one.expires_after_ms = INT64_C(90) * 24 * 3600 * 1000; /* a document that nobody opens for so long is forgotten */
  name_scope(scope, sizeof scope, path);
  options.application = "documents";
  if (lily_session_storage_open(NULL, &options, &for_all.storage)
      || lily_session_storage_scoped(for_all.storage, scope, &for_one.storage)
      || lily_session_field_add(fields_of_all, &of_all) || lily_session_field_add(fields_of_one, &of_one)
      || lily_session_runtime_new(&settings, NULL, NULL, &program) || lily_session_attach(program, fields_of_all, &for_all, &all)
      /* Each window has a runtime of its own, whose model is its document. */
      || lily_session_runtime_new(&document, NULL, NULL, &window) || lily_session_attach(window, fields_of_one, &for_one, &one)) return fail();

  if (argc > 2) document.line = atoi(argv[2]);
  if (argc > 3) settings.zoom = strtod(argv[3], NULL);
  if (lily_session_mark(one, "line") /* stores it even if it did not change, which renews its expiry */
      || lily_session_persist(one) || lily_session_persist(all)) return fail();
  printf("line %d, zoom %g\n", (int)document.line, settings.zoom);

  lily_session_detach(one); /* when the window closes */
  lily_session_runtime_free(window);
  lily_session_detach(all);
  lily_session_runtime_free(program);
  lily_session_persistence_free(fields_of_one);
  lily_session_persistence_free(fields_of_all);
  lily_session_storage_close(for_one.storage);
  lily_session_storage_close(for_all.storage);
  free(path);
  return 0;
}
