/* What a backend may have besides the functions that it must have: each spares calls, or tells more. */
#include "table.h"

static struct table table;
static struct rig rig;
static struct probe fields[20];
static int64_t now;

static int calls(void) {
  int sum = 0;
  for (int i = 0; i < TABLE_FUNCTIONS; i++) sum += table.calls[i];
  return sum;
}

static void begin(void) {
  now = 1000;
  table = (struct table){0}; /* The test before this one may have failed halfway. */
  memset(fields, 0, sizeof fields);
  rig_begin(&rig, table_open_whole(&table, &now));
  for (int i = 0; i < 20; i++) {
    char key[20];
    snprintf(key, sizeof key, "f%d", i);
    rig_field(&rig, &fields[i], key, LILY_SESSION_INT);
    probe_int(&fields[i], 0);
  }
}

static void end(void) {
  rig_end(&rig);
  table_free(&table);
}

#define assert_calls(number, call)               \
  do {                                           \
    const int before = calls();                  \
    call;                                        \
    assert_int_equal(calls() - before, number);  \
  } while (0)

TEST(backend__S25_how_often_it_is_asked) {
  char *json;
  begin();
  table_put(&table, "lily_session_f3", "7", 0, 0);
  assert_calls(1, rig_attach(&rig));
  assert_int_equal(fields[3].value.as.integer, 7);
  assert_int_equal(table.calls[TABLE_LOAD], 1);
  assert_calls(0, rig_dispatch(&rig));
  probe_int(&fields[0], 1);
  assert_calls(1, rig_dispatch(&rig));
  assert_calls(1, assert_ok(lily_session_refresh(rig.session)));
  assert_calls(1, assert_ok(lily_session_storage_get(rig.storage, "lily_session_f0", &json, NULL)));
  lily_session_free(json);
  lily_session_storage *other = table_open_whole(&table, &now);
  assert_calls(1, assert_ok(lily_session_clear(other)));
  probe_int(&fields[0], 2);
  assert_calls(2, rig_dispatch(&rig)); /* the first write is told of the clear */
  assert_int_equal(table.calls[TABLE_GENERATION], 0);
  probe_int(&fields[0], 3);
  assert_calls(1, rig_dispatch(&rig));
  lily_session_storage_close(other);
  assert_calls(2, rig_end(&rig)); /* the session syncs, and so does closing the storage */
  table_free(&table);
}

static lily_session_status give_seven(void *context, const lily_session_value *stored, lily_session_value *out) {
  (void)context;
  (void)stored;
  out->type = LILY_SESSION_JSON;
  out->as.text.bytes = "7";
  out->as.text.length = 1;
  return LILY_SESSION_OK;
}

TEST(backend__S25_renewing_and_modifying_read_no_more_than_they_need) {
  begin();
  rig_attach(&rig);
  probe_int(&fields[0], 1);
  rig_dispatch(&rig);
  assert_calls(1, assert_ok(lily_session_touch(rig.session, "f0")));
  assert_int_equal(table.calls[TABLE_RENEW], 1);
  assert_calls(2, assert_ok(lily_session_storage_modify(rig.storage, "lily_session_f0", give_seven, NULL)));
  assert_int_equal(table.calls[TABLE_REPLACE], 1);
  /* The session does not know what is stored now, so it has to look. */
  assert_calls(3, assert_ok(lily_session_touch(rig.session, "f0")));
  assert_int_equal(table.calls[TABLE_READ], 0);
  end();
}

TEST(backend__a_touch_finds_what_another_one_did) {
  begin();
  rig_attach(&rig);
  probe_int(&fields[0], 1);
  rig_dispatch(&rig);
  lily_session_storage *other = table_open_whole(&table, &now);
  assert_ok(lily_session_storage_remove(other, "lily_session_f0"));
  assert_fails(NOT_FOUND, lily_session_touch(rig.session, "f0"));
  assert_null(table_row(&table, "lily_session_f0"));
  lily_session_storage_close(other);
  end();
}

