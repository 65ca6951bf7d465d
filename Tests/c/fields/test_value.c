/* The functions for the union of a lily_session_value, which other languages use: they do what the members do. */
#include "test.h"

#include <limits.h>

/* What a value has before each test: bytes that no function sets. */
static lily_session_value value;

static void begin(void) { memset(&value, 0xA5, sizeof value); }

/* Checks that the getters of the other types return nothing. */
static void only(int32_t type) {
  size_t length = 7;
  assert_int_equal(value.type, type);
  if (type != LILY_SESSION_BOOL) assert_false(lily_session_value_get_bool(&value));
  if (type != LILY_SESSION_INT) assert_int_equal(lily_session_value_get_int(&value), 0);
  if (type != LILY_SESSION_REAL) assert_true(lily_session_value_get_real(&value) == 0);
  if (type != LILY_SESSION_STRING) {
    assert_null(lily_session_value_get_string(&value, &length));
    assert_int_equal(length, 0);
    assert_null(lily_session_value_get_string(&value, NULL));
  }
  length = 7;
  if (type != LILY_SESSION_JSON) {
    assert_null(lily_session_value_get_json(&value, &length));
    assert_int_equal(length, 0);
  }
}

TEST(value__null) {
  begin();
  lily_session_value_set_null(&value);
  only(LILY_SESSION_NULL);
}

TEST(value__numbers_and_truth) {
  const int64_t integers[] = {0, -1, INT64_MIN, INT64_MAX};
  const double reals[] = {0.5, -1e300, 0};
  begin();
  for (int truth = 0; truth < 2; truth++) {
    lily_session_value_set_bool(&value, truth == 1);
    only(LILY_SESSION_BOOL);
    assert_int_equal(value.as.boolean, truth);
    assert_int_equal(lily_session_value_get_bool(&value), truth);
  }
  for (size_t at = 0; at < COUNT(integers); at++) {
    lily_session_value_set_int(&value, integers[at]);
    only(LILY_SESSION_INT);
    assert_true(value.as.integer == integers[at] && lily_session_value_get_int(&value) == integers[at]);
  }
  for (size_t at = 0; at < COUNT(reals); at++) {
    lily_session_value_set_real(&value, reals[at]);
    only(LILY_SESSION_REAL);
    assert_true(value.as.real == reals[at] && lily_session_value_get_real(&value) == reals[at]);
  }
}

TEST(value__text_is_borrowed) {
  const char text[] = "d\0k";
  size_t length = 0;
  begin();
  lily_session_value_set_string(&value, text, 3);
  only(LILY_SESSION_STRING);
  assert_ptr_equal(value.as.text.bytes, text);
  assert_ptr_equal(lily_session_value_get_string(&value, &length), text);
  assert_int_equal(length, 3);
  assert_ptr_equal(lily_session_value_get_string(&value, NULL), text);
  lily_session_value_set_json(&value, "[1]", 3);
  only(LILY_SESSION_JSON);
  assert_memory_equal(lily_session_value_get_json(&value, &length), "[1]", 3);
  assert_int_equal(length, 3);
}

TEST(value__text_without_bytes) {
  size_t length = 7;
  begin();
  lily_session_value_set_string(&value, NULL, 7);
  assert_int_equal(value.as.text.length, 7); /* the library refuses it, as it refuses members that say so */
  assert_null(lily_session_value_get_string(&value, &length));
  assert_int_equal(length, 0);
}

TEST(value__null_pointers) {
  size_t length = 7;
  lily_session_value_set_null(NULL);
  lily_session_value_set_bool(NULL, true);
  lily_session_value_set_int(NULL, 1);
  lily_session_value_set_real(NULL, 1);
  lily_session_value_set_string(NULL, "a", 1);
  lily_session_value_set_json(NULL, "1", 1);
  assert_false(lily_session_value_get_bool(NULL));
  assert_int_equal(lily_session_value_get_int(NULL), 0);
  assert_true(lily_session_value_get_real(NULL) == 0);
  assert_null(lily_session_value_get_string(NULL, &length));
  assert_int_equal(length, 0);
  assert_null(lily_session_value_get_json(NULL, NULL));
}

TEST(value__the_last_error_stays) {
  assert_fails(INVALID_ARGUMENT, lily_session_storage_open_memory(NULL, NULL));
  begin();
  lily_session_value_set_int(&value, 1);
  assert_int_equal(lily_session_value_get_int(&value), 1);
  assert_string_not_equal(lily_session_last_error(), "");
}
