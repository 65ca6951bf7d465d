/* Passes any bytes to lily_session_storage_set(), which checks them without jansson. It accepts a text if jansson does, with these flags and
   the two rules below. The text is then stored without white space, read back from a journal unchanged, and set in a field as the value that
   jansson reads. For any other text it returns DECODE. A line of a journal that has the text in an unknown operation is whole if jansson
   accepts the line. */
#include "support.h"

#include <jansson.h>
#include <math.h>

enum { DEPTH = 512 };

/* Returns true if the text keeps the library's own rules, which it checks before jansson does: it has no NUL, and is at most 512
   levels deep. */
static bool is_shallow_text(const char *text, size_t length, int most) {
  int depth = 0;
  bool in_string = false;
  for (size_t at = 0; at < length; at++) {
    if (text[at] == 0) return false;
    if (in_string && text[at] == '\\') at++;
    else if (text[at] == '"') in_string = !in_string;
    else if (!in_string && (text[at] == '[' || text[at] == '{') && ++depth > most) return false;
    else if (!in_string && (text[at] == ']' || text[at] == '}')) depth--;
  }
  return true;
}

static json_t *load(const char *text, size_t length) {
  return json_loadb(text, length, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
}

static size_t without_space(const char *text, size_t length, char *out) {
  size_t count = 0;
  bool in_string = false;
  for (size_t at = 0; at < length; at++) {
    if (!in_string && strchr(" \t\r\n", text[at]) != NULL) continue;
    out[count++] = text[at];
    if (in_string && text[at] == '\\') out[count++] = text[++at];
    else if (text[at] == '"') in_string = !in_string;
  }
  return count;
}

/* ------------------------------------------------------------------ a field whose get returns what set was given */

static struct {
  lily_session_value value;
  char *text;
  int sets;
  bool gives_json; /* true: get gives text as JSON; false: as characters */
  bool is_other;
} field;

static lily_session_status get(void *context, const void *session, lily_session_value *out_value) {
  (void)context, (void)session;
  *out_value = field.value;
  if (field.value.type == LILY_SESSION_NULL && field.is_other) {
    out_value->type = LILY_SESSION_BOOL;
    out_value->as.boolean = true;
  } else if (field.is_other) {
    out_value->type = LILY_SESSION_NULL;
  }
  return LILY_SESSION_OK;
}

static lily_session_status set(void *context, void *session, const lily_session_value *value) {
  (void)context, (void)session;
  field.sets++;
  field.value = *value;
  free(field.text);
  field.text = NULL;
  if (value->type == LILY_SESSION_STRING || value->type == LILY_SESSION_JSON) {
    field.text = malloc(value->as.text.length + 1);
    memcpy(field.text, value->as.text.bytes, value->as.text.length + 1);
    require(field.text[value->as.text.length] == 0, "a text without its NUL");
    field.value.as.text.bytes = field.text;
  }
  return LILY_SESSION_OK;
}

static void check_field(lily_session_storage *storage, json_t *parsed, const char *text, size_t length, int32_t types) {
  memset(&field.value, 0, sizeof field.value);
  field.value.type = LILY_SESSION_NULL;
  field.sets = 0;
  field.is_other = false;
  static int model;
  lily_session_runtime *runtime;
  lily_session *session;
  lily_session_persistence *list = lily_session_persistence_new();
  lily_session_field given = LILY_SESSION_FIELD_INIT;
  given.key = "f";
  given.types = types;
  given.get = get;
  given.set = set;
  require(lily_session_field_add(list, &given) == LILY_SESSION_OK, "no field");
  require(lily_session_runtime_new(&model, NULL, NULL, &runtime) == LILY_SESSION_OK, "no runtime");
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  config.storage = storage;
  require(lily_session_attach(runtime, list, &config, &session) == LILY_SESSION_OK, "no session");

  const lily_session_value *value = &field.value;
  bool is_set = field.sets == 1;
  if (is_set) {
    require((value->type & types) != 0, "a value of a type that the field does not take");
    switch (value->type) {
      case LILY_SESSION_NULL: require(json_is_null(parsed), "null"); break;
      case LILY_SESSION_BOOL: require(json_is_boolean(parsed) && json_is_true(parsed) == value->as.boolean, "a bool"); break;
      case LILY_SESSION_INT: {
        json_t *whole = json_loadb(text, length, JSON_DECODE_ANY, NULL);
        require(whole != NULL && json_is_integer(whole) && json_integer_value(whole) == value->as.integer, "an integer");
        json_decref(whole);
        break;
      }
      case LILY_SESSION_REAL: require(json_is_real(parsed) && json_real_value(parsed) == value->as.real, "a real"); break;
      case LILY_SESSION_STRING:
        require(json_is_string(parsed) && json_string_length(parsed) == value->as.text.length &&
                  memcmp(json_string_value(parsed), value->as.text.bytes, value->as.text.length) == 0, "a string");
        break;
      case LILY_SESSION_JSON:
        require(value->as.text.length == length && memcmp(value->as.text.bytes, text, length) == 0, "a text");
        break;
      default: wrong("type %d", value->type);
    }
    /* The library's own encoder stores another value, and then this one again. */
    field.is_other = true;
    lily_session_status first = lily_session_persist(session);
    field.is_other = false;
    lily_session_status second = lily_session_persist(session);
    if (types == 63) {
      require(first == LILY_SESSION_OK && second == LILY_SESSION_OK, "persist returns %d, %d", first, second);
      char *out;
      size_t out_length;
      require(lily_session_storage_get(storage, "lily_session_f", &out, &out_length) == LILY_SESSION_OK, "nothing is stored");
      json_t *again = load(out, out_length);
      require(again != NULL && json_equal(again, parsed), "the field's value was stored as another: %s", out);
      json_decref(again);
      lily_session_free(out);
    }
  } else {
    int32_t state;
    require(lily_session_field_state(session, "f", &state) == LILY_SESSION_OK && state == LILY_SESSION_STATE_REJECTED, "state %d", state);
    require(types != 63 && field.sets == 0, "not taken by a field of all types");
  }
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(list);
  free(field.text);
  field.text = NULL;
}

/* ------------------------------------------------------------------ a line that another program wrote */

static void check_line(const char *text, size_t length) {
  static const uint8_t salt[8] = {0x8f, 0x3b, 0x0c, 0x6a, 0x92, 0xd1, 0xe4, 0x57};
  static const char header[] = "0,\"lily-session\",1,\"8f3b0c6a92d1e457\",\"00000000b7e15163\"]";
  if (memchr(text, '\n', length) != NULL) return; /* this would be two lines */
  char *file = malloc(length + 300);
  size_t size = 0;
  for (int copy = 0; copy < 2; copy++) {
    size += (size_t)sprintf(file + size, "[\"%08x\",%s\n", crc32c(0xFFFFFFFF, (const uint8_t *)header, strlen(header)) ^ 0xFFFFFFFF, header);
  }
  char *line = file + size;
  size_t end = (size_t)sprintf(line, "[\"........\",1,\"zz\",");
  memcpy(line + end, text, length);
  end += length;
  line[end++] = ']';
  char check[9];
  sprintf(check, "%08x", crc32c(crc32c(0xFFFFFFFF, salt, sizeof salt), (uint8_t *)line + 12, end - 12) ^ 0xFFFFFFFF);
  memcpy(line + 2, check, 8);
  char *compact = malloc(end + 1);
  json_t *parsed = is_shallow_text(line, end, DEPTH + 1) ? load(line, end) : NULL;
  bool is_whole = parsed != NULL && without_space(line, end, compact) == end;
  json_decref(parsed);
  free(compact);
  line[end++] = '\n';
  const char *path = in_directory("line.jsonl");
  file_write(path, file, size + end);
  lily_session_storage *storage;
  require(lily_session_storage_open(path, NULL, &storage) == LILY_SESSION_OK, "the journal does not open");
  lily_session_info info = LILY_SESSION_INFO_INIT;
  require(lily_session_storage_info(storage, &info) == LILY_SESSION_OK, "info failed");
  require(info.damaged_lines == (is_whole ? 0 : 1), "a line is %s, and jansson %s it", info.damaged_lines == 0 ? "whole" : "damaged",
          is_whole ? "takes" : "does not take");
  lily_session_storage_close(storage);
  free(file);
}

/* ------------------------------------------------------------------ the target */

static void require_stored(lily_session_storage *storage, const char *text, size_t length) {
  char *out = NULL;
  size_t out_length = 0;
  lily_session_status status = lily_session_storage_get(storage, "lily_session_f", &out, &out_length);
  require(status == LILY_SESSION_OK, "what was accepted is not there: %d", status);
  require(out_length == length && memcmp(out, text, length) == 0 && out[length] == 0, "it came out as %s", out);
  lily_session_free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  memcpy(text, data, size);
  char *exact = malloc(size); /* has no byte more, so that the sanitizer sees a read past its end */
  memcpy(exact, data, size);
  json_t *parsed = size > 0 && is_shallow_text(text, size, DEPTH) ? load(text, size) : NULL;
  lily_session_storage *storage;
  require(lily_session_storage_open_memory(NULL, &storage) == LILY_SESSION_OK, "no memory storage");
  lily_session_status status = lily_session_storage_set(storage, "lily_session_f", exact, size, 0);
  free(exact);
  require(status == (parsed != NULL ? LILY_SESSION_OK : LILY_SESSION_ERROR_DECODE), "set returns %d, and jansson %s it", status,
          parsed != NULL ? "takes" : "does not take");
  if (parsed == NULL) {
    char *out = NULL;
    require(lily_session_storage_get(storage, "lily_session_f", &out, NULL) == LILY_SESSION_ERROR_NOT_FOUND, "refused, but stored");
  } else {
    char *compact = malloc(size + 1);
    size_t length = without_space(text, size, compact);
    require_stored(storage, compact, length);
    require(lily_session_storage_set(storage, "lily_session_f", compact, length, 0) == LILY_SESSION_OK, "not accepted again");
    require_stored(storage, compact, length);
    check_field(storage, parsed, compact, length, 63);
    require(lily_session_storage_set(storage, "lily_session_f", compact, length, 0) == LILY_SESSION_OK, "not accepted again");
    check_field(storage, parsed, compact, length, (int32_t)(size % 62) + 1);
    if (size % 4 == 0) { /* only some inputs go to a file, because it costs more */
      const char *path = in_directory("session.jsonl");
      unlink(path);
      lily_session_storage *journal;
      require(lily_session_storage_open(path, NULL, &journal) == LILY_SESSION_OK, "no journal");
      require(lily_session_storage_set(journal, "lily_session_f", text, size, 0) == LILY_SESSION_OK, "the journal does not take it");
      lily_session_storage *second; /* opens while the first has the file open, so that nothing is rewritten yet */
      require(lily_session_storage_open(path, NULL, &second) == LILY_SESSION_OK, "the journal does not open");
      require_stored(second, compact, length);
      lily_session_storage_close(second);
      lily_session_storage_close(journal);
    }
    free(compact);
    json_decref(parsed);
  }
  lily_session_storage_close(storage);
  if (size % 2 == 0) check_line(text, size);
  free(text);
  return 0;
}
