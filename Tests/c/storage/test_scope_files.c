/* S23: each scope is a file of its own. Names, folders, what is refused, and what costs nothing. */
#include "files.h"
#include "journal.h"
#include "rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static lily_session_storage *open_files(void) { return open_flagged(JOURNAL, LILY_SESSION_SCOPE_FILES, NULL); }

static const char *path_of(lily_session_storage *parent, const char *scope) {
  static char path[400];
  lily_session_storage *storage = open_scope(parent, scope);
  snprintf(path, sizeof path, "%s", lily_session_storage_path(storage));
  lily_session_storage_close(storage);
  return path;
}

/* Returns the number of files and folders in a folder, or -1 if there is no folder. */
static int names_in(const char *path) {
  DIR *folder = opendir(path);
  int count = 0;
  if (folder == NULL) return -1;
  while (readdir(folder) != NULL) count++;
  closedir(folder);
  return count - 2;
}

TEST(scope_files__S23_a_scope_is_a_journal_of_its_own) {
  lily_session_storage *parent = open_files(), *scope = open_scope(parent, "user:42");
  char path[300], crc[9];
  snprintf(crc, sizeof crc, "%08x", ~crc32c(0xFFFFFFFF, "user:42", 7));
  snprintf(path, sizeof path, "%s.d/%.2s/user%%3A42.jsonl", JOURNAL, crc);
  assert_string_equal(lily_session_storage_path(scope), path);
  assert_ok(set_text(scope, "lily_session_theme", "\"dark\""));
  assert_ok(set_text(parent, "lily_session_theme", "\"light\""));
  assert_operation(path, 0, "\"set\",\"lily_session_theme\",\"dark\",0"); /* the key is without the scope */
  assert_int_equal(operations(JOURNAL), 1);
  lily_session_storage *plain = open_storage(path); /* it can be read as any journal can */
  assert_stored(plain, "lily_session_theme", "\"dark\"");
  lily_session_storage_close(plain);
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
}

TEST(scope_files__S23_the_first_write_makes_the_file) {
  lily_session_storage *parent = open_files(), *scope = open_scope(parent, "u");
  char folder[300];
  snprintf(folder, sizeof folder, "%s.d", JOURNAL);
  assert_absent(scope, "k");
  assert_entries(scope, 0);
  assert_ok(lily_session_storage_remove(scope, "k"));
  assert_ok(lily_session_storage_sync(scope));
  assert_int_equal(info_of(scope).file_bytes, 0);
  assert_int_equal(names_in(folder), -1);
  struct rig rig;
  struct probe theme = {0};
  rig_lend(&rig, scope);
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  probe_string(&theme, "light");
  rig_attach(&rig);
  rig_dispatch(&rig);
  assert_int_equal(names_in(folder), -1);
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  assert_int_equal(rig.event_count, 0);
  assert_stored(scope, "lily_session_theme", "\"dark\"");
  assert_int_equal(mode_of(folder), 0700);
  assert_int_equal(mode_of(path_of(parent, "u")), 0600);
  rig_end(&rig);
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
}

