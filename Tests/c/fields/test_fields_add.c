/* lily_session_fields_add(): all fields of a table, or none of them. */
#include "rig.h"

struct app {
  int64_t volume;
  bool muted;
};

enum { FIELDS = 3 };
static struct probe probes[FIELDS];

static void table_of(lily_session_field *fields) {
  static const char *const keys[FIELDS] = {"one", "two", "three"};
  memset(probes, 0, sizeof probes);
  for (int i = 0; i < FIELDS; i++) fields[i] = probe_field(&probes[i], keys[i], LILY_SESSION_INT);
}

static int released(void) { return probes[0].releases + probes[1].releases + probes[2].releases; }

TEST(fields_add__S27_all_in_order) {
  lily_session_field fields[FIELDS];
  struct rig rig;
  table_of(fields);
  rig_begin(&rig, NULL);
  assert_ok(lily_session_fields_add(rig.fields, fields, FIELDS));
  assert_ok(lily_session_fields_add(rig.fields, NULL, 0));
  assert_fails(DUPLICATE_KEY, lily_session_field_add(rig.fields, &fields[1]));
  assert_int_equal(released(), 1);
  rig_end(&rig);
  assert_int_equal(released(), 4);
}

#define assert_none(status, count)                                        \
  do {                                                                    \
    assert_fails(status, lily_session_fields_add(list, fields, (count))); \
    assert_int_equal(released(), FIELDS);                                 \
    table_of(fields);                                                     \
    assert_ok(lily_session_field_add(list, &fields[0]));                  \
    lily_session_persistence_free(list);                                  \
    list = lily_session_persistence_new();                                \
    table_of(fields);                                                     \
  } while (0)

/* If one is wrong, none is added, and all contexts are released. */
TEST(fields_add__S27_none_if_one_is_wrong) {
  lily_session_persistence *list = lily_session_persistence_new();
  lily_session_field fields[FIELDS];
  table_of(fields);
  fields[2].key = "one";
  assert_none(DUPLICATE_KEY, FIELDS);
  fields[2].types = 0;
  assert_none(INVALID_ARGUMENT, FIELDS);
  fields[1].key = NULL;
  assert_none(INVALID_ARGUMENT, FIELDS);
  fields[1].size = 0;
  assert_fails(INVALID_ARGUMENT, lily_session_fields_add(list, fields, FIELDS));
  table_of(fields);
  fields[0].size = 0;
  assert_fails(INVALID_ARGUMENT, lily_session_fields_add(list, fields, FIELDS));
  assert_fails(INVALID_ARGUMENT, lily_session_fields_add(list, fields, (size_t)-1));
  assert_fails(INVALID_ARGUMENT, lily_session_fields_add(list, NULL, 1));
  table_of(fields);
  assert_fails(INVALID_ARGUMENT, lily_session_fields_add(NULL, fields, FIELDS));
  assert_int_equal(released(), FIELDS);
  lily_session_persistence_free(list);
}

/* A program that was compiled with a longer struct has a table of longer elements. */
TEST(fields_add__S27_of_longer_structs) {
  struct longer {
    lily_session_field field;
    void *later;
  } table[2];
  struct app app = {0};
  lily_session_runtime *runtime;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session *session;
  lily_session_persistence *list = lily_session_persistence_new();
  memset(table, 0, sizeof table);
  table[0].field = (lily_session_field)LILY_SESSION_FIELD_INT64(struct app, volume);
  table[1].field = (lily_session_field)LILY_SESSION_FIELD_BOOL(struct app, muted);
  table[0].field.size = table[1].field.size = sizeof(struct longer);
  assert_ok(lily_session_fields_add(list, &table[0].field, 2));
  assert_ok(lily_session_storage_open_memory(NULL, &config.storage));
  assert_ok(lily_session_runtime_new(&app, NULL, NULL, &runtime));
  assert_ok(lily_session_attach(runtime, list, &config, &session));
  app.muted = true;
  assert_ok(lily_session_persist(session));
  assert_stored(config.storage, "lily_session_muted", "true");
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(list);
  lily_session_storage_close(config.storage);
}

static int stray_releases;
static void stray_release(void *context) {
  (void)context;
  stray_releases++;
}

/* The first field's size leads to the others. Where one of them has another size, nothing is what it seems there, and nothing is called. */
TEST(fields_add__S20_sizes_that_lead_astray) {
  const size_t sizes[] = {0, 1, 8, sizeof(void *) * 7, sizeof(lily_session_field) - 8, sizeof(lily_session_field) + 8, 4096, 4097, SIZE_MAX};
  const size_t room = 4 * 4096, names_release = offsetof(lily_session_field, release) + sizeof(void (*)(void *));
  for (size_t i = 0; i < COUNT(sizes); i++) {
    for (int wrong = 0; wrong < FIELDS; wrong++) {
      lily_session_field *fields = calloc(1, room);
      for (size_t at = 0; at < room / sizeof(void (*)(void *)); at++) ((void (**)(void *))(void *)fields)[at] = stray_release;
      stray_releases = 0;
      table_of(fields);
      fields[wrong].size = sizes[i];
      lily_session_persistence *list = lily_session_persistence_new();
      assert_fails(INVALID_ARGUMENT, lily_session_fields_add(list, fields, FIELDS));
      assert_message_has("size");
      assert_int_equal(stray_releases, 0);
      for (int field = 0; field < FIELDS; field++) {
        assert_int_equal(probes[field].releases, field < wrong || (field == 0 && sizes[i] >= names_release));
      }
      lily_session_persistence_free(list);
      free(fields);
    }
  }
}
