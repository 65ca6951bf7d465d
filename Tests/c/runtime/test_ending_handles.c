/* S15: a handle that is freed inside a callback can be used until the outermost call returns; a memory checker sees whether it can. */
#include "pair.h"

static struct side here;
static const struct side_options plain;
static lily_session_status dispatched, persisted;
static void *model;
static int calls;

/* Allocates memory, as a host does meanwhile. A freed handle would be in it. */
static void disturb(void) {
  for (size_t size = 16; size < 200; size += 8) free(memset(malloc(size), 0x41, size));
}

static void use_handles(struct rig *rig, lily_session_runtime *runtime, lily_session *session) {
  disturb();
  calls++;
  model = lily_session_runtime_model(runtime);
  dispatched = lily_session_runtime_dispatch(runtime, NULL);
  persisted = lily_session_persist(session);
  (void)rig;
}

static lily_session_runtime *runtime;
static lily_session *session;

static void use_in_get(struct rig *rig, const char *where) {
  if (strcmp(where, "get") == 0) use_handles(rig, runtime, session);
}

static void begin(lily_session_storage *storage) {
  side_start(&here, storage, plain);
  runtime = here.rig.runtime;
  session = here.rig.session;
  calls = 0;
  model = NULL;
}

static void check(void) {
  assert_true(calls > 0);
  assert_ptr_equal(model, &here.rig);
  assert_int_equal(dispatched, LILY_SESSION_ERROR_REENTRANT);
  assert_int_equal(persisted, LILY_SESSION_ERROR_REENTRANT);
}

TEST(ending__S15_callbacks_of_runtime_free_may_use_the_runtime) {
  lily_session_storage *storage = open_memory();
  begin(storage);
  probe_string(&here.theme, "dark");
  here.rig.hook = use_in_get;
  end_by(lily_session_runtime_free, here.rig.runtime);
  here.rig.hook = NULL;
  check();
  assert_stored(storage, "lily_session_theme", "\"dark\"");
  rig_end(&here.rig);
  lily_session_storage_close(storage);
}

TEST(ending__S15_callbacks_of_detach_may_use_both) {
  lily_session_storage *storage = open_memory();
  begin(storage);
  here.rig.hook = use_in_get;
  end_by(lily_session_detach, here.rig.session);
  here.rig.hook = NULL;
  check();
  rig_end(&here.rig);
  lily_session_storage_close(storage);
}

static void free_and_use(struct rig *rig, const void *message) {
  (void)message;
  lily_session_detach(rig->session);
  rig->session = NULL;
  lily_session_runtime_free(rig->runtime);
  rig->runtime = NULL;
  use_handles(rig, runtime, session);
}

TEST(ending__S15_a_runtime_freed_by_its_update_is_good_until_that_returns) {
  lily_session_storage *storage = open_memory();
  begin(storage);
  probe_string(&here.theme, "dark");
  here.rig.in_update = free_and_use;
  assert_ok(lily_session_runtime_dispatch(runtime, NULL));
  assert_ptr_equal(model, &here.rig);
  assert_int_equal(dispatched, LILY_SESSION_ERROR_REENTRANT);
  assert_stored(storage, "lily_session_theme", "\"dark\"");
  rig_end(&here.rig);
  lily_session_storage_close(storage);
}