/* A change that could not be written at first is no change from before a clear when the file is made. */
TEST(scope_files__S6_a_first_write_that_failed_is_tried_again) {
  lily_session_storage *parent = open_files(), *scope = open_scope(parent, "u");
  struct rig rig;
  struct probe theme = {0}, volume = {0};
  char folder[300];
  snprintf(folder, sizeof folder, "%s.d", JOURNAL);
  rig_lend(&rig, scope);
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  rig_field(&rig, &volume, "volume", LILY_SESSION_INT);
  probe_string(&theme, "light");
  rig_attach(&rig);
  file_write(folder, "", 0); /* a file is where the folder should be */
  probe_string(&theme, "dark");
  assert_fails(REFUSED, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_int_equal(unlink(folder), 0);
  probe_int(&volume, 3);
  rig_dispatch(&rig);
  assert_stored(scope, "lily_session_theme", "\"dark\"");
  assert_stored(scope, "lily_session_volume", "3");
  rig_end(&rig);
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
}

/* No two names have one file, not even on a file system that takes capital letters for small ones, and each name stays in its folder. */
TEST(scope_files__S23_names) {
  char bytes[70], longest[65];
  const char *names[400] = {"user:42", "USER:42", "User:42", ".", "..", "...", "a.", ".a", "a/b", "a%2Fb", "a%2fb", "%", "%25", "../..", "/", "//", "\x01", "a\x01",
                            "\xc3\xa9", "e\xcc\x81", "a.jsonl", "a", "A", "a.jsonl.damaged", "a.jsonl.replacement", "a.jsonl.12345678.tmp", " ", "~", "-", "_",
                            "\n", "\"", "\\", "con", "nul", "lily_session_"};
  size_t count = 0;
  while (names[count] != NULL) count++;
  for (unsigned c = 1; c < 128; c++) {
    char *name = malloc(3);
    snprintf(name, 3, "x%c", (char)c);
    names[count++] = name;
  }
  memset(bytes, 'A', 64), bytes[64] = 0;
  names[count++] = bytes;
  for (int i = 0; i < 32; i++) longest[2 * i] = '\xc3', longest[2 * i + 1] = '\xa9';
  longest[64] = 0;
  names[count++] = longest;
  lily_session_storage *parent = open_files();
  char *paths[400], folder[300];
  snprintf(folder, sizeof folder, "%s.d/", JOURNAL);
  for (size_t i = 0; i < count; i++) {
    paths[i] = strdup(path_of(parent, names[i]));
    assert_int_equal(strncmp(paths[i], folder, strlen(folder)), 0);
    const char *file = paths[i] + strlen(folder);
    assert_int_equal(strcspn(file, "/"), 2);
    assert_null(strchr(file + 3, '/'));
    assert_int_not_equal(file[3], '.');
    assert_true(strlen(file + 3) <= 198);
    for (const char *at = file; *at; at++) {
      assert_true(*at > 32 && *at < 127);
      if (*at >= 'A' && *at <= 'Z') assert_true(at[-1] == '%' || at[-2] == '%'); /* only a digit is a capital letter */
    }
    for (size_t j = 0; j < i; j++) {
      if (strcmp(names[i], names[j]) == 0) continue;
      assert_int_not_equal(strcasecmp(paths[i], paths[j]), 0);
    }
    lily_session_storage *scope = open_scope(parent, names[i]);
    assert_ok(set_text(scope, "name", "1"));
    lily_session_storage_close(scope);
  }
  for (size_t i = 0; i < count; i++) {
    lily_session_storage *scope = open_scope(parent, names[i]);
    assert_entries(scope, 1);
    lily_session_storage_close(scope);
    free(paths[i]);
  }
  for (size_t i = 36; i < 36 + 127; i++) free((char *)names[i]);
  lily_session_storage_close(parent);
}

TEST(scope_files__S23_the_quota_is_each_scopes_own) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *parent = NULL;
  options.flags = LILY_SESSION_SCOPE_FILES;
  options.quota_bytes = 10;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &parent));
  lily_session_storage *a = open_scope(parent, "a"), *b = open_scope(parent, "b");
  assert_ok(set_text(a, "k", "12345678"));
  assert_ok(set_text(b, "k", "12345678"));
  assert_ok(set_text(parent, "k", "12345678"));
  assert_fails(QUOTA, set_text(a, "k", "1234567890"));
  lily_session_storage_close(a);
  lily_session_storage_close(b);
  lily_session_storage_close(parent);
}

TEST(scope_files__S19_a_scope_has_no_scopes) {
  lily_session_storage *parent = open_files(), *scope = open_scope(parent, "a"), *inner = UNTOUCHED;
  size_t removed = 7;
  assert_fails(UNSUPPORTED, lily_session_storage_scoped(scope, "b", &inner));
  assert_null(inner);
  assert_fails(UNSUPPORTED, lily_session_storage_sweep(scope, 0, &removed));
  assert_int_equal(removed, 7);
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
}

