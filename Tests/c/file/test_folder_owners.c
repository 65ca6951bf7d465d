/* S28: an event tells of a store that another user could exchange, and STRICT refuses it. The owners and rights of its folder count, and
   those of all folders above it. */
#include "test.h"

#include <limits.h>
#include <sys/stat.h>

enum { NOBODY = 65534, NEIGHBOUR = 4321, ROOT = 0, SELF = -1 };

struct folder {
  const char *name;
  int owner; /* SELF: whoever opens the store */
  mode_t mode;
};

struct place {
  struct folder folders[3]; /* the outermost first; each is in the one before it */
  const char *path;         /* the path of the file; NULL: it is in the last folder */
  const char *link[2];      /* the name of a link, and the path that it leads to */
  const char *weak;         /* the folder that the message must name; NULL: no folder is at fault */
  const char *why;
};

static const char OWNED[] = "another user owns the folder", WRITABLE[] = "others can write to the folder, which is not sticky";

static void note_directory(void *context, const lily_session_event *event) {
  int *count = context;
  if (event->kind == LILY_SESSION_EVENT_DIRECTORY && event->status == LILY_SESSION_ERROR_PERMISSION && event->key == NULL) ++*count;
}

static const char *path_of(const struct place *at) {
  static char path[3 * PATH_MAX];
  if (at->path) return in_place(at->path);
  int length = snprintf(path, sizeof path, "%s", place);
  for (int i = 0; i < 3 && at->folders[i].name; i++) length += snprintf(path + length, sizeof path - (size_t)length, "/%s", at->folders[i].name);
  snprintf(path + length, sizeof path - (size_t)length, "/session.jsonl");
  return path;
}

/* Attaches, stores a change in any case, and counts the events. */
static int attach(lily_session_storage *storage, int *out_events) {
  static int32_t number;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_runtime *runtime;
  lily_session *session;
  config.storage = storage;
  config.on_event = note_directory;
  config.context = out_events;
  CHILD_CHECK(lily_session_runtime_new(&number, NULL, NULL, &runtime) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_attach(runtime, fields, &config, &session) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_persist(session) == LILY_SESSION_OK);
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  return 0;
}

