/* S5: config.get is called once, and an equal revision saves the comparison of every field. */
#include "journal.h"
#include "rig.h"

static struct rig rig;
static struct probe theme, visits;

static void begin(lily_session_storage *storage) {
  rig_begin(&rig, storage);
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  rig_field(&rig, &visits, "visits", LILY_SESSION_INT);
  probe_string(&theme, "light");
  rig.config.get = rig_get;
  rig.config.revision = rig_revision;
  rig_attach(&rig);
  rig_forget(&rig);
}

TEST(revision__S5_the_slice_is_taken_once_in_each_update) {
  begin(open_memory());
  for (int i = 1; i <= 3; i++) {
    rig_dispatch(&rig);
    assert_int_equal(rig.slices, i);
    rig.revision++;
  }
  assert_ok(lily_session_persist(rig.session));
  assert_int_equal(rig.slices, 4);
  rig_end(&rig);
}

TEST(revision__S5_the_same_number_looks_at_no_field) {
  begin(open_memory());
  rig_dispatch(&rig);
  rig_dispatch(&rig);
  assert_string_equal(rig.trace, "update; slice; revision; update; slice; revision; ");
  rig_end(&rig);
}

TEST(revision__S5_another_number_looks_at_every_field) {
  begin(open_memory());
  rig.revision = UINT64_MAX;
  rig_dispatch(&rig);
  assert_string_equal(rig.trace, "update; slice; revision; get theme; get visits; ");
  rig_forget(&rig);
  rig_dispatch(&rig);
  assert_string_equal(rig.trace, "update; slice; revision; ");
  /* A revision is compared for equality: a smaller one is a different one. */
  rig_forget(&rig);
  rig.revision = 0;
  rig_dispatch(&rig);
  assert_string_equal(rig.trace, "update; slice; revision; get theme; get visits; ");
  rig_end(&rig);
}

TEST(revision__S5_what_a_revision_hides_is_not_written) {
  begin(open_storage(JOURNAL));
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  assert_int_equal(operations(JOURNAL), 0);
  rig.revision++;
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_visits", "1");
  assert_int_equal(operations(JOURNAL), 1);
  rig_end(&rig);
}

TEST(revision__S5_is_taken_after_hydration) {
  lily_session_storage *storage = open_memory();
  assert_ok(set_text(storage, "lily_session_visits", "7"));
  memset(&theme, 0, sizeof theme);
  rig_begin(&rig, storage);
  rig_field(&rig, &visits, "visits", LILY_SESSION_INT);
  rig.config.revision = rig_revision;
  rig_attach(&rig);
  assert_int_equal(rig.revisions, 1);
  const char *set = strstr(rig.trace, "set visits"), *revision = strstr(rig.trace, "revision");
  assert_true(set != NULL && revision != NULL && set < revision);
  rig_end(&rig);
}

/* A field that is dirty or has failed is compared again, even if the revision is equal. */
TEST(revision__S7_does_not_hide_a_field_that_failed) {
  begin(open_memory());
  probe_int(&visits, 1);
  visits.get_result = -5;
  rig.revision++;
  assert_fails(CALLBACK, lily_session_runtime_dispatch(rig.runtime, NULL));
  visits.get_result = LILY_SESSION_OK;
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_visits", "1");
  rig_forget(&rig);
  rig_dispatch(&rig);
  assert_string_equal(rig.trace, "update; slice; revision; ");
  rig_end(&rig);
}

TEST(revision__config_get_returns_null) {
  begin(open_memory());
  probe_int(&visits, 1);
  rig.revision++;
  rig.get_result = NULL;
  assert_fails(CALLBACK, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_int_equal(rig.updates, 1);
  assert_string_equal(rig.trace, "update; slice; ");
  assert_fails(CALLBACK, lily_session_persist(rig.session));
  rig.get_result = &rig;
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_visits", "1");
  rig_end(&rig);
}
