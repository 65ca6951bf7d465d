/* Inside an event callback, lily_session_last_error() says what the event is about, without the value. */
#include "rig.h"
#include "storages.h"

static char reasons[8][200];
static int count;

static void note_reason(void *context, const lily_session_event *event) {
  (void)context, (void)event;
  if (count < (int)COUNT(reasons)) snprintf(reasons[count++], sizeof *reasons, "%s", lily_session_last_error());
}

/* The model: a plain member, a member that is a struct, and a field by callbacks that refuse. */
struct app { int32_t volume; char theme[8]; double real; };

static lily_session_status refuse(void *context, void *session, const lily_session_value *value) {
  (void)context, (void)session, (void)value;
  return LILY_SESSION_ERROR_DECODE;
}

static lily_session_status get_nothing(void *context, const void *session, lily_session_value *out) {
  (void)context, (void)session;
  out->type = LILY_SESSION_STRING;
  out->as.text.bytes = "";
  out->as.text.length = 0;
  return LILY_SESSION_OK;
}

static struct app app;
static lily_session_runtime *runtime;
static lily_session *session;

static void attach(lily_session_storage *storage) {
  const lily_session_field fields[] = {
      LILY_SESSION_FIELD_INT32(struct app, volume), LILY_SESSION_FIELD_CHARS(struct app, theme), LILY_SESSION_FIELD_DOUBLE(struct app, real),
      {.size = sizeof(lily_session_field), .key = "own", .types = LILY_SESSION_STRING, .get = get_nothing, .set = refuse},
  };
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *list = lily_session_persistence_new();
  config.storage = storage;
  config.on_event = note_reason;
  count = 0;
  memset(&app, 0, sizeof app);
  assert_ok(lily_session_fields_add(list, fields, COUNT(fields)));
  assert_ok(lily_session_runtime_new(&app, NULL, NULL, &runtime));
  assert_ok(lily_session_attach(runtime, list, &config, &session));
  lily_session_persistence_free(list);
}

static void end(lily_session_storage *storage) {
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_storage_close(storage);
}

TEST(event_reasons__S3_the_type_of_a_refused_value) {
  const struct { const char *json, *reason; } refused[] = {
      {"null", "volume: the stored value is null, which the field does not accept"},
      {"true", "volume: the stored value is true or false, which the field does not accept"},
      {"false", "volume: the stored value is true or false, which the field does not accept"},
      {"1.5", "volume: the stored value is a number, which the field does not accept"},
      {"\"s3cret\"", "volume: the stored value is a string, which the field does not accept"},
      {"[1]", "volume: the stored value is an array, which the field does not accept"},
      {"{}", "volume: the stored value is an object, which the field does not accept"},
      {"5000000000", "volume: the field refused the stored value"},
  };
  for (size_t at = 0; at < COUNT(refused); at++) {
    lily_session_storage *storage = open_memory();
    assert_ok(set_text(storage, "lily_session_volume", refused[at].json));
    attach(storage);
    assert_int_equal(count, 1);
    assert_string_equal(reasons[0], refused[at].reason);
    assert_string_equal(lily_session_last_error(), ""); /* attach itself has succeeded */
    end(storage);
  }
}

TEST(event_reasons__S3_what_refused) {
  lily_session_storage *storage = open_memory();
  assert_ok(set_text(storage, "lily_session_own", "\"s3cret\""));
  assert_ok(set_text(storage, "lily_session_theme", "\"far too long\""));
  attach(storage);
  assert_int_equal(count, 2);
  assert_string_equal(reasons[0], "theme: the field refused the stored value");
  assert_string_equal(reasons[1], "own: the field refused the stored value");
  end(storage);
}

TEST(event_reasons__S11_a_newer_value) {
  lily_session_storage *storage = open_memory();
  lily_session_entry entry = {.key = "lily_session_volume", .json = "1", .length = 1, .version = 7};
  assert_ok(lily_session_storage_write(storage, &entry, 1));
  attach(storage);
  assert_int_equal(count, 1);
  assert_string_equal(reasons[0], "volume: a newer version of the field stored the value");
  end(storage);
}

TEST(event_reasons__S7_a_value_that_cannot_be_stored) {
  lily_session_storage *storage = open_memory();
  attach(storage);
  app.real = 1e308 * 10;
  assert_fails(ENCODE, lily_session_persist(session));
  assert_int_equal(count, 1);
  assert_string_equal(reasons[0], lily_session_last_error());
  app.real = 0;
  end(storage);
}

/* Nothing is wrong: there is no message, not even that of an earlier call. */
TEST(event_reasons__S10_news) {
  lily_session_storage *storage = open_memory();
  attach(storage);
  assert_ok(set_text(storage, "lily_session_volume", "3"));
  assert_fails(INVALID_ARGUMENT, lily_session_touch(session, NULL));
  assert_ok(lily_session_refresh(session));
  assert_int_equal(count, 1);
  assert_string_equal(reasons[0], "");
  assert_int_equal(app.volume, 3);
  end(storage);
}
