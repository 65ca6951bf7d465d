/* Tests of a program's session, in memory, without a file, and with a clock of the test's own. */
#undef NDEBUG /* the tests use assert */
#include <assert.h>
#include <lily_session.h>
#include <stdio.h>
#include <string.h>

/* ---- the program: its model, its fields, and one of its functions */

struct app { int32_t tries; char token[32]; };

static void add_fields(lily_session_persistence *fields) {
  lily_session_field tries = LILY_SESSION_FIELD_INT32(struct app, tries), token = LILY_SESSION_FIELD_CHARS(struct app, token);
  token.expires_after_ms = 60 * 1000;
  assert(!lily_session_field_add(fields, &tries));
  assert(!lily_session_field_add(fields, &token));
}

static void log_in(struct app *app, const char *token) {
  app->tries++;
  snprintf(app->token, sizeof app->token, "%s", token);
}

/* ---- a run of the program: what a start would find in the storage */

static int64_t now = 1000; /* any time will do; only the test changes it */
static int64_t test_clock(void *context) { (void)context; return now; }

struct run { struct app app; lily_session_runtime *runtime; lily_session *session; };

static void begin(struct run *run, lily_session_storage *storage) {
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  memset(run, 0, sizeof *run);
  config.storage = storage; /* the program opens the default place here */
  add_fields(fields);
  assert(!lily_session_runtime_new(&run->app, NULL, NULL, &run->runtime));
  assert(!lily_session_attach(run->runtime, fields, &config, &run->session));
  lily_session_persistence_free(fields);
}

static void end(struct run *run) {
  lily_session_detach(run->session);
  lily_session_runtime_free(run->runtime);
}

static lily_session_storage *memory(int64_t quota_bytes) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage;
  options.clock = test_clock;
  options.quota_bytes = quota_bytes;
  assert(!lily_session_storage_open_memory(&options, &storage));
  return storage;
}

/* ---- the tests */

static void test_a_login_survives_a_restart(void) {
  lily_session_storage *storage = memory(0);
  struct run run;
  begin(&run, storage);
  log_in(&run.app, "grace-7");
  end(&run);
  begin(&run, storage);
  assert(run.app.tries == 1 && !strcmp(run.app.token, "grace-7"));
  end(&run);
  lily_session_storage_close(storage);
}

static void test_a_token_expires(void) {
  lily_session_storage *storage = memory(0);
  struct run run;
  begin(&run, storage);
  log_in(&run.app, "grace-7");
  assert(!lily_session_persist(run.session));
  now += 60 * 1000;
  assert(!lily_session_refresh(run.session));
  assert(run.app.tries == 1 && !run.app.token[0]);
  end(&run);
  lily_session_storage_close(storage);
}

static void test_what_does_not_fit_is_said_and_kept(void) {
  lily_session_storage *storage = memory(40); /* a failure on demand */
  struct run run;
  begin(&run, storage);
  log_in(&run.app, "a-token-of-some-length");
  assert(lily_session_persist(run.session) == LILY_SESSION_ERROR_QUOTA);
  assert(!strcmp(run.app.token, "a-token-of-some-length"));
  log_in(&run.app, "");
  assert(!lily_session_persist(run.session));
  end(&run);
  lily_session_storage_close(storage);
}

static void test_what_is_not_understood_is_left_alone(void) {
  lily_session_storage *storage = memory(0);
  struct run run;
  int32_t state;
  /* An older release might have stored this. */
  assert(!lily_session_storage_set(storage, "lily_session_tries", "\"many\"", 6, 0));
  begin(&run, storage);
  assert(run.app.tries == 0);
  assert(!lily_session_field_state(run.session, "tries", &state) && state == LILY_SESSION_STATE_REJECTED);
  end(&run);
  lily_session_storage_close(storage);
}

int main(void) {
  test_a_login_survives_a_restart();
  test_a_token_expires();
  test_what_does_not_fit_is_said_and_kept();
  test_what_is_not_understood_is_left_alone();
  puts("4 tests passed");
  return 0;
}
