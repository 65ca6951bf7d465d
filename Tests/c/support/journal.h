/* Makes journals by hand, and reads those that the library wrote. It implements docs/format.md without any code of the library. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { JOURNAL_HEADER_SIZE = 70, JOURNAL_HEADERS_SIZE = 140 };

/* Returns the CRC's register after `count` more bytes. It begins as 0xFFFFFFFF, and the check is its complement. */
uint32_t crc32c(uint32_t reg, const void *bytes, size_t count);

struct journal {
  char *bytes;
  size_t length;
  uint64_t sequence; /* of the last line */
};

/* Begins a journal with two headers, whose salt is the tests' own. */
void journal_begin(struct journal *journal);

/* Begins a journal with two headers of another format version, whose checks are right. */
void journal_begin_version(struct journal *journal, unsigned version);

/* Adds a line with the next sequence and a right check: journal_line(&journal, "\"set\",\"k\",1,0"). */
void journal_line(struct journal *journal, const char *operation);
void journal_line_of(struct journal *journal, const void *operation, size_t length);

/* Adds a line with a right check. The test chooses all text after the check, the sequence included. */
void journal_checked(struct journal *journal, const void *body, size_t length);

/* Adds bytes as they are. */
void journal_raw(struct journal *journal, const void *bytes, size_t length);
void journal_text(struct journal *journal, const char *text);

/* Writes the journal to a new file of mode 0600, and frees its memory. */
void journal_save(struct journal *journal, const char *path);

/* Saves a journal that sets each key to the value after it: journal_of(path, "k", "1", "l", "2", NULL). */
void journal_of(const char *path, const char *key, ...);

/* The bytes of a file. */
struct bytes {
  char *bytes; /* to be freed; NUL-terminated */
  size_t length;
};
struct bytes file_read(const char *path);
void file_write(const char *path, const void *bytes, size_t length);

/* Checks that the file has the same bytes as before, and frees `before`. */
#define assert_file_is(path, before) check_file_is((path), (before), __FILE__, __LINE__)
void check_file_is(const char *path, struct bytes before, const char *file, int line);

/* Returns true if the bytes of `text` are anywhere in the file. */
int file_has(const char *path, const char *text);

/* Returns how many lines follow the headers. */
int operations(const char *path);

/* Returns the nth line after the headers, from 0, as JSON. The caller passes it to json_decref(). */
json_t *operation(const char *path, int n);

/* Checks the text of the nth line without its check and sequence: "set","k",1,0 */
#define assert_operation(path, n, text) check_operation((path), (n), (text), __FILE__, __LINE__)
void check_operation(const char *path, int n, const char *text, const char *file, int line);

#endif
