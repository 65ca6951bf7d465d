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
enum { TABLE_READ, TABLE_WRITE, TABLE_CLEAR, TABLE_GENERATION, TABLE_EACH, TABLE_SYNC, TABLE_FUNCTIONS };

struct table {
  struct row *rows;
  int count;
  struct raised generations[16];
  int prefixes;
  char *lent_key, *lent_json; /* what the last read lent: gone with the next call */

  int calls[TABLE_FUNCTIONS], fds, closes, releases;
  int closes_at_release; /* how often close had run when release did */
  lily_session_status results[TABLE_FUNCTIONS]; /* If it is not OK, the function returns it and does nothing. */
  lily_session_status after_write;              /* what write returns though it has stored */
  void (*hook)(struct table *table, int function); /* runs before a function does its work */
  int fd_result;

  size_t batch; /* the last write's */
  char prefix[100];
  bool has_prefix;
};

/* All functions set; the context is the table. */
lily_session_backend table_backend(struct table *table);

/* A storage on the table, by this clock or, where it is NULL, the system's. */
lily_session_storage *table_open(struct table *table, int64_t *now);

/* Returns a row of the table, also one of a scope. Returns NULL if there is none. */
const struct row *table_row(const struct table *table, const char *key);

/* Puts a row into the table, as another program would. */
void table_put(struct table *table, const char *key, const char *json, int64_t expires_at_ms, uint32_t version);

void table_free(struct table *table);

#endif
