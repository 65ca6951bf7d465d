/* Settings that are kept in a session, and may be edited by hand in ~/.handedit.conf.
 *
 *   handedit [volume N | theme NAME]     shows the settings, after it has changed one
 *   handedit watch                       shows them whenever the file was edited, until the theme is `end` */
#include <lily_session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct app {
  int32_t volume;
  char theme[16];
  int64_t seen; /* a hash of the text file as a program last read or wrote it; 0: never */
};

static int fail(void) { fprintf(stderr, "handedit: %s\n", lily_session_last_error()); return 1; }

static const char *text_path(void) {
  static char path[4096];
  const char *home = getenv("HOME");
  snprintf(path, sizeof path, "%s/.handedit.conf", home ? home : ".");
  return path;
}

static int64_t hash_of(const char *text) { /* FNV-1a */
  uint64_t hash = UINT64_C(14695981039346656037);
  for (; *text; text++) hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
  return (int64_t)hash;
}

static bool set(struct app *app, const char *key, const char *value) {
  if (!strcmp(key, "volume")) return sscanf(value, "%d", &app->volume) == 1;
  if (!strcmp(key, "theme")) return snprintf(app->theme, sizeof app->theme, "%s", value) >= 0;
  return false;
}

/* Takes over the text file if somebody has edited it. Returns true if somebody has. */
static bool take_edits(struct app *app) {
  char text[4096], key[16], value[16];
  FILE *file = fopen(text_path(), "r");
  if (!file) return false;
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  fclose(file);
  if (hash_of(text) == app->seen) return false;
  app->seen = hash_of(text);
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
    if (sscanf(line, "%15[a-z] = %15[^\n]", key, value) == 2) set(app, key, value);
  return true;
}

/* Stores what changed, and writes the text file anew. Returns false if the session could not be stored. */
static bool save(struct app *app, lily_session *session) {
  char text[4096], path[4200];
  if (lily_session_refresh(session)) return false; /* the text file also gets what other instances have changed */
  snprintf(text, sizeof text, "volume = %d\ntheme = %s\n", (int)app->volume, app->theme);
  snprintf(path, sizeof path, "%s.new", text_path());
  FILE *file = fopen(path, "w");
  if (!file || fputs(text, file) < 0 || fclose(file) || rename(path, text_path())) return perror(path), true;
  app->seen = hash_of(text);
  return !lily_session_persist(session);
}

static void show(const struct app *app) {
  printf("volume %d, theme %s\n", (int)app->volume, app->theme);
  fflush(stdout);
}

int main(int argc, char **argv) {
  struct app app = { 50, "light", 0 };
  const lily_session_field fields[] = { LILY_SESSION_FIELD_INT32(struct app, volume), LILY_SESSION_FIELD_CHARS(struct app, theme),
                                        LILY_SESSION_FIELD_INT64(struct app, seen) };
  lily_session *session;

  if (lily_session_open("handedit", &app, fields, 3, &session)) return fail();
  take_edits(&app);
  if (argc == 3 && !set(&app, argv[1], argv[2])) return fputs("usage: handedit [volume N | theme NAME | watch]\n", stderr), 2;
  if (!save(&app, session)) return fail();
  show(&app);

  while (argc == 2 && strcmp(app.theme, "end")) {
    nanosleep(&(struct timespec){ 0, 50000000 }, NULL); /* a program with a loop watches the file with inotify or GFileMonitor */
    if (!take_edits(&app)) continue;
    if (!save(&app, session)) return fail();
    show(&app);
  }
  lily_session_close(session);
  return 0;
}
