/* lily_session_storage_scopes() and lily_session_storage_sweep(), on every kind of storage that has scopes. */
#include "files.h"
#include "journal.h"
#include "stage.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

struct names {
  char text[2000];
  int count, stop_at;
  lily_session_storage *storage; /* each visit clears this scope of it; NULL: none */
};

static lily_session_status note_name(void *context, const char *scope) {
  struct names *names = context;
  sprintf(names->text + strlen(names->text), "%s ", scope);
  if (names->storage != NULL) {
    lily_session_storage *one = NULL;
    if (lily_session_storage_scoped(names->storage, scope, &one) || lily_session_clear(one)) return LILY_SESSION_ERROR_IO;
    lily_session_storage_close(one);
  }
  return ++names->count == names->stop_at ? 4711 : LILY_SESSION_OK;
}

static void check_scopes(lily_session_storage *storage, const char *expected, const char *file, int line) {
  struct names names = {0};
  check_status(lily_session_storage_scopes(storage, note_name, &names), LILY_SESSION_OK, "lily_session_storage_scopes", file, line);
  if (strcmp(names.text, expected) == 0) return;
  print_error("the scopes are \"%s\", not \"%s\"\n", names.text, expected);
  _fail(file, line);
}
#define assert_scopes(storage, expected) check_scopes((storage), (expected), __FILE__, __LINE__)

static void check_sweep(lily_session_storage *storage, size_t limit, size_t expected, const char *file, int line) {
  size_t removed = 4711;
  check_status(lily_session_storage_sweep(storage, limit, &removed), LILY_SESSION_OK, "lily_session_storage_sweep", file, line);
  if (removed == expected) return;
  print_error("%zu scopes were removed, not %zu\n", removed, expected);
  _fail(file, line);
}
#define assert_sweeps(storage, limit, expected) check_sweep((storage), (limit), (expected), __FILE__, __LINE__)

static void put(struct stage *stage, const char *scope, const char *key, int64_t expires_in) {
  lily_session_storage *one = open_scope(stage->storage, scope);
  assert_ok(lily_session_storage_set(one, key, "1", 1, expires_in == 0 ? 0 : stage->now + expires_in));
  lily_session_storage_close(one);
}

CASE_OF_SCOPES(scopes__S23_those_with_an_entry_in_byte_order) {
  assert_scopes(stage->storage, "");
  assert_ok(set_text(stage->storage, "lily_session_k", "1"));
  assert_scopes(stage->storage, "");
  put(stage, "b", "lily_session_k", 0);
  put(stage, "a!", "other", 0);
  put(stage, "a", "lily_session_k", 10);
  put(stage, "a", "other", 20);
  put(stage, "\xc3\xa9", "k", 0);
  put(stage, "B", "k", 0);
  put(stage, "cleared", "lily_session_k", 0);
  lily_session_storage *cleared = open_scope(stage->storage, "cleared");
  assert_ok(lily_session_clear(cleared));
  lily_session_storage_close(cleared);
  assert_scopes(stage->storage, "B a a! b \xc3\xa9 ");
  assert_scopes(stage->other, "B a a! b \xc3\xa9 ");
  stage->now += 10;
  assert_scopes(stage->storage, "B a a! b \xc3\xa9 ");
  stage->now += 10;
  assert_scopes(stage->storage, "B a! b \xc3\xa9 ");
  stage_reopen(stage);
  assert_scopes(stage->storage, "B a! b \xc3\xa9 ");
}

CASE_OF_SCOPES(scopes__a_walk) {
  struct names stopped = {.stop_at = 2}, clearing = {.storage = stage->storage};
  for (int i = 0; i < 4; i++) put(stage, (const char *[]){"a", "b", "c", "d"}[i], "lily_session_k", 0);
  assert_returns(4711, lily_session_storage_scopes(stage->storage, note_name, &stopped));
  assert_string_equal(stopped.text, "a b ");
  assert_ok(lily_session_storage_scopes(stage->storage, note_name, &clearing)); /* visit may use the storage */
  assert_string_equal(clearing.text, "a b c d ");
  assert_scopes(stage->storage, "");
  assert_fails(INVALID_ARGUMENT, lily_session_storage_scopes(stage->storage, NULL, NULL));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_scopes(NULL, note_name, &stopped));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_sweep(NULL, 0, NULL));
}

