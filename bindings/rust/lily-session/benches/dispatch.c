/* Measures a dispatch that changes one field of twenty in C, as dispatch.rs does in Rust.
 *
 *   dispatch journal|memory FOLDER     prints the median of the rounds, in ns a dispatch */
#include <lily_session.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { INTEGERS = 10, STRINGS = 10, FIELDS = INTEGERS + STRINGS, WORDS = 26, ROUNDS = 9, DISPATCHES = 20000 };

struct model { int64_t integers[INTEGERS]; char strings[STRINGS][24]; };
static char words[WORDS][24];

static lily_session_status get_integer(void *context, const void *session, lily_session_value *out) {
  out->type = LILY_SESSION_INT;
  out->as.integer = ((const struct model *)session)->integers[(size_t)context];
  return LILY_SESSION_OK;
}

static lily_session_status set_integer(void *context, void *session, const lily_session_value *value) {
  ((struct model *)session)->integers[(size_t)context] = value->as.integer;
  return LILY_SESSION_OK;
}

static lily_session_status get_string(void *context, const void *session, lily_session_value *out) {
  out->type = LILY_SESSION_STRING;
  out->as.text.bytes = ((const struct model *)session)->strings[(size_t)context];
  out->as.text.length = strlen(out->as.text.bytes);
  return LILY_SESSION_OK;
}

static lily_session_status set_string(void *context, void *session, const lily_session_value *value) {
  snprintf(((struct model *)session)->strings[(size_t)context], 24, "%s", value->as.text.bytes);
  return LILY_SESSION_OK;
}

static void *update(void *context, void *model, const void *message) {
  size_t number = *(const size_t *)message, field = number % FIELDS;
  struct model *mine = model;
  (void)context;
  if (field < INTEGERS) mine->integers[field]++;
  else strcpy(mine->strings[field - INTEGERS], words[number / FIELDS % WORDS]);
  return model;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare(const void *one, const void *two) { return *(const double *)one > *(const double *)two ? 1 : -1; }

static void check(lily_session_status status) {
  if (status == LILY_SESSION_OK) return;
  fprintf(stderr, "dispatch: %s\n", lily_session_last_error());
  exit(1);
}

int main(int argc, char **argv) {
  static struct model model;
  lily_session_storage *storage;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime;
  lily_session *session;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  char path[4096], keys[FIELDS][24];
  double rounds[ROUNDS];
  size_t number = 0;

  if (argc != 3) return 2;
  snprintf(path, sizeof path, "%s/c.jsonl", argv[2]);
  for (int word = 0; word < WORDS; word++) snprintf(words[word], sizeof words[word], "%c and so it goes", 'a' + word);
  check(strcmp(argv[1], "memory") == 0 ? lily_session_storage_open_memory(NULL, &storage) : lily_session_storage_open(path, NULL, &storage));
  for (size_t at = 0; at < FIELDS; at++) {
    lily_session_field field = LILY_SESSION_FIELD_INIT;
    bool integer = at < INTEGERS;
    snprintf(keys[at], sizeof keys[at], "field_%zu", at);
    field.key = keys[at];
    field.types = integer ? LILY_SESSION_INT : LILY_SESSION_STRING;
    field.get = integer ? get_integer : get_string;
    field.set = integer ? set_integer : set_string;
    field.context = (void *)(integer ? at : at - INTEGERS);
    check(lily_session_field_add(fields, &field));
  }
  check(lily_session_runtime_new(&model, update, NULL, &runtime));
  config.storage = storage;
  check(lily_session_attach(runtime, fields, &config, &session));

  for (int round = -1; round < ROUNDS; round++) { /* the first is not counted */
    double start = now();
    for (int turn = 0; turn < DISPATCHES; turn++, number++) check(lily_session_runtime_dispatch(runtime, &number));
    if (round >= 0) rounds[round] = (now() - start) / DISPATCHES;
  }
  qsort(rounds, ROUNDS, sizeof *rounds, compare);
  printf("%.1f\n", rounds[ROUNDS / 2]);

  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(storage);
  return 0;
}
