/* lily_session_storage_open_memory(): which options it uses, and which it ignores or refuses. */
#include "rig.h"

#define assert_not_opened(options)                                                             \
  do {                                                                                         \
    lily_session_storage *out_storage = UNTOUCHED;                                             \
    assert_fails(INVALID_ARGUMENT, lily_session_storage_open_memory((options), &out_storage)); \
    assert_null(out_storage);                                                                  \
  } while (0)

TEST(storage_open_memory__null_out_storage) { assert_fails(INVALID_ARGUMENT, lily_session_storage_open_memory(NULL, NULL)); }

TEST(storage_open_memory__wrong_sizes_of_options) {
  struct {
    lily_session_storage_options options;
    char tail[16];
  } larger = {.options = LILY_SESSION_STORAGE_OPTIONS_INIT};
  const size_t wrong[] = {0, 1, sizeof larger.options - 1, SIZE_MAX};
  for (size_t i = 0; i < COUNT(wrong); i++) {
    larger.options.size = wrong[i];
    assert_not_opened(&larger.options);
  }
  larger.options.size = sizeof larger;
  larger.tail[15] = 1;
  assert_not_opened(&larger.options);
  larger.tail[15] = 0;
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open_memory(&larger.options, &storage));
  lily_session_storage_close(storage);
}

TEST(storage_open_memory__what_only_files_have_is_refused) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.application = "shop";
  assert_not_opened(&options);
  options.application = NULL;
  const int32_t flags[] = {LILY_SESSION_READ_ONLY, LILY_SESSION_STRICT, 4, -1};
  for (size_t i = 0; i < COUNT(flags); i++) {
    options.flags = flags[i];
    assert_not_opened(&options);
  }
  options.flags = 0;
  options.durability = LILY_SESSION_DURABILITY_POWER;
  assert_not_opened(&options);
  options.durability = 7;
  assert_not_opened(&options);
}

TEST(storage_open_memory__each_is_alone) {
  lily_session_storage *one = open_memory(), *two = open_memory();
  assert_ok(set_text(one, "a", "1"));
  assert_stored(one, "a", "1");
  assert_absent(two, "a");
  lily_session_storage_close(one);
  assert_absent(two, "a");
  lily_session_storage_close(two);
}

TEST(storage_open_memory__clock_counts) {
  int64_t now = 50;
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.clock = fixed_clock;
  options.context = &now;
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open_memory(&options, &storage));
  assert_ok(lily_session_storage_set(storage, "a", "1", 1, 60));
  assert_stored(storage, "a", "1");
  now = 60;
  assert_absent(storage, "a");
  lily_session_storage_close(storage);
}

TEST(storage_open_memory__does_what_a_file_does) {
  lily_session_storage *storage = open_memory();
  assert_ok(set_text(storage, "lily_session_a", " { \"x\" : [ 1 ] } "));
  assert_ok(set_text(storage, "b", "2"));
  assert_stored(storage, "lily_session_a", "{\"x\":[1]}");
  assert_entries(storage, 2);
  assert_ok(lily_session_storage_sync(storage));
  assert_ok(lily_session_clear(storage));
  assert_entries(storage, 1);
  assert_ok(lily_session_storage_remove(storage, "b"));
  assert_entries(storage, 0);
  lily_session_storage_close(storage);
}

/* A session keeps the storage open after its handle was given back. */
TEST(storage_open_memory__lives_as_long_as_its_sessions) {
  struct rig rig;
  struct probe theme = {0};
  rig_begin(&rig, open_memory());
  rig_attach_theme(&rig, &theme);
  end_by(lily_session_storage_close, rig.storage);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_LOADED);
  rig_end(&rig);
}
