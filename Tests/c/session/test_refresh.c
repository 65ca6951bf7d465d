/* S10: lily_session_refresh() sets the fields that others changed, with an event for each. */
#include "elsewhere.h"
#include "files.h"
#include "journal.h"
#include "rig.h"

static struct rig rig;
static struct probe theme, visits, cart;

static void begin(void) {
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  rig_field(&rig, &visits, "visits", LILY_SESSION_INT);
  rig_field(&rig, &cart, "cart", LILY_SESSION_JSON | LILY_SESSION_NULL);
  probe_string(&theme, "light");
  probe_int(&visits, 0);
  probe_json(&cart, "[]");
  rig_attach(&rig);
}

TEST(refresh__S10_in_field_order_each_once) {
  begin();
  changed_elsewhere("set", "lily_session_cart", "[\"apple\", 1.50]");
  changed_elsewhere("set", "lily_session_theme", "\"dark\"");
  changed_elsewhere("set", "lily_session_theme", "\"blue\"");
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(theme.text, "blue");
  assert_string_equal(cart.text, "[\"apple\",1.50]");
  assert_int_equal(theme.sets, 1);
  assert_int_equal(rig.event_count, 2);
  assert_event(&rig, 0, LILY_SESSION_EVENT_CHANGED, LILY_SESSION_OK, 0, "theme");
  assert_event(&rig, 1, LILY_SESSION_EVENT_CHANGED, LILY_SESSION_OK, 0, "cart");
  assert_int_equal(operations(JOURNAL), 3); /* the session wrote none of this as a change of its own */
  assert_ok(lily_session_refresh(rig.session));
  rig_dispatch(&rig);
  assert_int_equal(operations(JOURNAL), 3);
  assert_int_equal(rig.event_count, 2);
  rig_end(&rig);
  assert_int_equal(theme.sets, 1);
}

TEST(refresh__S10_nothing_happened) {
  begin();
  assert_ok(lily_session_refresh(rig.session));
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  rig_forget(&rig);
  assert_ok(lily_session_refresh(rig.session));
  changed_elsewhere("set", "other", "1");
  changed_elsewhere("set", "lily_session_theme", "\"dark\""); /* the same text is no news */
  assert_ok(lily_session_refresh(rig.session));
  assert_int_equal(rig.event_count, 0);
  assert_int_equal(theme.sets + visits.sets + cart.sets, 0);
  rig_end(&rig);
}

TEST(refresh__S10_persists_first) {
  begin();
  probe_string(&theme, "mine");
  changed_elsewhere("set", "lily_session_theme", "\"theirs\"");
  changed_elsewhere("set", "lily_session_visits", "5");
  assert_ok(lily_session_refresh(rig.session));
  /* The last writer wins. Here that is this session. */
  assert_string_equal(theme.text, "mine");
  assert_stored(rig.storage, "lily_session_theme", "\"mine\"");
  assert_int_equal(visits.value.as.integer, 5);
  assert_int_equal(rig.event_count, 1);
  rig_end(&rig);
}

TEST(refresh__S10_a_dirty_field_is_left_alone) {
  begin();
  char *big = repeated('x', 6 << 20); /* more than the quota */
  theme.value.type = LILY_SESSION_STRING;
  theme.value.as.text.bytes = big;
  theme.value.as.text.length = 6 << 20;
  assert_fails(QUOTA, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT | LILY_SESSION_STATE_DIRTY);
  changed_elsewhere("set", "lily_session_theme", "\"theirs\"");
  changed_elsewhere("set", "lily_session_visits", "5");
  rig_forget(&rig);
  assert_fails(QUOTA, lily_session_refresh(rig.session));
  assert_int_equal(theme.sets, 0);
  assert_ptr_equal(theme.value.as.text.bytes, big);
  assert_int_equal(visits.value.as.integer, 5);
  assert_stored(rig.storage, "lily_session_theme", "\"theirs\"");
  probe_string(&theme, "fits");
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "\"fits\"");
  rig_end(&rig);
  free(big);
}

TEST(refresh__S10_what_was_removed_goes_back_to_before_hydration) {
  journal_of(JOURNAL, "lily_session_theme", "\"stored\"", "lily_session_visits", "9", "lily_session_cart", "[9]", NULL);
  begin();
  assert_string_equal(theme.text, "stored");
  changed_elsewhere("remove", "lily_session_theme", NULL);
  changed_elsewhere("remove", "lily_session_cart", NULL);
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(theme.text, "light");
  assert_string_equal(cart.text, "[]");
  assert_int_equal(visits.value.as.integer, 9);
  assert_int_equal(rig.event_count, 2);
  assert_event(&rig, 0, LILY_SESSION_EVENT_REMOVED, LILY_SESSION_OK, 0, "theme");
  assert_event(&rig, 1, LILY_SESSION_EVENT_REMOVED, LILY_SESSION_OK, 0, "cart");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT);
  /* The reset was not a change of the host, so nothing was stored. */
  rig_end(&rig);
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_entries(storage, 1);
  lily_session_storage_close(storage);
}

