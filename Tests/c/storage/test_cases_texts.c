/* Tests/cases: which texts storage_set takes and returns byte for byte, which it refuses, and which keys are valid. */
#include "cases.h"
#include "stage.h"

static void check_texts(struct verdict *verdict, const json_t *cases, lily_session_storage *storage) {
  for (size_t i = 0; i < json_array_size(cases); i++) {
    const json_t *one = json_array_get(cases, i);
    struct bytes stored = case_member(one, "stored");
    char *json = NULL;
    size_t length = 0;
    if (lily_session_storage_get(storage, case_name(one), &json, &length) == LILY_SESSION_OK) {
      judge(verdict, one, length == stored.length && memcmp(json, stored.bytes, length) == 0, json);
      lily_session_free(json);
    } else {
      judge(verdict, one, false, "not there");
    }
    free(stored.bytes);
  }
}

static void set_texts(struct verdict *verdict, const json_t *cases, lily_session_storage *storage) {
  for (size_t i = 0; i < json_array_size(cases); i++) {
    const json_t *one = json_array_get(cases, i);
    struct bytes json = case_member(one, "json");
    judge(verdict, one, lily_session_storage_set(storage, case_name(one), json.bytes, json.length, 0) == LILY_SESSION_OK, "not accepted");
    free(json.bytes);
  }
}

TEST(cases__S2_texts_in_memory) {
  json_t *cases = cases_load("texts.json");
  struct verdict verdict = {0, 0};
  lily_session_storage *storage = open_memory();
  set_texts(&verdict, cases, storage);
  check_texts(&verdict, cases, storage);
  lily_session_storage_close(storage);
  json_decref(cases);
  assert_verdict(verdict, 100);
}

TEST(cases__S2_texts_in_a_file) {
  json_t *cases = cases_load("texts.json");
  struct verdict verdict = {0, 0};
  lily_session_storage *storage = open_storage(JOURNAL), *other = open_storage(JOURNAL);
  set_texts(&verdict, cases, storage);
  check_texts(&verdict, cases, storage);
  check_texts(&verdict, cases, other);
  lily_session_storage_close(other);
  /* And through a rewriting of the file. */
  assert_ok(set_text(storage, "removed", "1"));
  assert_ok(lily_session_storage_remove(storage, "removed"));
  assert_ok(lily_session_storage_sync(storage));
  check_texts(&verdict, cases, storage);
  lily_session_storage_close(storage);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = LILY_SESSION_STRICT;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
  check_texts(&verdict, cases, storage);
  lily_session_storage_close(storage);
  json_decref(cases);
  assert_verdict(verdict, 200);
}

TEST(cases__S2_refused) {
  json_t *cases = cases_load("refused.json");
  struct verdict verdict = {0, 0};
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "key", "1"));
  for (size_t i = 0; i < json_array_size(cases); i++) {
    const json_t *one = json_array_get(cases, i);
    struct bytes json = case_member(one, "json");
    const lily_session_status status = lily_session_storage_set(storage, "key", json.bytes, json.length, 0);
    judge(&verdict, one, status == LILY_SESSION_ERROR_DECODE, lily_session_status_name(status));
    free(json.bytes);
  }
  json_decref(cases);
  assert_verdict(verdict, 100);
  assert_stored(storage, "key", "1");
  assert_int_equal(operations(JOURNAL), 1);
  lily_session_storage_close(storage);
}

/* A line with such a text is skipped: the reader refuses what the writer refuses. */
TEST(cases__S20_refused_in_a_journal) {
  json_t *cases = cases_load("refused.json");
  struct verdict verdict = {0, 0};
  struct journal journal;
  journal_begin(&journal);
  for (size_t i = 0; i < json_array_size(cases); i++) {
    const json_t *one = json_array_get(cases, i);
    struct bytes json = case_member(one, "json");
    struct journal line = {NULL, 0, 0};
    journal_text(&line, "\"set\",\"");
    journal_text(&line, case_name(one));
    journal_text(&line, "\",");
    journal_raw(&line, json.bytes, json.length);
    journal_text(&line, ",0");
    journal_line_of(&journal, line.bytes, line.length);
    free(line.bytes);
    free(json.bytes);
  }
  journal_line(&journal, "\"set\",\"good\",1,0");
  journal_save(&journal, JOURNAL);
  lily_session_storage *storage = open_storage(JOURNAL);
  for (size_t i = 0; i < json_array_size(cases); i++) {
    const json_t *one = json_array_get(cases, i);
    char *json = NULL;
    judge(&verdict, one, lily_session_storage_get(storage, case_name(one), &json, NULL) == LILY_SESSION_ERROR_NOT_FOUND, "was read");
    lily_session_free(json);
  }
  json_decref(cases);
  assert_verdict(verdict, 100);
  assert_stored(storage, "good", "1");
  assert_entries(storage, 1);
  lily_session_storage_close(storage);
}

/* A backend's keys do not begin with U+0001, which keeps what is the library's own. */
static bool is_storage_key(const struct stage *stage, const json_t *one, struct bytes key) {
  return json_is_true(json_object_get(one, "storage")) && !(stage->kind == ON_TABLE && key.bytes[0] == '\1');
}

/* No two keys of the cases are the same: neither case, nor normal forms, nor look-alikes. */
CASE(cases__S1_keys) {
  json_t *cases = cases_load("keys.json");
  struct verdict verdict = {0, 0};
  lily_session_persistence *fields = lily_session_persistence_new();
  struct holder holder = {.value = {.type = LILY_SESSION_NULL}};
  int accepted = 0;
  for (size_t i = 0; i < json_array_size(cases); i++) {
    const json_t *one = json_array_get(cases, i);
    struct bytes key = case_member(one, "key");
    const bool is_key = is_storage_key(stage, one, key);
    const lily_session_status expected = is_key ? LILY_SESSION_OK : LILY_SESSION_ERROR_INVALID_ARGUMENT;
    char json[24], *out = UNTOUCHED;
    snprintf(json, sizeof json, "%zu", i);
    judge(&verdict, one, set_text(stage->storage, key.bytes, json) == expected, "as a storage key");
    if (!is_key) {
      judge(&verdict, one, lily_session_storage_get(stage->storage, key.bytes, &out, NULL) == expected && out == UNTOUCHED, "get");
      judge(&verdict, one, lily_session_storage_remove(stage->storage, key.bytes) == expected, "remove");
    }
    accepted += is_key;
    const bool is_field = json_is_true(json_object_get(one, "field"));
    lily_session_field field = holder_field(&holder, key.bytes, LILY_SESSION_NULL);
    judge(&verdict, one, lily_session_field_add(fields, &field) == (is_field ? LILY_SESSION_OK : LILY_SESSION_ERROR_INVALID_ARGUMENT),
          "as a field's key");
    free(key.bytes);
  }
  assert_verdict(verdict, 90);
  for (int again = 0; again < 2; again++) {
    assert_entries(stage->storage, accepted);
    for (size_t i = 0; i < json_array_size(cases); i++) {
      const json_t *one = json_array_get(cases, i);
      struct bytes key = case_member(one, "key");
      char json[24];
      snprintf(json, sizeof json, "%zu", i);
      if (is_storage_key(stage, one, key)) assert_stored(stage->storage, key.bytes, json);
      free(key.bytes);
    }
    stage_reopen(stage);
  }
  json_decref(cases);
  lily_session_persistence_free(fields);
}
