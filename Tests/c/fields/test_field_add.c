/* lily_session_field_add(): which fields it accepts, and who releases their context. */
#include "rig.h"

/* Every failure releases the context, once and at once. */
#define assert_not_added(status, field)                                              \
  do {                                                                               \
    lily_session_persistence *fields_ = lily_session_persistence_new();              \
    struct probe *probe_ = (field)->context;                                         \
    probe_->releases = 0;                                                            \
    assert_fails(status, lily_session_field_add(fields_, (field)));                  \
    assert_int_equal(probe_->releases, 1);                                           \
    lily_session_persistence_free(fields_);                                          \
    assert_int_equal(probe_->releases, 1);                                           \
  } while (0)

TEST(field_add__null_persistence) {
  struct probe probe = {0};
  lily_session_field field = probe_field(&probe, "theme", LILY_SESSION_STRING);
  assert_fails(INVALID_ARGUMENT, lily_session_field_add(NULL, &field));
  assert_int_equal(probe.releases, 1);
}

TEST(field_add__null_field) {
  lily_session_persistence *fields = lily_session_persistence_new();
  assert_fails(INVALID_ARGUMENT, lily_session_field_add(fields, NULL));
  assert_fails(INVALID_ARGUMENT, lily_session_field_add(NULL, NULL));
  lily_session_persistence_free(fields);
}

TEST(field_add__null_members) {
  struct probe probe = {0};
  lily_session_field good = probe_field(&probe, "theme", LILY_SESSION_STRING), field;
  field = good, field.key = NULL;
  assert_not_added(INVALID_ARGUMENT, &field);
  field = good, field.get = NULL;
  assert_not_added(INVALID_ARGUMENT, &field);
  field = good, field.set = NULL;
  assert_not_added(INVALID_ARGUMENT, &field);
  field = good, field.get = NULL, field.set = NULL;
  assert_not_added(INVALID_ARGUMENT, &field);
}

TEST(field_add__null_release) {
  struct probe probe = {0};
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_field field = probe_field(&probe, "theme", LILY_SESSION_STRING);
  field.release = NULL;
  assert_ok(lily_session_field_add(fields, &field));
  assert_fails(DUPLICATE_KEY, lily_session_field_add(fields, &field));
  lily_session_persistence_free(fields);
  assert_int_equal(probe.releases, 0);
}

static int null_releases;
static void release_null(void *context) { null_releases += context == NULL; }

TEST(field_add__a_null_context_is_released_too) {
  lily_session_persistence *fields = lily_session_persistence_new();
  struct probe probe = {0};
  lily_session_field field = probe_field(&probe, "theme", LILY_SESSION_STRING);
  field.context = NULL;
  field.release = release_null;
  null_releases = 0;
  assert_ok(lily_session_field_add(fields, &field));
  assert_fails(DUPLICATE_KEY, lily_session_field_add(fields, &field));
  assert_int_equal(null_releases, 1);
  lily_session_persistence_free(fields);
  assert_int_equal(null_releases, 2);
}

TEST(field_add__keys_that_are_none) {
  struct probe probe = {0};
  char *longest = repeated('k', 257);
  const char *keys[] = {"", longest, "\xff", "a\xc3"};
  for (size_t i = 0; i < COUNT(keys); i++) {
    lily_session_field field = probe_field(&probe, keys[i], LILY_SESSION_STRING);
    assert_not_added(INVALID_ARGUMENT, &field);
  }
  free(longest);
}

TEST(field_add__types_that_are_none) {
  struct probe probe = {0};
  const int32_t types[] = {0, 64, 128, LILY_SESSION_STRING | 64, -1, INT32_MIN, INT32_MAX};
  for (size_t i = 0; i < COUNT(types); i++) {
    lily_session_field field = probe_field(&probe, "theme", types[i]);
    assert_not_added(INVALID_ARGUMENT, &field);
  }
}

TEST(field_add__every_set_of_types) {
  lily_session_persistence *fields = lily_session_persistence_new();
  struct probe probe = {0};
  for (int32_t types = 1; types < 64; types++) {
    char key[20];
    snprintf(key, sizeof key, "field %d", (int)types);
    lily_session_field field = probe_field(&probe, key, types);
    assert_ok(lily_session_field_add(fields, &field));
  }
  lily_session_persistence_free(fields);
  assert_int_equal(probe.releases, 63);
}

