/* S3, S4: attach sets fields to what is stored, leaves alone what it cannot read, and writes nothing. */
#include "journal.h"
#include "rig.h"

TEST(hydrate__S3_in_the_order_in_which_fields_were_added) {
  struct rig rig;
  struct probe fields[3];
  journal_of(JOURNAL, "lily_session_a", "1", "lily_session_b", "2", "lily_session_c", "3", NULL);
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &fields[0], "c", LILY_SESSION_INT);
  rig_field(&rig, &fields[1], "a", LILY_SESSION_INT);
  rig_field(&rig, &fields[2], "b", LILY_SESSION_INT);
  rig_attach(&rig);
  const char *c = strstr(rig.trace, "set c;"), *a = strstr(rig.trace, "set a;"), *b = strstr(rig.trace, "set b;");
  assert_true(c != NULL && a != NULL && b != NULL && c < a && a < b);
  assert_int_equal(fields[0].value.as.integer, 3);
  assert_int_equal(fields[1].value.as.integer, 1);
  assert_int_equal(fields[2].value.as.integer, 2);
  rig_end(&rig);
}

TEST(hydrate__S3_absent_fields_are_left_alone) {
  struct rig rig;
  struct probe here = {0}, absent = {0};
  journal_of(JOURNAL, "lily_session_here", "1", "absent", "2", "lily_session_Absent", "3", NULL);
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &absent, "absent", LILY_SESSION_INT);
  rig_field(&rig, &here, "here", LILY_SESSION_INT);
  probe_int(&absent, 77);
  rig_attach(&rig);
  assert_int_equal(absent.sets, 0);
  assert_int_equal(absent.value.as.integer, 77);
  assert_int_equal(here.sets, 1);
  assert_state(rig.session, "absent", LILY_SESSION_STATE_ABSENT);
  assert_state(rig.session, "here", LILY_SESSION_STATE_LOADED);
  assert_int_equal(rig.event_count, 0);
  rig_end(&rig);
}

TEST(hydrate__S3_another_type_is_rejected_and_kept) {
  struct rig rig;
  struct probe theme = {0}, visits = {0};
  journal_of(JOURNAL, "lily_session_theme", "[\"" SECRET "\"]", "lily_session_visits", "3", NULL);
  struct bytes before = file_read(JOURNAL);
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  rig_field(&rig, &visits, "visits", LILY_SESSION_INT);
  probe_string(&theme, "light");
  rig_attach(&rig);
  assert_int_equal(theme.sets, 0);
  assert_string_equal(theme.text, "light");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_REJECTED);
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, 0, "theme");
  assert_int_equal(visits.value.as.integer, 3);
  rig_dispatch(&rig);
  assert_ok(lily_session_flush(rig.session));
  assert_int_equal(rig.event_count, 1);
  rig_end(&rig);
  assert_file_is(JOURNAL, before);
}

TEST(hydrate__S3_what_set_refuses_is_rejected_and_kept) {
  struct rig rig;
  struct probe a = {0}, b = {0}, c = {0};
  journal_of(JOURNAL, "lily_session_a", "1", "lily_session_b", "2", "lily_session_c", "3", NULL);
  struct bytes before = file_read(JOURNAL);
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &a, "a", LILY_SESSION_INT);
  rig_field(&rig, &b, "b", LILY_SESSION_INT);
  rig_field(&rig, &c, "c", LILY_SESSION_INT);
  probe_int(&b, 77);
  b.set_result = -4711;
  rig_attach(&rig);
  assert_int_equal(b.sets, 1);
  assert_int_equal(b.value.as.integer, 77);
  assert_int_equal(a.value.as.integer, 1);
  assert_int_equal(c.value.as.integer, 3);
  assert_state(rig.session, "b", LILY_SESSION_STATE_REJECTED);
  assert_state(rig.session, "c", LILY_SESSION_STATE_LOADED);
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_REJECTED, -4711, 0, "b");
  rig_end(&rig);
  assert_file_is(JOURNAL, before);
}

TEST(hydrate__S3_a_rejected_text_is_replaced_once_its_field_changes) {
  struct rig rig;
  struct probe theme = {0}, visits = {0};
  journal_of(JOURNAL, "lily_session_theme", "0", "lily_session_visits", "3", NULL);
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  rig_field(&rig, &visits, "visits", LILY_SESSION_INT);
  probe_string(&theme, "light");
  rig_attach(&rig);
  probe_int(&visits, 4);
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "0");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_REJECTED);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED);
  rig_end(&rig);
}

/* Events come after the step: all fields are set before the first event. */
TEST(hydrate__S15_events_come_after_the_step) {
  struct rig rig;
  struct probe a = {0}, b = {0};
  journal_of(JOURNAL, "lily_session_a", "\"no integer\"", "lily_session_b", "2", NULL);
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &a, "a", LILY_SESSION_INT);
  rig_field(&rig, &b, "b", LILY_SESSION_INT);
  rig_attach(&rig);
  const char *set = strstr(rig.trace, "set b; "), *event = strstr(rig.trace, "event a; ");
  assert_non_null(set);
  assert_non_null(event);
  assert_true(set < event);
  rig_end(&rig);
}

