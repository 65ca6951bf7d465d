#include "rig.h"

static void note(struct rig *rig, const char *what, const char *key) {
  if (rig == NULL) return;
  size_t used = strlen(rig->trace);
  snprintf(rig->trace + used, sizeof rig->trace - used, "%s%s%s; ", what, *key ? " " : "", key);
  if (rig->hook != NULL) rig->hook(rig, what);
}

/* ------------------------------------------------------------------ probes */

static void put_text(struct probe *probe, int32_t type, const char *bytes, size_t length) {
  size_t kept = length < sizeof probe->text ? length : sizeof probe->text - 1;
  memcpy(probe->text, bytes, kept);
  probe->text[kept] = '\0';
  probe->value.type = type;
  probe->value.as.text.bytes = probe->text;
  probe->value.as.text.length = kept;
}

void probe_null(struct probe *probe) { probe->value.type = LILY_SESSION_NULL; }

void probe_bool(struct probe *probe, bool value) {
  probe->value.type = LILY_SESSION_BOOL;
  probe->value.as.boolean = value;
}

void probe_int(struct probe *probe, int64_t value) {
  probe->value.type = LILY_SESSION_INT;
  probe->value.as.integer = value;
}

void probe_real(struct probe *probe, double value) {
  probe->value.type = LILY_SESSION_REAL;
  probe->value.as.real = value;
}

void probe_string(struct probe *probe, const char *value) { put_text(probe, LILY_SESSION_STRING, value, strlen(value)); }
void probe_json(struct probe *probe, const char *value) { put_text(probe, LILY_SESSION_JSON, value, strlen(value)); }

static lily_session_status get(void *context, const void *session, lily_session_value *out_value) {
  struct probe *probe = context;
  (void)session;
  probe->gets++;
  note(probe->rig, "get", probe->key);
  if (probe->get_result != LILY_SESSION_OK) return probe->get_result;
  *out_value = probe->value;
  return LILY_SESSION_OK;
}

static lily_session_status set(void *context, void *session, const lily_session_value *value) {
  struct probe *probe = context;
  (void)session;
  probe->sets++;
  note(probe->rig, "set", probe->key);
  if (probe->set_result != LILY_SESSION_OK) return probe->set_result;
  if (value->type == LILY_SESSION_STRING || value->type == LILY_SESSION_JSON)
    put_text(probe, value->type, value->as.text.bytes, value->as.text.length);
  else
    probe->value = *value;
  if (probe->cap != 0 && value->type == LILY_SESSION_INT && value->as.integer > probe->cap) probe->value.as.integer = probe->cap;
  return LILY_SESSION_OK;
}

static void release(void *context) { ((struct probe *)context)->releases++; }

lily_session_field probe_field(struct probe *probe, const char *key, int32_t types) {
  lily_session_field field = LILY_SESSION_FIELD_INIT;
  field.key = key;
  field.types = types;
  field.get = get;
  field.set = set;
  field.context = probe;
  field.release = release;
  return field;
}

/* --------------------------------------------------------------------- rig */

void *rig_update(void *context, void *model, const void *message) {
  struct rig *rig = context;
  rig->updates++;
  note(rig, "update", "");
  if (rig->in_update != NULL) rig->in_update(rig, message);
  return rig->refuses ? NULL : model;
}

void *rig_get(void *context, void *model) {
  struct rig *rig = context;
  (void)model;
  rig->slices++;
  note(rig, "slice", "");
  return rig->get_result;
}

void *rig_set(void *context, void *model, void *session) {
  struct rig *rig = context;
  (void)model, (void)session;
  note(rig, "put", "");
  return rig->set_result;
}

uint64_t rig_revision(void *context, const void *session) {
  struct rig *rig = context;
  (void)session;
  rig->revisions++;
  note(rig, "revision", "");
  return rig->revision;
}

static void on_event(void *context, const lily_session_event *event) {
  struct rig *rig = context;
  note(rig, "event", event->key != NULL ? event->key : "");
  if (rig->event_count == MOST_EVENTS) return;
  struct seen *seen = &rig->events[rig->event_count++];
  seen->kind = event->kind;
  seen->status = event->status;
  seen->system_error = event->system_error;
  seen->has_key = event->key != NULL;
  snprintf(seen->key, sizeof seen->key, "%s", seen->has_key ? event->key : "");
  if (event->size != sizeof *event) rig->event_sizes_right = false;
}

