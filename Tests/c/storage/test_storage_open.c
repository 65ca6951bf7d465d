/* lily_session_storage_open(): its arguments, and the file that it makes. */
#include "journal.h"
#include "storages.h"

#include <fcntl.h>
#include <sys/stat.h>

/* A failed open leaves no handle. */
#define assert_not_opened(status, path, options)                       \
  do {                                                                 \
    lily_session_storage *out_storage = UNTOUCHED;                     \
    assert_fails(status, lily_session_storage_open((path), (options), &out_storage)); \
    assert_null(out_storage);                                          \
  } while (0)

TEST(storage_open__null_out_storage) {
  assert_fails(INVALID_ARGUMENT, lily_session_storage_open(JOURNAL, NULL, NULL));
  assert_int_not_equal(access(JOURNAL, F_OK), 0);
}

TEST(storage_open__empty_path) { assert_not_opened(INVALID_ARGUMENT, "", NULL); }

TEST(storage_open__no_such_directory) {
  assert_not_opened(NOT_FOUND, in_place("nowhere/session.jsonl"), NULL);
  assert_int_not_equal(access(in_place("nowhere"), F_OK), 0);
}

TEST(storage_open__a_file_where_a_directory_should_be) {
  file_write(in_place("file"), "x", 1);
  lily_session_storage *storage = UNTOUCHED;
  assert_int_not_equal(lily_session_storage_open(in_place("file/session.jsonl"), NULL, &storage), LILY_SESSION_OK);
  assert_null(storage);
}

TEST(storage_open__a_path_that_ends_in_a_slash) {
  lily_session_storage *storage = UNTOUCHED;
  char path[4200];
  snprintf(path, sizeof path, "%s/", place);
  assert_int_not_equal(lily_session_storage_open(path, NULL, &storage), LILY_SESSION_OK);
  assert_null(storage);
}

/* `format` has one %s, for the path inside the test's directory. */
static void check_message_is(const char *format, const char *name, int32_t flags) {
  char message[6000];
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage = UNTOUCHED;
  options.flags = flags;
  assert_int_not_equal(lily_session_storage_open(in_place(name), &options, &storage), LILY_SESSION_OK);
  assert_null(storage);
  snprintf(message, sizeof message, format, in_place(name));
  assert_string_equal(lily_session_last_error(), message);
}

TEST(storage_open__a_message_names_the_path_and_the_reason) {
  char directory[5000];
  file_write(in_place("file"), "not ours", 8);
  journal_of(in_place("second"), "a", "1", NULL);
  assert_int_equal(link(in_place("second"), in_place("link")), 0);
  assert_int_equal(mkdir(in_place("folder"), 0700), 0);
  snprintf(directory, sizeof directory, "cannot open %s/nowhere: No such file or directory", place);
  check_message_is(directory, "nowhere/session.jsonl", 0);
  snprintf(directory, sizeof directory, "cannot open %s/file: Not a directory", place);
  check_message_is(directory, "file/session.jsonl", 0);
  check_message_is("cannot open %s: No such file or directory", "absent", LILY_SESSION_READ_ONLY);
  check_message_is("cannot open %s: Is a directory", "folder", 0);
  check_message_is("the path must end with the name of a file: %s", "folder/", 0);
  check_message_is("the file is not a journal, or of a newer format: %s", "file", 0);
  check_message_is("the file has a second hard link: %s", "link", 0);
}

TEST(storage_open__a_path_longer_than_the_system_takes) {
  lily_session_storage *storage = UNTOUCHED;
  char *name = repeated('n', 300), *path = repeated('/', 70000);
  assert_int_not_equal(lily_session_storage_open(in_place(name), NULL, &storage), LILY_SESSION_OK);
  assert_null(storage);
  path[69999] = 'n';
  storage = UNTOUCHED;
  memset(path, 'd', 69000);
  assert_int_not_equal(lily_session_storage_open(path, NULL, &storage), LILY_SESSION_OK);
  assert_null(storage);
  free(name);
  free(path);
}

TEST(storage_open__wrong_sizes_of_options) {
  struct {
    lily_session_storage_options options;
    char tail[64];
  } larger = {.options = LILY_SESSION_STORAGE_OPTIONS_INIT};
  const size_t known = sizeof larger.options;
  const size_t wrong[] = {0, 1, known / 2, known - 1, SIZE_MAX, SIZE_MAX / 2};
  for (size_t i = 0; i < COUNT(wrong); i++) {
    larger.options.size = wrong[i];
    assert_not_opened(INVALID_ARGUMENT, JOURNAL, &larger.options);
  }
  assert_int_not_equal(access(JOURNAL, F_OK), 0);
}

