/* S2 and S17: numbers are the same in every locale. jansson alone would end the process in a locale whose decimal point is longer than a
   byte. The tests make locales where the system has their sources. */
#include "cases.h"

#include <locale.h>
#include <sys/stat.h>

/* Compiles a locale into the test's directory, and takes it for the whole process; false where that cannot be done. */
static bool use_locale(const char *source, const char *decimal_point) {
  char command[9000];
  snprintf(command, sizeof command, "exec >/dev/null 2>&1; localedef -i %s -f UTF-8 '%s'", source, in_place("locales/test"));
  mkdir(in_place("locales"), 0700);
  if (system(command) != 0 && access(in_place("locales/test/LC_NUMERIC"), R_OK) != 0) return false;
  setenv("LOCPATH", in_place("locales"), 1);
  const char *set = setlocale(LC_ALL, "test");
  unsetenv("LOCPATH");
  if (set == NULL) return false;
  assert_string_equal(localeconv()->decimal_point, decimal_point);
  return true;
}

static void check_numbers(void) {
  struct rig rig;
  struct probe rate = {0}, cart = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  assert_ok(set_text(rig.storage, "lily_session_rate", "0.25"));
  assert_ok(set_text(rig.storage, "lily_session_cart", "[1.5,-2.5e-3]"));
  rig_field(&rig, &rate, "rate", LILY_SESSION_REAL);
  rig_field(&rig, &cart, "cart", LILY_SESSION_JSON);
  rig_attach(&rig);
  assert_true(rate.value.as.real == 0.25);
  assert_string_equal(cart.text, "[1.5,-2.5e-3]");
  probe_real(&rate, 1234567.125);
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_rate", "1234567.125");
  probe_real(&rate, 0.1);
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_rate", "0.1");
  assert_fails(DECODE, set_text(rig.storage, "other", "1,5"));
  rig_end(&rig);
}

static void check_locale(const char *source, const char *decimal_point) {
  if (!use_locale(source, decimal_point)) skip();
  char *before = strdup(setlocale(LC_ALL, NULL));
  check_numbers();
  /* The host's own locale is as it was. */
  assert_string_equal(setlocale(LC_ALL, NULL), before);
  assert_string_equal(localeconv()->decimal_point, decimal_point);
  assert_true(uselocale((locale_t)0) == LC_GLOBAL_LOCALE);
  free(before);
}

TEST(locale__S2_decimal_comma) { check_locale("de_DE", ","); }

TEST(locale__S2_decimal_point_of_two_bytes) { check_locale("ps_AF", "\xd9\xab"); }

/* A host may have a locale of its own for one thread. */
TEST(locale__S17_a_threads_own_locale_stays) {
  locale_t own = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  assert_true(own != (locale_t)0);
  locale_t before = uselocale(own);
  check_numbers();
  locale_t after = uselocale(before);
  assert_true(after == own);
  freelocale(own);
}
