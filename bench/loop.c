#include "loop.h"

#include <stdlib.h>
#include <string.h>

void loop_begin(struct loop *loop) {
  if (loop->revision != NULL) loop->last_revision = loop->revision(NULL, loop->model);
  for (size_t at = 0; at < loop->count; at++) {
    lily_session_value *baseline = &loop->fields[at].baseline;
    loop->fields[at].get(loop->fields[at].context, loop->model, baseline);
    if (baseline->type != LILY_SESSION_STRING) continue;
    char *copy = malloc(baseline->as.text.length);
    memcpy(copy, baseline->as.text.bytes, baseline->as.text.length);
    baseline->as.text.bytes = copy;
  }
}

static bool differs(const lily_session_value *value, const lily_session_value *baseline) {
  if (value->type != baseline->type) return true;
  if (value->type == LILY_SESSION_INT) return value->as.integer != baseline->as.integer;
  return value->as.text.length != baseline->as.text.length ||
         memcmp(value->as.text.bytes, baseline->as.text.bytes, value->as.text.length) != 0;
}

size_t loop_dispatch(struct loop *loop, const void *message) {
  void *next = loop->update(NULL, loop->model, message);
  if (next == NULL) return 0;
  loop->model = next;
  if (loop->revision != NULL) {
    uint64_t revision = loop->revision(NULL, next);
    if (revision == loop->last_revision) return 0;
    loop->last_revision = revision;
  }
  size_t changed = 0;
  for (size_t at = 0; at < loop->count; at++) {
    const struct loop_field *field = &loop->fields[at];
    lily_session_value value;
    if (field->get(field->context, next, &value) != LILY_SESSION_OK || differs(&value, &field->baseline)) changed++;
  }
  return changed;
}

void loop_end(struct loop *loop) {
  for (size_t at = 0; at < loop->count; at++) {
    if (loop->fields[at].baseline.type == LILY_SESSION_STRING) free((void *)loop->fields[at].baseline.as.text.bytes);
  }
}
