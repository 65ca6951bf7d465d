/* S9: an entry reads as absent from the millisecond of its deadline on. */
#include "journal.h"
#include "storages.h"

static int64_t now;

static lily_session_storage *open_at(const char *path, int64_t time) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage = NULL;
  now = time;
  options.clock = fixed_clock;
  options.context = &now;
  if (path != NULL)
    assert_ok(lily_session_storage_open(path, &options, &storage));
  else
    assert_ok(lily_session_storage_open_memory(&options, &storage));
  return storage;
}

/* Somebody may set the clock to a wrong time and back. Nothing is lost by that unless the file is rewritten meanwhile. */
TEST(expiry__S9_a_clock_that_jumps_ten_years) {
  const int64_t start = INT64_C(1790000000000), years = INT64_C(10) * 366 * 24 * 3600 * 1000;
  const char *paths[] = {NULL, JOURNAL};
  for (size_t i = 0; i < COUNT(paths); i++) {
    lily_session_storage *storage = open_at(paths[i], start);
    assert_ok(lily_session_storage_set(storage, "hour", "1", 1, start + 3600 * 1000));
    assert_ok(lily_session_storage_set(storage, "decades", "2", 1, start + 3 * years));
    assert_ok(lily_session_storage_set(storage, "last", "3", 1, INT64_MAX));
    const int64_t jumps[] = {-years, years, 0, -2 * years, 2 * years, 0};
    for (size_t j = 0; j < COUNT(jumps); j++) {
      now = start + jumps[j];
      if (jumps[j] > 0) assert_absent(storage, "hour"); else assert_stored(storage, "hour", "1");
      assert_stored(storage, "decades", "2");
      assert_stored(storage, "last", "3");
      assert_entries(storage, jumps[j] > 0 ? 2 : 3);
    }
    lily_session_storage_close(storage);
  }
}

TEST(expiry__S9_another_write_renews_or_lifts_it) {
  lily_session_storage *storage = open_at(JOURNAL, 1000);
  assert_ok(lily_session_storage_set(storage, "a", "1", 1, 1100));
  assert_ok(lily_session_storage_set(storage, "a", "1", 1, 1200));
  now = 1199;
  assert_stored(storage, "a", "1");
  assert_ok(lily_session_storage_set(storage, "a", "1", 1, 0));
  now = 99999;
  assert_stored(storage, "a", "1");
  lily_session_storage_close(storage);
}

/* The deadline is in the file, so any reader honours it, whoever wrote it. */
TEST(expiry__S9_is_stored_with_the_entry) {
  lily_session_storage *storage = open_at(JOURNAL, 1000);
  assert_ok(lily_session_storage_set(storage, "a", "1", 1, 1790000000000));
  lily_session_storage_close(storage);
  json_t *line = operation(JOURNAL, 0);
  assert_int_equal(json_integer_value(json_array_get(line, 5)), 1790000000000);
  json_decref(line);
  storage = open_at(JOURNAL, 1789999999999);
  assert_stored(storage, "a", "1");
  now = 1790000000000;
  assert_absent(storage, "a");
  lily_session_storage_close(storage);
}

/* Without a clock of the host's, the system's clock counts: the first deadline is past, and the second is far away. */
TEST(expiry__S9_without_a_clock_of_the_hosts) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(lily_session_storage_set(storage, "past", "1", 1, 1577836800000));
  assert_ok(lily_session_storage_set(storage, "future", "1", 1, 253402300800000));
  assert_absent(storage, "past");
  assert_stored(storage, "future", "1");
  lily_session_storage_close(storage);
}

TEST(expiry__S9_expired_entries_are_swept_when_the_file_is_rewritten) {
  lily_session_storage *storage = open_at(JOURNAL, 1000);
  assert_ok(lily_session_storage_set(storage, "a", "\"" SECRET "\"", strlen(SECRET) + 2, 1500));
  assert_ok(set_text(storage, "b", "1"));
  assert_ok(set_text(storage, "c", "1"));
  now = 1500;
  assert_ok(lily_session_storage_remove(storage, "c"));
  assert_ok(lily_session_storage_sync(storage));
  assert_false(file_has(JOURNAL, SECRET));
  assert_stored(storage, "b", "1");
  lily_session_storage_close(storage);
}

static int64_t closing_clock(void *context) {
  lily_session_storage **storage = context, *once = *storage;
  *storage = NULL; /* closing may ask for the time again */
  lily_session_storage_close(once);
  return 1;
}

TEST(expiry__S15_a_clock_may_close_the_storage_that_asks_it) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage = NULL, *handle = NULL;
  options.clock = closing_clock;
  options.context = &storage;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &handle));
  assert_ok(lily_session_storage_set(handle, "a", "1", 1, 1000));
  storage = handle;
  char *json = NULL;
  assert_ok(lily_session_storage_get(handle, "a", &json, NULL));
  assert_string_equal(json, "1");
  lily_session_free(json);
  assert_null(storage);
}
