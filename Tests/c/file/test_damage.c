/* S20: no content of a file traps. A line that is not as the format says is skipped, counted, and none of it applied. */
#include "journal.h"
#include "storages.h"

#include <sys/stat.h>

static lily_session_status open_strict(lily_session_storage **out_storage) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = LILY_SESSION_STRICT;
  return lily_session_storage_open(JOURNAL, &options, out_storage);
}

/* The journal in memory is written, and read: what stands before and behind the damage is there, and nothing else. */
static void check_skipped(struct journal *journal) {
  journal_line(journal, "\"set\",\"behind\",2,0");
  journal_save(journal, JOURNAL);
  struct bytes before = file_read(JOURNAL);
  lily_session_storage *storage = UNTOUCHED;
  assert_fails(CORRUPT, open_strict(&storage));
  assert_null(storage);
  storage = open_storage(JOURNAL);
  assert_stored(storage, "before", "1");
  assert_stored(storage, "behind", "2");
  assert_entries(storage, 2);
  lily_session_storage_close(storage);
  /* A file that is far larger than what it stores may be rewritten when it is opened. Then the damage is kept beside it. */
  const bool rewritten = access(in_place("session.jsonl.damaged"), F_OK) == 0;
  assert_true(!rewritten || before.length > 64 * 1024);
  assert_file_is(rewritten ? in_place("session.jsonl.damaged") : JOURNAL, before);
  if (rewritten) assert_int_equal(unlink(in_place("session.jsonl.damaged")), 0);
  assert_int_equal(unlink(JOURNAL), 0);
}

static void begin(struct journal *journal) {
  journal_begin(journal);
  journal_line(journal, "\"set\",\"before\",1,0");
}

/* Operations with a right check and sequence, and something else wrong. */
TEST(damage__S20_operations_that_the_grammar_does_not_have) {
  const char *lines[] = {
      "\"set\"",
      "\"set\",\"bad\"",
      "\"set\",\"bad\",1",
      "\"set\",\"bad\",1,0,0",          /* a version 0 is left out */
      "\"set\",\"bad\",1,0,1,1",
      "\"set\",\"bad\",1,0,4294967296", /* past uint32_t */
      "\"set\",\"bad\",1,0,-1",
      "\"set\",\"bad\",1,0,\"1\"",
      "\"set\",\"bad\",1,-1",
      "\"set\",\"bad\",1,1.0",
      "\"set\",\"bad\",1,1e3",
      "\"set\",\"bad\",1,00",
      "\"set\",\"bad\",1,9223372036854775808",
      "\"set\",\"bad\",1,99999999999999999999999999",
      "\"set\",\"bad\",1,null",
      "\"set\",\"bad\",1,\"0\"",
      "\"set\",\"\",1,0",
      "\"set\",1,1,0",
      "\"set\",null,1,0",
      "\"set\",[\"bad\"],1,0",
      "\"set\",\"b\\u0000d\",1,0",
      "\"set\",\"b\\ud800d\",1,0",
      "\"set\",\"b\\xd\",1,0",
      "\"set\",\"b\xff\",1,0",
      "\"set\",\"b\td\",1,0",
      "\"set\" ,\"bad\",1,0",
      "\"set\", \"bad\",1,0",
      "\"set\",\"bad\", 1,0",
      "\"set\",\"bad\",1 ,0",
      "\"set\",\"bad\",1,0 ",
      "\"set\",\"bad\",[1, 2],0",
      "\"set\",\"bad\",1,0,",
      "\"set\",\"bad\",1,0]",
      "\"set\",\"bad\",1,0],[1",
      "\"remove\"",
      "\"remove\",\"\"",
      "\"remove\",1",
      "\"remove\",\"before\",1",
      "\"clear\"",
      "\"clear\",\"\"",
      "\"clear\",\"\",\"x\"",
      "\"clear\",\"\",1",
      "\"clear\",\"\",\"00000000B7E15164\"",
      "\"clear\",\"\",\"00000000b7e15164\",1",
      "\"clear\",1,\"00000000b7e15164\"",
      "\"moved\",1",
      "\"batch\"",
      "\"batch\",[]",
      "\"batch\",1",
      "\"batch\",{}",
      "\"batch\",[1]",
      "\"batch\",[[]]",
      "\"batch\",[[\"set\",\"bad\",1]]",
      "\"batch\",[[\"set\",\"bad\",1,0],[\"remove\"]]",
      "\"batch\",[[\"set\",\"bad\",1,0],1]",
      "\"batch\",[[\"set\",\"bad\",1,0],]",
      "\"batch\",[[\"set\",\"bad\",1,0]],1",
      "\"batch\",[[\"batch\",[[\"set\",\"bad\",1,0]]]]",
      "\"batch\",[[\"clear\",\"\",\"00000000b7e15164\"]]",
      "1,\"bad\",1,0",
      "null",
      "[\"set\",\"bad\",1,0]",
      "set,\"bad\",1,0",
      "",
  };
  for (size_t i = 0; i < COUNT(lines); i++) {
    struct journal journal;
    begin(&journal);
    journal_line(&journal, lines[i]);
    print_message("%s\n", lines[i]);
    check_skipped(&journal);
  }
}