CASE_OF_SCOPES(sweep__S23_removes_scopes_in_which_all_has_expired) {
  assert_sweeps(stage->storage, 0, 0);
  put(stage, "gone", "lily_session_k", 10);
  put(stage, "gone", "k", 5);
  put(stage, "half", "lily_session_k", 10);
  put(stage, "half", "k", 0);
  put(stage, "later", "lily_session_k", 100);
  put(stage, "stays", "lily_session_k", 0);
  assert_ok(lily_session_storage_set(stage->storage, "lily_session_k", "1", 1, stage->now + 1)); /* the storage's own keys are not swept */
  assert_sweeps(stage->storage, 0, 0);
  stage->now += 10;
  assert_sweeps(stage->storage, 0, 1);
  assert_sweeps(stage->storage, 0, 0);
  assert_scopes(stage->storage, "half later stays ");
  stage->now += 100;
  assert_sweeps(stage->other, 0, 1);
  assert_scopes(stage->storage, "half stays ");
  put(stage, "gone", "lily_session_k", 0);
  assert_scopes(stage->storage, "gone half stays ");
  assert_ok(lily_session_storage_sweep(stage->storage, 0, NULL));
}

CASE_OF_SCOPES(sweep__a_limit) {
  char name[20];
  for (int i = 0; i < 25; i++) {
    snprintf(name, sizeof name, "user:%d", i);
    put(stage, name, "lily_session_k", 10);
  }
  put(stage, "stays", "lily_session_k", 0);
  stage->now += 10;
  size_t removed = 0, all = 0;
  for (int step = 0; step < 4; step++) { /* four steps look at more files than there are */
    assert_ok(lily_session_storage_sweep(stage->storage, 10, &removed));
    assert_true(removed <= 10);
    all += removed;
  }
  assert_int_equal(all, 25);
  assert_sweeps(stage->storage, 10, 0);
  assert_scopes(stage->storage, "stays ");
}

/* A session that was attached before a sweep brings nothing back. */
CASE_OF_SCOPES(sweep__S8_nothing_from_before_comes_back) {
  struct rig rig;
  struct probe token = {0}, volume = {0};
  lily_session_storage *scope = open_scope(stage->storage, "u");
  rig_lend(&rig, scope);
  lily_session_field field = probe_field(&token, "token", LILY_SESSION_STRING);
  field.expires_after_ms = 10;
  rig_add(&rig, &token, field);
  rig_field(&rig, &volume, "volume", LILY_SESSION_INT);
  probe_string(&token, "none");
  rig_attach(&rig);
  probe_string(&token, "t");
  rig_dispatch(&rig);
  stage->now += 10;
  assert_sweeps(stage->other, 0, 1);
  probe_int(&volume, 3);
  rig_dispatch(&rig);
  assert_absent(scope, "lily_session_token");
  assert_stored(scope, "lily_session_volume", "3");
  assert_ok(lily_session_refresh(rig.session));
  assert_string_equal(token.text, "none");
  assert_ok(lily_session_flush(rig.session));
  assert_absent(scope, "lily_session_token");
  rig_end(&rig);
  lily_session_storage_close(scope);
  assert_scopes(stage->storage, "u ");
}

static lily_session_storage *open_files(int64_t *now) { return open_flagged(JOURNAL, LILY_SESSION_SCOPE_FILES, now); }

static void path_in(char *path, lily_session_storage *parent, const char *name) {
  lily_session_storage *scope = open_scope(parent, name);
  strcpy(path, lily_session_storage_path(scope));
  lily_session_storage_close(scope);
}

