local ffi = require "ffi"

-- What is used of lily_session.h. The names of constants are written as in the header, and their values follow.
ffi.cdef [[
typedef struct lily_session_storage lily_session_storage;
typedef struct lily_session_persistence lily_session_persistence;
typedef struct lily_session_runtime lily_session_runtime;
typedef struct lily_session lily_session;
enum { LILY_SESSION_INT = 4, LILY_SESSION_STRING = 16, LILY_SESSION_MEMBER_INT32 = 2, LILY_SESSION_MEMBER_CHARS = 5 };

typedef struct {
  size_t size; const char *key; int32_t types; void *get; void *set; void *context; void *release; int64_t expires_after_ms; uint32_t version;
  void *migrate; const char *const *former_keys; int32_t member_type; size_t member_offset; size_t member_size;
} lily_session_field;
typedef struct {
  size_t size; int32_t durability; int32_t flags; const char *application; int64_t quota_bytes; void *clock; void *context;
} lily_session_storage_options;
typedef struct {
  size_t size; lily_session_storage *storage; void *get; void *set; void *revision; void *on_event; void *context; void *release;
} lily_session_config;

const char *lily_session_last_error(void);
int32_t lily_session_storage_open(const char *path, const lily_session_storage_options *options, lily_session_storage **out_storage);
void lily_session_storage_close(lily_session_storage *storage);
int32_t lily_session_clear(lily_session_storage *storage);
lily_session_persistence *lily_session_persistence_new(void);
int32_t lily_session_field_add(lily_session_persistence *persistence, const lily_session_field *field);
void lily_session_persistence_free(lily_session_persistence *persistence);
int32_t lily_session_runtime_new(void *model, void *update, void *context, lily_session_runtime **out_runtime);
void lily_session_runtime_free(lily_session_runtime *runtime);
int32_t lily_session_attach(lily_session_runtime *runtime, const lily_session_persistence *persistence, const lily_session_config *config,
                            lily_session **out_session);
int32_t lily_session_persist(lily_session *session);
void lily_session_detach(lily_session *session);

struct app { int32_t visits; char theme[16]; };
]]
local lib = ffi.load "liblily_session.so.0"

local function check(status)
  if status ~= 0 then error(ffi.string(lib.lily_session_last_error()), 0) end
end

-- Makes a struct that begins with its size. All other members are zero.
local function new(name)
  local struct = ffi.new(name)
  struct.size = ffi.sizeof(struct)
  return struct
end

-- Runs what makes a handle, and returns the handle, which `free` gives back when nothing in Lua has it any more.
local function handle(name, free, make)
  local out = ffi.new(name .. " *[1]")
  check(make(out))
  return ffi.gc(out[0], free)
end

-- Adds a field for a member of struct app, which needs no callback.
local function add_field(fields, member, ctype, types, member_type)
  local field = new "lily_session_field"
  field.key, field.types, field.member_type = member, types, member_type
  field.member_offset = ffi.offsetof("struct app", member)
  field.member_size = ffi.sizeof(ctype)
  check(lib.lily_session_field_add(fields, field))
end

local function main(argument)
  local app = ffi.new("struct app", { visits = 0, theme = "light" })

  local options = new "lily_session_storage_options"
  local application = "minimal" -- options has a pointer to it, which does not keep it
  options.application = application
  local storage = handle("lily_session_storage", lib.lily_session_storage_close, function(out)
    return lib.lily_session_storage_open(nil, options, out)
  end)

  local fields = ffi.gc(lib.lily_session_persistence_new(), lib.lily_session_persistence_free)
  add_field(fields, "visits", "int32_t", lib.LILY_SESSION_INT, lib.LILY_SESSION_MEMBER_INT32)
  add_field(fields, "theme", "char[16]", lib.LILY_SESSION_STRING, lib.LILY_SESSION_MEMBER_CHARS)

  local runtime = handle("lily_session_runtime", lib.lily_session_runtime_free, function(out)
    return lib.lily_session_runtime_new(app, nil, nil, out)
  end)
  local config = new "lily_session_config"
  config.storage = storage
  local session = handle("lily_session", lib.lily_session_detach, function(out)
    return lib.lily_session_attach(runtime, fields, config, out) -- fills app from the file
  end)

  if argument == "logout" then
    check(lib.lily_session_clear(storage)) -- removes all that is stored
  else
    app.visits = app.visits + 1
    if argument then app.theme = argument end
    check(lib.lily_session_persist(session)) -- stores what changed
    print(string.format("visit %d, theme %s", app.visits, ffi.string(app.theme)))
  end

  -- Detaching looks at the model once more, so it comes before the collector may take the model, in whatever order.
  lib.lily_session_detach(ffi.gc(session, nil))
  lib.lily_session_runtime_free(ffi.gc(runtime, nil))
end

local ok, message = pcall(main, arg[1])
if not ok then
  io.stderr:write("minimal: ", message, "\n")
  os.exit(1)
end
