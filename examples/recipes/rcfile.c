/* A program that kept its settings in ~/.rcfilerc, in lines such as `volume=30`, and now keeps them in a session.
 *
 *   rcfile [volume N | theme NAME]     shows the settings, after it has changed one */
#include <lily_session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct app { int32_t volume; char theme[16]; };

static int fail(void) { fprintf(stderr, "rcfile: %s\n", lily_session_last_error()); return 1; }

/* ---- what the program had before */

static const char *rc_path(const char *suffix) {
  static char path[4096];
  const char *home = getenv("HOME");
  snprintf(path, sizeof path, "%s/.rcfilerc%s", home ? home : ".", suffix);
  return path;
}

/* Returns false if there is no such setting. */
static bool set(struct app *app, const char *key, const char *value) {
  if (!strcmp(key, "volume")) return sscanf(value, "%d", &app->volume) == 1;
  if (!strcmp(key, "theme")) return snprintf(app->theme, sizeof app->theme, "%s", value) >= 0;
  return false;
}

static bool write_rc(const struct app *app) {
  char written[4096];
  FILE *file = fopen(strcpy(written, rc_path(".new")), "w");
  if (!file) return false;
  fprintf(file, "volume=%d\ntheme=%s\n", (int)app->volume, app->theme);
  return !fclose(file) && !rename(written, rc_path(""));
}

/* ---- what moves it */

/* Returns true if the session has stored nothing for the field, or if there is no session. */
static bool is_absent(lily_session *session, const char *key) {
  int32_t state = LILY_SESSION_STATE_ABSENT;
  lily_session_field_state(session, key, &state); /* a failure leaves the state alone */
  return state == LILY_SESSION_STATE_ABSENT;
}

/* The program always had this function. Only the call of is_absent() is new. */
static void read_rc(struct app *app, lily_session *session) {
  char line[80], key[16], value[16];
  FILE *file = fopen(rc_path(""), "r");
  if (!file) return;
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "%15[a-z]=%15[^\n]", key, value) == 2 && is_absent(session, key)) set(app, key, value);
  fclose(file);
}

int main(int argc, char **argv) {
  struct app app = { 50, "light" };
  const lily_session_field fields[] = { LILY_SESSION_FIELD_INT32(struct app, volume), LILY_SESSION_FIELD_CHARS(struct app, theme) };
  lily_session *session;

  if (lily_session_open("rcfile", &app, fields, 2, &session)) return fail(); /* sets what is stored */
  read_rc(&app, session); /* sets what is not */
  if (argc == 3 && !set(&app, argv[1], argv[2])) return fputs("usage: rcfile [volume N | theme NAME]\n", stderr), 2;

  if (lily_session_refresh(session)) return fail(); /* stores what changed, and takes over what other instances have changed */
  if (!write_rc(&app)) perror("rcfile: cannot write ~/.rcfilerc"); /* keeps the old file in step */
  printf("volume %d, theme %s\n", (int)app.volume, app.theme);

  lily_session_close(session);
  return 0;
}
