/* S8 and S20: nothing in the file can stop a clear, and nothing around the file can keep the cleared values in it. */
#include "files.h"
#include "journal.h"
#include "rig.h"

#include <sys/resource.h>
#include <sys/stat.h>

/* ---- files that take no more lines */

/* Clears, and checks which entries are gone and which are still there. */
static void check_clear(const char *path) {
  lily_session_storage *storage = open_storage(path);
  assert_ok(lily_session_clear(storage));
  assert_absent(storage, "lily_session_token");
  assert_ok(set_text(storage, "lily_session_token", "\"new\""));
  assert_ok(lily_session_storage_sync(storage));
  lily_session_storage_close(storage);
  assert_false(file_has(path, SECRET));
  storage = open_storage(path);
  assert_stored(storage, "lily_session_token", "\"new\"");
  assert_stored(storage, "other", "1");
  lily_session_storage_close(storage);
}

static void begin_with_token(struct journal *journal) {
  journal_begin(journal);
  journal_line(journal, "\"set\",\"other\",1,0");
  journal_line(journal, "\"set\",\"lily_session_token\",\"" SECRET "\",0");
}

TEST(logout__S8_of_a_file_with_lines_of_a_newer_format) {
  struct journal journal;
  begin_with_token(&journal);
  journal_line(&journal, "\"zz\",\"" SECRET "\"");
  journal_save(&journal, JOURNAL);
  check_clear(JOURNAL);
}

TEST(logout__S8_of_a_file_at_its_last_sequence) {
  struct journal journal;
  const char *last = "4294967296,\"set\",\"a\",0,0";
  begin_with_token(&journal);
  journal_checked(&journal, last, strlen(last));
  journal_save(&journal, JOURNAL);
  check_clear(JOURNAL);
}

/* A hole makes the file as large as a file may be. */
TEST(logout__S8_of_a_file_at_its_largest_size) {
  if ((has_memory_checker() || is_unoptimised()) && !is_long_run()) skip(); /* it reads 4 GiB several times */
  struct journal journal;
  begin_with_token(&journal);
  journal_save(&journal, JOURNAL);
  FILE *file = fopen(JOURNAL, "r+");
  assert_non_null(file);
  assert_int_equal(fseeko(file, ((off_t)4 << 30) - 1, SEEK_SET), 0);
  assert_int_equal(fputc('\n', file), '\n');
  fclose(file);
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_stored(storage, "other", "1");
  lily_session_storage_close(storage);
  check_clear(JOURNAL);
  struct stat status;
  assert_int_equal(stat(JOURNAL, &status), 0);
  assert_true(status.st_size < 1000);
}

/* Another handle and its session find the new file, and meet the clear. */
TEST(logout__S8_another_session_meets_a_clear_in_a_new_file) {
  struct rig rig;
  struct probe token = {0};
  struct journal journal;
  begin_with_token(&journal);
  journal_line(&journal, "\"zz\"");
  journal_save(&journal, JOURNAL);
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &token, "token", LILY_SESSION_STRING);
  rig_attach(&rig);
  lily_session_storage *other = open_storage(JOURNAL);
  assert_ok(lily_session_clear(other));
  lily_session_storage_close(other);
  assert_ok(lily_session_refresh(rig.session));
  assert_event(&rig, 0, LILY_SESSION_EVENT_CLEARED, LILY_SESSION_OK, 0, "token");
  rig_end(&rig);
}

/* ---- a file that cannot be rewritten */

struct trouble {
  const char *name;
  bool (*begin)(void);
  bool (*end)(void);
};

static bool folder_closed(void) { return chmod(in_place("folder"), 0555) == 0; }
static bool folder_open(void) { return chmod(in_place("folder"), 0755) == 0; }

static struct rlimit before;
static bool no_descriptors(void) {
  return getrlimit(RLIMIT_NOFILE, &before) == 0 && setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, before.rlim_max}) == 0;
}
static bool descriptors(void) { return setrlimit(RLIMIT_NOFILE, &before) == 0; }

static const struct trouble troubles[] = {{"folder", folder_closed, folder_open}, {"descriptors", no_descriptors, descriptors}};

