/* The state of an editor of which several instances run at once: its settings, the files that were opened last, where each was left, and a
 * counter that all instances share. What one instance does, no other loses, even if it is killed.
 *
 *   editor FILE           opens a file where it was left, and shows the state
 *   editor FILE N         types N lines into it, and prints each when its place is stored
 *   editor theme NAME     sets the theme
 *   editor forget FILE    forgets a file */
#define _XOPEN_SOURCE 700
#include <inttypes.h>
#include <lily_session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_FILES = 100, LONGEST_PATH = 512 };

struct file {
  char path[LONGEST_PATH + 1];
  int64_t opened;       /* when it was opened last, in s since 1970 */
  int32_t line, column; /* where it was left */
  char place[64];       /* line and column as JSON, for the library to read */
};

struct editor {
  char theme[32];
  int32_t tab_width;
  bool wraps;
  int64_t typed; /* how many lines all instances have typed */
  struct file files[MOST_FILES];
  size_t file_count;
};

static int fail(void) { fprintf(stderr, "editor: %s\n", lily_session_last_error()); return 1; }

static struct file *find(struct editor *editor, const char *path) {
  for (size_t at = 0; at < editor->file_count; at++)
    if (strcmp(editor->files[at].path, path) == 0) return &editor->files[at];
  return NULL;
}

/* Returns the file of this path, which is added if need be; NULL if there is no room for it. */
static struct file *find_or_add(struct editor *editor, const char *path) {
  struct file *file = find(editor, path);
  if (file || editor->file_count == MOST_FILES || strlen(path) > LONGEST_PATH) return file;
  file = &editor->files[editor->file_count++];
  *file = (struct file){ .line = 1, .column = 1 };
  strcpy(file->path, path);
  return file;
}

static void forget(struct editor *editor, const char *path) {
  struct file *file = find(editor, path);
  if (file) *file = editor->files[--editor->file_count];
}

/* The map `opened/`: the files that were opened, by their paths, and when. */
static lily_session_status each_opened(void *context, const void *model, lily_session_map_visit_fn visit, void *visitor) {
  const struct editor *editor = model;
  (void)context;
  for (size_t at = 0; at < editor->file_count; at++) {
    lily_session_value value = { .type = LILY_SESSION_INT, .as.integer = editor->files[at].opened };
    visit(visitor, editor->files[at].path, &value);
  }
  return LILY_SESSION_OK;
}

static lily_session_status set_opened(void *context, void *model, const char *path, const lily_session_value *value) {
  struct editor *editor = model;
  (void)context;
  if (!value) return forget(editor, path), LILY_SESSION_OK; /* another instance has forgotten it */
  struct file *file = find_or_add(editor, path);
  if (!file) return LILY_SESSION_ERROR_QUOTA; /* it stays in storage */
  file->opened = value->as.integer;
  return LILY_SESSION_OK;
}

/* The map `place/`: where each file was left, as {"line":12,"column":3}. */
static lily_session_status each_place(void *context, const void *model, lily_session_map_visit_fn visit, void *visitor) {
  struct editor *editor = (struct editor *)model;
  (void)context;
  for (struct file *file = editor->files; file < editor->files + editor->file_count; file++) {
    lily_session_value value = { .type = LILY_SESSION_JSON };
    snprintf(file->place, sizeof file->place, "{\"line\":%" PRId32 ",\"column\":%" PRId32 "}", file->line, file->column);
    value.as.text.bytes = file->place;
    value.as.text.length = strlen(file->place);
    visit(visitor, file->path, &value);
  }
  return LILY_SESSION_OK;
}

static lily_session_status set_place(void *context, void *model, const char *path, const lily_session_value *value) {
  int32_t line = 1, column = 1;
  (void)context;
  if (value && sscanf(value->as.text.bytes, "{\"line\":%" SCNd32 ",\"column\":%" SCNd32 "}", &line, &column) != 2) return LILY_SESSION_ERROR_DECODE;
  struct file *file = value ? find_or_add(model, path) : find(model, path);
  if (!file) return value ? LILY_SESSION_ERROR_QUOTA : LILY_SESSION_OK;
  file->line = line;
  file->column = column;
  return LILY_SESSION_OK;
}

static lily_session_status add_one(void *context, const lily_session_value *stored, lily_session_value *out) {
  (void)context;
  out->type = LILY_SESSION_INT;
  out->as.integer = (stored ? stored->as.integer : 0) + 1;
  return LILY_SESSION_OK;
}

int main(int argc, char **argv) {
  static struct editor editor = { .theme = "light", .tab_width = 8 };
  const lily_session_field settings[] = {
    LILY_SESSION_FIELD_CHARS(struct editor, theme), LILY_SESSION_FIELD_INT32(struct editor, tab_width),
    LILY_SESSION_FIELD_BOOL(struct editor, wraps), LILY_SESSION_FIELD_INT64(struct editor, typed),
  };
  lily_session_map opened = LILY_SESSION_MAP_INIT, place = LILY_SESSION_MAP_INIT;
  opened.prefix = "opened/";
  opened.types = LILY_SESSION_INT;
  opened.each = each_opened;
  opened.set = set_opened;
  place.prefix = "place/";
  place.types = LILY_SESSION_JSON;
  place.each = each_place;
  place.set = set_place;
  place.expires_after_ms = INT64_C(90) * 24 * 3600 * 1000; /* where a file was left is forgotten after so long */

  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime;
  lily_session *session;
  options.application = "editor";
  if (argc < 2 || argc > 3) return fputs("usage: editor FILE [N] | theme NAME | forget FILE\n", stderr), 2;
  if (lily_session_fields_add(fields, settings, sizeof settings / sizeof *settings) || lily_session_map_add(fields, &opened)
      || lily_session_map_add(fields, &place) || lily_session_storage_open(NULL, &options, &config.storage)
      || lily_session_runtime_new(&editor, NULL, NULL, &runtime) || lily_session_attach(runtime, fields, &config, &session)) return fail();

  if (argc == 3 && strcmp(argv[1], "theme") == 0) {
    snprintf(editor.theme, sizeof editor.theme, "%s", argv[2]);
  } else if (argc == 3 && strcmp(argv[1], "forget") == 0) {
    forget(&editor, argv[2]);
  } else {
    struct file *file = find_or_add(&editor, argv[1]);
    if (!file) return fputs("editor: too many files, or too long a path\n", stderr), 1;
    file->opened = time(NULL);
    for (int left = argc == 3 ? atoi(argv[2]) : 0; left > 0; left--) {
      file->line++;
      if (lily_session_modify(session, "typed", add_one, NULL)) return fail(); /* this also stores the place */
      printf("%" PRId32 "\n", file->line);
      fflush(stdout);
    }
    if (argc == 2) printf("%s theme, %" PRId64 " lines typed, at %" PRId32 ":%" PRId32 "\n", editor.theme, editor.typed, file->line, file->column);
    for (size_t at = 0; argc == 2 && at < editor.file_count; at++) printf("%s\n", editor.files[at].path);
  }
  if (lily_session_persist(session)) return fail();

  lily_session_runtime_free(runtime); /* detaches the session */
  lily_session_detach(session);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  return 0;
}