/* What the storage functions change is news for the session, whichever handle they are given. */
TEST(refresh__S10_changes_through_ones_own_storage) {
  begin();
  const int fd = lily_session_storage_fd(rig.storage);
  assert_ok(lily_session_storage_set(rig.storage, "lily_session_theme", "\"dark\"", 6, 0));
  assert_true(readable(fd, 5000));
  rig_dispatch(&rig);
  assert_string_equal(theme.text, "light"); /* only a refresh sets it */
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(theme.text, "dark");
  assert_event(&rig, 0, LILY_SESSION_EVENT_CHANGED, LILY_SESSION_OK, 0, "theme");
  assert_false(readable(fd, 0));
  assert_ok(lily_session_storage_remove(rig.storage, "lily_session_theme"));
  assert_true(readable(fd, 5000));
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(theme.text, "light");
  assert_event(&rig, 1, LILY_SESSION_EVENT_REMOVED, LILY_SESSION_OK, 0, "theme");
  rig_end(&rig);
}

/* A refresh resets the field to its value from before attach, whatever the host has stored since. */
TEST(refresh__S10_removed_after_changes_of_ones_own) {
  begin();
  for (int i = 1; i <= 3; i++) {
    probe_int(&visits, i);
    rig_dispatch(&rig);
  }
  changed_elsewhere("remove", "lily_session_visits", NULL);
  assert_ok(lily_session_refresh(rig.session));
  assert_int_equal(visits.value.as.integer, 0);
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_visits", "1");
  rig_end(&rig);
}

TEST(refresh__S10_removed_and_set_again_is_a_change) {
  journal_of(JOURNAL, "lily_session_theme", "\"stored\"", NULL);
  begin();
  changed_elsewhere("remove", "lily_session_theme", NULL);
  changed_elsewhere("set", "lily_session_theme", "\"again\"");
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(theme.text, "again");
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_CHANGED, LILY_SESSION_OK, 0, "theme");
  rig_end(&rig);
}

TEST(refresh__S10_what_is_not_accepted) {
  journal_of(JOURNAL, "lily_session_theme", "\"stored\"", NULL);
  begin();
  changed_elsewhere("set", "lily_session_theme", "[1]");
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(theme.text, "stored");
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, 0, "theme");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_REJECTED);
  assert_ok(lily_session_refresh(rig.session));
  rig_dispatch(&rig);
  assert_int_equal(rig.event_count, 1);
  assert_stored(rig.storage, "lily_session_theme", "[1]");
  changed_elsewhere("set", "lily_session_theme", "\"good\"");
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(theme.text, "good");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED);
  theme.set_result = -55;
  changed_elsewhere("set", "lily_session_theme", "\"refused\"");
  assert_ok(lily_session_refresh(rig.session));
  assert_event(&rig, 2, LILY_SESSION_EVENT_REJECTED, -55, 0, "theme");
  rig_end(&rig);
}

TEST(refresh__S5_a_set_that_normalises_causes_no_write) {
  begin();
  visits.cap = 10;
  changed_elsewhere("set", "lily_session_visits", "99");
  assert_ok(lily_session_refresh(rig.session));
  assert_int_equal(visits.value.as.integer, 10);
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_visits", "99");
  assert_ok(lily_session_refresh(rig.session));
  assert_int_equal(rig.event_count, 1);
  rig_end(&rig);
}

/* A refresh puts the slice back once, and asks for the revision again, so that the next update does not write what came from elsewhere. */
TEST(refresh__S5_slice_and_revision) {
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  probe_string(&theme, "light");
  rig.config.get = rig_get;
  rig.config.set = rig_set;
  rig.config.revision = rig_revision;
  rig_attach(&rig);
  rig_forget(&rig);
  assert_ok(lily_session_refresh(rig.session));
  assert_null(strstr(rig.trace, "put"));
  changed_elsewhere("set", "lily_session_theme", "\"dark\"");
  rig_forget(&rig);
  assert_ok(lily_session_refresh(rig.session));
  const char *set = strstr(rig.trace, "set theme"), *put = strstr(rig.trace, "put"), *event = strstr(rig.trace, "event theme");
  assert_true(set != NULL && put != NULL && event != NULL && set < put && put < event);
  assert_null(strstr(put + 1, "put"));
  rig.revision++;
  rig_dispatch(&rig);
  assert_int_equal(operations(JOURNAL), 1);
  rig.get_result = NULL;
  assert_fails(CALLBACK, lily_session_refresh(rig.session));
  rig.get_result = &rig;
  rig_end(&rig);
}