/* A log-out empties a scope. The sweep takes the file away, with what is beside it. */
TEST(sweep__S28_the_file_goes_with_what_is_beside_it) {
  lily_session_storage *parent = open_files(NULL), *scope = open_scope(parent, "u");
  char path[400], beside[3][430];
  assert_ok(set_text(scope, "lily_session_token", "\"" SECRET "\""));
  path_in(path, parent, "u");
  snprintf(beside[0], sizeof beside[0], "%s.damaged", path);
  snprintf(beside[1], sizeof beside[1], "%s.0123abcd.tmp", path);
  snprintf(beside[2], sizeof beside[2], "%s.replacement", path);
  for (int i = 0; i < 3; i++) {
    file_write(beside[i], SECRET, strlen(SECRET));
    assert_int_equal(chmod(beside[i], 0600), 0);
  }
  assert_sweeps(parent, 0, 0);
  for (int i = 0; i < 3; i++) assert_int_equal(access(beside[i], F_OK), 0);
  assert_ok(lily_session_clear(scope));
  assert_sweeps(parent, 0, 1);
  assert_int_equal(access(path, F_OK), -1);
  for (int i = 0; i < 3; i++) assert_int_equal(access(beside[i], F_OK), -1);
  assert_ok(set_text(scope, "lily_session_token", "1")); /* the handle that is open begins a new file */
  assert_stored(scope, "lily_session_token", "1");
  assert_int_equal(access(path, F_OK), 0);
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
}

/* Others may still have a file open that they could read, and a writer may replace it without its lock: then the name would be that of another
   file. So it is rewritten before it is removed. */
TEST(sweep__S23_a_file_that_others_could_open) {
  int64_t now = 1000;
  lily_session_storage *parent = open_files(&now);
  char path[400];
  lily_session_storage *scope = open_scope(parent, "u");
  assert_ok(lily_session_storage_set(scope, "lily_session_k", "1", 1, now + 5));
  lily_session_storage_close(scope);
  path_in(path, parent, "u");
  assert_int_equal(chmod(path, 0644), 0);
  const int old = open(path, O_RDONLY);
  char bytes[1000] = "";
  now += 5;
  assert_sweeps(parent, 0, 1);
  assert_int_equal(access(path, F_OK), -1);
  assert_true(read(old, bytes, sizeof bytes - 1) > 0);
  assert_non_null(strstr(bytes, ",\"moved\"]\n"));
  close(old);
  lily_session_storage_close(parent);
}

/* What is not a scope's file, or cannot be judged, stays as it is. */
TEST(sweep__S23_foreign_and_damaged_files_stay) {
  int64_t now = 1000;
  lily_session_storage *parent = open_files(&now);
  char path[400], foreign[430], damaged[400], unknown[400], folder[400];
  for (int i = 0; i < 3; i++) {
    lily_session_storage *scope = open_scope(parent, (const char *[]){"a", "damaged", "newer"}[i]);
    assert_ok(lily_session_storage_set(scope, "lily_session_k", "1", 1, now + 5));
    lily_session_storage_close(scope);
  }
  path_in(path, parent, "a");
  path_in(damaged, parent, "damaged");
  path_in(unknown, parent, "newer");
  struct bytes bytes = file_read(damaged);
  bytes.bytes[JOURNAL_HEADERS_SIZE + 30] ^= 1;
  file_write(damaged, bytes.bytes, bytes.length);
  free(bytes.bytes);
  struct journal journal;
  journal_begin(&journal);
  journal_line(&journal, "\"later\",1");
  journal_save(&journal, unknown);
  snprintf(folder, sizeof folder, "%s", path);
  *strrchr(folder, '/') = 0;
  const char *const names[] = {"readme.txt", "x.jsonl", "%41.jsonl", "a.jsonl.bak", "%zz.jsonl", ".jsonl", "%2.jsonl", "not a journal.jsonl"};
  for (size_t i = 0; i < COUNT(names); i++) {
    snprintf(foreign, sizeof foreign, "%s/%s", folder, names[i]);
    file_write(foreign, "foreign", 7);
  }
  now += 5;
  assert_sweeps(parent, 0, 1);
  assert_int_equal(access(path, F_OK), -1);
  assert_int_equal(access(damaged, F_OK), 0);
  assert_int_equal(access(unknown, F_OK), 0);
  for (size_t i = 0; i < COUNT(names); i++) {
    snprintf(foreign, sizeof foreign, "%s/%s", folder, names[i]);
    assert_true(file_has(foreign, "foreign"));
  }
  lily_session_storage_close(parent);
}

