/* S12, POWER: each change is synced before the call returns. This program defines fdatasync and fsync, which the library finds before the C
   library's, and counts their calls. */
#include "rig.h"

#include <sys/syscall.h>

static int datasyncs, syncs;

int fdatasync(int file) {
  datasyncs++;
  return (int)syscall(SYS_fdatasync, file);
}

int fsync(int file) {
  syncs++;
  return (int)syscall(SYS_fsync, file);
}

static lily_session_storage *open_power(void) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage = NULL;
  options.durability = LILY_SESSION_DURABILITY_POWER;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
  datasyncs = syncs = 0;
  return storage;
}

#define assert_synced(call)                                      \
  do {                                                           \
    const int before = datasyncs;                                \
    assert_ok(call);                                             \
    assert_int_equal(datasyncs, before + 1);                     \
    assert_int_equal(info_of(storage).owes_sync, 0);             \
  } while (0)

/* This checks that the calls are counted. If they were not, the tests below could not fail. */
TEST(power__the_counter_counts) {
  lily_session_storage *storage = open_storage(JOURNAL);
  datasyncs = syncs = 0;
  assert_ok(set_text(storage, "k", "1"));
  assert_int_equal(datasyncs, 0);
  assert_int_equal(info_of(storage).owes_sync, 1);
  assert_ok(lily_session_storage_sync(storage));
  assert_int_equal(datasyncs, 1);
  assert_true(syncs >= 1); /* the directory, in which the file is new */
  lily_session_storage_close(storage);
}

TEST(power__S12_each_change_is_synced) {
  lily_session_storage *storage = open_power();
  assert_int_equal(info_of(storage).durability, LILY_SESSION_DURABILITY_POWER);
  assert_synced(set_text(storage, "k", "1"));
  assert_true(syncs >= 1);
  assert_synced(set_text(storage, "k", "2"));
  assert_synced(lily_session_storage_set(storage, "k", "3", 1, 1));
  assert_synced(lily_session_storage_remove(storage, "k"));
  assert_synced(lily_session_clear(storage));
  lily_session_storage *scope = open_scope(storage, "user:4");
  assert_synced(set_text(scope, "k", "1"));
  assert_synced(lily_session_storage_remove(scope, "k"));
  assert_synced(lily_session_clear(scope));
  lily_session_storage_close(scope);
  lily_session_storage_close(storage);
}

/* Nothing is written, so nothing is synced. */
TEST(power__S12_no_change_is_no_sync) {
  lily_session_storage *storage = open_power();
  assert_ok(set_text(storage, "k", "1"));
  const int before = datasyncs;
  char *json = NULL;
  assert_ok(lily_session_storage_remove(storage, "absent"));
  assert_ok(lily_session_storage_get(storage, "k", &json, NULL));
  lily_session_free(json);
  assert_entries(storage, 1);
  assert_fails(DECODE, set_text(storage, "k", "nonsense"));
  assert_ok(lily_session_storage_sync(storage));
  assert_int_equal(datasyncs, before);
  lily_session_storage_close(storage);
  assert_int_equal(datasyncs, before);
}

TEST(power__S12_each_update_once) {
  struct rig rig;
  struct probe theme = {0}, visits = {0};
  lily_session_storage *storage = open_power();
  rig_begin(&rig, storage);
  rig_attach_theme_and_visits(&rig, &theme, &visits);
  assert_int_equal(datasyncs, 0);
  for (int i = 1; i <= 20; i++) {
    probe_int(&visits, i);
    probe_string(&theme, i % 2 ? "dark" : "light");
    assert_synced(lily_session_runtime_dispatch(rig.runtime, NULL));
    rig_dispatch(&rig); /* no change */
    assert_int_equal(datasyncs, i);
  }
  assert_synced(lily_session_touch(rig.session, "theme"));
  probe_int(&visits, 0);
  assert_synced(lily_session_flush(rig.session));
  assert_ok(lily_session_refresh(rig.session));
  assert_int_equal(datasyncs, 22);
  assert_int_equal(rig.event_count, 0);
  probe_int(&visits, 1);
  rig_end(&rig);
  assert_int_equal(datasyncs, 23);
}

/* With the default, the library syncs only when it is asked to and at the end, once for all changes. */
TEST(power__S12_PROCESS_syncs_at_the_end) {
  struct rig rig;
  struct probe visits = {0};
  rig_begin(&rig, open_storage(JOURNAL)); /* a new file may be synced */
  datasyncs = syncs = 0;
  rig_field(&rig, &visits, "visits", LILY_SESSION_INT);
  probe_int(&visits, 0);
  rig_attach(&rig);
  for (int i = 1; i <= 20; i++) {
    probe_int(&visits, i);
    rig_dispatch(&rig);
  }
  assert_int_equal(datasyncs, 0);
  assert_int_equal(info_of(rig.storage).owes_sync, 1);
  rig_end(&rig);
  assert_int_equal(datasyncs, 1);
}

TEST(power__options_out_of_range) {
  const int32_t wrong[] = {-1, 2, INT32_MAX, INT32_MIN};
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  for (size_t i = 0; i < COUNT(wrong); i++) {
    lily_session_storage *storage = UNTOUCHED;
    options.durability = wrong[i];
    assert_fails(INVALID_ARGUMENT, lily_session_storage_open(JOURNAL, &options, &storage));
    assert_null(storage);
  }
  options.durability = LILY_SESSION_DURABILITY_POWER;
  lily_session_storage *memory = UNTOUCHED;
  assert_fails(INVALID_ARGUMENT, lily_session_storage_open_memory(&options, &memory));
  assert_null(memory);
}

/* Rewriting the file syncs it as a whole, before it gets the name. */
TEST(power__S12_a_rewriting_is_synced) {
  lily_session_storage *storage = open_power();
  assert_ok(set_text(storage, "k", "1"));
  lily_session_storage_close(storage);
  storage = open_storage(JOURNAL);
  assert_ok(lily_session_storage_remove(storage, "k"));
  datasyncs = syncs = 0;
  assert_ok(lily_session_storage_sync(storage));
  assert_true(info_of(storage).last_compaction_ms > 0);
  assert_true(syncs >= 2); /* the file and its directory */
  assert_int_equal(info_of(storage).owes_sync, 0);
  lily_session_storage_close(storage);
}
