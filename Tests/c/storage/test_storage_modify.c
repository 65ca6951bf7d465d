/* S27: lily_session_storage_modify() changes what is stored, whoever else changes it at the same time; lily_session_storage_write() makes
   several changes in one step. */
#include "journal.h"
#include "stage.h"

/* What `modify` does, and what it was given. */
struct job {
  lily_session_storage *storage;
  char stored[100]; /* "" if nothing was stored */
  int calls;
  const char *gives;
  int32_t type;
  lily_session_status result;
  void (*meanwhile)(struct job *job);
};

static lily_session_status modify(void *context, const lily_session_value *stored, lily_session_value *out_value) {
  struct job *job = context;
  job->calls++;
  snprintf(job->stored, sizeof job->stored, "%s", stored ? stored->as.text.bytes : "");
  if (job->meanwhile) job->meanwhile(job);
  out_value->type = job->type ? job->type : LILY_SESSION_JSON;
  out_value->as.text.bytes = job->gives;
  out_value->as.text.length = job->gives ? strlen(job->gives) : 0;
  return job->result;
}

CASE(storage_modify__S27_gives_what_is_stored) {
  struct job job = {.gives = " {\"a\": 1} "};
  assert_ok(lily_session_storage_modify(stage->storage, "k", modify, &job));
  assert_string_equal(job.stored, "");
  assert_stored(stage->other, "k", "{\"a\":1}");
  job.gives = "2";
  assert_ok(lily_session_storage_modify(stage->other, "k", modify, &job));
  assert_string_equal(job.stored, "{\"a\":1}");
  assert_stored(stage->storage, "k", "2");
  assert_int_equal(job.calls, 2);
}

/* The entry's expiry is its own, and an entry that has expired is none. */
CASE(storage_modify__S27_keeps_the_expiry) {
  struct job job = {.gives = "2"};
  assert_ok(lily_session_storage_set(stage->storage, "k", "1", 1, stage->now + 10));
  assert_ok(lily_session_storage_modify(stage->storage, "k", modify, &job));
  stage->now += 9;
  assert_stored(stage->storage, "k", "2");
  stage->now += 1;
  assert_absent(stage->storage, "k");
  assert_ok(lily_session_storage_modify(stage->storage, "k", modify, &job));
  assert_string_equal(job.stored, "");
  stage->now += 1000;
  assert_stored(stage->storage, "k", "2");
}

CASE(storage_modify__S27_what_cannot_be_stored_changes_nothing) {
  struct job job = {.gives = "2"};
  assert_ok(set_text(stage->storage, "k", "1"));
  job.result = 77;
  assert_returns(77, lily_session_storage_modify(stage->storage, "k", modify, &job));
  job.result = LILY_SESSION_OK;
  job.type = LILY_SESSION_STRING;
  assert_fails(ENCODE, lily_session_storage_modify(stage->storage, "k", modify, &job));
  job.type = 0;
  job.gives = NULL;
  assert_fails(DECODE, lily_session_storage_modify(stage->storage, "k", modify, &job));
  job.gives = "{";
  assert_fails(DECODE, lily_session_storage_modify(stage->storage, "k", modify, &job));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_modify(stage->storage, "k", NULL, &job));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_modify(stage->storage, "", modify, &job));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_modify(NULL, "k", modify, &job));
  assert_int_equal(job.calls, 4);
  assert_stored(stage->storage, "k", "1");
}

static void store_more(struct job *job) {
  char text[20];
  snprintf(text, sizeof text, "%d", 100 + job->calls);
  if (job->calls < 3) set_text(job->storage, "k", text);
}

static void clear_all(struct job *job) {
  if (job->calls == 1) lily_session_clear(job->storage);
}

static void renew(struct job *job) {
  if (job->calls == 1) lily_session_storage_set(job->storage, "k", "1", 1, INT64_C(5000000000000));
}

static const struct row *row_of(struct table *table, const char *key, const lily_session_entry *stored) {
  const struct row *row = table_row(table, key);
  if (stored == NULL) return row == NULL ? (const struct row *)table : NULL;
  const bool is_same = row && row->version == stored->version && row->length == stored->length && memcmp(row->json, stored->json, row->length) == 0;
  return is_same ? row : NULL;
}

static int replacements;

