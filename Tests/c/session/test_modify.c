/* S27: lily_session_modify() changes what is stored for a field, whoever else changes it, and the model follows; lily_session_reset()
   removes it. */
#include "journal.h"
#include "pair.h"

static struct side here, there;

/* What `modify` was given, and what it does. */
struct job {
  int calls;
  lily_session_status result;
  lily_session_value gives; /* type 0: one more than is stored, or 1 */
  lily_session_value stored;
  bool had_none;
  lily_session_storage *other; /* for `meanwhile` */
  void (*meanwhile)(struct job *job);
};

static lily_session_status modify(void *context, const lily_session_value *stored, lily_session_value *out_value) {
  struct job *job = context;
  job->calls++;
  job->had_none = stored == NULL;
  if (stored) job->stored = *stored;
  if (job->meanwhile) job->meanwhile(job);
  *out_value = job->gives;
  if (job->gives.type == 0) {
    out_value->type = LILY_SESSION_INT;
    out_value->as.integer = stored ? stored->as.integer + 1 : 1;
  }
  return job->result;
}

static lily_session_value text_value(const char *text) {
  lily_session_value value = {.type = LILY_SESSION_STRING};
  value.as.text.bytes = text;
  value.as.text.length = strlen(text);
  return value;
}

#define assert_visits(side, expected) assert_int_equal((side)->visits.value.as.integer, (expected))

CASE(modify__S27_counts_in_two_sessions) {
  const struct side_options none = {0};
  struct job job = {0};
  side_start(&here, stage->storage, none);
  side_start(&there, stage->other, none);
  assert_ok(lily_session_modify(here.rig.session, "visits", modify, &job));
  assert_true(job.had_none);
  assert_visits(&here, 1);
  assert_ok(lily_session_modify(there.rig.session, "visits", modify, &job));
  assert_false(job.had_none);
  assert_visits(&there, 2);
  assert_visits(&here, 1);
  assert_ok(lily_session_modify(here.rig.session, "visits", modify, &job));
  assert_visits(&here, 3);
  assert_stored(stage->other, "lily_session_visits", "3");
  assert_no_event(&here);
  assert_state(here.rig.session, "visits", LILY_SESSION_STATE_LOADED);
  rig_dispatch(&here.rig); /* nothing is left to be stored */
  assert_stored(stage->other, "lily_session_visits", "3");
  assert_ok(lily_session_refresh(there.rig.session));
  assert_visits(&there, 3);
  rig_end(&here.rig);
  rig_end(&there.rig);
}

static void other_counts(struct job *job) {
  struct job own = {0};
  if (job->calls < 4) (void)lily_session_modify(there.rig.session, "visits", modify, &own);
}

CASE(modify__S27_is_made_again_when_overtaken) {
  const struct side_options none = {0};
  struct job job = {.meanwhile = other_counts};
  side_start(&here, stage->storage, none);
  side_start(&there, stage->other, none);
  assert_ok(lily_session_modify(here.rig.session, "visits", modify, &job));
  assert_int_equal(job.calls, 4);
  assert_stored(stage->other, "lily_session_visits", "4");
  assert_visits(&here, 4);
  rig_end(&here.rig);
  rig_end(&there.rig);
}

static void other_clears(struct job *job) {
  if (job->calls == 1) (void)lily_session_clear(job->other);
}

CASE(modify__S8_a_clear_meanwhile_is_met) {
  const struct side_options none = {0};
  struct job job = {.meanwhile = other_clears, .other = stage->other};
  side_start(&here, stage->storage, none);
  side_start(&there, stage->other, none);
  side_theme(&here, "dark");
  probe_int(&here.visits, 7);
  rig_dispatch(&here.rig);
  assert_ok(lily_session_modify(here.rig.session, "visits", modify, &job));
  assert_int_equal(job.calls, 2);
  assert_true(job.had_none);
  assert_visits(&here, 1);
  assert_stored(stage->other, "lily_session_visits", "1");
  assert_absent(stage->other, "lily_session_theme");
  rig_end(&here.rig);
  rig_end(&there.rig);
}

