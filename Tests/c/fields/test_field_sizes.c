/* The sizes of lily_session_field and lily_session_config: which are too small, and what a later version may send. */
#include "rig.h"

struct larger_field {
  lily_session_field field;
  char tail[64];
};

/* A struct that is large enough can name the release notifier. */
static const size_t names_release = offsetof(lily_session_field, release) + sizeof(void (*)(void *));

/* The struct once ended before this member. */
static const size_t smallest = offsetof(lily_session_field, member_shape);

static void check_size(size_t size, lily_session_status status, int releases) {
  struct probe probe = {0};
  struct larger_field larger = {.field = probe_field(&probe, "theme", LILY_SESSION_STRING)};
  larger.field.size = size;
  lily_session_persistence *fields = lily_session_persistence_new();
  assert_returns(status, lily_session_field_add(fields, &larger.field));
  assert_int_equal(probe.releases, releases);
  lily_session_persistence_free(fields);
  assert_int_equal(probe.releases, status == LILY_SESSION_OK ? releases + 1 : releases);
}

TEST(field_size__too_small_to_name_release) {
  const size_t sizes[] = {0, 1, 8, names_release - 8, names_release - 1};
  for (size_t i = 0; i < COUNT(sizes); i++) check_size(sizes[i], LILY_SESSION_ERROR_INVALID_ARGUMENT, 0);
}

TEST(field_size__too_small_but_release_is_named) {
  const size_t sizes[] = {names_release, names_release + 1, smallest - 8, smallest - 1, smallest + 1, sizeof(lily_session_field) - 1};
  for (size_t i = 0; i < COUNT(sizes); i++) check_size(sizes[i], LILY_SESSION_ERROR_INVALID_ARGUMENT, 1);
}

TEST(field_size__S27_of_an_earlier_version) {
  for (size_t size = smallest; size < sizeof(lily_session_field); size += 8) check_size(size, LILY_SESSION_OK, 0);
}

TEST(field_size__absurd) {
  check_size(SIZE_MAX, LILY_SESSION_ERROR_INVALID_ARGUMENT, 1);
  check_size(SIZE_MAX / 2, LILY_SESSION_ERROR_INVALID_ARGUMENT, 1);
}

TEST(field_size__larger_with_a_zero_tail) {
  for (size_t more = 0; more <= 64; more++) check_size(sizeof(lily_session_field) + more, LILY_SESSION_OK, 0);
}

TEST(field_size__larger_with_a_tail_that_says_something) {
  for (size_t more = 1; more <= 64; more++) {
    struct probe probe = {0};
    struct larger_field larger = {.field = probe_field(&probe, "theme", LILY_SESSION_STRING)};
    larger.field.size = sizeof(lily_session_field) + more;
    larger.tail[more - 1] = 1;
    lily_session_persistence *fields = lily_session_persistence_new();
    assert_fails(INVALID_ARGUMENT, lily_session_field_add(fields, &larger.field));
    assert_int_equal(probe.releases, 1);
    lily_session_persistence_free(fields);
    assert_int_equal(probe.releases, 1);
  }
}

/* A checker of memory sees whether a struct that is too small is read past its end. */
TEST(field_size__S20_not_read_past_its_size) {
  for (size_t size = sizeof(size_t); size < sizeof(lily_session_field); size += 8) {
    struct probe probe = {0};
    lily_session_field whole = probe_field(&probe, "theme", LILY_SESSION_STRING);
    whole.size = size;
    void *cut = malloc(size);
    memcpy(cut, &whole, size);
    lily_session_persistence *fields = lily_session_persistence_new();
    assert_returns(size >= smallest ? LILY_SESSION_OK : LILY_SESSION_ERROR_INVALID_ARGUMENT, lily_session_field_add(fields, cut));
    assert_int_equal(probe.releases, size >= names_release && size < smallest ? 1 : 0);
    lily_session_persistence_free(fields);
    free(cut);
  }
}

struct larger_config {
  lily_session_config config;
  char tail[64];
};

static void check_config(struct larger_config *larger, lily_session_status status, int releases_when_refused) {
  struct rig rig;
  rig_begin(&rig, open_memory());
  const size_t size = larger->config.size;
  larger->config = rig.config;
  larger->config.size = size;
  rig.session = UNTOUCHED;
  assert_returns(status, lily_session_attach(rig.runtime, rig.fields, &larger->config, &rig.session));
  if (status != LILY_SESSION_OK) {
    assert_null(rig.session);
    assert_int_equal(rig.releases, releases_when_refused);
  }
  rig_end(&rig);
  assert_int_equal(rig.releases, status == LILY_SESSION_OK ? 1 : releases_when_refused);
}

TEST(config_size__too_small) {
  struct larger_config larger = {0};
  /* release is the last member, so that a struct that is too small cannot name it. */
  const size_t sizes[] = {0, 1, 8, sizeof(lily_session_config) - 8, sizeof(lily_session_config) - 1};
  for (size_t i = 0; i < COUNT(sizes); i++) {
    larger.config.size = sizes[i];
    check_config(&larger, LILY_SESSION_ERROR_INVALID_ARGUMENT, 0);
  }
}

TEST(config_size__absurd) {
  struct larger_config larger = {0};
  larger.config.size = SIZE_MAX;
  check_config(&larger, LILY_SESSION_ERROR_INVALID_ARGUMENT, 1);
}

TEST(config_size__larger) {
  const size_t more[] = {1, 7, 8, 64};
  for (size_t i = 0; i < COUNT(more); i++) {
    struct larger_config larger = {0};
    larger.config.size = sizeof(lily_session_config) + more[i];
    check_config(&larger, LILY_SESSION_OK, 0);
    larger.tail[more[i] - 1] = 1;
    check_config(&larger, LILY_SESSION_ERROR_INVALID_ARGUMENT, 1);
  }
}

TEST(config_size__S20_not_read_past_its_size) {
  struct rig rig;
  rig_begin(&rig, open_memory());
  for (size_t size = sizeof(size_t); size < sizeof(lily_session_config); size += 8) {
    lily_session_config *cut = malloc(size);
    memcpy(cut, &rig.config, size);
    memcpy(cut, &size, sizeof size);
    rig.session = UNTOUCHED;
    assert_fails(INVALID_ARGUMENT, lily_session_attach(rig.runtime, rig.fields, cut, &rig.session));
    assert_null(rig.session);
    free(cut);
  }
  rig_end(&rig);
  assert_int_equal(rig.releases, 0);
}
