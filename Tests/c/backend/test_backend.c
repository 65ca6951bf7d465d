/* lily_session_storage_open_backend(): which backends it accepts, what it passes to their functions, and what it makes of their failures.
   */
#include "table.h"

#include <stddef.h>

static struct table table; /* Each test starts with a new one, as the test before it may have failed halfway. */
static int64_t now;

static lily_session_status open_with(const lily_session_backend *backend, const lily_session_storage_options *options) {
  lily_session_storage *storage = UNTOUCHED;
  const lily_session_status status = lily_session_storage_open_backend(backend, options, &storage);
  if (status != LILY_SESSION_OK) assert_null(storage);
  if (status == LILY_SESSION_OK) lily_session_storage_close(storage);
  return status;
}

TEST(backend__opens_and_ends_in_order) {
  table = (struct table){0};
  lily_session_storage *storage = table_open(&table, NULL);
  for (int i = 0; i < TABLE_FUNCTIONS; i++) assert_int_equal(table.calls[i], 0);
  assert_null(lily_session_storage_path(storage));
  lily_session_storage_close(storage);
  assert_int_equal(table.closes, 1);
  assert_int_equal(table.releases, 1);
  assert_int_equal(table.closes_at_release, 1);
  table_free(&table);
}

TEST(backend__release_runs_once_wherever_opening_fails) {
  table = (struct table){0};
  lily_session_backend backend = table_backend(&table);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  int failures = 0;
  assert_fails(INVALID_ARGUMENT, lily_session_storage_open_backend(&backend, NULL, NULL));
  assert_int_equal(table.releases, ++failures);
  size_t needed[] = {offsetof(lily_session_backend, read), offsetof(lily_session_backend, write), offsetof(lily_session_backend, clear),
                     offsetof(lily_session_backend, generation), offsetof(lily_session_backend, each)};
  for (size_t i = 0; i < COUNT(needed); i++) {
    lily_session_backend lacking = backend;
    memset((char *)&lacking + needed[i], 0, sizeof(void (*)(void)));
    assert_fails(INVALID_ARGUMENT, open_with(&lacking, NULL));
    assert_int_equal(table.releases, ++failures);
  }
  const int64_t quotas[] = {1, -1, -2, 5 << 20};
  for (size_t i = 0; i < COUNT(quotas); i++) {
    options.quota_bytes = quotas[i];
    assert_fails(INVALID_ARGUMENT, open_with(&backend, &options));
    assert_int_equal(table.releases, ++failures);
  }
  options.quota_bytes = 0;
  options.flags = LILY_SESSION_READ_ONLY;
  assert_fails(INVALID_ARGUMENT, open_with(&backend, &options));
  options.flags = 0;
  options.durability = 2;
  assert_fails(INVALID_ARGUMENT, open_with(&backend, &options));
  options.durability = 0;
  options.application = "shop";
  assert_fails(INVALID_ARGUMENT, open_with(&backend, &options));
  options.application = NULL;
  options.size--;
  assert_fails(INVALID_ARGUMENT, open_with(&backend, &options));
  failures += 4;
  assert_int_equal(table.releases, failures);
  options.size++;
  assert_int_equal(table.closes, 0); /* it was never opened */
  assert_ok(open_with(&backend, &options));
  assert_int_equal(table.releases, failures + 1);
  table_free(&table);
}

TEST(backend__NULL) {
  lily_session_storage *storage = UNTOUCHED;
  assert_fails(INVALID_ARGUMENT, lily_session_storage_open_backend(NULL, NULL, &storage));
  assert_null(storage);
  assert_fails(INVALID_ARGUMENT, lily_session_storage_open_backend(NULL, NULL, NULL));
}

