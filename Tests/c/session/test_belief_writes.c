/* S11, S21: a value that the program did not change overwrites only what it was made from. A value that was asked for is written. */
#include "journal.h"
#include "pair.h"

static struct side here, there;
static const struct side_options plain;
static const char *const former[] = {"skin", NULL};

/* Two programs have been upgraded, and the user has changed the field in one of them. */
CASE(belief__S11_a_migrated_value_overwrites_nobodys_change) {
  for (uint32_t version = 1; version <= 2; version++) {
    assert_ok(set_text(stage->other, "lily_session_theme", "\"dark\"")); /* of version 0 */
    side_start(&here, stage->storage, (struct side_options){.version = 1, .migrate = migrate_plus});
    side_start(&there, stage->other, (struct side_options){.version = version, .migrate = migrate_plus});
    assert_state(here.rig.session, "theme", LILY_SESSION_STATE_MIGRATED | LILY_SESSION_STATE_DIRTY);
    side_theme(&there, "theirs");
    rig_forget(&here.rig);
    probe_int(&here.visits, (int64_t)version);
    rig_dispatch(&here.rig);
    assert_no_event(&here);
    assert_stored(stage->other, "lily_session_theme", "\"theirs\"");
    assert_stored(stage->other, "lily_session_visits", version == 1 ? "1" : "2");
    assert_state(here.rig.session, "theme", version == 1 ? LILY_SESSION_STATE_LOADED : LILY_SESSION_STATE_NEWER);
    assert_ok(lily_session_refresh(here.rig.session));
    if (version == 1) {
      assert_theme(&here, "theirs");
      assert_one_event(&here, LILY_SESSION_EVENT_CHANGED, LILY_SESSION_OK, "theme");
    } else {
      assert_one_event(&here, LILY_SESSION_EVENT_NEWER, LILY_SESSION_ERROR_NEWER, "theme");
    }
    rig_end(&here.rig);
    rig_end(&there.rig);
  }
}

CASE(belief__S11_a_migrated_value_is_written_over_what_it_was_made_from) {
  assert_ok(set_text(stage->other, "lily_session_theme", "\"dark\""));
  side_start(&here, stage->storage, (struct side_options){.version = 1, .migrate = migrate_plus});
  rig_dispatch(&here.rig);
  assert_stored(stage->other, "lily_session_theme", "\"dark+\"");
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_LOADED);
  rig_end(&here.rig);
}

CASE(belief__S11_what_the_program_changed_is_written_over_anything) {
  assert_ok(set_text(stage->other, "lily_session_skin", "\"dark\""));
  side_start(&here, stage->storage, (struct side_options){.former_keys = former});
  assert_ok(set_text(stage->other, "lily_session_theme", "\"theirs\""));
  side_theme(&here, "blue");
  assert_stored(stage->other, "lily_session_theme", "\"blue\"");
  assert_absent(stage->other, "lily_session_skin");
  rig_end(&here.rig);
}

/* Another program has stored something under the new key: neither key is written. */
CASE(belief__S11_a_renamed_value_overwrites_nobodys_change) {
  assert_ok(set_text(stage->other, "lily_session_skin", "\"dark\""));
  side_start(&here, stage->storage, (struct side_options){.former_keys = former});
  assert_ok(set_text(stage->other, "lily_session_theme", "\"theirs\""));
  rig_dispatch(&here.rig);
  assert_stored(stage->other, "lily_session_theme", "\"theirs\"");
  assert_stored(stage->other, "lily_session_skin", "\"dark\"");
  assert_ok(lily_session_refresh(here.rig.session));
  assert_theme(&here, "theirs");
  rig_dispatch(&here.rig); /* what is stored under the field's own key is good now */
  assert_absent(stage->other, "lily_session_skin");
  rig_end(&here.rig);
}

CASE(belief__S11_an_older_version_without_migrate_is_loaded) {
  assert_ok(set_text(stage->other, "lily_session_theme", "\"dark\""));
  side_start(&here, stage->storage, (struct side_options){.version = 3});
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_LOADED);
  rig_dispatch(&here.rig);
  if (stage->kind == ON_JOURNAL) assert_int_equal(operations(JOURNAL), 1);
  rig_end(&here.rig);
}

