/* lily_session_storage_open_memory(): which options it uses, and which it ignores or refuses. */
#include "files.h"
#include "rig.h"
#include "storages.h"

#include <fcntl.h>
#include <sys/resource.h>

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

/* S10 in memory: the descriptor is what it is for a file, except that all changes come through this handle and its scopes. */

TEST(storage_open_memory__S10_the_same_descriptor_each_time) {
  lily_session_storage *storage = open_memory();
  int fd = lily_session_storage_fd(storage);
  assert_true(fd >= 0);
  assert_int_equal(lily_session_storage_fd(storage), fd);
  assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  assert_false(readable(fd, 0));
  lily_session_storage_close(storage);
  assert_int_equal(fcntl(fd, F_GETFD), -1);
}

TEST(storage_open_memory__S10_the_descriptor_tells_of_every_change) {
  lily_session_storage *storage = open_memory(), *scope = open_scope(storage, "user:42");
  int fd = lily_session_storage_fd(storage);
  assert_int_equal(lily_session_storage_fd(scope), fd);
  lily_session_entry entry = {.key = "c", .json = "1", .length = 1};
  for (int change = 0; change < 6; change++) {
    switch (change) {
      case 0: assert_ok(set_text(storage, "a", "1")); break;
      case 1: assert_ok(lily_session_storage_remove(storage, "a")); break;
      case 2: assert_ok(set_text(scope, "a", "2")); break;
      case 3: assert_ok(lily_session_clear(scope)); break;
      case 4: assert_ok(lily_session_storage_write(storage, &entry, 1)); break;
      default: assert_ok(lily_session_clear(storage));
    }
    assert_true(readable(fd, 0));
    assert_absent(storage, "b"); /* a read is enough while there is no session */
    assert_false(readable(fd, 0));
  }
  lily_session_storage_close(scope);
  lily_session_storage_close(storage);
}

TEST(storage_open_memory__S10_the_descriptor_waits_for_each_session) {
  struct rig one, two;
  struct probe theme = {0}, other = {0};
  lily_session_storage *storage = open_memory();
  int fd = lily_session_storage_fd(storage);
  rig_begin(&one, storage);
  rig_attach_theme(&one, &theme);
  rig_begin(&two, open_scope(storage, "user:42"));
  rig_attach_theme(&two, &other);
  assert_false(readable(fd, 0));
  assert_ok(set_text(storage, "lily_session_theme", "\"dark\""));
  assert_true(readable(fd, 0));
  assert_ok(lily_session_refresh(one.session));
  assert_string_equal(theme.text, "dark");
  assert_true(readable(fd, 0));
  assert_ok(lily_session_refresh(two.session));
  assert_false(readable(fd, 0));
  rig_end(&two);
  rig_end(&one);
}

/* A process that has no descriptor left gets none here, and gets one later. */
TEST(storage_open_memory__S10_no_descriptor_left) {
  lily_session_storage *storage = open_memory();
  struct rlimit before, none;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  none = before;
  none.rlim_cur = 3;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  assert_int_equal(lily_session_storage_fd(storage), -1);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  assert_ok(set_text(storage, "a", "1"));
  assert_true(lily_session_storage_fd(storage) >= 0);
  lily_session_storage_close(storage);
}
