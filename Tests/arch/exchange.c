/* What the suite arch runs on each machine. It is linked with the static library, so that it can give the library its random numbers and its
   size of a page: then the same calls must make the same file everywhere.

     exchange write PATH      makes a file by the same calls each time
     exchange read PATH       prints what is in a file
     exchange truncate PATH   cuts a file at each of its bytes, and checks that what is left is read
     exchange storm PATH N    kills N processes that write, one after the other, and checks that nothing is lost that they were told is stored
     exchange members FOLDER  stores and restores the members of a packed struct, none of which is where its type should be
     exchange pages PATH      forks where a page has 4, 16 and 64 KiB */
#include <lily_session.h>

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program = "exchange";

#define CHECK(condition) ((condition) ? (void)0 : fail(__LINE__, #condition))

static void fail(int line, const char *what) {
  fprintf(stderr, "%s: line %d: %s: %s\n", program, line, what, lily_session_last_error());
  exit(1);
}

/* ---- what the linker puts in place of the C library's functions (-Wl,--wrap) */

static bool is_random = true;
ssize_t __real_getrandom(void *bytes, size_t count, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t count, unsigned flags) {
  static uint8_t next = 1;
  if (is_random) return __real_getrandom(bytes, count, flags);
  for (size_t at = 0; at < count; at++) ((uint8_t *)bytes)[at] = next++;
  return (ssize_t)count;
}

static long page; /* 0: as it is */
long __real_sysconf(int name);
long __wrap_sysconf(int name) { return name == _SC_PAGESIZE && page > 0 ? page : __real_sysconf(name); }

/* ---- the storage */

static int64_t fixed_clock(void *context) { return *(int64_t *)context; }
static int64_t now = INT64_C(1790000000000);

static lily_session_storage *opened(const char *path) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage = NULL;
  options.clock = fixed_clock;
  options.context = &now;
  CHECK(lily_session_storage_open(path, &options, &storage) == LILY_SESSION_OK);
  return storage;
}

static void set(lily_session_storage *storage, const char *key, const char *json, int64_t expires) {
  CHECK(lily_session_storage_set(storage, key, json, strlen(json), expires) == LILY_SESSION_OK);
}

/* ---- the members */

struct __attribute__((packed)) model {
  char before;
  bool flag;
  int8_t small;
  int32_t number;
  int64_t large;
  char between;
  double real;
  float single;
  uint16_t few;
  uint32_t many;
  char text[12];
};

static lily_session *session_of(const char *path, struct model *model) {
  const lily_session_field fields[] = {
      LILY_SESSION_FIELD_BOOL(struct model, flag),     LILY_SESSION_FIELD_INT8(struct model, small),   LILY_SESSION_FIELD_INT32(struct model, number),
      LILY_SESSION_FIELD_INT64(struct model, large),   LILY_SESSION_FIELD_DOUBLE(struct model, real),  LILY_SESSION_FIELD_FLOAT(struct model, single),
      LILY_SESSION_FIELD_UINT16(struct model, few),    LILY_SESSION_FIELD_UINT32(struct model, many),  LILY_SESSION_FIELD_CHARS(struct model, text)};
  lily_session *session = NULL;
  setenv("LILY_SESSION_DIR", path, 1);
  CHECK(lily_session_open("members", model, fields, sizeof fields / sizeof *fields, &session) == LILY_SESSION_OK);
  return session;
}

static void members(const char *folder) {
  static const struct model written = {'b', true, -7, -2000000000, INT64_MIN + 1, 'c', 0.1, 3.4e38f, 65535, 4294967295u, "gr\xc3\xbc\xc3\x9f"};
  struct model model = {0}, again = {0};
  mkdir(folder, 0700);
  lily_session *session = session_of(folder, &model);
  model = written;
  CHECK(lily_session_persist(session) == LILY_SESSION_OK);
  lily_session_close(session);
  session = session_of(folder, &again);
  again.before = written.before;
  again.between = written.between;
  CHECK(memcmp(&again, &written, sizeof written) == 0);
  lily_session_close(session);
}

/* ---- the commands */

static void write_file(const char *path) {
  is_random = false;
  lily_session_storage *storage = opened(path), *scope = NULL;
  char key[32], json[64];
  set(storage, "text", "\"gr\xc3\xbc\xc3\x9f \\u0000 \xf0\x9f\x8c\xb7\"", 0);
  set(storage, "object", " { \"a\" : [ 1, 2.50e3, true, null ] } ", now + 1000);
  set(storage, "expired", "1", now);
  for (int number = 0; number < 60; number++) {
    snprintf(key, sizeof key, "number%d", number % 20);
    snprintf(json, sizeof json, "%.17g", (number - 30) * 1.1e7 / 3);
    set(storage, key, json, 0);
  }
  CHECK(lily_session_storage_remove(storage, "number3") == LILY_SESSION_OK);
  lily_session_entry batch[] = {{"batch", "[1]", 3, 0, 7}, {"number4", NULL, 0, 0, 0}};
  CHECK(lily_session_storage_write(storage, batch, 2) == LILY_SESSION_OK);
  CHECK(lily_session_storage_scoped(storage, "ada", &scope) == LILY_SESSION_OK);
  set(scope, "inner", "\"of ada\"", 0);
  lily_session_storage_close(scope);
  set(storage, "lily_session_cleared", "true", 0);
  CHECK(lily_session_clear(storage) == LILY_SESSION_OK);
  CHECK(lily_session_storage_sync(storage) == LILY_SESSION_OK); /* which rewrites the file */
  for (int number = 0; number < 5; number++) {
    snprintf(key, sizeof key, "after%d", number);
    set(storage, key, "\"after\"", 0);
  }
  lily_session_storage_close(storage);
}