TEST(hydrate__S3_one_event_for_each_rejected_field_in_order) {
  struct rig rig;
  struct probe fields[4];
  const char *keys[] = {"d", "c", "b", "a"};
  journal_of(JOURNAL, "lily_session_a", "{}", "lily_session_b", "1", "lily_session_c", "null", "lily_session_d", "0.5", NULL);
  rig_begin(&rig, open_storage(JOURNAL));
  for (size_t i = 0; i < COUNT(fields); i++) rig_field(&rig, &fields[i], keys[i], LILY_SESSION_INT);
  rig_attach(&rig);
  assert_int_equal(rig.event_count, 3);
  assert_event(&rig, 0, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, 0, "d");
  assert_event(&rig, 1, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, 0, "c");
  assert_event(&rig, 2, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, 0, "a");
  rig_end(&rig);
}

TEST(hydrate__S3_attach_writes_nothing) {
  struct rig rig;
  struct probe a = {0}, b = {0}, c = {0};
  journal_of(JOURNAL, "lily_session_a", "1", "lily_session_b", "[]", NULL);
  struct bytes before = file_read(JOURNAL);
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &a, "a", LILY_SESSION_INT);
  rig_field(&rig, &b, "b", LILY_SESSION_INT);
  rig_field(&rig, &c, "c", LILY_SESSION_INT);
  probe_int(&c, 5);
  a.cap = 1;
  rig_attach(&rig);
  assert_ok(lily_session_persist(rig.session));
  assert_ok(lily_session_flush(rig.session));
  rig_end(&rig);
  assert_file_is(JOURNAL, before);
}

/* S4: a default that the host never changed is not stored, and overwrites nothing. */
TEST(hydrate__S4_a_default_never_overwrites_what_could_not_be_read) {
  const char *unreadable[] = {"1", "null", "[\"dark\"]", "{\"theme\":\"dark\"}", "true"};
  for (size_t i = 0; i < COUNT(unreadable); i++) {
    unlink(JOURNAL);
    journal_of(JOURNAL, "lily_session_theme", unreadable[i], NULL);
    for (int run = 0; run < 3; run++) {
      struct rig rig;
      struct probe theme = {0};
      rig_begin(&rig, open_storage(JOURNAL));
      rig_attach_theme(&rig, &theme);
      rig_dispatch(&rig);
      assert_stored(rig.storage, "lily_session_theme", unreadable[i]);
      rig_end(&rig);
    }
  }
}

TEST(hydrate__S4_absent_loaded_and_unreadable_are_three_things) {
  struct rig rig;
  struct probe absent = {0}, loaded = {0}, unreadable = {0};
  journal_of(JOURNAL, "lily_session_loaded", "1", "lily_session_unreadable", "\"1\"", NULL);
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &absent, "absent", LILY_SESSION_INT);
  rig_field(&rig, &loaded, "loaded", LILY_SESSION_INT);
  rig_field(&rig, &unreadable, "unreadable", LILY_SESSION_INT);
  rig_attach(&rig);
  assert_state(rig.session, "absent", LILY_SESSION_STATE_ABSENT);
  assert_state(rig.session, "loaded", LILY_SESSION_STATE_LOADED);
  assert_state(rig.session, "unreadable", LILY_SESSION_STATE_REJECTED);
  rig_end(&rig);
}

TEST(hydrate__a_newer_version_of_a_field_is_left_alone) {
  struct journal journal;
  journal_begin(&journal);
  journal_line(&journal, "\"set\",\"lily_session_a\",1,0,3");
  journal_line(&journal, "\"set\",\"lily_session_b\",2,0,2");
  journal_line(&journal, "\"set\",\"lily_session_c\",3,0");
  journal_save(&journal, JOURNAL);
  struct rig rig;
  struct probe fields[3];
  const char *keys[] = {"a", "b", "c"};
  memset(fields, 0, sizeof fields);
  rig_begin(&rig, open_storage(JOURNAL));
  for (size_t i = 0; i < COUNT(fields); i++) {
    lily_session_field field = probe_field(&fields[i], keys[i], LILY_SESSION_INT);
    field.version = 2;
    probe_int(&fields[i], 77);
    assert_ok(lily_session_field_add(rig.fields, &field));
  }
  rig_attach(&rig);
  assert_int_equal(fields[0].sets, 0);
  assert_int_equal(fields[1].value.as.integer, 2);
  assert_state(rig.session, "a", LILY_SESSION_STATE_NEWER);
  assert_state(rig.session, "b", LILY_SESSION_STATE_LOADED);
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_NEWER, LILY_SESSION_ERROR_NEWER, 0, "a");
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_a", "1");
  probe_int(&fields[0], 5);
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_a", "5");
  assert_state(rig.session, "a", LILY_SESSION_STATE_LOADED);
  json_t *line = operation(JOURNAL, 3);
  assert_int_equal(json_array_size(line), 7);
  assert_int_equal(json_integer_value(json_array_get(line, 6)), 2);
  json_decref(line);
  rig_end(&rig);
}
