/* The cases of Tests/cases, read with jansson. Their README says what they mean. */
#ifndef CASES_H
#define CASES_H

#include "journal.h"
#include "rig.h"

/* All cases of a file; to be given to json_decref. */
json_t *cases_load(const char *file);

/* A text's bytes, NUL-terminated; to be freed. */
struct bytes case_text(const json_t *text);

/* A member of a case, as a text. */
struct bytes case_member(const json_t *one, const char *member);

const char *case_name(const json_t *one);

/* The types of a case, as the field takes them. */
int32_t case_types(const json_t *one);

/* A value of a case; the bytes of a text are in `text`, to be freed. */
lily_session_value case_value(const json_t *value, struct bytes *text);

/* Returns true if the values are the same. Reals are compared by their bits. */
bool same_value(const lily_session_value *one, const lily_session_value *two);

/* A field that holds any value, of any size. */
struct holder {
  lily_session_value value;
  char *text; /* what set was given; to be freed */
  int sets;
};
lily_session_field holder_field(struct holder *holder, const char *key, int32_t types);

/* Counts cases that went wrong, naming them, so that one does not hide the others. */
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
