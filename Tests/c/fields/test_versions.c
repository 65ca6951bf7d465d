/* S11: a field has a version. Older values are migrated, newer ones left alone. */
#include "journal.h"
#include "rig.h"

static struct rig rig;
static struct probe theme, visits;

/* What migrate was called with, and what it will return. */
static struct {
  int calls;
  uint32_t version;
  char json[200];
  void *context;
  int32_t type;
  size_t length;
  lily_session_status result;
  lily_session_value value;
  bool writes_nothing;
} migration;

static lily_session_status migrate(void *context, uint32_t stored_version, const lily_session_value *stored, lily_session_value *out_value) {
  migration.calls++;
  migration.version = stored_version;
  migration.context = context;
  migration.type = stored->type;
  migration.length = stored->as.text.length;
  snprintf(migration.json, sizeof migration.json, "%s", stored->as.text.bytes);
  if (!migration.writes_nothing) *out_value = migration.value;
  return migration.result;
}

static void migrate_to(const char *text) {
  memset(&migration, 0, sizeof migration);
  migration.value.type = LILY_SESSION_STRING;
  migration.value.as.text.bytes = text;
  migration.value.as.text.length = strlen(text);
}

static void begin(uint32_t version, lily_session_migrate_fn with) {
  memset(&theme, 0, sizeof theme);
  rig_begin(&rig, open_storage(JOURNAL));
  lily_session_field field = probe_field(&theme, "theme", LILY_SESSION_STRING);
  field.version = version;
  field.migrate = with;
  rig_add(&rig, &theme, field);
  rig_field(&rig, &visits, "visits", LILY_SESSION_INT);
  probe_string(&theme, "light");
  probe_int(&visits, 0);
  rig_attach(&rig);
}

/* Makes a journal of one entry. `version` is the text after its deadline: "" or ",3". */
static void store(const char *json, const char *version) {
  char line[300];
  struct journal journal;
  snprintf(line, sizeof line, "\"set\",\"lily_session_theme\",%s,0%s", json, version);
  journal_begin(&journal);
  journal_line(&journal, line);
  journal_save(&journal, JOURNAL);
}

TEST(versions__S11_an_entry_without_one_is_of_version_0) {
  store("{\"name\":\"dark\"}", "");
  migrate_to("dark");
  begin(2, migrate);
  assert_int_equal(migration.calls, 1);
  assert_int_equal(migration.version, 0);
  assert_ptr_equal(migration.context, &theme);
  assert_int_equal(migration.type, LILY_SESSION_JSON);
  assert_string_equal(migration.json, "{\"name\":\"dark\"}");
  assert_int_equal(migration.length, strlen(migration.json));
  assert_string_equal(theme.text, "dark");
  assert_int_equal(rig.event_count, 0);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_MIGRATED | LILY_SESSION_STATE_DIRTY);
  assert_int_equal(operations(JOURNAL), 1);
  rig_end(&rig);
}

TEST(versions__S11_value_and_version_are_written_in_one_line) {
  const char *const expected = "\"set\",\"lily_session_theme\",\"dark\",0,4294967295";
  for (int how = 0; how < 4; how++) {
    store("\"dunkel\"", ",4294967294");
    migrate_to("dark");
    begin(UINT32_MAX, migrate);
    assert_int_equal(migration.version, UINT32_MAX - 1);
    if (how == 0) rig_dispatch(&rig);
    if (how == 1) assert_ok(lily_session_persist(rig.session));
    if (how == 2) assert_ok(lily_session_flush(rig.session));
    if (how < 3) assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED);
    rig_end(&rig);
    assert_int_equal(operations(JOURNAL), 2);
    assert_operation(JOURNAL, 1, expected);
    migrate_to("never called");
    begin(UINT32_MAX, migrate);
    assert_int_equal(migration.calls, 0);
    assert_string_equal(theme.text, "dark");
    assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED);
    rig_end(&rig);
    unlink(JOURNAL);
  }
}

TEST(versions__S11_every_write_has_the_version) {
  begin(3, NULL);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  probe_string(&theme, "blue");
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  assert_ok(lily_session_touch(rig.session, "theme"));
  assert_ok(lily_session_storage_remove(rig.storage, "lily_session_visits"));
  rig_end(&rig); /* rewrites the file, because something was removed */
  assert_int_equal(operations(JOURNAL), 1);
  assert_operation(JOURNAL, 0, "\"set\",\"lily_session_theme\",\"blue\",0,3");
}

TEST(versions__S11_without_migrate_older_values_are_as_good) {
  store("\"dark\"", ",1");
  begin(2, NULL);
  assert_string_equal(theme.text, "dark");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED);
  rig_dispatch(&rig);
  rig_end(&rig);
  assert_int_equal(operations(JOURNAL), 1);
}

