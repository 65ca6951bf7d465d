/* What the programs under the shim tell their parent: lines of fields with tabs between, each written by one call, so that
 * what was told before a SIGKILL arrives. Values are told whole. */
#ifndef MARKS_H
#define MARKS_H

#include "lily_session.h"

/* Adds to the line; mark_end() sends it. */
void mark(const char *format, ...) __attribute__((format(printf, 1, 2)));
void mark_end(void);

/* V  handle  status  damaged  ( key  value )…: all that the storage shows. Returns the status. */
lily_session_status mark_view(int handle, lily_session_storage *storage);

#endif
