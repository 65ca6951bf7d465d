/* S7: the failure of one field touches no other, and the next update tries that field again. */
#include "journal.h"
#include "rig.h"

#include <math.h>

static struct rig rig;
static struct probe before, bad, after;

static void begin(int32_t types) {
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &before, "before", LILY_SESSION_INT);
  rig_field(&rig, &bad, "bad", types);
  rig_field(&rig, &after, "after", LILY_SESSION_INT);
  probe_int(&before, 0);
  probe_int(&after, 0);
}

/* The bad field fails while its neighbours change and are stored. Once it no longer fails, it is stored without any other change. */
static void check_alone(lily_session_status call, lily_session_status event) {
  probe_int(&before, 1);
  probe_int(&after, 2);
  assert_returns(call, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_message_has("bad");
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_FIELD_FAILED, event, 0, "bad");
  assert_stored(rig.storage, "lily_session_before", "1");
  assert_stored(rig.storage, "lily_session_after", "2");
  assert_absent(rig.storage, "lily_session_bad");
  assert_int_equal(operations(JOURNAL), 1);
  rig_forget(&rig);
  assert_returns(call, lily_session_persist(rig.session));
  assert_event(&rig, 0, LILY_SESSION_EVENT_FIELD_FAILED, event, 0, "bad");
  rig_forget(&rig);
}

static void check_well(const char *json) {
  bad.get_result = LILY_SESSION_OK;
  rig_dispatch(&rig);
  assert_int_equal(rig.event_count, 0);
  assert_stored(rig.storage, "lily_session_bad", json);
  assert_int_equal(operations(JOURNAL), 2);
  rig_end(&rig);
  unlink(JOURNAL);
}

TEST(field_failure__S7_get_fails) {
  const lily_session_status results[] = {-1, -3, -12, -4711, 1, 42, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < COUNT(results); i++) {
    begin(LILY_SESSION_INT);
    probe_int(&bad, 0);
    rig_attach(&rig);
    probe_int(&bad, 5);
    bad.get_result = results[i];
    check_alone(LILY_SESSION_ERROR_CALLBACK, results[i]);
    check_well("5");
  }
}

/* Each function gives the field `bad` a value that cannot be stored. */
static void check_unstorable(int32_t types, lily_session_value value) {
  begin(types);
  probe_null(&bad);
  rig_attach(&rig);
  bad.value = value;
  check_alone(LILY_SESSION_ERROR_ENCODE, LILY_SESSION_ERROR_ENCODE);
  if ((types & LILY_SESSION_STRING) != 0) {
    probe_string(&bad, "well");
    check_well("\"well\"");
  } else if ((types & LILY_SESSION_JSON) != 0) {
    probe_json(&bad, "[ 1 ]");
    check_well("[1]");
  } else {
    probe_real(&bad, 0.5);
    check_well("0.5");
  }
}

static lily_session_value text(int32_t type, const char *bytes, size_t length) {
  lily_session_value value = {.type = type};
  value.as.text.bytes = bytes;
  value.as.text.length = length;
  return value;
}
static lily_session_value real(double number) {
  lily_session_value value = {.type = LILY_SESSION_REAL};
  value.as.real = number;
  return value;
}
static const int32_t nullable_real = LILY_SESSION_REAL | LILY_SESSION_NULL;
static const int32_t nullable_string = LILY_SESSION_STRING | LILY_SESSION_NULL;
static const int32_t nullable_json = LILY_SESSION_JSON | LILY_SESSION_NULL;

TEST(field_failure__S7_NaN_and_infinity) {
  check_unstorable(nullable_real, real(NAN));
  check_unstorable(nullable_real, real(-NAN));
  check_unstorable(nullable_real, real(INFINITY));
  check_unstorable(nullable_real, real(-INFINITY));
}

TEST(field_failure__S7_a_type_that_the_field_does_not_accept) {
  lily_session_value value = {.type = LILY_SESSION_INT};
  value.as.integer = 1;
  check_unstorable(nullable_real, value);
  value.type = LILY_SESSION_BOOL;
  value.as.boolean = true;
  check_unstorable(nullable_string, value);
  check_unstorable(nullable_real, text(LILY_SESSION_STRING, "x", 1));
  check_unstorable(nullable_json, text(LILY_SESSION_STRING, "x", 1));
  check_unstorable(nullable_string, text(LILY_SESSION_JSON, "\"x\"", 3));
}

TEST(field_failure__S7_a_type_that_is_none) {
  const int32_t types[] = {0, 64, -1, INT32_MIN, LILY_SESSION_STRING | LILY_SESSION_NULL, 63};
  for (size_t i = 0; i < COUNT(types); i++) check_unstorable(nullable_string, text(types[i], "x", 1));
}

TEST(field_failure__S7_strings_that_are_not_utf8) {
  const char *texts[] = {"\xff", "ok\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", ("a\x80" SECRET)};
  for (size_t i = 0; i < COUNT(texts); i++) check_unstorable(nullable_string, text(LILY_SESSION_STRING, texts[i], strlen(texts[i])));
}

TEST(field_failure__S7_text_that_is_not_JSON) {
  const char *texts[] = {"", " ", "{", "nul", "1 2", "'x'", "{\"a\":1,\"a\":2}", "\"\xff\"", "\"\\ud800\"", "1e999", ("[" SECRET), "NaN"};
  for (size_t i = 0; i < COUNT(texts); i++) check_unstorable(nullable_json, text(LILY_SESSION_JSON, texts[i], strlen(texts[i])));
  check_unstorable(nullable_json, text(LILY_SESSION_JSON, "1\0", 2));
}