TEST(backend__load_stands_for_read) {
  table = (struct table){0};
  lily_session_storage *storage;
  char *json;
  lily_session_backend backend = table_whole_backend(&table);
  backend.read = NULL;
  assert_ok(lily_session_storage_open_backend(&backend, NULL, &storage));
  assert_ok(set_text(storage, "k", "1"));
  assert_ok(lily_session_storage_get(storage, "k", &json, NULL));
  assert_string_equal(json, "1");
  lily_session_free(json);
  assert_ok(lily_session_storage_modify(storage, "k", give_seven, NULL));
  assert_string_equal(table_row(&table, "k")->json, "7");
  lily_session_storage_close(storage);
  backend.load = NULL;
  assert_fails(INVALID_ARGUMENT, lily_session_storage_open_backend(&backend, NULL, &storage));
  table_free(&table);
}

TEST(backend__S24_closes_without_a_sync) {
  table = (struct table){0};
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage;
  options.flags = LILY_SESSION_NO_SYNC;
  options.durability = LILY_SESSION_DURABILITY_POWER;
  const lily_session_backend backend = table_whole_backend(&table);
  assert_ok(lily_session_storage_open_backend(&backend, &options, &storage));
  assert_int_equal(info_of(storage).durability, LILY_SESSION_DURABILITY_POWER);
  assert_ok(set_text(storage, "k", "1"));
  assert_ok(lily_session_storage_sync(storage));
  assert_int_equal(table.calls[TABLE_SYNC], 1);
  lily_session_storage_close(storage);
  assert_int_equal(table.calls[TABLE_SYNC], 1);
  table_free(&table);
}

TEST(backend__lists_without_the_entries_of_scopes) {
  begin();
  lily_session_storage *scope = open_scope(rig.storage, "u");
  assert_ok(set_text(scope, "k", "1"));
  assert_ok(set_text(rig.storage, "k", "2"));
  assert_calls(1, assert_entries(rig.storage, 1));
  assert_int_equal(table.calls[TABLE_EACH_UNSCOPED], 1);
  assert_calls(1, assert_entries(scope, 1));
  assert_int_equal(table.calls[TABLE_EACH], 1);
  assert_calls(1, assert_int_equal(info_of(rig.storage).entries, 2));
  assert_int_equal(info_of(rig.storage).live_bytes, 2 + 5);
  assert_int_equal(table.calls[TABLE_USAGE], 2);
  lily_session_storage_close(scope);
  rig_attach(&rig);
  end();
}

static lily_session_status list_nothing(void *context, const void *session, lily_session_map_visit_fn visit, void *visitor) {
  (void)context, (void)session, (void)visit, (void)visitor;
  return LILY_SESSION_OK;
}

static lily_session_status ignore(void *context, void *session, const char *id, const lily_session_value *value) {
  (void)context, (void)session, (void)id, (void)value;
  return LILY_SESSION_OK;
}

/* The entry is stored, and the session has given it to the map; but the map does not have it. */
TEST(backend__a_touch_renews_an_entry_that_the_map_did_not_keep) {
  const lily_session_map map = {.size = sizeof map, .prefix = "m/", .types = LILY_SESSION_INT, .each = list_nothing, .set = ignore, .expires_after_ms = 50};
  begin();
  assert_ok(lily_session_map_add(rig.fields, &map));
  table_put(&table, "lily_session_m/1", "7", 1020, 0);
  rig_attach(&rig);
  now = 1010;
  assert_ok(lily_session_touch(rig.session, "m/1"));
  assert_string_equal(table_row(&table, "lily_session_m/1")->json, "7");
  assert_int_equal(table_row(&table, "lily_session_m/1")->expires_at_ms, 1060);
  end();
}

static lily_session_status attach_other(lily_session_storage *storage, lily_session **out) {
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  config.storage = storage;
  return lily_session_attach(rig.runtime, rig.fields, &config, out);
}