TEST(damage__S20_values_that_are_not_JSON) {
  const char *values[] = {"bad", "{", "[", "\"", "'x'", "1e999", "-1e999", "NaN", "Infinity", "01", "1.", ".5", "+1", "0x1",
      "nul", "True", "1 2",
                          "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "{\"a\":{\"b\":1,\"b\":1}}", "{\"\\u0000\":1}", "{1:2}", "\"\\ud800\"",
                          "\"\\udc00\\ud800\"", "\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
                          "\"a\tb\"", "\"\\q\"", ""};
  for (size_t i = 0; i < COUNT(values); i++) {
    struct journal journal;
    char line[200];
    begin(&journal);
    snprintf(line, sizeof line, "\"set\",\"bad\",%s,0", values[i]);
    journal_line(&journal, line);
    check_skipped(&journal);
    begin(&journal);
    snprintf(line, sizeof line, "\"batch\",[[\"set\",\"worse\",1,0],[\"set\",\"bad\",%s,0]]", values[i]);
    journal_line(&journal, line);
    check_skipped(&journal);
  }
}

TEST(damage__S20_a_raw_NUL) {
  struct journal journal;
  begin(&journal);
  journal_line_of(&journal, "\"set\",\"bad\",\"a\0b\",0", 19);
  check_skipped(&journal);
  begin(&journal);
  journal_line_of(&journal, "\"set\",\"bad\",1\0,0", 16);
  check_skipped(&journal);
  begin(&journal);
  journal_line_of(&journal, "\"set\",\"bad\",1,0\0", 16);
  check_skipped(&journal);
}

TEST(damage__S20_depths) {
  struct journal journal;
  char *open = repeated('[', 1 << 20), *close = repeated(']', 1 << 20);
  const int depths[] = {513, 2048, 2049, 100000, 1 << 20};
  for (size_t i = 0; i < COUNT(depths); i++) {
    begin(&journal);
    struct journal line = {NULL, 0, 0};
    journal_text(&line, "\"set\",\"bad\",");
    journal_raw(&line, open, (size_t)depths[i]);
    if (i % 2 == 0) journal_raw(&line, close, (size_t)depths[i]);
    journal_text(&line, ",0");
    journal_line_of(&journal, line.bytes, line.length);
    free(line.bytes);
    check_skipped(&journal);
  }
  free(open);
  free(close);
}

/* A check, a sequence or a salt that is not the one. */
TEST(damage__S20_lines_of_elsewhere) {
  const char *bodies[] = {"1,\"set\",\"bad\",1,0",   /* the sequence was there already */
                          "0,\"set\",\"bad\",1,0",   "-1,\"set\",\"bad\",1,0", "02,\"set\",\"bad\",1,0",
                          "2.0,\"set\",\"bad\",1,0", "2e0,\"set\",\"bad\",1,0", "\"2\",\"set\",\"bad\",1,0",
                          "9223372036854775808,\"set\",\"bad\",1,0", "99999999999999999999,\"set\",\"bad\",1,0", ",\"set\",\"bad\",1,0", "",
                          "2", "2,", "null,\"set\",\"bad\",1,0", " 2,\"set\",\"bad\",1,0"};
  for (size_t i = 0; i < COUNT(bodies); i++) {
    struct journal journal;
    begin(&journal);
    journal_checked(&journal, bodies[i], strlen(bodies[i]));
    journal.sequence++;
    check_skipped(&journal);
  }
  const char *texts[] = {"\n", "\n\n\n", "x\n", "[\n", "[]\n", "[\"\"]\n", "[\"00000000\",2,\"set\",\"bad\",1,0]\n",
      "[\"00000000\"]\n", "[\"0000000\n",
                         "\r\n", "\xef\xbb\xbf\n", "null\n", "[\"XXXXXXXX\",2,\"set\",\"bad\",1,0]\n"};
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct journal journal;
    begin(&journal);
    journal_text(&journal, texts[i]);
    check_skipped(&journal);
  }
}

/* A good line, but glued to something, cut, or with another letter case in its check. */
TEST(damage__S20_good_lines_that_were_mistreated) {
  for (int way = 0; way < 6; way++) {
    struct journal journal, line;
    journal_begin(&line);
    line.sequence = 1;
    journal_line(&line, "\"set\",\"bad\",10,0");
    char *bad = line.bytes + JOURNAL_HEADERS_SIZE;
    const size_t length = line.length - JOURNAL_HEADERS_SIZE;
    begin(&journal);
    journal.sequence = 2;
    switch (way) {
      case 0: journal_text(&journal, "["), journal_raw(&journal, bad, length); break;
      case 1: journal_raw(&journal, bad, length - 2), journal_text(&journal, "\n"); break;
      case 2: journal_raw(&journal, bad, length - 1), journal_text(&journal, "\r\n"); break;
      case 3:
        bad[2] = bad[2] >= 'a' ? (char)(bad[2] - 32) : (char)(bad[2] ^ 1);
        journal_raw(&journal, bad, length);
        break;
      case 4: journal_raw(&journal, bad, length - 1), journal_text(&journal, " \n"); break;
      case 5: journal_text(&journal, " "), journal_raw(&journal, bad, length); break;
    }
    free(line.bytes);
    check_skipped(&journal);
  }
}

