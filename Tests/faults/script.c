/* The program into which the tests inject faults. It takes a session and two handles of one file, in one process or two, through every kind of change
 * and of rewriting.
 *
 *   script <path> <process|power> <what>
 *
 * It goes on after a failure, as a program would, and reports every step:
 *
 *   B  step  handle  what  ( key  value )…   a step begins; an update names all values that the model changes to
 *   A  step  status  last error              the step has returned
 *   E  kind  status  errno  key              an event during a step
 *   F  serial…                               the values that are in files of the folder after a sync or flush that is OK
 *   V  …                                     what a handle shows after each step (marks.h)
 */
#define _GNU_SOURCE
#include "marks.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct model {
  char *theme, *token, *note;
  int64_t count;
};

static const char *path; /* of the journal: for the script "scope" that of the scope's file, once it is open */
static const char *parent; /* the storage whose scope is a file; NULL: the storage is no scope */
static lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
static lily_session_storage *storages[3];
static struct model model, next;
static lily_session_runtime *runtime;
static lily_session *session;
static int step, serial, failures;

/* Returns a value that no other step has, of about this size. Each contains the word that no message may contain. */
static const char *text(size_t size) {
  static char texts[8][1 << 19];
  static int turn;
  char *made = texts[turn++ % 8];
  int used = sprintf(made, "s3cret-%d-", ++serial);
  if ((size_t)used < size) memset(made + used, 'a' + serial % 26, size - (size_t)used);
  made[(size_t)used < size ? size : (size_t)used] = 0;
  return made;
}

static void acknowledge(lily_session_status status) {
  failures += status != LILY_SESSION_OK;
  mark("A\t%d\t%d\t%s", step, status, lily_session_last_error());
  mark_end();
  for (int handle = 1; handle <= 2; handle++) {
    if (storages[handle]) mark_view(handle, storages[handle]);
  }
}

static void begin(int handle, const char *what) { mark("B\t%d\t%d\t%s", ++step, handle, what); }

static void begin_with_model(int handle, const char *what) {
  begin(handle, what);
  if (next.theme) mark("\tlily_session_theme\t\"%s\"", next.theme);
  if (next.token) mark("\tlily_session_token\t\"%s\"", next.token);
  if (next.note) mark("\tlily_session_note\t\"%s\"", next.note);
  if (next.count) mark("\tlily_session_count\t%lld", (long long)next.count);
  mark_end();
}

/* Opens the journal, or the scope that is a file. */
static lily_session_status open_once(lily_session_storage **storage) {
  if (!parent) return lily_session_storage_open(path, &options, storage);
  lily_session_storage *all = NULL;
  options.flags = LILY_SESSION_SCOPE_FILES;
  lily_session_status status = lily_session_storage_open(parent, &options, &all);
  if (status == LILY_SESSION_OK) status = lily_session_storage_scoped(all, "user:1", storage);
  if (status == LILY_SESSION_OK) {
    lily_session_storage_close(all); /* the scope retains it */
    path = strdup(lily_session_storage_path(*storage));
  } else {
    if (all) lily_session_storage_close(all);
  }
  return status;
}

/* Tries twice, because a fault that comes once must not end the script. */
static void open_storage(int handle) {
  for (int try = 0; try < 2 && !storages[handle]; try++) {
    begin(handle, "open");
    mark_end();
    acknowledge(open_once(&storages[handle]));
  }
}

static void put(int handle, const char *key, size_t size) {
  if (!storages[handle]) return;
  const char *value = text(size);
  char *json;
  int length = asprintf(&json, "\"%s\"", value);
  begin(handle, "put");
  mark("\t%s\t%s", key, json);
  mark_end();
  acknowledge(lily_session_storage_set(storages[handle], key, json, (size_t)length, 0));
  free(json);
}

static void take(int handle, const char *key) {
  if (!storages[handle]) return;
  begin(handle, "remove");
  mark("\t%s\t", key);
  mark_end();
  acknowledge(lily_session_storage_remove(storages[handle], key));
}

/* Reads a file by functions of the C library, whose calls the shim does not see. */
static size_t load(const char *name, char *into, size_t size) {
  FILE *file = fopen(name, "r");
  if (!file) return 0;
  size_t length = fread(into, 1, size, file);
  fclose(file);
  return length;
}

static char content[8 << 20];

