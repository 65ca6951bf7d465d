/* Writes files that are made to be expensive to open for their size, and opens them. hostile.py measures what that takes.
 *
 *   hostile kinds                   prints their names
 *   hostile make KIND FILE BYTES    writes a file of about so many bytes
 *   hostile open FILE               opens it, and prints the peak of this process' memory in KiB
 */
#include <lily_session.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ lines whose checks hold */

enum { LINE = 64 << 20, UNKNOWN_LINE = 1 << 20, VALUE = 16 << 20 };

static FILE *file;
static char *line; /* the operation, without the check around it */
static size_t length;
static long written, sequence, target;

static uint32_t crc32c(uint32_t reg, const void *bytes, size_t count) {
  static uint32_t table[256];
  for (uint32_t byte = 0; table[255] == 0 && byte < 256; byte++) {
    uint32_t entry = byte;
    for (int bit = 0; bit < 8; bit++) entry = entry >> 1 ^ (entry & 1 ? 0x82F63B78 : 0);
    table[byte] = entry;
  }
  for (size_t at = 0; at < count; at++) reg = reg >> 8 ^ table[(reg ^ ((const uint8_t *)bytes)[at]) & 0xFF];
  return reg;
}

static void write_header(void) {
  static const char body[] = "0,\"lily-session\",1,\"8f3b0c6a92d1e457\",\"00000000b7e15163\"]";
  for (int copy = 0; copy < 2; copy++) {
    written += fprintf(file, "[\"%08x\",%s\n", crc32c(0xFFFFFFFF, body, strlen(body)) ^ 0xFFFFFFFF, body);
  }
}

static void end_line(void) {
  static const uint8_t salt[8] = {0x8f, 0x3b, 0x0c, 0x6a, 0x92, 0xd1, 0xe4, 0x57};
  char number[24];
  int digits = snprintf(number, sizeof number, "%ld,", ++sequence);
  uint32_t reg = crc32c(crc32c(0xFFFFFFFF, salt, sizeof salt), number, (size_t)digits);
  reg = crc32c(crc32c(reg, line, length), "]", 1) ^ 0xFFFFFFFF;
  written += fprintf(file, "[\"%08x\",%s", reg, number) + (long)length + 2;
  fwrite(line, 1, length, file);
  fputs("]\n", file);
  length = 0;
}

__attribute__((format(printf, 1, 2))) static void put(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  length += (size_t)vsnprintf(line + length, LINE + 4096 - length, format, arguments);
  va_end(arguments);
}

static long left(long most) {
  long rest = target - written - (long)length - 64;
  return rest < most ? rest : most;
}

static bool goes_on(void) { return left(LINE) > 0; }

/* Writes "BEFORE piece,piece,… AFTER", up to `most` bytes. `piece` may have a %lx, which becomes another number each time. */
static void put_many(const char *before, const char *piece, const char *after, long most) {
  static long number;
  most = left(most - 64);
  put("%s", before);
  size_t end = length + (most > 0 ? (size_t)most : 0);
  char text[100];
  do {
    snprintf(text, sizeof text, piece, number, number), number++;
    put("%s,", text);
  } while (length < end);
  length--;
  put("%s", after);
}

/* ------------------------------------------------------------------ the kinds */

static void lines_of(const char *before, const char *piece, const char *after, long most) {
  while (goes_on()) {
    put_many(before, piece, after, most);
    end_line();
  }
}

static void unknown_objects(void) { lines_of("\"zz\",", "{}", "", UNKNOWN_LINE); }
static void unknown_arrays(void) { lines_of("\"zz\",", "[]", "", UNKNOWN_LINE); }
static void unknown_members(void) { lines_of("\"zz\",", "{\"a\":0}", "", UNKNOWN_LINE); }
static void unknown_long(void) { lines_of("\"zz\",", "{}", "", LINE); }
static void value_objects(void) { lines_of("\"set\",\"a\",[1e0,", "{}", "],0", VALUE); }
static void value_arrays(void) { lines_of("\"set\",\"a\",[1e0,", "[]", "],0", VALUE); }
static void value_numbers(void) { lines_of("\"set\",\"a\",[", "1e308", "],0", VALUE); }
static void value_strings(void) { lines_of("\"set\",\"a\",[", "\"\\u0041\"", "],0", VALUE); }
static void value_names(void) { lines_of("\"set\",\"a\",{", "\"%lx\":0", "},0", VALUE); }
static void value_spelled_names(void) { lines_of("\"set\",\"a\",{", "\"\\u0041%lx\":0", "},0", VALUE); }
static void value_members(void) { lines_of("\"set\",\"a\",[", "{\"a\":0,\"\\u0062\":0}", "],0", VALUE); }
static void values(void) { lines_of("\"set\",\"a\",[1e0,", "{}", "],0", 1000); }
static void keys(void) { lines_of("\"batch\",[", "[\"set\",\"%lx\",0,0]", "]", LINE); }
static void spelled_keys(void) { lines_of("\"batch\",[", "[\"set\",\"\\u0041%lx\",0,0]", "]", LINE); }
static void removals(void) { lines_of("\"batch\",[", "[\"remove\",\"%lx\"]", "]", LINE); }
static void key_lines(void) { lines_of("\"set\",", "\"\\u0041%lx\",1e0,0", "", 0); }
static void scopes(void) { lines_of("\"set\",", "\"\\u0000%lx\\u0000k\",0,0", "", 0); }
static void moved(void) { lines_of("", "\"moved\"", "", 0); }