TEST(scope_files__a_file_with_scopes_in_it_is_refused) {
  lily_session_storage *parent = open_storage(JOURNAL), *scope = open_scope(parent, "a"), *files = UNTOUCHED;
  assert_ok(set_text(parent, "k", "1"));
  assert_ok(set_text(scope, "lily_session_k", "1"));
  struct bytes before = file_read(JOURNAL);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = LILY_SESSION_SCOPE_FILES;
  assert_fails(UNSUPPORTED, lily_session_storage_open(JOURNAL, &options, &files));
  assert_message_has("--to-files");
  assert_null(files);
  assert_file_is(JOURNAL, before);
  assert_ok(lily_session_clear(scope)); /* a scope without entries is no scope */
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
  lily_session_storage_close(open_files());
}

TEST(scope_files__whoever_does_not_know_of_the_files_is_told) {
  lily_session_storage *files = open_files(), *scope = open_scope(files, "a"), *parent = open_storage(JOURNAL), *inner = UNTOUCHED;
  lily_session_storage_close(open_scope(parent, "a")); /* nobody has stored anything in a scope yet */
  assert_ok(set_text(scope, "k", "1"));
  assert_fails(UNSUPPORTED, lily_session_storage_scoped(parent, "a", &inner));
  assert_null(inner);
  assert_fails(UNSUPPORTED, lily_session_storage_sweep(parent, 0, NULL));
  assert_ok(set_text(parent, "k", "1"));
  lily_session_storage_close(scope);
  lily_session_storage_close(files);
  lily_session_storage_close(parent);
}

TEST(scope_files__links_and_folders_are_refused) {
  lily_session_storage *parent = open_files(), *scope = UNTOUCHED;
  char folder[300], path[400], elsewhere[300];
  snprintf(folder, sizeof folder, "%s.d", JOURNAL);
  snprintf(elsewhere, sizeof elsewhere, "%s", in_place("elsewhere"));
  snprintf(path, sizeof path, "%s", path_of(parent, "a"));
  scope = open_scope(parent, "a");
  assert_ok(set_text(scope, "k", "1"));
  lily_session_storage_close(scope);
  /* in place of the file */
  assert_int_equal(rename(path, elsewhere), 0);
  assert_int_equal(symlink(elsewhere, path), 0);
  assert_fails(REFUSED, lily_session_storage_scoped(parent, "a", &scope));
  assert_null(scope);
  size_t removed = 7;
  assert_ok(lily_session_storage_sweep(parent, 0, &removed));
  assert_int_equal(removed, 0);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mkdir(path, 0700), 0);
  assert_fails(REFUSED, lily_session_storage_scoped(parent, "a", &scope));
  assert_int_equal(rmdir(path), 0);
  assert_int_equal(rename(elsewhere, path), 0);
  scope = open_scope(parent, "a");
  assert_stored(scope, "k", "1");
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
  /* in place of the folders: the one with two digits, and the one above it */
  *strrchr(path, '/') = 0;
  for (int above = 0; above < 2; above++) {
    const char *place = above ? folder : path;
    assert_int_equal(rename(place, elsewhere), 0);
    assert_int_equal(symlink(elsewhere, place), 0);
    parent = open_files();
    assert_fails(REFUSED, lily_session_storage_scoped(parent, "a", &scope));
    assert_message_has(".d");
    assert_int_equal(unlink(place), 0);
    file_write(place, "", 0);
    assert_fails(REFUSED, lily_session_storage_scoped(parent, "a", &scope));
    assert_int_equal(unlink(place), 0);
    assert_int_equal(rename(elsewhere, place), 0);
    scope = open_scope(parent, "a");
    assert_stored(scope, "k", "1");
    lily_session_storage_close(scope);
    lily_session_storage_close(parent);
  }
}