/* A checker of memory sees whether a struct that is too small is read past its end. */
TEST(backend__sizes) {
  table = (struct table){0};
  const size_t names_release = offsetof(lily_session_backend, release) + sizeof(void (*)(void *));
  lily_session_backend whole = table_backend(&table);
  int releases = 0;
  for (size_t size = sizeof(size_t); size < offsetof(lily_session_backend, renew); size++) {
    void *cut = malloc(size);
    memcpy(cut, &whole, size);
    memcpy(cut, &size, sizeof size);
    assert_fails(INVALID_ARGUMENT, open_with(cut, NULL));
    if (size >= names_release) releases++;
    assert_int_equal(table.releases, releases);
    free(cut);
  }
  struct {
    lily_session_backend backend;
    char tail[64];
  } larger = {.backend = whole};
  for (size_t more = 1; more <= sizeof larger.tail; more++) {
    larger.backend.size = sizeof whole + more;
    assert_ok(open_with(&larger.backend, NULL));
    larger.tail[more - 1] = 1;
    assert_fails(INVALID_ARGUMENT, open_with(&larger.backend, NULL));
    larger.tail[more - 1] = 0;
    releases += 2;
  }
  assert_int_equal(table.releases, releases);
  table_free(&table);
}

TEST(backend__the_optional_functions_may_be_missing) {
  table = (struct table){0};
  lily_session_backend backend = table_backend(&table);
  lily_session_storage *storage = NULL;
  backend.release = backend.close = NULL;
  backend.sync = NULL;
  backend.fd = NULL;
  assert_ok(lily_session_storage_open_backend(&backend, NULL, &storage));
  assert_ok(set_text(storage, "a", "1"));
  assert_ok(lily_session_storage_sync(storage));
  assert_int_equal(lily_session_storage_fd(storage), -1);
  assert_stored(storage, "a", "1");
  lily_session_storage_close(storage);
  assert_int_equal(table.releases + table.closes, 0);
  table_free(&table);
}

TEST(backend__what_reaches_it) {
  table = (struct table){0};
  now = 5;
  lily_session_storage *storage = table_open(&table, &now);
  assert_ok(lily_session_storage_set(storage, "k", "[1, 2]", 6, 77));
  assert_string_equal(table_row(&table, "k")->json, "[1,2]");
  assert_int_equal(table_row(&table, "k")->expires_at_ms, 77);
  assert_int_equal(table_row(&table, "k")->version, 0);
  assert_false(table.has_prefix);
  /* The library decides whether an entry has expired; the backend returns expired entries, too. */
  now = 77;
  assert_absent(storage, "k");
  assert_non_null(table_row(&table, "k"));
  lily_session_storage *scope = NULL;
  assert_ok(lily_session_storage_scoped(storage, "user:4", &scope));
  assert_ok(set_text(scope, "lily_session_k", "2"));
  assert_non_null(table_row(&table, "\x01user:4\x01lily_session_k"));
  lily_session_storage_close(scope);
  const int syncs = table.calls[TABLE_SYNC];
  assert_ok(lily_session_storage_sync(storage));
  assert_int_equal(table.calls[TABLE_SYNC], syncs + 1);
  lily_session_storage_close(storage);
  table_free(&table);
}

static bool is_of_the_call(lily_session_status status) {
  return status == LILY_SESSION_ERROR_UPDATE || status == LILY_SESSION_ERROR_INVALID_ARGUMENT || status == LILY_SESSION_ERROR_REENTRANT ||
         status == LILY_SESSION_ERROR_UNSUPPORTED;
}

/* A status of the library is returned as it is, and any other number as IO. So are those after which a message was not applied, if a read or a
   write returns them, which are a part of updates. The message is one line. */
