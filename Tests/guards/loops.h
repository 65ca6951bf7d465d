/* The updates whose cost is counted: a session of 20 fields, and one dispatch after the other. */
#ifndef LOOPS_H
#define LOOPS_H

#include <lily_session.h>
#include <stddef.h>

struct loop {
  const char *name;
  bool has_revision; /* else the fields are compared */
  bool has_members;  /* plain members of a struct, else callbacks */
  int32_t type;      /* LILY_SESSION_STRING of 16 bytes, _JSON of 1 KiB, or _INT */
  int changed;       /* how many of the fields an update changes */
  bool varies;       /* the first field has another length each time */
};

extern const struct loop loops[];
extern const size_t loop_count;
const struct loop *loop_named(const char *name); /* NULL: none */

/* Opens a new journal at `path`, attaches a session, and makes updates until its buffers have their sizes. Ends the
 * program where something fails. */
void loop_begin(const struct loop *loop, const char *path);
/* One update. */
void loop_turn(void);
void loop_end(void);

#endif
