/* S27: the entries of a map are fields of their own: kept, compared, stored, refused, expired and told one by one, and merged between
   programs. */
#include "files.h"
#include "journal.h"
#include "stage.h"

#include <fcntl.h>

enum { MOST = 600, ID = 520 };

/* A program with a map of documents, each of which is a text, and with a theme. */
struct host {
  struct {
    char id[ID], text[40];
    lily_session_value value;
  } entries[MOST];
  int count, sets, removals, walks, releases;
  lily_session_status each_result, set_result;
  int stop_after; /* each stops early and fails */
  bool gives_twice, gives_bad_ids, gives_no_values;
  lily_session_status answers[3]; /* what visit returned for these */
  struct rig rig;
  struct probe theme;
};

static struct host here, there;

static int find(const struct host *host, const char *id) {
  for (int at = 0; at < host->count; at++)
    if (strcmp(host->entries[at].id, id) == 0) return at;
  return -1;
}

static void put(struct host *host, const char *id, const lily_session_value *value) {
  int at = find(host, id);
  if (at < 0) at = host->count++;
  snprintf(host->entries[at].id, ID, "%s", id);
  host->entries[at].value = *value;
  if (value->type != LILY_SESSION_STRING) return;
  snprintf(host->entries[at].text, sizeof host->entries[at].text, "%.*s", (int)value->as.text.length, value->as.text.bytes);
  host->entries[at].value.as.text.bytes = host->entries[at].text;
  host->entries[at].value.as.text.length = strlen(host->entries[at].text);
}

static void put_text(struct host *host, const char *id, const char *text) {
  lily_session_value value = {.type = LILY_SESSION_STRING};
  value.as.text.bytes = text;
  value.as.text.length = strlen(text);
  put(host, id, &value);
}

static void drop(struct host *host, const char *id) {
  int at = find(host, id);
  if (at < 0) return;
  for (host->count--; at < host->count; at++) put(host, host->entries[at].id, &host->entries[at].value), host->entries[at] = host->entries[at + 1];
  for (at = 0; at < host->count; at++) host->entries[at].value.as.text.bytes = host->entries[at].text;
}

static const char *text_of(const struct host *host, const char *id) {
  int at = find(host, id);
  return at < 0 ? "(none)" : host->entries[at].text;
}

static lily_session_status each(void *context, const void *session, lily_session_map_visit_fn visit, void *visitor) {
  struct host *host = context;
  (void)session;
  host->walks++;
  if (host->each_result) return host->each_result;
  for (int at = 0; at < host->count; at++) {
    if (host->stop_after > 0 && at == host->stop_after) return 55;
    (void)visit(visitor, host->entries[at].id, host->gives_no_values ? NULL : &host->entries[at].value);
  }
  if (host->gives_twice) host->answers[0] = visit(visitor, host->entries[0].id, &host->entries[0].value);
  if (host->gives_bad_ids) {
    char *longest = repeated('k', 513);
    host->answers[0] = visit(visitor, "", &host->entries[0].value);
    host->answers[1] = visit(visitor, "\xff", &host->entries[0].value);
    host->answers[2] = visit(visitor, longest, &host->entries[0].value);
    free(longest);
  }
  return LILY_SESSION_OK;
}

static lily_session_status set(void *context, void *session, const char *id, const lily_session_value *value) {
  struct host *host = context;
  (void)session;
  if (host->set_result) return host->set_result;
  if (value) {
    host->sets++;
    put(host, id, value);
  } else {
    host->removals++;
    drop(host, id);
  }
  return LILY_SESSION_OK;
}

static void released(void *context) { ((struct host *)context)->releases++; }

static lily_session_map map_of(struct host *host) {
  lily_session_map map = LILY_SESSION_MAP_INIT;
  map.prefix = "doc/";
  map.types = LILY_SESSION_STRING;
  map.each = each;
  map.set = set;
  map.context = host;
  map.release = released;
  return map;
}

static void begin(struct host *host, lily_session_storage *storage) {
  memset(host, 0, sizeof *host);
  rig_lend(&host->rig, storage);
  rig_field(&host->rig, &host->theme, "theme", LILY_SESSION_STRING);
  probe_string(&host->theme, "light");
}

