/* Two sessions on a stage: one that is looked at, and another program's. Each has a field `theme`, a string that is "light", and
   `visits`, an integer that is 0. */
#ifndef PAIR_H
#define PAIR_H

#include "stage.h"

struct side {
  struct rig rig;
  struct probe theme, visits;
};

/* Options of a side's theme and of its session. Zeros mean a plain field, and the model as the slice. */
struct side_options {
  int64_t expires_after_ms;
  uint32_t version;
  lily_session_migrate_fn migrate;
  const char *const *former_keys;
  bool has_slice; /* rig_get() and rig_set() are config.get and config.set */
  lily_session_status get_result; /* what the theme's get returns at attach */
};

/* Makes a side that is not attached yet, so that the test may change its probes. */
void side_begin(struct side *side, lily_session_storage *storage, struct side_options options);
void side_attach(struct side *side);
void side_start(struct side *side, lily_session_storage *storage, struct side_options options);

/* Sets the theme and dispatches. */
void side_theme(struct side *side, const char *theme);

/* A `migrate` callback that appends a '+' to a string. */
lily_session_status migrate_plus(void *context, uint32_t stored_version, const lily_session_value *stored, lily_session_value *out_value);

#define assert_theme(side, expected) assert_string_equal((side)->theme.text, (expected))
#define assert_one_event(side, what, why, whose)          \
  do {                                                    \
    assert_int_equal((side)->rig.event_count, 1);         \
    assert_event(&(side)->rig, 0, (what), (why), 0, whose); \
    rig_forget(&(side)->rig);                             \
  } while (0)
#define assert_no_event(side) assert_int_equal((side)->rig.event_count, 0)

#endif
