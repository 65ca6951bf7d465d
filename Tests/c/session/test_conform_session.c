/* Conformance: what a session does on a journal, in memory, and on a backend of the host's. */
#include "journal.h"
#include "stage.h"

static struct rig rig;
static struct probe theme, visits;

/* A session of two fields. `expires_after_ms` is the theme's. */
static void begin_with(lily_session_storage *storage, int64_t expires_after_ms) {
  memset(&theme, 0, sizeof theme);
  rig_lend(&rig, storage);
  lily_session_field field = probe_field(&theme, "theme", LILY_SESSION_STRING);
  field.expires_after_ms = expires_after_ms;
  rig_add(&rig, &theme, field);
  rig_field(&rig, &visits, "visits", LILY_SESSION_INT);
  probe_string(&theme, "light");
  probe_int(&visits, 0);
  rig_attach(&rig);
}

static void begin(struct stage *stage) { begin_with(stage->storage, 0); }

CASE(conform__S3_a_round_trip) {
  begin(stage);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT);
  probe_string(&theme, "dark \xc3\xa9 \"");
  probe_int(&visits, INT64_MIN);
  rig_dispatch(&rig);
  rig_end(&rig);
  stage_reopen(stage);
  assert_stored(stage->storage, "lily_session_theme", "\"dark \xc3\xa9 \\\"\"");
  begin(stage);
  assert_string_equal(theme.text, "dark \xc3\xa9 \"");
  assert_true(visits.value.as.integer == INT64_MIN);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED);
  assert_state(rig.session, "visits", LILY_SESSION_STATE_LOADED);
  assert_int_equal(rig.event_count, 0);
  rig_end(&rig);
  assert_int_equal(theme.releases, 1);
}

CASE(conform__S5_only_what_changed_in_one_write) {
  begin(stage);
  rig_dispatch(&rig);
  assert_entries(stage->storage, 0);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_entries(stage->storage, 1);
  probe_string(&theme, "blue");
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  rig_dispatch(&rig);
  assert_ok(lily_session_flush(rig.session));
  assert_entries(stage->other, 2);
  if (stage->kind == ON_JOURNAL) assert_int_equal(operations(JOURNAL), 2);
  if (stage_has_table(stage)) {
    assert_int_equal(stage->table.calls[TABLE_WRITE], 2);
    assert_int_equal(stage->table.batch, 2);
    assert_string_equal(stage->table.prefix, "lily_session_");
  }
  rig_end(&rig);
}

CASE(conform__S4_what_is_not_accepted_stays) {
  assert_ok(set_text(stage->storage, "lily_session_theme", "[\"not a string\"]"));
  begin(stage);
  assert_string_equal(theme.text, "light");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_REJECTED);
  assert_event(&rig, 0, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, 0, "theme");
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  assert_stored(stage->storage, "lily_session_theme", "[\"not a string\"]");
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_stored(stage->storage, "lily_session_theme", "\"dark\"");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED);
  rig_end(&rig);
}

static void log_out(struct rig *rig_, const void *message) {
  (void)message;
  probe_int(&visits, 8); /* this counts as changed after the clear, though it comes before the call */
  if (lily_session_clear(rig_->config.storage) != LILY_SESSION_OK) rig_->refuses = true;
}

CASE(conform__S8_clear_inside_an_update) {
  begin(stage);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_ok(set_text(stage->storage, "other", "1"));
  rig.in_update = log_out;
  rig_dispatch(&rig);
  rig.in_update = NULL;
  rig_dispatch(&rig);
  rig_end(&rig);
  stage_reopen(stage);
  assert_absent(stage->storage, "lily_session_theme");
  assert_stored(stage->storage, "lily_session_visits", "8");
  assert_stored(stage->storage, "other", "1");
}

/* The session finds out by its next write, which names the generation that it knows. */
CASE(conform__S8_a_clear_elsewhere_is_not_undone) {
  begin(stage);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_ok(lily_session_clear(stage->other));
  assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT);
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  assert_absent(stage->storage, "lily_session_theme");
  assert_stored(stage->storage, "lily_session_visits", "1");
  assert_ok(lily_session_clear(stage->other));
  rig_end(&rig);
  stage_reopen(stage);
  assert_entries(stage->storage, 0);
}

CASE(conform__S9_a_field_expires_and_touch_renews_it) {
  begin_with(stage->storage, 500);
  assert_int_equal(lily_session_next_expiry(rig.session), -1);
  assert_fails(NOT_FOUND, lily_session_touch(rig.session, "theme"));
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_int_equal(lily_session_next_expiry(rig.session), 500);
  stage->now += 400;
  assert_int_equal(lily_session_next_expiry(rig.session), 100);
  assert_ok(lily_session_touch(rig.session, "theme"));
  assert_int_equal(lily_session_next_expiry(rig.session), 500);
  stage->now += 499;
  assert_stored(stage->other, "lily_session_theme", "\"dark\"");
  stage->now += 1;
  assert_absent(stage->other, "lily_session_theme");
  assert_int_equal(lily_session_next_expiry(rig.session), 0);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_EXPIRED);
  assert_string_equal(theme.text, "dark");
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(theme.text, "light");
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_EXPIRED, LILY_SESSION_OK, 0, "theme");
  assert_int_equal(lily_session_next_expiry(rig.session), -1);
  assert_fails(NOT_FOUND, lily_session_touch(rig.session, "theme"));
  rig_end(&rig);
  assert_absent(stage->storage, "lily_session_theme");
}

