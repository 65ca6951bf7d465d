/* A reader of replies whose memory has a limit. A reply is kept in a few blocks of memory, and freed with them: hiredis' own functions would
   take two pieces of memory for each of its parts. */
#include "CRedis.h"

#include <stddef.h>

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

/* A part of a reply's memory. The first one begins with the reply itself. */
struct block {
  struct block *next;
  size_t used, size; /* of `memory` */
  _Alignas(redisReply) char memory[];
};

struct builder {
  redisReplyObjectFunctions functions;
  struct block *last; /* of the reply that is being made */
  size_t left;        /* how many elements the reply may still have */
};

enum { SMALLEST_BLOCK = 900, LARGEST_BLOCK = 64 << 10 };

/* Returns zeroed memory of the reply that is being made, or NULL. */
static void *take(struct builder *builder, size_t size, bool is_first) {
  struct block *last = is_first ? NULL : builder->last;
  size = (size + _Alignof(redisReply) - 1) & ~(_Alignof(redisReply) - 1);
  if (last == NULL || last->size - last->used < size) {
    size_t room = last == NULL ? SMALLEST_BLOCK : last->size < LARGEST_BLOCK ? 4 * last->size : LARGEST_BLOCK;
    if (room < size) room = size;
    struct block *block = calloc(1, sizeof *block + room);
    if (block == NULL) return NULL;
    block->size = room;
    if (last != NULL) last->next = block;
    builder->last = last = block;
  }
  void *memory = last->memory + last->used;
  last->used += size;
  return memory;
}

/* Makes a part of a reply, or the reply itself, with `more` bytes behind it. If it returns NULL, the reader says that memory is exhausted. */
static redisReply *create(const redisReadTask *task, int type, size_t more) {
  struct builder *builder = task->privdata;
  redisReply *reply = builder == NULL ? NULL : take(builder, sizeof *reply + more, task->parent == NULL);
  if (reply == NULL) return NULL;
  reply->type = type;
  if (task->parent != NULL) ((redisReply *)task->parent->obj)->element[task->idx] = reply;
  return reply;
}

static void *create_string(const redisReadTask *task, char *text, size_t length) {
  redisReply *reply = create(task, task->type, length);
  if (reply == NULL) return NULL;
  reply->str = (char *)(reply + 1);
  reply->len = length;
  memcpy(reply->str, text, length);
  return reply;
}

static void *create_array(const redisReadTask *task, element_count count) {
  struct builder *builder = task->privdata;
  if (builder == NULL || count < 0 || (size_t)count > builder->left) return NULL;
  builder->left -= (size_t)count;
  redisReply *reply = create(task, task->type, (size_t)count * sizeof *reply->element);
  if (reply == NULL) return NULL;
  reply->elements = (size_t)count;
  reply->element = (redisReply **)(reply + 1);
  return reply;
}

static void *create_integer(const redisReadTask *task, long long value) {
  redisReply *reply = create(task, REDIS_REPLY_INTEGER, 0);
  if (reply != NULL) reply->integer = value;
  return reply;
}

static void *create_nil(const redisReadTask *task) { return create(task, REDIS_REPLY_NIL, 0); } /* the task has the type of a text or an array */

#if HIREDIS_MAJOR >= 1
/* No server sends these to a client that has not asked for them. */
static void *create_double(const redisReadTask *task, double value, char *text, size_t length) {
  (void)value, (void)text, (void)length;
  return create(task, REDIS_REPLY_DOUBLE, 0);
}

static void *create_bool(const redisReadTask *task, int value) {
  (void)value;
  return create(task, REDIS_REPLY_BOOL, 0);
}
#endif

void redis_reply_free(void *reply) {
  struct block *block = reply == NULL ? NULL : (struct block *)((char *)reply - offsetof(struct block, memory));
  while (block != NULL) {
    struct block *next = block->next;
    free(block);
    block = next;
  }
}

redisReader *redis_reader_make(void) {
  struct builder *builder = calloc(1, sizeof *builder);
  if (builder == NULL) return NULL;
  builder->functions.createString = create_string;
  builder->functions.createArray = create_array;
  builder->functions.createInteger = create_integer;
  builder->functions.createNil = create_nil;
#if HIREDIS_MAJOR >= 1
  builder->functions.createDouble = create_double;
  builder->functions.createBool = create_bool;
#endif
  builder->functions.freeObject = redis_reply_free;
  redisReader *reader = redisReaderCreateWithFunctions(&builder->functions);
  if (reader == NULL) {
    free(builder);
    return NULL;
  }
  reader->privdata = builder;
  redis_reader_expect(reader);
  return reader;
}

void redis_reader_expect(redisReader *reader) { ((struct builder *)reader->privdata)->left = REDIS_MOST_ELEMENTS; }

bool redis_reader_is_sane(const redisReader *reader) {
  enum { LONGEST_LINE = 64 << 10, LONGEST_NUMBER = 32, LONGEST_STRING = 17 << 20 };
  size_t waiting = reader->len - reader->pos;
  if (reader->ridx < 0 || waiting == 0) return true;
#if HIREDIS_MAJOR >= 1
  const redisReadTask *task = reader->task[reader->ridx];
#else
  const redisReadTask *task = &reader->rstack[reader->ridx];
#endif
  if (task->type != REDIS_REPLY_STRING) return waiting <= LONGEST_LINE;
  /* A string begins with its length, which hiredis reads again when all of it is there. */
  const char *start = reader->buf + reader->pos;
  if (memchr(start, '\n', waiting < LONGEST_NUMBER ? waiting : LONGEST_NUMBER) == NULL) return waiting < LONGEST_NUMBER;
  return strtoll(start, NULL, 10) <= LONGEST_STRING;
}

void redis_reader_free(redisReader *reader) {
  struct builder *builder = reader->privdata;
  redisReaderFree(reader);
  free(builder);
}
