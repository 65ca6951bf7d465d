#include "more.h"

#include <poll.h>

static lily_session_storage_options clocked(int64_t *now, int64_t quota) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.clock = fixed_clock;
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

void rig_lend(struct rig *rig, lily_session_storage *storage) {
  rig_begin(rig, storage);
  rig->storage = NULL;
}

void rig_add(struct rig *rig, struct probe *probe, lily_session_field field) {
  probe->rig = rig;
  snprintf(probe->key, sizeof probe->key, "%s", field.key);
  assert_ok(lily_session_field_add(rig->fields, &field));
}

bool readable(int fd, int ms) {
  struct pollfd poller = {.fd = fd, .events = POLLIN};
  return poll(&poller, 1, ms) == 1 && (poller.revents & POLLIN) != 0;
}

void limit_files(rlim_t bytes) {
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

lily_session_info info_of(lily_session_storage *storage) {
  lily_session_info info = LILY_SESSION_INFO_INIT;
  assert_ok(lily_session_storage_info(storage, &info));
  return info;
}

void check_operation(const char *path, int n, const char *text, const char *file, int line) {
  struct bytes all = file_read(path);
  const char *at = all.bytes;
  for (int i = 0; i < n + 2 && at != NULL; i++) at = strchr(at, '\n') == NULL ? NULL : strchr(at, '\n') + 1;
  char *end = at == NULL ? NULL : strchr(at, '\n');
  bool same = false;
  if (end != NULL) {
    *end = '\0';
    /* ["xxxxxxxx",17, and then the operation, and a ] */
    const char *operation = strlen(at) > 12 ? strchr(at + 12, ',') : NULL;
    same = operation != NULL && strlen(operation + 1) == strlen(text) + 1 && strncmp(operation + 1, text, strlen(text)) == 0;
  }
  if (!same) print_error("operation %d is %s\nand not %s\n", n, end == NULL ? "not there" : at, text);
  free(all.bytes);
  if (!same) _fail(file, line);
}

void make_worth_rewriting(lily_session_storage *storage) {
  char *value = repeated('1', 4000);
  value[0] = value[3999] = '"';
  for (int i = 0; i < 40; i++) assert_ok(set_text(storage, "fill", i < 39 ? value : "1"));
  free(value);
}