TEST(scope_files__folders_of_others) {
  if (geteuid() != 0) skip();
  lily_session_storage *parent = open_files(), *scope = open_scope(parent, "a"), *refused = UNTOUCHED;
  char folder[300];
  snprintf(folder, sizeof folder, "%s.d", JOURNAL);
  assert_ok(set_text(scope, "k", "1"));
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
  assert_int_equal(chmod(folder, 0777), 0); /* others' rights to a folder of ours are taken away */
  parent = open_files();
  scope = open_scope(parent, "a");
  assert_stored(scope, "k", "1");
  assert_int_equal(mode_of(folder), 0700);
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
  assert_int_equal(chown(folder, 12345, 12345), 0);
  parent = open_files();
  assert_fails(REFUSED, lily_session_storage_scoped(parent, "a", &refused));
  assert_null(refused);
  assert_message_has("another user");
  assert_int_equal(chown(folder, 0, 0), 0);
  lily_session_storage_close(parent);
}

/* Rights that others get while a storage is open are noticed when a scope is opened strictly, or when somebody asks. */
TEST(scope_files__folders_that_are_opened_to_others_later) {
  lily_session_storage *strict = open_flagged(JOURNAL, LILY_SESSION_SCOPE_FILES | LILY_SESSION_STRICT, NULL), *parent = open_files();
  lily_session_storage *scope = open_scope(strict, "a"), *loose = NULL, *refused = UNTOUCHED;
  char path[400];
  assert_ok(set_text(scope, "k", "1"));
  assert_ok(lily_session_storage_scoped(parent, "a", &loose));
  assert_false(info_of(loose).directory_is_open);
  snprintf(path, sizeof path, "%.*s", (int)(strrchr(lily_session_storage_path(scope), '/') - lily_session_storage_path(scope)),
           lily_session_storage_path(scope));
  assert_int_equal(chmod(path, 0777), 0); /* this is taken away at the next opening */
  lily_session_storage_close(scope);
  scope = open_scope(strict, "a");
  assert_int_equal(mode_of(path), 0700);
  assert_int_equal(chmod(place, 0777), 0);
  assert_fails(REFUSED, lily_session_storage_scoped(strict, "a", &refused));
  assert_null(refused);
  assert_true(info_of(loose).directory_is_open);
  assert_int_equal(chmod(place, 0700), 0);
  assert_false(info_of(loose).directory_is_open);
  lily_session_storage_close(scope);
  lily_session_storage_close(loose);
  lily_session_storage_close(strict);
  lily_session_storage_close(parent);
}

/* Where a folder is sticky, as /tmp is, anyone may make one of this name beside the file. */
TEST(scope_files__another_users_folder_hides_no_scopes) {
  if (geteuid() != 0) skip();
  lily_session_storage *parent = open_storage(JOURNAL), *scope = open_scope(parent, "a");
  char folder[300];
  snprintf(folder, sizeof folder, "%s.d", JOURNAL);
  assert_ok(set_text(scope, "lily_session_k", "1"));
  lily_session_storage_close(scope);
  assert_int_equal(mkdir(folder, 0755), 0);
  assert_int_equal(chown(folder, 12345, 12345), 0);
  scope = open_scope(parent, "a");
  assert_stored(scope, "lily_session_k", "1");
  assert_ok(lily_session_clear(scope));
  assert_absent(scope, "lily_session_k");
  assert_ok(lily_session_storage_sweep(parent, 0, NULL));
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
}

static int descriptors(void) {
  int count = 0;
  for (int i = 3; i < 1024; i++) count += fcntl(i, F_GETFD) >= 0;
  return count;
}

static rlim_t soft_limit_of_descriptors(rlim_t limit) {
  struct rlimit limits;
  getrlimit(RLIMIT_NOFILE, &limits);
  const rlim_t before = limits.rlim_cur;
  limits.rlim_cur = limit;
  setrlimit(RLIMIT_NOFILE, &limits);
  return before;
}

