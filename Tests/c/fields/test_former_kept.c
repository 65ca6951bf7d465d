/* S4 and S11 together: the value under a former key is not removed before it is stored under the current one. */
#include "journal.h"
#include "rig.h"

static struct rig rig;
static struct probe theme, visits;
static int64_t now;

static void begin(int64_t quota, int32_t types, uint32_t version) {
  const char *const former[] = {"look", NULL};
  memset(&theme, 0, sizeof theme);
  now = 1000;
  rig_begin(&rig, open_clocked(JOURNAL, &now, quota));
  lily_session_field field = probe_field(&theme, "theme", types);
  field.former_keys = former;
  field.version = version;
  rig_add(&rig, &theme, field);
  rig_field(&rig, &visits, "visits", LILY_SESSION_INT);
  probe_string(&theme, "light");
  probe_int(&visits, 0);
}

/* Another field is written. The value that could not be read stays under its key. */
static void check_kept(const char *json) {
  probe_int(&visits, 1);
  lily_session_runtime_dispatch(rig.runtime, NULL);
  lily_session_flush(rig.session);
  assert_stored(rig.storage, "lily_session_look", json);
  assert_absent(rig.storage, "lily_session_theme");
  rig_end(&rig);
  lily_session_storage *storage = open_clocked(JOURNAL, &now, 0);
  assert_stored(storage, "lily_session_look", json);
  lily_session_storage_close(storage);
}

TEST(former_kept__S3_a_value_of_another_type) {
  journal_of(JOURNAL, "lily_session_look", "[\"dark\"]", NULL);
  begin(0, LILY_SESSION_STRING, 0);
  rig_attach(&rig);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_REJECTED);
  assert_event(&rig, 0, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, 0, "theme");
  check_kept("[\"dark\"]");
}

TEST(former_kept__S3_a_value_that_set_refuses) {
  journal_of(JOURNAL, "lily_session_look", "\"dark\"", NULL);
  begin(0, LILY_SESSION_STRING, 0);
  theme.set_result = -99;
  rig_attach(&rig);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_REJECTED);
  assert_event(&rig, 0, LILY_SESSION_EVENT_REJECTED, -99, 0, "theme");
  check_kept("\"dark\"");
}

TEST(former_kept__S11_a_newer_value) {
  struct journal journal;
  journal_begin(&journal);
  journal_line(&journal, "\"set\",\"lily_session_look\",\"dark\",0,9");
  journal_save(&journal, JOURNAL);
  begin(0, LILY_SESSION_STRING, 2);
  rig_attach(&rig);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_NEWER);
  check_kept("\"dark\"");
}

/* The rejected text stays until its field changes. Then it is removed. */
TEST(former_kept__S3_until_the_field_changes) {
  journal_of(JOURNAL, "lily_session_look", "1", NULL);
  begin(0, LILY_SESSION_STRING, 0);
  rig_attach(&rig);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  assert_absent(rig.storage, "lily_session_look");
  rig_end(&rig);
}

/* The value is in the model, but the quota has no room for it under the new key. Its only stored copy is under the former key, and must
   stay. */
TEST(former_kept__S14_a_value_that_does_not_fit) {
  char *long_text = repeated('x', 100), line[200];
  snprintf(line, sizeof line, "\"set\",\"lily_session_look\",\"%s\",0", long_text);
  struct journal journal;
  journal_begin(&journal);
  journal_line(&journal, line);
  journal_line(&journal, "\"set\",\"other\",\"22222222222222222222222222222222222222222222222222222222222222\",0");
  journal_save(&journal, JOURNAL);
  begin(180, LILY_SESSION_STRING, 0); /* more than that is stored already */
  rig_attach(&rig);
  assert_string_equal(theme.text, long_text);
  const lily_session_status status = lily_session_persist(rig.session);
  rig_end(&rig);
  lily_session_storage *storage = open_clocked(JOURNAL, &now, 0);
  char *json = NULL;
  /* Renaming adds one byte, for which there may be no room. So the value is under the new key or still under the former one. */
  if (status == LILY_SESSION_OK)
    assert_ok(lily_session_storage_get(storage, "lily_session_theme", &json, NULL));
  else
    assert_ok(lily_session_storage_get(storage, "lily_session_look", &json, NULL));
  lily_session_free(json);
  lily_session_storage_close(storage);
  free(long_text);
}

/* What is removed in the same line makes room: renaming "appearance" to "theme" makes the store smaller. */
TEST(former_kept__S14_a_rename_that_adds_nothing_passes) {
  const char *const former[] = {"appearance", NULL};
  journal_of(JOURNAL, "lily_session_appearance", "\"dark\"", NULL);
  memset(&theme, 0, sizeof theme);
  now = 1000;
  rig_begin(&rig, open_clocked(JOURNAL, &now, 25));
  lily_session_field field = probe_field(&theme, "theme", LILY_SESSION_STRING);
  field.former_keys = former;
  rig_add(&rig, &theme, field);
  rig_attach(&rig);
  assert_ok(lily_session_persist(rig.session));
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  assert_entries(rig.storage, 1);
  rig_end(&rig);
}

/* If get fails at attach, the value is not written under the new key. Removing it under the former key would lose it. */
TEST(former_kept__S7_a_field_whose_get_fails) {
  journal_of(JOURNAL, "lily_session_look", "\"dark\"", NULL);
  begin(0, LILY_SESSION_STRING, 0);
  theme.get_result = -99;
  rig_attach(&rig);
  check_kept("\"dark\"");
}

