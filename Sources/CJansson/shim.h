/* What Swift cannot import of jansson: a macro with arguments. */
#include <jansson.h>

static inline size_t cjansson_real_precision(int digits) { return JSON_REAL_PRECISION(digits); }
