/* Several users in one file, each with a session of their own, beside settings that all of them share.
 *
 *   users NAME [THEME | logout] */
#include <lily_session.h>
#include <stdio.h>
#include <string.h>

struct user { int32_t visits; char theme[16]; };
struct shared { char last[32]; };

static int fail(void) { fprintf(stderr, "users: %s\n", lily_session_last_error()); return 1; }

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3 || strlen(argv[1]) >= sizeof ((struct shared *)0)->last)
    return fputs("usage: users NAME [THEME | logout]\n", stderr), 2;
  const bool logs_out = argc > 2 && !strcmp(argv[2], "logout");

  struct user user = { 0, "light" };
  struct shared shared = { "nobody" };
  lily_session_field visits = LILY_SESSION_FIELD_INT32(struct user, visits), theme = LILY_SESSION_FIELD_CHARS(struct user, theme);
  lily_session_field last = LILY_SESSION_FIELD_CHARS(struct shared, last);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_config for_all = LILY_SESSION_CONFIG_INIT, for_one = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields_of_all = lily_session_persistence_new(), *fields_of_one = lily_session_persistence_new();
  lily_session_runtime *shared_runtime, *user_runtime;
  lily_session *shared_session, *user_session;
  char scope[100];

  options.application = "users";
  snprintf(scope, sizeof scope, "user:%s", argv[1]);
  if (lily_session_storage_open(NULL, &options, &for_all.storage)
      || lily_session_storage_scoped(for_all.storage, scope, &for_one.storage)) return fail();

  /* The storage itself has the settings of all users, and the scope those of one. */
  if (lily_session_field_add(fields_of_all, &last)
      || lily_session_runtime_new(&shared, NULL, NULL, &shared_runtime)
      || lily_session_attach(shared_runtime, fields_of_all, &for_all, &shared_session)
      || lily_session_field_add(fields_of_one, &visits) || lily_session_field_add(fields_of_one, &theme)
      || lily_session_runtime_new(&user, NULL, NULL, &user_runtime)
      || lily_session_attach(user_runtime, fields_of_one, &for_one, &user_session)) return fail();

  if (logs_out) {
    if (lily_session_clear(for_one.storage)) return fail(); /* only this user's keys */
    printf("%s is logged out\n", argv[1]);
  } else {
    user.visits++;
    if (argc > 2) snprintf(user.theme, sizeof user.theme, "%s", argv[2]);
    if (lily_session_persist(user_session)) return fail();
    printf("%s: visit %d, theme %s; before that: %s\n", argv[1], (int)user.visits, user.theme, shared.last);
    strcpy(shared.last, argv[1]);
    if (lily_session_persist(shared_session)) return fail();
  }

  lily_session_detach(user_session);
  lily_session_detach(shared_session);
  lily_session_runtime_free(user_runtime);
  lily_session_runtime_free(shared_runtime);
  lily_session_persistence_free(fields_of_one);
  lily_session_persistence_free(fields_of_all);
  lily_session_storage_close(for_one.storage);
  lily_session_storage_close(for_all.storage);
  return 0;
}