static lily_session_status replace(void *context, const lily_session_entry *stored, const lily_session_entry *entry, const char *prefix,
                                   uint64_t generation) {
  (void)prefix, (void)generation;
  replacements++;
  if (row_of(context, entry->key, stored) == NULL) return LILY_SESSION_ERROR_NOT_FOUND;
  table_put(context, entry->key, entry->json, entry->expires_at_ms, entry->version);
  return LILY_SESSION_OK;
}

/* Who is overtaken is given what the other stored. */
CASE(storage_modify__S27_is_made_again_when_overtaken) {
  struct job job = {.storage = stage->other, .gives = "2", .meanwhile = store_more};
  assert_ok(set_text(stage->storage, "k", "1"));
  assert_ok(lily_session_storage_modify(stage->storage, "k", modify, &job));
  assert_int_equal(job.calls, 3);
  assert_string_equal(job.stored, "102");
  assert_stored(stage->other, "k", "2");
}

CASE(storage_modify__S27_a_clear_overtakes_too) {
  struct job job = {.storage = stage->other, .gives = "2", .meanwhile = clear_all};
  assert_ok(set_text(stage->storage, "lily_session_k", "1"));
  assert_ok(lily_session_storage_modify(stage->storage, "lily_session_k", modify, &job));
  assert_int_equal(job.calls, 2);
  assert_string_equal(job.stored, "");
  assert_stored(stage->other, "lily_session_k", "2");
}

CASE(storage_modify__S27_an_expiry_that_another_renewed_stays) {
  struct job job = {.storage = stage->other, .gives = "2", .meanwhile = renew};
  assert_ok(lily_session_storage_set(stage->storage, "k", "1", 1, stage->now + 10));
  assert_ok(lily_session_storage_modify(stage->storage, "k", modify, &job));
  assert_int_equal(job.calls, 2);
  stage->now += 10;
  assert_stored(stage->storage, "k", "2");
}

CASE_OF_SCOPES(storage_modify__S27_in_a_scope) {
  lily_session_storage *scope = open_scope(stage->storage, "user:42");
  struct job job = {.storage = scope, .gives = "2", .meanwhile = store_more};
  assert_ok(set_text(stage->storage, "k", "\"parent\""));
  assert_ok(lily_session_storage_modify(scope, "k", modify, &job));
  assert_int_equal(job.calls, 3);
  assert_stored(scope, "k", "2");
  assert_stored(stage->storage, "k", "\"parent\"");
  lily_session_storage_close(scope);
}

static void put_row(struct job *job) {
  if (job->calls == 1) table_put((struct table *)job->storage, "k", "9", 0, 0);
}

/* The backend compares and replaces in one step, so a write of which the library knows nothing is not lost. */
TEST(storage_modify__S27_a_backend_replaces_in_one_step) {
  struct table table = {0};
  struct job job = {.storage = (lily_session_storage *)&table, .gives = "2", .meanwhile = put_row};
  lily_session_backend backend = table_backend(&table);
  lily_session_storage *storage;
  backend.replace = replace;
  replacements = 0;
  assert_ok(lily_session_storage_open_backend(&backend, NULL, &storage));
  assert_ok(lily_session_storage_modify(storage, "k", modify, &job));
  assert_string_equal(job.stored, "9");
  assert_stored(storage, "k", "2");
  assert_int_equal(replacements, 1); /* the first was seen to be overtaken before it was tried */
  table.calls[TABLE_WRITE] = 0;
  assert_ok(lily_session_storage_modify(storage, "k", modify, &job));
  assert_int_equal(table.calls[TABLE_WRITE], 0);
  assert_int_equal(replacements, 2);
  lily_session_storage_close(storage);
  table_free(&table);
}

static void renew_row(struct job *job) {
  if (job->calls == 1) table_put((struct table *)job->storage, "k", "2", 20, 0);
}

static lily_session_status renew_never(void *context, const lily_session_entry *entry) {
  (void)context, (void)entry;
  return LILY_SESSION_ERROR_IO;
}

