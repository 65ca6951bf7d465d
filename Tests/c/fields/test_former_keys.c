/* S11: a field that was renamed finds its value under its former keys, which its next write removes. */
#include "journal.h"
#include "rig.h"

static struct rig rig;
static struct probe theme, visits;

/* The fields are theme, whose former keys are skin and, before that, look, and visits. */
static void begin(void) {
  const char *const former[] = {"skin", "look", NULL};
  memset(&theme, 0, sizeof theme);
  rig_begin(&rig, open_storage(JOURNAL));
  lily_session_field field = probe_field(&theme, "theme", LILY_SESSION_STRING);
  field.former_keys = former;
  rig_add(&rig, &theme, field);
  rig_field(&rig, &visits, "visits", LILY_SESSION_INT);
  probe_string(&theme, "light");
  probe_int(&visits, 0);
}

static void check_renamed(void) {
  assert_int_equal(operations(JOURNAL), 2);
  assert_operation(JOURNAL, 1, "\"batch\",[[\"set\",\"lily_session_theme\",\"dark\",0],[\"remove\",\"lily_session_skin\"]]");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED);
}

TEST(former_keys__S11_written_in_one_line_by_the_next_persist) {
  journal_of(JOURNAL, "lily_session_skin", "\"dark\"", NULL);
  begin();
  rig_attach(&rig);
  assert_string_equal(theme.text, "dark");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_MIGRATED | LILY_SESSION_STATE_DIRTY);
  assert_int_equal(rig.event_count, 0);
  assert_int_equal(operations(JOURNAL), 1); /* attach writes nothing */
  assert_ok(lily_session_persist(rig.session));
  check_renamed();
  rig_dispatch(&rig);
  assert_int_equal(operations(JOURNAL), 2);
  rig_end(&rig);
}

TEST(former_keys__S11_by_dispatch_together_with_what_changed) {
  journal_of(JOURNAL, "lily_session_skin", "\"dark\"", NULL);
  begin();
  rig_attach(&rig);
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  /* One line of three, whose order does not matter. */
  json_t *line = operation(JOURNAL, 1), *items = json_array_get(line, 3);
  json_t *expected[] = {json_pack("[sssi]", "set", "lily_session_theme", "dark", 0), json_pack("[ssii]", "set", "lily_session_visits", 1, 0),
                        json_pack("[ss]", "remove", "lily_session_skin")};
  assert_int_equal(json_array_size(items), COUNT(expected));
  for (size_t i = 0; i < COUNT(expected); i++) {
    int found = 0;
    for (size_t j = 0; j < COUNT(expected); j++) found += json_equal(json_array_get(items, j), expected[i]);
    assert_int_equal(found, 1);
    json_decref(expected[i]);
  }
  json_decref(line);
  assert_int_equal(operations(JOURNAL), 2);
  rig_end(&rig);
}

/* The update renames even if the revision has not changed. */
TEST(former_keys__S11_by_dispatch_with_an_equal_revision) {
  journal_of(JOURNAL, "lily_session_skin", "\"dark\"", NULL);
  begin();
  rig.config.revision = rig_revision;
  rig_attach(&rig);
  rig_dispatch(&rig);
  check_renamed();
  rig_end(&rig);
}

TEST(former_keys__S11_by_flush_and_by_refresh) {
  for (int flushes = 0; flushes < 2; flushes++) {
    journal_of(JOURNAL, "lily_session_skin", "\"dark\"", NULL);
    begin();
    rig_attach(&rig);
    if (flushes)
      assert_ok(lily_session_flush(rig.session));
    else
      assert_ok(lily_session_refresh(rig.session));
    assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
    assert_absent(rig.storage, "lily_session_skin");
    assert_int_equal(rig.event_count, 0);
    rig_end(&rig);
    unlink(JOURNAL);
  }
}

TEST(former_keys__S11_by_detach_and_not_by_abandon) {
  journal_of(JOURNAL, "lily_session_skin", "\"dark\"", NULL);
  begin();
  rig_attach(&rig);
  end_by(lily_session_abandon, rig.session);
  rig_end(&rig);
  assert_int_equal(operations(JOURNAL), 1);
  begin();
  rig_attach(&rig);
  rig_end(&rig);
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_stored(storage, "lily_session_theme", "\"dark\"");
  assert_entries(storage, 1);
  lily_session_storage_close(storage);
}