static lily_session_status print_entry(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms) {
  (void)context;
  printf("%s\t%.*s\t%" PRId64 "\n", key, (int)length, json, expires_at_ms);
  return LILY_SESSION_OK;
}

static void read_file(const char *path) {
  lily_session_storage *storage = opened(path);
  CHECK(lily_session_storage_each(storage, "", print_entry, NULL) == LILY_SESSION_OK);
  lily_session_storage_close(storage);
}

static lily_session_status count_entry(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms) {
  (void)key, (void)json, (void)length, (void)expires_at_ms;
  ++*(int *)context;
  return LILY_SESSION_OK;
}

static int count_of(const char *path) {
  int count = 0;
  lily_session_storage *storage = opened(path);
  CHECK(lily_session_storage_each(storage, "", count_entry, &count) == LILY_SESSION_OK);
  lily_session_storage_close(storage);
  return count;
}

static void truncate_file(const char *path) {
  static char bytes[4096];
  char key[16];
  lily_session_storage *storage = opened(path);
  for (int number = 0; number < 12; number++) {
    snprintf(key, sizeof key, "key%d", number);
    set(storage, key, "\"value\"", 0);
  }
  lily_session_storage_close(storage);
  FILE *file = fopen(path, "rb");
  CHECK(file != NULL);
  size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  CHECK(size > 0 && size < sizeof bytes);
  int header = 0, lines = 0;
  for (size_t cut = 1; cut <= size; cut++) {
    if (bytes[cut - 1] == '\n') {
      if (header < 2) header++; else lines++;
    }
    if (header == 0) continue; /* what is shorter than a header is another test's */
    file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(bytes, 1, cut, file) == cut && fclose(file) == 0);
    CHECK(count_of(path) == lines);
  }
  printf("counted: %zu truncations, 0 lost\n", size);
}

static void storm(const char *path, int rounds) {
  int64_t last = -1;
  for (int round = 0; round < rounds; round++) {
    int told[2];
    CHECK(pipe(told) == 0);
    pid_t child = fork();
    if (child == 0) {
      lily_session_storage *storage = opened(path);
      for (int64_t number = last + 1;; number++) {
        char json[32];
        snprintf(json, sizeof json, "%" PRId64, number);
        set(storage, "number", json, 0);
        if (number % 50 == 49) CHECK(lily_session_storage_sync(storage) == LILY_SESSION_OK);
        if (write(told[1], &number, sizeof number) != sizeof number) _exit(1);
      }
    }
    close(told[1]);
    int64_t acknowledged = last;
    for (int count = 0; count < 20 + 7 * round; count++) CHECK(read(told[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged);
    CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    for (int64_t more; read(told[0], &more, sizeof more) == sizeof more;) acknowledged = more;
    close(told[0]);
    lily_session_storage *storage = opened(path);
    char *json = NULL;
    CHECK(lily_session_storage_get(storage, "number", &json, NULL) == LILY_SESSION_OK);
    int64_t found = strtoll(json, NULL, 10);
    CHECK(found == acknowledged || found == acknowledged + 1);
    lily_session_free(json);
    lily_session_storage_close(storage);
    last = found;
  }
  printf("counted: %d kills, 0 lost\n", rounds);
}

/* The child of a fork must be told from its parent, whatever the size of a page. */
static void fork_with_page(const char *path, long size) {
  page = size;
  lily_session_storage *storage = opened(path);
  int status = -1;
  pid_t child = fork();
  if (child == 0) _exit(lily_session_storage_set(storage, "of a child", "1", 1, 0) == LILY_SESSION_ERROR_FORKED ? 0 : 1);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  set(storage, "of the parent", "1", 0);
  lily_session_storage_close(storage);
  page = 0;
}

int main(int argc, char **argv) {
  const char *command = argc > 2 ? argv[1] : "";
  program = argv[0];
  if (strcmp(command, "write") == 0) write_file(argv[2]);
  else if (strcmp(command, "read") == 0) read_file(argv[2]);
  else if (strcmp(command, "truncate") == 0) truncate_file(argv[2]);
  else if (strcmp(command, "storm") == 0) storm(argv[2], argc > 3 ? atoi(argv[3]) : 5);
  else if (strcmp(command, "members") == 0) members(argv[2]);
  else if (strcmp(command, "pages") == 0) for (long size = 4096; size <= 65536; size *= 4) fork_with_page(argv[2], size);
  else return 2;
  return 0;
}