/* A backend's renew does not look at the deadline, so it cannot keep one that another program has renewed, even if the text stays. */
TEST(storage_modify__S27_a_backend_does_not_renew) {
  int64_t now = 5;
  struct table table = {0};
  struct job job = {.storage = (lily_session_storage *)&table, .gives = "2", .meanwhile = renew_row};
  lily_session_storage_options options = {.size = sizeof options, .clock = fixed_clock, .context = &now};
  lily_session_backend backend = table_backend(&table);
  lily_session_storage *storage;
  backend.renew = renew_never;
  table_put(&table, "k", "2", 10, 0);
  assert_ok(lily_session_storage_open_backend(&backend, &options, &storage));
  assert_ok(lily_session_storage_modify(storage, "k", modify, &job));
  assert_int_equal(job.calls, 2);
  now = 15;
  assert_stored(storage, "k", "2");
  lily_session_storage_close(storage);
  table_free(&table);
}

/* ---- several changes in one step */

#define ENTRY(key, json) { key, json, json ? strlen(json) : 0, 0, 0 }

CASE(storage_write__S27_all_in_one_step) {
  const char *none = NULL;
  const lily_session_entry entries[] = {ENTRY("a", " 1 "), ENTRY("b", "[2]"), {"c", none, 0, 0, 0}};
  assert_ok(set_text(stage->storage, "c", "3"));
  assert_ok(lily_session_storage_write(stage->storage, entries, 3));
  assert_stored(stage->other, "a", "1");
  assert_stored(stage->other, "b", "[2]");
  assert_absent(stage->other, "c");
  assert_ok(lily_session_storage_write(stage->storage, NULL, 0));
}

TEST(storage_write__S27_is_one_line) {
  lily_session_storage *storage;
  const lily_session_entry entries[] = {{"a", "1", 1, 7, 2}, {"b", NULL, 0, 0, 0}};
  assert_ok(lily_session_storage_open(JOURNAL, NULL, &storage));
  assert_ok(lily_session_storage_write(storage, entries, 2));
  assert_int_equal(operations(JOURNAL), 1);
  assert_operation(JOURNAL, 0, "\"batch\",[[\"set\",\"a\",1,7,2],[\"remove\",\"b\"]]");
  lily_session_storage_close(storage);
}

#define assert_refused(status, part, ...)                                                                                          \
  do {                                                                                                                       \
    const lily_session_entry entries_[] = {__VA_ARGS__};                                                                     \
    assert_fails(status, lily_session_storage_write(stage->storage, entries_, sizeof entries_ / sizeof *entries_));          \
    assert_message_has(part);                                                                                                \
    assert_absent(stage->other, "a");                                                                                        \
  } while (0)

CASE(storage_write__S27_none_if_one_is_wrong) {
  const lily_session_entry good = ENTRY("a", "1");
  const lily_session_entry negative_time = {"b", "1", 1, -1, 0}, negative_length = {"b", "1", (size_t)-1, 0, 0};
  assert_refused(DECODE, "b: ", good, ENTRY("b", "{"));
  assert_refused(DUPLICATE_KEY, "a: ", good, ENTRY("b", "1"), ENTRY("a", "2"));
  assert_refused(INVALID_ARGUMENT, "key", good, ENTRY("", "1"));
  assert_refused(INVALID_ARGUMENT, "key", good, ENTRY(NULL, "1"));
  assert_refused(INVALID_ARGUMENT, "b: ", good, negative_time);
  assert_refused(INVALID_ARGUMENT, "b: ", good, negative_length);
  assert_fails(INVALID_ARGUMENT, lily_session_storage_write(stage->storage, NULL, 1));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_write(stage->storage, &good, (size_t)-1));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_write(NULL, &good, 1));
}

TEST(storage_write__S27_none_if_not_all_fit) {
  int64_t now = 1000;
  lily_session_storage *const storages[] = {open_clocked(JOURNAL, &now, 30), open_memory_clocked(&now, 30)};
  const lily_session_entry small_first[] = {ENTRY("a", "1"), ENTRY("b", "\"this one is far too large\"")};
  const lily_session_entry large_first[] = {ENTRY("b", "\"this one is far too large\""), ENTRY("a", "1")};
  for (int i = 0; i < 2; i++) {
    assert_ok(set_text(storages[i], "k", "\"1234\""));
    assert_fails(QUOTA, lily_session_storage_write(storages[i], small_first, 2));
    assert_fails(QUOTA, lily_session_storage_write(storages[i], large_first, 2));
    assert_entries(storages[i], 1);
    lily_session_storage_close(storages[i]);
  }
}