/* The field is stored nevertheless, and an event reports the failure once. */
TEST(belief__S11_a_former_key_that_cannot_be_removed) {
  journal_of(JOURNAL, "lily_session_theme", "\"dark\"", "lily_session_skin", "\"old\"", NULL);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage = NULL;
  options.flags = LILY_SESSION_READ_ONLY;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
  side_start(&here, storage, (struct side_options){.former_keys = former});
  assert_ok(lily_session_persist(here.rig.session));
  assert_one_event(&here, LILY_SESSION_EVENT_WRITE_FAILED, LILY_SESSION_ERROR_PERMISSION, "theme");
  assert_ok(lily_session_persist(here.rig.session));
  assert_no_event(&here);
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_LOADED);
  rig_end(&here.rig);
  lily_session_storage_close(storage);
}

/* get fails at attach, and nothing is stored. The first value that it returns later is stored, unless another program has stored one
   before. */
CASE(belief__S4_a_first_value_is_stored_where_there_is_none) {
  for (int is_faster = 0; is_faster < 2; is_faster++) {
    side_start(&here, stage->storage, (struct side_options){.get_result = -1});
    if (is_faster) assert_ok(set_text(stage->other, "lily_session_theme", "\"theirs\""));
    here.theme.get_result = LILY_SESSION_OK;
    rig_forget(&here.rig);
    rig_dispatch(&here.rig);
    assert_stored(stage->other, "lily_session_theme", is_faster ? "\"theirs\"" : "\"light\"");
    assert_ok(lily_session_refresh(here.rig.session));
    assert_theme(&here, is_faster ? "theirs" : "light");
    rig_end(&here.rig);
    assert_ok(lily_session_clear(stage->other));
  }
}

/* get fails at attach, and something is stored. The stored value wins, and the next refresh sets the field to it. */
CASE(belief__S4_a_first_value_gives_way_to_what_is_stored) {
  assert_ok(set_text(stage->other, "lily_session_theme", "\"dark\""));
  side_start(&here, stage->storage, (struct side_options){.get_result = -1});
  here.theme.get_result = LILY_SESSION_OK;
  probe_string(&here.theme, "mine");
  rig_forget(&here.rig);
  rig_dispatch(&here.rig);
  assert_stored(stage->other, "lily_session_theme", "\"dark\"");
  assert_ok(lily_session_refresh(here.rig.session));
  assert_theme(&here, "dark");
  assert_one_event(&here, LILY_SESSION_EVENT_CHANGED, LILY_SESSION_OK, "theme");
  side_theme(&here, "mine"); /* now the same value is a change of the program */
  assert_stored(stage->other, "lily_session_theme", "\"mine\"");
  rig_end(&here.rig);
}

/* ---- lily_session_mark() */

CASE(mark__a_default_that_was_confirmed_is_stored) {
  side_start(&here, stage->storage, plain);
  assert_ok(lily_session_mark(here.rig.session, "theme"));
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_ABSENT | LILY_SESSION_STATE_DIRTY);
  assert_absent(stage->other, "lily_session_theme");
  rig_dispatch(&here.rig);
  assert_stored(stage->other, "lily_session_theme", "\"light\"");
  assert_absent(stage->other, "lily_session_visits");
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_LOADED);
  rig_dispatch(&here.rig); /* once */
  if (stage->kind == ON_JOURNAL) assert_int_equal(operations(JOURNAL), 1);
  rig_end(&here.rig);
}

/* The user chooses the value that this program saw last, while another program has changed it. */
CASE(mark__S10_overwrites_what_another_changed) {
  side_start(&here, stage->storage, plain);
  side_theme(&here, "dark");
  assert_ok(set_text(stage->other, "lily_session_theme", "\"blue\""));
  probe_string(&here.theme, "dark");
  assert_ok(lily_session_mark(here.rig.session, "theme"));
  assert_ok(lily_session_refresh(here.rig.session));
  assert_theme(&here, "dark");
  assert_stored(stage->other, "lily_session_theme", "\"dark\"");
  assert_no_event(&here);
  rig_end(&here.rig);
}