/* The stored value stays as it is, and an event says why. */
static void check_rejected(lily_session_status status) {
  begin(2, migrate);
  assert_int_equal(migration.calls, 1);
  assert_string_equal(theme.text, "light");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_REJECTED);
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_REJECTED, status, 0, "theme");
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  assert_ok(lily_session_flush(rig.session));
  assert_stored(rig.storage, "lily_session_theme", "[\"old\"]");
  assert_fails(DECODE, lily_session_touch(rig.session, "theme"));
  assert_operation(JOURNAL, 0, "\"set\",\"lily_session_theme\",[\"old\"],0,1");
  probe_string(&theme, "blue");
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "\"blue\"");
  rig_end(&rig);
  unlink(JOURNAL);
}

TEST(versions__S11_a_migration_that_refuses) {
  const lily_session_status results[] = {LILY_SESSION_ERROR_DECODE, -99, 1, 4711};
  for (size_t i = 0; i < COUNT(results); i++) {
    store("[\"old\"]", ",1");
    migrate_to("dark");
    migration.result = results[i];
    check_rejected(results[i]);
  }
}

TEST(versions__S11_a_migration_to_what_the_field_does_not_accept) {
  const int32_t types[] = {0, LILY_SESSION_INT, LILY_SESSION_NULL, LILY_SESSION_JSON, LILY_SESSION_STRING | LILY_SESSION_INT, 64, -1};
  for (size_t i = 0; i < COUNT(types); i++) {
    store("[\"old\"]", ",1");
    migrate_to("1");
    migration.value.type = types[i];
    check_rejected(LILY_SESSION_ERROR_DECODE);
  }
  store("[\"old\"]", ",1");
  migrate_to("\xff not UTF-8");
  check_rejected(LILY_SESSION_ERROR_DECODE);
  store("[\"old\"]", ",1");
  migrate_to("left alone");
  migration.writes_nothing = true;
  check_rejected(LILY_SESSION_ERROR_DECODE);
}

TEST(versions__S11_a_migrated_value_that_set_refuses) {
  store("[\"old\"]", ",1");
  migrate_to("dark");
  memset(&theme, 0, sizeof theme);
  rig_begin(&rig, open_storage(JOURNAL));
  lily_session_field field = probe_field(&theme, "theme", LILY_SESSION_STRING);
  field.version = 2;
  field.migrate = migrate;
  theme.set_result = -77;
  rig_add(&rig, &theme, field);
  rig_attach(&rig);
  assert_event(&rig, 0, LILY_SESSION_EVENT_REJECTED, -77, 0, "theme");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_REJECTED);
  rig_end(&rig);
  assert_int_equal(operations(JOURNAL), 1);
}

/* A value that is not JSON is passed to no callback. */
TEST(versions__S11_migrate_sees_only_JSON) {
  store("\"dark\"", ",2"); /* the field's own version, so not migrated */
  migrate_to("never");
  begin(2, migrate);
  assert_int_equal(migration.calls, 0);
  assert_string_equal(theme.text, "dark");
  rig_end(&rig);
}

TEST(versions__S11_text_out_is_taken_by_its_length) {
  store("[\"old\"]", ",1");
  migrate_to("dark, and what is behind it");
  migration.value.as.text.length = 4;
  begin(2, migrate);
  assert_string_equal(theme.text, "dark");
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  rig_end(&rig);
}

TEST(versions__S11_a_newer_value_is_left_alone_until_the_field_changes) {
  store("{\"rgb\":[1,2,3]}", ",3");
  migrate_to("never");
  begin(2, migrate);
  assert_int_equal(migration.calls, 0);
  assert_int_equal(theme.sets, 0);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_NEWER);
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_NEWER, LILY_SESSION_ERROR_NEWER, 0, "theme");
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  assert_ok(lily_session_flush(rig.session));
  assert_ok(lily_session_refresh(rig.session));
  assert_fails(NEWER, lily_session_touch(rig.session, "theme"));
  assert_stored(rig.storage, "lily_session_theme", "{\"rgb\":[1,2,3]}");
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED);
  assert_operation(JOURNAL, 2, "\"set\",\"lily_session_theme\",\"dark\",0,2");
  assert_int_equal(rig.event_count, 1);
  rig_end(&rig);
}

TEST(versions__S11_a_rewriting_keeps_a_newer_version) {
  store("1", ",3");
  begin(2, NULL);
  assert_ok(set_text(rig.storage, "gone", "1"));
  assert_ok(lily_session_storage_remove(rig.storage, "gone"));
  rig_end(&rig);
  assert_int_equal(operations(JOURNAL), 1);
  assert_operation(JOURNAL, 0, "\"set\",\"lily_session_theme\",1,0,3");
}