/* Many open scopes run into the limit of descriptors with an error that says so, and nothing is lost. */
TEST(scope_files__S23_the_limit_of_descriptors) {
  lily_session_storage *parent = open_files(), *scopes[200] = {NULL}, *refused = UNTOUCHED;
  const rlim_t before = soft_limit_of_descriptors((rlim_t)descriptors() + 60); /* whoever runs the test may have left some open */
  int count = 0, rest[60], rests = 0;
  lily_session_status status = LILY_SESSION_OK;
  char name[20];
  while (count < 200 && status == LILY_SESSION_OK) {
    snprintf(name, sizeof name, "user:%d", count);
    status = lily_session_storage_scoped(parent, name, &scopes[count]);
    if (status == LILY_SESSION_OK) status = set_text(scopes[count], "k", "1");
    if (status == LILY_SESSION_OK) count++;
  }
  assert_int_equal(status, LILY_SESSION_ERROR_IO);
  assert_message_has(strerror(EMFILE));
  assert_true(count > 10);
  while (rests < 60 && (rest[rests] = dup(0)) >= 0) rests++; /* a folder takes a descriptor, too: what failed may have left one */
  for (int i = 0; i < count; i++) assert_ok(set_text(scopes[i], "k", "2"));
  snprintf(name, sizeof name, "user:%d", 0);
  assert_fails(IO, lily_session_storage_scoped(parent, name, &refused));
  assert_fails(IO, lily_session_storage_sweep(parent, 0, NULL));
  soft_limit_of_descriptors(before);
  while (rests > 0) close(rest[--rests]);
  for (int i = 0; i < 200; i++) lily_session_storage_close(scopes[i]);
  for (int i = 0; i < count; i++) {
    snprintf(name, sizeof name, "user:%d", i);
    lily_session_storage *scope = open_scope(parent, name);
    assert_stored(scope, "k", "2");
    lily_session_storage_close(scope);
  }
  lily_session_storage_close(parent);
}

/* Folders that are held open for later give way to what is needed now. */
TEST(scope_files__S23_few_descriptors_are_enough) {
  lily_session_storage *parent = open_files();
  char name[20];
  const rlim_t before = soft_limit_of_descriptors((rlim_t)descriptors() + 12);
  for (int i = 0; i < 300; i++) {
    snprintf(name, sizeof name, "user:%d", i);
    lily_session_storage *scope = open_scope(parent, name);
    assert_ok(set_text(scope, "k", "1"));
    lily_session_storage_close(scope);
  }
  assert_ok(lily_session_storage_sweep(parent, 0, NULL));
  soft_limit_of_descriptors(before);
  lily_session_storage_close(parent);
}

/* A scope needs one descriptor while it is open, and nothing stays but those for the folders. */
TEST(scope_files__S23_descriptors_are_shared) {
  lily_session_storage *parent = open_files(), *scopes[40];
  char name[20];
  const int begin = descriptors();
  for (int i = 0; i < 40; i++) {
    scopes[i] = open_scope(parent, "user:1");
    assert_ok(set_text(scopes[i], "k", "1"));
  }
  assert_int_equal(descriptors(), begin + 40 + 1);
  for (int i = 0; i < 40; i++) lily_session_storage_close(scopes[i]);
  for (int i = 0; i < 2000; i++) {
    snprintf(name, sizeof name, "user:%d", i);
    lily_session_storage *scope = open_scope(parent, name);
    assert_ok(set_text(scope, "k", "1"));
    lily_session_storage_close(scope);
    if (i > 1500) assert_true(descriptors() <= begin + 256);
  }
  lily_session_storage_close(parent);
  assert_int_equal(descriptors(), begin - 2);
}

