/* lily_session_last_error(): which thread it belongs to, how long it lives, and what it never contains. */
#include "journal.h"
#include "rig.h"

#include <jansson.h>
#include <pthread.h>

TEST(last_error__empty_after_success) {
  assert_fails(INVALID_ARGUMENT, lily_session_storage_sync(NULL));
  lily_session_storage *storage = open_memory();
  assert_string_equal(lily_session_last_error(), "");
  lily_session_storage_close(storage);
}

TEST(last_error__persistence_new_clears_it) {
  assert_fails(INVALID_ARGUMENT, lily_session_storage_sync(NULL));
  lily_session_persistence *persistence = lily_session_persistence_new();
  assert_non_null(persistence);
  assert_string_equal(lily_session_last_error(), "");
  lily_session_persistence_free(persistence);
}

TEST(last_error__names_the_key) {
  lily_session_storage *storage = open_memory();
  char *json;
  assert_fails(NOT_FOUND, lily_session_storage_get(storage, "lily_session_theme", &json, NULL));
  assert_message_has("lily_session_theme");
  assert_fails(DECODE, set_text(storage, "lily_session_cart", "{" SECRET));
  assert_message_has("lily_session_cart");
  assert_fails(INVALID_ARGUMENT, lily_session_storage_set(storage, "lily_session_token", "1", 1, -1));
  assert_message_has("lily_session_token");
  lily_session_storage_close(storage);
}

TEST(last_error__names_the_field) {
  struct rig rig;
  struct probe theme = {0};
  rig_begin(&rig, open_memory());
  rig_field(&rig, &theme, "theme_of_shop", LILY_SESSION_STRING);
  lily_session_field again = probe_field(&theme, "theme_of_shop", LILY_SESSION_STRING);
  again.release = NULL;
  assert_fails(DUPLICATE_KEY, lily_session_field_add(rig.fields, &again));
  assert_message_has("theme_of_shop");
  probe_string(&theme, SECRET);
  rig_attach(&rig);
  theme.get_result = -99;
  assert_fails(CALLBACK, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_message_has("theme_of_shop");
  int32_t state;
  assert_fails(NOT_FOUND, lily_session_field_state(rig.session, "no_such_field", &state));
  assert_message_has("no_such_field");
  rig_end(&rig);
}

/* This causes every failure that could quote a value. check_status() looks for the secret in each message. */
TEST(last_error__never_quotes_values) {
  lily_session_storage *storage = open_memory();
  const char *texts[] = {SECRET, "\"" SECRET, "[\"" SECRET "\",]", "{\"" SECRET "\":1,\"" SECRET "\":2}",
      "\"" SECRET "\\ud800\"", "\"" SECRET "\" 1"};
  for (size_t i = 0; i < COUNT(texts); i++) assert_fails(DECODE, set_text(storage, "key", texts[i]));
  struct rig rig;
  struct probe cart = {0};
  rig_begin(&rig, storage);
  rig_field(&rig, &cart, "cart", LILY_SESSION_JSON);
  probe_json(&cart, "0");
  rig_attach(&rig);
  for (size_t i = 0; i < COUNT(texts); i++) {
    probe_json(&cart, texts[i]);
    assert_fails(ENCODE, lily_session_runtime_dispatch(rig.runtime, NULL));
  }
  rig_end(&rig);
}

TEST(last_error__says_why_a_text_is_not_JSON_and_at_which_byte) {
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"{\"pin\":1,\"pin\":2}", "k: the text is not JSON: duplicate name at byte 14"},
      {"{\"\\u0000\":1}", "k: the text is not JSON: a name with a NUL at byte 9"},
      {"[\"abcde\nf\"]", "k: the text is not JSON: a raw line break in a string at byte 7"},
      {"\"\t\"", "k: the text is not JSON: a raw control character in a string at byte 1"},
      {"[\"a\\\"\\x\"]", "k: the text is not JSON: a wrong escape in a string at byte 5"},
      {"\"a", "k: the text is not JSON: a string without an end at byte 2"},
      {"\"\xff\"", "k: the text is not JSON: invalid UTF-8 at byte 1"},
      {"[1,]", "k: the text is not JSON: unexpected character at byte 3"},
      {"[1}", "k: the text is not JSON: unexpected character at byte 2"},
      {"[-]", "k: the text is not JSON: a wrong number, or one that is too large, at byte 2"},
      {"[01]", "k: the text is not JSON: a wrong number, or one that is too large, at byte 3"},
      {"[1e999]", "k: the text is not JSON: a wrong number, or one that is too large, at byte 2"},
      {"[1", "k: the text is not JSON: the text ends too early at byte 2"},
      {"", "k: the text is not JSON: the text ends too early at byte 0"},
      {"1 2", "k: the text is not JSON: unexpected text after the value at byte 2"},
  };
  lily_session_storage *storage = open_memory();
  for (size_t i = 0; i < COUNT(cases); i++) {
    assert_fails(DECODE, set_text(storage, "k", cases[i].text));
    assert_string_equal(lily_session_last_error(), cases[i].message);
  }
  lily_session_storage_close(storage);
}