/* What the program itself changed is stored first. */
CASE(modify__S27_persists_before) {
  const struct side_options none = {0};
  struct job job = {0};
  side_start(&here, stage->storage, none);
  probe_int(&here.visits, 40);
  probe_string(&here.theme, "dark");
  assert_ok(lily_session_modify(here.rig.session, "visits", modify, &job));
  assert_visits(&here, 41);
  assert_stored(stage->other, "lily_session_theme", "\"dark\"");
  rig_end(&here.rig);
}

CASE(modify__S27_what_cannot_be_stored_changes_nothing) {
  const struct side_options none = {0};
  struct job job = {.result = 77};
  side_start(&here, stage->storage, none);
  assert_ok(set_text(stage->other, "lily_session_visits", "5"));
  assert_returns(77, lily_session_modify(here.rig.session, "visits", modify, &job));
  job.result = LILY_SESSION_OK;
  job.gives = text_value("not an integer");
  assert_fails(ENCODE, lily_session_modify(here.rig.session, "visits", modify, &job));
  assert_fails(NOT_FOUND, lily_session_modify(here.rig.session, "no such field", modify, &job));
  assert_fails(INVALID_ARGUMENT, lily_session_modify(here.rig.session, "visits", NULL, &job));
  assert_fails(INVALID_ARGUMENT, lily_session_modify(NULL, "visits", modify, &job));
  assert_stored(stage->other, "lily_session_visits", "5");
  assert_visits(&here, 0);
  job.calls = 0;
  assert_ok(set_text(stage->other, "lily_session_visits", "\"no integer\""));
  assert_fails(DECODE, lily_session_modify(here.rig.session, "visits", modify, &job));
  assert_int_equal(job.calls, 0);
  assert_stored(stage->other, "lily_session_visits", "\"no integer\"");
  rig_end(&here.rig);
}

CASE(modify__S11_migrates_and_leaves_newer_values_alone) {
  struct job job = {.gives = text_value("new")};
  side_start(&there, stage->other, (struct side_options){0});
  side_theme(&there, "old");
  side_start(&here, stage->storage, (struct side_options){.version = 1, .migrate = migrate_plus});
  assert_ok(lily_session_modify(here.rig.session, "theme", modify, &job));
  assert_theme(&here, "new");
  assert_stored(stage->other, "lily_session_theme", "\"new\"");
  assert_fails(NEWER, lily_session_modify(there.rig.session, "theme", modify, &job));
  rig_end(&here.rig);
  rig_end(&there.rig);
}

/* A value under a former key is what is stored; the outcome goes under the field's own key, and the former one is removed with it. */
CASE(modify__S11_of_a_former_key) {
  const char *const former[] = {"colour", NULL};
  struct job job = {.gives = text_value("new")};
  assert_ok(set_text(stage->other, "lily_session_colour", "\"blue\""));
  side_start(&here, stage->storage, (struct side_options){.former_keys = former});
  assert_ok(set_text(stage->other, "lily_session_colour", "\"red\""));
  assert_ok(lily_session_modify(here.rig.session, "theme", modify, &job));
  assert_theme(&here, "new");
  assert_stored(stage->other, "lily_session_theme", "\"new\"");
  assert_absent(stage->other, "lily_session_colour");
  rig_end(&here.rig);
}

CASE(modify__S9_renews_the_expiry) {
  struct job job = {.gives = text_value("new")};
  side_start(&here, stage->storage, (struct side_options){.expires_after_ms = 100});
  side_theme(&here, "dark");
  stage->now += 60;
  assert_ok(lily_session_modify(here.rig.session, "theme", modify, &job));
  assert_int_equal(lily_session_next_expiry(here.rig.session), 100);
  stage->now += 100;
  assert_ok(lily_session_modify(here.rig.session, "theme", modify, &job));
  assert_true(job.had_none);
  rig_end(&here.rig);
}

