/* lily_session_storage_each(): its arguments, and what its visit may do. */
#include "rig.h"

struct walk {
  char keys[2000]; /* "a b c " */
  int64_t deadlines[64];
  int count, stop_at;
  lily_session_status result;
  bool texts_right;
  lily_session_storage *storage;
  lily_session_status inner; /* what the call inside the visit returned */
};

static lily_session_status walk(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms) {
  struct walk *walk = context;
  strcat(strcat(walk->keys, key), " ");
  walk->deadlines[walk->count % 64] = expires_at_ms;
  walk->texts_right = length > 2 && json[0] == '"' && json[length - 1] == '"' && memcmp(json + 1, key, length - 2) == 0;
  return ++walk->count == walk->stop_at ? walk->result : LILY_SESSION_OK;
}

/* Each value is its own key, so that a visit can see that they belong together. */
static void fill(lily_session_storage *storage, const char *const *keys, size_t count) {
  for (size_t i = 0; i < count; i++) {
    char json[80];
    snprintf(json, sizeof json, "\"%s\"", keys[i]);
    assert_ok(set_text(storage, keys[i], json));
  }
}

TEST(storage_each__null_storage) {
  int count = 0;
  assert_fails(INVALID_ARGUMENT, lily_session_storage_each(NULL, "", count_items, &count));
  assert_int_equal(count, 0);
}

TEST(storage_each__null_visit) {
  lily_session_storage *storage = open_memory();
  assert_fails(INVALID_ARGUMENT, lily_session_storage_each(storage, "", NULL, NULL));
  assert_ok(set_text(storage, "a", "1"));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_each(storage, "", NULL, NULL));
  lily_session_storage_close(storage);
}

TEST(storage_each__prefixes_that_are_none) {
  lily_session_storage *storage = open_memory();
  assert_ok(set_text(storage, "a", "1"));
  int count = 0;
  char *longest = repeated('p', 1025);
  assert_fails(INVALID_ARGUMENT, lily_session_storage_each(storage, longest, count_items, &count));
  longest[1024] = '\0';
  assert_ok(lily_session_storage_each(storage, longest, count_items, &count));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_each(storage, "\xff", count_items, &count));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_each(storage, "a\xc3", count_items, &count));
  assert_int_equal(count, 0);
  free(longest);
  lily_session_storage_close(storage);
}

TEST(storage_each__stops_where_visit_says_and_returns_it) {
  const char *keys[] = {"a", "b", "c"};
  const lily_session_status results[] = {LILY_SESSION_ERROR_CALLBACK, LILY_SESSION_ERROR_NOT_FOUND, -12345, 42, INT32_MIN};
  lily_session_storage *storage = open_memory();
  fill(storage, keys, COUNT(keys));
  for (size_t i = 0; i < COUNT(results); i++) {
    struct walk seen = {.stop_at = 2, .result = results[i]};
    assert_returns(results[i], lily_session_storage_each(storage, "", walk, &seen));
    assert_string_equal(seen.keys, "a b ");
  }
  lily_session_storage_close(storage);
}

static lily_session_status change_all(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms) {
  struct walk *seen = context;
  (void)json, (void)length, (void)expires_at_ms;
  strcat(strcat(seen->keys, key), " ");
  seen->inner |= lily_session_storage_remove(seen->storage, "a");
  seen->inner |= lily_session_storage_remove(seen->storage, "b");
  seen->inner |= set_text(seen->storage, "z", "1");
  seen->inner |= lily_session_storage_sync(seen->storage);
  return LILY_SESSION_OK;
}

TEST(storage_each__S15_visit_may_change_the_storage) {
  const char *keys[] = {"a", "b", "c"};
  lily_session_storage *storages[] = {open_memory(), open_storage(JOURNAL)};
  for (size_t i = 0; i < COUNT(storages); i++) {
    struct walk seen = {.storage = storages[i]};
    fill(storages[i], keys, COUNT(keys));
    assert_ok(lily_session_storage_each(storages[i], NULL, change_all, &seen));
    assert_int_equal(seen.inner, LILY_SESSION_OK);
    assert_string_equal(seen.keys, "a b c ");
    assert_entries(storages[i], 2);
    lily_session_storage_close(storages[i]);
  }
}

static lily_session_status walk_inside(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms) {
  struct walk *seen = context;
  (void)key, (void)json, (void)length, (void)expires_at_ms;
  seen->inner |= lily_session_storage_each(seen->storage, NULL, count_items, &seen->count);
  return LILY_SESSION_OK;
}

TEST(storage_each__S15_inside_itself) {
  const char *keys[] = {"a", "b", "c"};
  struct walk seen = {.storage = open_memory()};
  fill(seen.storage, keys, COUNT(keys));
  assert_ok(lily_session_storage_each(seen.storage, NULL, walk_inside, &seen));
  assert_int_equal(seen.inner, LILY_SESSION_OK);
  assert_int_equal(seen.count, 9);
  lily_session_storage_close(seen.storage);
}

static lily_session_status close_it(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms) {
  struct walk *seen = context;
  end_by(lily_session_storage_close, seen->storage);
  return walk(context, key, json, length, expires_at_ms);
}

TEST(storage_each__S15_visit_may_close_the_handle) {
  const char *keys[] = {"a", "b", "c"};
  lily_session_storage *storages[] = {open_memory(), open_storage(JOURNAL)};
  for (size_t i = 0; i < COUNT(storages); i++) {
    struct walk seen = {.storage = storages[i]};
    fill(storages[i], keys, COUNT(keys));
    assert_ok(lily_session_storage_each(storages[i], NULL, close_it, &seen));
    assert_string_equal(seen.keys, "a b c ");
    assert_true(seen.texts_right);
  }
}

TEST(storage_each__S9_expired_entries_are_not_there) {
  int64_t now = 100;
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.clock = fixed_clock;
  options.context = &now;
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
  assert_ok(lily_session_storage_set(storage, "a", "\"a\"", 3, 150));
  assert_ok(lily_session_storage_set(storage, "b", "\"b\"", 3, 0));
  assert_ok(lily_session_storage_set(storage, "c", "\"c\"", 3, 250));
  struct walk seen = {0};
  assert_ok(lily_session_storage_each(storage, NULL, walk, &seen));
  assert_string_equal(seen.keys, "a b c ");
  assert_int_equal(seen.deadlines[0], 150);
  assert_int_equal(seen.deadlines[1], 0);
  assert_int_equal(seen.deadlines[2], 250);
  now = 150;
  struct walk later = {0};
  assert_ok(lily_session_storage_each(storage, NULL, walk, &later));
  assert_string_equal(later.keys, "b c ");
  lily_session_storage_close(storage);
}
