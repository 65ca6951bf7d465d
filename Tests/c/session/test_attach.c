/* lily_session_attach(): checks its arguments, and releases the context once whenever it fails. */
#include "journal.h"
#include "rig.h"

/* A failed attach returns no session, releases its own context once, and does not release the fields. */
#define assert_not_attached(status, rig)                                                                       \
  do {                                                                                                         \
    const int before_ = (rig)->releases;                                                                       \
    (rig)->session = UNTOUCHED;                                                                                \
    assert_fails(status, lily_session_attach((rig)->runtime, (rig)->fields, &(rig)->config, &(rig)->session)); \
    assert_null((rig)->session);                                                                               \
    assert_int_equal((rig)->releases, before_ + 1);                                                            \
  } while (0)

static void begin(struct rig *rig, struct probe *theme) {
  rig_begin(rig, open_memory());
  rig_field(rig, theme, "theme", LILY_SESSION_STRING);
  probe_string(theme, "light");
}

TEST(attach__null_arguments) {
  struct rig rig;
  struct probe theme;
  begin(&rig, &theme);
  lily_session *session = UNTOUCHED;
  assert_fails(INVALID_ARGUMENT, lily_session_attach(NULL, rig.fields, &rig.config, &session));
  assert_null(session);
  assert_int_equal(rig.releases, 1);
  session = UNTOUCHED;
  assert_fails(INVALID_ARGUMENT, lily_session_attach(rig.runtime, NULL, &rig.config, &session));
  assert_null(session);
  assert_int_equal(rig.releases, 2);
  session = UNTOUCHED;
  assert_fails(INVALID_ARGUMENT, lily_session_attach(rig.runtime, rig.fields, NULL, &session));
  assert_null(session);
  assert_int_equal(rig.releases, 2);
  assert_fails(INVALID_ARGUMENT, lily_session_attach(rig.runtime, rig.fields, &rig.config, NULL));
  assert_int_equal(rig.releases, 3);
  assert_fails(INVALID_ARGUMENT, lily_session_attach(NULL, NULL, NULL, NULL));
  assert_int_equal(theme.gets + theme.sets + theme.releases, 0);
  rig.session = NULL;
  rig_end(&rig);
  assert_int_equal(rig.releases, 3);
  assert_int_equal(theme.releases, 1);
}

TEST(attach__without_callbacks_or_release) {
  struct rig rig;
  struct probe theme;
  begin(&rig, &theme);
  rig.config = (lily_session_config)LILY_SESSION_CONFIG_INIT;
  rig.config.storage = rig.storage;
  assert_ok(set_text(rig.storage, "lily_session_theme", "1"));
  rig_attach(&rig);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  theme.get_result = -1;
  assert_fails(CALLBACK, lily_session_runtime_dispatch(rig.runtime, NULL));
  rig_end(&rig);
  assert_int_equal(rig.releases, 0);
}

TEST(attach__the_config_is_read_during_the_call_only) {
  struct rig rig;
  struct probe theme;
  begin(&rig, &theme);
  lily_session_config *config = malloc(sizeof *config);
  *config = rig.config;
  config->revision = rig_revision;
  assert_ok(lily_session_attach(rig.runtime, rig.fields, config, &rig.session));
  memset(config, 0xff, sizeof *config);
  free(config);
  probe_string(&theme, "dark");
  rig.revision++;
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  rig_end(&rig);
  assert_int_equal(rig.releases, 1);
}

TEST(attach__without_fields) {
  struct rig rig;
  rig_begin(&rig, open_storage(JOURNAL));
  rig_attach(&rig);
  rig_dispatch(&rig);
  assert_ok(lily_session_persist(rig.session));
  assert_ok(lily_session_flush(rig.session));
  assert_int_equal(operations(JOURNAL), 0);
  rig_end(&rig);
  assert_int_equal(rig.releases, 1);
}

/* A session has, and keeps alive, the fields that the list had at its attach, and no others. */
TEST(attach__of_a_list_that_grows) {
  enum { MORE = 40 };
  static struct probe more[MORE];
  struct rig rig;
  struct probe theme;
  begin(&rig, &theme);
  rig_attach(&rig);
  for (int i = 0; i < MORE; i++) {
    char key[20];
    snprintf(key, sizeof key, "more %d", i);
    rig_field(&rig, &more[i], key, LILY_SESSION_INT);
  }
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_int_equal(more[0].gets, 0);
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  assert_entries(rig.storage, 1);

  lily_session *second = NULL;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  assert_ok(lily_session_storage_scoped(rig.storage, "second", &config.storage));
  assert_ok(lily_session_attach(rig.runtime, rig.fields, &config, &second));
  for (int i = 0; i < MORE; i++) probe_int(&more[i], i + 1);
  rig_dispatch(&rig);
  for (int i = 0; i < MORE; i++) {
    char key[40], json[20];
    snprintf(key, sizeof key, "lily_session_more %d", i);
    snprintf(json, sizeof json, "%d", i + 1);
    assert_stored(config.storage, key, json);
  }
  assert_entries(rig.storage, 1);
  assert_entries(config.storage, MORE);

  end_by(lily_session_persistence_free, rig.fields);
  lily_session_detach(second);
  for (int i = 0; i < MORE; i++) assert_int_equal(more[i].releases, 1);
  assert_int_equal(theme.releases, 0);
  end_by(lily_session_detach, rig.session);
  assert_int_equal(theme.releases, 1);
  lily_session_storage_close(config.storage);
  rig_end(&rig);
}

