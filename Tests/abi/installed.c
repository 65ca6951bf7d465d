/* A host of the installed library, which compiles as C and as C++. It stores a value in a journal, and reads it back in a
 * second attachment. The version of the library must be the header's. */
#include <lily_session.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct app {
  int64_t visits;
};

static int64_t run(const char *path, int64_t added) {
  struct app app = {0};
  lily_session_field visits = LILY_SESSION_FIELD_INT64(struct app, visits);
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime = NULL;
  lily_session *session = NULL;
  if (lily_session_storage_open(path, NULL, &config.storage) || lily_session_field_add(fields, &visits) ||
      lily_session_runtime_new(&app, NULL, NULL, &runtime) || lily_session_attach(runtime, fields, &config, &session)) {
    fprintf(stderr, "%s\n", lily_session_last_error());
    exit(1);
  }
  app.visits += added;
  if (lily_session_persist(session)) exit(1);
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  return app.visits;
}

int main(int argc, char **argv) {
  if (argc != 2 || run(argv[1], 20) != 20 || run(argv[1], 3) != 23 || run(argv[1], 0) != 23) return 1;
  return strcmp(LILY_SESSION_VERSION, lily_session_version()) != 0;
}
