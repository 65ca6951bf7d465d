/* How a member is described is checked when its field is added, so that nothing is read or written outside the struct. */
#include "rig.h"

struct inner {
  int16_t width;
  char *text;
};

struct outer {
  struct inner one, some[4];
  uint8_t count;
  struct inner *grown;
  bool has;
  int8_t colour;
};

static const char *const names[] = {"a", "b", NULL};
static const lily_session_field inner_fields[] = {
    LILY_SESSION_FIELD_INT16(struct inner, width),
    LILY_SESSION_FIELD_STRING(struct inner, text),
};

/* One field of each shape, and an enum. */
enum { ONE, ARRAY, LIST, GROWING, OPTIONAL, POINTER, ENUM, FIELDS };
static const lily_session_field good[FIELDS] = {
    LILY_SESSION_FIELD_STRUCT(struct outer, one, inner_fields, 2),
    LILY_SESSION_FIELD_ARRAY(STRUCT, struct outer, some, inner_fields, 2),
    LILY_SESSION_FIELD_LIST(struct outer, some, count, inner_fields, 2),
    LILY_SESSION_FIELD_GROWING_LIST(struct outer, grown, count, inner_fields, 2, NULL),
    LILY_SESSION_FIELD_OPTIONAL(STRUCT, struct outer, one, has, inner_fields, 2),
    LILY_SESSION_FIELD_POINTER(STRUCT, struct outer, grown, inner_fields, 2),
    LILY_SESSION_FIELD_ENUM(struct outer, colour, names),
};

static lily_session_status add(lily_session_field field) {
  int releases = 0;
  lily_session_persistence *fields = lily_session_persistence_new();
  field.context = &releases;
  field.release = count_release;
  lily_session_status status = lily_session_field_add(fields, &field);
  assert_int_equal(releases, status == LILY_SESSION_OK ? 0 : 1);
  if (status != LILY_SESSION_OK) assert_non_null(strstr(lily_session_last_error(), field.key));
  lily_session_persistence_free(fields);
  assert_int_equal(releases, 1);
  return status;
}

/* Spoils one member of good[at]. */
#define check_wrong(at, member, value)           \
  do {                                           \
    lily_session_field field_ = good[at];        \
    field_.member = (value);                     \
    assert_fails(INVALID_ARGUMENT, add(field_)); \
  } while (0)

TEST(members_described__S27_every_shape) {
  for (int i = 0; i < FIELDS; i++) assert_ok(add(good[i]));
}

TEST(members_described__S27_types_and_shapes_that_are_none) {
  const int32_t numbers[] = {-1, 6, 15, 100, INT32_MIN, INT32_MAX};
  for (int at = 0; at < FIELDS; at++) {
    for (size_t i = 0; i < COUNT(numbers); i++) check_wrong(at, member_shape, numbers[i]);
    for (size_t i = 0; i < COUNT(numbers); i++) check_wrong(at, member_type, numbers[i]);
    check_wrong(at, member_type, LILY_SESSION_MEMBER_NONE);
    check_wrong(at, types, LILY_SESSION_INT);
    check_wrong(at, types, good[at].types ^ LILY_SESSION_NULL);
    check_wrong(at, get, probe_field(&(struct probe){0}, "", 0).get);
    check_wrong(at, set, probe_field(&(struct probe){0}, "", 0).set);
  }
}

TEST(members_described__S27_sizes_and_places) {
  const size_t offsets[] = {SIZE_MAX, SIZE_MAX / 2 + 1, SIZE_MAX / 4}, sizes[] = {0, 3, SIZE_MAX, SIZE_MAX / 2, SIZE_MAX - 15};
  for (int at = 0; at < FIELDS; at++) {
    for (size_t i = 0; i < COUNT(offsets); i++) check_wrong(at, member_offset, offsets[i]);
    for (size_t i = 0; i < COUNT(sizes); i++) check_wrong(at, member_size, sizes[i]);
    if (at == ONE || at == ENUM || at == ARRAY || at == POINTER) { /* nothing is beside these */
      check_wrong(at, member_beside_size, 1);
      check_wrong(at, member_beside_size, SIZE_MAX);
    }
    if (at == ONE || at == ENUM) continue;
    if (at != OPTIONAL)
      for (size_t i = 0; i < COUNT(sizes); i++) check_wrong(at, member_value_size, sizes[i]);
    if (at == ARRAY || at == POINTER) continue;
    for (size_t i = 0; i < COUNT(offsets); i++) check_wrong(at, member_beside_offset, offsets[i]);
    for (size_t i = 0; i < COUNT(sizes); i++) check_wrong(at, member_beside_size, sizes[i]);
    check_wrong(at, member_beside_size, 16);
  }
  check_wrong(OPTIONAL, member_beside_size, 4);
  /* A count of one byte cannot say how many elements there are. */
  struct {
    struct inner some[256];
    uint8_t count;
  } *many;
  lily_session_field field = good[LIST];
  field.member_size = 255 * sizeof many->some[0], field.member_beside_offset = sizeof many->some;
  assert_ok(add(field));
  field.member_size += sizeof many->some[0];
  assert_fails(INVALID_ARGUMENT, add(field));
}

