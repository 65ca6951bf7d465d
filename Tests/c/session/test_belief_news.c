/* S21: which entries are news to a session, that is, which of them a refresh sets in the model; and what the session knows after a callback
   has failed in the middle. */
#include "files.h"
#include "journal.h"
#include "pair.h"

static struct side here, there;
static const struct side_options plain;

CASE(belief__S21_the_same_text_is_news_after_it_had_expired) {
  assert_ok(lily_session_storage_set(stage->other, "lily_session_theme", "\"dark\"", 6, stage->now + 100));
  stage->now += 100;
  side_start(&here, stage->storage, plain);
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_EXPIRED);
  assert_ok(set_text(stage->other, "lily_session_theme", "\"dark\""));
  assert_ok(lily_session_refresh(here.rig.session));
  assert_theme(&here, "dark");
  assert_one_event(&here, LILY_SESSION_EVENT_CHANGED, LILY_SESSION_OK, "theme");
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_LOADED);
  rig_end(&here.rig);
}

CASE(belief__S11_the_same_text_of_another_version_is_news) {
  side_start(&there, stage->other, (struct side_options){.version = 2});
  side_theme(&there, "dark");
  side_start(&here, stage->storage, plain);
  assert_one_event(&here, LILY_SESSION_EVENT_NEWER, LILY_SESSION_ERROR_NEWER, "theme");
  assert_ok(set_text(stage->other, "lily_session_theme", "\"dark\"")); /* of version 0 */
  assert_ok(lily_session_refresh(here.rig.session));
  assert_theme(&here, "dark");
  assert_one_event(&here, LILY_SESSION_EVENT_CHANGED, LILY_SESSION_OK, "theme");
  side_theme(&there, "blue");
  side_theme(&there, "dark"); /* of version 2 */
  assert_ok(lily_session_refresh(here.rig.session));
  assert_one_event(&here, LILY_SESSION_EVENT_NEWER, LILY_SESSION_ERROR_NEWER, "theme");
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_NEWER);
  assert_ok(lily_session_refresh(here.rig.session));
  assert_no_event(&here); /* it is reported only once */
  rig_end(&here.rig);
  rig_end(&there.rig);
}

/* A new deadline alone is no news, but it takes effect. */
CASE(belief__S9_a_renewal_elsewhere_is_no_news) {
  const struct side_options expiring = {.expires_after_ms = 1000};
  side_start(&here, stage->storage, expiring);
  side_theme(&here, "dark");
  side_start(&there, stage->other, expiring);
  stage->now += 600;
  assert_ok(lily_session_touch(there.rig.session, "theme"));
  assert_ok(lily_session_refresh(here.rig.session));
  assert_no_event(&here);
  assert_int_equal(lily_session_next_expiry(here.rig.session), 1000);
  rig_end(&here.rig);
  rig_end(&there.rig);
}

static const char *const former[] = {"skin", NULL};

CASE(belief__S9_an_expired_entry_hides_no_former_key) {
  assert_ok(lily_session_storage_set(stage->other, "lily_session_theme", "\"old\"", 5, stage->now + 1));
  assert_ok(set_text(stage->other, "lily_session_skin", "\"dark\""));
  stage->now += 1;
  side_start(&here, stage->storage, (struct side_options){.former_keys = former});
  assert_theme(&here, "dark");
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_MIGRATED | LILY_SESSION_STATE_DIRTY);
  rig_dispatch(&here.rig);
  assert_stored(stage->other, "lily_session_theme", "\"dark\"");
  assert_absent(stage->other, "lily_session_skin");
  rig_end(&here.rig);
}

/* S4: absent, loaded and unreadable are kept apart, under a former key too. */
CASE(belief__S4_refresh_reads_the_former_keys) {
  assert_ok(set_text(stage->other, "lily_session_skin", "7"));
  side_start(&here, stage->storage, (struct side_options){.former_keys = former});
  assert_one_event(&here, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, "theme");
  assert_ok(lily_session_refresh(here.rig.session));
  assert_no_event(&here);
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_REJECTED);
  assert_stored(stage->other, "lily_session_skin", "7");
  rig_end(&here.rig);
}