/* Lines that are missing are damage too, though all that is there is good. */
TEST(damage__S20_a_jump_of_the_sequence) {
  struct journal journal;
  begin(&journal);
  journal.sequence += 5;
  check_skipped(&journal);
}

/* A sequence that no file can come to is damage. Taken for one, it would keep all from being stored from then on. */
TEST(damage__S20_a_sequence_that_no_file_comes_to) {
  struct journal journal;
  const char *absurd[] = {"4294967297", "9223372036854775807"};
  for (size_t i = 0; i < COUNT(absurd); i++) {
    char line[100];
    begin(&journal);
    const int length = snprintf(line, sizeof line, "%s,\"set\",\"behind\",2,0", absurd[i]);
    journal_checked(&journal, line, (size_t)length);
    journal_save(&journal, JOURNAL);
    lily_session_storage *storage = open_storage(JOURNAL);
    assert_absent(storage, "behind");
    assert_true(info_of(storage).damaged_lines > 0);
    assert_ok(set_text(storage, "more", "3"));
    assert_ok(lily_session_storage_remove(storage, "more"));
    assert_ok(lily_session_clear(storage));
    assert_stored(storage, "before", "1");
    lily_session_storage_close(storage);
    unlink(JOURNAL);
  }
}

/* After the last one the file is written anew, and numbered from 1. */
TEST(damage__S20_the_last_sequence_of_all) {
  struct journal journal;
  begin(&journal);
  const char *last = "4294967296,\"set\",\"behind\",2,0";
  journal_checked(&journal, last, strlen(last));
  journal_save(&journal, JOURNAL);
  lily_session_storage *storage = open_storage(JOURNAL);
  assert_stored(storage, "behind", "2");
  assert_ok(set_text(storage, "more", "3"));
  lily_session_storage_close(storage);
  storage = open_storage(JOURNAL);
  assert_stored(storage, "before", "1");
  assert_stored(storage, "behind", "2");
  assert_stored(storage, "more", "3");
  lily_session_storage_close(storage);
}

/* Bytes that this process has asked the kernel for. */
static long long bytes_read(void) {
  char line[100];
  long long bytes = -1;
  FILE *io = fopen("/proc/self/io", "r");
  assert_non_null(io);
  while (fgets(line, sizeof line, io) != NULL) sscanf(line, "rchar: %lld", &bytes);
  fclose(io);
  assert_true(bytes >= 0);
  return bytes;
}

/* A last line without an end may be as long as a file: it is not read again by each look, and a hole in it not at all. What then
   takes its place is seen all the same. */
TEST(damage__S28_a_long_torn_end_is_read_once) {
  enum { TORN = 4 << 20 };
  journal_of(JOURNAL, "a", "1", NULL);
  struct bytes whole = file_read(JOURNAL);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage, *writer;
  options.flags = LILY_SESSION_READ_ONLY;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
  char *torn = repeated('x', TORN);
  FILE *file = fopen(JOURNAL, "a");
  assert_non_null(file);
  assert_int_equal(fwrite(torn, 1, TORN, file), TORN);
  fclose(file);
  assert_stored(storage, "a", "1");
  long long before = bytes_read();
  for (int i = 0; i < 100; i++) assert_stored(storage, "a", "1");
  assert_true(bytes_read() - before < 1 << 20);
  assert_int_equal(truncate(JOURNAL, (off_t)4 << 30), 0);
  before = bytes_read();
  for (int i = 0; i < 100; i++) assert_stored(storage, "a", "1");
  assert_true(bytes_read() - before < 100 << 20);
  /* A writer cuts it off, and what follows has exactly its length. */
  assert_int_equal(truncate(JOURNAL, (off_t)whole.length + TORN), 0);
  assert_stored(storage, "a", "1");
  assert_int_equal(truncate(JOURNAL, (off_t)whole.length), 0);
  assert_ok(lily_session_storage_open(JOURNAL, NULL, &writer));
  const int frame = (int)strlen("[\"00000000\",2,\"set\",\"a\",,0]\n");
  char *value = repeated('y', TORN - frame);
  value[0] = value[TORN - frame - 1] = '"';
  assert_ok(lily_session_storage_set(writer, "a", value, TORN - frame, 0));
  struct stat status;
  assert_int_equal(stat(JOURNAL, &status), 0);
  assert_int_equal(status.st_size, (off_t)whole.length + TORN);
  assert_stored(storage, "a", value);
  lily_session_storage_close(writer);
  lily_session_storage_close(storage);
  free(whole.bytes);
  free(value);
  free(torn);
}
