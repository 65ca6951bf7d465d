/* Reads replies with the library's reader and with that of hiredis, and compares them. It is given a number of replies and a seed. Some replies
   are spoiled, and all come in pieces. It prints how many were read, and how many of them were whole. */
#include "CRedis.h"

#include <stdio.h>

enum { ROOM = 1 << 16, DEEPEST = 5 };

static char text[ROOM];
static size_t length;
static uint64_t state;

static uint32_t chance(uint32_t limit) {
  state = state * 6364136223846793005 + 1442695040888963407;
  return (uint32_t)(state >> 33) % limit;
}

static void fail(const char *why) {
  fprintf(stderr, "%s, in a reply of %zu bytes:\n", why, length);
  fwrite(text, 1, length, stderr);
  exit(1);
}

static void put(const void *bytes, size_t count) {
  if (count > ROOM - length) count = ROOM - length;
  memcpy(text + length, bytes, count);
  length += count;
}

static void put_line(char kind, long long number) {
  char line[40];
  put(line, (size_t)snprintf(line, sizeof line, "%c%lld\r\n", kind, number));
}

static void put_reply(int depth) {
  static const char bytes[5000];
  const uint32_t kind = chance(depth < DEEPEST ? 8 : 6), small = chance(9) == 0 ? chance(sizeof bytes) : chance(30);
  switch (kind) {
    case 0: put_line(':', (long long)chance(1000) - 500); break;
    case 1: put_line(chance(2) ? '$' : '*', -1); break;
    case 2: put("+OK\r\n", 5); break;
    case 3: put("-ERR no\r\n", 9); break;
    case 4: case 5:
      put_line('$', small);
      put(bytes, small);
      put("\r\n", 2);
      break;
    default:
      put_line('*', small % 30);
      for (uint32_t i = 0; i < small % 30; i++) put_reply(depth + 1);
  }
}

static void spoil(void) {
  static const char signs[] = "0123456789\r\n*$:+-,#_(=%~>|\xff";
  for (uint32_t times = 1 + chance(4); times > 0 && length > 1; times--) {
    const size_t at = chance((uint32_t)length);
    if (chance(3) > 0) text[at] = signs[chance(sizeof signs)];
    else length = at + 1;
  }
}

static void compare(const redisReply *mine, const redisReply *theirs) {
  if (mine->type != theirs->type) fail("the types differ");
  switch (mine->type) {
    case REDIS_REPLY_INTEGER:
      if (mine->integer != theirs->integer) fail("the numbers differ");
      break;
    case REDIS_REPLY_STRING: case REDIS_REPLY_STATUS: case REDIS_REPLY_ERROR:
      if (mine->len != theirs->len || memcmp(mine->str, theirs->str, mine->len) != 0) fail("the texts differ");
      break;
    case REDIS_REPLY_ARRAY:
      if (mine->elements != theirs->elements) fail("the arrays differ");
      for (size_t i = 0; i < mine->elements; i++) compare(mine->element[i], theirs->element[i]);
  }
}

/* Returns true if the text was a whole reply. */
static bool read_both(redisReader *mine, redisReader *theirs) {
  void *one = NULL, *other = NULL;
  for (size_t at = 0, count; at < length && one == NULL; at += count) {
    count = chance(4) == 0 ? 1 + chance(20) : length - at;
    if (count > length - at) count = length - at;
    if (redisReaderFeed(mine, text + at, count) != REDIS_OK || redisReaderGetReply(mine, &one) != REDIS_OK) return false;
    (void)redis_reader_is_sane(mine);
    if (redisReaderFeed(theirs, text + at, count) != REDIS_OK || redisReaderGetReply(theirs, &other) != REDIS_OK) fail("hiredis takes it for wrong");
    if ((one == NULL) != (other == NULL)) fail("one of them is complete");
  }
  if (one == NULL) return false;
  compare(one, other);
  redis_reply_free(one);
  freeReplyObject(other);
  return true;
}

int main(int count, char **arguments) {
  const long replies = count > 1 ? strtol(arguments[1], NULL, 10) : 1000;
  long whole = 0;
  state = count > 2 ? strtoull(arguments[2], NULL, 10) : 1;
  for (long i = 0; i < replies; i++) {
    length = 0;
    put_reply(0);
    const bool is_spoiled = chance(2) == 0, fits = length < ROOM;
    if (is_spoiled) spoil();
    redisReader *mine = redis_reader_make(), *theirs = redisReaderCreate();
    const bool is_whole = read_both(mine, theirs);
    if (!is_spoiled && fits && !is_whole) fail("a reply is refused");
    whole += is_whole;
    redis_reader_free(mine);
    redisReaderFree(theirs);
  }
  printf("%ld replies, %ld whole\n", replies, whole);
  return 0;
}
