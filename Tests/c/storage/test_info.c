/* lily_session_storage_info(): what it counts, and which arguments it refuses. */
#include "journal.h"
#include "rig.h"

#include <sys/stat.h>

/* The struct as it was before `directory_is_open` was added. */
#define FORMER_SIZE offsetof(lily_session_info, directory_is_open)

TEST(info__arguments) {
  struct {
    lily_session_info info;
    char tail[64];
  } larger;
  lily_session_storage *storage = open_storage(JOURNAL);
  lily_session_info info = LILY_SESSION_INFO_INIT, before;
  assert_fails(INVALID_ARGUMENT, lily_session_storage_info(NULL, &info));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_info(storage, NULL));
  /* On failure the struct stays as it was. */
  const size_t wrong[] = {0, 1, 8, sizeof info - 1, SIZE_MAX};
  for (size_t i = 0; i < COUNT(wrong); i++) {
    memset(&info, 0x5a, sizeof info);
    info.size = wrong[i];
    before = info;
    assert_fails(INVALID_ARGUMENT, lily_session_storage_info(storage, &info));
    assert_memory_equal(&info, &before, sizeof info);
  }
  /* A memory checker sees whether a struct that is too small is read or written past its end. */
  for (size_t size = sizeof(size_t); size < sizeof info; size += 8) {
    if (size == FORMER_SIZE) continue;
    lily_session_info *cut = malloc(size);
    memset(cut, 0, size);
    memcpy(cut, &size, sizeof size);
    assert_fails(INVALID_ARGUMENT, lily_session_storage_info(storage, cut));
    free(cut);
  }
  /* The struct of a later version is larger. The members that this version does not know stay as they were. */
  memset(&larger, 0, sizeof larger);
  larger.info.size = sizeof larger;
  assert_ok(lily_session_storage_info(storage, &larger.info));
  assert_int_equal(larger.info.size, sizeof larger);
  assert_int_equal(larger.info.quota_bytes, 5 << 20);
  larger.tail[63] = 1;
  assert_fails(INVALID_ARGUMENT, lily_session_storage_info(storage, &larger.info));
  lily_session_storage_close(storage);
}

/* A program that was built with the header from before the struct grew has this smaller one. A memory checker sees whether the library
   writes past its end. */
TEST(info__of_the_size_that_it_had) {
  lily_session_storage *storage = open_storage(JOURNAL);
  lily_session_info *former = malloc(FORMER_SIZE);
  memset(former, 0, FORMER_SIZE);
  former->size = FORMER_SIZE;
  assert_ok(set_text(storage, "key", "1"));
  assert_ok(lily_session_storage_info(storage, former));
  assert_int_equal(former->size, FORMER_SIZE);
  assert_int_equal(former->entries, 1);
  assert_int_equal(former->owes_sync, 1);
  free(former);
  lily_session_storage_close(storage);
}

TEST(info__of_a_journal) {
  int64_t now = 777000;
  lily_session_storage *storage = open_clocked(JOURNAL, &now, 1000);
  lily_session_info info = info_of(storage);
  assert_string_equal(info.path, JOURNAL);
  assert_ptr_equal(info.path, lily_session_storage_path(storage));
  assert_int_equal(info.entries, 0);
  assert_int_equal(info.live_bytes, 0);
  assert_int_equal(info.quota_bytes, 1000);
  assert_int_equal(info.file_bytes, JOURNAL_HEADERS_SIZE);
  assert_int_equal(info.damaged_lines, 0);
  assert_int_equal(info.last_compaction_ms, 0);
  assert_int_equal(info.durability, LILY_SESSION_DURABILITY_PROCESS);
  assert_int_equal(info.owes_sync, 0);

  assert_ok(set_text(storage, "key", "\"value\""));
  lily_session_storage *scope = open_scope(storage, "user:4");
  assert_ok(set_text(scope, "key", "22"));
  info = info_of(storage);
  assert_int_equal(info.entries, 2);
  assert_in_range(info.live_bytes, 3 + 7 + 3 + 2, 3 + 7 + 3 + 2 + 10); /* the spelling of the scope's name takes some room */
  assert_int_equal(info.owes_sync, 1);
  struct stat status;
  assert_int_equal(stat(JOURNAL, &status), 0);
  assert_int_equal(info.file_bytes, status.st_size);
  const lily_session_info of_scope = info_of(scope);
  /* Nothing says what is in the bytes behind the last member. */
  assert_memory_equal(&of_scope, &info, offsetof(lily_session_info, directory_is_open) + sizeof info.directory_is_open);

  assert_ok(lily_session_storage_sync(storage));
  assert_int_equal(info_of(storage).owes_sync, 0);
  assert_int_equal(info_of(storage).last_compaction_ms, 0);
  assert_ok(lily_session_storage_remove(scope, "key"));
  now = 888000;
  assert_ok(lily_session_storage_sync(storage));
  info = info_of(storage);
  assert_int_equal(info.last_compaction_ms, 888000);
  assert_int_equal(info.owes_sync, 0);
  assert_int_equal(info.entries, 1);
  assert_int_equal(info.live_bytes, 10);
  assert_int_equal(stat(JOURNAL, &status), 0);
  assert_int_equal(info.file_bytes, status.st_size);
  lily_session_storage_close(scope);
  lily_session_storage_close(storage);
}

