// Loads a plugin, and checks that what it throws arrives with its type and its text.
#include "plugin.hpp"

#include <dlfcn.h>

#include <iostream>

namespace {

template <class Function> Function *function_of(void *plugin, const char *name) {
  return reinterpret_cast<Function *>(reinterpret_cast<std::uintptr_t>(dlsym(plugin, name)));
}

template <class Body> bool arrives(const std::string &words, Body body) {
  try {
    body();
    std::cerr << "nothing is thrown\n";
  } catch (const lily::quota_error &error) {
    if (error.what() == words) return true;
    std::cerr << "the words are: " << error.what() << '\n';
  } catch (const std::exception &error) {
    std::cerr << "another exception: " << error.what() << '\n';
  }
  return false;
}

} // namespace

int main(int, char **argv) {
  void *const plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!plugin) {
    std::cerr << dlerror() << '\n';
    return 1;
  }
  app model;
  lily::persistence<app> fields;
  function_of<add_field>(plugin, "add")(fields);
  lily::runtime<app> runtime(model);
  lily::session session = runtime.attach(fields, lily::storage::memory());
  model.visits = 1;
  if (!arrives("the field's words", [&] { session.persist(); })) return 1;
  model.visits = 0;

  // This call is one of C, so only the words are left.
  lily_session_storage *const full = function_of<open_storage>(plugin, "open_full")();
  if (lily_session_storage_set(full, "k", "1", 1, 0) != LILY_SESSION_ERROR_QUOTA) return 1;
  const std::string words = lily_session_last_error();
  if (words.find("the backend's words") == std::string::npos) {
    std::cerr << "the library says: " << words << '\n';
    return 1;
  }
  return 0;
}