/* Puts a copy of the file beside it, as a process might have left one that died. */
static void leave(const char *ending) {
  char name[4096];
  snprintf(name, sizeof name, "%s%s", path, ending);
  size_t length = load(path, content, sizeof content);
  FILE *file = fopen(name, "w");
  if (!file || fwrite(content, 1, length, file) != length || fclose(file) != 0 || chmod(name, 0600) != 0) abort();
}

static void mark_folder(void) {
  if (!path) return; /* the default place has a folder of its own */
  char folder[4096], name[8192];
  snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
  mark("F");
  DIR *all = opendir(folder);
  for (struct dirent *one; all && (one = readdir(all));) {
    if (one->d_type != DT_REG) continue; /* opening a FIFO would wait */
    snprintf(name, sizeof name, "%s/%s", folder, one->d_name);
    size_t length = load(name, content, sizeof content);
    for (char *at = content; (at = memmem(at, (size_t)(content + length - at), "s3cret-", 7)); at += 7) {
      mark("\t%ld", strtol(at + 7, NULL, 10));
    }
  }
  if (all) closedir(all);
  mark_end();
}

static void simple(int handle, const char *what, lily_session_status (*call)(lily_session_storage *)) {
  if (!storages[handle]) return;
  begin(handle, what);
  mark_end();
  lily_session_status status = call(storages[handle]);
  if (status == LILY_SESSION_OK && call == lily_session_storage_sync) mark_folder();
  acknowledge(status);
}

static void on_event(void *context, const lily_session_event *event) {
  (void)context;
  mark("E\t%d\t%d\t%d\t%s", event->kind, event->status, event->system_error, event->key ? event->key : "");
  mark_end();
}

static void *update(void *context, void *old, const void *message) {
  (void)context;
  (void)message;
  struct model *changed = old;
  if (next.theme) changed->theme = next.theme;
  if (next.token) changed->token = next.token;
  if (next.note) changed->note = next.note;
  if (next.count) changed->count = next.count;
  return changed;
}

static void attach(void) {
  if (!storages[1]) return;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_field token = LILY_SESSION_FIELD_STRING(struct model, token);
  token.expires_after_ms = 3600 * 1000;
  const lily_session_field all[] = {
    LILY_SESSION_FIELD_STRING(struct model, theme), token, LILY_SESSION_FIELD_STRING(struct model, note),
    LILY_SESSION_FIELD_INT64(struct model, count)};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) lily_session_field_add(fields, &all[i]);
  lily_session_runtime_new(&model, update, NULL, &runtime);
  for (int try = 0; try < 2 && !session; try++) {
    lily_session_config config = LILY_SESSION_CONFIG_INIT;
    config.storage = storages[1];
    config.on_event = on_event;
    begin(1, "attach");
    mark_end();
    acknowledge(lily_session_attach(runtime, fields, &config, &session));
  }
  lily_session_persistence_free(fields);
}

/* Watches for changes. A result of -1 is allowed. */
static void watch(int handle) {
  if (!storages[handle]) return;
  begin(handle, "watch");
  mark_end();
  lily_session_storage_fd(storages[handle]);
  acknowledge(0);
}

/* Changes the fields whose sizes are not 0. */
static void dispatch(size_t theme, size_t token, size_t note, bool count) {
  if (!session) return;
  next = (struct model){0};
  if (theme) next.theme = strdup(text(theme));
  if (token) next.token = strdup(text(token));
  if (note) next.note = strdup(text(note));
  if (count) next.count = ++serial;
  begin_with_model(1, "update");
  acknowledge(lily_session_runtime_dispatch(runtime, NULL));
}

static void touch(void) {
  if (!session) return;
  begin(1, "touch");
  mark_end();
  acknowledge(lily_session_touch(session, "token"));
}

static void flush(void) {
  if (!session) return;
  begin(1, "flush");
  mark_end();
  lily_session_status status = lily_session_flush(session);
  if (status == LILY_SESSION_OK) mark_folder();
  acknowledge(status);
}

/* Ends everything. These functions return void, so that the status 0 only means that they have returned. */
static void finish(void) {
  if (session) {
    begin(1, "detach");
    mark_end();
    lily_session_detach(session);
    acknowledge(0);
  }
  if (runtime) lily_session_runtime_free(runtime);
  for (int handle = 2; handle >= 1; handle--) {
    if (!storages[handle]) continue;
    begin(handle, "close");
    mark_end();
    lily_session_storage_close(storages[handle]);
    storages[handle] = NULL;
    acknowledge(0);
  }
}