static void attach(struct host *host, lily_session_map map) {
  assert_ok(lily_session_map_add(host->rig.fields, &map));
  rig_attach(&host->rig);
}

static void start(struct host *host, lily_session_storage *storage) {
  begin(host, storage);
  attach(host, map_of(host));
}

#define assert_text(host, id, expected) assert_string_equal(text_of((host), (id)), (expected))
#define assert_told(host, what, why, whose)                  \
  do {                                                       \
    assert_int_equal((host)->rig.event_count, 1);            \
    assert_event(&(host)->rig, 0, (what), (why), 0, (whose)); \
    rig_forget(&(host)->rig);                                \
  } while (0)

CASE(map__S27_entries_are_stored_one_by_one) {
  start(&here, stage->storage);
  put_text(&here, "a", "1");
  put_text(&here, "/home/b.txt", "2");
  rig_dispatch(&here.rig);
  assert_stored(stage->other, "lily_session_doc/a", "\"1\"");
  assert_stored(stage->other, "lily_session_doc//home/b.txt", "\"2\"");
  assert_absent(stage->other, "lily_session_theme");
  put_text(&here, "a", "3");
  rig_dispatch(&here.rig);
  assert_stored(stage->other, "lily_session_doc/a", "\"3\"");
  drop(&here, "a");
  rig_dispatch(&here.rig);
  assert_absent(stage->other, "lily_session_doc/a");
  assert_stored(stage->other, "lily_session_doc//home/b.txt", "\"2\"");
  assert_int_equal(here.rig.event_count, 0);
  rig_end(&here.rig);
  assert_int_equal(here.releases, 1);
}

CASE(map__S3_is_hydrated) {
  assert_ok(set_text(stage->other, "lily_session_doc/a", "\"1\""));
  assert_ok(set_text(stage->other, "lily_session_doc/b", "7"));
  assert_ok(set_text(stage->other, "lily_session_doc/", "\"no id\""));
  assert_ok(set_text(stage->other, "lily_session_do", "\"not of the map\""));
  begin(&here, stage->storage);
  put_text(&here, "mine", "default");
  put_text(&here, "a", "default");
  attach(&here, map_of(&here));
  assert_int_equal(here.sets, 1);
  assert_text(&here, "a", "1");
  assert_text(&here, "mine", "default");
  assert_text(&here, "b", "(none)");
  assert_told(&here, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, "doc/b");
  assert_state(here.rig.session, "doc/b", LILY_SESSION_STATE_REJECTED);
  assert_state(here.rig.session, "doc/a", LILY_SESSION_STATE_LOADED);
  assert_state(here.rig.session, "doc/mine", LILY_SESSION_STATE_ABSENT);
  rig_dispatch(&here.rig); /* nothing has changed */
  assert_stored(stage->other, "lily_session_doc/b", "7");
  assert_absent(stage->other, "lily_session_doc/mine");
  put_text(&here, "b", "mine");
  rig_dispatch(&here.rig);
  assert_stored(stage->other, "lily_session_doc/b", "\"mine\"");
  rig_end(&here.rig);
}

CASE(map__S10_changes_of_others_are_merged) {
  start(&here, stage->storage);
  start(&there, stage->other);
  put_text(&here, "a", "1");
  rig_dispatch(&here.rig);
  put_text(&there, "b", "2");
  rig_dispatch(&there.rig);
  assert_ok(lily_session_refresh(here.rig.session));
  assert_text(&here, "b", "2");
  assert_text(&here, "a", "1");
  assert_told(&here, LILY_SESSION_EVENT_CHANGED, LILY_SESSION_OK, "doc/b");
  assert_ok(lily_session_refresh(there.rig.session));
  assert_text(&there, "a", "1");
  rig_forget(&there.rig);
  drop(&there, "a");
  rig_dispatch(&there.rig);
  assert_ok(lily_session_refresh(here.rig.session));
  assert_text(&here, "a", "(none)");
  assert_told(&here, LILY_SESSION_EVENT_REMOVED, LILY_SESSION_OK, "doc/a");
  rig_dispatch(&here.rig);
  assert_absent(stage->other, "lily_session_doc/a");
  assert_stored(stage->other, "lily_session_doc/b", "\"2\"");
  put_text(&here, "a", "again");
  rig_dispatch(&here.rig);
  assert_ok(lily_session_refresh(there.rig.session));
  assert_text(&there, "a", "again");
  rig_end(&here.rig);
  rig_end(&there.rig);
}

