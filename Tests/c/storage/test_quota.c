/* S14: the quota counts the bytes of the keys and values that are stored, alike on a journal and in memory. */
#include "journal.h"
#include "rig.h"

static int64_t now = 1000;

static lily_session_storage *open_either(int memory, int64_t quota) {
  return memory ? open_memory_clocked(&now, quota) : open_clocked(JOURNAL, &now, quota);
}

/* Returns a JSON string of `bytes` bytes, quotes included, which the caller frees. */
static char *json_of(size_t bytes) {
  char *text = repeated('x', bytes);
  text[0] = text[bytes - 1] = '"';
  return text;
}

static lily_session_status set_bytes(lily_session_storage *storage, const char *key, size_t bytes) {
  char *json = json_of(bytes);
  const lily_session_status status = set_text(storage, key, json);
  free(json);
  return status;
}

TEST(quota__S14_exactly_at_the_limit) {
  for (int memory = 0; memory < 2; memory++) {
    lily_session_storage *storage = open_either(memory, 100);
    assert_fails(QUOTA, set_bytes(storage, "k", 100));
    assert_message_has("k");
    assert_absent(storage, "k");
    assert_ok(set_bytes(storage, "k", 99));
    assert_int_equal(info_of(storage).live_bytes, 100);
    assert_fails(QUOTA, set_bytes(storage, "k", 100));
    assert_fails(QUOTA, set_text(storage, "l", "1"));
    assert_ok(set_bytes(storage, "k", 97)); /* 98 with its key */
    assert_ok(set_text(storage, "l", "1"));
    assert_fails(QUOTA, set_text(storage, "l", "12"));
    assert_stored(storage, "l", "1");
    assert_ok(lily_session_storage_remove(storage, "k"));
    assert_ok(set_bytes(storage, "l", 99));
    lily_session_storage_close(storage);
  }
}

/* The quota counts bytes and not characters. It counts the text as it is stored, without the white space that was given. */
TEST(quota__S14_counts_what_is_stored) {
  for (int memory = 0; memory < 2; memory++) {
    lily_session_storage *storage = open_either(memory, 10);
    assert_ok(set_text(storage, "\xc3\xa9", "[ 1 , 2 ]           ")); /* 2 + 5 */
    assert_int_equal(info_of(storage).live_bytes, 7);
    assert_fails(QUOTA, set_text(storage, "\xc3\xa9", "\"\xf0\x9f\x98\x80\xc3\xa9\xc3\xa9\"")); /* 2 + 10 */
    assert_ok(set_text(storage, "\xc3\xa9", "\"\xf0\x9f\x98\x80\xc3\xa9\""));                     /* 2 + 8 */
    lily_session_storage_close(storage);
  }
}

/* What stays of a scope that was logged out is the library's own, and no user can remove it. */
TEST(quota__S14_scopes_that_were_logged_out_take_no_room) {
  for (int memory = 0; memory < 2; memory++) {
    lily_session_storage *storage = open_either(memory, 40);
    for (int number = 0; number < 50; number++) {
      char name[16];
      snprintf(name, sizeof name, "user:%d", number);
      lily_session_storage *scope = open_scope(storage, name);
      assert_ok(set_text(scope, "lily_session_a", "1"));
      assert_ok(lily_session_clear(scope));
      lily_session_storage_close(scope);
      assert_int_equal(info_of(storage).live_bytes, 0);
    }
    assert_int_equal(info_of(storage).entries, 0);
    assert_ok(set_bytes(storage, "k", 39));
    assert_fails(QUOTA, set_bytes(storage, "k", 40));
    lily_session_storage_close(storage);
    if (memory) continue;
    storage = open_either(memory, 40);
    assert_int_equal(info_of(storage).live_bytes, 40);
    lily_session_storage_close(storage);
  }
}

TEST(quota__S14_the_default_is_5_MiB) {
  for (int memory = 0; memory < 2; memory++) {
    lily_session_storage *storage = open_either(memory, 0);
    assert_fails(QUOTA, set_bytes(storage, "k", 5 << 20));
    assert_ok(set_bytes(storage, "k", (5 << 20) - 1));
    assert_fails(QUOTA, set_text(storage, "l", "1"));
    lily_session_storage_close(storage);
  }
}

