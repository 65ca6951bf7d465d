/* Members that have another C type than their macro says. check-header compiles this file once for each line of `wrong`, with WRONG
 * set to its number, and each must fail in C11 and in C++11; with WRONG 0 it compiles, and in C99 always. */
#include <lily_session.h>

__extension__ typedef __int128 huge;

struct inner {
  int width;
};

struct app {
  bool flag;
  char character;
  int8_t i8;
  int16_t i16;
  int32_t i32;
  int64_t i64;
  uint8_t u8;
  uint32_t u32;
  float real;
  double wide;
  char text[8];
  char *string;
  const int32_t constant;
  int32_t numbers[2];
  int32_t *pointer;
  struct inner inner;
  struct inner some[2];
  struct inner *grown;
  struct inner table[2][2];
  const struct inner fixed;
  huge number;
};

static const char *const names[] = {"a", NULL};
static const lily_session_field inner[] = {LILY_SESSION_FIELD_INT32(struct inner, width)};

static const lily_session_field fields[] = {
#if WRONG == 0
    LILY_SESSION_FIELD_BOOL(struct app, flag), LILY_SESSION_FIELD_ENUM(struct app, u8, names), LILY_SESSION_FIELD_LIST(struct app, some, i32, inner, 1)
/* wrong */
#elif WRONG == 1
    LILY_SESSION_FIELD_INT32(struct app, real)
#elif WRONG == 2
    LILY_SESSION_FIELD_INT32(struct app, u32)
#elif WRONG == 3
    LILY_SESSION_FIELD_UINT32(struct app, i32)
#elif WRONG == 4
    LILY_SESSION_FIELD_INT64(struct app, i32)
#elif WRONG == 5
    LILY_SESSION_FIELD_INT8(struct app, character)
#elif WRONG == 6
    LILY_SESSION_FIELD_UINT8(struct app, flag)
#elif WRONG == 7
    LILY_SESSION_FIELD_BOOL(struct app, u8)
#elif WRONG == 8
    LILY_SESSION_FIELD_FLOAT(struct app, wide)
#elif WRONG == 9
    LILY_SESSION_FIELD_DOUBLE(struct app, real)
#elif WRONG == 10
    LILY_SESSION_FIELD_CHARS(struct app, string)
#elif WRONG == 11
    LILY_SESSION_FIELD_STRING(struct app, text)
#elif WRONG == 12
    LILY_SESSION_FIELD_INT32(struct app, constant)
#elif WRONG == 13
    LILY_SESSION_FIELD_ENUM(struct app, real, names)
#elif WRONG == 14
    LILY_SESSION_FIELD_STRUCT(struct app, i32, inner, 1)
#elif WRONG == 15
    LILY_SESSION_FIELD_ARRAY(INT16, struct app, numbers)
#elif WRONG == 16
    LILY_SESSION_FIELD_ARRAY(INT32, struct app, pointer)
#elif WRONG == 17
    LILY_SESSION_FIELD_POINTER(INT32, struct app, numbers)
#elif WRONG == 18
    LILY_SESSION_FIELD_POINTER(FLOAT, struct app, pointer)
#elif WRONG == 19
    LILY_SESSION_FIELD_OPTIONAL(INT32, struct app, i32, u8)
#elif WRONG == 20
    LILY_SESSION_FIELD_OPTIONAL(INT32, struct app, real, flag)
#elif WRONG == 21
    LILY_SESSION_FIELD_LIST(struct app, grown, i32, inner, 1)
#elif WRONG == 22
    LILY_SESSION_FIELD_LIST(struct app, some, real, inner, 1)
#elif WRONG == 23
    LILY_SESSION_FIELD_LIST(struct app, numbers, i32, inner, 1)
#elif WRONG == 24
    LILY_SESSION_FIELD_GROWING_LIST(struct app, some, i32, inner, 1, NULL)
#elif WRONG == 25
    LILY_SESSION_FIELD_GROWING_LIST(struct app, pointer, i32, inner, 1, NULL)
#elif WRONG == 26
    LILY_SESSION_FIELD_AS(INT16, struct app, i32, "other")
#elif WRONG == 27
    LILY_SESSION_FIELD_STRUCT(struct app, grown, inner, 1)
#elif WRONG == 28
    LILY_SESSION_FIELD_ARRAY(STRUCT, struct app, table, inner, 1)
#elif WRONG == 29
    LILY_SESSION_FIELD_STRUCT(struct app, fixed, inner, 1)
#elif WRONG == 30
    LILY_SESSION_FIELD_STRUCT(struct app, number, inner, 1)
#elif WRONG == 31
    LILY_SESSION_FIELD_INT64(struct app, number)
#elif WRONG == 32
    LILY_SESSION_FIELD_ENUM(struct app, number, names)
#elif WRONG == 33
    LILY_SESSION_FIELD_LIST(struct app, some, number, inner, 1)
#else
#error "there is no such line"
#endif
};

int main(void) { return fields[0].size + inner[0].size + (names[0] != NULL) == 0; }
