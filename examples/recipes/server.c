/* A server with a session for each of its users: every user's scope is a file of its own, and a thread sweeps those of users who are gone.
 *
 *   server FILE [USERS]     lets four threads serve requests of 10,000 users, or so many
 *
 * A request comes from a function here. In your server it comes from the network, with the name and the token in a cookie. */
#include <lily_session.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { THREADS = 4, MINUTES = 60 * 1000 };
enum request { LOG_IN, PAGE, LOG_OUT };

/* What the server keeps of a user between two requests. */
struct user { char token[33]; int64_t pages; };

static lily_session_storage *all;
static lily_session_persistence *fields;
static int users = 10000;
static atomic_int log_ins, pages, refused, log_outs, is_over;

static void make_token(char *token) {
  unsigned char random[16];
  if (getrandom(random, sizeof random, 0) != sizeof random) abort();
  for (int i = 0; i < 16; i++) sprintf(token + 2 * i, "%02x", random[i]);
}

/* Serves one request. `token` is what the browser has sent; a log-in writes the new one there. */
static lily_session_status serve(const char *name, enum request request, char *token) {
  struct user user = { "", 0 };
  char scope[100];
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_runtime *runtime = NULL;
  lily_session *session = NULL;
  snprintf(scope, sizeof scope, "user:%.80s", name); /* a longer name than 64 bytes is refused. Never cut names: two users would share a session */
  lily_session_status status = lily_session_storage_scoped(all, scope, &config.storage);
  if (!status) status = lily_session_runtime_new(&user, NULL, NULL, &runtime);
  if (!status) status = lily_session_attach(runtime, fields, &config, &session);
  if (!status && request == LOG_IN) {
    make_token(user.token);
    status = lily_session_persist(session); /* from here on the user is logged in, whatever happens to this process */
    strcpy(token, user.token);
    log_ins++;
  } else if (!status && (user.token[0] == 0 || strcmp(user.token, token) != 0)) {
    refused++; /* never logged in, logged out meanwhile, or expired */
  } else if (!status && request == PAGE) {
    user.pages++;
    status = lily_session_touch(session, "token"); /* stores the count, too. The token expires 30 minutes after the last request */
    if (status == LILY_SESSION_ERROR_NOT_FOUND) status = LILY_SESSION_OK, refused++; /* logged out since this request began */
    else pages++;
  } else if (!status) {
    status = lily_session_clear(config.storage); /* in all browsers of the user, and in all processes of the server */
    log_outs++;
  }
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_storage_close(config.storage);
  return status;
}

/* Looks at about 1,000 files at a time, and removes those of users who are gone. The next call goes on with the others. */
static void *sweep(void *context) {
  (void)context;
  while (!is_over) {
    if (lily_session_storage_sweep(all, 1000, NULL)) fprintf(stderr, "server: %s\n", lily_session_last_error());
    usleep(200 * 1000); /* a real server waits for seconds or minutes */
  }
  return NULL;
}

/* The users of one thread: each logs in, sees two pages, and every second one logs out. */
static void *work(void *context) {
  const int first = (int)(intptr_t)context;
  for (int number = first; number < users; number += THREADS) {
    char name[16], token[33], stale[33] = "stale";
    snprintf(name, sizeof name, "%d", number);
    const enum request requests[] = { LOG_IN, PAGE, PAGE, number % 2 ? LOG_OUT : PAGE };
    for (int i = 0; i < 4; i++)
      if (serve(name, requests[i], token)) return fprintf(stderr, "server: %s\n", lily_session_last_error()), (void *)1;
    if (serve(name, PAGE, number % 2 ? token : stale)) return (void *)1; /* the token is no good any more, or never was */
  }
  return NULL;
}

static lily_session_status count(void *context, const char *scope) {
  (void)scope;
  ++*(int *)context;
  return LILY_SESSION_OK;
}

int main(int argc, char **argv) {
  if (argc < 2) return fputs("usage: server FILE [USERS]\n", stderr), 2;
  if (argc > 2) users = atoi(argv[2]);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = LILY_SESSION_SCOPE_FILES | LILY_SESSION_NO_SYNC;
  lily_session_field token = LILY_SESSION_FIELD_CHARS(struct user, token), seen = LILY_SESSION_FIELD_INT64(struct user, pages);
  token.expires_after_ms = seen.expires_after_ms = 30 * MINUTES;
  fields = lily_session_persistence_new();
  if (lily_session_storage_open(argv[1], &options, &all) || lily_session_field_add(fields, &token) || lily_session_field_add(fields, &seen))
    return fprintf(stderr, "server: %s\n", lily_session_last_error()), 1;

  pthread_t threads[THREADS], sweeper;
  void *failed = NULL, *one;
  pthread_create(&sweeper, NULL, sweep, NULL);
  for (intptr_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, (void *)i);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], &one), failed = failed ? failed : one;
  is_over = 1;
  pthread_join(sweeper, NULL);
  size_t rest = 0;
  int present = 0;
  if (failed || lily_session_storage_sweep(all, 0, NULL) || lily_session_storage_sweep(all, 0, &rest)
      || lily_session_storage_scopes(all, count, &present)) return 1;
  printf("%d log-ins, %d pages, %d requests refused, %d log-outs\n", log_ins, pages, refused, log_outs);
  printf("%d users are logged in; %zu others have a file\n", present, rest);
  lily_session_persistence_free(fields);
  lily_session_storage_close(all);
  return 0;
}