static void calls_back(struct job *job) {
  job->result = lily_session_persist(here.rig.session);
}

CASE(modify__S15_is_a_callback_of_the_runtime) {
  struct job job = {.meanwhile = calls_back};
  side_start(&here, stage->storage, (struct side_options){0});
  assert_returns(LILY_SESSION_ERROR_REENTRANT, lily_session_modify(here.rig.session, "visits", modify, &job));
  rig_end(&here.rig);
}

/* ---- reset */

CASE(reset__S27_removes_and_restores) {
  side_start(&here, stage->storage, (struct side_options){0});
  side_start(&there, stage->other, (struct side_options){0});
  side_theme(&here, "dark");
  assert_ok(lily_session_reset(here.rig.session, "theme"));
  assert_theme(&here, "light");
  assert_absent(stage->other, "lily_session_theme");
  assert_no_event(&here);
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_ABSENT);
  rig_dispatch(&here.rig);
  assert_absent(stage->other, "lily_session_theme");
  side_theme(&here, "blue");
  assert_stored(stage->other, "lily_session_theme", "\"blue\"");
  rig_end(&here.rig);
  rig_end(&there.rig);
}

/* A change that is not stored yet is given up, and so is one that cannot be stored. */
CASE(reset__S27_gives_up_what_is_not_stored) {
  side_start(&here, stage->storage, (struct side_options){0});
  probe_string(&here.theme, "dark");
  assert_ok(lily_session_reset(here.rig.session, "theme"));
  assert_theme(&here, "light");
  assert_ok(lily_session_mark(here.rig.session, "theme"));
  probe_string(&here.theme, "not UTF-8: \xff");
  assert_fails(ENCODE, lily_session_persist(here.rig.session));
  assert_ok(lily_session_reset(here.rig.session, "theme"));
  assert_theme(&here, "light");
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_ABSENT);
  rig_dispatch(&here.rig);
  assert_absent(stage->other, "lily_session_theme");
  rig_end(&here.rig);
}

/* What another program stored, and what was refused, is removed as well; so are former keys. */
CASE(reset__S27_removes_what_others_stored) {
  const char *const former[] = {"colour", NULL};
  assert_ok(set_text(stage->other, "lily_session_theme", "7"));
  side_start(&here, stage->storage, (struct side_options){.former_keys = former});
  assert_state(here.rig.session, "theme", LILY_SESSION_STATE_REJECTED);
  assert_ok(set_text(stage->other, "lily_session_colour", "\"red\""));
  assert_ok(lily_session_reset(here.rig.session, "theme"));
  assert_theme(&here, "light");
  assert_absent(stage->other, "lily_session_theme");
  assert_absent(stage->other, "lily_session_colour");
  rig_end(&here.rig);
}

/* The revision that reset sees is not the one at which the fields were compared. */
CASE(reset__S5_hides_no_other_change) {
  side_begin(&here, stage->storage, (struct side_options){0});
  here.rig.config.revision = rig_revision;
  side_attach(&here);
  probe_int(&here.visits, 7);
  here.rig.revision++;
  assert_ok(lily_session_reset(here.rig.session, "theme"));
  rig_dispatch(&here.rig);
  assert_stored(stage->other, "lily_session_visits", "7");
  rig_end(&here.rig);
}

CASE(reset__S27_that_fails) {
  side_start(&here, stage->storage, (struct side_options){0});
  side_theme(&here, "dark");
  assert_fails(NOT_FOUND, lily_session_reset(here.rig.session, "no such field"));
  assert_fails(INVALID_ARGUMENT, lily_session_reset(here.rig.session, NULL));
  assert_fails(INVALID_ARGUMENT, lily_session_reset(NULL, "theme"));
  assert_theme(&here, "dark");
  here.theme.set_result = 77;
  assert_fails(CALLBACK, lily_session_reset(here.rig.session, "theme"));
  assert_absent(stage->other, "lily_session_theme");
  here.theme.set_result = LILY_SESSION_OK;
  rig_end(&here.rig);
}