CASE(belief__S4_the_first_value_after_a_failure_overwrites_nothing) {
  assert_ok(set_text(stage->other, "lily_session_skin", "7"));
  side_start(&here, stage->storage, (struct side_options){.former_keys = former, .get_result = -1});
  assert_fails(CALLBACK, lily_session_refresh(here.rig.session));
  here.theme.get_result = LILY_SESSION_OK;
  rig_dispatch(&here.rig);
  assert_stored(stage->other, "lily_session_skin", "7");
  assert_absent(stage->other, "lily_session_theme");
  rig_end(&here.rig);
}

/* If a stored value was never set in the model, its removal does not change the model. */
CASE(belief__S10_what_was_not_loaded_is_not_set_back) {
  const char *const stored[] = {"7", NULL, "\"old\""};
  for (size_t i = 0; i < COUNT(stored); i++) {
    for (int clears = 0; clears < 2; clears++) {
      if (stored[i] != NULL)
        assert_ok(lily_session_storage_set(stage->other, "lily_session_theme", stored[i], strlen(stored[i]), i == 2 ? stage->now + 1 : 0));
      if (i == 2) stage->now += 1;
      side_start(&here, stage->storage, plain);
      rig_forget(&here.rig);
      assert_ok(clears ? lily_session_clear(stage->other) : lily_session_storage_remove(stage->other, "lily_session_theme"));
      assert_ok(lily_session_refresh(here.rig.session));
      assert_no_event(&here);
      assert_int_equal(here.theme.sets, 0);
      rig_end(&here.rig);
    }
  }
}

/* The slice is a copy. If it cannot be put back, the host throws it away. */
static void throw_away(struct rig *rig, const char *where) {
  if (strcmp(where, "put") != 0 || rig->set_result != NULL) return;
  probe_string(&here.theme, "dark");
  probe_int(&here.visits, 0);
}

CASE(belief__S21_a_slice_that_cannot_be_put_back_leaves_all_news) {
  side_start(&here, stage->storage, (struct side_options){.has_slice = true});
  side_theme(&here, "dark");
  assert_ok(set_text(stage->other, "lily_session_theme", "\"blue\""));
  assert_ok(set_text(stage->other, "lily_session_visits", "3"));
  rig_forget(&here.rig);
  here.rig.hook = throw_away;
  here.rig.set_result = NULL;
  for (int i = 0; i < 2; i++) {
    assert_fails(CALLBACK, lily_session_refresh(here.rig.session));
    assert_no_event(&here);
  }
  here.rig.set_result = &here.rig;
  assert_ok(lily_session_refresh(here.rig.session));
  assert_theme(&here, "blue");
  assert_int_equal(here.rig.event_count, 2);
  assert_event(&here.rig, 0, LILY_SESSION_EVENT_CHANGED, LILY_SESSION_OK, 0, "theme");
  assert_event(&here.rig, 1, LILY_SESSION_EVENT_CHANGED, LILY_SESSION_OK, 0, "visits");
  rig_end(&here.rig);
}

/* If get fails after a refresh has set the field, this refresh returns that, and the value does not count as a change of the program. */
static void fail_after_set(struct rig *rig, const char *where) {
  (void)rig;
  if (strcmp(where, "set") == 0) here.theme.get_result = -7;
}