/* What a map had before hydration comes back when storage has the entry no more. */
CASE(map__S10_values_from_before_come_back) {
  assert_ok(set_text(stage->other, "lily_session_doc/a", "\"1\""));
  assert_ok(set_text(stage->other, "lily_session_doc/b", "\"1\""));
  begin(&here, stage->storage);
  put_text(&here, "a", "default");
  attach(&here, map_of(&here));
  assert_ok(lily_session_clear(stage->other));
  assert_text(&here, "a", "1");
  assert_ok(lily_session_refresh(here.rig.session));
  assert_text(&here, "a", "default");
  assert_text(&here, "b", "(none)");
  rig_dispatch(&here.rig);
  assert_absent(stage->other, "lily_session_doc/a");
  rig_end(&here.rig);
}

/* A removal that was not stored before a clear is not tried again; one of the same update comes after it. */
CASE(map__S8_clear) {
  start(&here, stage->storage);
  put_text(&here, "a", "1");
  put_text(&here, "b", "1");
  rig_dispatch(&here.rig);
  assert_ok(lily_session_clear(stage->other));
  put_text(&here, "b", "2");
  rig_dispatch(&here.rig);
  assert_absent(stage->other, "lily_session_doc/a");
  assert_stored(stage->other, "lily_session_doc/b", "\"2\"");
  assert_ok(lily_session_refresh(here.rig.session));
  assert_text(&here, "a", "(none)");
  assert_text(&here, "b", "2");
  rig_end(&here.rig);
}

CASE(map__S9_entries_expire_by_themselves) {
  lily_session_map map = map_of(&here);
  map.expires_after_ms = 1000;
  begin(&here, stage->storage);
  attach(&here, map);
  put_text(&here, "a", "1");
  rig_dispatch(&here.rig);
  stage->now += 500;
  put_text(&here, "b", "2");
  rig_dispatch(&here.rig);
  assert_int_equal(lily_session_next_expiry(here.rig.session), 500);
  stage->now += 500;
  assert_ok(lily_session_touch(here.rig.session, "doc/b"));
  assert_fails(NOT_FOUND, lily_session_touch(here.rig.session, "doc/a"));
  assert_ok(lily_session_refresh(here.rig.session));
  assert_text(&here, "a", "(none)");
  assert_text(&here, "b", "2");
  assert_told(&here, LILY_SESSION_EVENT_EXPIRED, LILY_SESSION_OK, "doc/a");
  assert_int_equal(lily_session_next_expiry(here.rig.session), 1000);
  rig_end(&here.rig);
}

/* One entry that cannot be stored costs no other, and is tried again. */
CASE(map__S7_one_bad_entry) {
  lily_session_value real = {.type = LILY_SESSION_REAL};
  start(&here, stage->storage);
  put_text(&here, "a", "1");
  put(&here, "b", &real);
  put_text(&here, "c", "3");
  assert_fails(ENCODE, lily_session_runtime_dispatch(here.rig.runtime, NULL));
  assert_told(&here, LILY_SESSION_EVENT_FIELD_FAILED, LILY_SESSION_ERROR_ENCODE, "doc/b");
  assert_stored(stage->other, "lily_session_doc/a", "\"1\"");
  assert_absent(stage->other, "lily_session_doc/b");
  assert_stored(stage->other, "lily_session_doc/c", "\"3\"");
  put_text(&here, "b", "2");
  rig_dispatch(&here.rig);
  assert_stored(stage->other, "lily_session_doc/b", "\"2\"");
  rig_end(&here.rig);
}

/* The map has the id, so its entry was not removed. */
CASE(map__S7_an_entry_without_a_value) {
  start(&here, stage->storage);
  put_text(&here, "a", "1");
  rig_dispatch(&here.rig);
  here.gives_no_values = true;
  assert_fails(ENCODE, lily_session_runtime_dispatch(here.rig.runtime, NULL));
  assert_told(&here, LILY_SESSION_EVENT_FIELD_FAILED, LILY_SESSION_ERROR_ENCODE, "doc/a");
  assert_stored(stage->other, "lily_session_doc/a", "\"1\"");
  here.gives_no_values = false;
  rig_dispatch(&here.rig);
  rig_end(&here.rig);
}

