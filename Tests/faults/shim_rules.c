/* The rules of the shim: which call fails, and how. They work for one thread. */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MOST = 16 };

struct rule {
  char call[20], class[16];
  long at, count;
  bool goes_on, fired, waits; /* waits: true if it begins to count once the rule before it has fired */
  struct decision decision;
};

/* The rules, which children of fork share. */
static struct rule *rules;
static int rule_count;

static const struct { const char *name; int code; } errors[] = {
  {"EACCES", EACCES}, {"EDQUOT", EDQUOT}, {"EFBIG", EFBIG}, {"EINTR", EINTR}, {"EINVAL", EINVAL}, {"EIO", EIO}, {"EMFILE", EMFILE},
  {"ENFILE", ENFILE}, {"ENOLCK", ENOLCK}, {"ENOMEM", ENOMEM}, {"ENOSPC", ENOSPC}, {"ENOSYS", ENOSYS}, {"ENOTSUP", ENOTSUP}, {"EPERM", EPERM},
  {"EROFS", EROFS}, {"EWOULDBLOCK", EWOULDBLOCK}, {"EXDEV", EXDEV},
};

static void refuse(const char *text) {
  fprintf(stderr, "shim: not a rule: %s\n", text);
  abort();
}

static int read_errno(const char *name) {
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
    if (strcmp(name, errors[i].name) == 0) return errors[i].code;
  }
  refuse(name);
  return 0;
}

static struct decision read_action(const char *text) {
  struct decision decision = {ACTION_NONE, 0};
  const char *colon = strchr(text, ':');
  if (colon) decision.number = atol(colon + 1);
  if (strcmp(text, "none") == 0) return decision;
  if (strncmp(text, "short:", 6) == 0) decision.action = ACTION_SHORT;
  else if (strncmp(text, "tear:", 5) == 0) decision.action = ACTION_TEAR;
  else if (strcmp(text, "kill") == 0) decision.action = ACTION_KILL;
  else if (strcmp(text, "kill-after") == 0) decision.action = ACTION_KILL_AFTER;
  else if (strcmp(text, "meanwhile") == 0) decision.action = ACTION_MEANWHILE;
  else if (strncmp(text, "meanwhile:", 10) == 0) decision = (struct decision){ACTION_MEANWHILE, read_errno(text + 10)};
  else decision = (struct decision){ACTION_ERRNO, read_errno(text)};
  return decision;
}

static void read_rule(char *text, bool waits) {
  if (rule_count == MOST) refuse(text);
  struct rule *rule = &rules[rule_count++];
  char *at = strchr(text, '@'), *equals = strchr(text, '=');
  if (!at || !equals || at > equals) refuse(text);
  *at = *equals = 0;
  char *class = strchr(text, ':');
  if (class) *class++ = 0;
  snprintf(rule->call, sizeof rule->call, "%s", text);
  snprintf(rule->class, sizeof rule->class, "%s", class ? class : "");
  rule->at = atol(at + 1);
  rule->goes_on = equals[-1] == '+';
  rule->decision = read_action(equals + 1);
  rule->waits = waits;
}

void rules_read(const char *text) {
  rules = mmap(NULL, MOST * sizeof *rules, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (rules == MAP_FAILED) abort();
  char *copy = strdup(text);
  bool waits = false;
  for (char *start = copy; *start;) {
    size_t length = strcspn(start, " >");
    char end = start[length];
    start[length] = 0;
    if (length) read_rule(start, waits);
    waits = end == '>';
    start += length + (end != 0);
  }
  free(copy);
}

struct decision rules_decide(const char *call, const char *class) {
  struct decision decision = {ACTION_NONE, 0};
  bool decided = false;
  bool before = false; /* true if the rule before this one had fired when the call came */
  for (int i = 0; i < rule_count; i++) {
    struct rule *rule = &rules[i];
    bool waits = rule->waits && !before;
    before = rule->fired;
    if (waits || (strcmp(rule->call, "any") != 0 && strcmp(rule->call, call) != 0)) continue;
    if (*rule->class && strcmp(rule->class, class) != 0) continue;
    rule->count++;
    if (decided || !(rule->count == rule->at || (rule->goes_on && rule->count > rule->at))) continue;
    if (!rule->fired) report("fired %d %s %s\n", i, call, class);
    rule->fired = true;
    decided = true;
    decision = rule->decision;
  }
  return decision;
}
