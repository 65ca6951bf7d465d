/* A store for lily_session_storage_open_backend(): a table in memory that outlives its storages, counts what is asked of
   it, and can be told to fail. It is as simple as the header allows, and lends no longer than the header promises. */
#ifndef TABLE_H
#define TABLE_H

#include "rig.h"

struct row {
  char *key, *json;
  size_t length;
  int64_t expires_at_ms;
  uint32_t version;
};

struct raised {
  char *prefix;
  uint64_t generation;
};

/* The functions of a backend that can be told to fail, and are counted. */
enum {
  TABLE_READ, TABLE_WRITE, TABLE_CLEAR, TABLE_GENERATION, TABLE_EACH, TABLE_SYNC,
  TABLE_LOAD, TABLE_RENEW, TABLE_REPLACE, TABLE_SCOPES, TABLE_EACH_UNSCOPED, TABLE_USAGE, TABLE_FUNCTIONS
};

struct table {
  struct row *rows;
  int count;
  struct raised generations[16];
  int prefixes;
  char *lent_key, *lent_json; /* what the last read lent, until the next call */

  int calls[TABLE_FUNCTIONS], fds, closes, releases;
  int closes_at_release; /* how often close had run when release did */
  lily_session_status results[TABLE_FUNCTIONS]; /* If it is not OK, the function returns it and does nothing. */
  lily_session_status after_write;              /* what write returns after it has stored the entries */
  void (*hook)(struct table *table, int function); /* runs before a function does its work */
  int fd_result;
  const char *name;                                /* what identity returns */

  size_t batch; /* how many entries the last write had */
  char prefix[100];
  bool has_prefix;
};

/* Returns a backend that has the functions which the first version had, and the table as its context. */
lily_session_backend table_backend(struct table *table);

/* Returns a backend that has all functions, and tells all that it can. */
lily_session_backend table_whole_backend(struct table *table);

/* Opens a storage on the table, with this clock or, if `now` is NULL, with the system's. */
lily_session_storage *table_open(struct table *table, int64_t *now);
lily_session_storage *table_open_whole(struct table *table, int64_t *now);

/* Returns the row of a key, which may be in a scope, or NULL if there is none. */
const struct row *table_row(const struct table *table, const char *key);

/* Puts a row into the table, as another program would. */
void table_put(struct table *table, const char *key, const char *json, int64_t expires_at_ms, uint32_t version);

void table_free(struct table *table);

#endif
