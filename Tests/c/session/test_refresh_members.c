/* S10 for plain members of a struct, which have no callbacks: a refresh sets them to what others stored, and resets them to their value from
   before attach. */
#include "elsewhere.h"
#include "journal.h"
#include "rig.h"

#include <math.h>

struct shop {
  bool open;
  int32_t visits;
  int64_t cents;
  double rate;
  char theme[8];
  char *token;
};

static struct rig rig;
static struct shop shop;

static void begin(struct shop from) {
  const lily_session_field fields[] = {
      LILY_SESSION_FIELD_BOOL(struct shop, open),   LILY_SESSION_FIELD_INT32(struct shop, visits), LILY_SESSION_FIELD_INT64(struct shop, cents),
      LILY_SESSION_FIELD_DOUBLE(struct shop, rate), LILY_SESSION_FIELD_CHARS(struct shop, theme),  LILY_SESSION_FIELD_STRING(struct shop, token),
  };
  shop = from;
  rig_begin(&rig, open_storage(JOURNAL));
  for (size_t i = 0; i < COUNT(fields); i++) assert_ok(lily_session_field_add(rig.fields, &fields[i]));
  rig.config.get = rig_get;
  rig.get_result = &shop;
  rig_attach(&rig);
}

/* Frees the string that a refresh replaced, as a host would: the library leaves it alone. */
static void refresh(void) {
  char *before = shop.token;
  assert_ok(lily_session_refresh(rig.session));
  if (shop.token != before) lily_session_free(before);
}

static void store_all(void) {
  const char *const texts[][2] = {{"open", "true"},       {"visits", "-7"},        {"cents", "9223372036854775807"},
                                  {"rate", "0.1"},        {"theme", "\"7 bytes\""}, {"token", "\"theirs\""}};
  char key[40];
  for (size_t i = 0; i < COUNT(texts); i++) {
    snprintf(key, sizeof key, "lily_session_%s", texts[i][0]);
    changed_elsewhere("set", key, texts[i][1]);
  }
}

TEST(refresh_members__S10_changed_and_removed) {
  begin((struct shop){.theme = "light", .rate = 2.5, .visits = 1, .token = strdup("mine")});
  store_all();
  refresh();
  assert_int_equal(rig.event_count, 6);
  assert_true(shop.open);
  assert_int_equal(shop.visits, -7);
  assert_true(shop.cents == INT64_MAX);
  assert_true(shop.rate == 0.1);
  assert_string_equal(shop.theme, "7 bytes");
  assert_string_equal(shop.token, "theirs");
  changed_elsewhere("clear", NULL, NULL);
  refresh();
  assert_int_equal(rig.event_count, 12);
  for (int i = 6; i < 12; i++) assert_int_equal(rig.events[i].kind, LILY_SESSION_EVENT_CLEARED);
  assert_false(shop.open);
  assert_int_equal(shop.visits, 1);
  assert_int_equal(shop.cents, 0);
  assert_true(shop.rate == 2.5);
  assert_string_equal(shop.theme, "light");
  assert_string_equal(shop.token, "mine"); /* an equal string in memory of its own */
  rig_dispatch(&rig);
  assert_entries(rig.storage, 0);
  rig_end(&rig);
  lily_session_free(shop.token);
}

TEST(refresh_members__S10_back_to_null) {
  begin((struct shop){.theme = "light"});
  store_all();
  refresh();
  changed_elsewhere("remove", "lily_session_token", NULL);
  refresh();
  assert_null(shop.token);
  changed_elsewhere("set", "lily_session_token", "null");
  refresh();
  assert_null(shop.token);
  assert_state(rig.session, "token", LILY_SESSION_STATE_LOADED);
  rig_end(&rig);
}

/* A value that does not fit into its member is rejected, and the member stays as it was. */
TEST(refresh_members__S10_what_does_not_fit) {
  begin((struct shop){.theme = "light", .visits = 3});
  changed_elsewhere("set", "lily_session_visits", "2147483648");
  changed_elsewhere("set", "lily_session_theme", "\"8 bytes!\"");
  refresh();
  assert_int_equal(shop.visits, 3);
  assert_string_equal(shop.theme, "light");
  assert_int_equal(rig.event_count, 2);
  assert_event(&rig, 0, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, 0, "visits");
  assert_event(&rig, 1, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, 0, "theme");
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_visits", "2147483648");
  rig_end(&rig);
}

/* Before attach, the model had a value that cannot be stored. So there is nothing to reset the field to, but an event reports the removal. */
TEST(refresh_members__S10_nothing_to_go_back_to) {
  journal_of(JOURNAL, "lily_session_rate", "1.5", NULL);
  begin((struct shop){.theme = "light", .rate = (double)NAN});
  assert_true(shop.rate == 1.5);
  assert_int_equal(rig.event_count, 0);
  changed_elsewhere("remove", "lily_session_rate", NULL);
  refresh();
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_REMOVED, LILY_SESSION_ERROR_NOT_FOUND, 0, "rate");
  assert_state(rig.session, "rate", LILY_SESSION_STATE_ABSENT);
  /* The value that the model kept does not count as a change by the host. */
  rig_dispatch(&rig);
  assert_entries(rig.storage, 0);
  refresh();
  assert_int_equal(rig.event_count, 1);
  rig_end(&rig);
}
