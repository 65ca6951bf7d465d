#include "journal.h"

#include "test.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

static const char salt_text[] = "8f3b0c6a92d1e457";
static const uint8_t salt[8] = {0x8f, 0x3b, 0x0c, 0x6a, 0x92, 0xd1, 0xe4, 0x57};

uint32_t crc32c(uint32_t reg, const void *bytes, size_t count) {
  /* This follows the definition bit by bit, and shares no code with the library. */
  for (const uint8_t *at = bytes; count > 0; count--) {
    reg ^= *at++;
    for (int bit = 0; bit < 8; bit++) reg = (reg & 1) != 0 ? (reg >> 1) ^ 0x82F63B78u : reg >> 1;
  }
  return reg;
}

void journal_raw(struct journal *journal, const void *bytes, size_t length) {
  journal->bytes = realloc(journal->bytes, journal->length + length + 1);
  assert_non_null(journal->bytes);
  memcpy(journal->bytes + journal->length, bytes, length);
  journal->length += length;
}

void journal_text(struct journal *journal, const char *text) { journal_raw(journal, text, strlen(text)); }

static void put_line(struct journal *journal, uint32_t reg, const void *body, size_t length) {
  char check[16];
  reg = crc32c(crc32c(reg, body, length), "]", 1);
  snprintf(check, sizeof check, "[\"%08" PRIx32 "\",", ~reg);
  journal_text(journal, check);
  journal_raw(journal, body, length);
  journal_text(journal, "]\n");
}

void journal_begin_version(struct journal *journal, unsigned version) {
  *journal = (struct journal){NULL, 0, 0};
  char body[128];
  snprintf(body, sizeof body, "0,\"lily-session\",%u,\"%s\",\"00000000b7e15163\"", version, salt_text);
  for (int copy = 0; copy < 2; copy++) put_line(journal, 0xFFFFFFFFu, body, strlen(body));
}

void journal_begin(struct journal *journal) { journal_begin_version(journal, 1); }

void journal_checked(struct journal *journal, const void *body, size_t length) {
  put_line(journal, crc32c(0xFFFFFFFFu, salt, sizeof salt), body, length);
}

void journal_line_of(struct journal *journal, const void *operation, size_t length) {
  char *body = malloc(length + 32);
  assert_non_null(body);
  int digits = sprintf(body, "%" PRIu64 ",", ++journal->sequence);
  memcpy(body + digits, operation, length);
  journal_checked(journal, body, (size_t)digits + length);
  free(body);
}

void journal_line(struct journal *journal, const char *operation) { journal_line_of(journal, operation, strlen(operation)); }

void file_write(const char *path, const void *bytes, size_t length) {
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  assert_true(file >= 0);
  assert_int_equal(write(file, bytes, length), length);
  close(file);
}

void journal_save(struct journal *journal, const char *path) {
  file_write(path, journal->bytes, journal->length);
  free(journal->bytes);
  *journal = (struct journal){NULL, 0, 0};
}

void journal_of(const char *path, const char *key, ...) {
  struct journal journal;
  journal_begin(&journal);
  va_list more;
  va_start(more, key);
  while (key != NULL) {
    char line[512];
    snprintf(line, sizeof line, "\"set\",\"%s\",%s,0", key, va_arg(more, const char *));
    journal_line(&journal, line);
    key = va_arg(more, const char *);
  }
  va_end(more);
  journal_save(&journal, path);
}

struct bytes file_read(const char *path) {
  struct stat status;
  int file = open(path, O_RDONLY);
  assert_true(file >= 0);
  assert_int_equal(fstat(file, &status), 0);
  struct bytes read_bytes = {malloc((size_t)status.st_size + 1), (size_t)status.st_size};
  assert_non_null(read_bytes.bytes);
  assert_int_equal(read(file, read_bytes.bytes, read_bytes.length), read_bytes.length);
  read_bytes.bytes[read_bytes.length] = '\0';
  close(file);
  return read_bytes;
}

void check_file_is(const char *path, struct bytes before, const char *file, int line) {
  struct bytes now = file_read(path);
  bool same = now.length == before.length && memcmp(now.bytes, before.bytes, now.length) == 0;
  if (!same) print_error("%s has changed: %zu bytes, not %zu\n", path, now.length, before.length);
  free(now.bytes);
  free(before.bytes);
  if (!same) _fail(file, line);
}

int file_has(const char *path, const char *text) {
  struct bytes all = file_read(path);
  int found = memmem(all.bytes, all.length, text, strlen(text)) != NULL;
  free(all.bytes);
  return found;
}

/* Returns the beginning of the nth line after the headers, or the end of the bytes if there are fewer lines. */
static const char *line_at(const struct bytes *all, int n) {
  const char *end = all->bytes + all->length, *at = all->bytes;
  for (int line = 0; line < n + 2 && at < end; line++) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    at = newline == NULL ? end : newline + 1;
  }
  return at;
}

int operations(const char *path) {
  struct bytes all = file_read(path);
  int lines = 0;
  while (line_at(&all, lines) < all.bytes + all.length) lines++;
  free(all.bytes);
  return lines;
}

json_t *operation(const char *path, int n) {
  struct bytes all = file_read(path);
  const char *at = line_at(&all, n), *end = all.bytes + all.length;
  const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
  assert_non_null(newline);
  json_t *line = json_loadb(at, (size_t)(newline - at), JSON_ALLOW_NUL, NULL);
  assert_non_null(line);
  free(all.bytes);
  return line;
}

void check_operation(const char *path, int n, const char *text, const char *file, int line) {
  struct bytes all = file_read(path);
  char *at = all.bytes;
  for (int i = 0; i < n + 2 && at != NULL; i++) at = strchr(at, '\n') == NULL ? NULL : strchr(at, '\n') + 1;
  char *end = at == NULL ? NULL : strchr(at, '\n');
  bool same = false;
  if (end != NULL) {
    *end = '\0';
    /* a line is ["xxxxxxxx",17, then the operation, then ] */
    const char *operation = strlen(at) > 12 ? strchr(at + 12, ',') : NULL;
    same = operation != NULL && strlen(operation + 1) == strlen(text) + 1 && strncmp(operation + 1, text, strlen(text)) == 0;
  }
  if (!same) print_error("operation %d is %s\nand not %s\n", n, end == NULL ? "not there" : at, text);
  free(all.bytes);
  if (!same) _fail(file, line);
}
