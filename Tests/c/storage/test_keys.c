/* S1: a field is stored under the prefix and its key. Tests/cases says which texts are keys. */
#include "rig.h"

TEST(keys__S1_a_field_is_stored_under_the_prefix_and_its_key) {
  const char *keys[] = {"theme", "lily_session_theme", "two\nlines", "\xc3\xa9", "e\xcc\x81", "\"", " "};
  struct probe probes[COUNT(keys)];
  struct rig rig;
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