TEST(backend__failures_come_out) {
  table = (struct table){0};
  const lily_session_status given[] = {LILY_SESSION_ERROR_PERMISSION, LILY_SESSION_ERROR_NO_SPACE, LILY_SESSION_ERROR_BUSY,
                                       LILY_SESSION_ERROR_QUOTA, LILY_SESSION_ERROR_CORRUPT, LILY_SESSION_ERROR_IO, LILY_SESSION_ERROR_UPDATE, LILY_SESSION_ERROR_INVALID_ARGUMENT,
                                       LILY_SESSION_ERROR_REENTRANT, LILY_SESSION_ERROR_UNSUPPORTED, 1, 77, -9, -28,
                                       -1000, INT32_MAX, INT32_MIN};
  lily_session_storage *storage = table_open(&table, NULL);
  for (size_t i = 0; i < COUNT(given); i++) {
    const bool known = strcmp(lily_session_status_name(given[i]), "LILY_SESSION_ERROR_UNKNOWN") != 0;
    const lily_session_status expected = known ? given[i] : LILY_SESSION_ERROR_IO;
    const lily_session_status in_updates = is_of_the_call(given[i]) ? LILY_SESSION_ERROR_IO : expected;
    char *json = UNTOUCHED;
    int count = 0;
    for (int function = 0; function < TABLE_FUNCTIONS; function++) {
      if (function == TABLE_GENERATION) continue; /* below, through a session */
      table.results[function] = given[i];
      switch (function) {
        case TABLE_READ: assert_returns(in_updates, lily_session_storage_get(storage, "k", &json, NULL)); break;
        case TABLE_WRITE:
          assert_returns(in_updates, set_text(storage, "k", "1"));
          assert_returns(in_updates, lily_session_storage_remove(storage, "k"));
          break;
        case TABLE_CLEAR: assert_returns(expected, lily_session_clear(storage)); break;
        case TABLE_EACH: assert_returns(expected, lily_session_storage_each(storage, NULL, count_items, &count)); break;
        case TABLE_SYNC: assert_returns(expected, lily_session_storage_sync(storage)); break;
      }
      table.results[function] = LILY_SESSION_OK;
    }
    assert_ptr_equal(json, UNTOUCHED);
    assert_int_equal(count, 0);
  }
  assert_int_equal(table.count, 0);
  lily_session_storage_close(storage);
  table_free(&table);
}

/* Each function of a storage may call these functions of a backend. */
TEST(backend__a_session_on_a_backend_that_fails) {
  table = (struct table){0};
  struct rig rig;
  struct probe theme = {0};
  table_put(&table, "lily_session_theme", "\"dark\"", 0, 0);
  rig_begin(&rig, table_open(&table, NULL));
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  probe_string(&theme, "light");
  rig.config.release = NULL;
  const int functions[] = {TABLE_READ, TABLE_GENERATION};
  for (size_t i = 0; i < COUNT(functions); i++) {
    rig.session = UNTOUCHED;
    table.results[functions[i]] = LILY_SESSION_ERROR_BUSY;
    assert_fails(BUSY, lily_session_attach(rig.runtime, rig.fields, &rig.config, &rig.session));
    assert_null(rig.session);
    assert_int_equal(theme.sets, 0);
    table.results[functions[i]] = LILY_SESSION_OK;
  }
  rig_attach(&rig);
  table.results[TABLE_WRITE] = LILY_SESSION_ERROR_NO_SPACE;
  probe_string(&theme, "blue");
  assert_fails(NO_SPACE, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_event(&rig, 0, LILY_SESSION_EVENT_WRITE_FAILED, LILY_SESSION_ERROR_NO_SPACE, 0, "theme");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED | LILY_SESSION_STATE_DIRTY);
  table.results[TABLE_WRITE] = LILY_SESSION_OK;
  rig_dispatch(&rig);
  assert_string_equal(table_row(&table, "lily_session_theme")->json, "\"blue\"");
  table.results[TABLE_READ] = LILY_SESSION_ERROR_BUSY;
  assert_fails(BUSY, lily_session_refresh(rig.session));
  assert_fails(BUSY, lily_session_touch(rig.session, "theme"));
  table.results[TABLE_READ] = LILY_SESSION_OK;
  table.results[TABLE_SYNC] = LILY_SESSION_ERROR_NOT_DURABLE;
  assert_fails(NOT_DURABLE, lily_session_flush(rig.session));
  table.results[TABLE_SYNC] = LILY_SESSION_OK;
  rig_end(&rig);
  assert_int_equal(table.releases, 1);
  table_free(&table);
}