/* One folder that cannot be used costs only the scopes in it. */
TEST(sweep__S23_a_folder_that_cannot_be_used) {
  int64_t now = 1000;
  lily_session_storage *parent = open_files(&now), *scope = open_scope(parent, "a");
  char folder[400], bad[430], above[300], aside[330];
  assert_ok(lily_session_storage_set(scope, "lily_session_k", "1", 1, now + 5));
  lily_session_storage_close(scope);
  snprintf(above, sizeof above, "%s.d", JOURNAL);
  snprintf(aside, sizeof aside, "%s.aside", above);
  path_in(folder, parent, "a");
  *strrchr(folder, '/') = 0;
  for (int place = 0; place < 2; place++) { /* before the good folder, and after it */
    snprintf(bad, sizeof bad, "%s/%s", above, place ? "ff" : "00");
    assert_string_not_equal(bad, folder);
    if (place) assert_int_equal(symlink("/", bad), 0);
    else file_write(bad, "", 0);
  }
  assert_scopes(parent, "a ");
  assert_sweeps(parent, 0, 0);
  now += 5;
  assert_sweeps(parent, 0, 1);
  assert_sweeps(parent, 0, 0);
  assert_int_equal(rename(above, aside), 0);
  assert_int_equal(symlink(aside, above), 0); /* there is no folder at all */
  lily_session_storage_close(parent);
  parent = open_files(&now);
  assert_fails(REFUSED, lily_session_storage_sweep(parent, 0, NULL));
  assert_fails(REFUSED, lily_session_storage_scopes(parent, note_name, NULL));
  assert_int_equal(unlink(above), 0);
  assert_int_equal(rename(aside, above), 0);
  lily_session_storage_close(parent);
}

static int64_t clock_of(void *now) { return *(int64_t *)now; }

static int sweep_a_full_disk(void *context) {
  (void)context;
  const char *folder = in_place("disk");
  char path[300], name[20];
  int64_t now = 1000;
  lily_session_storage_options options = {.size = sizeof options, .flags = LILY_SESSION_SCOPE_FILES, .clock = clock_of, .context = &now};
  lily_session_storage *parent, *scope;
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, "") != 0) return 77;
  CHILD_CHECK(mkdir(folder, 0700) == 0);
  if (mount("none", folder, "tmpfs", 0, "size=1m") != 0) return 77;
  snprintf(path, sizeof path, "%s/x.jsonl", folder);
  CHILD_CHECK(lily_session_storage_open(path, &options, &parent) == LILY_SESSION_OK);
  for (int i = 0; i < 10; i++) {
    snprintf(name, sizeof name, "user:%d", i);
    CHILD_CHECK(lily_session_storage_scoped(parent, name, &scope) == LILY_SESSION_OK);
    CHILD_CHECK(lily_session_storage_set(scope, "lily_session_k", "1", 1, now + 5) == LILY_SESSION_OK);
    lily_session_storage_close(scope);
  }
  snprintf(path, sizeof path, "%s/rest", folder);
  const int rest = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  static char zeros[4096];
  while (write(rest, zeros, sizeof zeros) > 0) continue;
  close(rest);
  now += 5;
  size_t removed = 0;
  CHILD_CHECK(lily_session_storage_sweep(parent, 0, &removed) == LILY_SESSION_OK && removed == 10);
  lily_session_storage_close(parent);
  CHILD_CHECK(umount2(folder, MNT_DETACH) == 0);
  return 0;
}

/* A sweep makes room, so it must not need any: not even for the count of sweeps, which is made with the first one. */
TEST(sweep__S23_on_a_full_disk) {
  const int result = in_child(sweep_a_full_disk, NULL);
  if (result == 77) skip(); /* this process may not mount anything */
  assert_int_equal(result, 0);
}

