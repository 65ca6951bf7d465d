/* S18 and S20: files that are not ours are refused, at once, and not touched. */
#include "journal.h"
#include "test.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static void check_refused(const char *path) {
  for (int32_t flags = 0; flags <= 3; flags++) {
    lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
    lily_session_storage *storage = UNTOUCHED;
    options.flags = flags;
    assert_fails(REFUSED, lily_session_storage_open(path, &options, &storage));
    assert_null(storage);
  }
}

TEST(refused__S18_a_symbolic_link) {
  journal_of(in_place("target"), "a", "1", NULL);
  struct bytes before = file_read(in_place("target"));
  assert_int_equal(symlink(in_place("target"), JOURNAL), 0);
  check_refused(JOURNAL);
  assert_file_is(in_place("target"), before);
}

TEST(refused__S18_a_symbolic_link_to_nothing) {
  assert_int_equal(symlink(in_place("target"), JOURNAL), 0);
  check_refused(JOURNAL);
  assert_int_not_equal(access(in_place("target"), F_OK), 0);
}

/* People link their directories; a link on the way is theirs to make. */
TEST(refused__S18_but_not_a_link_on_the_way) {
  assert_int_equal(mkdir(in_place("real"), 0700), 0);
  assert_int_equal(symlink(in_place("real"), in_place("link")), 0);
  lily_session_storage *storage = open_storage(in_place("link/session.jsonl"));
  assert_ok(set_text(storage, "a", "1"));
  assert_ok(lily_session_storage_remove(storage, "a"));
  assert_ok(lily_session_storage_sync(storage));
  lily_session_storage_close(storage);
  assert_int_equal(access(in_place("real/session.jsonl"), F_OK), 0);
}

/* Opening one would wait for a writer, for ever. */
TEST(refused__S18_a_FIFO) {
  assert_int_equal(mkfifo(JOURNAL, 0600), 0);
  check_refused(JOURNAL);
}

TEST(refused__S18_a_directory) {
  assert_int_equal(mkdir(JOURNAL, 0700), 0);
  check_refused(JOURNAL);
  assert_int_equal(rmdir(JOURNAL), 0);
}

TEST(refused__S18_a_socket) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  assert_int_equal(chdir(place), 0);
  strcpy(address.sun_path, "session.jsonl");
  int file = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(bind(file, (struct sockaddr *)&address, sizeof address), 0);
  check_refused(JOURNAL);
  close(file);
}

TEST(refused__S18_a_device) {
  check_refused("/dev/null");
  check_refused("/dev/zero");
}

TEST(refused__S18_a_file_that_is_linked_twice) {
  journal_of(JOURNAL, "a", "1", NULL);
  assert_int_equal(link(JOURNAL, in_place("second")), 0);
  struct bytes before = file_read(JOURNAL);
  check_refused(JOURNAL);
  check_refused(in_place("second"));
  assert_file_is(JOURNAL, before);
  assert_int_equal(unlink(in_place("second")), 0);
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_stored(storage, "a", "1");
  lily_session_storage_close(storage);
}

TEST(refused__S18_another_owners) {
  if (geteuid() != 0) skip(); /* only root may give a file away */
  journal_of(JOURNAL, "a", "1", NULL);
  assert_int_equal(chown(JOURNAL, 65534, (gid_t)-1), 0);
  struct bytes before = file_read(JOURNAL);
  check_refused(JOURNAL);
  assert_file_is(JOURNAL, before);
}

TEST(refused__S20_over_4_GiB) {
  journal_of(JOURNAL, "a", "1", NULL);
  if (truncate(JOURNAL, ((off_t)4 << 30) + 1) != 0) skip(); /* a file system without room for its numbers */
  check_refused(JOURNAL);
  struct stat status;
  assert_int_equal(stat(JOURNAL, &status), 0);
  assert_true(status.st_size == ((off_t)4 << 30) + 1);
}

static void check_foreign(const void *bytes, size_t length) {
  file_write(JOURNAL, bytes, length);
  struct bytes before = file_read(JOURNAL);
  check_refused(JOURNAL);
  assert_file_is(JOURNAL, before);
  assert_int_equal(unlink(JOURNAL), 0);
}

TEST(refused__S18_foreign_files) {
  const char *texts[] = {"x",
                         "\n",
                         "a text\n",
                         "{\"theme\":\"dark\"}\n",
                         "[\"06c4f7a5\",1,\"set\",\"a\",1,0]\n",
                         "[1,2,3]\n[4,5,6]\n",
                         "\xef\xbb\xbf",
                         "#!/bin/sh\nexit 0\n",
                         "\x89PNG\r\n\x1a\n",
                         "SQLite format 3",
                         " ",
                         "[\"06c4f7a5\",0,\"lily-sessioN\",1,\"8f3b0c6a92d1e457\",\"00000000b7e15163\"]\n"};
  for (size_t i = 0; i < COUNT(texts); i++) check_foreign(texts[i], strlen(texts[i]));
  char *page = repeated('\0', 4096);
  page[4095] = 'x';
  check_foreign(page, 4096);
  page[0] = '\n';
  page[4095] = '\0';
  check_foreign(page, 4096);
  free(page);
}

