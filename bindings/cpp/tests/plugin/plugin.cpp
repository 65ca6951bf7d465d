// A plugin. Everything but its two functions is hidden.
#include "plugin.hpp"

namespace {

class full : public lily::backend {
  bool read(const std::string &, lily::entry &) override { return false; }
  bool write(const std::vector<lily::entry> &, const std::string *, std::uint64_t) override {
    throw lily::quota_error("the backend's words");
  }
  void clear(const std::string &) override {}
  std::uint64_t generation(const std::string &) override { return 0; }
  void each(const std::string &, const std::function<bool(const lily::entry &)> &) override {}
};

int failing(const app &model) {
  if (model.visits > 0) throw lily::quota_error("the field's words");
  return 0;
}

} // namespace

extern "C" __attribute__((visibility("default"))) void add(lily::persistence<app> &fields) {
  fields.field("visits", failing, [](app &, int) {});
}

extern "C" __attribute__((visibility("default"))) lily_session_storage *open_full() {
  static const lily::storage storage = lily::storage::open_backend(std::unique_ptr<lily::backend>(new full));
  return storage.get();
}