CASE(conform__S10_refresh_takes_over_what_was_set_and_removed) {
  begin(stage);
  probe_string(&theme, "dark");
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  assert_ok(set_text(stage->other, "lily_session_theme", "\"theirs\""));
  assert_ok(lily_session_storage_remove(stage->other, "lily_session_visits"));
  assert_ok(set_text(stage->other, "lily_session_unknown", "1"));
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(theme.text, "theirs");
  assert_int_equal(visits.value.as.integer, 0);
  assert_int_equal(rig.event_count, 2);
  assert_event(&rig, 0, LILY_SESSION_EVENT_CHANGED, LILY_SESSION_OK, 0, "theme");
  assert_event(&rig, 1, LILY_SESSION_EVENT_REMOVED, LILY_SESSION_OK, 0, "visits");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED);
  assert_state(rig.session, "visits", LILY_SESSION_STATE_ABSENT);
  /* What the refresh set is not a change of this session's program, and the next refresh does not report it again. */
  assert_ok(lily_session_refresh(rig.session));
  rig_dispatch(&rig);
  assert_int_equal(rig.event_count, 2);
  assert_entries(stage->storage, 2);
  rig_end(&rig);
}

CASE(conform__S10_refresh_takes_over_a_clear) {
  begin(stage);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_ok(lily_session_clear(stage->other));
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(theme.text, "light");
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, 0, "theme");
  assert_ok(lily_session_refresh(rig.session));
  assert_int_equal(rig.event_count, 1);
  rig_end(&rig);
  assert_entries(stage->storage, 0);
}

CASE(conform__S8_a_clear_by_the_sessions_own_handle_is_one_too) {
  begin(stage);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_ok(lily_session_clear(stage->storage));
  assert_string_equal(theme.text, "dark"); /* until a refresh */
  assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT);
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(theme.text, "light");
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, 0, "theme");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT);
  rig_end(&rig);
  assert_entries(stage->storage, 0);
}

static lily_session_status double_it(void *context, uint32_t stored_version, const lily_session_value *stored, lily_session_value *out_value) {
  (void)context;
  out_value->type = LILY_SESSION_INT;
  out_value->as.integer = 2 * atoi(stored->as.text.bytes) + (int64_t)stored_version;
  return LILY_SESSION_OK;
}

static void begin_version(struct stage *stage, uint32_t version, lily_session_migrate_fn migrate, const char *const *former_keys) {
  memset(&visits, 0, sizeof visits);
  probe_int(&visits, 0);
  rig_lend(&rig, stage->storage);
  lily_session_field field = probe_field(&visits, "visits", LILY_SESSION_INT);
  field.version = version;
  field.migrate = migrate;
  field.former_keys = former_keys;
  rig_add(&rig, &visits, field);
  rig_attach(&rig);
}

CASE(conform__S11_versions_and_former_keys) {
  const char *const former[] = {"counter", "hits", NULL};
  assert_ok(set_text(stage->storage, "lily_session_hits", "20"));
  begin_version(stage, 1, double_it, former);
  assert_int_equal(visits.value.as.integer, 40);
  assert_state(rig.session, "visits", LILY_SESSION_STATE_MIGRATED | LILY_SESSION_STATE_DIRTY);
  assert_absent(stage->storage, "lily_session_visits");
  rig_end(&rig); /* detach writes it */
  stage_reopen(stage);
  assert_stored(stage->storage, "lily_session_visits", "40");
  assert_absent(stage->storage, "lily_session_hits");
  begin_version(stage, 3, double_it, former);
  assert_int_equal(visits.value.as.integer, 81);
  rig_dispatch(&rig);
  assert_state(rig.session, "visits", LILY_SESSION_STATE_LOADED);
  rig_end(&rig);
  stage_reopen(stage);
  begin_version(stage, 2, double_it, NULL);
  assert_int_equal(visits.sets, 0);
  assert_state(rig.session, "visits", LILY_SESSION_STATE_NEWER);
  assert_event(&rig, 0, LILY_SESSION_EVENT_NEWER, LILY_SESSION_ERROR_NEWER, 0, "visits");
  assert_fails(NEWER, lily_session_touch(rig.session, "visits"));
  rig_end(&rig);
  assert_stored(stage->storage, "lily_session_visits", "81");
}
