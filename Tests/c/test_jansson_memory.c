/* S20: jansson gets no memory. A host may give it an allocator of its own; this one fails at the n-th call, once or from there
   on. The answer is a failure, and map, file and damage are as before; or, where memory came back, all is as it should be.
   The texts have what the library leaves to jansson: an exponent, or a code for a character. */
#include "journal.h"
#include "more.h"

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

/* Answers whether an allocation failed. */
static bool stop(void) {
  left = -1;
  return failures > 0;
}

/* The same. Where none can be had any more, the call cannot have worked. */
static bool stop_after(lily_session_status status) {
  const bool failed = stop();
  assert_true(status == LILY_SESSION_OK || status == LILY_SESSION_ERROR_IO);
  if (!failed || for_ever) assert_int_equal(status, failed ? LILY_SESSION_ERROR_IO : LILY_SESSION_OK);
  return failed;
}

#define BEFORE "\"\\u0062efore\""

static lily_session_storage *storage;

static void begin(void) {
  storage = open_storage(JOURNAL);
  assert_ok(set_text(storage, "k", BEFORE));
}

static void end(void) { lily_session_storage_close(storage); }

/* Nothing has changed, for this handle and for a new one. */
static void check_unchanged(struct bytes before) {
  assert_file_is(JOURNAL, before);
  assert_stored(storage, "k", BEFORE);
  assert_int_equal(info_of(storage).damaged_lines, 0);
}

static void check_set(const char *json, bool always) {
  long n = 0;
  for (bool failed = true; failed; n++) {
    struct bytes before = file_read(JOURNAL);
    fail_at(n, always);
    lily_session_status status = set_text(storage, "k", json);
    failed = stop_after(status);
    if (status != LILY_SESSION_OK) {
      check_unchanged(before);
    } else {
      free(before.bytes);
      assert_stored(storage, "k", json);
      assert_ok(set_text(storage, "k", BEFORE));
    }
  }
  assert_true(n > 1);
}

/* Short enough for the buffer that jansson begins with. Where that has to grow and never can, jansson 2.14 runs past its end. */
static const char *const small[] = {
  "1e0", "2.5e1", "[1e0]", "\"\\u0061\"", "[1,2.5,\"\\u0078\",null]", "{\"a\":{\"b\":[1e0,[]]},\"c\":\"d\"}"};
static const char *const large[] = {
  "\"\\u003001234567890123456789\"", "[\"a\\\"012345678901234567890123456789\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\"]",
  "12345678901234567890123456789012345678901234567890e1", "{\"0123456789012345678901234567890123456789\":[1e0]}"};

TEST(jansson_memory__S20_what_is_set) {
  begin();
  for (size_t i = 0; i < COUNT(small); i++) {
    check_set(small[i], false);
    check_set(small[i], true);
  }
  for (size_t i = 0; i < COUNT(large); i++) check_set(large[i], false);
  end();
}

TEST(jansson_memory__S20_what_is_got) {
  begin();
  bool failed = true;
  for (long n = 0; failed; n++) {
    struct bytes before = file_read(JOURNAL);
    char *json = UNTOUCHED;
    fail_at(n, n % 2);
    lily_session_status status = lily_session_storage_get(storage, "k", &json, NULL);
    failed = stop_after(status);
    if (status != LILY_SESSION_OK) assert_ptr_equal(json, UNTOUCHED); else lily_session_free(json);
    check_unchanged(before);
    assert_true(failed || n > 1);
  }
  end();
}

/* The keys are spelled with escapes, and so go through jansson, too. */
static void fill(lily_session_storage *into, bool with_large) {
  char key[40];
  for (size_t i = 0; i < COUNT(small); i++) {
    snprintf(key, sizeof key, "s\t%zu", i);
    assert_ok(set_text(into, key, small[i]));
  }
  for (size_t i = 0; with_large && i < COUNT(large); i++) {
    snprintf(key, sizeof key, "large \"%zu\"\n", i);
    assert_ok(set_text(into, key, large[i]));
  }
}

static void check_filled(lily_session_storage *from, bool with_large) {
  assert_entries(from, (int)(1 + COUNT(small) + (with_large ? COUNT(large) : 0)));
  assert_stored(from, "s\t5", small[5]);
  if (with_large) assert_stored(from, "large \"0\"\n", large[0]);
  assert_int_equal(info_of(from).damaged_lines, 0);
}

