/* S15: detach, abandon, runtime_free and close inside a callback take effect when the outermost call returns. */
#include "journal.h"
#include "rig.h"

static struct rig rig;
static struct probe theme, cart;

/* The first callback at `place_of_end` calls `end_it`. */
static const char *place_of_end;
static void (*end_it)(void);
static int skipped_places; /* how many callbacks at that place come before the one that counts */
static int releases_then, field_releases_then;

static void hook(struct rig *rig_, const char *where) {
  if (end_it == NULL || strcmp(where, place_of_end) != 0 || skipped_places-- > 0) return;
  skipped_places = 0;
  void (*ending)(void) = end_it;
  (void)rig_;
  end_it = NULL;
  ending();
  releases_then = rig.releases;
  field_releases_then = theme.releases;
}

static void detach(void) {
  end_by(lily_session_detach, rig.session);
}
static void abandon(void) {
  end_by(lily_session_abandon, rig.session);
}
static void free_runtime(void) {
  end_by(lily_session_runtime_free, rig.runtime);
}
static void free_all(void) {
  end_by(lily_session_storage_close, rig.storage);
  end_by(lily_session_persistence_free, rig.fields);
  free_runtime();
  detach();
}
static void free_all_the_other_way(void) {
  detach();
  free_runtime();
  end_by(lily_session_persistence_free, rig.fields);
  end_by(lily_session_storage_close, rig.storage);
}
static void close_storage(void) {
  end_by(lily_session_storage_close, rig.storage);
}

static void begin(void) {
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  rig_field(&rig, &cart, "cart", LILY_SESSION_INT);
  probe_string(&theme, "light");
  probe_int(&cart, 0);
  rig.config.get = rig_get;
  rig.config.revision = rig_revision;
  rig_attach(&rig);
  rig.hook = hook;
}

static void check_ended(const char *theme_json) {
  assert_null(end_it);
  rig_end(&rig);
  assert_int_equal(rig.releases, 1);
  assert_int_equal(theme.releases, 1);
  assert_int_equal(cart.releases, 1);
  lily_session_storage *storage = open_storage(JOURNAL);
  if (theme_json != NULL) assert_stored(storage, "lily_session_theme", theme_json);
  lily_session_storage_close(storage);
  unlink(JOURNAL);
}

/* The callbacks of a call that stores. */
static const char *const places[] = {"slice", "revision", "get", "event", "update"};
enum { PLACES_OUTSIDE_DISPATCH = COUNT(places) - 1 };

/* One field changes, another fails, and the ending comes in one of the callbacks. */
static void begin_with_ending(const char *place, void (*ending)(void)) {
  begin();
  place_of_end = place;
  end_it = ending;
  probe_string(&theme, "dark");
  cart.get_result = -5;
  rig.revision++;
}

static void check_in_dispatch(void (*ending)(void), bool ends_session, const char *theme_json) {
  for (size_t i = 0; i < COUNT(places); i++) {
    begin_with_ending(places[i], ending);
    assert_fails(CALLBACK, lily_session_runtime_dispatch(rig.runtime, NULL));
    assert_int_equal(rig.updates, 1);
    if (ends_session) {
      /* The session is released at once when the outermost call has returned, and not before. */
      assert_int_equal(releases_then, 0);
      assert_int_equal(field_releases_then, 0);
      assert_int_equal(rig.releases, 1);
    }
    check_ended(theme_json);
  }
}

TEST(ending__S15_detach_inside_dispatch) { check_in_dispatch(detach, true, "\"dark\""); }
TEST(ending__S15_abandon_inside_dispatch) { check_in_dispatch(abandon, true, NULL); }
TEST(ending__S15_runtime_free_inside_dispatch) { check_in_dispatch(free_runtime, true, "\"dark\""); }
TEST(ending__S15_close_inside_dispatch) { check_in_dispatch(close_storage, false, "\"dark\""); }
TEST(ending__S15_everything_inside_dispatch) { check_in_dispatch(free_all, true, "\"dark\""); }
TEST(ending__S15_everything_inside_dispatch_the_other_way) { check_in_dispatch(free_all_the_other_way, true, "\"dark\""); }