TEST(field_add__S9_negative_expiry) {
  struct probe probe = {0};
  const int64_t expiries[] = {-1, INT64_MIN};
  for (size_t i = 0; i < COUNT(expiries); i++) {
    lily_session_field field = probe_field(&probe, "theme", LILY_SESSION_STRING);
    field.expires_after_ms = expiries[i];
    assert_not_added(INVALID_ARGUMENT, &field);
  }
}

TEST(field_add__members_that_are_none) {
  struct shop {
    int64_t visits;
    bool open;
    char name[8];
  };
  struct probe probe = {0};
  const int32_t kinds[] = {-1, 7, 100, INT32_MIN, INT32_MAX};
  for (size_t i = 0; i < COUNT(kinds); i++) {
    lily_session_field field = LILY_SESSION_FIELD_INT64(struct shop, visits);
    field.context = &probe, field.release = probe_field(&probe, "", 0).release;
    field.member_type = kinds[i];
    assert_not_added(INVALID_ARGUMENT, &field);
  }
  /* With a wrong size, the library would write past the member. */
  const struct {
    int32_t kind, types;
    size_t right;
  } sized[] = {{LILY_SESSION_MEMBER_BOOL, LILY_SESSION_BOOL, sizeof(bool)},
               {LILY_SESSION_MEMBER_INT32, LILY_SESSION_INT, 4},
               {LILY_SESSION_MEMBER_INT64, LILY_SESSION_INT, 8},
               {LILY_SESSION_MEMBER_DOUBLE, LILY_SESSION_REAL, 8},
               {LILY_SESSION_MEMBER_STRING, LILY_SESSION_STRING | LILY_SESSION_NULL, sizeof(char *)}};
  for (size_t i = 0; i < COUNT(sized); i++) {
    const size_t wrong[] = {0, sized[i].right - 1, sized[i].right + 1, 16, SIZE_MAX};
    for (size_t j = 0; j < COUNT(wrong); j++) {
      lily_session_field field = LILY_SESSION_FIELD_INIT;
      field.key = "member", field.types = sized[i].types, field.member_type = sized[i].kind, field.member_size = wrong[j];
      field.context = &probe, field.release = probe_field(&probe, "", 0).release;
      assert_not_added(INVALID_ARGUMENT, &field);
    }
  }
  lily_session_field field = LILY_SESSION_FIELD_CHARS(struct shop, name);
  field.context = &probe, field.release = probe_field(&probe, "", 0).release;
  field.member_size = 0;
  assert_not_added(INVALID_ARGUMENT, &field);
}

TEST(field_add__S1_duplicate_key) {
  lily_session_persistence *fields = lily_session_persistence_new();
  struct probe first = {0}, second = {0};
  lily_session_field field = probe_field(&first, "theme", LILY_SESSION_STRING);
  assert_ok(lily_session_field_add(fields, &field));
  field = probe_field(&second, "theme", LILY_SESSION_INT);
  assert_fails(DUPLICATE_KEY, lily_session_field_add(fields, &field));
  assert_int_equal(second.releases, 1);
  assert_int_equal(first.releases, 0);
  field = probe_field(&second, "Theme", LILY_SESSION_INT);
  assert_ok(lily_session_field_add(fields, &field));
  lily_session_persistence_free(fields);
  assert_int_equal(first.releases, 1);
  assert_int_equal(second.releases, 2);
}

TEST(field_add__the_field_is_copied) {
  struct rig rig;
  struct probe probe = {0};
  rig_begin(&rig, open_memory());
  assert_ok(set_text(rig.storage, "lily_session_theme", "5"));
  lily_session_field *field = malloc(sizeof *field);
  *field = probe_field(&probe, "theme", LILY_SESSION_INT);
  assert_ok(lily_session_field_add(rig.fields, field));
  memset(field, 0xff, sizeof *field);
  free(field);
  rig_attach(&rig);
  assert_int_equal(probe.value.as.integer, 5);
  rig_end(&rig);
  assert_int_equal(probe.releases, 1);
}

TEST(field_add__the_key_is_copied) {
  struct rig rig;
  struct probe probe = {0};
  char key[] = "theme";
  rig_begin(&rig, open_memory());
  assert_ok(set_text(rig.storage, "lily_session_theme", "5"));
  rig_field(&rig, &probe, key, LILY_SESSION_INT);
  memcpy(key, "xxxxx", 5);
  rig_attach(&rig);
  assert_int_equal(probe.value.as.integer, 5);
  rig_end(&rig);
}
