/* Fields that are plain members of a struct: the text that each is stored as, and the value that it is set to. */
#include "journal.h"
#include "rig.h"

#include <float.h>
#include <math.h>

struct shop {
  char before; /* so that no member is at offset 0, and each has bytes on both sides */
  bool open;
  int32_t visits;
  int64_t cents;
  double rate;
  char theme[8];
  char *token;
  char after;
};

/* A runtime whose model is a shop, with all six kinds of members. */
struct till {
  struct shop shop;
  lily_session_runtime *runtime;
  lily_session_persistence *fields;
  lily_session *session;
};

static void open_till(struct till *till, lily_session_storage *storage) {
  const lily_session_field fields[] = {
      LILY_SESSION_FIELD_BOOL(struct shop, open),    LILY_SESSION_FIELD_INT32(struct shop, visits),
      LILY_SESSION_FIELD_INT64(struct shop, cents),  LILY_SESSION_FIELD_DOUBLE(struct shop, rate),
      LILY_SESSION_FIELD_CHARS(struct shop, theme),  LILY_SESSION_FIELD_STRING(struct shop, token),
  };
  till->fields = lily_session_persistence_new();
  for (size_t i = 0; i < COUNT(fields); i++) assert_ok(lily_session_field_add(till->fields, &fields[i]));
  assert_ok(lily_session_runtime_new(&till->shop, NULL, NULL, &till->runtime));
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  config.storage = storage;
  assert_ok(lily_session_attach(till->runtime, till->fields, &config, &till->session));
}

static void close_till(struct till *till) {
  lily_session_detach(till->session);
  lily_session_runtime_free(till->runtime);
  lily_session_persistence_free(till->fields);
}

TEST(members__the_key_is_the_members_name) {
  const lily_session_field field = LILY_SESSION_FIELD_INT64(struct shop, cents);
  assert_string_equal(field.key, "cents");
  assert_int_equal(field.size, sizeof field);
  assert_int_equal(field.types, LILY_SESSION_INT);
  assert_int_equal(field.member_type, LILY_SESSION_MEMBER_INT64);
  assert_int_equal(field.member_offset, offsetof(struct shop, cents));
  assert_int_equal(field.member_size, 8);
}

TEST(members__all_six_are_stored) {
  lily_session_storage *storage = open_memory();
  struct till till = {.shop = {.theme = "light"}};
  open_till(&till, storage);
  assert_entries(storage, 0);
  till.shop = (struct shop){0, true, -7, 1234567890123456789, 0.1, "dark", "to\"ken", 0};
  assert_ok(lily_session_persist(till.session));
  assert_stored(storage, "lily_session_open", "true");
  assert_stored(storage, "lily_session_visits", "-7");
  assert_stored(storage, "lily_session_cents", "1234567890123456789");
  assert_stored(storage, "lily_session_rate", "0.1");
  assert_stored(storage, "lily_session_theme", "\"dark\"");
  assert_stored(storage, "lily_session_token", "\"to\\\"ken\"");
  assert_entries(storage, 6);
  till.shop.token = NULL;
  assert_ok(lily_session_persist(till.session));
  assert_stored(storage, "lily_session_token", "null");
  close_till(&till);
  lily_session_storage_close(storage);
}

TEST(members__all_six_come_back) {
  journal_of(JOURNAL, "lily_session_open", "true", "lily_session_visits", "2147483647", "lily_session_cents", "-9223372036854775808",
             "lily_session_rate", "5e-324", "lily_session_theme", "\"7 bytes\"", "lily_session_token", "\"\\u00e9\"", NULL);
  lily_session_storage *storage = open_storage(JOURNAL);
  struct till till = {.shop = {.before = 'b', .after = 'a'}};
  open_till(&till, storage);
  assert_true(till.shop.open);
  assert_int_equal(till.shop.visits, INT32_MAX);
  assert_true(till.shop.cents == INT64_MIN);
  assert_true(till.shop.rate == 5e-324);
  assert_string_equal(till.shop.theme, "7 bytes");
  assert_string_equal(till.shop.token, "\xc3\xa9");
  assert_int_equal(till.shop.before, 'b');
  assert_int_equal(till.shop.after, 'a');
  close_till(&till);
  assert_int_equal(operations(JOURNAL), 6);
  lily_session_storage_close(storage);
  lily_session_free(till.shop.token);
}

/* The members need not be aligned for their types. */
struct __attribute__((packed)) packed_shop {
  char before;
  bool open;
  int32_t visits;
  char between[1];
  int64_t cents;
  double rate;
  char theme[8];
  char *token;
};