/* If each fails, no entry counts as removed, and nothing that others stored is taken over until it works again. */
CASE(map__S7_each_fails) {
  start(&here, stage->storage);
  put_text(&here, "a", "1");
  put_text(&here, "b", "2");
  rig_dispatch(&here.rig);
  here.stop_after = 1;
  put_text(&here, "a", "3");
  probe_string(&here.theme, "dark");
  assert_fails(CALLBACK, lily_session_runtime_dispatch(here.rig.runtime, NULL));
  assert_told(&here, LILY_SESSION_EVENT_FIELD_FAILED, 55, "doc/");
  assert_stored(stage->other, "lily_session_doc/a", "\"3\"");
  assert_stored(stage->other, "lily_session_doc/b", "\"2\"");
  assert_stored(stage->other, "lily_session_theme", "\"dark\"");
  here.stop_after = 0;
  here.each_result = 56;
  assert_ok(set_text(stage->other, "lily_session_doc/b", "\"theirs\""));
  assert_ok(set_text(stage->other, "lily_session_doc/new", "\"theirs\""));
  assert_fails(CALLBACK, lily_session_refresh(here.rig.session));
  assert_text(&here, "b", "2");
  assert_text(&here, "new", "(none)");
  here.each_result = 0;
  assert_ok(lily_session_refresh(here.rig.session));
  assert_text(&here, "b", "theirs");
  assert_text(&here, "new", "theirs");
  rig_end(&here.rig);
}

/* Whether anything is stored or not, the failure is told once. What is stored is set once each works. */
CASE(map__S7_each_fails_at_attach) {
  for (int at = 0; at < 2; at++) {
    begin(&here, stage->storage);
    here.each_result = 56;
    attach(&here, map_of(&here));
    assert_told(&here, LILY_SESSION_EVENT_FIELD_FAILED, 56, "doc/");
    assert_text(&here, "a", "(none)");
    here.each_result = 0;
    assert_ok(lily_session_refresh(here.rig.session));
    assert_text(&here, "a", at == 0 ? "(none)" : "1");
    rig_end(&here.rig);
    assert_ok(set_text(stage->other, "lily_session_doc/a", "\"1\""));
  }
}

/* A map that fails costs no other map: what others store there is taken over. */
CASE(map__S7_each_of_another_map_fails) {
  begin(&here, stage->storage);
  memset(&there, 0, sizeof there);
  lily_session_map other = map_of(&there);
  other.prefix = "file/";
  assert_ok(lily_session_map_add(here.rig.fields, &other));
  attach(&here, map_of(&here));
  /* The map that fails is walked before the other one, and after it. */
  struct host *const failing[] = {&there, &here}, *const working[] = {&here, &there};
  const char *const keys[] = {"lily_session_doc/a", "lily_session_file/a"};
  for (int at = 0; at < 2; at++) {
    failing[at]->each_result = 56;
    assert_ok(set_text(stage->other, keys[at], "\"theirs\""));
    assert_fails(CALLBACK, lily_session_refresh(here.rig.session));
    assert_text(working[at], "a", "theirs");
    failing[at]->each_result = 0;
  }
  rig_end(&here.rig);
}

/* A map that fails is walked again even if the revision says that nothing has changed. */
CASE(map__S7_each_fails_and_the_revision_stays) {
  begin(&here, stage->storage);
  here.rig.config.revision = rig_revision;
  attach(&here, map_of(&here));
  put_text(&here, "a", "1");
  here.each_result = 56;
  here.rig.revision++;
  assert_fails(CALLBACK, lily_session_runtime_dispatch(here.rig.runtime, NULL));
  here.each_result = 0;
  rig_dispatch(&here.rig);
  assert_stored(stage->other, "lily_session_doc/a", "\"1\"");
  int walks = here.walks;
  rig_dispatch(&here.rig);
  assert_int_equal(here.walks, walks);
  rig_end(&here.rig);
}