/* Headers with one thing wrong in both copies; the checks are right where only they would tell. */
TEST(refused__S18_headers_that_are_not_ours) {
  const char *bodies[] = {
      "0,\"lily-session\",2,\"8f3b0c6a92d1e457\",\"00000000b7e15163\"", /* a newer format */
      "0,\"lily-session\",0,\"8f3b0c6a92d1e457\",\"00000000b7e15163\"",
      "1,\"lily-session\",1,\"8f3b0c6a92d1e457\",\"00000000b7e15163\"",
      "0,\"lily_session\",1,\"8f3b0c6a92d1e457\",\"00000000b7e15163\"",
      "0,\"lily-session\",1,\"8F3B0C6A92D1E457\",\"00000000b7e15163\"",
      "0,\"lily-session\",1,\"8f3b0c6a92d1e45g\",\"00000000b7e15163\"",
      "0,\"lily-session\",1,\"8f3b0c6a92d1e457\",\"00000000b7e1516x\"",
      "0,\"lily-session\",1,\"8f3b0c6a92d1e457\",00000000b7e1516300",
      "0,\"lily-session\",1,\"8f3b0c6a92d1e4\",\"00000000b7e1516300\"",
  };
  for (size_t i = 0; i < COUNT(bodies); i++) {
    struct journal journal = {NULL, 0, 0};
    for (int copy = 0; copy < 2; copy++) {
      char line[200];
      const uint32_t check = ~crc32c(crc32c(0xFFFFFFFFu, bodies[i], strlen(bodies[i])), "]", 1);
      snprintf(line, sizeof line, "[\"%08x\",%s]\n", (unsigned)check, bodies[i]);
      journal_text(&journal, line);
    }
    journal_line(&journal, "\"set\",\"a\",1,0");
    check_foreign(journal.bytes, journal.length);
    free(journal.bytes);
  }
}

TEST(refused__S18_headers_whose_checks_both_fail) {
  struct journal journal;
  journal_begin(&journal);
  journal_line(&journal, "\"set\",\"a\",1,0");
  journal.bytes[2] ^= 1;
  journal.bytes[JOURNAL_HEADER_SIZE + 2] ^= 1;
  check_foreign(journal.bytes, journal.length);
  free(journal.bytes);
}

TEST(refused__S20_one_of_the_two_headers_serves) {
  for (int broken = 0; broken < 2; broken++) {
    for (int at = 0; at < JOURNAL_HEADER_SIZE; at++) {
      struct journal journal;
      journal_begin(&journal);
      journal_line(&journal, "\"set\",\"a\",1,0");
      journal.bytes[broken * JOURNAL_HEADER_SIZE + at] ^= 4;
      journal_save(&journal, JOURNAL);
      lily_session_storage *storage = open_storage(JOURNAL);
      assert_stored(storage, "a", "1");
      assert_ok(set_text(storage, "b", "2"));
      lily_session_storage_close(storage);
      storage = open_storage(JOURNAL);
      assert_stored(storage, "a", "1");
      assert_stored(storage, "b", "2");
      lily_session_storage_close(storage);
    }
  }
}

/* A creation that a crash cut short is begun anew. */
TEST(refused__S20_but_not_what_a_crash_left_of_a_creation) {
  struct journal journal;
  journal_begin(&journal);
  for (size_t length = 0; length <= JOURNAL_HEADERS_SIZE; length++) {
    file_write(JOURNAL, journal.bytes, length);
    lily_session_storage *storage = open_storage(JOURNAL);
    assert_ok(set_text(storage, "a", "1"));
    lily_session_storage_close(storage);
    storage = open_storage(JOURNAL);
    assert_stored(storage, "a", "1");
    lily_session_storage_close(storage);
    unlink(JOURNAL);
  }
  char *zeros = repeated('\0', 5000);
  const size_t lengths[] = {1, 69, 70, 140, 141, 4096, 5000};
  for (size_t i = 0; i < COUNT(lengths); i++) {
    file_write(JOURNAL, zeros, lengths[i]);
    lily_session_storage *storage = open_storage(JOURNAL);
    assert_ok(set_text(storage, "a", "1"));
    lily_session_storage_close(storage);
    assert_int_equal(operations(JOURNAL), 1);
    unlink(JOURNAL);
  }
  free(zeros);
  free(journal.bytes);
}
