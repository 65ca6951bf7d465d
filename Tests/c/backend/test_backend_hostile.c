/* S20 for backends: whatever the host's functions return, nothing crashes or loops, and no wrong result is taken for a right one. */
#include "table.h"

static struct table table; /* Each test starts with a new one, as the test before it may have failed halfway. */

TEST(backend__keys_that_begin_with_U_0001_are_refused) {
  table = (struct table){0};
  lily_session_storage *storage = table_open(&table, NULL);
  table_put(&table, "\x01user:4\x01lily_session_theme", "1", 0, 0);
  const char *const keys[] = {"\x01", "\x01user:4\x01lily_session_theme", "\x01x"};
  char *json = UNTOUCHED;
  for (size_t i = 0; i < COUNT(keys); i++) {
    assert_fails(INVALID_ARGUMENT, set_text(storage, keys[i], "2"));
    assert_fails(INVALID_ARGUMENT, lily_session_storage_get(storage, keys[i], &json, NULL));
    assert_fails(INVALID_ARGUMENT, lily_session_storage_remove(storage, keys[i]));
  }
  assert_ptr_equal(json, UNTOUCHED);
  int count = 0;
  lily_session_storage_each(storage, "\x01", count_items, &count);
  assert_int_equal(count, 0);
  assert_int_equal(table.count, 1);
  assert_string_equal(table_row(&table, keys[1])->json, "1");
  /* In any other place of a key it is an ordinary character. */
  assert_ok(set_text(storage, "a\x01", "3"));
  assert_stored(storage, "a\x01", "3");
  lily_session_storage_close(storage);
  table_free(&table);
}

/* The separator between a scope's name and its keys may also be in the name. Two scopes must not become one. */
TEST(backend__S19_scopes_whose_names_have_U_0001) {
  table = (struct table){0};
  lily_session_storage *storage = table_open(&table, NULL), *scopes[4];
  const char *const names[] = {"a", "a\x01" "b", "\x01", "a\x01"}, *const keys[] = {"b\x01k", "k", "k", "\x01" "b\x01k"};
  lily_session_status made[COUNT(names)];
  char json[8];
  /* The library may also refuse such a name or key. */
  for (size_t i = 0; i < COUNT(names); i++) {
    scopes[i] = NULL;
    made[i] = lily_session_storage_scoped(storage, names[i], &scopes[i]);
    snprintf(json, sizeof json, "%zu", i);
    if (made[i] == LILY_SESSION_OK) made[i] = set_text(scopes[i], keys[i], json);
    if (made[i] != LILY_SESSION_OK) assert_int_equal(made[i], LILY_SESSION_ERROR_INVALID_ARGUMENT);
  }
  for (size_t i = 0; i < COUNT(names); i++) {
    snprintf(json, sizeof json, "%zu", i);
    if (made[i] == LILY_SESSION_OK) {
      assert_stored(scopes[i], keys[i], json);
      assert_entries(scopes[i], 1);
    }
    lily_session_storage_close(scopes[i]);
  }
  lily_session_storage_close(storage);
  table_free(&table);
}

static lily_session_status odd_read(void *context, const char *key, lily_session_entry *out_entry) {
  (void)key;
  *out_entry = *(const lily_session_entry *)context;
  return LILY_SESSION_OK;
}

static lily_session_status odd_each(void *context, const char *prefix, lily_session_entry_fn visit, void *visitor) {
  (void)prefix;
  return visit(visitor, context);
}

static lily_session_status odd_generation(void *context, const char *prefix, uint64_t *out_generation) {
  (void)context, (void)prefix;
  *out_generation = UINT64_MAX;
  return LILY_SESSION_OK;
}

/* This is for lily_session_backend.read and .each, which write nothing. */
static lily_session_storage *open_odd(lily_session_entry *entry) {
  lily_session_backend backend = table_backend(&table);
  lily_session_storage *storage = NULL;
  backend.context = entry;
  backend.release = backend.close = NULL;
  backend.sync = NULL;
  backend.read = odd_read;
  backend.each = odd_each;
  backend.generation = odd_generation;
  assert_ok(lily_session_storage_open_backend(&backend, NULL, &storage));
  return storage;
}

