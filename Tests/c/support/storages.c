#include "storages.h"

static lily_session_storage_options clocked(int64_t *now, int64_t quota) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.clock = now == NULL ? NULL : fixed_clock;
  options.context = now;
  options.quota_bytes = quota;
  return options;
}

lily_session_storage *open_clocked(const char *path, int64_t *now, int64_t quota) {
  const lily_session_storage_options options = clocked(now, quota);
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open(path, &options, &storage));
  return storage;
}

lily_session_storage *open_flagged(const char *path, int32_t flags, int64_t *now) {
  lily_session_storage_options options = clocked(now, 0);
  lily_session_storage *storage = NULL;
  options.flags = flags;
  assert_ok(lily_session_storage_open(path, &options, &storage));
  return storage;
}

lily_session_storage *open_memory_clocked(int64_t *now, int64_t quota) {
  const lily_session_storage_options options = clocked(now, quota);
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open_memory(&options, &storage));
  return storage;
}

lily_session_storage *open_scope(lily_session_storage *parent, const char *scope) {
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_scoped(parent, scope, &storage));
  assert_non_null(storage);
  return storage;
}

lily_session_info info_of(lily_session_storage *storage) {
  lily_session_info info = LILY_SESSION_INFO_INIT;
  assert_ok(lily_session_storage_info(storage, &info));
  return info;
}

void make_worth_rewriting(lily_session_storage *storage) {
  char *value = repeated('1', 4000);
  value[0] = value[3999] = '"';
  for (int i = 0; i < 40; i++) assert_ok(set_text(storage, "fill", i < 39 ? value : "1"));
  free(value);
}

int64_t fixed_clock(void *context) { return *(int64_t *)context; }

lily_session_status count_items(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms) {
  (void)key, (void)json, (void)length, (void)expires_at_ms;
  ++*(int *)context;
  return LILY_SESSION_OK;
}

void check_entries(lily_session_storage *storage, int count, const char *file, int line) {
  int seen = 0;
  check_status(lily_session_storage_each(storage, NULL, count_items, &seen), LILY_SESSION_OK, "lily_session_storage_each", file, line);
  if (seen == count) return;
  print_error("the storage has %d entries, not %d\n", seen, count);
  _fail(file, line);
}
