/* The storages that conformance cases run on: a journal, memory, and a host's backend. What a storage can hold, all three do. */
#ifndef STAGE_H
#define STAGE_H

#include "table.h"

enum { ON_JOURNAL, ON_MEMORY, ON_TABLE };

struct stage {
  int kind;
  int64_t now;
  lily_session_storage *storage;
  lily_session_storage *other; /* another handle of the same place; memory has none, so there it is the first */
  bool has_elsewhere;          /* `other` is another handle */
  struct table table;
};

typedef void (*stage_case)(struct stage *stage);
void stage_run(int kind, stage_case body);

/* The handles are closed, and made anew. What is in memory stays as it is. */
void stage_reopen(struct stage *stage);

/* A case: one test on each of the three. */
#define CASE(name)                                                      \
  static void name(struct stage *stage);                                \
  TEST(name##__on_a_journal) { stage_run(ON_JOURNAL, name); }           \
  TEST(name##__in_memory) { stage_run(ON_MEMORY, name); }               \
  TEST(name##__on_a_backend) { stage_run(ON_TABLE, name); }             \
  static void name(struct stage *stage)

#endif