static int use_inherited(void *context) {
  lily_session_storage *parent = context, *scope = NULL;
  CHILD_CHECK(lily_session_storage_scoped(parent, "a", &scope) == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(lily_session_storage_sweep(parent, 0, NULL) == LILY_SESSION_ERROR_FORKED);
  lily_session_storage_close(parent);
  return 0;
}

TEST(scope_files__S16_a_child_of_fork_opens_its_own) {
  lily_session_storage *parent = open_files(), *scope = open_scope(parent, "a");
  assert_ok(set_text(scope, "k", "1"));
  assert_int_equal(in_child(use_inherited, parent), 0);
  assert_stored(scope, "k", "1");
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
}

/* Only the scope that was changed wakes its handles. */
TEST(scope_files__S10_a_scope_is_woken_by_its_own_changes) {
  lily_session_storage *parent = open_files(), *elsewhere = open_files();
  lily_session_storage *a = open_scope(parent, "a"), *b = open_scope(parent, "b"), *other = open_scope(elsewhere, "a");
  const int first = lily_session_storage_fd(a), second = lily_session_storage_fd(b);
  assert_true(first >= 0 && second >= 0 && first != second);
  assert_ok(set_text(other, "k", "1")); /* this makes the folders, too */
  assert_true(readable(first, 1000));
  assert_stored(a, "k", "1");
  assert_absent(b, "k");
  assert_ok(set_text(other, "k", "2"));
  assert_true(readable(first, 1000));
  assert_false(readable(second, 50));
  lily_session_storage_close(a);
  lily_session_storage_close(b);
  lily_session_storage_close(other);
  lily_session_storage_close(parent);
  lily_session_storage_close(elsewhere);
}

/* Handles of scopes share the folders, so that one of them may hold open what somebody deletes. */
TEST(scope_files__S10_a_scope_without_a_file_is_woken_where_its_folder_was_deleted) {
  lily_session_storage *parent = open_files(), *scope = open_scope(parent, "u");
  assert_ok(set_text(scope, "k", "1"));
  assert_ok(lily_session_storage_remove(scope, "k"));
  assert_ok(lily_session_storage_sweep(parent, 0, NULL));
  const int fd = lily_session_storage_fd(scope);
  assert_absent(scope, "k");
  assert_false(readable(fd, 50));
  char removal[400];
  snprintf(removal, sizeof removal, "rm -r '%s.d'", JOURNAL);
  assert_int_equal(system(removal), 0);
  lily_session_storage *elsewhere = open_files(), *other = open_scope(elsewhere, "u");
  assert_ok(set_text(other, "k", "2"));
  assert_true(readable(fd, 1000));
  assert_stored(scope, "k", "2");
  assert_ok(set_text(other, "k", "3")); /* the new folder and file are watched */
  assert_true(readable(fd, 1000));
  lily_session_storage_close(other);
  lily_session_storage_close(elsewhere);
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
}

/* Where no file may have a byte, a clear cannot be marked in the scopes' folder, and says so. What was stored is gone all the same. */
static int clear_without_room(void *context) {
  (void)context;
  lily_session_storage *parent, *scope, *missing;
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = LILY_SESSION_SCOPE_FILES;
  const struct rlimit limit = {0, RLIM_INFINITY};
  CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  CHILD_CHECK(lily_session_storage_open(JOURNAL, &options, &parent) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_storage_scoped(parent, "missing", &missing) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_clear(missing) == LILY_SESSION_ERROR_NO_SPACE);
  CHILD_CHECK(lily_session_storage_scoped(parent, "u", &scope) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_clear(scope) == LILY_SESSION_ERROR_NO_SPACE);
  CHILD_CHECK(lily_session_storage_sweep(parent, 0, NULL) == LILY_SESSION_OK);
  return 0;
}

TEST(scope_files__S8_a_clear_where_no_file_may_grow) {
  lily_session_storage *parent = open_files(), *scope = open_scope(parent, "u");
  assert_ok(set_text(scope, "lily_session_k", "1"));
  assert_int_equal(in_child(clear_without_room, NULL), 0);
  assert_absent(scope, "lily_session_k");
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
}

/* A storage that is read only removes nothing, and deletes nothing, where there is no file either. */
TEST(scope_files__a_removal_where_nothing_may_be_written) {
  lily_session_storage *parent = open_flagged(JOURNAL, LILY_SESSION_SCOPE_FILES, NULL), *scope = open_scope(parent, "u");
  assert_ok(set_text(scope, "k", "1"));
  char file[300], beside[320];
  snprintf(file, sizeof file, "%s", lily_session_storage_path(scope));
  snprintf(beside, sizeof beside, "%s.damaged", file);
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
  assert_int_equal(rename(file, beside), 0);
  parent = open_flagged(JOURNAL, LILY_SESSION_SCOPE_FILES | LILY_SESSION_READ_ONLY, NULL);
  scope = open_scope(parent, "u");
  assert_fails(PERMISSION, lily_session_storage_remove(scope, "k"));
  assert_ok(lily_session_storage_sync(scope));
  assert_int_equal(access(beside, F_OK), 0);
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
}
