/* Members of every width, floats, and enums that are stored by name. */
#include "rig.h"

#include <float.h>
#include <math.h>

enum colour { RED, GREEN, BLUE };
static const char *const colours[] = {"red", "gr\xc3\xbcn", "blue", NULL};

struct numbers {
  char before;
  int8_t i8;
  int16_t i16;
  uint8_t u8;
  uint16_t u16;
  uint32_t u32;
  float real;
  enum colour colour;
  uint8_t small_colour;
  int64_t large_colour;
  char after;
};

static const lily_session_field table[] = {
    LILY_SESSION_FIELD_INT8(struct numbers, i8),
    LILY_SESSION_FIELD_INT16(struct numbers, i16),
    LILY_SESSION_FIELD_UINT8(struct numbers, u8),
    LILY_SESSION_FIELD_UINT16(struct numbers, u16),
    LILY_SESSION_FIELD_UINT32(struct numbers, u32),
    LILY_SESSION_FIELD_FLOAT(struct numbers, real),
    LILY_SESSION_FIELD_ENUM(struct numbers, colour, colours),
    LILY_SESSION_FIELD_ENUM(struct numbers, small_colour, colours),
    LILY_SESSION_FIELD_AS(ENUM, struct numbers, large_colour, "paint", colours),
};

static struct numbers numbers;
static struct rig rig;

static void begin(lily_session_storage *storage) {
  rig_lend(&rig, storage);
  assert_ok(lily_session_fields_add(rig.fields, table, COUNT(table)));
  rig.config.get = rig_get;
  rig.get_result = &numbers;
  rig_attach(&rig);
}

/* Stores the numbers that `give` sets, checks the text of each, and reads them into a struct that has others. */
static void check_both_ways(struct numbers given, const char *const texts[]) {
  static const char *const keys[] = {"i8", "i16", "u8", "u16", "u32", "real", "colour", "small_colour", "paint"};
  lily_session_storage *storage = open_memory();
  memset(&numbers, 0x55, sizeof numbers);
  numbers.real = 0.5f, numbers.colour = RED, numbers.small_colour = numbers.large_colour = RED;
  begin(storage);
  numbers = given;
  for (size_t i = 0; i < COUNT(keys); i++) assert_ok(lily_session_mark(rig.session, keys[i]));
  rig_dispatch(&rig);
  rig_end(&rig);
  for (size_t i = 0; i < COUNT(keys); i++) {
    char key[40];
    snprintf(key, sizeof key, "lily_session_%s", keys[i]);
    assert_stored(storage, key, texts[i]);
  }
  memset(&numbers, 0xaa, sizeof numbers);
  begin(storage);
  assert_int_equal(rig.event_count, 0);
  assert_memory_equal(&numbers.i8, &given.i8, 1);
  assert_int_equal(numbers.i16, given.i16);
  assert_int_equal(numbers.u8, given.u8);
  assert_int_equal(numbers.u16, given.u16);
  assert_int_equal(numbers.u32, given.u32);
  assert_memory_equal(&numbers.real, &given.real, sizeof given.real);
  assert_int_equal(numbers.colour, given.colour);
  assert_int_equal(numbers.small_colour, given.small_colour);
  assert_int_equal(numbers.large_colour, given.large_colour);
  assert_int_equal(numbers.before, (char)0xaa);
  assert_int_equal(numbers.after, (char)0xaa);
  rig_end(&rig);
  lily_session_storage_close(storage);
}

TEST(members_numbers__S27_the_least_and_the_greatest) {
  check_both_ways((struct numbers){0, INT8_MIN, INT16_MIN, 0, 0, 0, -0.0f, RED, RED, RED, 0},
                  (const char *const[]){"-128", "-32768", "0", "0", "0", "-0.0", "\"red\"", "\"red\"", "\"red\""});
  check_both_ways((struct numbers){0, INT8_MAX, INT16_MAX, UINT8_MAX, UINT16_MAX, UINT32_MAX, FLT_MAX, BLUE, BLUE, BLUE, 0},
                  (const char *const[]){"127", "32767", "255", "65535", "4294967295", "3.4028235e38", "\"blue\"", "\"blue\"", "\"blue\""});
  check_both_ways((struct numbers){0, -1, -1, 128, 32768, 2147483648u, 0.1f, GREEN, GREEN, GREEN, 0},
                  (const char *const[]){"-1", "-1", "128", "32768", "2147483648", "0.1", "\"gr\xc3\xbcn\"", "\"gr\xc3\xbcn\"", "\"gr\xc3\xbcn\""});
}

/* Attaches with one stored text. */
static void begin_with(const char *key, const char *json, lily_session_storage **out_storage) {
  char stored_key[40];
  snprintf(stored_key, sizeof stored_key, "lily_session_%s", key);
  *out_storage = open_memory();
  assert_ok(set_text(*out_storage, stored_key, json));
  memset(&numbers, 0, sizeof numbers);
  begin(*out_storage);
}

