/* Conformance: what a storage does with keys, values and deadlines, on a journal, in memory, and on a backend of the host's. */
#include "journal.h"
#include "stage.h"

CASE(conform__S2_what_goes_in_comes_out) {
  const char *const texts[] = {
      "null", "true", "0", "-0", "1.50", "1e2", "123456789012345678901234567890", "\"\"", "\"\\u00e9 \xc3\xa9 \\u0000\"", "[]", "{}",
      "{\"b\":1,\"a\":[1.0,{\"\":null}]}", "\"\\u0001\\/\"",
  };
  for (size_t i = 0; i < COUNT(texts); i++) {
    assert_ok(set_text(stage->storage, "k", texts[i]));
    assert_stored(stage->storage, "k", texts[i]);
    assert_stored(stage->other, "k", texts[i]);
    stage_reopen(stage);
    assert_stored(stage->storage, "k", texts[i]);
  }
  assert_entries(stage->storage, 1);
}

CASE(conform__S2_white_space_outside_strings_goes) {
  assert_ok(set_text(stage->storage, "k", " {\n\t\"a b\" : [ 1 , \" \" ]\r\n} "));
  assert_stored(stage->storage, "k", "{\"a b\":[1,\" \"]}");
}

CASE(conform__S2_what_is_not_JSON_is_refused) {
  const char *const texts[] = {"", " ", "{", "[1,]", "nul", "'a'", "\"\xff\"", "\"\\ud800\"", "{\"a\":1,\"a\":2}", "1 2", "NaN"};
  assert_ok(set_text(stage->storage, "k", "1"));
  for (size_t i = 0; i < COUNT(texts); i++) {
    assert_fails(DECODE, set_text(stage->storage, "k", texts[i]));
    assert_message_has("k");
    assert_stored(stage->storage, "k", "1");
  }
}

CASE(conform__remove) {
  assert_ok(lily_session_storage_remove(stage->storage, "k"));
  assert_ok(set_text(stage->storage, "k", "1"));
  assert_ok(set_text(stage->storage, "kk", "2"));
  assert_ok(lily_session_storage_remove(stage->storage, "k"));
  assert_absent(stage->storage, "k");
  assert_absent(stage->other, "k");
  assert_ok(lily_session_storage_remove(stage->storage, "k"));
  assert_stored(stage->storage, "kk", "2");
  stage_reopen(stage);
  assert_absent(stage->storage, "k");
  assert_entries(stage->storage, 1);
}

struct walk {
  char keys[300];
  lily_session_storage *storage; /* each visit removes the entry that it saw from this storage; NULL: it removes nothing */
  int stop_at, visits;
};

static lily_session_status note_key(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms) {
  struct walk *walk = context;
  (void)expires_at_ms;
  if (strlen(json) != length) return LILY_SESSION_ERROR_DECODE;
  sprintf(walk->keys + strlen(walk->keys), "%s=%s ", key, json);
  if (walk->storage != NULL) lily_session_storage_remove(walk->storage, key);
  return ++walk->visits == walk->stop_at ? 77 : LILY_SESSION_OK;
}

CASE(conform__each_in_byte_order) {
  const char *const keys[] = {"b", "\xc3\xa9", "a", "ab", "B", "aa", "\xf0\x9f\x98\x80", "a\x7f", "\xef\xbf\xbd", "e\xcc\x81", "a.b"};
  for (size_t i = 0; i < COUNT(keys); i++) assert_ok(set_text(stage->storage, keys[i], "1"));
  struct walk all = {0}, some = {0}, none = {0}, empty = {0};
  assert_ok(lily_session_storage_each(stage->other, NULL, note_key, &all));
  assert_string_equal(all.keys, "B=1 a=1 a.b=1 aa=1 ab=1 a\x7f=1 b=1 e\xcc\x81=1 \xc3\xa9=1 \xef\xbf\xbd=1 \xf0\x9f\x98\x80=1 ");
  assert_ok(lily_session_storage_each(stage->storage, "a", note_key, &some));
  assert_string_equal(some.keys, "a=1 a.b=1 aa=1 ab=1 a\x7f=1 ");
  assert_ok(lily_session_storage_each(stage->storage, "abc", note_key, &none));
  assert_string_equal(none.keys, "");
  assert_ok(lily_session_storage_each(stage->storage, "", note_key, &empty));
  assert_string_equal(empty.keys, all.keys);
}

CASE(conform__each_is_a_snapshot_and_can_be_stopped) {
  const char *const keys[] = {"a", "b", "c", "d"};
  for (size_t i = 0; i < COUNT(keys); i++) assert_ok(set_text(stage->storage, keys[i], "[]"));
  struct walk stopped = {.stop_at = 2}, removing = {.storage = stage->storage};
  /* each returns the number that the host's visit returned, which need not be one of the library's. */
  assert_int_equal(lily_session_storage_each(stage->storage, NULL, note_key, &stopped), 77);
  assert_string_equal(stopped.keys, "a=[] b=[] ");
  assert_ok(lily_session_storage_each(stage->storage, NULL, note_key, &removing));
  assert_string_equal(removing.keys, "a=[] b=[] c=[] d=[] ");
  assert_entries(stage->storage, 0);
}