TEST(former_keys__S11_the_latest_wins_and_all_go) {
  journal_of(JOURNAL, "lily_session_look", "\"oldest\"", "lily_session_skin", "\"older\"", NULL);
  begin();
  rig_attach(&rig);
  assert_string_equal(theme.text, "older");
  assert_ok(lily_session_persist(rig.session));
  assert_entries(rig.storage, 1);
  assert_int_equal(operations(JOURNAL), 3);
  rig_end(&rig);
}

TEST(former_keys__S11_the_current_key_wins_and_all_go) {
  journal_of(JOURNAL, "lily_session_look", "\"oldest\"", "lily_session_theme", "\"dark\"", "lily_session_skin", "\"older\"", NULL);
  begin();
  rig_attach(&rig);
  assert_string_equal(theme.text, "dark");
  assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED);
  assert_int_equal(operations(JOURNAL), 3);
  rig_end(&rig);
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_stored(storage, "lily_session_theme", "\"dark\"");
  assert_entries(storage, 1);
  lily_session_storage_close(storage);
}

TEST(former_keys__S11_none_stored_is_none_written) {
  journal_of(JOURNAL, "lily_session_visits", "3", NULL);
  begin();
  rig_attach(&rig);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT);
  rig_dispatch(&rig);
  rig_end(&rig);
  assert_int_equal(operations(JOURNAL), 1);
}

/* The library copies the list of former keys, so the caller may change it after the call. */
TEST(former_keys__they_are_copied) {
  journal_of(JOURNAL, "lily_session_skin", "\"dark\"", NULL);
  char *names[] = {strdup("skin"), NULL};
  const char *list[] = {names[0], NULL};
  memset(&theme, 0, sizeof theme);
  rig_begin(&rig, open_storage(JOURNAL));
  lily_session_field field = probe_field(&theme, "theme", LILY_SESSION_STRING);
  field.former_keys = list;
  rig_add(&rig, &theme, field);
  memset(names[0], '?', 4);
  list[0] = "nothing";
  free(names[0]);
  rig_attach(&rig);
  assert_string_equal(theme.text, "dark");
  rig_end(&rig);
}

TEST(former_keys__bad_ones_are_refused_and_the_context_released) {
  char *longest = repeated('k', 256), *too_long = repeated('k', 257);
  const char *const good[] = {longest, NULL}, *const none[] = {NULL};
  const char *const bad[][3] = {{too_long, NULL}, {"", NULL}, {"good", "\xff", NULL}, {"theme", NULL}, {"good", "\xc3", NULL}};
  lily_session_persistence *fields = lily_session_persistence_new();
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct probe probe = {0};
    lily_session_field field = probe_field(&probe, "theme", LILY_SESSION_STRING);
    field.former_keys = bad[i];
    assert_fails(INVALID_ARGUMENT, lily_session_field_add(fields, &field));
    assert_int_equal(probe.releases, 1);
  }
  struct probe first = {0}, second = {0};
  lily_session_field field = probe_field(&first, "theme", LILY_SESSION_STRING);
  field.former_keys = good;
  assert_ok(lily_session_field_add(fields, &field));
  field = probe_field(&second, "other", LILY_SESSION_STRING);
  field.former_keys = none;
  assert_ok(lily_session_field_add(fields, &field));
  lily_session_persistence_free(fields);
  assert_int_equal(first.releases + second.releases, 2);
  free(longest);
  free(too_long);
}

/* A plain member without callbacks can have former keys, too. */
TEST(former_keys__S11_of_a_plain_member) {
  struct shop {
    int32_t visits;
  } shop = {0};
  const char *const former[] = {"count", NULL};
  journal_of(JOURNAL, "lily_session_count", "7", NULL);
  lily_session_storage *storage = open_storage(JOURNAL);
  rig_begin(&rig, storage);
  lily_session_field field = LILY_SESSION_FIELD_INT32(struct shop, visits);
  field.former_keys = former;
  assert_ok(lily_session_field_add(rig.fields, &field));
  rig.config.get = rig_get;
  rig.get_result = &shop;
  rig_attach(&rig);
  assert_int_equal(shop.visits, 7);
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_visits", "7");
  assert_absent(rig.storage, "lily_session_count");
  rig_end(&rig);
}