/* A stored value shares a line with the removed one. Other handles are open, and one is opened afterwards. */
static int erase_in_place(void *context) {
  const struct trouble *trouble = context;
  char name[64];
  snprintf(name, sizeof name, "%s/session.jsonl", trouble->name);
  const char *path = in_place(name);
  lily_session_storage *storage, *other;
  if (geteuid() == 0) CHILD_CHECK(become(65534));
  CHILD_CHECK(lily_session_storage_open(path, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_storage_open(path, NULL, &other) == LILY_SESSION_OK);
  CHILD_CHECK(trouble->begin());
  CHILD_CHECK(lily_session_clear(storage) == LILY_SESSION_OK);
  CHILD_CHECK(set_text(storage, "lily_session_a", "5") == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_storage_sync(storage) == LILY_SESSION_OK);
  CHILD_CHECK(trouble->end());
  CHILD_CHECK(!file_has(path, SECRET));
  for (int i = 0; i < 3; i++) {
    lily_session_info info = LILY_SESSION_INFO_INIT;
    CHILD_CHECK(lily_session_storage_info(other, &info) == LILY_SESSION_OK && info.damaged_lines == 0 && info.entries == 5);
    char *json = NULL;
    size_t length;
    CHILD_CHECK(lily_session_storage_get(other, "kept", &json, &length) == LILY_SESSION_OK && strcmp(json, "[1,2]") == 0);
    lily_session_free(json);
    CHILD_CHECK(lily_session_storage_get(other, "lily_session_a", &json, &length) == LILY_SESSION_OK && strcmp(json, "5") == 0);
    lily_session_free(json);
    CHILD_CHECK(lily_session_storage_get(other, "lily_session_token", &json, &length) == LILY_SESSION_ERROR_NOT_FOUND);
    CHILD_CHECK(lily_session_storage_get(other, "lily_session_long", &json, &length) == LILY_SESSION_ERROR_NOT_FOUND);
    lily_session_storage_close(other);
    CHILD_CHECK(lily_session_storage_open(path, NULL, &other) == LILY_SESSION_OK);
  }
  lily_session_storage_close(other);
  lily_session_storage_close(storage);
  return 0;
}

TEST(logout__S8_what_was_cleared_leaves_a_file_that_cannot_be_rewritten) {
  for (size_t i = 0; i < COUNT(troubles); i++) {
    struct journal journal;
    journal_begin(&journal);
    journal_line(&journal, "\"set\",\"short\",1,0");
    journal_line(&journal, "\"set\",\"lily_session_a\",7,0");
    journal_line(&journal,
                 "\"batch\",[[\"set\",\"lily_session_token\",\"" SECRET "\",0],[\"set\",\"kept\",[1,2],0],"
                 "[\"set\",\"lily_session_b\",\"" SECRET "\",99999999999999,3],[\"remove\",\"none\"],[\"set\",\"also\",\"x\",99999999999999,2]]");
    journal_line(&journal, "\"set\",\"lily_session_long\",{\"a\":\"" SECRET "\"},1,1");
    journal_line(&journal, "\"set\",\"replaced\",\"" SECRET "\",0");
    journal_line(&journal, "\"set\",\"replaced\",2,0");
    assert_int_equal(chmod(place, 0755), 0);
    char name[64];
    snprintf(name, sizeof name, "%s/session.jsonl", troubles[i].name);
    assert_int_equal(mkdir(in_place(troubles[i].name), 0755), 0);
    journal_save(&journal, in_place(name));
    if (geteuid() == 0) assert_int_equal(chown(in_place(troubles[i].name), 65534, 65534) | chown(in_place(name), 65534, 65534), 0);
    if (in_child(erase_in_place, (void *)(uintptr_t)&troubles[i]) != 0) fail_msg("%s", troubles[i].name);
  }
}

/* ---- what overwriting must not touch */

struct header {
  const char *name;
  void (*damage)(char *bytes, size_t *length);
};

static void one_copy_gone(char *bytes, size_t *length) {
  memmove(bytes, bytes + JOURNAL_HEADER_SIZE, *length - JOURNAL_HEADER_SIZE);
  *length -= JOURNAL_HEADER_SIZE;
}
static void newlines_gone(char *bytes, size_t *length) {
  (void)length;
  bytes[JOURNAL_HEADER_SIZE - 1] = bytes[JOURNAL_HEADERS_SIZE - 1] = 'x';
}
static void overwritten(char *bytes, size_t *length) {
  (void)length;
  memset(bytes, '?', JOURNAL_HEADERS_SIZE);
}
static void cut_out(char *bytes, size_t *length) {
  memmove(bytes, bytes + JOURNAL_HEADERS_SIZE, *length - JOURNAL_HEADERS_SIZE);
  *length -= JOURNAL_HEADERS_SIZE;
}

static const struct header headers[] = {{"one copy", one_copy_gone}, {"newlines", newlines_gone}, {"overwritten", overwritten}, {"cut out", cut_out}};

static int remove_one(void *context) {
  const char *path = context;
  lily_session_storage *storage;
  if (geteuid() == 0) CHILD_CHECK(become(65534));
  CHILD_CHECK(chmod(in_place("closed"), 0555) == 0);
  CHILD_CHECK(lily_session_storage_open(path, NULL, &storage) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_storage_remove(storage, "b") == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_storage_sync(storage) == LILY_SESSION_OK);
  lily_session_storage_close(storage);
  CHILD_CHECK(lily_session_storage_open(path, NULL, &storage) == LILY_SESSION_OK);
  for (const char *key = "ac"; *key != '\0'; key++) {
    char *json = NULL;
    CHILD_CHECK(lily_session_storage_get(storage, (char[]){*key, '\0'}, &json, NULL) == LILY_SESSION_OK);
    lily_session_free(json);
  }
  lily_session_storage_close(storage);
  CHILD_CHECK(chmod(in_place("closed"), 0755) == 0);
  return 0;
}

/* Saves a journal at the path that remove_one() opens, and frees its memory. */
static void in_a_closed_folder(struct journal *journal) {
  const char *folder = in_place("closed"), *path = in_place("closed/session.jsonl");
  mkdir(folder, 0755);
  assert_int_equal(chmod(place, 0755) | chmod(folder, 0755), 0);
  unlink(path);
  journal_save(journal, path);
  if (geteuid() == 0) assert_int_equal(chown(folder, 65534, 65534) | chown(path, 65534, 65534), 0);
}

TEST(logout__S8_what_lives_in_a_file_without_its_header_stays) {
  for (size_t i = 0; i < COUNT(headers); i++) {
    struct journal journal;
    journal_begin(&journal);
    journal_line(&journal, "\"set\",\"a\",1,0");
    journal_line(&journal, "\"set\",\"b\",\"" SECRET "\",1790000000000000");
    journal_line(&journal, "\"set\",\"c\",3,0");
    headers[i].damage(journal.bytes, &journal.length);
    in_a_closed_folder(&journal);
    if (in_child(remove_one, (void *)(uintptr_t)in_place("closed/session.jsonl")) != 0) fail_msg("%s", headers[i].name);
    assert_false(file_has(in_place("closed/session.jsonl"), SECRET));
  }
}

/* The line that removes a key may be lost while a value in it is overwritten; then an older value of that key must not come back. */
TEST(logout__S8_a_removal_is_written_again_before_its_line_is_overwritten) {
  struct journal journal;
  const char *path = in_place("closed/session.jsonl");
  journal_begin(&journal);
  journal_line(&journal, "\"set\",\"gone\",\"old\",0");
  journal_line(&journal, "\"batch\",[[\"set\",\"a\",\"" SECRET "\",0],[\"remove\",\"gone\"],[\"set\",\"c\",3,0]]");
  journal_line(&journal, "\"set\",\"a\",1,0");
  journal_line(&journal, "\"set\",\"b\",2,0");
  in_a_closed_folder(&journal);
  assert_int_equal(in_child(remove_one, (void *)(uintptr_t)path), 0);
  bool again = false;
  for (int i = 4; i < operations(path); i++) {
    json_t *line = operation(path, i);
    char *text = json_dumps(line, JSON_COMPACT);
    again = again || strstr(text, "[\"remove\",\"gone\"]") != NULL;
    free(text);
    json_decref(line);
  }
  assert_true(again);
  assert_false(file_has(path, SECRET));
}

/* Overwriting does not fill a hole in a damaged line. */
TEST(logout__S8_a_sparse_damaged_line_does_not_fill_the_disk) {
  struct journal journal;
  const char *path = in_place("closed/session.jsonl");
  journal_begin(&journal);
  journal_line(&journal, "\"set\",\"a\",1,0");
  journal_line(&journal, "\"set\",\"b\",\"" SECRET "\",0");
  journal_line(&journal, "\"set\",\"c\",3,0");
  in_a_closed_folder(&journal);
  FILE *file = fopen(path, "r+");
  assert_non_null(file);
  assert_int_equal(fseeko(file, (off_t)1 << 30, SEEK_SET), 0);
  assert_int_equal(fputc('\n', file), '\n');
  fclose(file);
  assert_int_equal(in_child(remove_one, (void *)(uintptr_t)path), 0);
  struct stat status;
  assert_int_equal(stat(path, &status), 0);
  if (status.st_blocks >= 2048) fail_msg("%lld blocks", (long long)status.st_blocks);
}
