/* The cases of Tests/cases, read with jansson. Their README says what they mean. */
#ifndef CASES_H
#define CASES_H

#include "journal.h"
#include "rig.h"

/* Returns all cases of a file. The caller passes them to json_decref(). */
json_t *cases_load(const char *file);

/* Returns the bytes of a text, with a NUL after them. The caller frees them. */
struct bytes case_text(const json_t *text);

/* Returns the bytes of a member of a case, as above. */
struct bytes case_member(const json_t *one, const char *member);

const char *case_name(const json_t *one);

/* Returns the types of a case, as a field has them. */
int32_t case_types(const json_t *one);

/* Returns a value of a case. Puts the bytes of a text into `text`, which the caller frees. */
lily_session_value case_value(const json_t *value, struct bytes *text);

/* Returns true if the values are the same. Reals are compared by their bits. */
bool same_value(const lily_session_value *one, const lily_session_value *two);

/* A field that can hold any value of any size. */
struct holder {
  lily_session_value value;
  char *text; /* what set was given; to be freed */
  int sets;
};
lily_session_field holder_field(struct holder *holder, const char *key, int32_t types);

/* Counts the cases that went wrong, and prints their names, so that one failure does not hide the others. */
struct verdict {
  int cases, failures;
};
void judge(struct verdict *verdict, const json_t *one, bool right, const char *what);

/* Judges whether a key has the text that the case says is stored. */
void judge_stored(struct verdict *verdict, const json_t *one, lily_session_storage *storage, const char *key);

/* Gives each case of a file to `check`, which judges it. At least so many judgements must be made, and none may be wrong. */
void cases_check(const char *file, int least, void (*check)(struct verdict *verdict, const json_t *one));

#define assert_verdict(verdict, least)           \
  do {                                           \
    assert_int_equal((verdict).failures, 0);     \
    assert_true((verdict).cases >= (least));     \
  } while (0)

#endif
