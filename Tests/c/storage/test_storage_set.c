/* lily_session_storage_set() and lily_session_storage_remove(): their arguments, and their limits. */
#include "journal.h"
#include "storages.h"

TEST(storage_set__null_storage) { assert_fails(INVALID_ARGUMENT, lily_session_storage_set(NULL, "a", "1", 1, 0)); }

TEST(storage_set__null_key) {
  lily_session_storage *storage = open_memory();
  assert_fails(INVALID_ARGUMENT, lily_session_storage_set(storage, NULL, "1", 1, 0));
  assert_entries(storage, 0);
  lily_session_storage_close(storage);
}

TEST(storage_set__null_json) {
  lily_session_storage *storage = open_memory();
  assert_fails(INVALID_ARGUMENT, lily_session_storage_set(storage, "a", NULL, 0, 0));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_set(storage, "a", NULL, 1, 0));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_set(storage, "a", NULL, SIZE_MAX, 0));
  assert_entries(storage, 0);
  lily_session_storage_close(storage);
}

TEST(storage_set__reads_length_bytes_and_no_more) {
  lily_session_storage *storage = open_memory();
  const char text[] = "12345";
  assert_ok(lily_session_storage_set(storage, "a", text, 2, 0));
  assert_stored(storage, "a", "12");
  /* The memory has exactly that size, so that a memory checker sees if one byte too many is read. */
  char *exact = malloc(3);
  memcpy(exact, "\"x\"", 3);
  assert_ok(lily_session_storage_set(storage, "a", exact, 3, 0));
  free(exact);
  assert_stored(storage, "a", "\"x\"");
  /* A NUL inside the length is a byte that JSON does not allow. */
  assert_fails(DECODE, lily_session_storage_set(storage, "a", text, sizeof text, 0));
  assert_stored(storage, "a", "\"x\"");
  lily_session_storage_close(storage);
}

/* If the length is absurd, no byte of the text may be read. */
TEST(storage_set__S20_absurd_lengths) {
  lily_session_storage *storage = open_memory();
  const size_t lengths[] = {SIZE_MAX, SIZE_MAX / 2 + 1, SIZE_MAX / 2, (size_t)1 << 40};
  for (size_t i = 0; i < COUNT(lengths); i++) {
    const lily_session_status status = lily_session_storage_set(storage, "a", "1", lengths[i], 0);
    assert_true(status == LILY_SESSION_ERROR_INVALID_ARGUMENT || status == LILY_SESSION_ERROR_DECODE);
    assert_true(lily_session_last_error()[0] != '\0');
  }
  assert_entries(storage, 0);
  lily_session_storage_close(storage);
}

TEST(storage_set__length_0) {
  lily_session_storage *storage = open_memory();
  assert_fails(DECODE, lily_session_storage_set(storage, "a", "", 0, 0));
  assert_fails(DECODE, lily_session_storage_set(storage, "a", "1", 0, 0));
  assert_entries(storage, 0);
  lily_session_storage_close(storage);
}

TEST(storage_set__a_failure_leaves_the_old_value_and_the_file) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "a", "1"));
  struct bytes before = file_read(JOURNAL);
  assert_fails(DECODE, set_text(storage, "a", "{"));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_set(storage, "a", "2", 1, -1));
  assert_fails(INVALID_ARGUMENT, set_text(storage, "", "2"));
  assert_stored(storage, "a", "1");
  assert_file_is(JOURNAL, before);
  lily_session_storage_close(storage);
}

TEST(storage_set__one_line_each) {
  lily_session_storage *storage = open_storage(JOURNAL);
  for (int i = 1; i <= 5; i++) {
    assert_ok(set_text(storage, "a", "\"\\n\""));
    assert_int_equal(operations(JOURNAL), i);
  }
  lily_session_storage_close(storage);
}

/* Values of 16 MiB are stored, and read from the file, whole. */
TEST(storage_set__S2_16_MiB) {
  const size_t most = 16u << 20;
  char *text = repeated('x', most);
  text[0] = text[most - 1] = '"';
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage;
  options.quota_bytes = -1;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
  assert_ok(lily_session_storage_set(storage, "a", text, most, 0));
  assert_ok(set_text(storage, "b", "1"));
  lily_session_storage_close(storage);
  storage = open_storage(JOURNAL);
  char *json = NULL;
  size_t length = 0;
  assert_ok(lily_session_storage_get(storage, "a", &json, &length));
  assert_int_equal(length, most);
  assert_memory_equal(json, text, most);
  assert_stored(storage, "b", "1");
  lily_session_free(json);
  lily_session_storage_close(storage);
  free(text);
}

TEST(storage_set__S2_a_byte_over_16_MiB) {
  const size_t size = (16u << 20) + 1;
  char *text = repeated('x', size);
  text[0] = text[size - 1] = '"';
  lily_session_storage *storage = open_storage(JOURNAL);
  struct bytes before = file_read(JOURNAL);
  assert_fails(DECODE, lily_session_storage_set(storage, "a", text, size, 0));
  assert_absent(storage, "a");
  assert_file_is(JOURNAL, before);
  lily_session_storage_close(storage);
  free(text);
}

TEST(storage_remove__null_arguments) {
  lily_session_storage *storage = open_memory();
  assert_fails(INVALID_ARGUMENT, lily_session_storage_remove(NULL, "a"));
  assert_fails(INVALID_ARGUMENT, lily_session_storage_remove(storage, NULL));
  lily_session_storage_close(storage);
}

TEST(storage_remove__an_absent_key_writes_nothing) {
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "a", "1"));
  struct bytes before = file_read(JOURNAL);
  assert_ok(lily_session_storage_remove(storage, "b"));
  assert_ok(lily_session_storage_remove(storage, "A"));
  assert_file_is(JOURNAL, before);
  lily_session_storage_close(storage);
}
