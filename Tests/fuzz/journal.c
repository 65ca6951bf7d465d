/* Gives the journal's reader any bytes as a file. Whatever is in it, the library must not crash, must not change a file that
   is not a journal, must show every reader the same state, and must keep that state when it rewrites the file.

   The input is the file. The mutator usually corrects the checks of headers and lines, because otherwise the reader would skip almost every
   mutated line. */
#include "support.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* ------------------------------------------------------------------ the mutator */

enum { HEADER = 70, HEADERS = 140, CHECK_END = 12 };

static void put_check(uint8_t *line, uint32_t reg) {
  char digits[9];
  snprintf(digits, sizeof digits, "%08x", reg ^ 0xFFFFFFFF);
  line[0] = '[';
  line[1] = '"';
  memcpy(line + 2, digits, 8);
  line[10] = '"';
  line[11] = ',';
}

static const uint8_t salt[8] = {0x8f, 0x3b, 0x0c, 0x6a, 0x92, 0xd1, 0xe4, 0x57};

static void put_headers(uint8_t *data) {
  char header[HEADER + 1];
  snprintf(header, sizeof header, "[\"........\",0,\"lily-session\",1,\"8f3b0c6a92d1e457\",\"00000000b7e15163\"]\n");
  put_check((uint8_t *)header, crc32c(0xFFFFFFFF, (uint8_t *)header + CHECK_END, HEADER - CHECK_END - 1));
  memcpy(data, header, HEADER);
  memcpy(data + HEADER, header, HEADER);
}

/* Gives the lines right checks and, if `renumber` is true, right sequence numbers. Returns the new size. */
static size_t put_checks(uint8_t *data, size_t size, size_t max_size, bool renumber) {
  if (size < HEADERS) {
    if (max_size < HEADERS) return size;
    size = HEADERS;
  }
  put_headers(data);
  uint32_t seed = crc32c(0xFFFFFFFF, salt, sizeof salt);
  unsigned sequence = 0;
  for (size_t start = HEADERS; start < size;) {
    uint8_t *newline = memchr(data + start, '\n', size - start);
    size_t end = newline == NULL ? size : (size_t)(newline - data);
    sequence++;
    if (renumber && end > start + CHECK_END) {
      size_t digits = start + CHECK_END;
      while (digits < end && data[digits] >= '0' && data[digits] <= '9') digits++;
      char number[24];
      size_t length = (size_t)snprintf(number, sizeof number, "%u", sequence);
      size_t moved = start + CHECK_END + length;
      if (size - digits + moved <= max_size) {
        memmove(data + moved, data + digits, size - digits);
        memcpy(data + start + CHECK_END, number, length);
        size = size - digits + moved;
        end = end - digits + moved;
      }
    }
    if (end > start + CHECK_END) {
      put_check(data + start, crc32c(seed, data + start + CHECK_END, end - start - CHECK_END));
    }
    start = end + 1;
  }
  return size;
}

static const char *const operations[] = {
  "\"set\",\"k\",1,0", "\"set\",\"k\",[{\"a\":\"\\u0041\"}],0,7", "\"set\",\"lily_session_a\",\"b\",9223372036854775807",
  "\"remove\",\"k\"", "\"remove\",\"absent\"", "\"clear\",\"lily_session_\",\"00000000b7e15164\"", "\"clear\",\"\",\"0000000000000001\"",
  "\"clear\",\"\\u0000s\\u0000lily_session_\",\"00000000b7e15164\"", "\"set\",\"\\u0000s\\u0000k\",null,1",
  "\"set\",\"\\u0000s\\u0000\",\"00000000b7e15164\",0", "\"moved\"", "\"batch\",[[\"set\",\"l\",-1.5e3,0],[\"remove\",\"k\"]]",
  "\"renamed\",[1,{\"x\":null}]", "\"set\",\"e\",true,1", "\"set\",\"\xC3\xA9\",\"\\ud83d\\ude00\",1700000000001",
};