TEST(storage_open__options_of_a_later_version) {
  struct {
    lily_session_storage_options options;
    char tail[64];
  } larger = {.options = LILY_SESSION_STORAGE_OPTIONS_INIT};
  const size_t more[] = {1, 8, sizeof larger.tail};
  for (size_t i = 0; i < COUNT(more); i++) {
    larger.options.size = sizeof larger.options + more[i];
    lily_session_storage *storage = NULL;
    assert_ok(lily_session_storage_open(JOURNAL, &larger.options, &storage));
    lily_session_storage_close(storage);
    char *last = (char *)&larger + larger.options.size - 1;
    *last = 1;
    assert_not_opened(INVALID_ARGUMENT, JOURNAL, &larger.options);
    *last = 0;
  }
}

TEST(storage_open__options_that_mean_nothing) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  const int32_t durabilities[] = {2, 3, -1, INT32_MIN, INT32_MAX};
  for (size_t i = 0; i < COUNT(durabilities); i++) {
    options.durability = durabilities[i];
    assert_not_opened(INVALID_ARGUMENT, JOURNAL, &options);
  }
  options.durability = LILY_SESSION_DURABILITY_PROCESS;
  const int32_t flags[] = {32, 64, 32 | LILY_SESSION_STRICT, -1, INT32_MIN};
  for (size_t i = 0; i < COUNT(flags); i++) {
    options.flags = flags[i];
    assert_not_opened(INVALID_ARGUMENT, JOURNAL, &options);
  }
  options.flags = 0;
  const int64_t quotas[] = {-2, INT64_MIN};
  for (size_t i = 0; i < COUNT(quotas); i++) {
    options.quota_bytes = quotas[i];
    assert_not_opened(INVALID_ARGUMENT, JOURNAL, &options);
  }
  assert_int_not_equal(access(JOURNAL, F_OK), 0);
}

TEST(storage_open__creates_a_journal_that_is_empty) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_entries(storage, 0);
  lily_session_storage_close(storage);
  struct bytes all = file_read(JOURNAL);
  assert_int_equal(all.length, JOURNAL_HEADERS_SIZE);
  free(all.bytes);
}

TEST(storage_open__leaves_a_journal_as_it_is) {
  journal_of(JOURNAL, "a", "1", "b", "[true]", NULL);
  struct bytes before = file_read(JOURNAL);
  lily_session_storage_close(open_storage(JOURNAL));
  assert_file_is(JOURNAL, before);
}

TEST(storage_open__options_are_read_during_the_call_only) {
  int64_t now = 1000;
  lily_session_storage_options *options = malloc(sizeof *options);
  *options = (lily_session_storage_options)LILY_SESSION_STORAGE_OPTIONS_INIT;
  options->clock = fixed_clock;
  options->context = &now;
  char *path = strdup(JOURNAL);
  lily_session_storage *storage = NULL;
  assert_ok(lily_session_storage_open(path, options, &storage));
  memset(options, 0xff, sizeof *options);
  free(options);
  memset(path, 'x', strlen(path));
  free(path);
  assert_ok(lily_session_storage_set(storage, "a", "1", 1, 1001));
  assert_stored(storage, "a", "1");
  now = 1001;
  assert_absent(storage, "a");
  assert_string_equal(lily_session_storage_path(storage), JOURNAL);
  lily_session_storage_close(storage);
}

TEST(storage_open__odd_names_are_files_like_others) {
  const char *names[] = {"with space", "\"quoted\"", "new\nline", "\xc3\xa9", "e\xcc\x81", "-", "%s%n"};
  for (size_t i = 0; i < COUNT(names); i++) {
    lily_session_storage *storage = open_storage(in_place(names[i]));
    assert_entries(storage, 0);
    assert_ok(set_text(storage, "a", "1"));
    lily_session_storage_close(storage);
    assert_int_equal(access(in_place(names[i]), F_OK), 0);
  }
}

TEST(storage_path__is_absolute) {
  assert_int_equal(chdir(place), 0);
  lily_session_storage *storage = open_storage("session.jsonl");
  assert_string_equal(lily_session_storage_path(storage), JOURNAL);
  assert_int_equal(chdir("/"), 0);
  assert_string_equal(lily_session_storage_path(storage), JOURNAL);
  assert_ok(set_text(storage, "a", "1"));
  lily_session_storage_close(storage);
  assert_int_equal(access("/session.jsonl", F_OK), -1);
}

TEST(storage_path__null_for_memory) {
  lily_session_storage *storage = open_memory();
  assert_null(lily_session_storage_path(storage));
  lily_session_storage_close(storage);
}
