/* S20: jansson gets no memory. A host may give jansson an allocator; this one fails at its n-th call, once or from then on. Only reals are
   spelled by jansson: one that could not be spelled is stored by the next update. */
#include "journal.h"
#include "rig.h"

static long left = -1; /* allocations until the one that fails; -1: none does */
static bool for_ever;
static int failures;

static void *allocate(size_t size) {
  if (left == 0) {
    failures++;
    if (!for_ever) left = -1;
    errno = ENOMEM;
    return NULL;
  }
  if (left > 0) left--;
  return malloc(size);
}

static void fail_at(long n, bool always) {
  json_set_alloc_funcs(allocate, free);
  left = n;
  for_ever = always;
  failures = 0;
}

/* Returns true if an allocation failed. */
static bool fail_no_more(void) {
  left = -1;
  return failures > 0;
}

static lily_session_storage *storage;

static void begin(void) { storage = open_storage(JOURNAL); }

static void end(void) { lily_session_storage_close(storage); }

static const char *const texts[] = {
  "1e0", "[1e0]", "\"\\u0061\"", "[1,2.5e1,\"\\u0078\",null]", "{\"a\":{\"\\u0062\":[1e308,[]]},\"c\":\"d\"}",
  "12345678901234567890123456789012345678901234567890e1"};
static const char *const no_texts[] = {"1e309", "{\"a\":1,\"\\u0061\":2}", "[1e0", "\"\\ud800\""};

/* The library checks and reads texts without jansson. */
TEST(jansson_memory__S20_reading_needs_none) {
  begin();
  fail_at(0, true);
  for (size_t i = 0; i < COUNT(texts); i++) {
    char key[40];
    snprintf(key, sizeof key, "s\t%zu", i); /* spelled with an escape */
    assert_ok(set_text(storage, key, texts[i]));
    assert_stored(storage, key, texts[i]);
  }
  for (size_t i = 0; i < COUNT(no_texts); i++) {
    assert_int_equal(set_text(storage, "k", no_texts[i]), LILY_SESSION_ERROR_DECODE);
  }
  assert_ok(set_text(storage, "lily_session_price", "2.5"));
  assert_ok(set_text(storage, "lily_session_theme", "\"\\u0064ark\""));
  lily_session_storage *other = open_storage(JOURNAL);
  assert_entries(other, (int)COUNT(texts) + 2);
  assert_int_equal(info_of(other).damaged_lines, 0);
  lily_session_storage_close(other);
  struct rig rig;
  struct probe price = {0}, theme = {0};
  rig_lend(&rig, storage);
  rig_field(&rig, &price, "price", LILY_SESSION_REAL);
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  probe_real(&price, 0);
  probe_string(&theme, "light");
  rig_attach(&rig);
  assert_int_equal(price.sets + theme.sets, 2);
  assert_true(price.value.as.real == 2.5);
  assert_false(fail_no_more());
  rig_end(&rig);
  end();
}

/* An update whose real cannot be spelled is stored by the next one. */
TEST(jansson_memory__S20_updating) {
  begin();
  struct rig rig;
  struct probe cart = {0}, price = {0};
  rig_lend(&rig, storage);
  rig_field(&rig, &cart, "cart", LILY_SESSION_JSON);
  rig_field(&rig, &price, "price", LILY_SESSION_REAL);
  probe_json(&cart, "[]");
  probe_real(&price, 0);
  rig_attach(&rig);
  bool failed = true;
  int refused = 0;
  for (int n = 0; failed; n++) {
    char text[40], spelled[40];
    snprintf(text, sizeof text, "{\"n\":[%d]}", n);
    snprintf(spelled, sizeof spelled, "%d.5", n);
    probe_json(&cart, text);
    probe_real(&price, n + 0.5);
    fail_at(n / 2, n % 2);
    lily_session_status status = lily_session_runtime_dispatch(rig.runtime, NULL);
    failed = fail_no_more();
    assert_true(failed || status == LILY_SESSION_OK);
    assert_int_equal(status != LILY_SESSION_OK, rig.event_count > 0);
    refused += status != LILY_SESSION_OK;
    rig_forget(&rig);
    rig_dispatch(&rig);
    assert_stored(storage, "lily_session_cart", text);
    assert_stored(storage, "lily_session_price", spelled);
    assert_int_equal(info_of(storage).damaged_lines, 0);
  }
  assert_true(refused > 2);
  rig_end(&rig);
  end();
}
