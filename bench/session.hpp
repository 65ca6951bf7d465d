// The parts that the benchmarks of the library share: a program's model with fields, and a session of the library for it.
#pragma once
#include "workload.hpp"

#include <lily_session.h>
#include <vector>

struct Model {
  uint64_t revision = 0;
  std::vector<Value> values;
  uint64_t sets = 0; // how often attach or refresh set a field
};

// The callbacks of the host, which the loops written by hand call, too.
lily_session_status get_field(void *context, const void *session, lily_session_value *out_value);
uint64_t get_revision(void *context, const void *session);
// Applies a message, which is a list of changes, or NULL for none.
void *update(void *context, void *model, const void *message);

class Session {
 public:
  Session(Kind kind, int fields);
  ~Session();
  Session(const Session &) = delete;

  // If has_revision is true, the library asks for the host's revision; otherwise it compares the fields after every update.
  void attach(lily_session_storage *storage, bool has_revision = false);
  void detach();
  void dispatch(const std::vector<Change> *changes) { REQUIRE(lily_session_runtime_dispatch(runtime, changes) == LILY_SESSION_OK); }

  Model model;
  lily_session_runtime *runtime = nullptr;
  lily_session *session = nullptr;

 private:
  lily_session_persistence *persistence;
};

// Opens a storage without a quota, as some stores here are large.
lily_session_storage *open_storage(const std::string &path, int32_t durability = LILY_SESSION_DURABILITY_PROCESS, int32_t flags = 0);
