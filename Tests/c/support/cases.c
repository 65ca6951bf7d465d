#include "cases.h"

json_t *cases_load(const char *file) {
  char path[5000];
  json_error_t error;
  snprintf(path, sizeof path, "%s/%s", CASES_DIRECTORY, file);
  json_t *cases = json_load_file(path, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
  if (cases == NULL) fail_msg("%s: line %d: %s", path, error.line, error.text);
  assert_true(json_is_array(cases));
  return cases;
}

static struct bytes joined(struct bytes bytes, struct bytes more) {
  bytes.bytes = realloc(bytes.bytes, bytes.length + more.length + 1);
  assert_non_null(bytes.bytes);
  memcpy(bytes.bytes + bytes.length, more.bytes, more.length);
  bytes.length += more.length;
  bytes.bytes[bytes.length] = '\0';
  free(more.bytes);
  return bytes;
}

static struct bytes copied(const char *from, size_t length) {
  struct bytes bytes = {malloc(length + 1), length};
  assert_non_null(bytes.bytes);
  memcpy(bytes.bytes, from, length);
  bytes.bytes[length] = '\0';
  return bytes;
}

struct bytes case_text(const json_t *text) {
  if (json_is_string(text)) return copied(json_string_value(text), json_string_length(text));
  if (json_is_array(text)) {
    struct bytes all = copied("", 0);
    for (size_t i = 0; i < json_array_size(text); i++) all = joined(all, case_text(json_array_get(text, i)));
    return all;
  }
  const char *hex = json_string_value(json_object_get(text, "hex"));
  if (hex != NULL) {
    struct bytes bytes = copied(hex, strlen(hex) / 2);
    for (size_t i = 0; i < bytes.length; i++) assert_int_equal(sscanf(hex + 2 * i, "%2hhx", (unsigned char *)bytes.bytes + i), 1);
    bytes.bytes[bytes.length] = '\0';
    return bytes;
  }
  const size_t times = (size_t)json_integer_value(json_object_get(text, "times"));
  assert_true(times > 0);
  struct bytes once = case_text(json_object_get(text, "repeat")), all = {malloc(once.length * times + 1), once.length * times};
  assert_non_null(all.bytes);
  for (size_t i = 0; i < times; i++) memcpy(all.bytes + i * once.length, once.bytes, once.length);
  all.bytes[all.length] = '\0';
  free(once.bytes);
  return all;
}

struct bytes case_member(const json_t *one, const char *member) { return case_text(json_object_get(one, member)); }

const char *case_name(const json_t *one) { return json_string_value(json_object_get(one, "name")); }

static int32_t type_named(const char *name) {
  static const char *const names[] = {"NULL", "BOOL", "INT", "REAL", "STRING", "JSON"};
  for (int i = 0; i < 6; i++)
    if (strcmp(names[i], name) == 0) return 1 << i;
  fail_msg("no type %s", name);
  return 0;
}

int32_t case_types(const json_t *one) {
  const json_t *names = json_object_get(one, "types");
  int32_t types = 0;
  for (size_t i = 0; i < json_array_size(names); i++) types |= type_named(json_string_value(json_array_get(names, i)));
  assert_int_not_equal(types, 0);
  return types;
}

lily_session_value case_value(const json_t *value, struct bytes *text) {
  lily_session_value made = {.type = type_named(json_string_value(json_object_get(value, "type")))};
  const json_t *native = json_object_get(value, "value");
  *text = (struct bytes){NULL, 0};
  switch (made.type) {
    case LILY_SESSION_BOOL: made.as.boolean = json_is_true(native); break;
    case LILY_SESSION_INT: made.as.integer = json_integer_value(native); break;
    case LILY_SESSION_REAL: {
      const uint64_t bits = strtoull(json_string_value(json_object_get(value, "bits")), NULL, 16);
      memcpy(&made.as.real, &bits, sizeof bits);
      break;
    }
    case LILY_SESSION_STRING:
    case LILY_SESSION_JSON:
      *text = case_text(made.type == LILY_SESSION_STRING ? native : json_object_get(value, "text"));
      made.as.text.bytes = text->bytes;
      made.as.text.length = text->length;
  }
  return made;
}

bool same_value(const lily_session_value *one, const lily_session_value *two) {
  if (one->type != two->type) return false;
  switch (one->type) {
    case LILY_SESSION_NULL: return true;
    case LILY_SESSION_BOOL: return one->as.boolean == two->as.boolean;
    case LILY_SESSION_INT: return one->as.integer == two->as.integer;
    case LILY_SESSION_REAL: return memcmp(&one->as.real, &two->as.real, sizeof one->as.real) == 0;
    default: return one->as.text.length == two->as.text.length && memcmp(one->as.text.bytes, two->as.text.bytes, one->as.text.length) == 0;
  }
}

static lily_session_status get(void *context, const void *session, lily_session_value *out_value) {
  (void)session;
  *out_value = ((struct holder *)context)->value;
  return LILY_SESSION_OK;
}

static lily_session_status set(void *context, void *session, const lily_session_value *value) {
  struct holder *holder = context;
  (void)session;
  holder->sets++;
  holder->value = *value;
  if (value->type != LILY_SESSION_STRING && value->type != LILY_SESSION_JSON) return LILY_SESSION_OK;
  free(holder->text);
  holder->text = malloc(value->as.text.length + 1);
  /* The NUL is copied, too: set is promised one. */
  if (holder->text != NULL) memcpy(holder->text, value->as.text.bytes, value->as.text.length + 1);
  holder->value.as.text.bytes = holder->text;
  return LILY_SESSION_OK;
}

lily_session_field holder_field(struct holder *holder, const char *key, int32_t types) {
  lily_session_field field = LILY_SESSION_FIELD_INIT;
  field.key = key;
  field.types = types;
  field.get = get;
  field.set = set;
  field.context = holder;
  return field;
}

void judge(struct verdict *verdict, const json_t *one, bool right, const char *what) {
  verdict->cases++;
  if (right) return;
  verdict->failures++;
  print_error("%s: %s (last error: \"%s\")\n", case_name(one), what, lily_session_last_error());
}

void judge_stored(struct verdict *verdict, const json_t *one, lily_session_storage *storage, const char *key) {
  struct bytes stored = case_member(one, "stored");
  char *json = NULL;
  size_t length = 0;
  if (lily_session_storage_get(storage, key, &json, &length) == LILY_SESSION_OK) {
    judge(verdict, one, length == stored.length && memcmp(json, stored.bytes, length) == 0, json);
    lily_session_free(json);
  } else {
    judge(verdict, one, false, "not there");
  }
  free(stored.bytes);
}

void cases_check(const char *file, int least, void (*check)(struct verdict *verdict, const json_t *one)) {
  json_t *cases = cases_load(file);
  struct verdict verdict = {0, 0};
  for (size_t i = 0; i < json_array_size(cases); i++) check(&verdict, json_array_get(cases, i));
  json_decref(cases);
  assert_verdict(verdict, least);
}
