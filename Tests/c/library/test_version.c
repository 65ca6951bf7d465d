/* The version, the names of statuses, and the functions that accept NULL. */
#include "test.h"

TEST(version__the_library_is_the_headers) {
  assert_string_equal(lily_session_version(), LILY_SESSION_VERSION);
  char numbers[32];
  snprintf(numbers, sizeof numbers, "%d.%d.%d", LILY_SESSION_VERSION_MAJOR, LILY_SESSION_VERSION_MINOR, LILY_SESSION_VERSION_PATCH);
  assert_string_equal(LILY_SESSION_VERSION, numbers);
}

TEST(version__is_static) { assert_ptr_equal(lily_session_version(), lily_session_version()); }

#define NAMED(name) \
  { LILY_SESSION_##name, "LILY_SESSION_" #name }

static const struct {
  lily_session_status constant;
  const char *name;
} statuses[] = {
    NAMED(OK),
    NAMED(ERROR_INVALID_ARGUMENT),
    NAMED(ERROR_DUPLICATE_KEY),
    NAMED(ERROR_NOT_FOUND),
    NAMED(ERROR_REENTRANT),
    NAMED(ERROR_UNSUPPORTED),
    NAMED(ERROR_FORKED),
    NAMED(ERROR_DECODE),
    NAMED(ERROR_ENCODE),
    NAMED(ERROR_CALLBACK),
    NAMED(ERROR_UPDATE),
    NAMED(ERROR_NEWER),
    NAMED(ERROR_IO),
    NAMED(ERROR_NO_SPACE),
    NAMED(ERROR_NOT_DURABLE),
    NAMED(ERROR_PERMISSION),
    NAMED(ERROR_REFUSED),
    NAMED(ERROR_CORRUPT),
    NAMED(ERROR_QUOTA),
    NAMED(ERROR_BUSY),
};

TEST(status_name__every_constant) {
  for (size_t i = 0; i < COUNT(statuses); i++) assert_string_equal(lily_session_status_name(statuses[i].constant), statuses[i].name);
}

TEST(status_name__every_other_number_is_unknown) {
  for (lily_session_status status = -200; status <= 200; status++) {
    bool known = false;
    for (size_t i = 0; i < COUNT(statuses); i++) known |= statuses[i].constant == status;
    if (!known) assert_string_equal(lily_session_status_name(status), "LILY_SESSION_ERROR_UNKNOWN");
  }
  assert_string_equal(lily_session_status_name(INT32_MIN), "LILY_SESSION_ERROR_UNKNOWN");
  assert_string_equal(lily_session_status_name(INT32_MAX), "LILY_SESSION_ERROR_UNKNOWN");
}

TEST(status_name__is_static) {
  assert_ptr_equal(lily_session_status_name(LILY_SESSION_ERROR_QUOTA), lily_session_status_name(LILY_SESSION_ERROR_QUOTA));
}

TEST(void_functions__accept_null) {
  lily_session_free(NULL);
  lily_session_storage_close(NULL);
  lily_session_persistence_free(NULL);
  lily_session_runtime_free(NULL);
  lily_session_detach(NULL);
  lily_session_abandon(NULL);
}

TEST(getters__accept_null) {
  assert_null(lily_session_storage_path(NULL));
  assert_null(lily_session_runtime_model(NULL));
}

/* A struct that is made with its macro sets no option. */
TEST(init_macros__set_size_and_nothing_else) {
  const lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  assert_int_equal(options.size, sizeof options);
  assert_true(options.durability == LILY_SESSION_DURABILITY_PROCESS && options.flags == 0 && options.quota_bytes == 0);
  assert_true(options.application == NULL && options.clock == NULL && options.context == NULL);
  const lily_session_field field = LILY_SESSION_FIELD_INIT;
  assert_int_equal(field.size, sizeof field);
  assert_true(field.key == NULL && field.types == 0 && field.get == NULL && field.set == NULL && field.context == NULL);
  assert_true(field.release == NULL && field.expires_after_ms == 0 && field.version == 0 && field.member_type == 0);
  assert_true(field.migrate == NULL && field.former_keys == NULL && field.member_offset == 0 && field.member_size == 0);
  const lily_session_config config = LILY_SESSION_CONFIG_INIT;
  assert_int_equal(config.size, sizeof config);
  assert_true(config.storage == NULL && config.get == NULL && config.set == NULL && config.revision == NULL);
  assert_true(config.on_event == NULL && config.context == NULL && config.release == NULL);
}
