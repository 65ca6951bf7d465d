/* Conformance, S19: a scope is a storage of its own inside another, on every kind of storage. */
#include "journal.h"
#include "stage.h"

/* Some names begin like others, and some would be mixed up if they were joined without care. */
static const char *const names[] = {"user:4", "user:42", "user", "u", "lily_session_", "\xc3\xa9", "user:4lily_session_theme", "/", "\"", "\x02"};

CASE_OF_SCOPES(conform__S19_keys_of_scopes_are_their_own) {
  lily_session_storage *scopes[COUNT(names)];
  char json[20];
  assert_ok(set_text(stage->storage, "lily_session_theme", "\"parent's\""));
  assert_ok(set_text(stage->storage, "plain", "0"));
  for (size_t i = 0; i < COUNT(names); i++) {
    scopes[i] = open_scope(stage->storage, names[i]);
    assert_absent(scopes[i], "lily_session_theme");
    assert_entries(scopes[i], 0);
    snprintf(json, sizeof json, "%zu", i);
    assert_ok(set_text(scopes[i], "lily_session_theme", json));
    assert_ok(set_text(scopes[i], "plain", json));
  }
  assert_entries(stage->storage, 2);
  assert_stored(stage->storage, "lily_session_theme", "\"parent's\"");
  for (size_t i = 0; i < COUNT(names); i++) {
    snprintf(json, sizeof json, "%zu", i);
    assert_stored(scopes[i], "lily_session_theme", json);
    assert_stored(scopes[i], "plain", json);
    assert_entries(scopes[i], 2);
    /* This opens another handle of the scope through another handle of the parent. */
    lily_session_storage *again = open_scope(stage->other, names[i]);
    assert_stored(again, "plain", json);
    assert_ok(lily_session_storage_remove(again, "plain"));
    assert_absent(scopes[i], "plain");
    lily_session_storage_close(again);
  }
  assert_stored(stage->storage, "plain", "0");
  assert_int_equal(info_of(scopes[0]).entries, stage->kind == ON_SCOPE_FILES ? 1 : 2 + (int)COUNT(names));
  for (size_t i = 0; i < COUNT(names); i++) lily_session_storage_close(scopes[i]);
}

CASE_OF_SCOPES(conform__S19_clearing_one_leaves_the_others) {
  lily_session_storage *scopes[COUNT(names)];
  assert_ok(set_text(stage->storage, "lily_session_theme", "1"));
  for (size_t i = 0; i < COUNT(names); i++) {
    scopes[i] = open_scope(stage->storage, names[i]);
    assert_ok(set_text(scopes[i], "lily_session_theme", "1"));
    assert_ok(set_text(scopes[i], "kept", "1"));
  }
  for (size_t i = 0; i < COUNT(names); i++) {
    assert_ok(lily_session_clear(scopes[i]));
    for (size_t j = 0; j < COUNT(names); j++) assert_entries(scopes[j], j <= i ? 1 : 2);
    assert_stored(scopes[i], "kept", "1");
    assert_stored(stage->storage, "lily_session_theme", "1");
  }
  for (size_t i = 0; i < COUNT(names); i++) assert_ok(set_text(scopes[i], "lily_session_theme", "2"));
  assert_ok(lily_session_clear(stage->storage));
  assert_entries(stage->storage, 0);
  for (size_t i = 0; i < COUNT(names); i++) {
    assert_stored(scopes[i], "lily_session_theme", "2");
    lily_session_storage_close(scopes[i]);
  }
}

CASE_OF_SCOPES(conform__S19_they_survive_reopening_and_rewriting) {
  lily_session_storage *scope = open_scope(stage->storage, "user:4");
  assert_ok(set_text(scope, "lily_session_theme", "\"dark\""));
  assert_ok(lily_session_clear(scope)); /* its generation is in the store, too */
  assert_ok(set_text(scope, "lily_session_theme", "\"blue\""));
  assert_ok(set_text(stage->storage, "gone", "\"" SECRET "\""));
  assert_ok(lily_session_storage_remove(stage->storage, "gone"));
  assert_ok(lily_session_storage_sync(scope));
  if (stage->kind == ON_JOURNAL) assert_false(file_has(JOURNAL, SECRET));
  lily_session_storage_close(scope);
  stage_reopen(stage);
  scope = open_scope(stage->storage, "user:4");
  assert_stored(scope, "lily_session_theme", "\"blue\"");
  assert_entries(scope, 1);
  assert_entries(stage->storage, 0);
  assert_int_equal(info_of(stage->storage).entries, stage->kind == ON_SCOPE_FILES ? 0 : 1);
  lily_session_storage_close(scope);
}

