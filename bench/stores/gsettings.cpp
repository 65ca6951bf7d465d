// GSettings with its keyfile backend, which needs no daemon and no desktop. The schema is made here.
#include "../store.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#define G_SETTINGS_ENABLE_BACKEND
#include <gio/gio.h>
#include <gio/gsettingsbackend.h>

namespace {

constexpr const char *ID = "org.lily.bench";
constexpr const char *PATH = "/org/lily/bench/";

// Converts a key for a schema, whose keys may have lower-case letters, digits and dashes.
std::string name_of(std::string_view key) {
  std::string name(key);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

void write_schema(const std::string &directory, Kind kind) {
  {
    std::ofstream file(directory + "/" + ID + ".gschema.xml");
    file << "<schemalist><schema id='" << ID << "' path='" << PATH << "'>\n";
    for (int field = 0; field < FIELDS; field++) {
      file << "<key name='" << name_of(storage_key(field)) << "' "
           << (kind == Kind::integer ? "type='x'><default>0</default>" : "type='s'><default>''</default>") << "</key>\n";
    }
    file << "</schema></schemalist>\n";
  }
  REQUIRE(std::system(("glib-compile-schemas '" + directory + "'").c_str()) == 0);
}

class Settings : public Store {
 public:
  Settings(const std::string &directory, Kind kind) : path(directory + "/keyfile") {
    write_schema(directory, kind);
    GSettingsSchemaSource *source = g_settings_schema_source_new_from_directory(directory.c_str(), nullptr, TRUE, nullptr);
    REQUIRE(source != nullptr);
    schema = g_settings_schema_source_lookup(source, ID, FALSE);
    REQUIRE(schema != nullptr);
    g_settings_schema_source_unref(source);
    settings = make();
  }
  ~Settings() override {
    g_object_unref(settings);
    g_settings_schema_unref(schema);
  }

  // The changes are delayed, so that several of them are one write.
  void put(const std::vector<Change> &changes) override {
    for (const Change &change : changes) {
      GVariant *value = change.value.kind == Kind::integer ? g_variant_new_int64(change.value.number)
                                                           : g_variant_new_string(std::string(change.value.text).c_str());
      REQUIRE(g_settings_set_value(settings, name_of(change.key).c_str(), value));
    }
    g_settings_apply(settings);
  }

  void check(const Change &change) override {
    GSettings *other = make();
    GVariant *value = g_settings_get_value(other, name_of(change.key).c_str());
    if (change.value.kind == Kind::integer) {
      REQUIRE(g_variant_get_int64(value) == change.value.number);
    } else {
      REQUIRE(g_variant_get_string(value, nullptr) == change.value.text);
    }
    g_variant_unref(value);
    g_object_unref(other);
  }

  void clear() override {
    for (int field = 0; field < FIELDS; field++) g_settings_reset(settings, name_of(storage_key(field)).c_str());
    g_settings_apply(settings);
  }

 private:
  GSettings *make() {
    GSettingsBackend *backend = g_keyfile_settings_backend_new(path.c_str(), "/", nullptr);
    GSettings *made = g_settings_new_full(schema, backend, nullptr);
    g_object_unref(backend);
    g_settings_delay(made);
    return made;
  }

  std::string path;
  GSettingsSchema *schema;
  GSettings *settings;
};

} // namespace

std::unique_ptr<Store> open_gsettings(const std::string &directory, Kind kind) { return std::make_unique<Settings>(directory, kind); }
