/* S8 and S10: another handle's clear. Nothing that was written or tried before it comes back, and each field gets one event. */
#include "elsewhere.h"
#include "files.h"
#include "journal.h"
#include "rig.h"

static struct rig one, two;
static struct probe themes[2], visits[2];

static void begin_one(struct rig *rig, int n, lily_session_storage *storage) {
  memset(&themes[n], 0, sizeof themes[n]);
  memset(&visits[n], 0, sizeof visits[n]);
  rig_begin(rig, storage);
  rig_attach_theme_and_visits(rig, &themes[n], &visits[n]);
}

/* The limit is set before the file is opened, as the header wants it. */
static void begin(void) {
  limit_files(1 << 30);
  begin_one(&one, 0, open_storage(JOURNAL));
}

static void try_in_vain(void) {
  limit_files(size_of(JOURNAL));
  probe_string(&themes[0], SECRET);
  assert_fails(NO_SPACE, lily_session_runtime_dispatch(one.runtime, NULL));
  limit_files(1 << 30);
  rig_forget(&one);
}

TEST(refresh_clear__S10_each_stored_field_hears_of_it_once) {
  journal_of(JOURNAL, "lily_session_theme", "\"dark\"", NULL);
  begin();
  changed_elsewhere("clear", NULL, NULL);
  assert_ok(lily_session_refresh(one.session));
  assert_string_equal(themes[0].text, "light");
  assert_int_equal(visits[0].sets, 0); /* it was never stored */
  assert_int_equal(one.event_count, 1);
  assert_event(&one, 0, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, 0, "theme");
  assert_state(one.session, "theme", LILY_SESSION_STATE_ABSENT);
  assert_ok(lily_session_refresh(one.session));
  rig_dispatch(&one);
  assert_int_equal(one.event_count, 1);
  rig_end(&one);
  assert_int_equal(operations(JOURNAL), 0); /* nothing was written, and the end rewrote nothing but the clear */
}

TEST(refresh_clear__S10_heard_of_though_others_asked_first) {
  begin();
  probe_string(&themes[0], "dark");
  rig_dispatch(&one);
  changed_elsewhere("clear", NULL, NULL);
  /* The session meets the clear in these two calls, but the host waits for a refresh. */
  assert_state(one.session, "theme", LILY_SESSION_STATE_ABSENT);
  probe_int(&visits[0], 1);
  rig_dispatch(&one);
  assert_string_equal(themes[0].text, "dark");
  assert_ok(lily_session_refresh(one.session));
  assert_string_equal(themes[0].text, "light");
  assert_int_equal(one.event_count, 1);
  assert_event(&one, 0, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, 0, "theme");
  assert_int_equal(visits[0].value.as.integer, 1);
  assert_state(one.session, "visits", LILY_SESSION_STATE_LOADED);
  rig_end(&one);
}

TEST(refresh_clear__S10_cleared_and_set_again) {
  begin();
  probe_string(&themes[0], "dark");
  probe_int(&visits[0], 3);
  rig_dispatch(&one);
  changed_elsewhere("clear", NULL, NULL);
  changed_elsewhere("set", "lily_session_theme", "\"dark\"");
  changed_elsewhere("set", "lily_session_visits", "4");
  assert_ok(lily_session_refresh(one.session));
  assert_string_equal(themes[0].text, "dark");
  assert_int_equal(visits[0].value.as.integer, 4);
  /* A field with its earlier value is stored as well, whatever happened in between. */
  assert_state(one.session, "theme", LILY_SESSION_STATE_LOADED);
  assert_state(one.session, "visits", LILY_SESSION_STATE_LOADED);
  rig_end(&one);
}

/* A change from before the clear that was never stored is not written after the clear. */
TEST(refresh_clear__S8_through_many_clears) {
  begin();
  for (int i = 0; i < 3; i++) {
    try_in_vain();
    for (int clears = 0; clears <= i; clears++) changed_elsewhere("clear", NULL, NULL);
    probe_int(&visits[0], i + 1);
    rig_dispatch(&one);
    assert_entries(one.storage, 1);
    assert_absent(one.storage, "lily_session_theme");
    probe_string(&themes[0], "light");
    rig_dispatch(&one);
  }
  rig_end(&one);
}

TEST(refresh_clear__S10_own_clear_then_anothers) {
  begin();
  probe_string(&themes[0], "dark");
  rig_dispatch(&one);
  assert_ok(lily_session_clear(one.storage));
  assert_ok(lily_session_refresh(one.session));
  assert_string_equal(themes[0].text, "light");
  assert_int_equal(one.event_count, 1);
  changed_elsewhere("clear", NULL, NULL);
  assert_ok(lily_session_refresh(one.session));
  assert_int_equal(one.event_count, 1); /* The clear of the other handle removed nothing of this field. */
  probe_string(&themes[0], "blue");
  rig_dispatch(&one);
  assert_stored(one.storage, "lily_session_theme", "\"blue\"");
  rig_end(&one);
}

TEST(refresh_clear__S10_anothers_set_after_ones_own_clear) {
  begin();
  probe_string(&themes[0], "dark");
  rig_dispatch(&one);
  assert_ok(lily_session_clear(one.storage));
  changed_elsewhere("set", "lily_session_theme", "\"theirs\"");
  assert_ok(lily_session_refresh(one.session));
  assert_string_equal(themes[0].text, "theirs");
  assert_event(&one, 0, LILY_SESSION_EVENT_CHANGED, LILY_SESSION_OK, 0, "theme");
  rig_end(&one);
}

/* A clear is reported to both sessions, even if it was made by their own handle. */
TEST(refresh_clear__S10_two_sessions_of_one_handle) {
  begin();
  begin_one(&two, 1, one.storage);
  two.storage = NULL;
  probe_string(&themes[0], "dark");
  rig_dispatch(&one);
  assert_ok(lily_session_refresh(two.session));
  assert_ok(lily_session_clear(one.storage));
  assert_ok(lily_session_refresh(two.session));
  assert_string_equal(themes[1].text, "light");
  assert_int_equal(two.event_count, 2);
  assert_event(&two, 1, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, 0, "theme");
  assert_ok(lily_session_refresh(one.session));
  assert_event(&one, 0, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, 0, "theme");
  rig_end(&two);
  rig_end(&one);
}

/* The generation, which counts clears, stays the same when the file is rewritten, whoever rewrites it. */
TEST(refresh_clear__S8_across_a_rewriting) {
  begin();
  probe_string(&themes[0], "dark");
  rig_dispatch(&one);
  try_in_vain();
  changed_elsewhere("clear", NULL, NULL); /* closing rewrites the file */
  changed_elsewhere("set", "other", "1");
  changed_elsewhere("remove", "other", NULL);
  assert_ok(lily_session_persist(one.session));
  assert_entries(one.storage, 0);
  assert_int_equal(one.event_count, 1); /* the change was dropped */
  assert_event(&one, 0, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, 0, "theme");
  assert_ok(lily_session_refresh(one.session));
  assert_int_equal(one.event_count, 2); /* what was stored before the clear is reset */
  assert_event(&one, 1, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, 0, "theme");
  assert_string_equal(themes[0].text, "light");
  rig_end(&one);
  assert_false(file_has(JOURNAL, SECRET));
}
