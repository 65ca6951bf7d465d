/* What lily/session's own tests ask of the browser's storage, asked of ours. */
#include "journal.h"
#include "storages.h"

struct session {
  char *token; /* NULL: nobody is logged in */
  char theme[16];
};

struct model {
  int clicks; /* not persisted */
  struct session session;
};

enum message { CLICK, LOG_IN, LOG_OUT, GO_DARK };

static struct model model;
static lily_session_storage *storage;
static lily_session_persistence *fields;
static lily_session_runtime *runtime;
static lily_session *session;

static void *update(void *context, void *old, const void *message) {
  struct model *shop = old;
  (void)context;
  switch (*(const enum message *)message) {
    case CLICK: shop->clicks++; break;
    case LOG_IN: shop->session.token = "t0ken"; break;
    case LOG_OUT:
      if (lily_session_clear(storage) != LILY_SESSION_OK) return NULL;
      shop->session.token = NULL;
      break;
    case GO_DARK: strcpy(shop->session.theme, "dark"); break;
  }
  return shop;
}

static void *get_session(void *context, void *shop) {
  (void)context;
  return &((struct model *)shop)->session;
}

static void start(void) {
  const lily_session_field token = LILY_SESSION_FIELD_STRING(struct session, token);
  const lily_session_field theme = LILY_SESSION_FIELD_CHARS(struct session, theme);
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  model = (struct model){.session = {.theme = "light"}};
  storage = open_storage(JOURNAL);
  fields = lily_session_persistence_new();
  assert_ok(lily_session_field_add(fields, &token));
  assert_ok(lily_session_field_add(fields, &theme));
  assert_ok(lily_session_runtime_new(&model, update, NULL, &runtime));
  config.storage = storage;
  config.get = get_session;
  assert_ok(lily_session_attach(runtime, fields, &config, &session));
}

static void stop(void) {
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(storage);
}

static void send(enum message message) { assert_ok(lily_session_runtime_dispatch(runtime, &message)); }

TEST(lily__empty_storage_leaves_the_model) {
  start();
  assert_null(model.session.token);
  assert_string_equal(model.session.theme, "light");
  assert_int_equal(model.clicks, 0);
  stop();
}

TEST(lily__hydrates_what_was_stored) {
  journal_of(JOURNAL, "lily_session_token", "\"abc\"", "lily_session_theme", "\"dark\"", NULL);
  start();
  assert_string_equal(model.session.token, "abc");
  assert_string_equal(model.session.theme, "dark");
  stop();
  lily_session_free(model.session.token);
}

TEST(lily__hydrates_some_fields_and_leaves_the_others) {
  journal_of(JOURNAL, "lily_session_theme", "\"dark\"", NULL);
  start();
  assert_null(model.session.token);
  assert_string_equal(model.session.theme, "dark");
  stop();
}

/* Here the line itself is damaged: its value is not JSON, which no writer of ours makes. */
TEST(lily__invalid_JSON_is_ignored_and_kept) {
  struct journal journal;
  journal_begin(&journal);
  journal_line(&journal, "\"set\",\"lily_session_token\",not json,0");
  journal_line(&journal, "\"set\",\"lily_session_theme\",\"dark\",0");
  journal_save(&journal, JOURNAL);
  struct bytes before = file_read(JOURNAL);
  start();
  assert_null(model.session.token);
  assert_string_equal(model.session.theme, "dark");
  send(CLICK);
  stop();
  assert_file_is(JOURNAL, before);
}

TEST(lily__a_value_that_the_decoder_refuses_is_ignored_and_kept) {
  journal_of(JOURNAL, "lily_session_token", "42", "lily_session_theme", "[\"dark\"]", NULL);
  start();
  assert_null(model.session.token);
  assert_string_equal(model.session.theme, "light");
  send(CLICK);
  assert_stored(storage, "lily_session_token", "42");
  assert_stored(storage, "lily_session_theme", "[\"dark\"]");
  stop();
}

TEST(lily__only_changed_fields_are_written) {
  start();
  send(GO_DARK);
  assert_absent(storage, "lily_session_token");
  assert_stored(storage, "lily_session_theme", "\"dark\"");
  send(LOG_IN);
  assert_stored(storage, "lily_session_token", "\"t0ken\"");
  assert_int_equal(operations(JOURNAL), 2);
  stop();
}

TEST(lily__an_unchanged_session_is_not_rewritten) {
  start();
  send(GO_DARK);
  send(GO_DARK);
  send(CLICK);
  send(CLICK);
  assert_int_equal(model.clicks, 2);
  assert_int_equal(operations(JOURNAL), 1);
  stop();
}

TEST(lily__a_session_survives_a_restart) {
  start();
  send(LOG_IN);
  send(GO_DARK);
  send(CLICK);
  stop();
  start();
  assert_string_equal(model.session.token, "t0ken");
  assert_string_equal(model.session.theme, "dark");
  assert_int_equal(model.clicks, 0);
  stop();
  lily_session_free(model.session.token);
}

TEST(lily__clear_removes_the_sessions_keys_and_leaves_others) {
  start();
  send(LOG_IN);
  send(GO_DARK);
  assert_ok(set_text(storage, "another_program", "1"));
  assert_ok(lily_session_clear(storage));
  assert_entries(storage, 1);
  assert_stored(storage, "another_program", "1");
  stop();
}

TEST(lily__log_out_inside_an_update) {
  start();
  send(LOG_IN);
  send(GO_DARK);
  send(LOG_OUT);
  assert_stored(storage, "lily_session_token", "null");
  assert_absent(storage, "lily_session_theme");
  send(CLICK);
  assert_absent(storage, "lily_session_theme");
  stop();
  start();
  assert_null(model.session.token);
  assert_string_equal(model.session.theme, "light");
  stop();
}
