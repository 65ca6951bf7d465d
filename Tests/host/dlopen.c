/* A plug-in host. It opens the library, uses it on this thread and on another, and closes it, a hundred times.
 * Nothing may stay: no mapping, no descriptor, no memory, and no thread-local storage, which dlopen would run out of. */
#include <lily_session.h>

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(condition) \
  ((condition) ? (void)0 : (fprintf(stderr, "%s:%d: round %d: %s\n", __FILE__, __LINE__, current, #condition), exit(1)))

static int current;
static int released;

struct app {
  int64_t visits;
  char theme[16];
};

/* ISO C cannot cast void * to a function pointer, but POSIX promises that both have the same bytes. */
static void find(void *library, const char *name, void *function) {
  void *symbol = dlsym(library, name);
  EXPECT(symbol != NULL);
  memcpy(function, &symbol, sizeof symbol);
}
#define FIND(name) \
  __typeof__(&name) p_##name; \
  find(library, #name, &p_##name)

static lily_session_status get_theme(void *context, const void *session, lily_session_value *out) {
  const struct app *app = session;
  (void)context;
  out->type = LILY_SESSION_STRING;
  out->as.text.bytes = app->theme;
  out->as.text.length = strlen(app->theme);
  return LILY_SESSION_OK;
}

static lily_session_status set_theme(void *context, void *session, const lily_session_value *value) {
  (void)context;
  snprintf(((struct app *)session)->theme, sizeof((struct app *)session)->theme, "%s", value->as.text.bytes);
  return LILY_SESSION_OK;
}

static void release(void *context) {
  (void)context;
  released++;
}

static void *update(void *context, void *model, const void *message) {
  struct app *app = model;
  (void)context;
  app->visits += *(const int *)message;
  snprintf(app->theme, sizeof app->theme, "theme %d", (int)app->visits);
  return app;
}

/* Makes an attachment, from open to close. Returns the visits. */
static int64_t attach(void *library, const char *path, int added) {
  FIND(lily_session_storage_open);
  FIND(lily_session_storage_open_memory);
  FIND(lily_session_storage_close);
  FIND(lily_session_storage_get);
  FIND(lily_session_free);
  FIND(lily_session_last_error);
  FIND(lily_session_persistence_new);
  FIND(lily_session_persistence_free);
  FIND(lily_session_field_add);
  FIND(lily_session_runtime_new);
  FIND(lily_session_runtime_dispatch);
  FIND(lily_session_runtime_free);
  FIND(lily_session_attach);
  FIND(lily_session_detach);
  FIND(lily_session_clear);

  struct app app = {0, "light"};
  lily_session_persistence *fields = p_lily_session_persistence_new();
  lily_session_field visits = LILY_SESSION_FIELD_INT64(struct app, visits), theme = LILY_SESSION_FIELD_INIT;
  theme.key = "theme";
  theme.types = LILY_SESSION_STRING;
  theme.get = get_theme;
  theme.set = set_theme;
  theme.release = release;
  EXPECT(p_lily_session_field_add(fields, &visits) == LILY_SESSION_OK);
  EXPECT(p_lily_session_field_add(fields, &theme) == LILY_SESSION_OK);

  lily_session_runtime *runtime = NULL;
  lily_session *session = NULL;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_status status =
    path ? p_lily_session_storage_open(path, NULL, &config.storage) : p_lily_session_storage_open_memory(NULL, &config.storage);
  if (status) fprintf(stderr, "%s\n", p_lily_session_last_error());
  EXPECT(status == LILY_SESSION_OK);
  EXPECT(p_lily_session_runtime_new(&app, update, NULL, &runtime) == LILY_SESSION_OK);
  EXPECT(p_lily_session_attach(runtime, fields, &config, &session) == LILY_SESSION_OK);
  EXPECT(p_lily_session_runtime_dispatch(runtime, &added) == LILY_SESSION_OK);

  char *json = NULL;
  char expected[32];
  snprintf(expected, sizeof expected, "\"theme %d\"", (int)app.visits);
  EXPECT(p_lily_session_storage_get(config.storage, "lily_session_theme", &json, NULL) == LILY_SESSION_OK);
  EXPECT(strcmp(json, expected) == 0);
  p_lily_session_free(json);

  /* The sentence of a failure stays in this thread's buffer. */
  EXPECT(p_lily_session_storage_get(config.storage, "lily_session_none", &json, NULL) == LILY_SESSION_ERROR_NOT_FOUND);
  EXPECT(p_lily_session_last_error()[0] != '\0');
  if (path == NULL) EXPECT(p_lily_session_clear(config.storage) == LILY_SESSION_OK);

  p_lily_session_detach(session);
  p_lily_session_runtime_free(runtime);
  p_lily_session_persistence_free(fields);
  p_lily_session_storage_close(config.storage);
  return app.visits;
}

static void *on_another_thread(void *library) {
  EXPECT(attach(library, NULL, 5) == 5);
  return NULL;
}

static int descriptors(void) {
  int count = 0;
  DIR *open = opendir("/proc/self/fd");
  EXPECT(open != NULL);
  while (readdir(open) != NULL) count++;
  closedir(open);
  return count;
}

static int mappings(const char *of) {
  char line[4096];
  int count = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  EXPECT(maps != NULL);
  while (fgets(line, sizeof line, maps)) count += of == NULL || strstr(line, of) != NULL;
  fclose(maps);
  return count;
}

int main(int argc, char **argv) {
  /* The arguments are the library, a path for a journal, and the number of rounds. With one more, the mappings of the process
   * are counted, too; under valgrind that is not possible, because it adds mappings of its own. */
  EXPECT(argc >= 4);
  int rounds = atoi(argv[3]), descriptors_before = descriptors(), mappings_before = 0;

  for (current = 0; current < rounds; current++) {
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) fprintf(stderr, "%s\n", dlerror());
    EXPECT(library != NULL);
    EXPECT(mappings("liblily_session") > 0);
    FIND(lily_session_version);
    EXPECT(strcmp(p_lily_session_version(), LILY_SESSION_VERSION) == 0);

    EXPECT(attach(library, argv[2], 1) == current + 1);
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, on_another_thread, library) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
    EXPECT(released == 2 * (current + 1));

    EXPECT(dlclose(library) == 0);
    EXPECT(mappings("liblily_session") == 0);
    EXPECT(descriptors() == descriptors_before);
    /* By now the heap and the stack of the second thread have their places. */
    if (current == 9) mappings_before = mappings(NULL);
    if (current > 9 && argc > 4) EXPECT(mappings(NULL) <= mappings_before + 2);
  }
  printf("%d rounds\n", current);
  return 0;
}
