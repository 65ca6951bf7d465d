/* Journals made by hand, and a look into those that the library wrote: docs/format.md, once more and independently. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { JOURNAL_HEADER_SIZE = 70, JOURNAL_HEADERS_SIZE = 140 };

/* The register after `count` more bytes; it begins as 0xFFFFFFFF, and the value is its complement. */
uint32_t crc32c(uint32_t reg, const void *bytes, size_t count);

struct journal {
  char *bytes;
  size_t length;
  uint64_t sequence; /* of the last line */
};

/* Two headers with a salt of the tests' own. */
void journal_begin(struct journal *journal);

/* Two headers that say another format version, their checks in order. */
void journal_begin_version(struct journal *journal, unsigned version);

/* A line with the next sequence and a right check: journal_line(&journal, "\"set\",\"k\",1,0"). */
void journal_line(struct journal *journal, const char *operation);
void journal_line_of(struct journal *journal, const void *operation, size_t length);

/* A line whose text behind the check is all the test's own, sequence included; the check is right. */
void journal_checked(struct journal *journal, const void *body, size_t length);

/* Bytes as they are. */
void journal_raw(struct journal *journal, const void *bytes, size_t length);
void journal_text(struct journal *journal, const char *text);

/* Written to a new file of mode 0600; the memory is freed. */
void journal_save(struct journal *journal, const char *path);

/* headers, one set of each key to each value, saved: journal_of(path, "k", "1", "l", "2", NULL). */
void journal_of(const char *path, const char *key, ...);

/* A file's bytes. */
struct bytes {
  char *bytes; /* to be freed; NUL-terminated */
  size_t length;
};
struct bytes file_read(const char *path);
void file_write(const char *path, const void *bytes, size_t length);

/* The same bytes as before; frees `before`. */
#define assert_file_is(path, before) check_file_is((path), (before), __FILE__, __LINE__)
void check_file_is(const char *path, struct bytes before, const char *file, int line);

/* Returns true if the bytes of `text` are anywhere in the file. */
int file_has(const char *path, const char *text);

/* Returns how many lines follow the headers. */
int operations(const char *path);

/* The nth of them, from 0, as JSON; to be given to json_decref. */
json_t *operation(const char *path, int n);

/* The text of the nth operation without its check and sequence: "set","k",1,0 */
#define assert_operation(path, n, text) check_operation((path), (n), (text), __FILE__, __LINE__)
void check_operation(const char *path, int n, const char *text, const char *file, int line);

#endif
