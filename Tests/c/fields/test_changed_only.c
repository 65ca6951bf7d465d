/* S5: after an update, the fields that changed are written in one line, and no others. */
#include "journal.h"
#include "rig.h"

#include <math.h>

static struct rig rig;
static struct probe theme, visits, cart;

static void begin(void) {
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING | LILY_SESSION_NULL);
  rig_field(&rig, &visits, "visits", LILY_SESSION_INT | LILY_SESSION_REAL);
  rig_field(&rig, &cart, "cart", LILY_SESSION_JSON);
  probe_string(&theme, "light");
  probe_int(&visits, 0);
  probe_json(&cart, "[]");
  rig_attach(&rig);
}

TEST(session__S5_only_changed_fields_are_written) {
  begin();
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  assert_entries(rig.storage, 1);
  assert_stored(rig.storage, "lily_session_visits", "1");
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_entries(rig.storage, 2);
  assert_int_equal(operations(JOURNAL), 2);
  json_t *line = operation(JOURNAL, 1);
  assert_string_equal(json_string_value(json_array_get(line, 2)), "set");
  assert_string_equal(json_string_value(json_array_get(line, 3)), "lily_session_theme");
  json_decref(line);
  rig_end(&rig);
}

TEST(session__S5_an_update_that_changes_nothing_writes_nothing) {
  begin();
  for (int i = 0; i < 10; i++) rig_dispatch(&rig);
  assert_int_equal(operations(JOURNAL), 0);
  probe_int(&visits, 1);
  for (int i = 0; i < 10; i++) rig_dispatch(&rig);
  assert_int_equal(operations(JOURNAL), 1);
  rig_end(&rig);
  assert_int_equal(operations(JOURNAL), 1);
}

TEST(session__S5_what_was_hydrated_is_not_written_again) {
  begin();
  probe_int(&visits, 1);
  probe_string(&theme, "dark");
  rig_end(&rig);
  assert_int_equal(operations(JOURNAL), 1);
  begin();
  assert_int_equal(visits.value.as.integer, 1);
  rig_dispatch(&rig);
  rig_end(&rig);
  assert_int_equal(operations(JOURNAL), 1);
}

TEST(session__S5_several_fields_are_one_line_in_field_order) {
  begin();
  probe_json(&cart, "{\"tea\":2}");
  probe_string(&theme, "dark");
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  assert_int_equal(operations(JOURNAL), 1);
  json_t *line = operation(JOURNAL, 0), *items = json_array_get(line, 3);
  assert_string_equal(json_string_value(json_array_get(line, 2)), "batch");
  assert_int_equal(json_array_size(items), 3);
  const char *keys[] = {"lily_session_theme", "lily_session_visits", "lily_session_cart"};
  for (size_t i = 0; i < COUNT(keys); i++) {
    assert_string_equal(json_string_value(json_array_get(json_array_get(items, i), 0)), "set");
    assert_string_equal(json_string_value(json_array_get(json_array_get(items, i), 1)), keys[i]);
  }
  json_decref(line);
  rig_end(&rig);
}

TEST(session__S5_a_value_that_returns_before_the_next_look_is_no_change) {
  begin();
  probe_string(&theme, "dark");
  probe_string(&theme, "light");
  rig_dispatch(&rig);
  assert_int_equal(operations(JOURNAL), 0);
  rig_end(&rig);
}

TEST(session__S5_a_value_that_returns_later_is_written_again) {
  begin();
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  probe_string(&theme, "light");
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "\"light\"");
  assert_int_equal(operations(JOURNAL), 2);
  rig_end(&rig);
}

/* get lends its text only for the call, so the library must copy the bytes and not keep the pointer. */
TEST(session__S5_text_is_compared_by_its_bytes) {
  begin();
  char *copy = strdup("light");
  theme.value.as.text.bytes = copy;
  rig_dispatch(&rig);
  assert_int_equal(operations(JOURNAL), 0);
  copy[4] = 'T';
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "\"lighT\"");
  theme.value.as.text.length = 4;
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "\"ligh\"");
  free(copy);
  probe_string(&theme, "lig");
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "\"lig\"");
  assert_int_equal(operations(JOURNAL), 3);
  rig_end(&rig);
}

TEST(session__S5_another_type_is_another_value) {
  begin();
  probe_real(&visits, 0.0);
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_visits", "0.0");
  probe_null(&theme);
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "null");
  probe_string(&theme, "");
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "\"\"");
  assert_int_equal(operations(JOURNAL), 3);
  rig_end(&rig);
}

TEST(session__S5_reals_are_compared_by_their_bits) {
  begin();
  probe_real(&visits, 0.0);
  rig_dispatch(&rig);
  probe_real(&visits, -0.0);
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_visits", "-0.0");
  probe_real(&visits, 0.1);
  rig_dispatch(&rig);
  probe_real(&visits, nextafter(0.1, 1));
  rig_dispatch(&rig);
  assert_int_equal(operations(JOURNAL), 4);
  rig_dispatch(&rig);
  assert_int_equal(operations(JOURNAL), 4);
  rig_end(&rig);
}

/* A set that changes the value makes the model differ from what is stored. That must not count as a change by the program. */
TEST(session__S5_a_set_that_normalises_causes_no_write) {
  journal_of(JOURNAL, "lily_session_visits", "5000", NULL);
  begin();
  assert_int_equal(visits.value.as.integer, 5000);
  rig_end(&rig);
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &visits, "visits", LILY_SESSION_INT);
  visits.cap = 100;
  rig_attach(&rig);
  assert_int_equal(visits.value.as.integer, 100);
  rig_dispatch(&rig);
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_visits", "5000");
  assert_int_equal(operations(JOURNAL), 1);
  probe_int(&visits, 99);
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_visits", "99");
  rig_end(&rig);
}

TEST(session__S5_baselines_are_taken_by_calling_get_once_more) {
  journal_of(JOURNAL, "lily_session_visits", "5", NULL);
  begin();
  assert_int_equal(visits.gets, 2); /* one for the value from before attach, and one for the value that later updates are compared with */
  assert_int_equal(theme.gets, 1);
  const char *set = strstr(rig.trace, "set visits");
  assert_true(set != NULL && strstr(set, "get visits") != NULL);
  rig_dispatch(&rig);
  assert_int_equal(visits.gets, 3);
  rig_end(&rig);
}

/* Two sessions of one runtime: each writes its own, after one update. */
TEST(session__S5_each_session_writes_its_own_line) {
  struct probe other = {0};
  begin();
  lily_session *first = rig.session;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_field field = probe_field(&other, "other", LILY_SESSION_BOOL);
  probe_bool(&other, false);
  lily_session_config config = rig.config;
  config.release = NULL;
  lily_session *second = NULL;
  assert_ok(lily_session_field_add(fields, &field));
  assert_ok(lily_session_attach(rig.runtime, fields, &config, &second));
  probe_bool(&other, true);
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  assert_int_equal(rig.updates, 1);
  assert_int_equal(operations(JOURNAL), 2);
  assert_stored(rig.storage, "lily_session_other", "true");
  assert_stored(rig.storage, "lily_session_visits", "1");
  assert_state(first, "visits", LILY_SESSION_STATE_LOADED);
  assert_state(second, "other", LILY_SESSION_STATE_LOADED);
  lily_session_detach(second);
  lily_session_persistence_free(fields);
  rig_end(&rig);
  assert_int_equal(other.releases, 1);
}