/* Adds a line, removes one, or doubles one. Returns the new size. */
static size_t change_lines(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
  size_t starts[64];
  size_t count = 0;
  for (size_t at = HEADERS; at < size && count < 64; at++) {
    if (at == HEADERS || data[at - 1] == '\n') starts[count++] = at;
  }
  size_t at = count == 0 ? size : starts[seed / 4 % count];
  uint8_t *newline = at < size ? memchr(data + at, '\n', size - at) : NULL;
  size_t end = newline == NULL ? size : (size_t)(newline - data) + 1;
  char line[200];
  size_t length;
  switch (seed % 4) {
    case 0: /* removes the line */
      memmove(data + at, data + end, size - end);
      return size - (end - at);
    case 1: /* doubles the line */
      if (size + (end - at) > max_size) return size;
      memmove(data + end, data + at, size - at);
      return size + (end - at);
    default:
      length = (size_t)snprintf(line, sizeof line, "[\"........\",%zu,%s]\n", count + 1,
                                operations[seed / 256 % (sizeof operations / sizeof *operations)]);
      if (size + length > max_size) return size;
      memmove(data + at + length, data + at, size - at);
      memcpy(data + at, line, length);
      return size + length;
  }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed) {
  unsigned way = seed % 16;
  seed /= 16;
  if (size < HEADERS && max_size >= HEADERS && way != 0) size = put_checks(data, size, max_size, false);
  if (way < 5 && size >= HEADERS) {
    size = change_lines(data, size, max_size, seed);
  } else {
    size = LLVMFuzzerMutate(data, size, max_size);
  }
  /* Some inputs stay as they are, because the reader must also read damage. */
  return way == 0 || way == 15 ? size : put_checks(data, size, max_size, way % 4 != 0);
}

/* ------------------------------------------------------------------ the target */

struct state {
  char *text;
  size_t length, room, count;
};

static void add(struct state *state, const void *bytes, size_t length) {
  if (state->length + length > state->room) {
    state->room = 2 * (state->length + length) + 256;
    state->text = realloc(state->text, state->room);
  }
  memcpy(state->text + state->length, bytes, length);
  state->length += length;
}

static lily_session_storage *storage;

/* Adds an entry. The NUL of the key separates keys from values. */
static lily_session_status visit(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms) {
  struct state *state = context;
  require(expires_at_ms == 0 || expires_at_ms > now_ms, "an expired entry is shown");
  require(strlen(json) == length, "a text does not end with NUL, or has one");
  add(state, key, strlen(key) + 1);
  add(state, json, length + 1);
  add(state, &expires_at_ms, sizeof expires_at_ms);
  state->count++;
  char *got = NULL;
  size_t got_length = 0;
  require(lily_session_storage_get(storage, key, &got, &got_length) == LILY_SESSION_OK, "each shows a key that get does not");
  require(got_length == length && memcmp(got, json, length) == 0, "each and get differ");
  lily_session_free(got);
  return LILY_SESSION_OK;
}

static struct state read_all(void) {
  struct state state = {NULL, 0, 0, 0};
  require(lily_session_storage_each(storage, NULL, visit, &state) == LILY_SESSION_OK, "each failed");
  return state;
}

static void require_same(struct state a, struct state b, const char *when) {
  require(a.length == b.length && (a.length == 0 || memcmp(a.text, b.text, a.length) == 0), "another state %s", when);
}

static int64_t clock_ms(void *context) {
  (void)context;
  return now_ms;
}

static int64_t damaged_lines(void) {
  lily_session_info info = LILY_SESSION_INFO_INIT;
  require(lily_session_storage_info(storage, &info) == LILY_SESSION_OK, "info failed");
  return info.damaged_lines;
}

/* Returns what another program reads of the file and of a scope. */
static struct state reread(const char *path, const lily_session_storage_options *options, const char *when) {
  lily_session_status status = lily_session_storage_open(path, options, &storage);
  require(status == LILY_SESSION_OK, "it does not open %s: %d", when, status);
  return read_all();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *path = in_directory("session.jsonl");
  unlink(in_directory("session.jsonl.damaged"));
  file_write(path, data, size);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.clock = clock_ms;
  options.quota_bytes = -1;