TEST(members_numbers__S27_what_does_not_fit_is_rejected) {
  static const struct {
    const char *key, *json;
  } wrong[] = {
      {"i8", "128"},        {"i8", "-129"},      {"i8", "256"},      {"i8", "1.0"},
      {"i16", "32768"},     {"i16", "-32769"},   {"i16", "65536"},   {"u8", "-1"},
      {"u8", "256"},        {"u16", "-1"},       {"u16", "65536"},   {"u32", "-1"},
      {"u32", "4294967296"}, {"u32", "\"1\""},   {"real", "1e39"},   {"real", "-3.5e38"},
      {"real", "\"1\""},    {"colour", "\"\""},  {"colour", "0"},    {"colour", "\"Red\""},
      {"colour", "\"re\""}, {"colour", "\"redd\""}, {"colour", "null"}, {"paint", "\"red\\u0000\""},
      {"i8", "9223372036854775807"},
  };
  for (size_t i = 0; i < COUNT(wrong); i++) {
    lily_session_storage *storage;
    const struct numbers zero = {0};
    char key[40];
    begin_with(wrong[i].key, wrong[i].json, &storage);
    assert_memory_equal(&numbers, &zero, sizeof zero);
    assert_state(rig.session, wrong[i].key, LILY_SESSION_STATE_REJECTED);
    assert_int_equal(rig.event_count, 1);
    assert_event(&rig, 0, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, 0, wrong[i].key);
    rig_dispatch(&rig);
    snprintf(key, sizeof key, "lily_session_%s", wrong[i].key);
    assert_stored(storage, key, wrong[i].json);
    rig_end(&rig);
    lily_session_storage_close(storage);
  }
}

/* A float is stored in the fewest digits that give it again, and not in those of the double that it is. */
TEST(members_numbers__S27_floats_in_the_fewest_digits) {
  static const struct {
    float value;
    const char *text;
  } floats[] = {{0.1f, "0.1"},         {1.0f / 3, "0.33333334"},  {1e-45f, "1e-45"},           {1.1754942e-38f, "1.1754942e-38"},
                {16777216, "16777216.0"}, {16777217, "16777216.0"}, {3.1415927f, "3.1415927"}, {-2.5f, "-2.5"},
                {8.589973e9f, "8589974000.0"}, {1e10f, "10000000000.0"}, {FLT_MIN, "1.1754944e-38"}, {9.5367432e-7f, "9.536743e-7"}};
  lily_session_storage *storage = open_memory();
  memset(&numbers, 0, sizeof numbers);
  begin(storage);
  for (size_t i = 0; i < COUNT(floats); i++) {
    numbers.real = floats[i].value;
    rig_dispatch(&rig);
    assert_stored(storage, "lily_session_real", floats[i].text);
  }
  rig_end(&rig);
  lily_session_storage_close(storage);
}

TEST(members_numbers__S27_every_kind_of_float_comes_back) {
  lily_session_storage *storage = open_memory();
  uint32_t bits = 1;
  memset(&numbers, 0, sizeof numbers);
  begin(storage);
  for (int i = 0; i < 3000; i++) {
    bits = bits * 1664525u + 1013904223u;
    memcpy(&numbers.real, &bits, 4);
    if (!isfinite(numbers.real)) continue;
    rig_dispatch(&rig);
    struct numbers here = numbers;
    struct rig writer = rig;
    numbers.real = 0;
    begin(storage);
    rig_end(&rig);
    assert_memory_equal(&numbers.real, &here.real, 4);
    rig = writer;
  }
  rig_end(&rig);
  lily_session_storage_close(storage);
}

TEST(members_numbers__S5_a_float_that_is_the_same_is_not_written) {
  lily_session_storage *storage = open_storage(JOURNAL);
  memset(&numbers, 0, sizeof numbers);
  numbers.real = 0.1f;
  begin(storage);
  for (int i = 0; i < 3; i++) rig_dispatch(&rig);
  assert_entries(storage, 0);
  numbers.real = nextafterf(0.1f, 1);
  rig_dispatch(&rig);
  assert_stored(storage, "lily_session_real", "0.10000001");
  numbers.real = 0;
  rig_dispatch(&rig);
  numbers.real = -0.0f;
  rig_dispatch(&rig);
  assert_stored(storage, "lily_session_real", "-0.0");
  rig_end(&rig);
  lily_session_storage_close(storage);
}

TEST(members_numbers__S7_what_json_cannot_hold) {
  lily_session_storage *storage = open_memory();
  memset(&numbers, 0, sizeof numbers);
  begin(storage);
  numbers.real = NAN;
  assert_fails(ENCODE, lily_session_runtime_dispatch(rig.runtime, NULL));
  numbers.real = -INFINITY;
  assert_fails(ENCODE, lily_session_runtime_dispatch(rig.runtime, NULL));
  numbers.real = 0;
  numbers.small_colour = 3;
  assert_fails(ENCODE, lily_session_runtime_dispatch(rig.runtime, NULL));
  numbers.small_colour = 255;
  assert_fails(ENCODE, lily_session_runtime_dispatch(rig.runtime, NULL));
  numbers.small_colour = 0;
  numbers.large_colour = INT64_MIN;
  assert_fails(ENCODE, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_entries(storage, 0);
  numbers.large_colour = 0;
  rig_dispatch(&rig);
  rig_end(&rig);
  lily_session_storage_close(storage);
}

/* A reset gives a member the value from before attach. */
TEST(members_numbers__S27_reset) {
  lily_session_storage *storage;
  begin_with("colour", "\"blue\"", &storage);
  assert_int_equal(numbers.colour, BLUE);
  assert_ok(lily_session_reset(rig.session, "colour"));
  assert_int_equal(numbers.colour, RED);
  rig_end(&rig);
  lily_session_storage_close(storage);
}