/* A key may have characters that would break a line or act on a terminal. The message contains none of them. */
TEST(last_error__is_one_line_whatever_the_key) {
  lily_session_storage *storage = open_memory();
  char *json;
  const char *keys[] = {"two\nlines", "carriage\rreturn", "\x1b[2J", "\x7f", "\t"};
  for (size_t i = 0; i < COUNT(keys); i++) {
    assert_fails(NOT_FOUND, lily_session_storage_get(storage, keys[i], &json, NULL));
    for (const char *at = lily_session_last_error(); *at != '\0'; at++) assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
  }
  char *longest = repeated('k', 1024);
  assert_fails(NOT_FOUND, lily_session_storage_get(storage, longest, &json, NULL));
  assert_message_has("kkkk");
  free(longest);
  lily_session_storage_close(storage);
}

/* A key that does not fit is cut between characters, not inside one. */
TEST(last_error__is_utf8_whatever_the_key) {
  lily_session_storage *storage = open_memory();
  char *json, key[520];
  for (int shift = 0; shift < 4; shift++) {
    memset(key, 'k', (size_t)shift);
    key[shift] = '\0';
    for (int i = 0; i < 127; i++) strcat(key, "\xf0\x9f\x8c\xb8");
    assert_fails(NOT_FOUND, lily_session_storage_get(storage, key, &json, NULL));
    json_t *text = json_string(lily_session_last_error()); /* NULL for what is not UTF-8 */
    assert_non_null(text);
    json_decref(text);
    assert_message_has("\xf0\x9f\x8c\xb8");
  }
  lily_session_storage_close(storage);
}

/* The message of a storage that cannot be opened, as its variable is not an absolute path. */
static const char *message_about(const char *path) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage = UNTOUCHED;
  options.application = "shop";
  setenv("LILY_SESSION_DIR", path, 1);
  assert_fails(INVALID_ARGUMENT, lily_session_storage_open(NULL, &options, &storage));
  return lily_session_last_error();
}

TEST(last_error__is_one_line_of_UTF8_whatever_the_path) {
  const char *paths[][2] = {
      {"two\nlines\x1b[2J\x7f", "two?lines?[2J?"}, {"caf\xc3\xa9", "caf\xc3\xa9"},
      {"\xff\xc3\xa9", "???"},                      {"\xc2\x9b" "2J\xc2\xa0", "?2J\xc2\xa0"},
  };
  for (size_t i = 0; i < COUNT(paths); i++) {
    char message[100];
    snprintf(message, sizeof message, "LILY_SESSION_DIR is not an absolute path: %s", paths[i][1]);
    assert_string_equal(message_about(paths[i][0]), message);
  }
}

/* A long path loses its beginning, because its end tells more. It is cut between characters. */
TEST(last_error__has_the_end_of_a_long_path) {
  for (int shift = 0; shift < 4; shift++) {
    char path[2000] = "";
    for (int i = 0; i < 400; i++) strcat(path, "\xf0\x9f\x8c\xb8");
    strcat(path, "/the/end");
    path[1600 + 4 + shift] = '\0';
    const char *message = message_about(path);
    json_t *text = json_string(message); /* NULL for what is not UTF-8 */
    assert_non_null(text);
    json_decref(text);
    assert_message_has("path: ...\xf0");
    assert_string_equal(message + strlen(message) - (size_t)(4 + shift), path + 1600);
  }
}

