/* S27: lily_session_open() is everything that the plainest program needs. The default place is in the test's own directory. */
#include "rig.h"

struct app {
  int64_t volume;
  char theme[16];
};

#define FIELDS(fields) \
  const lily_session_field fields[] = {LILY_SESSION_FIELD_INT64(struct app, volume), LILY_SESSION_FIELD_CHARS(struct app, theme)}

TEST(open__S27_survives_a_restart) {
  FIELDS(fields);
  struct app app = {50, "light"};
  lily_session *session;
  assert_ok(lily_session_open("shop", &app, fields, 2, &session));
  app.volume = 11;
  strcpy(app.theme, "dark");
  assert_ok(lily_session_persist(session));
  lily_session_close(session);
  app = (struct app){50, "light"};
  assert_ok(lily_session_open("shop", &app, fields, 2, &session));
  assert_int_equal(app.volume, 11);
  assert_string_equal(app.theme, "dark");
  assert_ok(lily_session_reset(session, "theme"));
  assert_string_equal(app.theme, "light");
  app.volume = 12; /* closing flushes */
  lily_session_close(session);
  lily_session_close(NULL);
  assert_ok(lily_session_open("shop", &app, fields, 1, &session));
  assert_int_equal(app.volume, 12);
  lily_session_close(session);
}

/* The place is that of the storage with the same application, where log-out clears it. */
TEST(open__S27_is_cleared_by_its_storage) {
  FIELDS(fields);
  struct app app = {50, "light"};
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage;
  lily_session *session;
  assert_ok(lily_session_open("shop", &app, fields, 2, &session));
  app.volume = 11;
  assert_ok(lily_session_persist(session));
  options.application = "shop";
  assert_ok(lily_session_storage_open(NULL, &options, &storage));
  assert_stored(storage, "lily_session_volume", "11");
  assert_ok(lily_session_clear(storage));
  assert_ok(lily_session_refresh(session));
  assert_int_equal(app.volume, 50);
  lily_session_close(session);
  assert_absent(storage, "lily_session_volume");
  lily_session_storage_close(storage);
}

TEST(open__S27_that_fails) {
  FIELDS(fields);
  struct app app = {50, "light"};
  struct probe probe = {0};
  lily_session_field with_context[] = {probe_field(&probe, "theme", LILY_SESSION_STRING), probe_field(&probe, "theme", LILY_SESSION_STRING)};
  lily_session *session = (lily_session *)&app;
  assert_fails(INVALID_ARGUMENT, lily_session_open("shop", NULL, fields, 2, &session));
  assert_null(session);
  assert_fails(INVALID_ARGUMENT, lily_session_open("shop", &app, NULL, 2, &session));
  assert_fails(INVALID_ARGUMENT, lily_session_open("shop", &app, fields, 2, NULL));
  assert_fails(INVALID_ARGUMENT, lily_session_open("no/name", &app, with_context, 1, &session));
  assert_int_equal(probe.releases, 1);
  assert_fails(DUPLICATE_KEY, lily_session_open("shop", &app, with_context, 2, &session));
  assert_int_equal(probe.releases, 3);
  assert_null(session);
}

/* Closing inside a callback takes effect when the outermost call returns. */
static lily_session *to_close;

static lily_session_status close_in_get(void *context, const void *session, lily_session_value *out_value) {
  (void)context, (void)session;
  lily_session_close(to_close);
  to_close = NULL;
  out_value->type = LILY_SESSION_NULL;
  return LILY_SESSION_OK;
}

static lily_session_status set_nothing(void *context, void *session, const lily_session_value *value) {
  (void)context, (void)session, (void)value;
  return LILY_SESSION_OK;
}

TEST(open__S15_closed_in_a_callback) {
  struct app app = {0};
  int releases = 0;
  lily_session_field field = LILY_SESSION_FIELD_INIT;
  field.key = "k", field.types = LILY_SESSION_NULL, field.get = close_in_get, field.set = set_nothing;
  field.context = &releases, field.release = count_release;
  lily_session *session;
  assert_ok(lily_session_open("shop", &app, &field, 1, &session));
  to_close = session;
  (void)lily_session_persist(session);
  assert_int_equal(releases, 1);
}
