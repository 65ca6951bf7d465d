/* What the programs under the shim report to their parent: lines of fields, separated by tabs. One call writes each line, so that
 * everything reported before a SIGKILL arrives. Values are reported as a whole. */
#ifndef MARKS_H
#define MARKS_H

#include "lily_session.h"

/* Adds a field to the line, which mark_end() sends. */
void mark(const char *format, ...) __attribute__((format(printf, 1, 2)));
void mark_end(void);

/* Sends all that the storage shows, as V  handle  status  damaged  ( key  value )…. Returns the status. */
lily_session_status mark_view(int handle, lily_session_storage *storage);

#endif
