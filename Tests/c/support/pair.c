#include "pair.h"

void side_begin(struct side *side, lily_session_storage *storage, struct side_options options) {
  memset(side, 0, sizeof *side);
  rig_lend(&side->rig, storage);
  lily_session_field field = probe_field(&side->theme, "theme", LILY_SESSION_STRING);
  field.expires_after_ms = options.expires_after_ms;
  field.version = options.version;
  field.migrate = options.migrate;
  field.former_keys = options.former_keys;
  rig_add(&side->rig, &side->theme, field);
  rig_field(&side->rig, &side->visits, "visits", LILY_SESSION_INT);
  probe_string(&side->theme, "light");
  probe_int(&side->visits, 0);
  side->theme.get_result = options.get_result;
  if (options.has_slice) {
    side->rig.config.get = rig_get;
    side->rig.config.set = rig_set;
    side->rig.get_result = side->rig.set_result = &side->rig;
  }
}

void side_attach(struct side *side) { rig_attach(&side->rig); }

void side_start(struct side *side, lily_session_storage *storage, struct side_options options) {
  side_begin(side, storage, options);
  side_attach(side);
}

void side_theme(struct side *side, const char *theme) {
  probe_string(&side->theme, theme);
  rig_dispatch(&side->rig);
}

lily_session_status migrate_plus(void *context, uint32_t stored_version, const lily_session_value *stored, lily_session_value *out_value) {
  static char text[100];
  (void)context, (void)stored_version;
  snprintf(text, sizeof text, "%.*s+", (int)stored->as.text.length - 2, stored->as.text.bytes + 1);
  out_value->type = LILY_SESSION_STRING;
  out_value->as.text.bytes = text;
  out_value->as.text.length = strlen(text);
  return LILY_SESSION_OK;
}
