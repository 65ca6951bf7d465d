/* S1: which texts are keys, and which keys are the same. */
#include "rig.h"

static const char *const invalid_utf8[] = {
    "\xff",             /* never part of UTF-8 */
    "\x80",             /* a continuation alone */
    "a\xc3",            /* cut short */
    "\xc0\x80",         /* NUL, overlong */
    "\xc1\xbf",         /* overlong */
    "\xe0\x80\xaf",     /* overlong */
    "\xf0\x80\x80\xaf", /* overlong */
    "\xed\xa0\x80",     /* a surrogate */
    "\xed\xbf\xbf",     /* a surrogate */
    "\xf4\x90\x80\x80", /* past U+10FFFF */
    "\xf5\x80\x80\x80", /* past U+10FFFF */
    "\xe2\x28\xa1",     /* a broken sequence */
    "ok\xf0\x9f\x8c",   /* cut short */
};

static const char *const valid_utf8[] = {
    " ", ".", "a\nb", "\t", "\x01", "\x7f", "\"", "\\", "/", "a b", "\"quoted\"", "[1,2]", "%s%n", "\xc2\x80", "\xdf\xbf",
    "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", ("\xef\xbb\xbf" "bom"), "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
    "\xe2\x80\xa8", /* a line separator, which JavaScript once took for a newline */
};

static void check_refused(lily_session_storage *storage, const char *key) {
  char *json = UNTOUCHED;
  assert_fails(INVALID_ARGUMENT, set_text(storage, key, "1"));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_get(storage, key, &json, NULL));
  assert_ptr_equal(json, UNTOUCHED);
  assert_fails(INVALID_ARGUMENT, lily_session_storage_remove(storage, key));
}

TEST(keys__S1_storage_keys_have_1_to_512_bytes) {
  lily_session_storage *storages[] = {open_memory(), open_storage(JOURNAL)};
  char *key = repeated('k', 513);
  for (size_t i = 0; i < COUNT(storages); i++) {
    key[512] = 'k';
    check_refused(storages[i], "");
    check_refused(storages[i], key);
    key[512] = '\0';
    assert_ok(set_text(storages[i], key, "512"));
    assert_stored(storages[i], key, "512");
    assert_ok(set_text(storages[i], "k", "1"));
    assert_stored(storages[i], "k", "1");
    assert_entries(storages[i], 2);
    assert_ok(lily_session_storage_remove(storages[i], key));
    assert_entries(storages[i], 1);
    lily_session_storage_close(storages[i]);
  }
  free(key);
}

TEST(keys__S1_a_very_long_key) {
  lily_session_storage *storage = open_memory();
  char *key = repeated('k', 1 << 20);
  check_refused(storage, key);
  free(key);
  lily_session_storage_close(storage);
}

TEST(keys__S1_storage_keys_are_utf8) {
  lily_session_storage *storages[] = {open_memory(), open_storage(JOURNAL)};
  for (size_t i = 0; i < COUNT(storages); i++) {
    for (size_t j = 0; j < COUNT(invalid_utf8); j++) check_refused(storages[i], invalid_utf8[j]);
    assert_entries(storages[i], 0);
    lily_session_storage_close(storages[i]);
  }
}

TEST(keys__S1_whatever_is_utf8_is_a_key) {
  lily_session_storage *storage = open_storage(JOURNAL);
  for (size_t i = 0; i < COUNT(valid_utf8); i++) {
    char json[20];
    snprintf(json, sizeof json, "%zu", i);
    assert_ok(set_text(storage, valid_utf8[i], json));
  }
  for (int opened = 0; opened < 2; opened++) {
    assert_entries(storage, (int)COUNT(valid_utf8));
    for (size_t i = 0; i < COUNT(valid_utf8); i++) {
      char json[20];
      snprintf(json, sizeof json, "%zu", i);
      assert_stored(storage, valid_utf8[i], json);
    }
    lily_session_storage_close(storage);
    storage = open_storage(JOURNAL);
  }
  lily_session_storage_close(storage);
}