  lily_session_storage_options reading = options;
  reading.flags = LILY_SESSION_READ_ONLY;
  lily_session_status status = lily_session_storage_open(path, &reading, &storage);
  require((status == LILY_SESSION_OK) == (storage != NULL), "status %d, and a handle or none", status);
  struct state before = {NULL, 0, 0, 0};
  int64_t damage = 0;
  bool is_journal = status == LILY_SESSION_OK;
  if (is_journal) {
    before = read_all();
    damage = damaged_lines();
    lily_session_storage_close(storage);
  }
  require(is_journal || status == LILY_SESSION_ERROR_REFUSED, "the reader returns %d", status);
  require(file_is(path, data, size), "a reader changed the file");

  lily_session_storage_options strict = reading;
  strict.flags |= LILY_SESSION_STRICT;
  status = lily_session_storage_open(path, &strict, &storage);
  bool is_corrupt = damage > 0 || size == 0; /* an empty file counts as damaged, because somebody may have emptied it */
  require(status == (!is_journal ? LILY_SESSION_ERROR_REFUSED : is_corrupt ? LILY_SESSION_ERROR_CORRUPT : LILY_SESSION_OK),
          "STRICT returns %d, with %lld damaged lines", status, (long long)damage);
  lily_session_storage_close(storage);

  status = lily_session_storage_open(path, &options, &storage);
  require(status == (is_journal ? LILY_SESSION_OK : LILY_SESSION_ERROR_REFUSED), "the writer returns %d", status);
  if (!is_journal) {
    require(file_is(path, data, size), "a file that is not ours was changed");
    return 0;
  }
  struct state after = read_all();
  require_same(before, after, "for a writer than for a reader");
  free(before.text);

  status = lily_session_storage_set(storage, "fuzz", "[ \"new\" ]", 9, 0);
  require(status == LILY_SESSION_OK || status == LILY_SESSION_ERROR_NEWER || status == LILY_SESSION_ERROR_REFUSED, "set returns %d", status);
  bool is_written = status == LILY_SESSION_OK;
  before = read_all();
  if (is_written) {
    char *got = NULL;
    require(lily_session_storage_get(storage, "fuzz", &got, NULL) == LILY_SESSION_OK && strcmp(got, "[\"new\"]") == 0, "what was set is not there");
    lily_session_free(got);
  } else {
    require_same(after, before, "after a write that failed");
  }
  free(after.text);
  lily_session_storage_close(storage); /* rewrites the file if it has grown far enough */

  after = reread(path, &options, "after a write");
  require_same(before, after, "after it was closed and opened");
  free(before.text);

  status = lily_session_clear(storage);
  require(status == LILY_SESSION_OK || !is_written, "clear returns %d", status);
  before = read_all();
  if (status == LILY_SESSION_OK) {
    for (size_t at = 0; at < before.length;) {
      require(strncmp(before.text + at, "lily_session_", 13) != 0, "a key outlived clear");
      at += strlen(before.text + at) + 1;
      at += strlen(before.text + at) + 1 + sizeof(int64_t);
    }
  } else {
    require_same(after, before, "after a clear that failed");
  }
  free(after.text);
  require(lily_session_storage_sync(storage) == LILY_SESSION_OK, "sync failed");

  lily_session_storage *scope = NULL;
  require(lily_session_storage_scoped(storage, "s", &scope) == LILY_SESSION_OK, "no scope");
  lily_session_storage *parent = storage;
  storage = scope;
  free(read_all().text);
  require(lily_session_clear(scope) == LILY_SESSION_OK || !is_written, "a scope is not cleared");
  lily_session_storage_close(scope);
  lily_session_storage_close(parent);

  after = reread(path, &reading, "at last");
  require_same(before, after, "after clear and sync");
  lily_session_storage_close(storage);
  free(before.text);
  free(after.text);
  return 0;
}
