/* Tests/cases: what a field is set to, for each stored value. */
#include "cases.h"

static int model;

static void check(struct verdict *verdict, const json_t *one, lily_session_storage *storage) {
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime = NULL;
  lily_session *session = NULL;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  struct holder holder = {.value = {.type = LILY_SESSION_NULL}};
  const json_t *expected = json_object_get(one, "value");
  lily_session_field field = holder_field(&holder, "field", case_types(one));
  int32_t state = -1;
  config.storage = storage;
  assert_ok(lily_session_runtime_new(&model, NULL, NULL, &runtime));
  assert_ok(lily_session_field_add(fields, &field));
  assert_ok(lily_session_attach(runtime, fields, &config, &session));
  assert_ok(lily_session_field_state(session, "field", &state));
  if (json_is_string(expected)) {
    assert_string_equal(json_string_value(expected), "rejected");
    judge(verdict, one, holder.sets == 0 && state == LILY_SESSION_STATE_REJECTED, "was accepted");
  } else {
    struct bytes text;
    const lily_session_value value = case_value(expected, &text);
    const bool right = holder.sets == 1 && state == LILY_SESSION_STATE_LOADED && same_value(&holder.value, &value);
    judge(verdict, one, right, holder.sets == 0 ? "was rejected" : "is another value");
    if (right && text.bytes != NULL) judge(verdict, one, holder.text[text.length] == '\0', "is not NUL-terminated");
    free(text.bytes);
  }
  lily_session_abandon(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  free(holder.text);
}

static void check_in_memory(struct verdict *verdict, const json_t *one) {
  struct bytes stored = case_member(one, "stored");
  lily_session_storage *storage = open_memory();
  assert_ok(lily_session_storage_set(storage, "lily_session_field", stored.bytes, stored.length, 0));
  check(verdict, one, storage);
  lily_session_storage_close(storage);
  free(stored.bytes);
}

TEST(cases__S3_hydrate) { cases_check("hydrate.json", 120, check_in_memory); }

/* The text is in a file that another writer made. */
static void check_in_a_journal(struct verdict *verdict, const json_t *one) {
  struct bytes stored = case_member(one, "stored");
  struct journal journal, line = {NULL, 0, 0};
  journal_text(&line, "\"set\",\"lily_session_field\",");
  journal_raw(&line, stored.bytes, stored.length);
  journal_text(&line, ",0");
  journal_begin(&journal);
  journal_line_of(&journal, line.bytes, line.length);
  journal_save(&journal, JOURNAL);
  lily_session_storage *storage = open_storage(JOURNAL);
  check(verdict, one, storage);
  lily_session_storage_close(storage);
  free(line.bytes);
  free(stored.bytes);
}

TEST(cases__S3_hydrate_from_a_journal) { cases_check("hydrate.json", 120, check_in_a_journal); }
