/* A module for Node.js: a session of the properties of an object. */
#include <lily_session.h>
#define NAPI_VERSION 8
#include <node_api.h>
#include <stdlib.h>
#include <string.h>

struct session {
  lily_session_storage *storage;
  lily_session_runtime *runtime;
  lily_session *session;
};

/* What a field's callbacks need. They run only inside calls that JavaScript makes, on JavaScript's thread, so they may use the environment. */
struct property {
  napi_env env;
  napi_ref object; /* the model */
  char *key;
  char *text; /* what get gave last, which the library borrows until it calls get again */
};

/* ---- the fields */

/* Takes the field's property of the model, or puts it there. Returns false if JavaScript has thrown. */
static bool take(struct property *property, napi_value *value) {
  napi_value object;
  return !napi_get_reference_value(property->env, property->object, &object) &&
         !napi_get_named_property(property->env, object, property->key, value);
}

static bool put(struct property *property, napi_value value) {
  napi_value object;
  return !napi_get_reference_value(property->env, property->object, &object) &&
         !napi_set_named_property(property->env, object, property->key, value);
}

static lily_session_status get_value(struct property *property, lily_session_value *out) {
  napi_value value;
  napi_valuetype type;
  double number;
  size_t length;
  if (!take(property, &value) || napi_typeof(property->env, value, &type)) return LILY_SESSION_ERROR_CALLBACK;
  switch (type) {
    case napi_undefined:
    case napi_null: out->type = LILY_SESSION_NULL; return LILY_SESSION_OK;
    case napi_boolean:
      out->type = LILY_SESSION_BOOL;
      napi_get_value_bool(property->env, value, &out->as.boolean);
      return LILY_SESSION_OK;
    case napi_number:
      napi_get_value_double(property->env, value, &number);
      out->type = LILY_SESSION_REAL;
      out->as.real = number;
      if (number >= -9007199254740991.0 && number <= 9007199254740991.0 && number == (double)(int64_t)number) {
        out->type = LILY_SESSION_INT; /* so that 3 is stored as 3, and not as 3.0 */
        out->as.integer = (int64_t)number;
      }
      return LILY_SESSION_OK;
    case napi_string:
      napi_get_value_string_utf8(property->env, value, NULL, 0, &length);
      free(property->text);
      property->text = malloc(length + 1);
      if (!property->text) return LILY_SESSION_ERROR_CALLBACK;
      napi_get_value_string_utf8(property->env, value, property->text, length + 1, &length);
      out->type = LILY_SESSION_STRING;
      out->as.text.bytes = property->text;
      out->as.text.length = length;
      return LILY_SESSION_OK;
    default: return LILY_SESSION_ERROR_ENCODE; /* an object: store its JSON text as a string, or map it to LILY_SESSION_JSON */
  }
}

static lily_session_status set_value(struct property *property, const lily_session_value *value) {
  napi_env env = property->env;
  napi_value made;
  napi_status status;
  switch (value->type) {
    case LILY_SESSION_BOOL: status = napi_get_boolean(env, value->as.boolean, &made); break;
    case LILY_SESSION_INT: status = napi_create_int64(env, value->as.integer, &made); break;
    case LILY_SESSION_REAL: status = napi_create_double(env, value->as.real, &made); break;
    case LILY_SESSION_STRING: status = napi_create_string_utf8(env, value->as.text.bytes, value->as.text.length, &made); break;
    default: status = napi_get_null(env, &made);
  }
  return !status && put(property, made) ? LILY_SESSION_OK : LILY_SESSION_ERROR_CALLBACK;
}

static lily_session_status get_property(void *context, const void *model, lily_session_value *out) {
  struct property *property = context;
  napi_handle_scope scope;
  (void)model;
  if (napi_open_handle_scope(property->env, &scope)) return LILY_SESSION_ERROR_CALLBACK;
  lily_session_status status = get_value(property, out);
  napi_close_handle_scope(property->env, scope);
  return status;
}

static lily_session_status set_property(void *context, void *model, const lily_session_value *value) {
  struct property *property = context;
  napi_handle_scope scope;
  (void)model;
  if (napi_open_handle_scope(property->env, &scope)) return LILY_SESSION_ERROR_CALLBACK;
  lily_session_status status = set_value(property, value);
  napi_close_handle_scope(property->env, scope);
  return status;
}

