/* A program that kept its settings in a GKeyFile, and now keeps them in a session. Building it also needs pkg-config's glib-2.0.
 *
 *   keyfile [VOLUME THEME]     shows the settings, after it has changed them */
#include <glib.h>
#include <lily_session.h>

struct app { int32_t volume; char theme[16]; };

static int fail(void) { g_printerr("keyfile: %s\n", lily_session_last_error()); return 1; }

/* Returns true if the session has stored nothing for the field, and the old file has a value. */
static gboolean is_only_in(GKeyFile *old, lily_session *session, const char *key) {
  int32_t state;
  return !lily_session_field_state(session, key, &state) && state == LILY_SESSION_STATE_ABSENT && g_key_file_has_key(old, "sound", key, NULL);
}

int main(int argc, char **argv) {
  struct app app = { 50, "light" };
  const lily_session_field fields[] = { LILY_SESSION_FIELD_INT32(struct app, volume), LILY_SESSION_FIELD_CHARS(struct app, theme) };
  lily_session *session;
  g_autofree char *path = g_build_filename(g_get_user_config_dir(), "keyfile.conf", NULL);
  g_autoptr(GKeyFile) old = g_key_file_new();

  if (lily_session_open("keyfile", &app, fields, G_N_ELEMENTS(fields), &session)) return fail(); /* sets what is stored */
  g_key_file_load_from_file(old, path, G_KEY_FILE_KEEP_COMMENTS, NULL); /* is empty if there is no file */
  if (is_only_in(old, session, "volume")) app.volume = g_key_file_get_integer(old, "sound", "volume", NULL);
  if (is_only_in(old, session, "theme")) {
    g_autofree char *theme = g_key_file_get_string(old, "sound", "theme", NULL);
    if (theme) g_strlcpy(app.theme, theme, sizeof app.theme);
  }

  if (argc == 3) {
    app.volume = (int32_t)g_ascii_strtoll(argv[1], NULL, 10);
    g_strlcpy(app.theme, argv[2], sizeof app.theme);
  }
  if (lily_session_refresh(session)) return fail(); /* stores what changed, and takes over what other instances have changed */
  g_key_file_set_integer(old, "sound", "volume", app.volume); /* keeps the old file in step */
  g_key_file_set_string(old, "sound", "theme", app.theme);
  if (!g_key_file_save_to_file(old, path, NULL)) g_printerr("keyfile: cannot write %s\n", path);
  g_print("volume %d, theme %s\n", (int)app.volume, app.theme);

  lily_session_close(session);
  return 0;
}
