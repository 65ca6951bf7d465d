/* S8, S21: a clear by any handle counts, and each session meets it once. */
#include "pair.h"

static struct side here;
static const struct side_options plain;

static void check_set_back(struct side *side) {
  assert_theme(side, "dark"); /* the model is left alone */
  assert_ok(lily_session_refresh(side->rig.session));
  assert_theme(side, "light");
  assert_one_event(side, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, "theme");
  assert_ok(lily_session_refresh(side->rig.session));
  assert_no_event(side);
}

CASE_OF_SCOPES(belief__S8_a_clear_is_one_by_any_handle) {
  lily_session_storage *scope = open_scope(stage->storage, "u"), *again = open_scope(stage->storage, "u");
  lily_session_storage *storages[] = {stage->storage, stage->storage, scope, scope};
  lily_session_storage *clearing[] = {stage->storage, stage->other, scope, again};
  for (size_t i = 0; i < COUNT(storages); i++) {
    side_start(&here, storages[i], plain);
    side_theme(&here, "dark");
    assert_ok(lily_session_clear(clearing[i]));
    assert_state(here.rig.session, "theme", LILY_SESSION_STATE_ABSENT); /* Asking for a state does not count as meeting the clear. */
    assert_int_equal(lily_session_next_expiry(here.rig.session), -1);
    check_set_back(&here);
    rig_end(&here.rig);
  }
  lily_session_storage_close(again);
  lily_session_storage_close(scope);
}

TEST(belief__S18_a_clear_of_the_default_place) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open(NULL, &options, &storage));
  side_start(&here, storage, plain);
  side_theme(&here, "dark");
  assert_ok(lily_session_clear(NULL));
  check_set_back(&here);
  rig_end(&here.rig);
  lily_session_storage_close(storage);
}

CASE(belief__S8_what_the_session_stores_after_a_clear_stays) {
  side_start(&here, stage->storage, plain);
  side_theme(&here, "dark");
  assert_ok(lily_session_clear(stage->storage));
  side_theme(&here, "blue");
  assert_ok(lily_session_refresh(here.rig.session));
  assert_theme(&here, "blue");
  assert_no_event(&here);
  assert_stored(stage->other, "lily_session_theme", "\"blue\"");
  rig_end(&here.rig);
}

/* Logs out as the guide shows: the update clears, and resets the model itself. */
static void log_out(struct rig *rig, const void *message) {
  (void)message;
  lily_session_clear(rig->config.storage);
  probe_string(&here.theme, "light");
}

CASE(belief__S8_an_update_that_clears_and_resets_the_model) {
  side_start(&here, stage->storage, plain);
  probe_int(&here.visits, 5);
  side_theme(&here, "dark");
  here.rig.in_update = log_out;
  here.rig.config.storage = stage->storage;
  rig_dispatch(&here.rig);
  here.rig.in_update = NULL;
  assert_stored(stage->other, "lily_session_theme", "\"light\""); /* it changed in the update that cleared */
  assert_absent(stage->other, "lily_session_visits");
  assert_ok(lily_session_refresh(here.rig.session));
  assert_int_equal(here.visits.value.as.integer, 0);
  assert_one_event(&here, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, "visits");
  rig_end(&here.rig);
}

/* If nobody can know whether a change is older than a clear, the change is dropped, and an event reports it. */
TEST(belief__S8_a_change_that_may_be_older_than_a_clear_is_dropped_and_told) {
  struct table table = {0};
  int64_t now = 1000;
  lily_session_storage *storage = table_open(&table, &now), *other = table_open(&table, &now);
  side_start(&here, storage, plain);
  assert_ok(lily_session_clear(other));
  table.results[TABLE_WRITE] = table.results[TABLE_GENERATION] = LILY_SESSION_ERROR_IO;
  probe_string(&here.theme, "dark");
  assert_fails(IO, lily_session_persist(here.rig.session));
  assert_one_event(&here, LILY_SESSION_EVENT_WRITE_FAILED, LILY_SESSION_ERROR_IO, "theme");
  table.results[TABLE_WRITE] = table.results[TABLE_GENERATION] = LILY_SESSION_OK;
  probe_int(&here.visits, 1); /* this field changes after the clear */
  assert_ok(lily_session_persist(here.rig.session));
  assert_one_event(&here, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, "theme");
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_ABSENT);
  assert_absent(storage, "lily_session_theme");
  assert_stored(storage, "lily_session_visits", "1");
  rig_end(&here.rig);
  lily_session_storage_close(other);
  lily_session_storage_close(storage);
  table_free(&table);
}

/* After a failed write, the library does not call the backend again in the same call. Otherwise it would wait twice for a backend that
   stalls. */
TEST(belief__S6_a_failed_write_does_not_ask_a_backend_again) {
  struct table table = {0};
  int64_t now = 1000;
  lily_session_storage *storage = table_open(&table, &now);
  side_start(&here, storage, plain);
  const int before = table.calls[TABLE_GENERATION] + table.calls[TABLE_READ];
  table.results[TABLE_WRITE] = LILY_SESSION_ERROR_IO;
  probe_string(&here.theme, "dark");
  assert_fails(IO, lily_session_persist(here.rig.session));
  assert_int_equal(table.calls[TABLE_WRITE], 1);
  assert_int_equal(table.calls[TABLE_GENERATION] + table.calls[TABLE_READ], before);
  table.results[TABLE_WRITE] = LILY_SESSION_OK;
  rig_end(&here.rig);
  lily_session_storage_close(storage);
  table_free(&table);
}

/* If a backend without sync returned NOT_DURABLE for a write, flush returns that, too, until a later write returns OK. */
TEST(belief__S12_not_durable_stays_owed_without_a_sync) {
  struct table table = {0};
  lily_session_backend backend = table_backend(&table);
  lily_session_storage *storage = NULL;
  backend.sync = NULL;
  assert_ok(lily_session_storage_open_backend(&backend, NULL, &storage));
  side_start(&here, storage, plain);
  table.after_write = LILY_SESSION_ERROR_NOT_DURABLE;
  probe_string(&here.theme, "dark");
  assert_fails(NOT_DURABLE, lily_session_persist(here.rig.session));
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_LOADED); /* it is stored */
  assert_fails(NOT_DURABLE, lily_session_flush(here.rig.session));
  assert_int_equal(info_of(storage).owes_sync, 1);
  table.after_write = LILY_SESSION_OK;
  probe_string(&here.theme, "blue");
  assert_ok(lily_session_flush(here.rig.session));
  assert_int_equal(info_of(storage).owes_sync, 0);
  rig_end(&here.rig);
  lily_session_storage_close(storage);
  table_free(&table);
}
