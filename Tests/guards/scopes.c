/* Does something with one scope of a storage that has many. scopes.py counts the instructions of that alone by callgrind.
 *
 *   scopes DIRECTORY one|memory|files|folder request|logout|each|open|sweep SCOPES COUNT
 *
 * The storage is one file, in memory, a file for each scope, or the same with all files in one of the folders. */
#include <lily_session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

enum { WARM_UP = 10 }; /* as many as there are scopes that take turns */

struct user { char token[20]; int64_t pages; };

static lily_session_storage *all;
static lily_session_persistence *fields;
static lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
static char path[4096];

static void require(lily_session_status status) {
  if (status == LILY_SESSION_OK) return;
  fprintf(stderr, "scopes: %s\n", lily_session_last_error());
  exit(2);
}

static int in_one_folder;

/* Returns the number of the folder that has the scope's file: the first byte of the CRC-32C of its name (docs/format.md). */
static unsigned folder_of(const char *name) {
  uint32_t rest = 0xFFFFFFFF;
  for (; *name; name++) {
    rest ^= (unsigned char)*name;
    for (int bit = 0; bit < 8; bit++) rest = rest & 1 ? rest >> 1 ^ 0x82F63B78 : rest >> 1;
  }
  return ~rest >> 24;
}

static lily_session_storage *scope(int number) {
  lily_session_storage *one;
  char name[20];
  static int next, numbers[2000];
  for (; in_one_folder && next <= number; next++) {
    numbers[next] = next == 0 ? 0 : numbers[next - 1];
    do snprintf(name, sizeof name, "user:%08d", ++numbers[next]);
    while (folder_of(name) != 0);
  }
  snprintf(name, sizeof name, "user:%08d", in_one_folder ? numbers[number] : number);
  require(lily_session_storage_scoped(all, name, &one));
  return one;
}

static void request(int number) {
  struct user user = {"", 0};
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_runtime *runtime;
  lily_session *session;
  config.storage = scope(number);
  require(lily_session_runtime_new(&user, NULL, NULL, &runtime));
  require(lily_session_attach(runtime, fields, &config, &session));
  strcpy(user.token, "0123456789abcdef");
  user.pages++;
  require(lily_session_persist(session));
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_storage_close(config.storage);
}

static void log_out(int number) {
  lily_session_storage *one = scope(number);
  require(lily_session_storage_set(one, "lily_session_token", "\"0123456789abcdef\"", 18, 0));
  require(lily_session_clear(one));
  lily_session_storage_close(one);
}

static lily_session_status nothing(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms) {
  (void)context, (void)key, (void)json, (void)length, (void)expires_at_ms;
  return LILY_SESSION_OK;
}

static void open_all(const char *kind) {
  if (strcmp(kind, "memory") == 0) require(lily_session_storage_open_memory(&options, &all));
  else require(lily_session_storage_open(path, &options, &all));
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  const int scopes = atoi(argv[4]), count = atoi(argv[5]);
  snprintf(path, sizeof path, "%s/session.jsonl", argv[1]);
  options.quota_bytes = -1;
  if (strcmp(argv[2], "memory") != 0) options.flags = LILY_SESSION_NO_SYNC;
  in_one_folder = strcmp(argv[2], "folder") == 0;
  if (strcmp(argv[2], "files") == 0 || in_one_folder) options.flags |= LILY_SESSION_SCOPE_FILES;
  fields = lily_session_persistence_new();
  lily_session_field token = LILY_SESSION_FIELD_CHARS(struct user, token), pages = LILY_SESSION_FIELD_INT64(struct user, pages);
  require(lily_session_field_add(fields, &token));
  require(lily_session_field_add(fields, &pages));
  open_all(argv[2]);
  for (int number = 0; number < scopes; number++) request(number);
  /* Numbers from after those: what is measured is the same in a storage with few scopes and in one with many. */
  for (int turn = 0; turn < WARM_UP + count; turn++) {
    if (turn == WARM_UP) CALLGRIND_START_INSTRUMENTATION;
    const int number = scopes + turn % WARM_UP;
    if (strcmp(argv[3], "request") == 0) request(number);
    if (strcmp(argv[3], "logout") == 0) log_out(number);
    if (strcmp(argv[3], "each") == 0) {
      lily_session_storage *one = scope(number);
      require(lily_session_storage_each(one, NULL, nothing, NULL));
      lily_session_storage_close(one);
    }
    if (strcmp(argv[3], "sweep") == 0) require(lily_session_storage_sweep(all, 16, NULL));
    if (strcmp(argv[3], "open") == 0) {
      lily_session_storage_close(all);
      open_all(argv[2]);
    }
  }
  CALLGRIND_STOP_INSTRUMENTATION;
  lily_session_storage_close(all);
  lily_session_persistence_free(fields);
  return 0;
}
