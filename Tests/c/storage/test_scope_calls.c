/* lily_session_storage_scoped() and what a scope returns as a storage: arguments, options, and handles that end. */
#include "journal.h"
#include "storages.h"

static lily_session_storage *parent;

static void begin(void) { parent = open_storage(JOURNAL); }
static void end(void) { lily_session_storage_close(parent); }

TEST(scopes__arguments) {
  char *longest = repeated('n', 64), *too_long = repeated('n', 65), *far_too_long = repeated('n', 100000);
  char bytes[80] = "", characters[80] = "x"; /* the limit counts bytes: 32 of these characters have 64 bytes */
  for (int i = 0; i < 32; i++) strcat(bytes, "\xc3\xa9"), strcat(characters, "\xc3\xa9");
  const char *const bad[] = {NULL, "", too_long, far_too_long, characters, "\xff", "a\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80"};
  begin();
  for (size_t i = 0; i < COUNT(bad); i++) {
    lily_session_storage *scope = UNTOUCHED;
    assert_fails(INVALID_ARGUMENT, lily_session_storage_scoped(parent, bad[i], &scope));
    assert_null(scope);
  }
  lily_session_storage *scope = UNTOUCHED;
  assert_fails(INVALID_ARGUMENT, lily_session_storage_scoped(NULL, "user:4", &scope));
  assert_null(scope);
  assert_fails(INVALID_ARGUMENT, lily_session_storage_scoped(parent, "user:4", NULL));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_scoped(NULL, NULL, NULL));
  const char *const good[] = {longest, bytes, "n", " ", "\xc3\xa9", "\n", "../..", "a/b"};
  for (size_t i = 0; i < COUNT(good); i++) lily_session_storage_close(open_scope(parent, good[i]));
  assert_entries(parent, 0);
  end();
  free(longest);
  free(too_long);
  free(far_too_long);
}

TEST(scopes__S19_a_scope_has_no_scopes) {
  lily_session_storage *memory = open_memory(), *storages[2];
  begin();
  storages[0] = open_scope(parent, "a");
  storages[1] = open_scope(memory, "a");
  for (size_t i = 0; i < COUNT(storages); i++) {
    lily_session_storage *inner = UNTOUCHED;
    assert_fails(UNSUPPORTED, lily_session_storage_scoped(storages[i], "b", &inner));
    assert_null(inner);
    assert_ok(set_text(storages[i], "k", "1"));
    lily_session_storage_close(storages[i]);
  }
  lily_session_storage_close(memory);
  end();
}

TEST(scopes__the_parent_is_retained) {
  begin();
  lily_session_storage *scope = open_scope(parent, "a");
  end();
  assert_ok(set_text(scope, "k", "1"));
  assert_string_equal(lily_session_storage_path(scope), JOURNAL);
  lily_session_storage_close(scope);
  begin();
  scope = open_scope(parent, "a");
  assert_stored(scope, "k", "1");
  lily_session_storage_close(scope);
  /* The parent can still be used after its scope is closed. */
  assert_ok(set_text(parent, "k", "2"));
  assert_stored(parent, "k", "2");
  end();
}

TEST(scopes__the_options_of_the_parent_hold) {
  int64_t now = 1000;
  parent = open_clocked(JOURNAL, &now, 60);
  lily_session_storage *scope = open_scope(parent, "a");
  assert_ok(lily_session_storage_set(scope, "k", "1", 1, 1500));
  now = 1499;
  assert_stored(scope, "k", "1");
  now = 1500;
  assert_absent(scope, "k");
  char *long_text = repeated('1', 60);
  assert_fails(QUOTA, set_text(scope, "k", long_text));
  free(long_text);
  lily_session_storage_close(scope);
  end();
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = LILY_SESSION_READ_ONLY;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &parent));
  scope = open_scope(parent, "a");
  assert_fails(PERMISSION, set_text(scope, "l", "1"));
  assert_fails(PERMISSION, lily_session_clear(scope));
  lily_session_storage_close(scope);
  end();
}

/* Clearing a scope is one line, which names the scope's keys and nobody else's. */
TEST(scopes__S8_a_clear_is_one_line) {
  begin();
  lily_session_storage *scope = open_scope(parent, "user:4");
  char key[20];
  for (int i = 0; i < 20; i++) {
    snprintf(key, sizeof key, "lily_session_%d", i);
    assert_ok(set_text(scope, key, "1"));
    assert_ok(set_text(parent, key, "1"));
  }
  assert_ok(lily_session_clear(scope));
  assert_int_equal(operations(JOURNAL), 41);
  assert_entries(scope, 0);
  assert_entries(parent, 20);
  assert_ok(lily_session_clear(parent));
  assert_int_equal(operations(JOURNAL), 42);
  lily_session_storage_close(scope);
  end();
}

static int use_in_child(void *context) {
  lily_session_storage *scope = context, *made = NULL;
  char *json = NULL;
  lily_session_info info = LILY_SESSION_INFO_INIT;
  CHILD_CHECK(lily_session_storage_get(scope, "k", &json, NULL) == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(set_text(scope, "k", "2") == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(lily_session_clear(scope) == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(lily_session_storage_info(scope, &info) == LILY_SESSION_ERROR_FORKED);
  CHILD_CHECK(lily_session_storage_fd(scope) == -1);
  /* Making a scope does not read the file, but using it does. */
  if (lily_session_storage_scoped(parent, "b", &made) == LILY_SESSION_OK)
    CHILD_CHECK(set_text(made, "k", "2") == LILY_SESSION_ERROR_FORKED);
  lily_session_storage_close(made);
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);
  return 0;
}

TEST(scopes__S16_in_a_child_of_fork) {
  begin();
  lily_session_storage *scope = open_scope(parent, "a");
  assert_ok(set_text(scope, "k", "1"));
  assert_int_equal(in_child(use_in_child, scope), 0);
  assert_stored(scope, "k", "1");
  lily_session_storage_close(scope);
  end();
}
