/* The work of the library after an update in which nothing changes, written by hand in C. It is the limit for the library. */
#ifndef LOOP_H
#define LOOP_H

#include <lily_session.h>

#ifdef __cplusplus
extern "C" {
#endif

struct loop_field {
  lily_session_get_fn get;
  void *context;
  lily_session_value baseline; /* its text is the loop's own copy */
};

struct loop {
  void *model;
  lily_session_update_fn update;
  uint64_t (*revision)(void *context, const void *session); /* NULL: compare all fields */
  uint64_t last_revision;
  size_t count;
  struct loop_field *fields;
};

/* Stores the current values as the baselines. */
void loop_begin(struct loop *loop);
/* Runs an update, and returns how many fields differ from their baselines. */
size_t loop_dispatch(struct loop *loop, const void *message);
void loop_end(struct loop *loop);

#ifdef __cplusplus
}
#endif

#endif