TEST(info__sees_what_others_wrote) {
  lily_session_storage *storage = open_storage(JOURNAL), *other = open_storage(JOURNAL);
  assert_ok(set_text(other, "k", "1"));
  assert_int_equal(info_of(storage).entries, 1);
  assert_int_equal(info_of(storage).owes_sync, 0); /* the other handle owes one */
  assert_ok(lily_session_storage_remove(other, "k"));
  assert_ok(lily_session_storage_sync(other));
  assert_int_equal(info_of(storage).entries, 0);
  assert_int_equal(info_of(storage).file_bytes, JOURNAL_HEADERS_SIZE);
  assert_int_equal(info_of(storage).last_compaction_ms, 0); /* this handle never rewrote the file */
  assert_true(info_of(other).last_compaction_ms > 0);
  lily_session_storage_close(other);
  lily_session_storage_close(storage);
}

TEST(info__quotas) {
  const int64_t quotas[][2] = {{0, 5 << 20}, {-1, -1}, {1, 1}, {INT64_MAX - 1, INT64_MAX - 1}};
  for (size_t i = 0; i < COUNT(quotas); i++) {
    int64_t now = 1;
    lily_session_storage *journal = open_clocked(JOURNAL, &now, quotas[i][0]), *memory = open_memory_clocked(&now, quotas[i][0]);
    assert_true(info_of(journal).quota_bytes == quotas[i][1]);
    assert_true(info_of(memory).quota_bytes == quotas[i][1]);
    lily_session_storage_close(journal);
    lily_session_storage_close(memory);
  }
}

static int ask_in_child(void *context) {
  lily_session_info info = LILY_SESSION_INFO_INIT;
  CHILD_CHECK(lily_session_storage_info(context, &info) == LILY_SESSION_ERROR_FORKED);
  return 0;
}

TEST(info__S16_in_a_child_of_fork) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_int_equal(in_child(ask_in_child, storage), 0);
  lily_session_storage_close(storage);
}

/* ---- damage */

/* Lines 0 to 4 set a to e. Each line that has an x in `which` is damaged. */
static void make_damaged(const char *which) {
  struct journal journal;
  char line[80];
  journal_begin(&journal);
  for (int i = 0; i < 5; i++) {
    snprintf(line, sizeof line, "\"set\",\"lily_session_%c\",%d,0", 'a' + i, i);
    const size_t start = journal.length;
    journal_line(&journal, line);
    if (which[i] == 'x') journal.bytes[start + 30] ^= 1;
  }
  journal_save(&journal, JOURNAL);
}

TEST(info__S20_damaged_lines_are_counted) {
  const struct {
    const char *which;
    int least, most, entries; /* the jump in the sequence after damaged lines may count as damage or not */
  } cases[] = {{"-----", 0, 0, 5}, {"-x---", 1, 2, 4}, {"x----", 1, 2, 4}, {"-x-x-", 2, 4, 3}, {"-xx--", 2, 3, 3}, {"----x", 1, 1, 4}, {"xxxxx", 5, 5, 0}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    make_damaged(cases[i].which);
    lily_session_storage *storage = open_storage(JOURNAL);
    lily_session_info info = info_of(storage);
    assert_in_range(info.damaged_lines, cases[i].least, cases[i].most);
    assert_int_equal(info.entries, cases[i].entries);
    assert_int_equal(info.owes_sync, 0);
    lily_session_storage_close(storage);
    unlink(JOURNAL);
  }
}

/* Attach reports a damaged file. When the file is rewritten, the damaged one is kept beside it, and info counts no damaged lines any more. */
TEST(info__S20_until_the_file_is_rewritten) {
  struct rig rig;
  struct probe a = {0};
  make_damaged("-x---");
  struct bytes damaged = file_read(JOURNAL);
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &a, "a", LILY_SESSION_INT);
  rig_attach(&rig);
  assert_event(&rig, 0, LILY_SESSION_EVENT_DAMAGED, LILY_SESSION_ERROR_CORRUPT, 0, NULL);
  assert_int_equal(access(in_place("session.jsonl.damaged"), F_OK), -1);
  make_worth_rewriting(rig.storage);
  assert_true(info_of(rig.storage).damaged_lines > 0);
  assert_ok(lily_session_flush(rig.session));
  assert_int_equal(info_of(rig.storage).damaged_lines, 0);
  assert_int_equal(info_of(rig.storage).entries, 5);
  struct bytes kept = file_read(in_place("session.jsonl.damaged"));
  assert_true(kept.length > damaged.length);
  assert_memory_equal(kept.bytes, damaged.bytes, damaged.length);
  struct stat status;
  assert_int_equal(stat(in_place("session.jsonl.damaged"), &status), 0);
  assert_int_equal(status.st_mode & 0777, 0600);
  free(kept.bytes);
  free(damaged.bytes);
  rig_end(&rig);
}
