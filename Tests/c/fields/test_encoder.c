/* S2: the library encodes strings, integers, booleans and null itself, and these tests compare it with jansson. jansson encodes reals, in
   the fewest digits that give the same real again. */
#include "cases.h"

#include <float.h>
#include <math.h>

static struct holder holder;
static lily_session_storage *storage;
static lily_session_persistence *fields;
static lily_session_runtime *runtime;
static lily_session *session;
static int model;

/* One session stores all the values of a test, one after the other. */
static void begin(void) {
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  memset(&holder, 0, sizeof holder);
  holder.value.type = LILY_SESSION_NULL;
  lily_session_field field = holder_field(&holder, "field", 63);
  config.storage = storage = open_memory();
  fields = lily_session_persistence_new();
  assert_ok(lily_session_runtime_new(&model, NULL, NULL, &runtime));
  assert_ok(lily_session_field_add(fields, &field));
  assert_ok(lily_session_attach(runtime, fields, &config, &session));
}

static void end(void) {
  /* Detaching would read the last value once more, but its text has been freed. */
  lily_session_abandon(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(storage);
}

/* Stores the holder's value and compares it with what jansson writes; takes `expected`. */
static void check(char *expected) {
  char *got = NULL;
  assert_non_null(expected);
  assert_ok(lily_session_persist(session));
  assert_ok(lily_session_storage_get(storage, "lily_session_field", &got, NULL));
  assert_string_equal(got, expected);
  lily_session_free(got);
  free(expected);
}

static void check_string(const char *bytes, size_t length) {
  holder.value.type = LILY_SESSION_STRING;
  holder.value.as.text.bytes = bytes;
  holder.value.as.text.length = length;
  json_t *string = json_stringn(bytes, length);
  assert_non_null(string);
  check(json_dumps(string, JSON_ENCODE_ANY));
  json_decref(string);
}

/* Writes the UTF-8 of a code point and returns its length, or 0 for a surrogate, which has no UTF-8. */
static size_t put_code_point(uint32_t point, char *at) {
  if (point < 0x80) return at[0] = (char)point, 1;
  if (point < 0x800) return at[0] = (char)(0xC0 | point >> 6), at[1] = (char)(0x80 | (point & 63)), 2;
  if (point >= 0xD800 && point <= 0xDFFF) return 0;
  if (point < 0x10000)
    return at[0] = (char)(0xE0 | point >> 12), at[1] = (char)(0x80 | (point >> 6 & 63)), at[2] = (char)(0x80 | (point & 63)), 3;
  at[0] = (char)(0xF0 | point >> 18), at[1] = (char)(0x80 | (point >> 12 & 63));
  at[2] = (char)(0x80 | (point >> 6 & 63)), at[3] = (char)(0x80 | (point & 63));
  return 4;
}

/* Returns numbers that look random and are the same in every run. */
static uint64_t state;
static uint64_t next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

TEST(encoder__S2_every_ascii_character) {
  begin();
  for (int c = 0; c < 128; c++) {
    const char alone = (char)c, inside[3] = {'a', (char)c, 'b'};
    check_string(&alone, 1);
    check_string(inside, 3);
  }
  end();
}

TEST(encoder__S2_every_plane) {
  begin();
  const uint32_t edges[] = {0x7F,   0x80,   0x7FF,  0x800,   0xD7FF,  0xE000,  0xFFFD,   0xFFFE,  0xFFFF,
                            0x2028, 0x2029, 0xFEFF, 0x10000, 0x1F338, 0x1FFFF, 0x100000, 0x10FFFF};
  char bytes[8];
  for (size_t i = 0; i < COUNT(edges); i++) check_string(bytes, put_code_point(edges[i], bytes));
  for (uint32_t point = 0; point < 0x110000; point += 331) {
    const size_t length = put_code_point(point, bytes);
    if (length > 0) check_string(bytes, length);
  }
  end();
}

/* The encoder may look at many bytes at once. So a character that must be escaped is at every place in texts of many lengths. */
TEST(encoder__S2_an_escape_at_every_place) {
  char text[80];
  begin();
  const char escaped[] = {'"', '\\', '\n', '\0', '\x1f', '\x7f', '/'};
  for (size_t length = 1; length <= 40; length++)
    for (size_t at = 0; at < length; at++) {
      memset(text, 'x', sizeof text);
      text[at] = escaped[(at + length) % sizeof escaped];
      check_string(text, length);
    }
  end();
}

TEST(encoder__S2_strings_that_look_random) {
  begin();
  state = 0x9E3779B97F4A7C15u;
  for (int i = 0; i < 2000; i++) {
    char text[300];
    size_t length = 0;
    for (uint64_t points = next() % 60; points > 0; points--) {
      const uint64_t number = next();
      const uint32_t ranges[] = {0x20, 0x80, 0x800, 0x110000};
      length += put_code_point((uint32_t)(number >> 8) % ranges[number % 4], text + length);
    }
    check_string(text, length);
  }
  end();
}

static void check_integer(int64_t number) {
  holder.value.type = LILY_SESSION_INT;
  holder.value.as.integer = number;
  json_t *integer = json_integer(number);
  check(json_dumps(integer, JSON_ENCODE_ANY));
  json_decref(integer);
}

TEST(encoder__S2_integers) {
  begin();
  for (int64_t number = -1100; number <= 1100; number++) check_integer(number);
  for (int shift = 0; shift < 63; shift++) {
    const int64_t power = (int64_t)1 << shift;
    check_integer(power - 1), check_integer(power), check_integer(-power), check_integer(-power - 1), check_integer(power + 1);
  }
  for (int64_t power = 1; power <= 1000000000000000000; power *= 10) {
    check_integer(power - 1), check_integer(power), check_integer(-power), check_integer(1 - power);
    if (power == 1000000000000000000) break;
  }
  check_integer(INT64_MAX), check_integer(INT64_MIN), check_integer(INT64_MIN + 1);
  state = 88172645463325252u;
  for (int i = 0; i < 2000; i++) check_integer((int64_t)(next() >> next() % 64));
  end();
}

/* A normal double of 15 digits or fewer keeps them all, so fewer than 15 need not be tried; a subnormal may need but one. */
static void check_real(double number) {
  holder.value.type = LILY_SESSION_REAL;
  holder.value.as.real = number;
  char text[40];
  for (int digits = isnormal(number) || number == 0 ? 15 : 1; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, number);
    if (strtod(text, NULL) == number) break;
  }
  assert_true(strtod(text, NULL) == number);
  /* C writes 1 as 1 and 1e15 as 1e+15, and gives an exponent two digits at least. */
  char *exponent = strchr(text, 'e');
  if (exponent != NULL) {
    snprintf(exponent, 8, "e%d", atoi(exponent + 1));
  } else if (strchr(text, '.') == NULL) {
    strcat(text, ".0");
  }
  check(strdup(text));
}