/* This is for lily_session_storage_each(): it checks that each entry is whole. */
static lily_session_status inspect(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms) {
  (void)expires_at_ms;
  *(size_t *)context += strlen(key) + strlen(json) + length;
  return LILY_SESSION_OK;
}

TEST(backend__S20_what_read_returns) {
  char *json = UNTOUCHED;
  lily_session_entry entry = {"k", "{not JSON", 9, 0, 0};
  lily_session_storage *storage = open_odd(&entry);
  assert_fails(DECODE, lily_session_storage_get(storage, "k", &json, NULL));
  entry.json = "";
  entry.length = 0;
  assert_fails(DECODE, lily_session_storage_get(storage, "k", &json, NULL));
  entry.json = "1x"; /* It must not be read past its length. */
  entry.length = 1;
  entry.expires_at_ms = INT64_MIN;
  entry.key = NULL;
  assert_stored(storage, "k", "1");
  assert_ptr_equal(json, UNTOUCHED);
  /* Without a text, or with an empty one, the call fails without a crash. */
  entry.json = NULL;
  assert_true(lily_session_storage_get(storage, "k", &json, NULL) < 0);
  entry.json = "1";
  entry.length = SIZE_MAX;
  assert_true(lily_session_storage_get(storage, "k", &json, NULL) < 0);
  /* Nor is a text read that is longer than a value may be. */
  entry.length = (16 << 20) + 1;
  assert_fails(DECODE, lily_session_storage_get(storage, "k", &json, NULL));
  entry.length = PTRDIFF_MAX;
  assert_fails(DECODE, lily_session_storage_get(storage, "k", &json, NULL));
  assert_ptr_equal(json, UNTOUCHED);
  lily_session_storage_close(storage);
}

TEST(backend__S20_what_each_hands_out) {
  char *long_key = repeated('k', 100000);
  const lily_session_entry entries[] = {
      {"k", "{not JSON", 9, 0, 0}, {"\x01", "1", 1, 0, 0}, {"\x01\x01", "1", 1, 0, 0}, {"\x01s\x01", "1", 1, 0, 0},
      {"\x01s", "1", 1, 0, 0}, {"", "1", 1, 0, 0}, {"\xff", "1", 1, 0, 0}, {long_key, "1", 1, 0, 0}, {"k", "1", 1, INT64_MIN, UINT32_MAX},
      {"k", NULL, 0, 0, 0}, {NULL, "1", 1, 0, 0}, {"k", "1", SIZE_MAX, 0, 0}, {"k", "1", PTRDIFF_MAX, 0, 0}, {"another prefix", "1", 1, 0, 0},
  };
  for (size_t i = 0; i < COUNT(entries); i++) {
    lily_session_entry entry = entries[i];
    lily_session_storage *storage = open_odd(&entry), *scope = open_scope(storage, "s");
    size_t sum = 0;
    lily_session_info info = LILY_SESSION_INFO_INIT;
    /* The call may return anything, but it must return. */
    lily_session_storage_each(storage, NULL, inspect, &sum);
    lily_session_storage_each(storage, "lily_session_", inspect, &sum);
    lily_session_storage_each(scope, NULL, inspect, &sum);
    lily_session_storage_info(storage, &info);
    lily_session_storage_close(scope);
    lily_session_storage_close(storage);
  }
  free(long_key);
}

/* An entry that was not asked for is not passed on. */
TEST(backend__S20_an_each_that_ignores_the_prefix) {
  lily_session_entry entry = {"somebody else's", "1", 1, 0, 0};
  lily_session_storage *storage = open_odd(&entry), *scope = open_scope(storage, "s");
  int count = 0;
  assert_ok(lily_session_storage_each(storage, "lily_session_", count_items, &count));
  assert_int_equal(count, 0);
  assert_ok(lily_session_storage_each(scope, NULL, count_items, &count));
  assert_int_equal(count, 0);
  lily_session_storage_close(scope);
  lily_session_storage_close(storage);
}