CASE(map__S7_bad_ids_and_one_twice) {
  start(&here, stage->storage);
  put_text(&here, "a", "1");
  here.gives_twice = true;
  assert_fails(DUPLICATE_KEY, lily_session_runtime_dispatch(here.rig.runtime, NULL));
  assert_int_equal(here.answers[0], LILY_SESSION_ERROR_DUPLICATE_KEY);
  assert_told(&here, LILY_SESSION_EVENT_FIELD_FAILED, LILY_SESSION_ERROR_DUPLICATE_KEY, "doc/a");
  assert_stored(stage->other, "lily_session_doc/a", "\"1\"");
  here.gives_twice = false;
  here.gives_bad_ids = true;
  assert_fails(ENCODE, lily_session_runtime_dispatch(here.rig.runtime, NULL)); /* the update was made, so not INVALID_ARGUMENT */
  for (int at = 0; at < 3; at++) assert_int_equal(here.answers[at], LILY_SESSION_ERROR_INVALID_ARGUMENT);
  assert_int_equal(here.rig.event_count, 3);
  here.gives_bad_ids = false;
  rig_dispatch(&here.rig);
  rig_end(&here.rig);
}

CASE(map__S1_the_longest_id) {
  char *id = repeated('i', 512), key[600];
  snprintf(key, sizeof key, "lily_session_doc/%s", id);
  start(&here, stage->storage);
  put_text(&here, id, "1");
  rig_dispatch(&here.rig);
  assert_stored(stage->other, key, "\"1\"");
  assert_state(here.rig.session, key + strlen("lily_session_"), LILY_SESSION_STATE_LOADED);
  rig_end(&here.rig);
  start(&here, stage->storage);
  assert_text(&here, id, "1");
  rig_end(&here.rig);
  free(id);
}

static lily_session_status counts(void *context, const lily_session_value *stored, lily_session_value *out_value) {
  (void)context;
  out_value->type = LILY_SESSION_STRING;
  out_value->as.text.bytes = stored && stored->as.text.length == 1 ? "second" : "1";
  out_value->as.text.length = strlen(out_value->as.text.bytes);
  return LILY_SESSION_OK;
}

CASE(map__S27_modify_reset_mark_and_state) {
  start(&here, stage->storage);
  assert_ok(lily_session_modify(here.rig.session, "doc/new", counts, NULL));
  assert_text(&here, "new", "1");
  assert_ok(lily_session_modify(here.rig.session, "doc/new", counts, NULL));
  assert_text(&here, "new", "second");
  assert_stored(stage->other, "lily_session_doc/new", "\"second\"");
  assert_ok(lily_session_mark(here.rig.session, "doc/new"));
  assert_state(here.rig.session, "doc/new", LILY_SESSION_STATE_LOADED | LILY_SESSION_STATE_DIRTY);
  rig_dispatch(&here.rig);
  assert_ok(lily_session_reset(here.rig.session, "doc/new"));
  assert_text(&here, "new", "(none)");
  assert_absent(stage->other, "lily_session_doc/new");
  assert_fails(NOT_FOUND, lily_session_mark(here.rig.session, "doc/none"));
  assert_fails(NOT_FOUND, lily_session_touch(here.rig.session, "doc/none"));
  assert_ok(lily_session_reset(here.rig.session, "doc/none"));
  assert_state(here.rig.session, "doc/none", LILY_SESSION_STATE_ABSENT);
  assert_ok(set_text(stage->other, "lily_session_doc/none", "\"theirs\""));
  assert_state(here.rig.session, "doc/none", LILY_SESSION_STATE_LOADED);
  int32_t state;
  assert_fails(NOT_FOUND, lily_session_field_state(here.rig.session, "doc/", &state));
  assert_fails(NOT_FOUND, lily_session_field_state(here.rig.session, "do", &state));
  rig_dispatch(&here.rig);
  assert_int_equal(here.rig.event_count, 0);
  rig_end(&here.rig);
}