TEST(encoder__S2_reals) {
  begin();
  const double numbers[] = {0.0, -0.0, 1, -1, 3, 0.1, 0.2, 0.3, 0.1 + 0.2, 1.0 / 3, 2.0 / 3, 1e15, 1e16, 1e17, 1e20, 1e21, 1e22, 1e23,
                            5e-324, DBL_MIN, DBL_MAX, -DBL_MAX, DBL_EPSILON, 2.225073858507201e-308, 9007199254740993.0, 0.5e-5, 123456789.125};
  for (size_t i = 0; i < COUNT(numbers); i++) {
    check_real(numbers[i]);
    check_real(nextafter(numbers[i], INFINITY) < INFINITY ? nextafter(numbers[i], INFINITY) : 1);
    check_real(nextafter(numbers[i], -INFINITY) > -INFINITY ? nextafter(numbers[i], -INFINITY) : 1);
  }
  for (int exponent = -323; exponent <= 308; exponent++) check_real(pow(10, exponent));
  for (int exponent = -1074; exponent <= 1023; exponent += 3) check_real(ldexp(1, exponent));
  state = 0x2545F4914F6CDD1Du;
  for (int i = 0; i < 3000; i++) {
    const uint64_t bits = next();
    double number;
    memcpy(&number, &bits, sizeof number);
    if (isfinite(number)) check_real(number);
    check_real((double)(int64_t)bits / 100);
  }
  end();
}

/* What was stored comes back as the very same bits. */
TEST(encoder__S2_reals_read_back) {
  begin();
  lily_session_storage *other = storage;
  state = 0xD1342543DE82EF95u;
  for (int i = 0; i < 500; i++) {
    const uint64_t bits = next();
    memcpy(&holder.value.as.real, &bits, sizeof bits);
    if (!isfinite(holder.value.as.real)) continue;
    holder.value.type = LILY_SESSION_REAL;
    assert_ok(lily_session_persist(session));
    struct holder reader = {.value = {.type = LILY_SESSION_NULL}};
    lily_session_persistence *list = lily_session_persistence_new();
    lily_session_runtime *another = NULL;
    lily_session *reading = NULL;
    lily_session_config config = LILY_SESSION_CONFIG_INIT;
    lily_session_field field = holder_field(&reader, "field", LILY_SESSION_REAL);
    config.storage = other;
    assert_ok(lily_session_runtime_new(&model, NULL, NULL, &another));
    assert_ok(lily_session_field_add(list, &field));
    assert_ok(lily_session_attach(another, list, &config, &reading));
    assert_true(same_value(&reader.value, &holder.value));
    lily_session_abandon(reading);
    lily_session_runtime_free(another);
    lily_session_persistence_free(list);
  }
  end();
}

TEST(encoder__S2_booleans_and_null) {
  begin();
  holder.value.type = LILY_SESSION_BOOL;
  holder.value.as.boolean = true;
  check(strdup("true"));
  holder.value.as.boolean = false;
  check(strdup("false"));
  holder.value.type = LILY_SESSION_NULL;
  check(strdup("null"));
  end();
}
