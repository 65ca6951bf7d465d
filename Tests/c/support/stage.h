/* The storages that conformance cases run on: a journal, memory, backends of the host's with few and with all functions, the file of a scope, and an
   exclusive journal; or, where STAGE_IS_A_SERVER is defined, the server that is linked (servers/server.h). */
#ifndef STAGE_H
#define STAGE_H

#include "table.h"

enum { ON_JOURNAL, ON_MEMORY, ON_TABLE, ON_WHOLE_TABLE, ON_SCOPE_FILE, ON_SCOPE_FILES, ON_EXCLUSIVE, ON_SERVER };

struct stage {
  int kind;
  int64_t now;
  lily_session_storage *storage;
  lily_session_storage *other; /* another handle of the same store. Where there can be only one handle, it is `storage` */
  bool has_other;              /* `other` is another handle */
  struct table table;
};

typedef void (*stage_case)(struct stage *stage);
void stage_run(int kind, stage_case body);

/* Returns true if the storage is a backend of the host's: the table, or a server. */
bool stage_is_backend(const struct stage *stage);
bool stage_has_table(const struct stage *stage);

/* Closes the handles and opens them again. A storage in memory stays as it is. */
void stage_reopen(struct stage *stage);

/* A case becomes a test on each kind of storage. */
#define CASE(name)           \
  static void name(struct stage *stage); \
  TESTS_OF_CASE(name)        \
  TEST_OF_FILES(name##__in_the_file_of_a_scope, ON_SCOPE_FILE, name) \
  static void name(struct stage *stage)

/* A case that opens scopes of its storage. */
#define CASE_OF_SCOPES(name) \
  static void name(struct stage *stage); \
  TESTS_OF_CASE(name)        \
  TEST_OF_FILES(name##__as_files, ON_SCOPE_FILES, name) \
  static void name(struct stage *stage)

#ifdef STAGE_IS_A_SERVER
#define TESTS_OF_CASE(name) TEST(name##__on_a_server) { stage_run(ON_SERVER, name); }
#define TEST_OF_FILES(test, kind, name)
#else
#define TESTS_OF_CASE(name)                                             \
  TEST(name##__on_a_journal) { stage_run(ON_JOURNAL, name); }           \
  TEST(name##__in_memory) { stage_run(ON_MEMORY, name); }               \
  TEST(name##__on_a_backend) { stage_run(ON_TABLE, name); }             \
  TEST(name##__on_a_whole_backend) { stage_run(ON_WHOLE_TABLE, name); } \
  TEST(name##__exclusive) { stage_run(ON_EXCLUSIVE, name); }
#define TEST_OF_FILES(test, kind, name) TEST(test) { stage_run(kind, name); }
#endif

#endif