static void everything(void) {
  open_storage(1);
  attach();
  dispatch(12, 0, 0, false);
  watch(1);
  dispatch(14, 20, 5000, true);
  put(1, "other", 40);
  put(1, "large", 9000);
  touch();
  take(1, "other");
  simple(1, "sync", lily_session_storage_sync);
  dispatch(0, 0, 0, true);
  put(1, "other", 0);
  open_storage(2);
  put(2, "second", 100);
  take(1, "large");
  simple(1, "sync", lily_session_storage_sync);
  put(2, "second", 200);
  dispatch(30, 0, 3000, false);
  simple(1, "clear", lily_session_clear);
  dispatch(9, 0, 0, false);
  put(1, "other", 60);
  take(2, "other");
  simple(2, "sync", lily_session_storage_sync);
  dispatch(0, 15, 0, true); /* this also stores the theme from after the clear, if it could not be stored then */
  put(2, "second", 4096);
  flush();
  finish();
}

/* Removes the file of the scope if nothing is left in it, as a server does beside its requests. */
static void sweep(void) {
  lily_session_storage *all = NULL;
  begin(3, "sweep");
  mark_end();
  lily_session_status status = lily_session_storage_open(parent, &options, &all);
  if (status == LILY_SESSION_OK) status = lily_session_storage_sweep(all, 0, NULL);
  acknowledge(status);
  lily_session_storage_close(all);
}

/* A scope that is a file, which is made, swept and made again, while handles and a session have it open. */
static void scope(void) {
  parent = path;
  open_storage(1);
  attach();
  watch(1);
  dispatch(12, 0, 0, false);
  put(1, "other", 40);
  sweep();
  open_storage(2);
  dispatch(14, 20, 5000, true);
  take(1, "other");
  simple(2, "clear", lily_session_clear);
  sweep();
  dispatch(9, 0, 0, false);
  put(2, "second", 100);
  take(1, "second");
  simple(1, "clear", lily_session_clear);
  simple(1, "sync", lily_session_storage_sync);
  sweep();
  simple(2, "clear", lily_session_clear); /* there is no file */
  put(1, "other", 50);                    /* the descriptor of this handle was asked for */
  put(2, "second", 200);
  dispatch(0, 15, 3000, true);
  flush();
  finish();
}

/* Tells the second process what to do, and passes the counts on. */
struct order {
  char what[8], key[8];
  size_t size;
  int step, serial;
};
static int orders[2], results[2];

static void serve(void) {
  struct order order;
  while (read(orders[0], &order, sizeof order) == sizeof order) {
    step = order.step;
    serial = order.serial;
    if (strcmp(order.what, "open") == 0) open_storage(2);
    else if (strcmp(order.what, "put") == 0) put(2, order.key, order.size);
    else if (strcmp(order.what, "take") == 0) take(2, order.key);
    else if (strcmp(order.what, "sync") == 0) simple(2, "sync", lily_session_storage_sync);
    else if (strcmp(order.what, "clear") == 0) simple(2, "clear", lily_session_clear);
    else finish();
    order.step = step;
    order.serial = serial;
    if (write(results[1], &order, sizeof order) != sizeof order) break;
  }
  _exit(0);
}

/* Makes the second process do something, and waits until it has. If it was killed, goes on without it. */
static void other(const char *what, const char *key, size_t size) {
  struct order order = {.size = size, .step = step, .serial = serial};
  strcpy(order.what, what);
  strcpy(order.key, key);
  if (write(orders[1], &order, sizeof order) != sizeof order || read(results[0], &order, sizeof order) != sizeof order) return;
  step = order.step;
  serial = order.serial;
}

/* Runs two processes that take turns and rewrite the file under each other. */
static void shared(void) {
  signal(SIGPIPE, SIG_IGN);
  if (pipe(orders) || pipe(results)) abort();
  pid_t child = fork();
  close(orders[child != 0 ? 0 : 1]);
  close(results[child != 0 ? 1 : 0]);
  if (child == 0) serve();
  open_storage(1);
  attach();
  dispatch(12, 0, 0, false);
  other("open", "", 0);
  put(1, "first", 100);
  other("put", "second", 5000);
  dispatch(0, 20, 3000, true);
  other("put", "second", 100);
  take(1, "first");
  simple(1, "sync", lily_session_storage_sync);
  other("put", "third", 200);
  dispatch(14, 0, 0, false);
  other("take", "third", 0);
  other("sync", "", 0);
  put(1, "first", 60);
  other("clear", "", 0);
  dispatch(9, 0, 0, false);
  other("put", "second", 4096);
  put(1, "first", 4000);
  other("sync", "", 0);
  dispatch(0, 0, 0, true);
  other("finish", "", 0);
  close(orders[1]);
  waitpid(child, NULL, 0);
  finish();
}