CASE(mark__S4_overwrites_what_was_refused) {
  const char *const stored[] = {"7", "\"newer\""};
  for (uint32_t i = 0; i < 2; i++) {
    side_start(&there, stage->other, (struct side_options){.version = 9});
    if (i == 1) side_theme(&there, "newer"); else assert_ok(set_text(stage->other, "lily_session_theme", stored[0]));
    side_start(&here, stage->storage, plain);
    rig_dispatch(&here.rig);
    assert_stored(stage->other, "lily_session_theme", stored[i]);
    assert_ok(lily_session_mark(here.rig.session, "theme"));
    rig_dispatch(&here.rig);
    assert_stored(stage->other, "lily_session_theme", "\"light\"");
    rig_end(&here.rig);
    rig_end(&there.rig);
    assert_ok(lily_session_clear(stage->other));
  }
}

/* A mark counts as a change of the next update. A clear in between comes before it. */
CASE(mark__S8_is_not_taken_back_by_a_clear_before_the_update) {
  side_start(&here, stage->storage, plain);
  assert_ok(lily_session_mark(here.rig.session, "theme"));
  assert_ok(lily_session_clear(stage->other));
  rig_dispatch(&here.rig);
  assert_stored(stage->other, "lily_session_theme", "\"light\"");
  rig_end(&here.rig);
}

static void mark_in_update(struct rig *rig, const void *message) {
  (void)message;
  lily_session_mark(rig->session, "theme");
}

static void mark_in_get(struct rig *rig, const char *where) {
  if (strcmp(where, "get") == 0) lily_session_mark(rig->session, "theme");
}

CASE(mark__S15_inside_callbacks) {
  side_start(&here, stage->storage, plain);
  here.rig.in_update = mark_in_update;
  rig_dispatch(&here.rig);
  assert_stored(stage->other, "lily_session_theme", "\"light\"");
  here.rig.in_update = NULL;
  assert_ok(lily_session_storage_remove(stage->other, "lily_session_theme"));
  here.rig.hook = mark_in_get;
  rig_dispatch(&here.rig); /* a mark that get makes comes too late for this update */
  here.rig.hook = NULL;
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_ABSENT | LILY_SESSION_STATE_DIRTY);
  rig_dispatch(&here.rig);
  assert_stored(stage->other, "lily_session_theme", "\"light\"");
  rig_end(&here.rig);
}

static uint64_t same_revision(void *context, const void *session) {
  (void)context, (void)session;
  return 1;
}

TEST(mark__S5_though_the_revision_is_the_same) {
  lily_session_storage *storage = open_memory();
  side_begin(&here, storage, plain);
  here.rig.config.revision = same_revision;
  side_attach(&here);
  assert_ok(lily_session_mark(here.rig.session, "theme"));
  rig_dispatch(&here.rig);
  assert_stored(storage, "lily_session_theme", "\"light\"");
  rig_end(&here.rig);
  lily_session_storage_close(storage);
}

TEST(mark__what_it_returns) {
  lily_session_storage *storage = open_memory();
  side_start(&here, storage, plain);
  assert_fails(NOT_FOUND, lily_session_mark(here.rig.session, "other"));
  assert_fails(INVALID_ARGUMENT, lily_session_mark(here.rig.session, NULL));
  assert_fails(INVALID_ARGUMENT, lily_session_mark(here.rig.session, ""));
  assert_fails(INVALID_ARGUMENT, lily_session_mark(NULL, "theme"));
  assert_no_event(&here);
  end_by(lily_session_runtime_free, here.rig.runtime);
  assert_fails(INVALID_ARGUMENT, lily_session_mark(here.rig.session, "theme"));
  rig_end(&here.rig);
  lily_session_storage_close(storage);
}
