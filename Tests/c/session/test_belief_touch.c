/* S9, S21: touch renews what storage holds, and does not overwrite another program's change. */
#include "pair.h"

static struct side here, there;
static const struct side_options second = {.expires_after_ms = 1000};

CASE(belief__S9_touch_looks_at_storage) {
  assert_ok(lily_session_storage_set(stage->other, "lily_session_theme", "7", 1, stage->now + 1));
  side_start(&here, stage->storage, second);
  assert_fails(DECODE, lily_session_touch(here.rig.session, "theme"));
  stage->now += 1;
  assert_fails(NOT_FOUND, lily_session_touch(here.rig.session, "theme"));
  assert_ok(set_text(stage->other, "lily_session_theme", "\"good\"")); /* repaired by another program; not refreshed here yet */
  assert_ok(lily_session_touch(here.rig.session, "theme"));
  assert_stored(stage->other, "lily_session_theme", "\"good\"");
  assert_ok(lily_session_refresh(here.rig.session));
  assert_theme(&here, "good");
  assert_int_equal(lily_session_next_expiry(here.rig.session), 1000);
  assert_ok(set_text(stage->other, "lily_session_theme", "7"));
  assert_fails(DECODE, lily_session_touch(here.rig.session, "theme"));
  side_start(&there, stage->other, (struct side_options){.version = 2});
  side_theme(&there, "newer");
  assert_fails(NEWER, lily_session_touch(here.rig.session, "theme"));
  assert_ok(lily_session_storage_remove(stage->other, "lily_session_theme"));
  assert_fails(NOT_FOUND, lily_session_touch(here.rig.session, "theme"));
  rig_end(&here.rig);
  rig_end(&there.rig);
}

/* The entry has the right type, but set refused it. */
CASE(belief__S9_touch_of_what_set_refused) {
  assert_ok(set_text(stage->other, "lily_session_theme", "\"never\""));
  side_begin(&here, stage->storage, second);
  here.theme.set_result = -5;
  side_attach(&here);
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_REJECTED);
  assert_fails(DECODE, lily_session_touch(here.rig.session, "theme"));
  rig_end(&here.rig);
}

static struct table table;
static int64_t now;

/* A value that may not survive power loss is stored all the same, and its deadline takes effect. */
TEST(belief__S12_a_touch_that_is_not_durable_counts) {
  memset(&table, 0, sizeof table);
  now = 1000;
  lily_session_storage *storage = table_open(&table, &now);
  side_start(&here, storage, second);
  side_theme(&here, "dark");
  now += 900;
  table.after_write = LILY_SESSION_ERROR_NOT_DURABLE;
  assert_fails(NOT_DURABLE, lily_session_touch(here.rig.session, "theme"));
  assert_one_event(&here, LILY_SESSION_EVENT_NOT_DURABLE, LILY_SESSION_ERROR_NOT_DURABLE, NULL);
  assert_int_equal(lily_session_next_expiry(here.rig.session), 1000);
  now += 100;
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_LOADED);
  table.after_write = LILY_SESSION_OK;
  rig_end(&here.rig);
  lily_session_storage_close(storage);
  table_free(&table);
}

static int renewals;
static bool is_racing; /* another program writes between the read and the renewal */

static lily_session_status renew(void *context, const lily_session_entry *entry) {
  struct table *own = context;
  char theirs[30];
  snprintf(theirs, sizeof theirs, "\"theirs %d\"", ++renewals);
  if (is_racing) table_put(own, entry->key, theirs, 0, 0);
  const struct row *row = table_row(own, entry->key);
  if (row == NULL || row->version != entry->version || row->length != entry->length || memcmp(row->json, entry->json, row->length) != 0)
    return LILY_SESSION_ERROR_NOT_FOUND;
  table_put(own, entry->key, "\"dark\"", entry->expires_at_ms, entry->version);
  return LILY_SESSION_OK;
}

TEST(belief__S9_a_touch_on_a_backend_that_can_renew_loses_nothing) {
  memset(&table, 0, sizeof table);
  now = 1000, renewals = 0;
  lily_session_backend backend = table_backend(&table);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage = NULL;
  backend.renew = renew;
  options.clock = fixed_clock, options.context = &now;
  assert_ok(lily_session_storage_open_backend(&backend, &options, &storage));
  side_start(&here, storage, second);
  side_theme(&here, "dark");
  now += 500;
  const int writes = table.calls[TABLE_WRITE];
  assert_ok(lily_session_touch(here.rig.session, "theme"));
  assert_int_equal(renewals, 1);
  assert_int_equal(table.calls[TABLE_WRITE], writes);
  assert_true(table_row(&table, "lily_session_theme")->expires_at_ms == 2500);
  assert_int_equal(lily_session_next_expiry(here.rig.session), 1000);
  is_racing = true;
  assert_fails(BUSY, lily_session_touch(here.rig.session, "theme"));
  is_racing = false;
  assert_true(renewals > 100); /* it is tried often before it is given up */
  char theirs[30];
  snprintf(theirs, sizeof theirs, "\"theirs %d\"", renewals);
  assert_stored(storage, "lily_session_theme", theirs);
  rig_end(&here.rig);
  lily_session_storage_close(storage);
  table_free(&table);
}

/* The smaller struct of the first version. */
TEST(belief__a_backend_without_renew) {
  memset(&table, 0, sizeof table);
  lily_session_backend backend = table_backend(&table);
  lily_session_storage *storage = NULL;
  backend.size = offsetof(lily_session_backend, renew);
  backend.renew = renew; /* after the end of the struct by its size, so it does not count */
  renewals = 0;
  assert_ok(lily_session_storage_open_backend(&backend, NULL, &storage));
  side_start(&here, storage, second);
  side_theme(&here, "dark");
  assert_ok(lily_session_touch(here.rig.session, "theme"));
  assert_int_equal(renewals, 0);
  rig_end(&here.rig);
  lily_session_storage_close(storage);
  table_free(&table);
}