static void release_rig(void *context) { ((struct rig *)context)->releases++; }

void rig_begin(struct rig *rig, lily_session_storage *storage) {
  memset(rig, 0, sizeof *rig);
  rig->event_sizes_right = true;
  rig->get_result = rig->set_result = rig;
  rig->storage = storage;
  rig->fields = lily_session_persistence_new();
  assert_non_null(rig->fields);
  assert_ok(lily_session_runtime_new(rig, rig_update, rig, &rig->runtime));
  rig->config = (lily_session_config)LILY_SESSION_CONFIG_INIT;
  rig->config.storage = storage;
  rig->config.on_event = on_event;
  rig->config.context = rig;
  rig->config.release = release_rig;
}

/* Gives a probe that has no value yet one that a field of these types may have. */
static void probe_something(struct probe *probe, int32_t types) {
  if (types & LILY_SESSION_NULL) probe_null(probe);
  else if (types & LILY_SESSION_BOOL) probe_bool(probe, false);
  else if (types & LILY_SESSION_INT) probe_int(probe, 0);
  else if (types & LILY_SESSION_REAL) probe_real(probe, 0);
  else if (types & LILY_SESSION_STRING) probe_string(probe, "");
  else probe_json(probe, "{}");
}

void rig_field(struct rig *rig, struct probe *probe, const char *key, int32_t types) {
  memset(probe, 0, sizeof *probe);
  probe_something(probe, types);
  probe->rig = rig;
  snprintf(probe->key, sizeof probe->key, "%s", key);
  lily_session_field field = probe_field(probe, key, types);
  assert_ok(lily_session_field_add(rig->fields, &field));
}

void rig_attach(struct rig *rig) {
  assert_ok(lily_session_attach(rig->runtime, rig->fields, &rig->config, &rig->session));
  assert_non_null(rig->session);
}

void rig_attach_theme(struct rig *rig, struct probe *theme) {
  rig_field(rig, theme, "theme", LILY_SESSION_STRING);
  probe_string(theme, "light");
  rig_attach(rig);
}

void rig_attach_theme_and_visits(struct rig *rig, struct probe *theme, struct probe *visits) {
  rig_field(rig, theme, "theme", LILY_SESSION_STRING);
  rig_field(rig, visits, "visits", LILY_SESSION_INT);
  probe_string(theme, "light");
  probe_int(visits, 0);
  rig_attach(rig);
}

void rig_end(struct rig *rig) {
  lily_session_detach(rig->session);
  lily_session_runtime_free(rig->runtime);
  lily_session_persistence_free(rig->fields);
  lily_session_storage_close(rig->storage);
  /* A test that does not begin the rig again may end it. */
  rig->session = NULL, rig->runtime = NULL, rig->fields = NULL, rig->storage = NULL;
  assert_true(rig->event_sizes_right);
}

void rig_forget(struct rig *rig) {
  rig->trace[0] = '\0';
  rig->event_count = 0;
  rig->slices = rig->revisions = rig->updates = 0;
}

void check_event(const struct rig *rig, int n, int32_t kind, lily_session_status status, int32_t system_error, const char *key,
                 const char *file, int line) {
  if (n < rig->event_count) {
    const struct seen *seen = &rig->events[n];
    bool same_key = key == NULL ? !seen->has_key : seen->has_key && strcmp(seen->key, key) == 0;
    if (seen->kind == kind && seen->status == status && seen->system_error == system_error && same_key) return;
    print_error("event %d is kind %d, %s, errno %d, key %s\n", n, (int)seen->kind, lily_session_status_name(seen->status),
                (int)seen->system_error, seen->has_key ? seen->key : "NULL");
  } else {
    print_error("there are %d events, so no event %d\n", rig->event_count, n);
  }
  _fail(file, line);
}

/* ------------------------------------------------------------------- small */

void count_release(void *context) { ++*(int *)context; }

void rig_lend(struct rig *rig, lily_session_storage *storage) {
  rig_begin(rig, storage);
  rig->storage = NULL;
}

void rig_add(struct rig *rig, struct probe *probe, lily_session_field field) {
  probe->rig = rig;
  snprintf(probe->key, sizeof probe->key, "%s", field.key);
  assert_ok(lily_session_field_add(rig->fields, &field));
}
