/* A runtime whose callbacks record that they ran, and return what a test wants. */
#ifndef RIG_H
#define RIG_H

#include "storages.h"

struct rig;

/* A field that lives in its own context. */
struct probe {
  lily_session_value value; /* what get returns, and what set was given */
  char text[300];           /* the bytes of a text, NUL-terminated */
  lily_session_status get_result, set_result;
  int gets, sets, releases;
  int64_t cap; /* if it is not 0, set turns greater integers into this one */
  char key[300];
  struct rig *rig;
};

void probe_null(struct probe *probe);
void probe_bool(struct probe *probe, bool value);
void probe_int(struct probe *probe, int64_t value);
void probe_real(struct probe *probe, double value);
void probe_string(struct probe *probe, const char *value);
void probe_json(struct probe *probe, const char *value);

/* Returns the field of a probe, for lily_session_field_add(). */
lily_session_field probe_field(struct probe *probe, const char *key, int32_t types);

struct seen {
  int32_t kind;
  lily_session_status status;
  int32_t system_error;
  bool has_key;
  char key[300];
};

enum { MOST_EVENTS = 32 };

struct rig {
  lily_session_storage *storage;
  lily_session_persistence *fields;
  lily_session_runtime *runtime;
  lily_session *session;
  lily_session_config config; /* what rig_attach() will use: on_event, release and context are set */

  int updates, releases;
  bool refuses;                                               /* update returns NULL */
  void (*in_update)(struct rig *rig, const void *message);    /* what an update does */
  void (*hook)(struct rig *rig, const char *where);           /* runs in every callback but the notifiers */
  uint64_t revision;                                          /* what rig_revision() returns */
  int slices, revisions;                                      /* how often rig_get() and rig_revision() ran */
  void *get_result, *set_result;                              /* what rig_get() and rig_set() return */

  struct seen events[MOST_EVENTS];
  int event_count;
  bool event_sizes_right;
  char trace[2000]; /* which callbacks ran: "get theme; set cart; " */
};

/* Makes an empty list of fields, and a runtime whose model is the rig. Takes the storage over; NULL is allowed. */
void rig_begin(struct rig *rig, lily_session_storage *storage);
/* Does as rig_begin(), but the storage stays the caller's. */
void rig_lend(struct rig *rig, lily_session_storage *storage);
/* Adds a field, whose probe begins anew. */
void rig_field(struct rig *rig, struct probe *probe, const char *key, int32_t types);
/* Adds a field that has more than a key and types. `field` comes from probe_field(). */
void rig_add(struct rig *rig, struct probe *probe, lily_session_field field);
void rig_attach(struct rig *rig);
/* Attaches with one more field `theme`, a string that is "light". */
void rig_attach_theme(struct rig *rig, struct probe *theme);
/* Does as rig_attach_theme(), with a second field `visits`, an integer that is 0. */
void rig_attach_theme_and_visits(struct rig *rig, struct probe *theme, struct probe *visits);
/* Detaches and frees all that the rig has. */
void rig_end(struct rig *rig);

/* The callbacks for config.get, config.set and config.revision. */
void *rig_get(void *context, void *model);
void *rig_set(void *context, void *model, void *session);
uint64_t rig_revision(void *context, const void *session);
/* The update function for lily_session_runtime_new(). Its context is the rig. */
void *rig_update(void *context, void *model, const void *message);

/* Ends one of a rig's handles by this function, and forgets the handle, so that rig_end() does not end it again. */
#define end_by(function, handle) (function(handle), (void)((handle) = NULL))

/* Dispatches, and checks that it succeeds. */
#define rig_dispatch(rig) assert_ok(lily_session_runtime_dispatch((rig)->runtime, NULL))

/* Forgets what was recorded. */
void rig_forget(struct rig *rig);

/* Checks the nth event, from 0. `key` is NULL for an event that belongs to no field. */
#define assert_event(rig, n, kind, status, system_error, key) \
  check_event((rig), (n), (kind), (status), (system_error), (key), __FILE__, __LINE__)
void check_event(const struct rig *rig, int n, int32_t kind, lily_session_status status, int32_t system_error, const char *key,
                 const char *file, int line);

/* A `release` notifier that counts its calls in an int. */
void count_release(void *context);

#endif
