// What the program and its plugin share.
#include <lily_session.hpp>

struct app {
  int visits = 0;
};

// Adds a field whose get throws, and returns a storage whose backend fails.
using add_field = void(lily::persistence<app> &fields);
using open_storage = lily_session_storage *();
