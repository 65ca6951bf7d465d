/* Tests/cases: which texts storage_set takes and returns byte for byte, which it refuses, and which keys are valid. */
#include "cases.h"
#include "stage.h"

static lily_session_storage *storage;

static void check_text(struct verdict *verdict, const json_t *one) { judge_stored(verdict, one, storage, case_name(one)); }

static void set_text_of(struct verdict *verdict, const json_t *one) {
  struct bytes json = case_member(one, "json");
  judge(verdict, one, lily_session_storage_set(storage, case_name(one), json.bytes, json.length, 0) == LILY_SESSION_OK, "not accepted");
  free(json.bytes);
}

static void check_texts(void) { cases_check("texts.json", 50, check_text); }
static void set_texts(void) { cases_check("texts.json", 50, set_text_of); }

TEST(cases__S2_texts_in_memory) {
  storage = open_memory();
  set_texts();
  check_texts();
  lily_session_storage_close(storage);
}

TEST(cases__S2_texts_in_a_file) {
  lily_session_storage *writer = open_storage(JOURNAL), *other = open_storage(JOURNAL);
  storage = writer;
  set_texts();
  check_texts();
  storage = other;
  check_texts();
  lily_session_storage_close(other);
  /* The texts stay the same when the file is rewritten. */
  storage = writer;
  assert_ok(set_text(storage, "removed", "1"));
  assert_ok(lily_session_storage_remove(storage, "removed"));
  assert_ok(lily_session_storage_sync(storage));
  check_texts();
  lily_session_storage_close(storage);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = LILY_SESSION_STRICT;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
  check_texts();
  lily_session_storage_close(storage);
}

static void check_refused(struct verdict *verdict, const json_t *one) {
  struct bytes json = case_member(one, "json");
  const lily_session_status status = lily_session_storage_set(storage, "key", json.bytes, json.length, 0);
  judge(verdict, one, status == LILY_SESSION_ERROR_DECODE, lily_session_status_name(status));
  free(json.bytes);
}

TEST(cases__S2_refused) {
  storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "key", "1"));
  cases_check("refused.json", 100, check_refused);
  assert_stored(storage, "key", "1");
  assert_int_equal(operations(JOURNAL), 1);
  lily_session_storage_close(storage);
}

static struct journal journal;

static void add_line(struct verdict *verdict, const json_t *one) {
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
  (void)verdict;
}

static void check_skipped(struct verdict *verdict, const json_t *one) {
  char *json = NULL;
  judge(verdict, one, lily_session_storage_get(storage, case_name(one), &json, NULL) == LILY_SESSION_ERROR_NOT_FOUND, "was read");
  lily_session_free(json);
}

/* A line with such a text is skipped: the reader refuses what the writer refuses. */
TEST(cases__S20_refused_in_a_journal) {
  journal_begin(&journal);
  cases_check("refused.json", 0, add_line);
  journal_line(&journal, "\"set\",\"good\",1,0");
  journal_save(&journal, JOURNAL);
  storage = open_storage(JOURNAL);
  cases_check("refused.json", 100, check_skipped);
  assert_stored(storage, "good", "1");
  assert_entries(storage, 1);
  lily_session_storage_close(storage);
}

/* In a backend, a key that begins with U+0001 is not valid, because there the keys of scopes begin with it. */
static bool is_storage_key(const struct stage *stage, const json_t *one, struct bytes key) {
  return json_is_true(json_object_get(one, "storage")) && !(stage_is_backend(stage) && key.bytes[0] == '\1');
}

/* All keys of the cases are different keys, even if they differ only in case or normal form, or look alike. */
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