TEST(members_described__S27_names) {
  static const char *const none[] = {NULL}, *const empty[] = {"a", "", NULL}, *const no_utf8[] = {"a", "\xff", NULL};
  const char *most[130] = {0};
  check_wrong(ENUM, member_names, NULL);
  check_wrong(ENUM, member_names, none);
  check_wrong(ENUM, member_names, empty);
  check_wrong(ENUM, member_names, no_utf8);
  for (int i = 0; i < 128; i++) most[i] = "name";
  lily_session_field field = good[ENUM];
  field.member_names = most;
  assert_ok(add(field));
  most[128] = "name";
  assert_fails(INVALID_ARGUMENT, add(field));
}

/* Spoils one member of one field of a struct. */
#define check_wrong_inside(member, value)                          \
  do {                                                             \
    lily_session_field inside_[] = {inner_fields[0], inner_fields[1]}; \
    inside_[1].member = (value);                                   \
    for (int at_ = 0; at_ < ENUM; at_++) {                         \
      lily_session_field field_ = good[at_];                       \
      field_.member_fields = inside_;                              \
      assert_fails(INVALID_ARGUMENT, add(field_));                 \
    }                                                              \
  } while (0)

TEST(members_described__S27_fields_of_a_struct) {
  static const char *const former[] = {"x", NULL};
  struct probe probe;
  lily_session_field callbacks = probe_field(&probe, "x", LILY_SESSION_INT);
  char *long_key = repeated('k', 257);
  for (int at = 0; at < ENUM; at++) {
    check_wrong(at, member_fields, NULL);
    check_wrong(at, member_field_count, 0);
    check_wrong(at, member_field_count, SIZE_MAX);
    check_wrong(at, member_field_count, 5000);
  }
  check_wrong_inside(key, NULL);
  check_wrong_inside(key, "");
  check_wrong_inside(key, "\xff");
  check_wrong_inside(key, long_key);
  check_wrong_inside(key, "width");
  check_wrong_inside(size, 0);
  lily_session_field cut[] = {inner_fields[0], inner_fields[1]};
  cut[0].size = cut[1].size = offsetof(lily_session_field, member_shape); /* where only the outermost field may end */
  for (int at = 0; at < ENUM; at++) check_wrong(at, member_fields, cut);
  check_wrong_inside(size, sizeof(lily_session_field) + 8);
  check_wrong_inside(get, callbacks.get);
  check_wrong_inside(set, callbacks.set);
  check_wrong_inside(release, count_release);
  check_wrong_inside(migrate, (lily_session_migrate_fn)(void (*)(void))count_release);
  check_wrong_inside(former_keys, former);
  check_wrong_inside(expires_after_ms, 1);
  check_wrong_inside(version, 1);
  check_wrong_inside(types, LILY_SESSION_STRING);
  check_wrong_inside(member_type, LILY_SESSION_MEMBER_NONE);
  check_wrong_inside(member_type, LILY_SESSION_MEMBER_CHARS);
  check_wrong_inside(member_size, 4);
  check_wrong_inside(member_offset, offsetof(struct inner, text) + 1); /* one byte past the struct */
  check_wrong_inside(member_offset, SIZE_MAX);
  free(long_key);
}

/* A struct whose table names itself never ends. */
TEST(members_described__S27_a_struct_within_itself) {
  struct node {
    struct node *next;
  };
  lily_session_field node = LILY_SESSION_FIELD_POINTER(STRUCT, struct node, next, NULL, 1);
  node.member_fields = &node;
  assert_fails(INVALID_ARGUMENT, add(node));
  assert_non_null(strstr(lily_session_last_error(), "16 levels"));
}

/* A program that was compiled before the last members were added has a smaller struct, and one that is compiled later a larger one. */
TEST(members_described__S27_smaller_and_larger_structs) {
  const lily_session_field field = LILY_SESSION_FIELD_INT16(struct inner, width), plain = LILY_SESSION_FIELD_STRING(struct inner, text);
  const size_t old_size = offsetof(lily_session_field, member_shape);
  lily_session_persistence *list = lily_session_persistence_new();
  lily_session_field *old = malloc(old_size);
  memcpy(old, &plain, old_size);
  old->size = old_size;
  assert_ok(lily_session_field_add(list, old));
  old->size = old_size - 8;
  assert_fails(INVALID_ARGUMENT, lily_session_field_add(list, old));
  free(old);
  struct {
    lily_session_field field;
    void *later;
  } larger[2] = {{field, NULL}, {plain, NULL}};
  larger[0].field.size = larger[1].field.size = sizeof larger[0];
  lily_session_field outer = good[ONE];
  outer.member_fields = &larger[0].field;
  assert_ok(lily_session_field_add(list, &outer));
  larger[1].later = list;
  assert_fails(INVALID_ARGUMENT, add(outer));
  lily_session_persistence_free(list);
}
