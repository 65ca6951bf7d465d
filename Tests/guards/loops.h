/* The updates whose cost is counted: dispatches, one after the other, to a session of 20 fields, or of a map. */
#ifndef LOOPS_H
#define LOOPS_H

#include <lily_session.h>
#include <stddef.h>

struct loop {
  const char *name;
  bool has_revision; /* true: the config has a revision; false: the fields are compared */
  bool has_members;  /* true: the fields are plain members of a struct; false: they have callbacks */
  int32_t type;      /* LILY_SESSION_STRING of 16 bytes, _JSON of 1 KiB, or _INT */
  int changed;       /* how many of the fields an update changes */
  bool varies;       /* true: each update gives the first field another length; every second one finds the entries of a map in the reverse order */
  int flags;         /* with which the storage is opened */
  int entries;       /* if this is not 0, there are no fields, but a map of that many entries; type is LILY_SESSION_INT */
  int64_t quota;     /* of the storage; if it is not 0, it is too small for any entry */
};

extern const struct loop loops[];
extern const size_t loop_count;
/* Returns true if the loop's updates are so large that the file is rewritten now and then. What an update costs varies then. */
bool loop_rewrites(const struct loop *loop);
const struct loop *loop_named(const char *name); /* returns NULL if there is no such loop */

/* Opens a new journal at `path`, attaches a session, and makes updates until its buffers have their sizes. Ends the
 * program if something fails. */
void loop_begin(const struct loop *loop, const char *path);
/* Makes one update. */
void loop_turn(void);
/* Detaches the session, and attaches it anew. */
void loop_attach(void);
/* Attaches a hundred other sessions to the same runtime and storage. */
void loop_crowd(void);
void loop_end(void);

#endif
