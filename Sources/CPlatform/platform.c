#ifndef PLATFORM_POSIX
#define _GNU_SOURCE /* for strerrordesc_np */
#endif
#include "CPlatform.h"

#include <fcntl.h>
#include <math.h>
#include <sys/resource.h>

int platform_errno(void) { return errno; }
void platform_set_errno(int code) { errno = code; }

int platform_openat(int directory, const char *path, int flags, mode_t mode) { return openat(directory, path, flags, mode); }

bool platform_set_appending(int file, bool appends) {
  int flags = fcntl(file, F_GETFL);
  return flags >= 0 && fcntl(file, F_SETFL, appends ? flags | O_APPEND : flags & ~O_APPEND) == 0;
}

int platform_copy_above_standard(int descriptor) { return fcntl(descriptor, F_DUPFD_CLOEXEC, 3); }

double platform_decimal(float value) {
  /* A normal float keeps every number of six digits, a smaller one keeps fewer, and nine digits keep every float. */
  for (int digits = isnormal(value) ? 6 : 1;; digits++) {
    char text[32];
    snprintf(text, sizeof text, "%.*g", digits, (double)value);
    double decimal = strtod(text, NULL);
    if ((float)decimal == value || digits == 9) return decimal;
  }
}

void platform_wipe(void *memory, size_t size) {
  memset(memory, 0, size);
  __asm__ volatile("" : : "r"(memory) : "memory");
}

/* With glibc the model is initial-exec, because the general one would call __tls_get_addr, and so need ld-linux. It uses memory that glibc
  reserves for libraries that are loaded by dlopen, so the buffer is small. musl reserves none, and refuses such a library in dlopen. */
#ifdef __GLIBC__
#define THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define THREAD_LOCAL _Thread_local
#endif
static THREAD_LOCAL char message[PLATFORM_MESSAGE_SIZE];
static THREAD_LOCAL int32_t system_error;
static THREAD_LOCAL platform_told_t told;

char *platform_message(void) { return message; }

int32_t *platform_system_error(void) { return &system_error; }

platform_told_t *platform_told(void) { return &told; }

#if PLATFORM_IS_LINUX && defined(__GLIBC__)
#pragma weak strerrordesc_np /* it came with glibc 2.32 */
#endif

bool platform_error_text(int code, char *text, size_t size) {
#if PLATFORM_IS_LINUX && defined(__GLIBC__)
  /* The other function translates the text by the program's locale. */
  const char *known = strerrordesc_np != NULL ? strerrordesc_np(code) : strerror_r(code, text, size);
  if (known == NULL || size == 0) return false;
  size_t length = strnlen(known, size - 1);
  memmove(text, known, length);
  text[length] = '\0';
  return true;
#else
  return strerror_r(code, text, size) == 0;
#endif
}

int64_t platform_file_size_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return -1;
  return limit.rlim_cur > (rlim_t)INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_cur;
}

/* It may be slow beside libjansson's own work, and so is compiled for size. */
__attribute__((cold)) size_t platform_lay_out_real(char *text, int precision) {
  char digits[20];
  int count = 0, point = 0; /* the number is 0.DIGITS times ten to the power of `point` */
  bool is_behind = false;
  char *to = text + (*text == '-');
  const char *at = to;
  for (; *at != '\0' && *at != 'e'; at++) {
    if (*at == '.') {
      is_behind = true;
    } else if (count > 0 || *at != '0') {
      if (count < (int)sizeof digits) digits[count++] = *at; /* what follows so many digits are zeros */
      if (!is_behind) point++;
    } else if (is_behind) {
      point--;
    }
  }
  if (*at == 'e') { /* not by atoi, which newer headers of glibc make a call that only a newer glibc has */
    const bool is_negative = at[1] == '-';
    int exponent = 0;
    for (at += is_negative || at[1] == '+' ? 2 : 1; *at >= '0' && *at <= '9'; at++) exponent = exponent * 10 + (*at - '0');
    point += is_negative ? -exponent : exponent;
  }
  while (count > 1 && digits[count - 1] == '0') count--;
  if (count == 0) digits[0] = '0', count = 1, point = 1;

  bool has_exponent = point - 1 < -4 || point - 1 >= precision;
  int whole = has_exponent ? 1 : point; /* how many digits are before the point */
  if (whole <= 0) *to++ = '0';
  for (int i = 0; i < whole; i++) *to++ = i < count ? digits[i] : '0';
  if (count > whole || !has_exponent) *to++ = '.';
  for (int i = whole; i < 0; i++) *to++ = '0';
  for (int i = whole > 0 ? whole : 0; i < count; i++) *to++ = digits[i];
  if (!has_exponent && count <= whole) *to++ = '0';
  *to = '\0';
  if (has_exponent) to += snprintf(to, 6, "e%d", point - 1);
  return (size_t)(to - text);
}