TEST(members__of_a_packed_struct) {
  const lily_session_field fields[] = {
      LILY_SESSION_FIELD_BOOL(struct packed_shop, open),   LILY_SESSION_FIELD_INT32(struct packed_shop, visits),
      LILY_SESSION_FIELD_INT64(struct packed_shop, cents), LILY_SESSION_FIELD_DOUBLE(struct packed_shop, rate),
      LILY_SESSION_FIELD_CHARS(struct packed_shop, theme), LILY_SESSION_FIELD_STRING(struct packed_shop, token),
  };
  for (size_t shift = 0; shift < 8; shift++) {
    char *room = malloc(shift + sizeof(struct packed_shop)); /* the memory ends where the struct ends */
    struct packed_shop *shop = (void *)(room + shift);
    *shop = (struct packed_shop){.theme = "light"};
    lily_session_storage *storage = open_memory();
    lily_session_persistence *persistence = lily_session_persistence_new();
    lily_session_runtime *runtime;
    lily_session *session;
    lily_session_config config = LILY_SESSION_CONFIG_INIT;
    config.storage = storage;
    assert_ok(set_text(storage, "lily_session_cents", "-9223372036854775808"));
    assert_ok(set_text(storage, "lily_session_token", "\"stored\""));
    for (size_t i = 0; i < COUNT(fields); i++) assert_ok(lily_session_field_add(persistence, &fields[i]));
    assert_ok(lily_session_runtime_new(shop, NULL, NULL, &runtime));
    assert_ok(lily_session_attach(runtime, persistence, &config, &session));
    assert_true(shop->cents == INT64_MIN);
    assert_string_equal(shop->token, "stored");
    lily_session_free(shop->token);
    *shop = (struct packed_shop){0, true, -7, {0}, 1234567890123456789, 0.1, "dark", "a literal"};
    assert_ok(lily_session_persist(session));
    assert_stored(storage, "lily_session_open", "true");
    assert_stored(storage, "lily_session_visits", "-7");
    assert_stored(storage, "lily_session_cents", "1234567890123456789");
    assert_stored(storage, "lily_session_rate", "0.1");
    assert_stored(storage, "lily_session_theme", "\"dark\"");
    assert_stored(storage, "lily_session_token", "\"a literal\"");
    shop->token = NULL;
    lily_session_detach(session);
    lily_session_runtime_free(runtime);
    lily_session_persistence_free(persistence);
    lily_session_storage_close(storage);
    free(room);
  }
}

TEST(members__S5_only_the_one_that_changed_is_written) {
  lily_session_storage *storage = open_storage(JOURNAL);
  struct till till = {.shop = {.theme = "light", .token = "a literal"}};
  open_till(&till, storage);
  assert_ok(lily_session_persist(till.session));
  assert_entries(storage, 0);
  till.shop.visits++;
  assert_ok(lily_session_persist(till.session));
  assert_entries(storage, 1);
  /* Another copy of the same text is the same value. */
  char copy[] = "a literal";
  till.shop.token = copy;
  /* The bytes after the NUL are not a part of the value. */
  memcpy(till.shop.theme, "light\0!", 8);
  assert_ok(lily_session_persist(till.session));
  assert_entries(storage, 1);
  assert_int_equal(operations(JOURNAL), 1);
  /* The same memory with another text is another value. */
  copy[0] = 'A';
  assert_ok(lily_session_persist(till.session));
  assert_stored(storage, "lily_session_token", "\"A literal\"");
  assert_entries(storage, 2);
  till.shop.token = NULL;
  close_till(&till);
  lily_session_storage_close(storage);
}

TEST(members__a_literal_may_be_the_default_of_a_string) {
  lily_session_storage *storage = open_memory();
  assert_ok(set_text(storage, "lily_session_token", "\"stored\""));
  struct till till = {.shop = {.token = "a literal"}};
  open_till(&till, storage);
  assert_string_equal(till.shop.token, "stored");
  close_till(&till);
  /* The string belongs to the host: it stays valid after everything has ended, and free() frees it. */
  lily_session_storage_close(storage);
  assert_string_equal(till.shop.token, "stored");
  free(till.shop.token);
}

TEST(members__a_stored_null_is_a_null_string) {
  lily_session_storage *storage = open_memory();
  assert_ok(set_text(storage, "lily_session_token", "null"));
  struct till till = {.shop = {.token = "a literal"}};
  open_till(&till, storage);
  assert_null(till.shop.token);
  assert_state(till.session, "token", LILY_SESSION_STATE_LOADED);
  close_till(&till);
  lily_session_storage_close(storage);
}

TEST(members__the_empty_string) {
  lily_session_storage *storage = open_memory();
  struct till till = {.shop = {.theme = "light", .token = "token"}};
  open_till(&till, storage);
  till.shop.theme[0] = '\0';
  till.shop.token = "";
  assert_ok(lily_session_persist(till.session));
  assert_stored(storage, "lily_session_theme", "\"\"");
  assert_stored(storage, "lily_session_token", "\"\"");
  close_till(&till);
  struct till again = {.shop = {.theme = "light"}};
  open_till(&again, storage);
  assert_string_equal(again.shop.theme, "");
  assert_string_equal(again.shop.token, "");
  close_till(&again);
  lily_session_free(again.shop.token);
  lily_session_storage_close(storage);
}

/* The slice may be a struct inside the model. */
TEST(members__of_a_slice) {
  struct rig rig;
  struct shop shop = {.visits = 1};
  rig_begin(&rig, open_memory());
  lily_session_field field = LILY_SESSION_FIELD_INT32(struct shop, visits);
  field.key = "count";
  assert_ok(lily_session_field_add(rig.fields, &field));
  rig.config.get = rig_get;
  rig.get_result = &shop;
  rig_attach(&rig);
  shop.visits = 2;
  rig_dispatch(&rig);
  assert_stored(rig.storage, "lily_session_count", "2");
  rig_end(&rig);
}

TEST(members__a_context_is_released_with_the_field) {
  int releases = 0;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_field field = LILY_SESSION_FIELD_INT32(struct shop, visits);
  field.context = &releases;
  field.release = count_release;
  assert_ok(lily_session_field_add(fields, &field));
  assert_int_equal(releases, 0);
  lily_session_persistence_free(fields);
  assert_int_equal(releases, 1);
}