CASE(belief__S7_a_get_that_fails_after_a_refresh_is_told_by_it) {
  side_start(&here, stage->storage, plain);
  assert_ok(set_text(stage->other, "lily_session_theme", "\"blue\""));
  here.rig.hook = fail_after_set;
  assert_fails(CALLBACK, lily_session_refresh(here.rig.session));
  assert_int_equal(here.rig.event_count, 2);
  assert_event(&here.rig, 0, LILY_SESSION_EVENT_CHANGED, LILY_SESSION_OK, 0, "theme");
  assert_event(&here.rig, 1, LILY_SESSION_EVENT_FIELD_FAILED, -7, 0, "theme");
  here.rig.hook = NULL;
  here.theme.get_result = LILY_SESSION_OK;
  rig_forget(&here.rig);
  rig_dispatch(&here.rig);
  assert_ok(lily_session_refresh(here.rig.session));
  assert_no_event(&here);
  if (stage->kind == ON_JOURNAL) assert_int_equal(operations(JOURNAL), 1);
  if (stage_has_table(stage)) assert_int_equal(stage->table.calls[TABLE_WRITE], 1);
  side_theme(&here, "dark"); /* a change of the program's */
  assert_stored(stage->other, "lily_session_theme", "\"dark\"");
  rig_end(&here.rig);
}

CASE(belief__S21_a_value_that_cannot_be_stored_is_dirty_and_stays) {
  side_start(&here, stage->storage, plain);
  probe_string(&here.theme, "\xff");
  assert_fails(ENCODE, lily_session_persist(here.rig.session));
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_ABSENT | LILY_SESSION_STATE_DIRTY);
  assert_ok(set_text(stage->other, "lily_session_theme", "\"blue\""));
  assert_fails(ENCODE, lily_session_refresh(here.rig.session));
  assert_theme(&here, "\xff");
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_LOADED | LILY_SESSION_STATE_DIRTY);
  probe_string(&here.theme, "light"); /* the value from before: there is nothing to store, so the refresh sets the field */
  assert_ok(lily_session_refresh(here.rig.session));
  assert_theme(&here, "blue");
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_LOADED);
  rig_end(&here.rig);
}

/* S21: a state says what storage holds now, and asking changes nothing. */
CASE(belief__S21_a_state_is_what_storage_holds) {
  side_start(&here, stage->storage, plain);
  assert_ok(set_text(stage->other, "lily_session_theme", "\"blue\""));
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_LOADED);
  assert_ok(set_text(stage->other, "lily_session_theme", "7"));
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_REJECTED);
  side_start(&there, stage->other, (struct side_options){.version = 2});
  side_theme(&there, "dark");
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_NEWER);
  assert_ok(lily_session_storage_remove(stage->other, "lily_session_theme"));
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_ABSENT);
  assert_ok(lily_session_storage_set(stage->other, "lily_session_theme", "\"blue\"", 6, stage->now + 1));
  stage->now += 1;
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_EXPIRED);
  assert_ok(set_text(stage->other, "lily_session_theme", "\"red\""));
  assert_ok(lily_session_refresh(here.rig.session));
  assert_theme(&here, "red");
  rig_end(&here.rig);
  rig_end(&there.rig);
}

/* next_expiry returns 0 only if a refresh would reset a field. */
TEST(belief__S9_an_expired_field_that_cannot_be_written_is_no_reason_to_wake) {
  int64_t now = 1000;
  lily_session_storage *storage = open_memory_clocked(&now, 60);
  side_start(&here, storage, (struct side_options){.expires_after_ms = 1000});
  side_theme(&here, "a");
  assert_int_equal(lily_session_next_expiry(here.rig.session), 1000);
  char *large = repeated('x', 100);
  probe_string(&here.theme, large);
  assert_fails(QUOTA, lily_session_persist(here.rig.session));
  assert_int_equal(lily_session_next_expiry(here.rig.session), 1000); /* what is stored will expire */
  now += 5000;
  assert_int_equal(lily_session_next_expiry(here.rig.session), -1);
  assert_fails(QUOTA, lily_session_refresh(here.rig.session));
  assert_int_equal(lily_session_next_expiry(here.rig.session), -1);
  rig_end(&here.rig);
  lily_session_storage_close(storage);
  free(large);
}

