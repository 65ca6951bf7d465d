/* Tests/cases: the text that each value of a field is stored as. */
#include "cases.h"

static int model;

/* Returns a value that a field of these types may have. */
static lily_session_value value_of(int32_t types) {
  lily_session_value value = {.type = types & -types};
  switch (value.type) {
    case LILY_SESSION_BOOL: value.as.boolean = false; break;
    case LILY_SESSION_INT: value.as.integer = 31337; break;
    case LILY_SESSION_REAL: value.as.real = 31337.5; break;
    case LILY_SESSION_STRING:
    case LILY_SESSION_JSON:
      value.as.text.bytes = "[\"at first\"]";
      value.as.text.length = 12;
  }
  return value;
}

/* Attaches a field that has one value, gives it the case's, and persists. `first` is a type for the first value. */
static lily_session_status store(lily_session_storage *storage, const json_t *one, int32_t first) {
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime = NULL;
  lily_session *session = NULL;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  struct holder holder = {.value = value_of(first)};
  struct bytes text;
  lily_session_field field = holder_field(&holder, "field", case_types(one) | first);
  config.storage = storage;
  assert_ok(lily_session_runtime_new(&model, NULL, NULL, &runtime));
  assert_ok(lily_session_field_add(fields, &field));
  assert_ok(lily_session_attach(runtime, fields, &config, &session));
  holder.value = case_value(json_object_get(one, "set"), &text);
  lily_session_status status = lily_session_persist(session);
  assert_returns(status, status);
  lily_session_abandon(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  free(text.bytes);
  return status;
}

static void check_value(struct verdict *verdict, const json_t *one) {
  lily_session_storage *storage = open_memory();
  /* No case has the first value, so that the case's is a change whatever it is. */
  const lily_session_status status = store(storage, one, LILY_SESSION_INT);
  judge(verdict, one, status == LILY_SESSION_OK, "not stored");
  judge_stored(verdict, one, storage, "lily_session_field");
  lily_session_storage_close(storage);
}

TEST(cases__S2_values) { cases_check("values.json", 200, check_value); }

static void check_unstorable(struct verdict *verdict, const json_t *one) {
  lily_session_storage *storage = open_memory();
  const int32_t types = case_types(one);
  const lily_session_status status = store(storage, one, types & -types);
  judge(verdict, one, status == LILY_SESSION_ERROR_ENCODE, lily_session_status_name(status));
  assert_entries(storage, 0);
  lily_session_storage_close(storage);
}

TEST(cases__S7_unstorable) { cases_check("unstorable.json", 40, check_unstorable); }