/* There is nothing to store for a marked entry that the model does not have, so what is stored stays. */
CASE(map__S27_mark_of_what_the_model_does_not_have) {
  lily_session_entry newer = {"lily_session_doc/newer", "\"1\"", 3, 0, 1};
  int32_t state;
  assert_ok(lily_session_storage_write(stage->other, &newer, 1));
  assert_ok(set_text(stage->other, "lily_session_doc/rejected", "7"));
  start(&here, stage->storage);
  assert_ok(lily_session_mark(here.rig.session, "doc/newer"));
  assert_ok(lily_session_mark(here.rig.session, "doc/rejected"));
  rig_dispatch(&here.rig);
  assert_stored(stage->other, newer.key, newer.json);
  assert_stored(stage->other, "lily_session_doc/rejected", "7");
  assert_ok(lily_session_field_state(here.rig.session, "doc/newer", &state));
  assert_int_equal(state, LILY_SESSION_STATE_NEWER);
  /* One that the program adds and marks, or marks and then removes, is what the program makes of it. */
  put_text(&here, "newer", "2");
  assert_ok(lily_session_mark(here.rig.session, "doc/newer"));
  rig_dispatch(&here.rig);
  assert_stored(stage->other, newer.key, "\"2\"");
  assert_ok(lily_session_mark(here.rig.session, "doc/newer"));
  drop(&here, "newer");
  rig_dispatch(&here.rig);
  assert_absent(stage->other, newer.key);
  rig_end(&here.rig);
}

/* A set that refuses a value rejects that entry alone. */
CASE(map__S7_set_refuses) {
  start(&here, stage->storage);
  assert_ok(set_text(stage->other, "lily_session_doc/a", "\"1\""));
  here.set_result = 77;
  assert_ok(lily_session_refresh(here.rig.session));
  assert_told(&here, LILY_SESSION_EVENT_REJECTED, 77, "doc/a");
  here.set_result = 0;
  rig_dispatch(&here.rig);
  assert_stored(stage->other, "lily_session_doc/a", "\"1\"");
  rig_end(&here.rig);
}