/* Makes few steps with one handle, for tests that prepare the file. */
static void few(void) {
  open_storage(1);
  put(1, "first", 30);
  take(1, "stored");
  simple(1, "sync", lily_session_storage_sync);
  put(1, "last", 30);
  finish();
}

/* Removes what others may have left beside the file, too. */
static void erase(void) {
  open_storage(1);
  open_storage(2);
  for (int turn = 0; turn < 3; turn++) {
    put(1, "lily_session_token", 40);
    put(1, "other", 40);
    leave(".damaged");
    leave(".89abcdef.tmp");
    leave(".replacement");
    if (turn == 0) simple(1, "clear", lily_session_clear);
    else take(1, "lily_session_token");
    if (turn == 2) take(2, "lily_session_token"); /* which is not there any more */
    simple(turn == 2 ? 2 : 1, "sync", lily_session_storage_sync);
  }
  finish();
}

/* Comes by while another program is at work, and leaves what it found. A step that fails is told by the exit status. */
static void visit(void) {
  open_storage(1);
  put(1, "visit", 30);
  take(1, "visit");
  finish();
  exit(failures != 0);
}

/* Comes by and sweeps, as a server's timer does. */
static void sweeper(void) {
  parent = path;
  options.flags = LILY_SESSION_SCOPE_FILES;
  sweep();
  exit(failures != 0);
}

/* Makes few steps in the default place, where the library itself makes the directories. */
static void place(void) {
  char *directory;
  if (asprintf(&directory, "%.*s/state", (int)(strrchr(path, '/') - path), path) < 0) abort();
  setenv("LILY_SESSION_DIR", directory, 1);
  options.application = "script";
  path = NULL;
  few();
}

/* Grows the file past the size at which an update rewrites it. */
static void grow(void) {
  open_storage(1);
  put(1, "kept", 100);
  for (int i = 0; i < 20; i++) put(1, "large", 230 << 10);
  put(1, "last", 100);
  finish();
}

/* Leaves a file behind that the next opening rewrites, and ends without a sync. */
static void fat(void) {
  open_storage(1);
  put(1, "stored", 100);
  for (int i = 0; i < 12; i++) put(1, "fat", 9000);
  exit(0);
}

/* Stores until the disk is full or the size limit is reached, tries once more, and then removes everything. */
static void fill(void) {
  char key[16];
  int count = 0;
  open_storage(1);
  attach();
  dispatch(12, 20, 0, true);
  for (; storages[1] && count < 400; count++) {
    sprintf(key, "k%d", count);
    const char *value = text(800);
    char *json;
    int length = asprintf(&json, "\"%s\"", value);
    begin(1, "put");
    mark("\t%s\t%s", key, json);
    mark_end();
    lily_session_status status = lily_session_storage_set(storages[1], key, json, (size_t)length, 0);
    acknowledge(status);
    free(json);
    if (status != LILY_SESSION_OK) break;
  }
  dispatch(20000, 0, 0, false);
  open_storage(2);
  take(2, "k0");
  simple(1, "clear", lily_session_clear);
  for (int i = 1; i < count && i < 40; i++) {
    sprintf(key, "k%d", i);
    take(1, key);
  }
  finish();
}

int main(int argc, char **argv) {
  static const struct { const char *name; void (*run)(void); } scripts[] = {
    {"everything", everything}, {"scope", scope}, {"few", few}, {"grow", grow}, {"fat", fat}, {"fill", fill},
    {"shared", shared}, {"place", place}, {"erase", erase}, {"visit", visit}, {"sweep", sweeper}};
  if (argc < 4) return 2;
  path = argv[1];
  if (strcmp(argv[2], "power") == 0) options.durability = LILY_SESSION_DURABILITY_POWER;
  if (argc > 4) {
    struct rlimit limit = {strtoul(argv[4], NULL, 10), RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
    if (strcmp(argv[3], scripts[i].name) == 0) {
      scripts[i].run();
      return 0;
    }
  }
  return 2;
}