TEST(last_error__stays_when_nothing_with_a_status_is_called) {
  lily_session_storage *storage = open_memory(), *other = open_memory();
  struct rig rig;
  rig_begin(&rig, NULL);
  lily_session_persistence *fields = lily_session_persistence_new();
  char *json;
  assert_fails(NOT_FOUND, lily_session_storage_get(storage, "lily_session_theme", &json, NULL));
  char *before = strdup(lily_session_last_error());
  lily_session_free(NULL);
  lily_session_free(malloc(1));
  lily_session_storage_close(NULL);
  lily_session_storage_close(other);
  lily_session_persistence_free(fields);
  lily_session_runtime_free(NULL);
  lily_session_detach(NULL);
  lily_session_abandon(NULL);
  lily_session_version();
  lily_session_status_name(-3);
  lily_session_storage_path(storage);
  lily_session_runtime_model(rig.runtime);
  assert_string_equal(lily_session_last_error(), before);
  assert_string_equal(lily_session_last_error(), before);
  free(before);
  rig_end(&rig);
  lily_session_storage_close(storage);
}

/* A finaliser may run after a call has failed and before the program reads the message. It may detach, which writes, and may fail. */
static void stays_when(void (*ending)(struct rig *rig)) {
  struct rig rig;
  struct probe theme = {0};
  rig_begin(&rig, open_memory());
  rig_attach_theme(&rig, &theme);
  probe_string(&theme, "dark");
  char *json;
  assert_fails(NOT_FOUND, lily_session_storage_get(rig.storage, "lily_session_other", &json, NULL));
  char *before = strdup(lily_session_last_error());
  ending(&rig);
  assert_string_equal(lily_session_last_error(), before);
  free(before);
  rig_end(&rig);
}

static void detach(struct rig *rig) {
  end_by(lily_session_detach, rig->session);
}
static void abandon(struct rig *rig) {
  end_by(lily_session_abandon, rig->session);
}
static void free_runtime(struct rig *rig) {
  end_by(lily_session_runtime_free, rig->runtime);
}

TEST(last_error__detach_leaves_it_alone) { stays_when(detach); }
TEST(last_error__abandon_leaves_it_alone) { stays_when(abandon); }
TEST(last_error__runtime_free_leaves_it_alone) { stays_when(free_runtime); }

static void read_missing(struct rig *rig, const void *message) {
  char *json;
  (void)message;
  lily_session_storage_get(rig->storage, "lily_session_absent", &json, NULL);
}
static void read_nothing_wrong(struct rig *rig, const char *where) {
  int count = 0;
  (void)where;
  lily_session_storage_each(rig->storage, NULL, count_items, &count);
}

TEST(last_error__an_inner_failure_does_not_outlive_an_outer_success) {
  struct rig rig;
  rig_begin(&rig, open_memory());
  rig_attach(&rig);
  rig.in_update = read_missing;
  rig_dispatch(&rig);
  assert_string_equal(lily_session_last_error(), "");
  rig_end(&rig);
}

TEST(last_error__an_inner_success_does_not_hide_an_outer_failure) {
  struct rig rig;
  struct probe theme = {0};
  rig_begin(&rig, open_memory());
  rig_attach_theme(&rig, &theme);
  rig.hook = read_nothing_wrong;
  theme.get_result = -99;
  assert_fails(CALLBACK, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_message_has("theme");
  rig_end(&rig);
}

TEST(last_error__has_the_errno_of_what_the_system_refused) {
  lily_session_storage *storage = UNTOUCHED;
  assert_int_equal(lily_session_storage_open("/proc/no/such/folder.jsonl", NULL, &storage) < 0, 1);
  assert_int_equal(lily_session_last_system_error(), ENOENT);
  assert_message_has("No such file or directory");
  storage = open_memory();
  assert_int_equal(lily_session_last_system_error(), 0);
  char *json;
  assert_fails(NOT_FOUND, lily_session_storage_get(storage, "lily_session_theme", &json, NULL));
  assert_int_equal(lily_session_last_system_error(), 0);
  lily_session_storage_close(storage);
}

static void *fail_elsewhere(void *context) {
  char *json;
  const char *at_first = lily_session_last_error();
  bool empty = at_first[0] == '\0';
  lily_session_storage_get(context, "lily_session_of_a_thread", &json, NULL);
  return empty && strstr(lily_session_last_error(), "of_a_thread") != NULL ? context : NULL;
}

TEST(last_error__S16_each_thread_has_its_own) {
  lily_session_storage *storage = open_memory();
  char *json;
  void *result = NULL;
  assert_fails(NOT_FOUND, lily_session_storage_get(storage, "lily_session_of_main", &json, NULL));
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, storage), 0);
  assert_int_equal(pthread_join(thread, &result), 0);
  assert_ptr_equal(result, storage);
  assert_message_has("of_main");
  lily_session_storage_close(storage);
}