TEST(backend__S1_two_handles_on_one_store) {
  lily_session *second = NULL;
  begin();
  table.name = "redis://127.0.0.1:6379/0";
  rig_attach(&rig);
  lily_session_storage *other = table_open_whole(&table, &now);
  assert_fails(DUPLICATE_KEY, attach_other(other, &second));
  lily_session_storage *scope = open_scope(other, "u");
  assert_ok(attach_other(scope, &second)); /* other keys */
  lily_session_detach(second);
  lily_session_storage_close(scope);
  table.name = NULL;
  assert_ok(attach_other(other, &second));
  lily_session_detach(second);
  lily_session_storage_close(other);
  end();
}

/* ---- reasons */

static const char *reason;

static void say_why(struct table *of, int function) {
  of->results[function] = lily_session_backend_fail(LILY_SESSION_ERROR_IO, reason, ECONNREFUSED);
}

TEST(backend__says_why_it_fails) {
  begin();
  rig_attach(&rig);
  table.hook = say_why;
  reason = "127.0.0.1:6379";
  assert_fails(IO, set_text(rig.storage, "k", "1"));
  assert_string_equal(lily_session_last_error(), "the backend failed: 127.0.0.1:6379: Connection refused");
  probe_int(&fields[0], 1);
  assert_fails(IO, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_event(&rig, 0, LILY_SESSION_EVENT_WRITE_FAILED, LILY_SESSION_ERROR_IO, ECONNREFUSED, "f0");
  reason = NULL;
  assert_fails(IO, set_text(rig.storage, "k", "1"));
  assert_string_equal(lily_session_last_error(), "the backend failed: Connection refused");
  table.hook = NULL; /* what one call has told is no reason of the next */
  table.results[TABLE_WRITE] = LILY_SESSION_ERROR_BUSY;
  assert_fails(BUSY, set_text(rig.storage, "k", "1"));
  assert_string_equal(lily_session_last_error(), "the backend failed");
  memset(table.results, 0, sizeof table.results);
  end();
}

TEST(backend__S20_a_reason_that_is_long_or_has_lines) {
  char text[1000];
  begin();
  table.hook = say_why;
  memset(text, 'x', sizeof text);
  memcpy(text, "a\nb\x1b", 4);
  text[sizeof text - 1] = '\0';
  reason = text;
  assert_fails(IO, set_text(rig.storage, "k", "1"));
  const char *said = lily_session_last_error();
  assert_true(strlen(said) < 240 && strchr(said, '\n') == NULL && strchr(said, '\x1b') == NULL && strstr(said, "xxxx") != NULL);
  table.hook = NULL;
  memset(table.results, 0, sizeof table.results);
  rig_attach(&rig);
  end();
}

/* ---- what it cannot read */


static lily_session_status load_unreadable(void *context, const char *prefix, const char *const *keys, size_t count, uint64_t *out_generation,
                                           lily_session_loaded_fn visit, void *visitor) {
  (void)context, (void)prefix;
  *out_generation = 0;
  for (size_t i = 0; i < count; i++) {
    const lily_session_entry entry = {keys[i], strcmp(keys[i], "lily_session_f1") == 0 ? NULL : "5", 1, 0, 0};
    const lily_session_status seen = visit(visitor, i, &entry);
    if (seen != LILY_SESSION_OK) return seen;
  }
  return LILY_SESSION_OK;
}

TEST(backend__S7_an_entry_that_it_cannot_read_is_refused_alone) {
  now = 1000;
  table = (struct table){0};
  memset(fields, 0, sizeof fields);
  lily_session_backend backend = table_whole_backend(&table);
  backend.load = load_unreadable;
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open_backend(&backend, NULL, &storage));
  rig_begin(&rig, storage);
  rig_field(&rig, &fields[0], "f0", LILY_SESSION_INT);
  rig_field(&rig, &fields[1], "f1", LILY_SESSION_INT);
  rig_attach(&rig);
  assert_int_equal(fields[0].value.as.integer, 5);
  assert_event(&rig, 0, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, 0, "f1");
  char *json = NULL;
  assert_fails(DECODE, lily_session_storage_get(storage, "lily_session_f1", &json, NULL));
  end();
}

/* ---- notices */

static lily_session_status notice_result;
static const char *notice_reason;
static char last_notice[300];

