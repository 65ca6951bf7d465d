#include "../store.hpp"

#include <glib.h>

namespace {

constexpr const char *GROUP = "session";

// g_file_set_contents() of GLib syncs the file when it replaces an existing one, but not its directory.
class KeyFile : public Store {
 public:
  explicit KeyFile(const std::string &directory) : path(directory + "/session.ini") {}
  ~KeyFile() override { g_key_file_free(keys); }

  void put(const std::vector<Change> &changes) override {
    for (const Change &change : changes) {
      if (change.value.kind == Kind::integer) {
        g_key_file_set_int64(keys, GROUP, change.key.data(), change.value.number);
      } else {
        g_key_file_set_string(keys, GROUP, change.key.data(), std::string(change.value.text).c_str());
      }
    }
    REQUIRE(g_key_file_save_to_file(keys, path.c_str(), nullptr));
  }

  void check(const Change &change) override {
    GKeyFile *other = g_key_file_new();
    REQUIRE(g_key_file_load_from_file(other, path.c_str(), G_KEY_FILE_NONE, nullptr));
    if (change.value.kind == Kind::integer) {
      REQUIRE(g_key_file_get_int64(other, GROUP, change.key.data(), nullptr) == change.value.number);
    } else {
      char *text = g_key_file_get_string(other, GROUP, change.key.data(), nullptr);
      REQUIRE(text == change.value.text);
      g_free(text);
    }
    g_key_file_free(other);
  }

  void clear() override {
    REQUIRE(g_key_file_remove_group(keys, GROUP, nullptr));
    REQUIRE(g_key_file_save_to_file(keys, path.c_str(), nullptr));
  }

 private:
  std::string path;
  GKeyFile *keys = g_key_file_new();
};

} // namespace

std::unique_ptr<Store> open_keyfile(const std::string &directory) { return std::make_unique<KeyFile>(directory); }
