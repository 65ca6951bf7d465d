/* Storages that tests use: with a clock of the test's own, in a scope, or with a file that the next sync rewrites. */
#ifndef STORAGES_H
#define STORAGES_H

#include "test.h"

/* Opens a storage that uses `now` as its clock, or the system's if it is NULL. `quota` is as in the options. The test fails where that cannot be done. */
lily_session_storage *open_clocked(const char *path, int64_t *now, int64_t quota);
lily_session_storage *open_flagged(const char *path, int32_t flags, int64_t *now);
lily_session_storage *open_memory_clocked(int64_t *now, int64_t quota);

/* Opens a scope. The test fails where that cannot be done. */
lily_session_storage *open_scope(lily_session_storage *parent, const char *scope);

/* Returns what lily_session_storage_info() says of a storage. */
lily_session_info info_of(lily_session_storage *storage);

/* Has the storage write so much more than it still holds that its next sync rewrites the file, though nothing is removed. */
void make_worth_rewriting(lily_session_storage *storage);

/* A clock for storage options. Its context is an int64_t, which it returns. */
int64_t fixed_clock(void *context);

/* A visit for lily_session_storage_each() that counts the entries in an int. */
lily_session_status count_items(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms);
#define assert_entries(storage, count) check_entries((storage), (count), __FILE__, __LINE__)
void check_entries(lily_session_storage *storage, int count, const char *file, int line);

#endif
