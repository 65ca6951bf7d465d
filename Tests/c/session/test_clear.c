/* S8: a clear removes every key with the prefix in one step, and nothing from before it comes back. */
#include "journal.h"
#include "rig.h"

#include <sys/stat.h>

static struct rig rig;
static struct probe theme, token, cart;

static void begin(void) {
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  rig_field(&rig, &token, "token", LILY_SESSION_STRING | LILY_SESSION_NULL);
  rig_field(&rig, &cart, "cart", LILY_SESSION_INT);
  probe_string(&theme, "light");
  probe_null(&token);
  probe_int(&cart, 0);
  rig_attach(&rig);
}

TEST(clear__S8_is_one_line_whatever_the_number) {
  lily_session_storage *storage = open_storage(JOURNAL);
  for (int i = 0; i < 2000; i++) {
    char key[40];
    snprintf(key, sizeof key, "lily_session_%d", i);
    assert_ok(set_text(storage, key, "\"" SECRET "\""));
  }
  assert_ok(lily_session_clear(storage));
  assert_int_equal(operations(JOURNAL), 2001);
  json_t *line = operation(JOURNAL, 2000);
  assert_string_equal(json_string_value(json_array_get(line, 2)), "clear");
  assert_string_equal(json_string_value(json_array_get(line, 3)), "lily_session_");
  json_decref(line);
  assert_entries(storage, 0);
  assert_ok(lily_session_storage_sync(storage));
  assert_false(file_has(JOURNAL, SECRET));
  lily_session_storage_close(storage);
}

TEST(clear__S8_raises_the_generation_each_time) {
  lily_session_storage *storage = open_storage(JOURNAL);
  struct bytes all = file_read(JOURNAL);
  char generation[17] = "", before[17] = "";
  memcpy(before, all.bytes + 51, 16);
  free(all.bytes);
  for (int i = 0; i < 3; i++) {
    assert_ok(set_text(storage, "lily_session_a", "1"));
    assert_ok(lily_session_clear(storage));
    json_t *line = operation(JOURNAL, 2 * i + 1);
    snprintf(generation, sizeof generation, "%s", json_string_value(json_array_get(line, 4)));
    json_decref(line);
    assert_int_equal(strlen(generation), 16);
    assert_true(strtoull(generation, NULL, 16) == strtoull(before, NULL, 16) + 1);
    memcpy(before, generation, sizeof before);
  }
  /* A rewriting keeps the generation. */
  assert_ok(lily_session_storage_sync(storage));
  all = file_read(JOURNAL);
  assert_memory_equal(all.bytes + 51, generation, 16);
  free(all.bytes);
  lily_session_storage_close(storage);
}

TEST(clear__S8_the_model_is_left_alone) {
  begin();
  probe_string(&theme, "dark");
  rig_dispatch(&rig);
  theme.sets = 0;
  assert_ok(lily_session_clear(rig.storage));
  rig_dispatch(&rig);
  assert_int_equal(theme.sets, 0);
  assert_string_equal(theme.text, "dark");
  assert_int_equal(rig.event_count, 0);
  rig_end(&rig);
}

TEST(clear__S8_a_field_is_stored_again_only_once_it_changes) {
  begin();
  probe_string(&theme, "dark");
  probe_int(&cart, 3);
  rig_dispatch(&rig);
  assert_ok(lily_session_clear(rig.storage));
  rig_dispatch(&rig);
  rig_dispatch(&rig);
  assert_entries(rig.storage, 0);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT);
  probe_int(&cart, 4);
  rig_dispatch(&rig);
  assert_entries(rig.storage, 1);
  assert_stored(rig.storage, "lily_session_cart", "4");
  assert_state(rig.session, "cart", LILY_SESSION_STATE_LOADED);
  rig_end(&rig);
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_entries(storage, 1);
  lily_session_storage_close(storage);
}

/* A log-out: what this update changes counts as changed after the clear, wherever in the update clear was called. */
static void log_out(struct rig *rig_, const void *message) {
  (void)message;
  probe_string(&theme, "dark");
  if (lily_session_clear(rig_->storage) != LILY_SESSION_OK) return;
  probe_null(&token);
}

TEST(clear__S8_inside_an_update_changes_before_and_after_it_are_written) {
  begin();
  probe_string(&token, SECRET);
  probe_int(&cart, 3);
  rig_dispatch(&rig);
  assert_entries(rig.storage, 2);
  rig.in_update = log_out;
  rig_dispatch(&rig);
  rig.in_update = NULL;
  assert_entries(rig.storage, 2);
  assert_stored(rig.storage, "lily_session_theme", "\"dark\"");
  assert_stored(rig.storage, "lily_session_token", "null");
  assert_absent(rig.storage, "lily_session_cart");
  assert_ok(lily_session_flush(rig.session));
  assert_false(file_has(JOURNAL, SECRET));
  rig_end(&rig);
}

static void only_clear(struct rig *rig_, const void *message) {
  (void)message;
  lily_session_clear(rig_->storage);
}

TEST(clear__S8_inside_an_update_that_refuses) {
  begin();
  probe_string(&token, "t");
  rig_dispatch(&rig);
  rig.in_update = only_clear;
  rig.refuses = true;
  assert_fails(UPDATE, lily_session_runtime_dispatch(rig.runtime, NULL));
  rig.refuses = false;
  rig.in_update = NULL;
  assert_entries(rig.storage, 0);
  rig_dispatch(&rig);
  assert_entries(rig.storage, 0);
  rig_end(&rig);
}

TEST(clear__S8_before_the_first_write) {
  begin();
  assert_ok(lily_session_clear(rig.storage));
  probe_int(&cart, 1);
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_cart", "1");
  rig_end(&rig);
}

TEST(clear__S8_a_rejected_text_goes_too) {
  journal_of(JOURNAL, "lily_session_cart", "\"no number\"", NULL);
  begin();
  assert_state(rig.session, "cart", LILY_SESSION_STATE_REJECTED);
  assert_ok(lily_session_clear(rig.storage));
  rig_dispatch(&rig);
  assert_absent(rig.storage, "lily_session_cart");
  assert_state(rig.session, "cart", LILY_SESSION_STATE_ABSENT);
  rig_end(&rig);
}

TEST(clear__S18_null_is_the_default_place) {
  lily_session_storage *storage = open_storage(NULL);
  assert_ok(set_text(storage, "lily_session_theme", "1"));
  assert_ok(set_text(storage, "other", "1"));
  assert_ok(lily_session_clear(NULL));
  assert_entries(storage, 1);
  lily_session_storage_close(storage);
}

TEST(clear__S18_null_creates_nothing) {
  assert_ok(lily_session_clear(NULL));
  assert_int_not_equal(access(in_place("default"), F_OK), 0);
  assert_int_equal(mkdir(in_place("default"), 0700), 0);
  assert_ok(lily_session_clear(NULL));
  assert_int_equal(rmdir(in_place("default")), 0);
}