static lily_session_status stop_at_once(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms) {
  (void)context, (void)key, (void)json, (void)length, (void)expires_at_ms;
  return 42;
}

TEST(backend__each_of_a_host_that_stops) {
  table = (struct table){0};
  lily_session_storage *storage = table_open(&table, NULL);
  table_put(&table, "a", "1", 0, 0);
  assert_int_equal(lily_session_storage_each(storage, NULL, stop_at_once, NULL), 42);
  lily_session_storage_close(storage);
  table_free(&table);
}

static void begin_on_table(struct rig *rig, struct probe *theme) {
  table = (struct table){0};
  rig_begin(rig, table_open(&table, NULL));
  rig_attach_theme(rig, theme);
}

static int dispatch_newer(void *context) {
  struct rig rig;
  struct probe theme = {0};
  (void)context;
  alarm(10);
  begin_on_table(&rig, &theme);
  table.results[TABLE_WRITE] = LILY_SESSION_ERROR_NEWER;
  probe_string(&theme, "dark");
  const lily_session_status status = lily_session_runtime_dispatch(rig.runtime, NULL);
  int32_t state = 0;
  CHILD_CHECK(status == LILY_SESSION_ERROR_NEWER);
  CHILD_CHECK(lily_session_field_state(rig.session, "theme", &state) == LILY_SESSION_OK);
  CHILD_CHECK(state == (LILY_SESSION_STATE_ABSENT | LILY_SESSION_STATE_DIRTY));
  table.results[TABLE_WRITE] = LILY_SESSION_OK;
  rig_end(&rig);
  table_free(&table);
  return 0;
}

/* This runs in a child: if the backend returns NEWER for the current generation, the library must not ask again for ever. */
TEST(backend__S20_a_write_that_always_returns_NEWER) { assert_int_equal(in_child(dispatch_newer, NULL), 0); }

/* The value is stored, but may not survive power loss. The field is not dirty, and an event tells of it. */
TEST(backend__S12_a_write_that_is_not_durable) {
  struct rig rig;
  struct probe theme = {0};
  begin_on_table(&rig, &theme);
  table.after_write = LILY_SESSION_ERROR_NOT_DURABLE;
  assert_fails(NOT_DURABLE, set_text(rig.storage, "k", "1"));
  assert_stored(rig.storage, "k", "1");
  probe_string(&theme, "dark");
  assert_fails(NOT_DURABLE, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_NOT_DURABLE, LILY_SESSION_ERROR_NOT_DURABLE, 0, NULL);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED);
  table.after_write = LILY_SESSION_OK;
  rig_end(&rig);
  table_free(&table);
}

static void clear_each_time(struct table *table_, int function) {
  if (function != TABLE_WRITE) return;
  table_->hook = NULL;
  lily_session_storage *other = table_open(table_, NULL);
  lily_session_clear(other);
  lily_session_storage_close(other);
  table_->hook = clear_each_time;
}

static int dispatch_among_clears(void *context) {
  struct rig rig;
  struct probe theme = {0};
  int32_t state = 0;
  (void)context;
  alarm(10);
  begin_on_table(&rig, &theme);
  table.hook = clear_each_time;
  probe_string(&theme, "dark");
  CHILD_CHECK(lily_session_runtime_dispatch(rig.runtime, NULL) < 0);
  CHILD_CHECK(table.count == 0);
  CHILD_CHECK(lily_session_field_state(rig.session, "theme", &state) == LILY_SESSION_OK);
  CHILD_CHECK(state == (LILY_SESSION_STATE_ABSENT | LILY_SESSION_STATE_DIRTY));
  table.hook = NULL;
  rig_end(&rig);
  table_free(&table);
  return 0;
}

/* A backend that clears at each write keeps everything from being stored, but the calls return. */
TEST(backend__S20_a_clear_before_every_write) { assert_int_equal(in_child(dispatch_among_clears, NULL), 0); }