/* A line that could not be parsed is not taken for damaged: it would be gone with the next rewriting. */
static void check_opening(bool always) {
  begin();
  fill(storage, !always);
  bool failed = true;
  long n = 0;
  for (; failed; n++) {
    lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
    lily_session_storage *opened = UNTOUCHED;
    struct bytes before = file_read(JOURNAL);
    options.flags = n % 2 ? LILY_SESSION_STRICT : 0;
    fail_at(n, always);
    lily_session_status status = lily_session_storage_open(JOURNAL, &options, &opened);
    failed = stop_after(status);
    if (status != LILY_SESSION_OK) {
      assert_null(opened);
    } else {
      check_filled(opened, !always);
      lily_session_storage_close(opened);
    }
    assert_file_is(JOURNAL, before);
  }
  assert_true(n > 20);
  end();
}

TEST(jansson_memory__S20_opening) {
  check_opening(false);
  unlink(JOURNAL);
  check_opening(true);
}

/* What another wrote: the call that cannot read it fails, and the next one reads it. */
static void check_catching_up(bool always) {
  bool failed = true;
  long n = 0;
  for (; failed; n++) {
    unlink(JOURNAL);
    begin();
    lily_session_storage *other = open_storage(JOURNAL);
    fill(other, !always);
    struct bytes before = file_read(JOURNAL);
    fail_at(n, always);
    lily_session_status status = lily_session_storage_remove(storage, n % 2 ? "absent" : "s\t0");
    failed = stop_after(status);
    if (status != LILY_SESSION_OK || n % 2) assert_file_is(JOURNAL, before); else free(before.bytes);
    if (status == LILY_SESSION_OK && n % 2 == 0) assert_ok(set_text(storage, "s\t0", small[0]));
    check_filled(storage, !always);
    assert_ok(lily_session_storage_sync(storage));
    check_filled(storage, !always);
    lily_session_storage_close(other);
    end();
  }
  assert_true(n > 20);
}

TEST(jansson_memory__S20_catching_up) {
  check_catching_up(false);
  check_catching_up(true);
}

/* A field whose text could not be parsed is left alone: not overwritten, and an event says why. */
static void check_hydrating(bool always) {
  begin();
  assert_ok(set_text(storage, "lily_session_cart", "{\"a\":[1,2,3e0]}"));
  assert_ok(set_text(storage, "lily_session_theme", "\"\\u0064ark\""));
  bool failed = true;
  int all_rejected = 0;
  for (long n = 0; failed; n++) {
    struct rig rig;
    struct probe cart = {0}, theme = {0};
    rig_lend(&rig, storage);
    rig_field(&rig, &cart, "cart", LILY_SESSION_JSON);
    rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
    probe_json(&cart, "null");
    probe_string(&theme, "light");
    rig.config.storage = storage;
    fail_at(n, always);
    lily_session_status status = lily_session_attach(rig.runtime, rig.fields, &rig.config, &rig.session);
    failed = stop();
    assert_int_equal(status, LILY_SESSION_OK);
    int rejected = 0;
    for (int i = 0; i < rig.event_count; i++) {
      if (rig.events[i].kind != LILY_SESSION_EVENT_REJECTED) continue;
      assert_int_equal(rig.events[i].status, LILY_SESSION_ERROR_IO);
      assert_int_equal(rig.events[i].system_error, ENOMEM);
      rejected++;
    }
    assert_int_equal(rejected + cart.sets + theme.sets, 2);
    all_rejected += rejected;
    rig_end(&rig);
    assert_stored(storage, "lily_session_cart", "{\"a\":[1,2,3e0]}");
    assert_stored(storage, "lily_session_theme", "\"\\u0064ark\"");
  }
  if (always) assert_true(all_rejected > 2);
  end();
}

TEST(jansson_memory__S20_hydrating) {
  check_hydrating(false);
  unlink(JOURNAL);
  check_hydrating(true);
}

/* An update whose JSON cannot be checked, or whose real cannot be spelled, is stored by the next one. */
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
    failed = stop();
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