static lily_session_status give_notice(void *context) {
  (void)context;
  return notice_reason != NULL ? lily_session_backend_fail(notice_result, notice_reason, 0) : notice_result;
}

static void keep_notice(void *context, const lily_session_event *event) {
  *(lily_session_event *)context = *event;
  snprintf(last_notice, sizeof last_notice, "%s", lily_session_last_error());
}

/* Attaches a session to the storage, and returns the last event. Its kind is 0 if there was none. */
static lily_session_event attach_for_notice(lily_session_storage *storage) {
  int model = 0;
  lily_session_event event = {.kind = 0};
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_runtime *runtime = NULL;
  lily_session_persistence *persistence = lily_session_persistence_new();
  lily_session *session = NULL;
  config.storage = storage;
  config.on_event = keep_notice;
  config.context = &event;
  assert_ok(lily_session_runtime_new(&model, NULL, NULL, &runtime));
  assert_ok(lily_session_attach(runtime, persistence, &config, &session));
  assert_string_equal(lily_session_last_error(), "");
  lily_session_detach(session);
  lily_session_persistence_free(persistence);
  lily_session_runtime_free(runtime);
  return event;
}

TEST(backend__S25_a_notice_is_reported_by_attach) {
  table = (struct table){0};
  lily_session_backend backend = table_whole_backend(&table);
  backend.notice = give_notice;
  lily_session_storage *storage = NULL, *scope = NULL;
  assert_ok(lily_session_storage_open_backend(&backend, NULL, &storage));
  assert_ok(lily_session_storage_scoped(storage, "user:42", &scope));
  notice_result = LILY_SESSION_ERROR_NOT_DURABLE;
  notice_reason = "entries may vanish";
  for (int i = 0; i < 2; i++) { /* each attach asks the backend */
    const lily_session_event event = attach_for_notice(i == 0 ? storage : scope);
    assert_int_equal(event.kind, LILY_SESSION_EVENT_NOTICE);
    assert_int_equal(event.status, LILY_SESSION_ERROR_NOT_DURABLE);
    assert_null(event.key);
    assert_string_equal(last_notice, "a notice of the store: entries may vanish");
  }
  notice_reason = NULL;
  notice_result = 12345;
  assert_int_equal(attach_for_notice(storage).status, LILY_SESSION_ERROR_IO);
  assert_string_equal(last_notice, "a notice of the store");
  notice_result = LILY_SESSION_OK;
  assert_int_equal(attach_for_notice(storage).kind, 0);
  lily_session_storage_close(scope);
  lily_session_storage_close(storage);
  table_free(&table);
}

/* ---- a load that keeps no rule */

static int wrongly;

static lily_session_status load_wrongly(void *context, const char *prefix, const char *const *keys, size_t count, uint64_t *out_generation,
                                        lily_session_loaded_fn visit, void *visitor) {
  (void)context, (void)prefix, (void)out_generation;
  const lily_session_entry entry = {keys[0], "1", 1, 0, 0};
  switch (wrongly) {
    case 0: return visit(visitor, count, &entry);
    case 1: return visit(visitor, SIZE_MAX, &entry);
    case 2: return visit(visitor, 0, NULL);
    case 3: return visit(NULL, 0, &entry);
    case 4: visit(visitor, 0, &entry); return visit(visitor, 0, &entry); /* the last one counts */
    default: return 12345;
  }
}

TEST(backend__S20_a_load_that_keeps_no_rule) {
  table = (struct table){0};
  lily_session_backend backend = table_whole_backend(&table);
  backend.load = load_wrongly;
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open_backend(&backend, NULL, &storage));
  for (wrongly = 0; wrongly < 6; wrongly++) {
    char *json = NULL;
    const lily_session_status status = lily_session_storage_get(storage, "k", &json, NULL);
    assert_int_equal(status, wrongly == 4 ? LILY_SESSION_OK : LILY_SESSION_ERROR_IO);
    lily_session_free(json);
  }
  lily_session_storage_close(storage);
  table_free(&table);
}