TEST(former_kept__S7_a_field_that_cannot_be_encoded) {
  journal_of(JOURNAL, "lily_session_look", "1.5", NULL);
  begin(0, LILY_SESSION_REAL, 0);
  probe_real(&theme, 0);
  rig_attach(&rig);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_MIGRATED | LILY_SESSION_STATE_DIRTY);
  /* The value was read as 1.5. That can be stored, even though the model now has one that cannot. */
  theme.value.as.real = 1 / (theme.value.as.real - 1.5);
  probe_int(&visits, 1);
  assert_fails(ENCODE, lily_session_runtime_dispatch(rig.runtime, NULL));
  lily_session_flush(rig.session);
  rig_end(&rig);
  lily_session_storage *storage = open_clocked(JOURNAL, &now, 0);
  char *json = NULL;
  lily_session_status status = lily_session_storage_get(storage, "lily_session_theme", &json, NULL);
  if (status != LILY_SESSION_OK) status = lily_session_storage_get(storage, "lily_session_look", &json, NULL);
  assert_int_equal(status, LILY_SESSION_OK);
  assert_string_equal(json, "1.5");
  lily_session_free(json);
  lily_session_storage_close(storage);
}

/* A former key of one field is also the key of another field. The value there belongs to the other field. */
TEST(former_kept__S1_a_former_key_that_is_another_fields) {
  const char *const former[] = {"visits", NULL};
  journal_of(JOURNAL, "lily_session_visits", "5", NULL);
  memset(&theme, 0, sizeof theme);
  memset(&visits, 0, sizeof visits);
  rig_begin(&rig, open_storage(JOURNAL));
  lily_session_field field = probe_field(&theme, "theme", LILY_SESSION_STRING | LILY_SESSION_INT);
  field.former_keys = former;
  probe_string(&theme, "light");
  rig_add(&rig, &theme, field);
  lily_session_field second = probe_field(&visits, "visits", LILY_SESSION_INT);
  lily_session_status status = lily_session_field_add(rig.fields, &second);
  if (status == LILY_SESSION_OK) {
    rig.session = NULL;
    status = lily_session_attach(rig.runtime, rig.fields, &rig.config, &rig.session);
  }
  /* The library may also refuse such fields. */
  if (status == LILY_SESSION_OK)
    rig_dispatch(&rig);
  else
    assert_int_equal(status, LILY_SESSION_ERROR_DUPLICATE_KEY);
  assert_stored(rig.storage, "lily_session_visits", "5");
  rig_end(&rig);
}

/* A clear comes between attach and the next write: what was read before it does not come back. */
TEST(former_kept__S8_a_clear_before_the_rename) {
  journal_of(JOURNAL, "lily_session_look", "\"" SECRET "\"", NULL);
  begin(0, LILY_SESSION_STRING, 0);
  rig_attach(&rig);
  lily_session_storage *other = open_storage(JOURNAL);
  assert_ok(lily_session_clear(other));
  assert_ok(lily_session_persist(rig.session));
  assert_entries(other, 0);
  assert_ok(set_text(other, "lily_session_look", "\"new\""));
  rig_end(&rig);
  assert_stored(other, "lily_session_look", "\"new\"");
  assert_entries(other, 1);
  lily_session_storage_close(other);
}

/* Here a former key of one session's field is the key of another session's field. Whichever session comes first: attach
   either refuses the second one, or the value stays. */
TEST(former_kept__S1_a_former_key_that_is_another_sessions) {
  const char *const former[] = {"visits", NULL};
  for (int renamed_first = 0; renamed_first < 2; renamed_first++) {
    journal_of(JOURNAL, "lily_session_visits", "5", NULL);
    memset(&theme, 0, sizeof theme);
    memset(&visits, 0, sizeof visits);
    rig_begin(&rig, open_storage(JOURNAL));
    rig.config.release = NULL;
    lily_session_field renamed = probe_field(&theme, "theme", LILY_SESSION_STRING | LILY_SESSION_INT), plain = probe_field(&visits, "visits", LILY_SESSION_INT);
    renamed.former_keys = former;
    probe_string(&theme, "light");
    lily_session_persistence *lists[] = {lily_session_persistence_new(), lily_session_persistence_new()};
    assert_ok(lily_session_field_add(lists[!renamed_first], &renamed));
    assert_ok(lily_session_field_add(lists[renamed_first], &plain));
    lily_session *sessions[2] = {NULL, NULL};
    assert_ok(lily_session_attach(rig.runtime, lists[0], &rig.config, &sessions[0]));
    const lily_session_status status = lily_session_attach(rig.runtime, lists[1], &rig.config, &sessions[1]);
    if (status != LILY_SESSION_OK) assert_int_equal(status, LILY_SESSION_ERROR_DUPLICATE_KEY);
    if (status == LILY_SESSION_OK) {
      assert_int_equal(visits.value.as.integer, 5);
      rig_dispatch(&rig);
      assert_stored(rig.storage, "lily_session_visits", "5");
    }
    for (int i = 0; i < 2; i++) {
      lily_session_detach(sessions[i]);
      lily_session_persistence_free(lists[i]);
    }
    rig_end(&rig);
    unlink(JOURNAL);
  }
}