CASE(map__S14_what_does_not_fit_is_told_of_by_itself) {
  char *large = repeated('x', 30);
  if (stage_is_backend(stage)) {
    free(large);
    return; /* a backend keeps its own quota */
  }
  start(&here, stage->storage);
  for (int at = 0; at < MOST; at++) {
    char id[12];
    snprintf(id, sizeof id, "%d", at);
    put_text(&here, id, large);
  }
  rig_dispatch(&here.rig);
  for (int at = 0; at < MOST; at += 2) {
    char id[12];
    snprintf(id, sizeof id, "%d", at);
    drop(&here, id);
  }
  rig_dispatch(&here.rig);
  assert_absent(stage->other, "lily_session_doc/0");
  assert_stored(stage->other, "lily_session_doc/599", "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"");
  rig_end(&here.rig);
  start(&here, stage->storage);
  assert_int_equal(here.count, MOST / 2);
  rig_end(&here.rig);
  free(large);
}

/* A map of which one entry changed costs one line with one change, however many entries there are. */
TEST(map__S5_one_change_is_one_small_line) {
  lily_session_storage *storage = open_storage(JOURNAL);
  start(&here, storage);
  for (int at = 0; at < MOST; at++) {
    char id[12];
    snprintf(id, sizeof id, "%d", at);
    put_text(&here, id, "text");
  }
  rig_dispatch(&here.rig);
  int before = operations(JOURNAL);
  put_text(&here, "300", "other");
  rig_dispatch(&here.rig);
  rig_dispatch(&here.rig);
  assert_int_equal(operations(JOURNAL), before + 1);
  assert_operation(JOURNAL, before, "\"set\",\"lily_session_doc/300\",\"other\",0");
  rig_end(&here.rig);
  lily_session_storage_close(storage);
}

/* S1: no key belongs to two fields or maps. */
TEST(map_add__S1_prefixes_and_keys_do_not_meet) {
  lily_session_persistence *fields = lily_session_persistence_new();
  struct probe probe;
  const char *const former[] = {"doc/was", NULL};
  lily_session_map map = map_of(&here);
  memset(&here, 0, sizeof here);
  assert_ok(lily_session_map_add(fields, &map));
  const char *const overlapping[] = {"doc/", "doc/a", "do", "d"};
  for (size_t at = 0; at < COUNT(overlapping); at++) {
    map.prefix = overlapping[at];
    assert_fails(DUPLICATE_KEY, lily_session_map_add(fields, &map));
    assert_int_equal(here.releases, at + 1);
  }
  map.prefix = "other/";
  assert_ok(lily_session_map_add(fields, &map));
  lily_session_field field = probe_field(&probe, "doc/a", LILY_SESSION_STRING);
  assert_fails(DUPLICATE_KEY, lily_session_field_add(fields, &field));
  field = probe_field(&probe, "renamed", LILY_SESSION_STRING);
  field.former_keys = former;
  assert_fails(DUPLICATE_KEY, lily_session_field_add(fields, &field));
  field = probe_field(&probe, "doc", LILY_SESSION_STRING);
  assert_ok(lily_session_field_add(fields, &field));
  map.prefix = "doc";
  assert_fails(DUPLICATE_KEY, lily_session_map_add(fields, &map));
  lily_session_persistence_free(fields);
}

TEST(map_add__S1_two_sessions_of_one_runtime) {
  lily_session_storage *storage = open_memory();
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session *second;
  start(&here, storage);
  lily_session_map map = map_of(&there);
  map.prefix = "doc/sub/";
  memset(&there, 0, sizeof there);
  assert_ok(lily_session_map_add(fields, &map));
  lily_session_config config = here.rig.config;
  config.release = NULL;
  assert_fails(DUPLICATE_KEY, lily_session_attach(here.rig.runtime, fields, &config, &second));
  lily_session_persistence_free(fields);
  rig_end(&here.rig);
  lily_session_storage_close(storage);
}

TEST(map_add__that_is_refused) {
  lily_session_persistence *fields = lily_session_persistence_new();
  memset(&here, 0, sizeof here);
  lily_session_map good = map_of(&here), map = good;
  assert_fails(INVALID_ARGUMENT, lily_session_map_add(fields, NULL));
  assert_fails(INVALID_ARGUMENT, lily_session_map_add(NULL, &map));
  map.each = NULL;
  assert_fails(INVALID_ARGUMENT, lily_session_map_add(fields, &map));
  map = good;
  map.set = NULL;
  assert_fails(INVALID_ARGUMENT, lily_session_map_add(fields, &map));
  map = good;
  map.prefix = NULL;
  assert_fails(INVALID_ARGUMENT, lily_session_map_add(fields, &map));
  map.prefix = "";
  assert_fails(INVALID_ARGUMENT, lily_session_map_add(fields, &map));
  map.prefix = "\xff";
  assert_fails(INVALID_ARGUMENT, lily_session_map_add(fields, &map));
  map = good;
  map.types = 0;
  assert_fails(INVALID_ARGUMENT, lily_session_map_add(fields, &map));
  map = good;
  map.expires_after_ms = -1;
  assert_fails(INVALID_ARGUMENT, lily_session_map_add(fields, &map));
  map = good;
  map.size = 8;
  assert_fails(INVALID_ARGUMENT, lily_session_map_add(fields, &map));
  lily_session_persistence_free(fields);
}

/* An entry's line is damaged, and another handle rewrites the file and keeps the damaged one. When the program drops the entry, that goes. */
TEST(map__S8_a_dropped_entry_leaves_the_copy_of_a_damaged_file) {
  lily_session_storage *storage = open_storage(JOURNAL);
  start(&here, storage);
  put_text(&here, "a", SECRET);
  assert_ok(lily_session_persist(here.rig.session));
  struct bytes file = file_read(JOURNAL);
  file.bytes[file.length - 3] ^= 1; /* its deadline */
  const int raw = open(JOURNAL, O_WRONLY | O_CLOEXEC);
  assert_int_equal(pwrite(raw, file.bytes, file.length, 0), file.length);
  close(raw);
  free(file.bytes);
  lily_session_storage *other = open_storage(JOURNAL);
  make_worth_rewriting(other);
  assert_ok(lily_session_storage_sync(other));
  assert_true(file_has(in_place("session.jsonl.damaged"), SECRET));
  drop(&here, "a");
  assert_ok(lily_session_persist(here.rig.session));
  assert_ok(lily_session_flush(here.rig.session));
  assert_int_equal(access(in_place("session.jsonl.damaged"), F_OK), -1);
  assert_false(file_has(JOURNAL, SECRET));
  rig_end(&here.rig);
  lily_session_storage_close(other);
  lily_session_storage_close(storage);
}