static void deep(void) {
  while (goes_on()) {
    put("\"set\",\"a\",[0");
    for (long end = left(VALUE - 4096); (long)length < end;) {
      put(",");
      for (int depth = 0; depth < 511; depth++) put(depth % 2 ? "{\"a\":" : "[");
      put("0");
      for (int depth = 510; depth >= 0; depth--) put(depth % 2 ? "}" : "]");
    }
    put("],0");
    end_line();
  }
}

static void one_number(const char *before, const char *after) {
  while (goes_on()) {
    put("\"set\",\"a\",%s", before);
    long count = left(VALUE - 100);
    if (count < 1) count = 1;
    memset(line + length, '1', (size_t)count);
    length += (size_t)count;
    if (*after) put(after, count);
    put(",0");
    end_line();
  }
}

static void digits(void) { one_number("0.", ""); }
static void exponent(void) { one_number("", "e-%ld"); }

static void newlines(void) {
  for (; written < target; written++) fputc('\n', file);
}

/* Half of the file is keys, and half is clears that remove none of them. */
static void clears(void) {
  long whole = target;
  target /= 2;
  keys();
  target = whole;
  lines_of("\"clear\",\"lily_session_\",", "\"%016lx\"", "", 0);
}

static const struct {
  const char *name;
  void (*make)(void);
} kinds[] = {
  {"unknown_objects", unknown_objects}, {"unknown_arrays", unknown_arrays}, {"unknown_members", unknown_members}, {"unknown_long", unknown_long},
  {"value_objects", value_objects}, {"value_arrays", value_arrays}, {"value_numbers", value_numbers}, {"value_strings", value_strings},
  {"value_names", value_names}, {"value_spelled_names", value_spelled_names}, {"value_members", value_members}, {"values", values},
  {"deep", deep}, {"digits", digits}, {"exponent", exponent}, {"keys", keys}, {"spelled_keys", spelled_keys}, {"removals", removals},
  {"key_lines", key_lines}, {"scopes", scopes}, {"moved", moved}, {"newlines", newlines}, {"clears", clears},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static int make(const char *name, const char *path, long bytes) {
  for (int kind = 0; kind < KINDS; kind++) {
    if (strcmp(kinds[kind].name, name) != 0) continue;
    file = fopen(path, "w");
    line = malloc(LINE + 4096);
    if (file == NULL || line == NULL) return perror(path), 1;
    target = bytes;
    write_header();
    kinds[kind].make();
    free(line);
    return fclose(file) != 0;
  }
  return fprintf(stderr, "hostile: there is no kind %s\n", name), 2;
}

/* ------------------------------------------------------------------ opening one */

static int open_one(const char *path) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = LILY_SESSION_READ_ONLY;
  options.quota_bytes = -1;
  lily_session_storage *storage;
  if (lily_session_storage_open(path, &options, &storage) != LILY_SESSION_OK) {
    return fprintf(stderr, "hostile: %s: %s\n", path, lily_session_last_error()), 1;
  }
  FILE *status = fopen("/proc/self/status", "r");
  char text[200];
  long peak = -1;
  while (status != NULL && fgets(text, sizeof text, status) != NULL) sscanf(text, "VmHWM: %ld", &peak);
  if (status != NULL) fclose(status);
  printf("%ld\n", peak);
  lily_session_storage_close(storage);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "kinds") == 0) {
    for (int kind = 0; kind < KINDS; kind++) puts(kinds[kind].name);
    return 0;
  }
  if (argc == 5 && strcmp(argv[1], "make") == 0) return make(argv[2], argv[3], atol(argv[4]));
  if (argc == 3 && strcmp(argv[1], "open") == 0) return open_one(argv[2]);
  return fprintf(stderr, "usage: hostile kinds | make KIND FILE BYTES | open FILE\n"), 2;
}