TEST(field_failure__S7_no_bytes_where_there_is_a_length) {
  check_unstorable(nullable_string, text(LILY_SESSION_STRING, NULL, 3));
  check_unstorable(nullable_json, text(LILY_SESSION_JSON, NULL, 3));
  check_unstorable(nullable_json, text(LILY_SESSION_JSON, NULL, 0));
}

TEST(field_failure__S20_absurd_lengths) {
  const size_t lengths[] = {SIZE_MAX, SIZE_MAX / 2 + 1, SIZE_MAX / 2, (size_t)1 << 40};
  for (size_t i = 0; i < COUNT(lengths); i++) {
    check_unstorable(nullable_string, text(LILY_SESSION_STRING, "x", lengths[i]));
    check_unstorable(nullable_json, text(LILY_SESSION_JSON, "1", lengths[i]));
  }
}

TEST(field_failure__S7_too_big) {
  const size_t size = (16u << 20) + 3;
  char *big = repeated('x', size);
  check_unstorable(nullable_string, text(LILY_SESSION_STRING, big, size));
  big[0] = big[size - 1] = '"';
  check_unstorable(nullable_json, text(LILY_SESSION_JSON, big, size));
  /* Every byte is stored as six: the text is within the limit, but its JSON is not. */
  memset(big, '\x01', size);
  check_unstorable(nullable_string, text(LILY_SESSION_STRING, big, size / 3));
  free(big);
}

/* Five values of 16 MiB each do not fit in a line. Those that are left out stay dirty, and the next line has them. */
TEST(field_failure__S7_more_than_a_line_holds) {
  const size_t size = (16u << 20) / 6 - 1;
  char *controls = repeated('\x01', size); /* six bytes each */
  struct probe fields[5];
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage;
  options.quota_bytes = -1;
  assert_int_equal(lily_session_storage_open(JOURNAL, &options, &storage), LILY_SESSION_OK);
  rig_begin(&rig, storage);
  for (int i = 0; i < 5; i++) {
    char key[8];
    snprintf(key, sizeof key, "big %d", i);
    rig_field(&rig, &fields[i], key, LILY_SESSION_STRING);
    probe_string(&fields[i], "small");
  }
  rig_attach(&rig);
  for (int i = 0; i < 5; i++) fields[i].value = text(LILY_SESSION_STRING, controls, size);
  assert_fails(QUOTA, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_true(rig.event_count > 0);
  assert_int_equal(operations(JOURNAL), 1);
  for (int i = 0; i < rig.event_count; i++)
    assert_event(&rig, i, LILY_SESSION_EVENT_WRITE_FAILED, LILY_SESSION_ERROR_QUOTA, 0, fields[5 - rig.event_count + i].key);
  assert_entries(rig.storage, 5 - rig.event_count);
  rig_dispatch(&rig);
  assert_entries(rig.storage, 5);
  end_by(lily_session_abandon, rig.session);
  rig_end(&rig);
  free(controls);
  storage = open_storage(JOURNAL);
  assert_entries(storage, 5);
  lily_session_storage_close(storage);
}

TEST(field_failure__S7_the_empty_string_needs_no_bytes) {
  begin(LILY_SESSION_STRING);
  probe_string(&bad, "full");
  rig_attach(&rig);
  bad.value = text(LILY_SESSION_STRING, NULL, 0);
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_bad", "\"\"");
  rig_end(&rig);
}

TEST(field_failure__S7_several_and_the_first_counts) {
  begin(LILY_SESSION_INT);
  probe_int(&bad, 0);
  rig_attach(&rig);
  probe_int(&before, 1);
  probe_string(&bad, "no integer");
  after.get_result = -77;
  assert_fails(ENCODE, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_message_has("bad");
  assert_int_equal(rig.event_count, 2);
  assert_event(&rig, 0, LILY_SESSION_EVENT_FIELD_FAILED, LILY_SESSION_ERROR_ENCODE, 0, "bad");
  assert_event(&rig, 1, LILY_SESSION_EVENT_FIELD_FAILED, -77, 0, "after");
  assert_stored(rig.storage, "lily_session_before", "1");
  rig_forget(&rig);
  before.get_result = -76;
  assert_fails(CALLBACK, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_message_has("before");
  assert_int_equal(rig.event_count, 3);
  rig_end(&rig);
}

TEST(field_failure__S7_the_stored_value_stays) {
  begin(LILY_SESSION_INT);
  probe_int(&bad, 0);
  rig_attach(&rig);
  probe_int(&bad, 5);
  rig_dispatch(&rig);
  bad.get_result = -1;
  assert_fails(CALLBACK, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_stored(rig.storage, "lily_session_bad", "5");
  /* The field no longer fails, and has its earlier value, so there is nothing to write. */
  bad.get_result = LILY_SESSION_OK;
  rig_dispatch(&rig);
  assert_int_equal(operations(JOURNAL), 1);
  rig_end(&rig);
}

TEST(field_failure__S7_a_get_that_fails_at_attach) {
  journal_of(JOURNAL, "lily_session_after", "7", "lily_session_bad", "8", NULL);
  begin(LILY_SESSION_INT);
  bad.get_result = -9;
  rig_attach(&rig);
  assert_int_equal(after.value.as.integer, 7);
  assert_stored(rig.storage, "lily_session_bad", "8");
  probe_int(&after, 9);
  assert_fails(CALLBACK, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_stored(rig.storage, "lily_session_after", "9");
  assert_stored(rig.storage, "lily_session_bad", "8");
  rig_end(&rig);
}
