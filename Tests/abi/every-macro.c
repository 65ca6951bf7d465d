/* Uses every macro of the header as a program does, in C99 and later, and in C++11 and later. check-header compiles
 * this file with all warnings, and checks that no macro is missing here. */
#include <lily_session.h>

struct app {
  bool muted;
  int32_t count;
  int64_t volume;
  double ratio;
  char theme[16];
  char *token;
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

/* A field macro works as an initialiser, also of a table at file scope. Outside strict C99 it is an expression as well: it can be assigned, and
   passed to a call by its address. Outside C99, gcc calls a table at file scope an extension. */
#if defined __cplusplus || defined __clang__ || !defined __STDC_VERSION__ || __STDC_VERSION__ < 201112L
static const lily_session_field table[] = {
    LILY_SESSION_FIELD_BOOL(struct app, muted),   LILY_SESSION_FIELD_INT32(struct app, count), LILY_SESSION_FIELD_INT64(struct app, volume),
    LILY_SESSION_FIELD_DOUBLE(struct app, ratio), LILY_SESSION_FIELD_CHARS(struct app, theme), LILY_SESSION_FIELD_STRING(struct app, token),
};
static lily_session_status add_table(lily_session_persistence *persistence) {
  return lily_session_fields_add(persistence, table, sizeof table / sizeof *table);
}
#else
static lily_session_status add_table(lily_session_persistence *persistence) {
  (void)persistence;
  return LILY_SESSION_OK;
}
#endif

static lily_session_status add_all(lily_session_persistence *persistence) {
  lily_session_status status;
  lily_session_field member = LILY_SESSION_FIELD_BOOL(struct app, muted);
  member.key = "loudness";
  member.expires_after_ms = 1000;
  member.version = 2;
  status = lily_session_field_add(persistence, &member);
#if defined __cplusplus || __STDC_VERSION__ >= 201112L
  member = LILY_SESSION_FIELD_INT32(struct app, count);
  if (!status) status = lily_session_field_add(persistence, &member);
#endif
#if !defined __cplusplus && __STDC_VERSION__ >= 201112L
  if (!status) status = lily_session_field_add(persistence, &LILY_SESSION_FIELD_STRING(struct app, token));
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
  local_options.flags = LILY_SESSION_READ_ONLY | LILY_SESSION_STRICT;
  local_field.types = LILY_SESSION_STRING | LILY_SESSION_NULL;
  local_config.storage = NULL;
  return local_options.size + local_field.size + local_config.size + local_info.size + local_backend.size + local_map.size > 0 && add_all(NULL) == LILY_SESSION_OK &&
         version[0] == lily_session_version()[0];
}