CASE_OF_SCOPES(conform__S19_prefixes_and_deadlines_inside_a_scope) {
  lily_session_storage *scope = open_scope(stage->storage, "s");
  assert_ok(set_text(scope, "ab", "1"));
  assert_ok(set_text(scope, "b", "1"));
  assert_ok(lily_session_storage_set(scope, "ac", "1", 1, stage->now + 5));
  int count = 0;
  assert_ok(lily_session_storage_each(scope, "a", count_items, &count));
  assert_int_equal(count, 2);
  stage->now += 5;
  assert_absent(scope, "ac");
  assert_entries(scope, 2);
  /* This is the longest key in the scope with the longest name. */
  char *key = repeated('k', 1024), *name = repeated('n', 64);
  lily_session_storage *longest = open_scope(stage->storage, name);
  assert_ok(set_text(longest, key, "1"));
  if (stage->kind != ON_EXCLUSIVE) stage_reopen(stage); /* the scopes keep their parent open */
  assert_stored(longest, key, "1");
  assert_entries(longest, 1);
  lily_session_storage_close(longest);
  lily_session_storage_close(scope);
  free(key);
  free(name);
}

CASE_OF_SCOPES(conform__S19_sessions_of_two_scopes_and_their_parent) {
  static struct rig rigs[3];
  static struct probe themes[3];
  const char *const values[] = {"parent's", "four's", "forty-two's"};
  lily_session_storage *storages[] = {stage->storage, open_scope(stage->storage, "user:4"), open_scope(stage->storage, "user:42")};
  for (int i = 0; i < 3; i++) {
    rig_lend(&rigs[i], storages[i]);
    rig_field(&rigs[i], &themes[i], "theme", LILY_SESSION_STRING);
    probe_string(&themes[i], "light");
    rig_attach(&rigs[i]);
    probe_string(&themes[i], values[i]);
    rig_dispatch(&rigs[i]);
  }
  assert_stored(storages[1], "lily_session_theme", "\"four's\"");
  /* A clear of one scope drops no dirty marks of the others, and only that scope's session gets an event. */
  assert_ok(lily_session_clear(storages[1]));
  for (int i = 0; i < 3; i++) {
    assert_ok(lily_session_refresh(rigs[i].session));
    assert_int_equal(rigs[i].event_count, i == 1 ? 1 : 0);
    assert_string_equal(themes[i].text, i == 1 ? "light" : values[i]);
    assert_state(rigs[i].session, "theme", i == 1 ? LILY_SESSION_STATE_ABSENT : LILY_SESSION_STATE_LOADED);
  }
  if (stage->has_other) {
    lily_session_storage *elsewhere = open_scope(stage->other, "user:42");
    assert_ok(lily_session_clear(elsewhere));
    lily_session_storage_close(elsewhere);
    for (int i = 0; i < 3; i++) {
      assert_ok(lily_session_refresh(rigs[i].session));
      assert_int_equal(rigs[i].event_count, i == 0 ? 0 : 1);
    }
    assert_event(&rigs[2], 0, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, 0, "theme");
    assert_string_equal(themes[2].text, "light");
  }
  for (int i = 0; i < 3; i++) rig_end(&rigs[i]);
  assert_stored(stage->storage, "lily_session_theme", "\"parent's\"");
  lily_session_storage_close(storages[1]);
  lily_session_storage_close(storages[2]);
}

CASE_OF_SCOPES(conform__S1_a_key_is_free_in_another_scope_and_taken_in_the_same) {
  struct rig rig;
  struct probe theme = {0};
  lily_session_storage *storages[] = {stage->storage, open_scope(stage->storage, "a"), open_scope(stage->storage, "b")};
  lily_session *sessions[COUNT(storages)], *refused = UNTOUCHED;
  rig_lend(&rig, NULL);
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  probe_string(&theme, "light");
  rig.config.release = NULL;
  for (size_t i = 0; i < COUNT(storages); i++) {
    rig.config.storage = storages[i];
    assert_ok(lily_session_attach(rig.runtime, rig.fields, &rig.config, &sessions[i]));
  }
  lily_session_storage *again = open_scope(stage->storage, "a");
  rig.config.storage = again;
  assert_fails(DUPLICATE_KEY, lily_session_attach(rig.runtime, rig.fields, &rig.config, &refused));
  assert_null(refused);
  lily_session_storage_close(again);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  for (size_t i = 0; i < COUNT(storages); i++) {
    assert_stored(storages[i], "lily_session_theme", "\"dark\"");
    assert_entries(storages[i], 1);
    lily_session_detach(sessions[i]);
    if (i > 0) lily_session_storage_close(storages[i]);
  }
  rig_end(&rig);
}
