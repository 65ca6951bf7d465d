/* lily_session_storage_get(): its arguments, and what it returns. */
#include "test.h"

TEST(storage_get__null_storage) {
  char *json = UNTOUCHED;
  size_t length = 7;
  assert_fails(INVALID_ARGUMENT, lily_session_storage_get(NULL, "a", &json, &length));
  assert_ptr_equal(json, UNTOUCHED);
  assert_int_equal(length, 7);
}

TEST(storage_get__null_key) {
  lily_session_storage *storage = open_memory();
  char *json = UNTOUCHED;
  assert_fails(INVALID_ARGUMENT, lily_session_storage_get(storage, NULL, &json, NULL));
  assert_ptr_equal(json, UNTOUCHED);
  lily_session_storage_close(storage);
}

TEST(storage_get__null_out_json) {
  lily_session_storage *storage = open_memory();
  assert_ok(set_text(storage, "a", "1"));
  size_t length = 7;
  assert_fails(INVALID_ARGUMENT, lily_session_storage_get(storage, "a", NULL, &length));
  assert_int_equal(length, 7);
  lily_session_storage_close(storage);
}

TEST(storage_get__null_out_length) {
  lily_session_storage *storage = open_memory();
  assert_ok(set_text(storage, "a", "[1,2]"));
  char *json = NULL;
  assert_ok(lily_session_storage_get(storage, "a", &json, NULL));
  assert_string_equal(json, "[1,2]");
  lily_session_free(json);
  lily_session_storage_close(storage);
}

TEST(storage_get__is_a_copy) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "a", "\"first\""));
  char *first = NULL;
  size_t length = 0;
  assert_ok(lily_session_storage_get(storage, "a", &first, &length));
  assert_ok(set_text(storage, "a", "\"second\""));
  memset(first + 1, 'x', 2);
  assert_stored(storage, "a", "\"second\"");
  lily_session_storage_close(storage);
  assert_string_equal(first, "\"xxrst\"");
  assert_int_equal(length, 7);
  lily_session_free(first);
}

TEST(storage_get__is_nul_terminated_behind_its_length) {
  lily_session_storage *storage = open_storage(JOURNAL);
  for (size_t size = 2; size < 100; size++) {
    char *text = repeated('x', size), *json = NULL;
    size_t length = 0;
    text[0] = text[size - 1] = '"';
    assert_ok(set_text(storage, "a", text));
    assert_ok(lily_session_storage_get(storage, "a", &json, &length));
    assert_int_equal(length, size);
    assert_string_equal(json, text);
    lily_session_free(json);
    free(text);
  }
  lily_session_storage_close(storage);
}

/* The prefix is part of the key: nothing is added for the caller. */
TEST(storage_get__S1_takes_whole_keys) {
  lily_session_storage *storage = open_memory();
  assert_ok(set_text(storage, "lily_session_theme", "1"));
  assert_absent(storage, "theme");
  assert_absent(storage, "lily_session_");
  assert_absent(storage, "lily_session_them");
  assert_absent(storage, "lily_session_theme ");
  assert_stored(storage, "lily_session_theme", "1");
  lily_session_storage_close(storage);
}