TEST(quota__S14_minus_one_is_no_limit) {
  for (int memory = 0; memory < 2; memory++) {
    lily_session_storage *storage = open_either(memory, -1);
    assert_ok(set_bytes(storage, "k", 6 << 20));
    assert_ok(set_bytes(storage, "l", 6 << 20));
    assert_int_equal(info_of(storage).live_bytes, 2 + (12 << 20));
    lily_session_storage_close(storage);
  }
}

TEST(quota__options_out_of_range) {
  const int64_t wrong[] = {-2, -100, INT64_MIN};
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  for (size_t i = 0; i < COUNT(wrong); i++) {
    lily_session_storage *storage = UNTOUCHED;
    options.quota_bytes = wrong[i];
    assert_fails(INVALID_ARGUMENT, lily_session_storage_open(JOURNAL, &options, &storage));
    assert_null(storage);
    storage = UNTOUCHED;
    assert_fails(INVALID_ARGUMENT, lily_session_storage_open_memory(&options, &storage));
    assert_null(storage);
  }
  assert_int_equal(access(JOURNAL, F_OK), -1);
}

/* It can be opened, and a write that does not make it larger succeeds. */
TEST(quota__S14_a_store_over_its_quota) {
  lily_session_storage *storage = open_either(0, 0);
  assert_ok(set_bytes(storage, "lily_session_a", 50));
  assert_ok(set_bytes(storage, "b", 50));
  lily_session_storage_close(storage);
  storage = open_either(0, 20);
  assert_stored(storage, "b", "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"");
  assert_fails(QUOTA, set_text(storage, "c", "1"));
  assert_fails(QUOTA, set_bytes(storage, "b", 51));
  assert_ok(set_bytes(storage, "b", 50));
  assert_ok(set_bytes(storage, "b", 49));
  assert_ok(set_bytes(storage, "b", 3));
  assert_fails(QUOTA, set_bytes(storage, "b", 4));
  assert_ok(lily_session_storage_remove(storage, "b"));
  assert_fails(QUOTA, set_text(storage, "c", "1"));
  assert_ok(lily_session_clear(storage));
  assert_ok(set_bytes(storage, "c", 19));
  lily_session_storage_close(storage);
}

/* Each handle has the quota of its own options, which counts what all handles have stored. */
TEST(quota__S14_counts_what_others_stored) {
  lily_session_storage *large = open_either(0, -1), *small = open_either(0, 30);
  assert_ok(set_bytes(small, "k", 10));
  assert_ok(set_bytes(large, "l", 100));
  assert_fails(QUOTA, set_text(small, "m", "1"));
  assert_ok(lily_session_storage_remove(large, "l"));
  assert_ok(set_bytes(small, "m", 18));
  assert_fails(QUOTA, set_bytes(small, "m", 19));
  lily_session_storage_close(large);
  lily_session_storage_close(small);
}

TEST(quota__S14_what_has_expired_takes_no_room) {
  for (int memory = 0; memory < 2; memory++) {
    now = 1000;
    lily_session_storage *storage = open_either(memory, 12);
    char *json = json_of(10);
    assert_ok(lily_session_storage_set(storage, "k", json, 10, 1500));
    free(json);
    assert_fails(QUOTA, set_text(storage, "ab", "12"));
    now = 1500;
    assert_ok(set_text(storage, "ab", "12"));
    lily_session_storage_close(storage);
  }
}

TEST(quota__S14_scopes_count) {
  for (int memory = 0; memory < 2; memory++) {
    lily_session_storage *storage = open_either(memory, 100), *a = open_scope(storage, "a"), *b = open_scope(storage, "b");
    assert_ok(set_bytes(storage, "k", 29));
    assert_ok(set_bytes(a, "k", 29));
    assert_fails(QUOTA, set_bytes(b, "k", 40));
    assert_ok(set_bytes(b, "k", 20));
    assert_fails(QUOTA, set_bytes(storage, "l", 19));
    assert_ok(lily_session_storage_remove(a, "k"));
    assert_ok(set_bytes(storage, "l", 19));
    lily_session_storage_close(a);
    lily_session_storage_close(b);
    lily_session_storage_close(storage);
    unlink(JOURNAL);
  }
}

/* ---- sessions */

static struct rig rig;
static struct probe fields[4];

static void begin(lily_session_storage *storage) {
  const char *const keys[] = {"a", "b", "c", "d"};
  rig_begin(&rig, storage);
  for (int i = 0; i < 4; i++) {
    rig_field(&rig, &fields[i], keys[i], LILY_SESSION_STRING);
    probe_string(&fields[i], "");
  }
  rig_attach(&rig);
}

/* Each key takes 14 bytes, and each text two more than its length. */
TEST(quota__S14_left_out_in_field_order) {
  for (int memory = 0; memory < 2; memory++) {
    unlink(JOURNAL);
    begin(open_either(memory, 60));
    probe_string(&fields[0], "1234");                                    /* 20 */
    probe_string(&fields[1], "1234567890123456789012345678901234567890"); /* 56 */
    probe_string(&fields[2], "1234");                                    /* 40 */
    probe_string(&fields[3], "123456");                                  /* 62: two too many */
    assert_fails(QUOTA, lily_session_runtime_dispatch(rig.runtime, NULL));
    assert_message_has("b");
    assert_int_equal(rig.event_count, 2);
    assert_event(&rig, 0, LILY_SESSION_EVENT_WRITE_FAILED, LILY_SESSION_ERROR_QUOTA, 0, "b");
    assert_event(&rig, 1, LILY_SESSION_EVENT_WRITE_FAILED, LILY_SESSION_ERROR_QUOTA, 0, "d");
    assert_stored(rig.storage, "lily_session_a", "\"1234\"");
    assert_stored(rig.storage, "lily_session_c", "\"1234\"");
    assert_entries(rig.storage, 2);
    assert_state(rig.session, "a", LILY_SESSION_STATE_LOADED);
    assert_state(rig.session, "b", LILY_SESSION_STATE_ABSENT | LILY_SESSION_STATE_DIRTY);
    assert_state(rig.session, "d", LILY_SESSION_STATE_ABSENT | LILY_SESSION_STATE_DIRTY);
    if (!memory) {
      assert_int_equal(operations(JOURNAL), 1);
      assert_operation(JOURNAL, 0, "\"batch\",[[\"set\",\"lily_session_a\",\"1234\",0],[\"set\",\"lily_session_c\",\"1234\",0]]");
    }
    /* The next update tries again. It stores a field that makes room before the one that needs it. */
    probe_string(&fields[0], "12");
    rig_forget(&rig);
    assert_fails(QUOTA, lily_session_persist(rig.session));
    assert_int_equal(rig.event_count, 1);
    assert_stored(rig.storage, "lily_session_d", "\"123456\"");
    assert_int_equal(info_of(rig.storage).live_bytes, 60);
    probe_string(&fields[1], "");
    probe_string(&fields[3], "");
    assert_fails(QUOTA, lily_session_persist(rig.session)); /* 20 - 2 + 20 + 16 + 16 */
    probe_string(&fields[2], "");
    rig_end(&rig);
  }
}

TEST(quota__S14_nothing_fits) {
  begin(open_either(0, 5));
  probe_string(&fields[1], "x");
  assert_fails(QUOTA, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_fails(QUOTA, lily_session_flush(rig.session));
  assert_entries(rig.storage, 0);
  assert_int_equal(operations(JOURNAL), 0);
  assert_int_equal(info_of(rig.storage).owes_sync, 0);
  /* The field has its first value again. That is a change, too, and does not fit either. */
  probe_string(&fields[1], "");
  assert_fails(QUOTA, lily_session_persist(rig.session));
  rig_end(&rig);
}

/* An update that makes the store smaller passes though the store is too large. */
TEST(quota__S14_a_session_on_a_store_over_its_quota) {
  journal_of(JOURNAL, "lily_session_a", "\"12345678901234567890\"", "lily_session_b", "\"1234567890\"", NULL);
  begin(open_either(0, 30));
  assert_string_equal(fields[0].text, "12345678901234567890");
  probe_string(&fields[0], "1");
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_a", "\"1\"");
  probe_string(&fields[1], "12345678901");
  assert_fails(QUOTA, lily_session_runtime_dispatch(rig.runtime, NULL));
  probe_string(&fields[1], "0987654321"); /* the same size */
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_b", "\"0987654321\"");
  rig_end(&rig);
}
