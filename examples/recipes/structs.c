/* An editor whose settings are structs in structs: an enum, a window, a list of recent files that grows, and a limit that may be absent.
 *
 *   structs [open PATH | size WIDTH HEIGHT | zoom ZOOM | units metric|imperial | limit N | unlimited] */
#include <lily_session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum units { METRIC, IMPERIAL };
struct window { int16_t width, height; };
struct file { char *path; uint32_t line; };

struct editor {
  float zoom;
  enum units units;
  struct window window;
  struct file *recent;
  size_t recent_count;
  uint8_t limit;
  bool has_limit;
};

static const char *const unit_names[] = { "metric", "imperial", NULL };

static const lily_session_field window_fields[] = {
  LILY_SESSION_FIELD_INT16(struct window, width),
  LILY_SESSION_FIELD_INT16(struct window, height),
};

static const lily_session_field file_fields[] = {
  LILY_SESSION_FIELD_STRING(struct file, path),
  LILY_SESSION_FIELD_UINT32(struct file, line),
};

static const lily_session_field fields[] = {
  LILY_SESSION_FIELD_FLOAT(struct editor, zoom),
  LILY_SESSION_FIELD_ENUM(struct editor, units, unit_names),
  LILY_SESSION_FIELD_STRUCT(struct editor, window, window_fields, 2),
  LILY_SESSION_FIELD_GROWING_LIST(struct editor, recent, recent_count, file_fields, 2, NULL),
  LILY_SESSION_FIELD_OPTIONAL(UINT8, struct editor, limit, has_limit),
};

/* The list is of malloc's, and so is all that is in it, because the library frees it when it sets another one. */
static void open_file(struct editor *editor, const char *path) {
  const struct file file = { strdup(path), 1 };
  struct file *more = realloc(editor->recent, (editor->recent_count + 1) * sizeof *more);
  if (!more || !file.path) abort();
  more[editor->recent_count++] = file;
  editor->recent = more;
}

static int apply(struct editor *editor, int count, char **words) {
  const char *what = count > 0 ? words[0] : "";
  if (count == 2 && !strcmp(what, "open")) {
    open_file(editor, words[1]);
  } else if (count == 3 && !strcmp(what, "size")) {
    editor->window.width = (int16_t)atoi(words[1]);
    editor->window.height = (int16_t)atoi(words[2]);
  } else if (count == 2 && !strcmp(what, "zoom")) {
    editor->zoom = strtof(words[1], NULL);
  } else if (count == 2 && !strcmp(what, "units")) {
    editor->units = strcmp(words[1], "imperial") ? METRIC : IMPERIAL;
  } else if (count == 2 && !strcmp(what, "limit")) {
    editor->limit = (uint8_t)atoi(words[1]);
    editor->has_limit = true;
  } else if (count == 1 && !strcmp(what, "unlimited")) {
    editor->has_limit = false;
  } else {
    return count == 0;
  }
  return 1;
}

int main(int argc, char **argv) {
  struct editor editor = { 1, METRIC, { 800, 600 }, NULL, 0, 0, false };
  lily_session *session;

  if (lily_session_open("structs", &editor, fields, sizeof fields / sizeof *fields, &session))
    return fprintf(stderr, "structs: %s\n", lily_session_last_error()), 1;
  if (!apply(&editor, argc - 1, argv + 1))
    return fputs("usage: structs [open PATH | size WIDTH HEIGHT | zoom ZOOM | units metric|imperial | limit N | unlimited]\n", stderr), 2;

  printf("%dx%d, zoom %g, %s, limit ", editor.window.width, editor.window.height, editor.zoom, unit_names[editor.units]);
  if (editor.has_limit) printf("%d\n", editor.limit); else puts("none");
  for (size_t i = 0; i < editor.recent_count; i++) printf("  %s:%u\n", editor.recent[i].path, (unsigned)editor.recent[i].line);

  lily_session_close(session); /* stores what changed */
  for (size_t i = 0; i < editor.recent_count; i++) free(editor.recent[i].path);
  free(editor.recent);
  return 0;
}
