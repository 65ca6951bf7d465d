/* Changes that another program makes. */
#ifndef ELSEWHERE_H
#define ELSEWHERE_H

#include "test.h"

/* Runs helper_change on the test's journal: changed_elsewhere("set", "k", "1"). `key` and `json` may be NULL. */
#define changed_elsewhere(command, key, json) check_changed((command), (key), (json), __FILE__, __LINE__)
void check_changed(const char *command, const char *key, const char *json, const char *file, int line);

#endif
