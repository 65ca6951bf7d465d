/* What the parts of the shim share: the rules for which call fails, and the record of the calls. */
#ifndef SHIM_H
#define SHIM_H

#include <stdbool.h>
#include <stddef.h>

enum action { ACTION_NONE, ACTION_ERRNO, ACTION_SHORT, ACTION_TEAR, ACTION_KILL, ACTION_KILL_AFTER, ACTION_MEANWHILE };

struct decision {
  enum action action;
  long number; /* the errno, where 0 is none, or how many bytes; negative: that many less than all */
};

/* Reads LILY_SHIM_RULES. A rule is call[:class]@n[+]=action. It is for the n-th such call and, with +, for every one after it.
 * The action meanwhile lets another program run before the call, and meanwhile:EIO also makes the call fail.
 * Rules stand beside each other, or after a '>': such a rule begins to count once the rule before it has fired. */
void rules_read(const char *text);

/* Counts this call, and returns what it must do. */
struct decision rules_decide(const char *call, const char *class);

/* Appends to the report, which survives this process. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
