#include "stage.h"

#ifdef STAGE_IS_A_SERVER
#include "servers/server.h"
#endif

static lily_session_storage *open_one(struct stage *stage) {
  switch (stage->kind) {
    case ON_JOURNAL: return open_clocked(JOURNAL, &stage->now, 0);
    case ON_TABLE: return table_open(&stage->table, &stage->now);
    case ON_WHOLE_TABLE: return table_open_whole(&stage->table, &stage->now);
    case ON_EXCLUSIVE: return open_flagged(JOURNAL, LILY_SESSION_EXCLUSIVE, &stage->now);
    case ON_SCOPE_FILES: return open_flagged(JOURNAL, LILY_SESSION_SCOPE_FILES, &stage->now);
    case ON_SCOPE_FILE: {
      lily_session_storage *parent = open_flagged(JOURNAL, LILY_SESSION_SCOPE_FILES, &stage->now);
      lily_session_storage *scope = open_scope(parent, "user:1");
      lily_session_storage_close(parent); /* the scope retains it */
      return scope;
    }
#ifdef STAGE_IS_A_SERVER
    case ON_SERVER: {
      lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
      lily_session_storage *storage = NULL;
      options.clock = fixed_clock;
      options.context = &stage->now;
      assert_ok(server_open(&options, &storage));
      return storage;
    }
#endif
    default: return open_memory_clocked(&stage->now, 0);
  }
}

static void open_both(struct stage *stage) {
  stage->storage = open_one(stage);
  stage->other = stage->has_other ? open_one(stage) : stage->storage;
}

static void close_both(struct stage *stage) {
  if (stage->has_other) lily_session_storage_close(stage->other);
  lily_session_storage_close(stage->storage);
}

void stage_reopen(struct stage *stage) {
  if (stage->kind == ON_MEMORY) return;
  close_both(stage);
  open_both(stage);
}

bool stage_is_backend(const struct stage *stage) { return stage_has_table(stage) || stage->kind == ON_SERVER; }

bool stage_has_table(const struct stage *stage) { return stage->kind == ON_TABLE || stage->kind == ON_WHOLE_TABLE; }

void stage_run(int kind, stage_case body) {
  struct stage stage = {.kind = kind, .now = 1000000, .has_other = kind != ON_MEMORY && kind != ON_EXCLUSIVE};
#ifdef STAGE_IS_A_SERVER
  server_empty();
#endif
  open_both(&stage);
  body(&stage);
  close_both(&stage);
  if (stage_has_table(&stage)) assert_int_equal(stage.table.releases, stage.table.closes);
  table_free(&stage.table);
}
