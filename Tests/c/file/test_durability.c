/* S12: once dispatch has returned, the change survives the end of the process, however the process ends. */
#include "journal.h"
#include "rig.h"

struct shop {
  int64_t visits;
};

static void *visit(void *context, void *model, const void *message) {
  (void)context, (void)message;
  ((struct shop *)model)->visits++;
  return model;
}

struct visitor {
  const char *path;
  int ends[2];
};

/* Makes visits for ever, and reports each acknowledged one through the pipe. */
static int visit_for_ever(void *context) {
  struct visitor *visitor = context;
  close(visitor->ends[0]); /* so that this process ends when the reader does, even if the reader fails */
  const lily_session_field visits = LILY_SESSION_FIELD_INT64(struct shop, visits);
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  struct shop shop = {0};
  lily_session_runtime *runtime = NULL;
  lily_session *session = NULL;
  lily_session_persistence *fields = lily_session_persistence_new();
  CHILD_CHECK(lily_session_storage_open(visitor->path, NULL, &config.storage) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_field_add(fields, &visits) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_runtime_new(&shop, visit, NULL, &runtime) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_attach(runtime, fields, &config, &session) == LILY_SESSION_OK);
  for (;;) {
    CHILD_CHECK(lily_session_runtime_dispatch(runtime, NULL) == LILY_SESSION_OK);
    CHILD_CHECK(write(visitor->ends[1], &shop.visits, sizeof shop.visits) == sizeof shop.visits);
  }
}

/* Starts a visitor, kills it after it has reported `acknowledged` visits, and returns the last one that it reported. */
static int64_t kill_a_visitor(const char *path, int acknowledged) {
  struct visitor visitor = {.path = path};
  assert_int_equal(pipe(visitor.ends), 0);
  const pid_t child = start_child(visit_for_ever, &visitor);
  close(visitor.ends[1]);
  int64_t last = 0, told;
  for (int i = 0; i < acknowledged; i++) {
    assert_int_equal(read(visitor.ends[0], &told, sizeof told), sizeof told);
    last = told;
  }
  assert_int_equal(kill(child, SIGKILL), 0);
  while (read(visitor.ends[0], &told, sizeof told) == sizeof told) last = told;
  close(visitor.ends[0]);
  assert_int_equal(end_of_child(child), 128 + SIGKILL);
  return last;
}

static int64_t stored_visits(const char *path) {
  lily_session_storage *storage = open_storage(path);
  char *json = NULL;
  assert_ok(lily_session_storage_get(storage, "lily_session_visits", &json, NULL));
  const int64_t visits = strtoll(json, NULL, 10);
  lily_session_free(json);
  lily_session_storage_close(storage);
  return visits;
}

TEST(durability__S12_what_was_acknowledged_survives_SIGKILL) {
  int64_t before = 0;
  for (int kills = 0; kills < 25; kills++) {
    const int64_t acknowledged = kill_a_visitor(JOURNAL, 1 + kills * 7);
    const int64_t stored = stored_visits(JOURNAL);
    assert_true(acknowledged > before);
    /* At most the visit that was under way is stored without having been acknowledged. */
    assert_in_range(stored, acknowledged, acknowledged + 1);
    before = stored;
  }
}

/* The unfinished line that a killed writer leaves does not count as damage, and the next writer can go on. */
TEST(durability__S12_a_line_that_was_cut_off_is_as_if_never_begun) {
  journal_of(JOURNAL, "lily_session_visits", "5", NULL);
  struct bytes whole = file_read(JOURNAL);
  const char *tails[] = {"[", "[\"1a2b3c4d\",2,\"set\",\"lily_session_visits\",6,0]", "[\"1a2b3c4d\",2,\"se", "\0\0\0\0"};
  for (size_t i = 0; i < COUNT(tails); i++) {
    struct journal journal = {NULL, 0, 0};
    journal_raw(&journal, whole.bytes, whole.length);
    journal_raw(&journal, tails[i], i == 3 ? 4 : strlen(tails[i]));
    journal_save(&journal, JOURNAL);
    lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
    options.flags = LILY_SESSION_STRICT;
    lily_session_storage *storage = NULL;
    assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
    assert_stored(storage, "lily_session_visits", "5");
    assert_ok(set_text(storage, "lily_session_visits", "6"));
    lily_session_storage_close(storage);
    assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
    assert_stored(storage, "lily_session_visits", "6");
    lily_session_storage_close(storage);
    assert_int_equal(operations(JOURNAL), 2);
  }
  free(whole.bytes);
}

TEST(durability__S12_an_update_is_whole_or_absent_at_every_byte) {
  struct rig rig;
  struct probe a = {0}, b = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  rig_field(&rig, &a, "a", LILY_SESSION_INT);
  rig_field(&rig, &b, "b", LILY_SESSION_INT);
  probe_int(&a, 0);
  probe_int(&b, 0);
  rig_attach(&rig);
  probe_int(&a, 1);
  probe_int(&b, 1);
  rig_dispatch(&rig);
  probe_int(&a, 2);
  probe_int(&b, 2);
  rig_dispatch(&rig);
  rig_end(&rig);
  struct bytes all = file_read(JOURNAL);
  for (size_t length = 0; length <= all.length; length++) {
    unlink(in_place("cut"));
    file_write(in_place("cut"), all.bytes, length);
    lily_session_storage *storage = open_storage(in_place("cut"));
    char *text_of_a = NULL, *text_of_b = NULL;
    const lily_session_status got_a = lily_session_storage_get(storage, "lily_session_a", &text_of_a, NULL);
    const lily_session_status got_b = lily_session_storage_get(storage, "lily_session_b", &text_of_b, NULL);
    assert_int_equal(got_a, got_b);
    if (got_a == LILY_SESSION_OK) assert_string_equal(text_of_a, text_of_b);
    lily_session_free(text_of_a);
    lily_session_free(text_of_b);
    /* The storage can still be used. */
    assert_ok(set_text(storage, "lily_session_a", "3"));
    lily_session_storage_close(storage);
    storage = open_storage(in_place("cut"));
    assert_stored(storage, "lily_session_a", "3");
    lily_session_storage_close(storage);
  }
  free(all.bytes);
}