TEST(attach__config_get_returns_null) {
  struct rig rig;
  struct probe theme;
  begin(&rig, &theme);
  assert_ok(set_text(rig.storage, "lily_session_theme", "\"dark\""));
  rig.config.get = rig_get;
  rig.get_result = NULL;
  assert_not_attached(CALLBACK, &rig);
  assert_int_equal(theme.sets, 0);
  assert_ptr_equal(lily_session_runtime_model(rig.runtime), &rig);
  rig.get_result = &rig;
  rig_attach(&rig);
  rig_end(&rig);
}

TEST(attach__config_set_returns_null) {
  struct rig rig;
  struct probe theme;
  begin(&rig, &theme);
  assert_ok(set_text(rig.storage, "lily_session_theme", "\"dark\""));
  rig.config.get = rig_get;
  rig.config.set = rig_set;
  rig.set_result = NULL;
  assert_not_attached(CALLBACK, &rig);
  assert_ptr_equal(lily_session_runtime_model(rig.runtime), &rig);
  /* Afterwards another session may use the keys. */
  rig.set_result = &rig;
  rig_attach(&rig);
  rig_end(&rig);
}

TEST(attach__config_set_replaces_the_model) {
  struct rig rig;
  struct probe theme;
  int new_model = 0;
  begin(&rig, &theme);
  assert_ok(set_text(rig.storage, "lily_session_theme", "\"dark\""));
  rig.config.get = rig_get;
  rig.config.set = rig_set;
  rig.set_result = &new_model;
  rig_attach(&rig);
  assert_ptr_equal(lily_session_runtime_model(rig.runtime), &new_model);
  rig_end(&rig);
}

TEST(attach__S1_a_key_that_another_session_has) {
  struct rig rig;
  struct probe theme = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  rig_attach_theme(&rig, &theme);
  lily_session *first = rig.session;
  assert_not_attached(DUPLICATE_KEY, &rig);
  assert_message_has("theme");
  /* Another handle of the same file is the same place, even if its path is spelled differently. */
  char path[4200];
  snprintf(path, sizeof path, "%s/./session.jsonl", place);
  lily_session_storage *again = open_storage(path);
  rig.config.storage = again;
  assert_not_attached(DUPLICATE_KEY, &rig);
  lily_session_storage_close(again);
  /* Another file is another place. */
  lily_session_storage *memory = open_memory();
  rig.config.storage = memory;
  rig_attach(&rig);
  lily_session_detach(rig.session);
  lily_session_storage_close(memory);
  /* Another session may use a key once the first session has ended. */
  lily_session_detach(first);
  rig.config.storage = rig.storage;
  rig_attach(&rig);
  rig_end(&rig);
}

TEST(attach__S1_the_same_key_in_another_runtime) {
  struct rig one, two;
  struct probe theme_of_one = {0}, theme_of_two = {0};
  rig_begin(&one, open_storage(JOURNAL));
  rig_begin(&two, open_storage(JOURNAL));
  rig_field(&one, &theme_of_one, "theme", LILY_SESSION_STRING);
  rig_field(&two, &theme_of_two, "theme", LILY_SESSION_STRING);
  probe_string(&theme_of_one, "light");
  probe_string(&theme_of_two, "light");
  rig_attach(&one);
  rig_attach(&two);
  probe_string(&theme_of_one, "dark");
  rig_dispatch(&one);
  assert_stored(two.storage, "lily_session_theme", "\"dark\"");
  rig_end(&one);
  rig_end(&two);
}

TEST(attach__S3_what_can_fail_comes_before_the_first_set) {
  struct rig rig;
  struct probe a = {0}, b = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  assert_ok(set_text(rig.storage, "lily_session_a", "1"));
  assert_ok(set_text(rig.storage, "lily_session_b", "2"));
  rig_field(&rig, &b, "b", LILY_SESSION_INT);
  rig_attach(&rig);
  lily_session *first = rig.session;
  lily_session_persistence_free(rig.fields);
  rig.fields = lily_session_persistence_new();
  rig_field(&rig, &a, "a", LILY_SESSION_INT);
  rig_field(&rig, &b, "b", LILY_SESSION_INT);
  assert_not_attached(DUPLICATE_KEY, &rig);
  assert_int_equal(a.sets, 0);
  lily_session_detach(first);
  rig_end(&rig);
}

TEST(attach__the_default_place_that_cannot_be_opened) {
  struct rig rig;
  rig_begin(&rig, NULL);
  file_write(in_place("default"), "a file, where a directory is wanted", 5);
  rig.session = UNTOUCHED;
  assert_int_not_equal(lily_session_attach(rig.runtime, rig.fields, &rig.config, &rig.session), LILY_SESSION_OK);
  assert_null(rig.session);
  assert_int_equal(rig.releases, 1);
  rig_end(&rig);
  assert_int_equal(rig.releases, 1);
}

TEST(attach__S18_opens_the_default_place) {
  struct rig rig;
  struct probe theme = {0};
  rig_begin(&rig, NULL);
  rig_attach_theme(&rig, &theme);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_int_equal(operations(in_place("default/test_attach/session.jsonl")), 1);
  rig_end(&rig);
}
