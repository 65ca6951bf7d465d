/* The storages that conformance cases run on: a journal, memory, and a backend of the host's. */
#ifndef STAGE_H
#define STAGE_H

#include "table.h"

enum { ON_JOURNAL, ON_MEMORY, ON_TABLE };

struct stage {
  int kind;
  int64_t now;
  lily_session_storage *storage;
  lily_session_storage *other; /* another handle of the same store; a storage in memory has only one handle, so there it is `storage` */
  bool has_other;              /* `other` is another handle */
  struct table table;
};

typedef void (*stage_case)(struct stage *stage);
void stage_run(int kind, stage_case body);

/* Closes the handles and opens them again. A storage in memory stays as it is. */
void stage_reopen(struct stage *stage);

/* A case becomes three tests, one on each kind of storage. */
#define CASE(name)                                                      \
  static void name(struct stage *stage);                                \
  TEST(name##__on_a_journal) { stage_run(ON_JOURNAL, name); }           \
  TEST(name##__in_memory) { stage_run(ON_MEMORY, name); }               \
  TEST(name##__on_a_backend) { stage_run(ON_TABLE, name); }             \
  static void name(struct stage *stage)

#endif