/* As bytes: neither case, nor normal forms, nor look-alikes. */
TEST(keys__S1_are_compared_as_bytes) {
  const char *keys[] = {"\xc3\xa9", "e\xcc\x81", "e", "E", "\xe2\x84\xab", "\xc3\x85", "A\xcc\x8a", "a", "\xd0\xb0", " a", "a "};
  lily_session_storage *storages[] = {open_memory(), open_storage(JOURNAL)};
  for (size_t i = 0; i < COUNT(storages); i++) {
    for (size_t j = 0; j < COUNT(keys); j++) {
      assert_absent(storages[i], keys[j]);
      char json[20];
      snprintf(json, sizeof json, "[%zu]", j);
      assert_ok(set_text(storages[i], keys[j], json));
    }
    assert_entries(storages[i], (int)COUNT(keys));
    for (size_t j = 0; j < COUNT(keys); j++) {
      char json[20];
      snprintf(json, sizeof json, "[%zu]", j);
      assert_stored(storages[i], keys[j], json);
    }
    lily_session_storage_close(storages[i]);
  }
}

static lily_session_status add(lily_session_persistence *fields, struct probe *probe, const char *key) {
  lily_session_field field = probe_field(probe, key, LILY_SESSION_INT);
  return lily_session_field_add(fields, &field);
}

TEST(keys__S1_field_keys_have_1_to_256_bytes) {
  lily_session_persistence *fields = lily_session_persistence_new();
  struct probe probe = {0};
  char *key = repeated('k', 257);
  assert_fails(INVALID_ARGUMENT, add(fields, &probe, ""));
  assert_fails(INVALID_ARGUMENT, add(fields, &probe, key));
  assert_int_equal(probe.releases, 2);
  key[256] = '\0';
  assert_ok(add(fields, &probe, key));
  assert_ok(add(fields, &probe, "k"));
  free(key);
  lily_session_persistence_free(fields);
  assert_int_equal(probe.releases, 4);
}

TEST(keys__S1_field_keys_are_utf8) {
  lily_session_persistence *fields = lily_session_persistence_new();
  struct probe probe = {0};
  for (size_t i = 0; i < COUNT(invalid_utf8); i++) assert_fails(INVALID_ARGUMENT, add(fields, &probe, invalid_utf8[i]));
  for (size_t i = 0; i < COUNT(valid_utf8); i++) assert_ok(add(fields, &probe, valid_utf8[i]));
  lily_session_persistence_free(fields);
  assert_int_equal(probe.releases, COUNT(invalid_utf8) + COUNT(valid_utf8));
}

TEST(keys__S1_a_field_is_stored_under_the_prefix_and_its_key) {
  const char *keys[] = {"theme", "lily_session_theme", "two\nlines", "\xc3\xa9", "e\xcc\x81", "\"", " "};
  struct probe probes[COUNT(keys)];
  struct rig rig;
  memset(probes, 0, sizeof probes);
  rig_begin(&rig, open_storage(JOURNAL));
  for (size_t i = 0; i < COUNT(keys); i++) {
    rig_field(&rig, &probes[i], keys[i], LILY_SESSION_INT);
    probe_int(&probes[i], 0);
  }
  rig_attach(&rig);
  for (size_t i = 0; i < COUNT(keys); i++) probe_int(&probes[i], (int64_t)i + 1);
  rig_dispatch(&rig);
  for (size_t i = 0; i < COUNT(keys); i++) {
    char key[300], json[20];
    snprintf(key, sizeof key, "lily_session_%s", keys[i]);
    snprintf(json, sizeof json, "%zu", i + 1);
    assert_stored(rig.storage, key, json);
    assert_state(rig.session, keys[i], LILY_SESSION_STATE_LOADED);
  }
  assert_entries(rig.storage, (int)COUNT(keys));
  rig_end(&rig);
}

TEST(keys__S1_the_longest_field_key_survives) {
  struct rig rig;
  struct probe probe = {0}, again = {0};
  char *key = repeated('k', 256);
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &probe, key, LILY_SESSION_INT);
  probe_int(&probe, 1);
  rig_attach(&rig);
  probe_int(&probe, 2);
  rig_end(&rig);
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &again, key, LILY_SESSION_INT);
  rig_attach(&rig);
  assert_int_equal(again.value.as.integer, 2);
  rig_end(&rig);
  free(key);
}
