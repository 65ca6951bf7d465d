/* A stored value that a member cannot hold is rejected. A member's value that JSON cannot hold is an error of that field alone. */
#include "rig.h"

#include <math.h>

struct shop {
  bool open;
  int32_t visits;
  int64_t cents;
  double rate;
  char guard_before[4];
  char theme[8];
  char guard_after[4];
  char *token;
};

static struct shop shop;
static struct rig rig;

static void begin(const lily_session_field *field, const char *key, const char *json) {
  memset(&shop, 0, sizeof shop);
  memcpy(shop.guard_before, "bbbb", 4);
  memcpy(shop.guard_after, "aaaa", 4);
  rig_begin(&rig, open_storage(JOURNAL));
  if (json != NULL) assert_ok(set_text(rig.storage, key, json));
  assert_ok(lily_session_field_add(rig.fields, field));
  rig.config.get = rig_get;
  rig.get_result = &shop;
}

static void check_rejected(lily_session_field field, const char *json) {
  char key[40];
  snprintf(key, sizeof key, "lily_session_%s", field.key);
  begin(&field, key, json);
  struct shop before = shop;
  rig_attach(&rig);
  assert_memory_equal(&before, &shop, sizeof shop);
  assert_state(rig.session, field.key, LILY_SESSION_STATE_REJECTED);
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, 0, field.key);
  rig_dispatch(&rig);
  assert_stored(rig.storage, key, json);
  rig_end(&rig);
}

TEST(members_rejected__BOOL) {
  const char *texts[] = {"0", "1", "null", "\"true\"", "[true]", "{}"};
  for (size_t i = 0; i < COUNT(texts); i++) check_rejected((lily_session_field)LILY_SESSION_FIELD_BOOL(struct shop, open), texts[i]);
}

TEST(members_rejected__INT32_that_does_not_fit) {
  const char *texts[] = {"2147483648", "-2147483649", "4294967296", "4294967297", "9223372036854775807", "-9223372036854775808"};
  for (size_t i = 0; i < COUNT(texts); i++) check_rejected((lily_session_field)LILY_SESSION_FIELD_INT32(struct shop, visits), texts[i]);
}

TEST(members_rejected__INT32_that_is_no_integer) {
  const char *texts[] = {"1.0", "1e2", "0.5", "null", "true", "\"1\"", "[1]"};
  for (size_t i = 0; i < COUNT(texts); i++) check_rejected((lily_session_field)LILY_SESSION_FIELD_INT32(struct shop, visits), texts[i]);
}

TEST(members_rejected__INT64) {
  const char *texts[] = {"9223372036854775808", "-9223372036854775809", "1e3", "1.0", "\"1\"", "null"};
  for (size_t i = 0; i < COUNT(texts); i++) check_rejected((lily_session_field)LILY_SESSION_FIELD_INT64(struct shop, cents), texts[i]);
}

TEST(members_rejected__DOUBLE) {
  const char *texts[] = {"null", "\"1\"", "true", "[1.5]"};
  for (size_t i = 0; i < COUNT(texts); i++) check_rejected((lily_session_field)LILY_SESSION_FIELD_DOUBLE(struct shop, rate), texts[i]);
}

TEST(members_rejected__CHARS_that_are_too_long) {
  const char *texts[] = {"\"8 bytes.\"", "\"much more than there is room for\"", "\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\""};
  for (size_t i = 0; i < COUNT(texts); i++) check_rejected((lily_session_field)LILY_SESSION_FIELD_CHARS(struct shop, theme), texts[i]);
  char *long_text = repeated('x', 100000);
  long_text[0] = long_text[99999] = '"';
  check_rejected((lily_session_field)LILY_SESSION_FIELD_CHARS(struct shop, theme), long_text);
  free(long_text);
}

/* A text with a NUL inside is rejected, because it would come back as a shorter string. */
TEST(members_rejected__strings_with_a_nul_inside) {
  check_rejected((lily_session_field)LILY_SESSION_FIELD_CHARS(struct shop, theme), "\"a\\u0000b\"");
  check_rejected((lily_session_field)LILY_SESSION_FIELD_STRING(struct shop, token), "\"a\\u0000b\"");
}

TEST(members_rejected__CHARS_and_STRING_of_other_types) {
  const char *texts[] = {"1", "true", "[\"x\"]", "{\"x\":\"x\"}"};
  for (size_t i = 0; i < COUNT(texts); i++) {
    check_rejected((lily_session_field)LILY_SESSION_FIELD_CHARS(struct shop, theme), texts[i]);
    check_rejected((lily_session_field)LILY_SESSION_FIELD_STRING(struct shop, token), texts[i]);
  }
  check_rejected((lily_session_field)LILY_SESSION_FIELD_CHARS(struct shop, theme), "null");
}

TEST(members_accepted__the_last_that_fits) {
  lily_session_field field = LILY_SESSION_FIELD_CHARS(struct shop, theme);
  begin(&field, "lily_session_theme", "\"1234567\"");
  rig_attach(&rig);
  assert_string_equal(shop.theme, "1234567");
  assert_memory_equal(shop.guard_before, "bbbb", 4);
  assert_memory_equal(shop.guard_after, "aaaa", 4);
  rig_end(&rig);
  field = (lily_session_field)LILY_SESSION_FIELD_INT32(struct shop, visits);
  begin(&field, "lily_session_visits", "-2147483648");
  rig_attach(&rig);
  assert_int_equal(shop.visits, INT32_MIN);
  rig_end(&rig);
  field = (lily_session_field)LILY_SESSION_FIELD_DOUBLE(struct shop, rate);
  begin(&field, "lily_session_rate", "100000000000000000000");
  rig_attach(&rig);
  assert_true(shop.rate == 1e20);
  rig_end(&rig);
}

/* Attaches with a good value, then makes a bad one: the field fails, and nothing of it is stored. */
static void check_unstorable(lily_session_field field, void (*spoil)(void)) {
  begin(&field, "", NULL);
  rig_attach(&rig);
  spoil();
  assert_fails(ENCODE, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_FIELD_FAILED, LILY_SESSION_ERROR_ENCODE, 0, field.key);
  assert_entries(rig.storage, 0);
  shop.token = NULL;
  memset(shop.theme, 0, sizeof shop.theme);
  shop.rate = 0;
  rig_dispatch(&rig);
  rig_end(&rig);
}

static void make_rate_nan(void) { shop.rate = NAN; }
static void make_rate_infinite(void) { shop.rate = -INFINITY; }
static void make_token_wrong(void) { shop.token = "\xff" SECRET; }
static void make_theme_wrong(void) { memcpy(shop.theme, "a\xc3\0", 3); }
/* The array has no NUL, and the library must not read past its eight bytes. */
static void make_theme_endless(void) { memset(shop.theme, 'x', sizeof shop.theme); }

TEST(members_unstorable__S7_NaN_and_infinity) {
  check_unstorable((lily_session_field)LILY_SESSION_FIELD_DOUBLE(struct shop, rate), make_rate_nan);
  check_unstorable((lily_session_field)LILY_SESSION_FIELD_DOUBLE(struct shop, rate), make_rate_infinite);
}

TEST(members_unstorable__S7_not_utf8) {
  check_unstorable((lily_session_field)LILY_SESSION_FIELD_STRING(struct shop, token), make_token_wrong);
  check_unstorable((lily_session_field)LILY_SESSION_FIELD_CHARS(struct shop, theme), make_theme_wrong);
}

TEST(members_unstorable__S20_CHARS_without_a_nul) {
  check_unstorable((lily_session_field)LILY_SESSION_FIELD_CHARS(struct shop, theme), make_theme_endless);
}
