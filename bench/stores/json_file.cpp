#include "../store.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

namespace {

json_t *json_of(const Value &value) {
  switch (value.kind) {
    case Kind::string: return json_stringn(value.text.data(), value.text.size());
    case Kind::integer: return json_integer(value.number);
    case Kind::json: return json_loadb(value.text.data(), value.text.size(), JSON_DECODE_ANY, nullptr);
  }
  return nullptr;
}

// Writes the whole document to a new file, which then replaces the old one.
class JSONFile : public Store {
 public:
  JSONFile(const std::string &directory, Survives survives)
      : path(directory + "/session.json"), temporary(path + ".tmp"), syncs(survives == Survives::power_loss) {
    directory_file = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(directory_file >= 0);
  }
  ~JSONFile() override {
    close(directory_file);
    json_decref(document);
  }

  void put(const std::vector<Change> &changes) override {
    for (const Change &change : changes) {
      REQUIRE(json_object_setn_new(document, change.key.data(), change.key.size(), json_of(change.value)) == 0);
    }
    save();
  }

  void check(const Change &change) override {
    json_t *other = json_load_file(path.c_str(), 0, nullptr), *expected = json_of(change.value);
    REQUIRE(json_equal(json_object_get(other, change.key.data()), expected));
    json_decref(expected);
    json_decref(other);
  }

  void clear() override {
    void *next;
    const char *key;
    json_t *value;
    json_object_foreach_safe(document, next, key, value) {
      if (std::string_view(key).substr(0, 13) == "lily_session_") json_object_del(document, key);
    }
    save();
  }

 private:
  void save() {
    char *text = json_dumps(document, JSON_COMPACT);
    size_t length = std::char_traits<char>::length(text);
    int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(file >= 0);
    REQUIRE(write(file, text, length) == ssize_t(length));
    if (syncs) REQUIRE(fsync(file) == 0);
    close(file);
    REQUIRE(rename(temporary.c_str(), path.c_str()) == 0);
    if (syncs) REQUIRE(fsync(directory_file) == 0);
    std::free(text);
  }

  std::string path, temporary;
  bool syncs;
  int directory_file;
  json_t *document = json_object();
};

} // namespace

std::unique_ptr<Store> open_json_file(const std::string &directory, Survives survives) {
  return std::make_unique<JSONFile>(directory, survives);
}