static int open_there(void *context) {
  const struct place *at = context;
  const char *path = path_of(at);
  if (geteuid() == 0) CHILD_CHECK(become(NOBODY));
  lily_session_storage *storage = NULL, *strict = UNTOUCHED;
  lily_session_info info = LILY_SESSION_INFO_INIT;
  CHILD_CHECK(lily_session_storage_open(path, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(set_text(storage, "a", "1") == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_storage_info(storage, &info) == LILY_SESSION_OK);
  CHILD_CHECK(info.directory_is_open == (at->weak != NULL));
  int events = 0;
  CHILD_CHECK(attach(storage, &events) == 0 && events == (at->weak != NULL));

  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  const int flags[] = {LILY_SESSION_STRICT, LILY_SESSION_STRICT | LILY_SESSION_READ_ONLY};
  for (size_t i = 0; i < COUNT(flags); i++) {
    options.flags = flags[i];
    const lily_session_status status = lily_session_storage_open(path, &options, &strict);
    if (at->weak == NULL) {
      CHILD_CHECK(status == LILY_SESSION_OK);
      lily_session_storage_close(strict);
      continue;
    }
    char folder[PATH_MAX], message[2 * PATH_MAX];
    CHILD_CHECK(realpath(in_place(at->weak), folder) != NULL);
    snprintf(message, sizeof message, "%s: %s", at->why, folder);
    if (strcmp(lily_session_last_error(), message) != 0) fprintf(stderr, "%s\nand not\n%s\n", lily_session_last_error(), message);
    CHILD_CHECK(status == LILY_SESSION_ERROR_REFUSED && strict == NULL && strcmp(lily_session_last_error(), message) == 0);
  }
  CHILD_CHECK(set_text(storage, "a", "2") == LILY_SESSION_OK);
  lily_session_storage_close(storage);
  return 0;
}

static void check(struct place at) {
  assert_int_equal(chmod(place, 0755), 0);
  char path[2 * PATH_MAX];
  int length = snprintf(path, sizeof path, "%s", place);
  for (int i = 0; i < 3 && at.folders[i].name; i++) {
    const struct folder *folder = &at.folders[i];
    if (geteuid() != 0 && folder->owner != SELF) skip();
    length += snprintf(path + length, sizeof path - (size_t)length, "/%s", folder->name);
    assert_int_equal(mkdir(path, 0700), 0);
    const uid_t owner = folder->owner == SELF ? NOBODY : (uid_t)folder->owner;
    if (geteuid() == 0) assert_int_equal(chown(path, owner, owner), 0);
    assert_int_equal(chmod(path, folder->mode), 0);
  }
  if (at.link[0]) assert_int_equal(symlink(in_place(at.link[1]), in_place(at.link[0])), 0);
  assert_int_equal(in_child(open_there, &at), 0);
}

TEST(folder_owners__S28_of_ones_own) {
  check((struct place){.folders = {{"mine", SELF, 0700}}});
  check((struct place){.folders = {{"too", SELF, 0755}, {"below", SELF, 01777}}});
}

TEST(folder_owners__S28_below_a_sticky_one_of_roots) { check((struct place){.folders = {{"tmp", ROOT, 01777}, {"mine", SELF, 0700}}}); }
TEST(folder_owners__S28_in_a_sticky_one_of_roots) { check((struct place){.folders = {{"tmp", ROOT, 01777}}}); }

TEST(folder_owners__S28_of_another_user) {
  check((struct place){.folders = {{"theirs", NEIGHBOUR, 0777}}, .weak = "theirs", .why = OWNED});
}

TEST(folder_owners__S28_a_sticky_one_of_another_user) {
  check((struct place){.folders = {{"theirs", NEIGHBOUR, 01777}}, .weak = "theirs", .why = OWNED});
  check((struct place){.folders = {{"above", NEIGHBOUR, 01777}, {"mine", SELF, 0700}}, .weak = "above", .why = OWNED});
}

TEST(folder_owners__S28_that_its_group_can_write_to) {
  check((struct place){.folders = {{"shared", SELF, 0770}}, .weak = "shared", .why = WRITABLE});
}

TEST(folder_owners__S28_below_one_of_another_user) {
  check((struct place){.folders = {{"theirs", NEIGHBOUR, 0755}, {"mine", SELF, 0700}}, .weak = "theirs", .why = OWNED});
  check((struct place){.folders = {{"far", NEIGHBOUR, 0755}, {"between", ROOT, 0755}, {"mine", SELF, 0700}}, .weak = "far", .why = OWNED});
}

TEST(folder_owners__S28_below_one_that_all_can_write_to) {
  check((struct place){.folders = {{"open", ROOT, 0777}, {"mine", SELF, 0700}}, .weak = "open", .why = WRITABLE});
  check((struct place){.folders = {{"group", SELF, 0775}, {"mine", SELF, 0700}, {"below", SELF, 0700}}, .weak = "group", .why = WRITABLE});
}

/* The folders above the file itself count, and not those in which a link to it is. */
TEST(folder_owners__S28_behind_a_link) {
  check((struct place){.folders = {{"open", SELF, 0777}, {"mine", SELF, 0700}},
                       .path = "link/session.jsonl", .link = {"link", "open/mine"}, .weak = "open", .why = WRITABLE});
  check((struct place){.folders = {{"good", SELF, 0755}, {"mine", SELF, 0700}}, .path = "other/session.jsonl", .link = {"other", "good/mine"}});
}

/* ---- while it is open */

TEST(folder_owners__S28_asked_anew_each_time) {
  assert_int_equal(mkdir(in_place("folder"), 0700), 0);
  lily_session_storage *storage = open_storage(in_place("folder/session.jsonl"));
  lily_session_storage *scope = NULL;
  assert_ok(lily_session_storage_scoped(storage, "user:1", &scope));
  const mode_t modes[] = {0700, 0777, 01777, 0730, 0755};
  const int results[] = {0, 1, 0, 1, 0};
  for (size_t i = 0; i < COUNT(modes); i++) {
    lily_session_info info = LILY_SESSION_INFO_INIT;
    assert_int_equal(chmod(in_place("folder"), modes[i]), 0);
    assert_ok(lily_session_storage_info(storage, &info));
    assert_int_equal(info.directory_is_open, results[i]);
    assert_ok(lily_session_storage_info(scope, &info));
    assert_int_equal(info.directory_is_open, results[i]);
  }
  lily_session_storage_close(scope);
  lily_session_storage_close(storage);
}

/* If the path comes to lead to another folder, a STRICT handle examines that folder like the first. Nothing in the first folder is lost. */
TEST(folder_owners__S28_another_folder_for_a_strict_handle) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = LILY_SESSION_STRICT;
  assert_int_equal(mkdir(in_place("folder"), 0700), 0);
  assert_int_equal(mkdir(in_place("other"), 0700), 0);
  lily_session_storage_close(open_storage(in_place("other/session.jsonl")));
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open(in_place("folder/session.jsonl"), &options, &storage));
  assert_ok(set_text(storage, "a", "1"));
  assert_int_equal(rename(in_place("folder"), in_place("aside")), 0);
  assert_int_equal(rename(in_place("other"), in_place("folder")), 0);
  assert_int_equal(chmod(in_place("folder"), 0777), 0);
  assert_fails(REFUSED, lily_session_storage_sync(storage));
  assert_message_has(WRITABLE);
  assert_fails(REFUSED, set_text(storage, "a", "2"));
  char *json = UNTOUCHED;
  assert_fails(REFUSED, lily_session_storage_get(storage, "a", &json, NULL));
  assert_int_equal(chmod(in_place("folder"), 0700), 0);
  assert_ok(set_text(storage, "a", "3"));
  assert_stored(storage, "a", "3");
  lily_session_storage_close(storage);
  storage = open_storage(in_place("aside/session.jsonl"));
  assert_stored(storage, "a", "1");
  lily_session_storage_close(storage);
}

TEST(folder_owners__S28_none_in_memory) {
  lily_session_storage *storage = open_memory();
  lily_session_info info = LILY_SESSION_INFO_INIT;
  assert_ok(lily_session_storage_info(storage, &info));
  assert_int_equal(info.directory_is_open, 0);
  lily_session_storage_close(storage);
}