TEST(sweep__a_storage_that_is_read_only) {
  lily_session_storage *parent = open_files(NULL), *reader;
  lily_session_storage_close(open_scope(parent, "a"));
  reader = open_flagged(JOURNAL, LILY_SESSION_SCOPE_FILES | LILY_SESSION_READ_ONLY, NULL);
  assert_fails(PERMISSION, lily_session_storage_sweep(reader, 0, NULL));
  assert_scopes(reader, "");
  lily_session_storage *scope = open_scope(reader, "a");
  assert_fails(PERMISSION, set_text(scope, "k", "1"));
  assert_absent(scope, "k");
  lily_session_storage_close(scope);
  lily_session_storage_close(reader);
  lily_session_storage_close(parent);
}

/* A session was attached while its scope had no file. What it could not store is not stored once the scope was swept or cleared elsewhere. */
static void check_outlives(bool clears) {
  int64_t now = 1000;
  lily_session_storage *parent = open_files(&now), *scope = open_scope(parent, "u"), *elsewhere = open_files(&now), *other;
  struct rig rig;
  struct probe theme = {0};
  char folder[400];
  other = open_scope(elsewhere, "u");
  assert_ok(set_text(other, "lily_session_k", "1")); /* there are the folders, and no file of the scope any more */
  assert_ok(lily_session_clear(other));
  assert_sweeps(elsewhere, 0, 1);
  path_in(folder, parent, "u");
  *strrchr(folder, '/') = 0;
  rig_lend(&rig, scope);
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  probe_string(&theme, "light");
  rig_attach(&rig);
  char aside[430];
  snprintf(aside, sizeof aside, "%s.aside", folder);
  assert_int_equal(rename(folder, aside), 0);
  file_write(folder, "", 0);
  probe_string(&theme, "dark");
  assert_fails(REFUSED, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_int_equal(unlink(folder), 0);
  assert_int_equal(rename(aside, folder), 0);
  if (clears) {
    assert_ok(lily_session_clear(other));
  } else {
    assert_ok(lily_session_storage_set(other, "lily_session_k", "1", 1, now + 5));
    now += 5;
    assert_sweeps(elsewhere, 0, 1);
  }
  assert_ok(lily_session_persist(rig.session));
  assert_absent(scope, "lily_session_theme");
  assert_int_equal(rig.events[rig.event_count - 1].kind, LILY_SESSION_EVENT_CLEARED);
  probe_string(&theme, "blue");
  rig_dispatch(&rig);
  assert_stored(other, "lily_session_theme", "\"blue\"");
  rig_end(&rig);
  lily_session_storage_close(other);
  lily_session_storage_close(scope);
  lily_session_storage_close(elsewhere);
  lily_session_storage_close(parent);
}

/* A session could not make the folders when it was to store something. After a clear that is not stored, although the clear found no folder. */
TEST(sweep__S8_a_clear_before_there_is_a_folder) {
  lily_session_storage *parent = open_files(NULL), *scope = open_scope(parent, "u"), *elsewhere = open_files(NULL), *other = open_scope(elsewhere, "u");
  struct rig rig;
  struct probe theme = {0};
  char folder[300];
  snprintf(folder, sizeof folder, "%s.d", JOURNAL);
  rig_lend(&rig, scope);
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  rig_attach(&rig);
  file_write(folder, "", 0);
  probe_string(&theme, SECRET);
  assert_fails(REFUSED, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_int_equal(unlink(folder), 0);
  assert_ok(lily_session_clear(other));
  assert_ok(lily_session_persist(rig.session));
  assert_absent(other, "lily_session_theme");
  assert_int_equal(rig.events[rig.event_count - 1].kind, LILY_SESSION_EVENT_CLEARED);
  rig_end(&rig);
  lily_session_storage_close(other);
  lily_session_storage_close(scope);
  lily_session_storage_close(elsewhere);
  lily_session_storage_close(parent);
}

TEST(sweep__S23_a_scopes_generation_outlives_its_file) { check_outlives(false); }
TEST(sweep__S23_so_does_a_clear_of_a_scope_without_a_file) { check_outlives(true); }