CASE(conform__S8_clear_removes_what_sessions_store) {
  const char *const session[] = {"lily_session_", "lily_session_a", "lily_session_\xc3\xa9", "lily_session_lily_session_"};
  const char *const others[] = {"lily_session", "lily_sessioN_", "Lily_session_a", "a", "lily", "\x02lily_session_a",
                                "lily_sessio", "lily-session_a", " lily_session_a", "lily_sessionx"};
  assert_ok(lily_session_clear(stage->storage)); /* there is nothing to clear */
  for (size_t i = 0; i < COUNT(session); i++) assert_ok(set_text(stage->storage, session[i], "1"));
  for (size_t i = 0; i < COUNT(others); i++) assert_ok(set_text(stage->storage, others[i], "2"));
  assert_ok(lily_session_clear(stage->other));
  for (int again = 0; again < 2; again++) {
    for (size_t i = 0; i < COUNT(session); i++) assert_absent(stage->storage, session[i]);
    for (size_t i = 0; i < COUNT(others); i++) assert_stored(stage->storage, others[i], "2");
    stage_reopen(stage);
  }
  assert_ok(lily_session_clear(stage->storage));
  assert_entries(stage->storage, (int)COUNT(others));
}

CASE(conform__S9_absent_from_the_millisecond_of_the_deadline) {
  const int64_t year = INT64_C(31536000000);
  assert_ok(lily_session_storage_set(stage->storage, "soon", "1", 1, stage->now + 1));
  assert_ok(lily_session_storage_set(stage->storage, "far", "1", 1, stage->now + 10 * year));
  assert_ok(lily_session_storage_set(stage->storage, "last", "1", 1, INT64_MAX));
  const int64_t past[] = {1, stage->now - 1, stage->now};
  for (size_t i = 0; i < COUNT(past); i++) {
    assert_ok(set_text(stage->storage, "past", "1"));
    assert_ok(lily_session_storage_set(stage->storage, "past", "2", 1, past[i]));
    assert_absent(stage->storage, "past");
  }
  assert_ok(lily_session_storage_set(stage->storage, "never", "1", 1, 0));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_set(stage->storage, "never", "2", 1, -1));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_set(stage->storage, "never", "2", 1, INT64_MIN));
  stage_reopen(stage);
  assert_stored(stage->storage, "soon", "1");
  assert_absent(stage->storage, "past");
  assert_entries(stage->storage, 4);
  stage->now += 1;
  assert_absent(stage->storage, "soon");
  assert_entries(stage->other, 3);
  stage->now += 10 * year - 2;
  assert_stored(stage->storage, "far", "1");
  stage->now++;
  assert_absent(stage->storage, "far");
  stage->now = INT64_MAX - 1;
  assert_stored(stage->storage, "last", "1");
  stage->now = INT64_MAX;
  assert_absent(stage->storage, "last");
  assert_stored(stage->storage, "never", "1");
  stage->now = INT64_MIN;
  assert_entries(stage->storage, 5);
}

CASE(conform__info) {
  lily_session_info info = info_of(stage->storage);
  assert_int_equal(info.entries, 0);
  assert_int_equal(info.live_bytes, 0);
  assert_ok(set_text(stage->storage, "ab", "\"\xc3\xa9\""));
  assert_ok(lily_session_storage_set(stage->storage, "c", "[1, 2]", 6, 1)); /* expired, and counted */
  assert_ok(lily_session_storage_sync(stage->storage));
  info = info_of(stage->other);
  assert_int_equal(info.size, sizeof info);
  assert_int_equal(info.entries, 2);
  assert_int_equal(info.live_bytes, 2 + 4 + 1 + 5);
  assert_int_equal(info.damaged_lines, 0);
  assert_int_equal(info.durability, LILY_SESSION_DURABILITY_PROCESS);
  assert_int_equal(info.owes_sync, 0);
  if (stage->kind != ON_MEMORY && !stage_is_backend(stage)) {
    assert_string_equal(info.path, lily_session_storage_path(stage->storage));
    assert_true(info.file_bytes > JOURNAL_HEADERS_SIZE);
    assert_int_equal(info.quota_bytes, 5 << 20);
  } else {
    assert_null(info.path);
    assert_null(lily_session_storage_path(stage->storage));
    assert_int_equal(info.file_bytes, 0);
    assert_int_equal(info.last_compaction_ms, 0);
    /* A backend has its own quota, which the library does not know. */
    assert_int_equal(info.quota_bytes, stage->kind == ON_MEMORY ? 5 << 20 : -1);
  }
}

CASE(conform__many_keys) {
  char key[20], json[20];
  for (int i = 0; i < 300; i++) {
    snprintf(key, sizeof key, "key %d", i);
    snprintf(json, sizeof json, "%d", i * i);
    assert_ok(set_text(i % 2 ? stage->storage : stage->other, key, json));
  }
  for (int i = 0; i < 300; i += 3) {
    snprintf(key, sizeof key, "key %d", i);
    assert_ok(lily_session_storage_remove(stage->storage, key));
  }
  stage_reopen(stage);
  assert_entries(stage->storage, 200);
  for (int i = 0; i < 300; i++) {
    snprintf(key, sizeof key, "key %d", i);
    snprintf(json, sizeof json, "%d", i * i);
    if (i % 3 == 0)
      assert_absent(stage->storage, key);
    else
      assert_stored(stage->storage, key, json);
  }
}
