/* What a session promises a backend: each write names the generation, an update is one batch, and no call comes between the return of a
   callback and the use of what it lent. */
#include "table.h"

static struct table table;
static struct rig rig;
static struct probe theme, visits;
static int64_t now;

static void begin(int64_t expires_after_ms) {
  now = 1000;
  table = (struct table){0}; /* The test before this one may have failed halfway. */
  memset(&theme, 0, sizeof theme);
  rig_begin(&rig, table_open(&table, &now));
  lily_session_field field = probe_field(&theme, "theme", LILY_SESSION_STRING);
  field.expires_after_ms = expires_after_ms;
  field.version = 7;
  rig_add(&rig, &theme, field);
  rig_field(&rig, &visits, "visits", LILY_SESSION_INT);
  probe_string(&theme, "light");
  probe_int(&visits, 0);
  rig_attach(&rig);
}

static void end(void) {
  rig_end(&rig);
  assert_int_equal(table.releases, 1);
  table_free(&table);
}

TEST(backend__a_field_is_written_with_deadline_and_version) {
  begin(500);
  probe_string(&theme, "dark");
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  const struct row *row = table_row(&table, "lily_session_theme");
  assert_string_equal(row->json, "\"dark\"");
  assert_int_equal(row->length, 6);
  assert_int_equal(row->expires_at_ms, 1500);
  assert_int_equal(row->version, 7);
  row = table_row(&table, "lily_session_visits");
  assert_int_equal(row->expires_at_ms, 0);
  assert_int_equal(row->version, 0);
  assert_int_equal(table.calls[TABLE_WRITE], 1);
  assert_int_equal(table.batch, 2);
  now = 1400;
  assert_ok(lily_session_touch(rig.session, "theme"));
  row = table_row(&table, "lily_session_theme");
  assert_int_equal(row->expires_at_ms, 1900);
  assert_int_equal(row->version, 7);
  end();
}

TEST(backend__P1_an_unchanged_update_asks_it_nothing) {
  begin(500);
  const struct table before = table;
  for (int i = 0; i < 100; i++) rig_dispatch(&rig);
  assert_ok(lily_session_persist(rig.session));
  assert_memory_equal(before.calls, table.calls, sizeof table.calls);
  assert_int_equal(lily_session_next_expiry(rig.session), -1);
  assert_memory_equal(before.calls, table.calls, sizeof table.calls);
  end();
}

static void clear_by_another(struct table *table_, int function) {
  if (function != TABLE_WRITE) return;
  table_->hook = NULL;
  lily_session_storage *other = table_open(table_, NULL);
  lily_session_clear(other);
  lily_session_storage_close(other);
  table_->releases--;
  table_->closes--;
}

/* Another handle clears between an update and its write. What the update changed is written after the clear, and nothing else is. */
TEST(backend__S8_a_clear_between_an_update_and_its_write) {
  begin(0);
  table.results[TABLE_WRITE] = LILY_SESSION_ERROR_BUSY;
  probe_string(&theme, SECRET);
  assert_fails(BUSY, lily_session_runtime_dispatch(rig.runtime, NULL));
  table.results[TABLE_WRITE] = LILY_SESSION_OK;
  table.hook = clear_by_another;
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  assert_null(table_row(&table, "lily_session_theme"));
  assert_non_null(table_row(&table, "lily_session_visits"));
  assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT);
  assert_ok(lily_session_refresh(rig.session));
  assert_ok(lily_session_flush(rig.session));
  assert_int_equal(table.count, 1);
  end();
}

/* A clear that comes between the read and the write of touch must remain. */
TEST(backend__S8_a_clear_in_the_middle_of_a_touch) {
  begin(500);
  probe_string(&theme, SECRET);
  rig_dispatch(&rig);
  table.hook = clear_by_another;
  const lily_session_status status = lily_session_touch(rig.session, "theme");
  assert_null(table.hook);
  assert_int_equal(table.count, 0);
  assert_int_equal(status, LILY_SESSION_ERROR_NOT_FOUND);
  end();
}

/* The host's functions do not run inside a call of the runtime, so that they may use other storages. */
static lily_session_status status_inside;
static void use_another(struct table *table_, int function) {
  (void)function;
  table_->hook = NULL;
  lily_session_storage *memory = NULL;
  status_inside = lily_session_storage_open_memory(NULL, &memory);
  if (status_inside == LILY_SESSION_OK) status_inside = set_text(memory, "k", "1");
  lily_session_storage_close(memory);
}

/* No lock is held, so that they may also use the storage that calls them. */
static lily_session_storage *same;
static void use_the_same(struct table *table_, int function) {
  (void)function;
  table_->hook = NULL;
  char *json = NULL;
  status_inside = lily_session_storage_get(same, "lily_session_visits", &json, NULL);
  lily_session_free(json);
}

TEST(backend__S15_its_functions_may_use_storages) {
  begin(0);
  for (int i = 0; i < 2; i++) {
    same = rig.storage;
    status_inside = -1;
    table.hook = i == 0 ? use_another : use_the_same;
    probe_int(&visits, i + 1);
    rig_dispatch(&rig);
    assert_null(table.hook);
    assert_int_equal(status_inside, LILY_SESSION_OK);
  }
  end();
}

static lily_session_status reentered;
static void dispatch_again(struct table *table_, int function) {
  (void)function;
  table_->hook = NULL;
  reentered = lily_session_persist(rig.session);
}

TEST(backend__S15_its_functions_run_inside_the_runtime) {
  begin(0);
  table.hook = dispatch_again;
  probe_int(&visits, 1);
  rig_dispatch(&rig);
  assert_int_equal(reentered, LILY_SESSION_ERROR_REENTRANT);
  end();
}

static int use_in_child(void *context) {
  lily_session_storage *storage = context;
  char *json = NULL;
  int count = 0;
  CHILD_CHECK(lily_session_storage_get(storage, "k", &json, NULL) == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(set_text(storage, "k", "1") == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(lily_session_storage_remove(storage, "k") == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(lily_session_storage_each(storage, NULL, count_items, &count) == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(lily_session_storage_sync(storage) == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(lily_session_clear(storage) == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(lily_session_storage_fd(storage) == -1);
  for (int i = 0; i < TABLE_FUNCTIONS; i++) CHILD_CHECK(table.calls[i] == 0);
  lily_session_storage_close(storage);
  /* A child of fork must not use the connection of its parent. It has its own copy of the memory. */
  CHILD_CHECK(table.closes == 0);
  CHILD_CHECK(table.releases == 1);
  return 0;
}

TEST(backend__S16_in_a_child_of_fork_only_release_runs) {
  table = (struct table){0};
  lily_session_storage *storage = table_open(&table, NULL);
  assert_int_equal(in_child(use_in_child, storage), 0);
  assert_ok(set_text(storage, "k", "1"));
  lily_session_storage_close(storage);
  assert_int_equal(table.closes, 1);
  table_free(&table);
}

/* A session retains it: close and release are called when its last user ends. */
TEST(backend__it_is_retained) {
  begin(0);
  lily_session_storage *scope = open_scope(rig.storage, "s");
  end_by(lily_session_storage_close, rig.storage);
  assert_int_equal(table.releases, 0);
  probe_int(&visits, 3);
  rig_dispatch(&rig);
  end_by(lily_session_detach, rig.session);
  assert_int_equal(table.releases, 0);
  assert_ok(set_text(scope, "k", "1"));
  lily_session_storage_close(scope);
  assert_int_equal(table.closes, 1);
  end();
}