static void release_property(void *context) {
  struct property *property = context;
  napi_delete_reference(property->env, property->object);
  free(property->key);
  free(property->text);
  free(property);
}

/* ---- the functions */

static napi_value check(napi_env env, lily_session_status status) {
  bool has_thrown = false;
  napi_is_exception_pending(env, &has_thrown); /* what a getter or setter of the model has thrown says more */
  if (status && !has_thrown) napi_throw_error(env, lily_session_status_name(status), lily_session_last_error());
  return NULL;
}

static char *text_of(napi_env env, napi_value value) {
  size_t length;
  char *text;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) || !(text = malloc(length + 1))) return NULL;
  napi_get_value_string_utf8(env, value, text, length + 1, &length);
  return text;
}

static void end(struct session *session) {
  lily_session_detach(session->session);
  lily_session_runtime_free(session->runtime);
  lily_session_storage_close(session->storage);
  memset(session, 0, sizeof *session);
}

static void finalize(napi_env env, void *session, void *hint) {
  (void)env, (void)hint;
  end(session);
  free(session);
}

static lily_session_status add_fields(napi_env env, lily_session_persistence *fields, napi_value model, napi_value keys) {
  uint32_t count = 0;
  lily_session_status status = LILY_SESSION_OK;
  napi_get_array_length(env, keys, &count);
  for (uint32_t at = 0; at < count && !status; at++) {
    struct property *property = calloc(1, sizeof *property);
    lily_session_field field = {.size = sizeof field, .get = get_property, .set = set_property, .context = property, .release = release_property};
    napi_value key;
    if (!property) return LILY_SESSION_ERROR_CALLBACK;
    property->env = env;
    napi_get_element(env, keys, at, &key);
    napi_create_reference(env, model, 1, &property->object);
    field.key = property->key = text_of(env, key);
    field.types = LILY_SESSION_NULL | LILY_SESSION_BOOL | LILY_SESSION_INT | LILY_SESSION_REAL | LILY_SESSION_STRING;
    status = lily_session_field_add(fields, &field); /* it has charge of the property, also if it fails */
  }
  return status;
}

/* open(application, model, keys): returns the session of these properties of the model. */
static napi_value open_session(napi_env env, napi_callback_info info) {
  napi_value arguments[3], result;
  size_t count = 3;
  struct session *session = calloc(1, sizeof *session);
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  char *application = text_of(env, arguments[0]);
  options.application = application;
  lily_session_status status = add_fields(env, fields, arguments[1], arguments[2]);
  if (!status) status = lily_session_storage_open(NULL, &options, &session->storage);
  if (!status) status = lily_session_runtime_new(session, NULL, NULL, &session->runtime); /* the fields know the model; any pointer will do */
  config.storage = session->storage;
  if (!status) status = lily_session_attach(session->runtime, fields, &config, &session->session);
  if (status) check(env, status); /* before another call of the library on this thread */
  lily_session_persistence_free(fields);
  free(application);
  if (status || napi_create_external(env, session, finalize, NULL, &result)) {
    finalize(env, session, NULL);
    return NULL;
  }
  return result;
}

static struct session *session_of(napi_env env, napi_callback_info info) {
  napi_value argument;
  size_t count = 1;
  void *session = NULL;
  if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) || napi_get_value_external(env, argument, &session))
    napi_throw_type_error(env, NULL, "not a session");
  return session;
}

static napi_value persist(napi_env env, napi_callback_info info) {
  struct session *session = session_of(env, info);
  return session ? check(env, lily_session_persist(session->session)) : NULL;
}

static napi_value clear(napi_env env, napi_callback_info info) {
  struct session *session = session_of(env, info);
  return session ? check(env, lily_session_clear(session->storage)) : NULL;
}

/* Without this call, what was not persisted is not stored: the garbage collector may come late, or never. */
static napi_value close_session(napi_env env, napi_callback_info info) {
  struct session *session = session_of(env, info);
  if (session) end(session);
  return NULL;
}

NAPI_MODULE_INIT() {
  const struct { const char *name; napi_callback function; } functions[] = {
    {"open", open_session}, {"persist", persist}, {"clear", clear}, {"close", close_session},
  };
  for (size_t at = 0; at < sizeof functions / sizeof *functions; at++) {
    napi_value function;
    napi_create_function(env, functions[at].name, NAPI_AUTO_LENGTH, functions[at].function, NULL, &function);
    napi_set_named_property(env, exports, functions[at].name, function);
  }
  return exports;
}
