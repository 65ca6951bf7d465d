/* Uses every macro of the header as a program does, in C99 and later, GNU C too, and in C++11 and later. check-header compiles
 * this file with all warnings, and checks that no macro is missing here. */
#include <lily_session.h>

enum unit { METRIC, IMPERIAL };

struct window {
  int16_t width;
  int16_t height;
};

struct app {
  bool muted;
  int8_t i8;
  int16_t i16;
  int32_t count;
  int64_t volume;
  uint8_t u8;
  uint16_t u16;
  uint32_t u32;
  float gain;
  double ratio;
  char theme[16];
  char *token;
  enum unit unit;
  struct window window;
  float gains[4];
  enum unit axes[2];
  struct window windows[4];
  int window_count;
  struct window *grown;
  size_t grown_count;
  int32_t limit;
  bool has_limit;
  struct window *popup;
};

#if LILY_SESSION_VERSION_MAJOR > 0 || LILY_SESSION_VERSION_MINOR > 1 || \
  (LILY_SESSION_VERSION_MINOR == 1 && LILY_SESSION_VERSION_PATCH >= 0)
static const char version[] = LILY_SESSION_VERSION;
#endif

/* At file scope every initialiser is a constant expression. */
extern const lily_session_storage_options options;
extern const lily_session_field field;
extern const lily_session_config config;
const lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
const lily_session_field field = LILY_SESSION_FIELD_INIT;
const lily_session_config config = LILY_SESSION_CONFIG_INIT;

/* A field macro works as an initialiser, also of a table at file scope, and as an expression: it can be assigned, and in C passed to a call by its
   address. */
static const char *const units[] = {"metric", "imperial", NULL};
static const lily_session_field window_fields[] = {
    LILY_SESSION_FIELD_INT16(struct window, width),
    LILY_SESSION_FIELD_AS(INT16, struct window, height, "tallness"),
};
static const lily_session_field table[] = {
    LILY_SESSION_FIELD_BOOL(struct app, muted),
    LILY_SESSION_FIELD_INT8(struct app, i8),
    LILY_SESSION_FIELD_INT16(struct app, i16),
    LILY_SESSION_FIELD_INT32(struct app, count),
    LILY_SESSION_FIELD_INT64(struct app, volume),
    LILY_SESSION_FIELD_UINT8(struct app, u8),
    LILY_SESSION_FIELD_UINT16(struct app, u16),
    LILY_SESSION_FIELD_UINT32(struct app, u32),
    LILY_SESSION_FIELD_FLOAT(struct app, gain),
    LILY_SESSION_FIELD_DOUBLE(struct app, ratio),
    LILY_SESSION_FIELD_CHARS(struct app, theme),
    LILY_SESSION_FIELD_STRING(struct app, token),
    LILY_SESSION_FIELD_ENUM(struct app, unit, units),
    LILY_SESSION_FIELD_STRUCT(struct app, window, window_fields, 2),
    LILY_SESSION_FIELD_ARRAY(FLOAT, struct app, gains),
    LILY_SESSION_FIELD_ARRAY(ENUM, struct app, axes, units),
    LILY_SESSION_FIELD_LIST(struct app, windows, window_count, window_fields, 2),
    LILY_SESSION_FIELD_GROWING_LIST(struct app, grown, grown_count, window_fields, 2, NULL),
    LILY_SESSION_FIELD_OPTIONAL(INT32, struct app, limit, has_limit),
    LILY_SESSION_FIELD_POINTER(STRUCT, struct app, popup, window_fields, 2),
    LILY_SESSION_FIELD_AS(STRUCT, struct app, window, "frame", window_fields, 2),
    LILY_SESSION_FIELD_AS(LIST, struct app, windows, "frames", window_count, window_fields, 2),
    LILY_SESSION_FIELD_AS(GROWING_LIST, struct app, grown, "more", grown_count, window_fields, 2, NULL),
};
static lily_session_status add_table(lily_session_persistence *persistence) {
  return lily_session_fields_add(persistence, table, sizeof table / sizeof *table);
}

static lily_session_status add_all(lily_session_persistence *persistence) {
  lily_session_status status;
  lily_session_field member = LILY_SESSION_FIELD_BOOL(struct app, muted);
  member.key = "loudness";
  member.expires_after_ms = 1000;
  member.version = 2;
  status = lily_session_field_add(persistence, &member);
  member = (lily_session_field)LILY_SESSION_FIELD_INT32(struct app, count);
  if (!status) status = lily_session_field_add(persistence, &member);
#ifndef __cplusplus
  if (!status) status = lily_session_field_add(persistence, &(lily_session_field)LILY_SESSION_FIELD_STRING(struct app, token));
#endif
  return status ? status : add_table(persistence);
}

int main(void) {
  lily_session_storage_options local_options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_field local_field = LILY_SESSION_FIELD_INIT;
  lily_session_config local_config = LILY_SESSION_CONFIG_INIT;
  lily_session_info local_info = LILY_SESSION_INFO_INIT;
  lily_session_backend local_backend = LILY_SESSION_BACKEND_INIT;
  lily_session_map local_map = LILY_SESSION_MAP_INIT;
  local_options.flags = LILY_SESSION_READ_ONLY | LILY_SESSION_STRICT | LILY_SESSION_EXCLUSIVE | LILY_SESSION_SCOPE_FILES | LILY_SESSION_NO_SYNC;
  local_field.types = LILY_SESSION_STRING | LILY_SESSION_NULL;
  local_config.storage = NULL;
  return local_options.size + local_field.size + local_config.size + local_info.size + local_backend.size + local_map.size > 0 && add_all(NULL) == LILY_SESSION_OK &&
         version[0] == lily_session_version()[0];
}
