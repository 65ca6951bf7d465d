#define _GNU_SOURCE
#include "marks.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char line[1 << 20];
static size_t length;

void mark(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int added = vsnprintf(line + length, sizeof line - length - 1, format, arguments);
  va_end(arguments);
  if (added < 0 || length + (size_t)added >= sizeof line - 1) abort();
  length += (size_t)added;
}

void mark_end(void) {
  line[length++] = '\n';
  for (size_t at = 0; at < length;) {
    ssize_t put = write(STDOUT_FILENO, line + at, length - at);
    if (put <= 0) abort();
    at += (size_t)put;
  }
  length = 0;
}

static lily_session_status entry(void *context, const char *key, const char *json, size_t json_length, int64_t deadline) {
  (void)context;
  (void)deadline;
  mark("\t%s\t%.*s", key, (int)json_length, json);
  return LILY_SESSION_OK;
}

lily_session_status mark_view(int handle, lily_session_storage *storage) {
  lily_session_info info = LILY_SESSION_INFO_INIT;
  lily_session_status told = lily_session_storage_info(storage, &info);
  size_t start = length;
  mark("V\t%d\t0\t%lld", handle, (long long)info.damaged_lines);
  lily_session_status status = lily_session_storage_each(storage, "", entry, NULL);
  if (status == LILY_SESSION_OK) status = told;
  if (status != LILY_SESSION_OK) {
    length = start;
    mark("V\t%d\t%d\t0", handle, status);
  }
  mark_end();
  return status;
}
