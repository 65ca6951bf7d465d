/* What the tests of sharing, expiry, versions and scopes have beside the rig. */
#ifndef MORE_H
#define MORE_H

#include "journal.h"
#include "rig.h"

#include <sys/resource.h>

/* Storages by a clock of the test's; `quota` as in the options. */
lily_session_storage *open_clocked(const char *path, int64_t *now, int64_t quota);
lily_session_storage *open_memory_clocked(int64_t *now, int64_t quota);

/* A scope, or the test has failed. */
lily_session_storage *open_scope(lily_session_storage *parent, const char *scope);

/* As rig_begin(), and the storage stays the caller's. */
void rig_lend(struct rig *rig, lily_session_storage *storage);

/* As rig_field(), for a field that has more than a key and types: `field` is a probe_field(). */
void rig_add(struct rig *rig, struct probe *probe, lily_session_field field);

/* Whether a descriptor polls readable within `ms`. */
bool readable(int fd, int ms);

/* From now on no file grows past so many bytes. */
void limit_files(rlim_t bytes);

/* What there is to know of a storage. */
lily_session_info info_of(lily_session_storage *storage);

/* Has the storage write so much more than lives that its next sync rewrites the file, though nothing is removed. */
void make_worth_rewriting(lily_session_storage *storage);

/* The text of the journal's nth operation, from 0, without check and sequence: "set","k",1,0 */
#define assert_operation(path, n, text) check_operation((path), (n), (text), __FILE__, __LINE__)
void check_operation(const char *path, int n, const char *text, const char *file, int line);

#endif
