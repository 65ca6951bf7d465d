/* Tests the tools of the tests, because every test would miss what these tools miss. */
#include "journal.h"
#include "storages.h"

#include <sys/stat.h>

TEST(support__crc32c_has_the_published_check_value) {
  assert_int_equal((uint32_t)~crc32c(0xFFFFFFFFu, "123456789", 9), 0xE3069283u);
}

/* RFC 3720, appendix B.4, has this check of 32 zero bytes. */
TEST(support__crc32c_of_zeros) {
  const char zeros[32] = {0};
  assert_int_equal((uint32_t)~crc32c(0xFFFFFFFFu, zeros, sizeof zeros), 0x8A9136AAu);
}

TEST(support__a_journal_made_by_hand_is_read) {
  journal_of(JOURNAL, "lily_session_theme", "\"dark\"", "other", "[1,2.0,{\"a\":null}]", NULL);
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_stored(storage, "lily_session_theme", "\"dark\"");
  assert_stored(storage, "other", "[1,2.0,{\"a\":null}]");
  assert_entries(storage, 2);
  lily_session_storage_close(storage);
}

TEST(support__a_journal_made_by_hand_is_without_damage) {
  journal_of(JOURNAL, "a", "1", "b", "2", NULL);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = LILY_SESSION_STRICT;
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
  lily_session_storage_close(storage);
}

/* The tests' reader was written from docs/format.md, and can read a file that the library wrote. */
TEST(support__a_journal_of_the_library_is_read) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "a", "\"x y\""));
  assert_ok(lily_session_storage_remove(storage, "a"));
  lily_session_storage_close(storage);
  struct bytes all = file_read(JOURNAL);
  assert_memory_equal(all.bytes, all.bytes + JOURNAL_HEADER_SIZE, JOURNAL_HEADER_SIZE);
  assert_int_equal(all.bytes[JOURNAL_HEADER_SIZE - 1], '\n');
  uint8_t salt[8];
  for (int i = 0; i < 8; i++) assert_int_equal(sscanf(all.bytes + 32 + 2 * i, "%2hhx", &salt[i]), 1);
  const char *at = all.bytes;
  for (int line = 0; at < all.bytes + all.length; line++) {
    const char *end = strchr(at, '\n');
    assert_non_null(end);
    uint32_t reg = line < 2 ? 0xFFFFFFFFu : crc32c(0xFFFFFFFFu, salt, sizeof salt);
    char check[9];
    snprintf(check, sizeof check, "%08x", (unsigned)~crc32c(reg, at + 12, (size_t)(end - at) - 12));
    assert_memory_equal(at + 2, check, 8);
    at = end + 1;
  }
  free(all.bytes);
}

TEST(support__each_test_has_an_empty_directory) {
  /* Only an empty directory can be removed. */
  assert_int_equal(rmdir(place), 0);
  assert_int_equal(mkdir(place, 0700), 0);
}

static int code_of(void *context) { return *(int *)context; }
static int killed(void *context) {
  (void)context;
  raise(SIGKILL);
  return 0;
}

TEST(support__children_report_how_they_ended) {
  int code = 7;
  assert_int_equal(in_child(code_of, &code), 7);
  assert_int_equal(in_child(killed, NULL), 128 + SIGKILL);
}