static void check_in_session_call(lily_session_status (*call)(lily_session *), void (*ending)(void)) {
  for (size_t i = 0; i < PLACES_OUTSIDE_DISPATCH; i++) {
    begin_with_ending(places[i], ending);
    assert_fails(CALLBACK, call(rig.session));
    assert_int_equal(releases_then, 0);
    assert_int_equal(rig.releases, 1);
    check_ended("\"dark\"");
  }
}

TEST(ending__S15_detach_inside_persist) { check_in_session_call(lily_session_persist, detach); }
TEST(ending__S15_detach_inside_flush) { check_in_session_call(lily_session_flush, detach); }
TEST(ending__S15_everything_inside_persist) { check_in_session_call(lily_session_persist, free_all); }
TEST(ending__S15_everything_inside_flush) { check_in_session_call(lily_session_flush, free_all_the_other_way); }

/* Ends something inside the callbacks that `outer` makes. */
static void check_in_ending(void (*outer)(void), void (*inner)(void)) {
  for (size_t i = 0; i < PLACES_OUTSIDE_DISPATCH; i++) {
    begin_with_ending(places[i], inner);
    outer();
    check_ended("\"dark\"");
  }
}

TEST(ending__S15_runtime_free_inside_detach) { check_in_ending(detach, free_runtime); }
TEST(ending__S15_detach_inside_runtime_free) { check_in_ending(free_runtime, detach); }

/* The detach takes effect at the end of the dispatch. It flushes then, and a callback of that flush frees the runtime. */
static void detach_and_free_later(void) {
  detach();
  place_of_end = "slice";
  end_it = free_runtime;
  skipped_places = 1; /* this one belongs to the dispatch itself */
}
TEST(ending__S15_runtime_free_inside_a_detach_that_waited) {
  begin();
  place_of_end = "update";
  end_it = detach_and_free_later;
  probe_string(&theme, "dark");
  rig.revision++;
  assert_ok(lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_null(rig.runtime);
  check_ended("\"dark\"");
}

TEST(ending__S15_runtime_free_inside_attach) {
  const char *const callbacks[] = {"slice", "revision", "get", "set", "put"};
  for (size_t i = 0; i < COUNT(callbacks); i++) {
    journal_of(JOURNAL, "lily_session_cart", "7", NULL);
    begin();
    lily_session_detach(rig.session);
    rig.releases = 0;
    rig.config.set = rig_set;
    place_of_end = callbacks[i];
    end_it = free_runtime;
    rig.session = UNTOUCHED;
    lily_session_status status =
        lily_session_attach(rig.runtime, rig.fields, &rig.config, &rig.session);
    /* The runtime is gone. If attach returned a handle, its calls return INVALID_ARGUMENT. */
    if (status == LILY_SESSION_OK) {
      assert_fails(INVALID_ARGUMENT, lily_session_persist(rig.session));
    } else {
      assert_null(rig.session);
    }
    check_ended(NULL);
  }
}

/* One session ends another of the same runtime while the runtime walks over both. */
static lily_session *other_session;
static void detach_other(void) {
  lily_session_detach(other_session);
  other_session = NULL;
}

TEST(ending__S15_a_session_ends_its_neighbour) {
  for (size_t i = 0; i < COUNT(places); i++) {
    struct probe neighbour = {0};
    int releases = 0;
    begin_with_ending(places[i], detach_other);
    lily_session_persistence *fields = lily_session_persistence_new();
    lily_session_field field = probe_field(&neighbour, "neighbour", LILY_SESSION_INT);
    lily_session_config config = LILY_SESSION_CONFIG_INIT;
    config.storage = rig.storage;
    config.context = &releases;
    config.release = count_release;
    probe_int(&neighbour, 0);
    assert_ok(lily_session_field_add(fields, &field));
    assert_ok(lily_session_attach(rig.runtime, fields, &config, &other_session));
    probe_int(&neighbour, 1);
    assert_fails(CALLBACK, lily_session_runtime_dispatch(rig.runtime, NULL));
    assert_stored(rig.storage, "lily_session_neighbour", "1");
    assert_int_equal(releases, 1);
    lily_session_persistence_free(fields);
    assert_int_equal(neighbour.releases, 1);
    check_ended("\"dark\"");
  }
}
