/* Several sessions on one runtime: each has its own fields and storage. All follow one update, in the order of their attachment. */
#include "journal.h"
#include "rig.h"

enum { SESSIONS = 11 }; /* so many that the runtime's list has to grow */

static struct rig rig;
static struct probe probes[SESSIONS];
static lily_session *sessions[SESSIONS];
static int releases[SESSIONS];

static void attach_one(int i, lily_session_storage *storage) {
  char key[20];
  lily_session_persistence *fields = lily_session_persistence_new();
  snprintf(key, sizeof key, "field %d", i);
  memset(&probes[i], 0, sizeof probes[i]);
  probes[i].rig = &rig;
  snprintf(probes[i].key, sizeof probes[i].key, "%s", key);
  probe_int(&probes[i], 0);
  lily_session_field field = probe_field(&probes[i], key, LILY_SESSION_INT);
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  config.storage = storage;
  config.context = &releases[i];
  config.release = count_release;
  releases[i] = 0;
  assert_ok(lily_session_field_add(fields, &field));
  assert_ok(lily_session_attach(rig.runtime, fields, &config, &sessions[i]));
  lily_session_persistence_free(fields);
}

static void begin(void) {
  rig_begin(&rig, open_storage(JOURNAL));
  for (int i = 0; i < SESSIONS; i++) attach_one(i, rig.storage);
  rig_forget(&rig);
}

static void end(void) {
  for (int i = 0; i < SESSIONS; i++) lily_session_detach(sessions[i]);
  for (int i = 0; i < SESSIONS; i++) {
    assert_int_equal(releases[i], 1);
    assert_int_equal(probes[i].releases, 1);
  }
  rig_end(&rig);
}

TEST(sessions__S5_all_follow_one_update_in_the_order_of_attach) {
  char expected[400] = "update; ";
  begin();
  for (int i = 0; i < SESSIONS; i++) {
    probe_int(&probes[i], i + 1);
    sprintf(expected + strlen(expected), "get field %d; ", i);
  }
  rig_dispatch(&rig);
  assert_string_equal(rig.trace, expected);
  assert_int_equal(operations(JOURNAL), SESSIONS);
  for (int i = 0; i < SESSIONS; i++) {
    char key[40], json[20];
    snprintf(key, sizeof key, "lily_session_field %d", i);
    snprintf(json, sizeof json, "%d", i + 1);
    assert_stored(rig.storage, key, json);
  }
  end();
}

/* If several sessions fail, the failure of the first is returned. The others store what they can. */
TEST(sessions__S7_the_first_failure_counts) {
  begin();
  for (int i = 0; i < SESSIONS; i++) probe_int(&probes[i], 1);
  probes[7].get_result = -1;
  probe_string(&probes[3], "no integer");
  assert_fails(ENCODE, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_message_has("field 3");
  assert_entries(rig.storage, SESSIONS - 2);
  probe_int(&probes[3], 2);
  assert_fails(CALLBACK, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_message_has("field 7");
  assert_entries(rig.storage, SESSIONS - 1);
  probes[7].get_result = LILY_SESSION_OK;
  rig_dispatch(&rig);
  assert_entries(rig.storage, SESSIONS);
  end();
}

TEST(sessions__some_are_detached_from_between_the_others) {
  begin();
  const int gone[] = {0, 5, 6, 10};
  for (size_t i = 0; i < COUNT(gone); i++) {
    lily_session_detach(sessions[gone[i]]);
    sessions[gone[i]] = NULL;
    assert_int_equal(releases[gone[i]], 1);
    assert_int_equal(probes[gone[i]].releases, 1);
  }
  rig_forget(&rig);
  for (int i = 0; i < SESSIONS; i++) probe_int(&probes[i], 1);
  rig_dispatch(&rig);
  assert_string_equal(rig.trace, "update; get field 1; get field 2; get field 3; get field 4; get field 7; get field 8; get field 9; ");
  assert_entries(rig.storage, SESSIONS - (int)COUNT(gone));
  /* Other sessions may use the keys of these sessions now. */
  attach_one(5, rig.storage);
  assert_state(sessions[5], "field 5", LILY_SESSION_STATE_ABSENT);
  end();
}

TEST(sessions__runtime_free_ends_them_all) {
  begin();
  for (int i = 0; i < SESSIONS; i++) probe_int(&probes[i], 1);
  end_by(lily_session_runtime_free, rig.runtime);
  for (int i = 0; i < SESSIONS; i++) {
    assert_int_equal(releases[i], 1);
    assert_int_equal(probes[i].releases, 1);
    assert_fails(INVALID_ARGUMENT, lily_session_persist(sessions[i]));
  }
  assert_entries(rig.storage, SESSIONS);
  end();
}

/* Each session may have a storage of its own. If one storage fails, only its session fails. */
TEST(sessions__S6_of_different_storages) {
  journal_of(in_place("read_only"), "a", "1", NULL);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *read_only = NULL, *memory = open_memory();
  options.flags = LILY_SESSION_READ_ONLY;
  assert_ok(lily_session_storage_open(in_place("read_only"), &options, &read_only));
  rig_begin(&rig, open_storage(JOURNAL));
  lily_session_storage *const storages[] = {rig.storage, read_only, memory};
  for (int i = 0; i < 3; i++) attach_one(i, storages[i]);
  for (int i = 0; i < 3; i++) probe_int(&probes[i], 1);
  assert_fails(PERMISSION, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_stored(rig.storage, "lily_session_field 0", "1");
  assert_absent(read_only, "lily_session_field 1");
  assert_stored(memory, "lily_session_field 2", "1");
  assert_state(sessions[1], "field 1", LILY_SESSION_STATE_ABSENT | LILY_SESSION_STATE_DIRTY);
  for (int i = 0; i < 3; i++) lily_session_detach(sessions[i]);
  lily_session_storage_close(read_only);
  lily_session_storage_close(memory);
  rig_end(&rig);
}
