/* S28: a long damaged end of a file is not read again by every call. Tests/journal has the other tests of damage. */
#include "journal.h"
#include "storages.h"

#include <sys/stat.h>

/* Returns how many bytes this process has read. */
static long long bytes_read(void) {
  char line[100];
  long long bytes = -1;
  FILE *io = fopen("/proc/self/io", "r");
  assert_non_null(io);
  while (fgets(line, sizeof line, io) != NULL) sscanf(line, "rchar: %lld", &bytes);
  fclose(io);
  assert_true(bytes >= 0);
  return bytes;
}

/* A last line without a newline may be as long as a file. The library does not read it again in every call, and never reads a hole in it.
   It still notices a line that takes its place later. */
TEST(damage__S28_a_long_torn_end_is_read_once) {
  enum { TORN = 4 << 20 };
  journal_of(JOURNAL, "a", "1", NULL);
  struct bytes whole = file_read(JOURNAL);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage, *writer;
  options.flags = LILY_SESSION_READ_ONLY;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
  char *torn = repeated('x', TORN);
  FILE *file = fopen(JOURNAL, "a");
  assert_non_null(file);
  assert_int_equal(fwrite(torn, 1, TORN, file), TORN);
  fclose(file);
  assert_stored(storage, "a", "1");
  long long before = bytes_read();
  for (int i = 0; i < 100; i++) assert_stored(storage, "a", "1");
  assert_true(bytes_read() - before < 1 << 20);
  assert_int_equal(truncate(JOURNAL, (off_t)4 << 30), 0);
  before = bytes_read();
  for (int i = 0; i < 100; i++) assert_stored(storage, "a", "1");
  assert_true(bytes_read() - before < 100 << 20);
  /* A writer cuts that line off, and adds one of exactly the same length. */
  assert_int_equal(truncate(JOURNAL, (off_t)whole.length + TORN), 0);
  assert_stored(storage, "a", "1");
  assert_int_equal(truncate(JOURNAL, (off_t)whole.length), 0);
  assert_ok(lily_session_storage_open(JOURNAL, NULL, &writer));
  const int frame = (int)strlen("[\"00000000\",2,\"set\",\"a\",,0]\n");
  char *value = repeated('y', TORN - frame);
  value[0] = value[TORN - frame - 1] = '"';
  assert_ok(lily_session_storage_set(writer, "a", value, TORN - frame, 0));
  struct stat status;
  assert_int_equal(stat(JOURNAL, &status), 0);
  assert_int_equal(status.st_size, (off_t)whole.length + TORN);
  assert_stored(storage, "a", value);
  lily_session_storage_close(writer);
  lily_session_storage_close(storage);
  free(whole.bytes);
  free(value);
  free(torn);
}
