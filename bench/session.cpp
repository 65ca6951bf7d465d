#include "session.hpp"

namespace {

// The context of a field's callbacks.
struct Place {
  size_t at;
  std::string own; // the text that the field was set to
};

lily_session_status set_field(void *context, void *session, const lily_session_value *value) {
  auto *place = static_cast<Place *>(context);
  auto *model = static_cast<Model *>(session);
  Value &to = model->values[place->at];
  model->sets++;
  if (value->type == LILY_SESSION_INT) {
    to.number = value->as.integer;
  } else {
    place->own.assign(value->as.text.bytes, value->as.text.length);
    to.text = place->own;
  }
  return LILY_SESSION_OK;
}

void release_place(void *context) { delete static_cast<Place *>(context); }

int32_t type_of(Kind kind) {
  switch (kind) {
    case Kind::string: return LILY_SESSION_STRING;
    case Kind::integer: return LILY_SESSION_INT;
    case Kind::json: return LILY_SESSION_JSON;
  }
  return 0;
}

} // namespace

lily_session_status get_field(void *context, const void *session, lily_session_value *out_value) {
  const Value &value = static_cast<const Model *>(session)->values[static_cast<const Place *>(context)->at];
  if (value.kind == Kind::integer) {
    out_value->type = LILY_SESSION_INT;
    out_value->as.integer = value.number;
  } else {
    out_value->type = value.kind == Kind::string ? LILY_SESSION_STRING : LILY_SESSION_JSON;
    out_value->as.text.bytes = value.text.data();
    out_value->as.text.length = value.text.size();
  }
  return LILY_SESSION_OK;
}

uint64_t get_revision(void *, const void *session) { return static_cast<const Model *>(session)->revision; }

void *update(void *, void *model, const void *message) {
  auto *to = static_cast<Model *>(model);
  if (message == nullptr) return to;
  for (const Change &change : *static_cast<const std::vector<Change> *>(message)) to->values[change.field] = change.value;
  to->revision++;
  return to;
}

Session::Session(Kind kind, int fields) : persistence(lily_session_persistence_new()) {
  for (int at = 0; at < fields; at++) {
    // This is not value_of(), so that the values that are measured later differ from it in each field.
    model.values.push_back({kind, kind == Kind::json ? "[]" : "at the beginning", -1});
    lily_session_field field = LILY_SESSION_FIELD_INIT;
    field.key = field_key(at);
    field.types = type_of(kind);
    field.get = get_field;
    field.set = set_field;
    field.context = new Place{size_t(at), {}};
    field.release = release_place;
    REQUIRE(lily_session_field_add(persistence, &field) == LILY_SESSION_OK);
  }
  REQUIRE(lily_session_runtime_new(&model, update, nullptr, &runtime) == LILY_SESSION_OK);
}

void Session::attach(lily_session_storage *storage, bool has_revision) {
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  config.storage = storage;
  config.revision = has_revision ? get_revision : nullptr;
  REQUIRE(lily_session_attach(runtime, persistence, &config, &session) == LILY_SESSION_OK);
}

void Session::detach() {
  lily_session_detach(session);
  session = nullptr;
}

Session::~Session() {
  detach();
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(persistence);
}

lily_session_storage *open_storage(const std::string &path, int32_t durability, int32_t flags) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.durability = durability;
  options.flags = flags;
  options.quota_bytes = -1;
  lily_session_storage *storage;
  REQUIRE(lily_session_storage_open(path.c_str(), &options, &storage) == LILY_SESSION_OK);
  return storage;
}