/* A wrong clock cannot make a field last longer than its own expiry. */
CASE(belief__S9_a_deadline_from_a_clock_that_was_ahead) {
  const struct side_options hour = {.expires_after_ms = 3600000};
  const int64_t right = stage->now, years = INT64_C(20) * 31557600000;
  stage->now = right + years;
  side_start(&here, stage->storage, hour);
  side_theme(&here, "dark");
  rig_end(&here.rig);
  stage->now = right;
  side_start(&here, stage->storage, hour);
  assert_theme(&here, "dark");
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_LOADED); /* a shortened deadline is not a change */
  assert_int_equal(lily_session_next_expiry(here.rig.session), 3600000);
  rig_dispatch(&here.rig); /* stores the shorter deadline */
  rig_end(&here.rig);
  stage->now = right + 3600000;
  side_start(&here, stage->storage, hour);
  assert_theme(&here, "light");
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_EXPIRED);
  rig_end(&here.rig);
}

/* The slice may be a part of the model itself. If a refresh has set fields in it and could not put it back, that is not a change of the
   program. */
CASE(belief__S21_what_could_not_be_put_back_is_not_stored_as_a_change) {
  side_start(&here, stage->storage, (struct side_options){.has_slice = true});
  side_theme(&here, "dark");
  assert_ok(set_text(stage->other, "lily_session_theme", "\"77\""));
  here.rig.set_result = NULL;
  assert_fails(CALLBACK, lily_session_refresh(here.rig.session));
  here.rig.set_result = &here.rig;
  assert_ok(set_text(stage->other, "lily_session_theme", "\"78\""));
  rig_dispatch(&here.rig);
  assert_stored(stage->other, "lily_session_theme", "\"78\"");
  assert_ok(lily_session_refresh(here.rig.session));
  assert_theme(&here, "78");
  side_theme(&here, "blue");
  assert_stored(stage->other, "lily_session_theme", "\"blue\"");
  rig_end(&here.rig);
}

/* A field whose get always fails must not keep the host's loop busy. Once get works, the descriptor wakes the loop for the news that was
   left. */
TEST(belief__S10_news_of_a_field_whose_get_fails) {
  int64_t now = 1000;
  lily_session_storage *storage = open_clocked(JOURNAL, &now, 0), *other = open_clocked(JOURNAL, &now, 0);
  const int fd = lily_session_storage_fd(storage);
  side_start(&here, storage, plain);
  side_theme(&here, "dark");
  here.theme.get_result = -1;
  assert_ok(set_text(other, "lily_session_theme", "\"blue\""));
  assert_true(readable(fd, 1000));
  assert_fails(CALLBACK, lily_session_refresh(here.rig.session));
  assert_theme(&here, "dark");
  assert_false(readable(fd, 50));
  here.theme.get_result = LILY_SESSION_OK;
  rig_dispatch(&here.rig);
  assert_true(readable(fd, 1000));
  assert_ok(lily_session_refresh(here.rig.session));
  assert_theme(&here, "blue");
  assert_false(readable(fd, 50));
  rig_end(&here.rig);
  lily_session_storage_close(other);
  lily_session_storage_close(storage);
}

/* A session that is detached inside the storage's clock stays valid until the call that asked for the time returns. */
static lily_session *asked;
static int64_t end_in_clock(void *context) {
  if (*(int *)context == 1) {
    *(int *)context = 2;
    lily_session_detach(asked);
  }
  return 1000;
}

TEST(belief__S15_a_session_that_is_ended_in_the_clock_of_a_question) {
  for (int question = 0; question < 2; question++) {
    int step = 0;
    int32_t state;
    lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
    lily_session_storage *storage = NULL;
    options.clock = end_in_clock, options.context = &step;
    assert_ok(lily_session_storage_open_memory(&options, &storage));
    side_start(&here, storage, (struct side_options){.expires_after_ms = 1000});
    side_theme(&here, "dark");
    asked = here.rig.session;
    here.rig.session = NULL;
    step = 1;
    if (question) assert_int_equal(lily_session_next_expiry(asked), 1000);
    else assert_ok(lily_session_field_state(asked, "theme", &state));
    assert_int_equal(step, 2);
    rig_end(&here.rig);
    lily_session_storage_close(storage);
  }
}
