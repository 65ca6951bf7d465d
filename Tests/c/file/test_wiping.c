/* S8: the library's memory does not keep what was cleared, removed or replaced. */
#include "rig.h"

#include <sys/uio.h>

enum { LENGTH = 48 };

/* Makes a secret by a computation, so that no other memory of the program contains it. */
static void make_secret(char *text, unsigned seed) {
  for (int i = 0; i < LENGTH; i++) {
    seed = seed * 1103515245u + 12345u;
    text[i] = (char)('a' + (seed >> 16) % 26);
  }
  text[LENGTH] = '\0';
}

static void wipe(void *memory, size_t size) { explicit_bzero(memory, size); }

/* Returns how often 16 bytes from the middle of the secret are in the writable memory of this process. */
static int copies(unsigned seed) {
  char line[512], secret[LENGTH + 1], *text;
  int found = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  assert_non_null(maps);
  const size_t room = 1 << 20;
  text = malloc(room + 16);
  memset(text, 0, room + 16);
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long from, to;
    char rights[8];
    if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || rights[1] != 'w') continue;
    if (to - from > 1ul << 30) continue; /* this is AddressSanitizer's memory */
    for (unsigned long at = from; at < to; at += room) {
      const size_t want = to - at < room ? to - at : room;
      struct iovec here = {text, want}, there = {(void *)at, want};
      const ssize_t got = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
      make_secret(secret, seed);
      for (char *place = text; got > 0 && (place = memmem(place, (size_t)(text + got - place), secret + 16, 16)) != NULL; place += 16) {
        const unsigned long where = at + (unsigned long)(place - text);
        found += !(where >= (unsigned long)secret && where < (unsigned long)secret + sizeof secret) &&
                 !(where >= (unsigned long)text && where < (unsigned long)text + room);
      }
      wipe(secret, sizeof secret);
      wipe(text, want);
    }
  }
  free(text);
  fclose(maps);
  return found;
}

static void set_secret(lily_session_storage *storage, const char *key, unsigned seed) {
  char secret[LENGTH + 1], json[LENGTH + 3];
  make_secret(secret, seed);
  const int length = snprintf(json, sizeof json, "\"%s\"", secret);
  assert_ok(lily_session_storage_set(storage, key, json, (size_t)length, 0));
  wipe(secret, sizeof secret);
  wipe(json, sizeof json);
}

TEST(wiping__what_this_test_sees) {
  char *kept = malloc(LENGTH + 1);
  make_secret(kept, 1);
  assert_int_equal(copies(1), 1);
  wipe(kept, LENGTH + 1);
  assert_int_equal(copies(1), 0);
  free(kept);
}

TEST(wiping__S8_what_was_removed_replaced_and_cleared) {
  lily_session_storage *storages[] = {open_storage(JOURNAL), open_memory()};
  for (size_t i = 0; i < COUNT(storages); i++) {
    lily_session_storage *storage = storages[i];
    set_secret(storage, "a", 2);
    assert_true(copies(2) > 0);
    assert_ok(lily_session_storage_remove(storage, "a"));
    assert_int_equal(copies(2), 0);
    set_secret(storage, "a", 3);
    assert_ok(set_text(storage, "a", "1"));
    assert_int_equal(copies(3), 0);
    set_secret(storage, "lily_session_a", 4);
    assert_ok(lily_session_clear(storage));
    assert_int_equal(copies(4), 0);
    set_secret(storage, "a", 5);
    assert_ok(lily_session_storage_sync(storage));
    lily_session_storage_close(storage);
    assert_int_equal(copies(5), 0);
  }
}

/* Another handle has read the secrets: one when it opened the file, and one later from a new line. */
TEST(wiping__S8_what_others_removed) {
  lily_session_storage *storage = open_storage(JOURNAL);
  set_secret(storage, "a", 6);
  lily_session_storage *other = open_storage(JOURNAL);
  assert_entries(other, 1);
  set_secret(storage, "b", 7);
  assert_entries(other, 2);
  assert_ok(lily_session_storage_remove(storage, "a"));
  assert_ok(lily_session_storage_remove(storage, "b"));
  assert_entries(other, 0);
  assert_int_equal(copies(6) + copies(7), 0);
  lily_session_storage_close(storage);
  lily_session_storage_close(other);
}

/* A refused value does not stay in memory either. */
TEST(wiping__S8_what_did_not_fit) {
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  lily_session_storage *storage;
  char secret[LENGTH + 1], json[LENGTH + 3];
  options.quota_bytes = LENGTH;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &storage));
  make_secret(secret, 10);
  const int length = snprintf(json, sizeof json, "\"%s\"", secret);
  assert_fails(QUOTA, lily_session_storage_set(storage, "a", json, (size_t)length, 0));
  wipe(secret, sizeof secret);
  wipe(json, sizeof json);
  assert_int_equal(copies(10), 0);
  lily_session_storage_close(storage);
}

/* A field's value is in the program's model, and in the copy that the library compares it with. A refresh after a clear removes both. */
static char model[LENGTH + 1];

static lily_session_status get_model(void *context, const void *session, lily_session_value *out) {
  (void)context, (void)session;
  *out = (lily_session_value){.type = LILY_SESSION_STRING};
  out->as.text.bytes = model;
  out->as.text.length = strlen(model);
  return LILY_SESSION_OK;
}

static lily_session_status set_model(void *context, void *session, const lily_session_value *value) {
  (void)context, (void)session;
  wipe(model, sizeof model);
  memcpy(model, value->as.text.bytes, value->as.text.length);
  return LILY_SESSION_OK;
}

TEST(wiping__S8_what_a_session_held) {
  struct rig rig;
  rig_begin(&rig, open_storage(JOURNAL));
  lily_session_field field = LILY_SESSION_FIELD_INIT;
  field.key = "token";
  field.types = LILY_SESSION_STRING;
  field.get = get_model;
  field.set = set_model;
  assert_ok(lily_session_field_add(rig.fields, &field));
  rig_attach(&rig);
  make_secret(model, 8);
  rig_dispatch(&rig);
  assert_true(copies(8) > 1);
  assert_ok(lily_session_clear(rig.storage));
  assert_ok(lily_session_refresh(rig.session));
  assert_int_equal(model[0], '\0');
  assert_int_equal(copies(8), 0);
  /* Here a shorter value replaces the secret. */
  make_secret(model, 9);
  rig_dispatch(&rig);
  wipe(model, sizeof model);
  model[0] = 'x';
  rig_dispatch(&rig);
  assert_int_equal(copies(9), 0);
  rig_end(&rig);
}

/* A list that grows belongs to the library while it sets it. So the library wipes what it frees: the list, the strings in it, and its own copy of a
   struct that does not fit. */
enum { MAILS = 20 };
struct mail {
  char *text;
  int8_t day;
};
struct box {
  struct mail *mails;
  size_t count;
};
static const lily_session_field mail_fields[] = {LILY_SESSION_FIELD_STRING(struct mail, text), LILY_SESSION_FIELD_INT8(struct mail, day)};

TEST(wiping__S8_a_list_that_grows) {
  struct box box = {NULL, 0};
  char secret[LENGTH + 1], json[MAILS * (LENGTH + 32)];
  lily_session_persistence *fields = lily_session_persistence_new();
  const lily_session_field field = LILY_SESSION_FIELD_GROWING_LIST(struct box, mails, count, mail_fields, COUNT(mail_fields), NULL);
  lily_session_runtime *runtime;
  lily_session *session;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  assert_ok(lily_session_field_add(fields, &field));
  assert_ok(lily_session_runtime_new(&box, NULL, NULL, &runtime));
  config.storage = open_storage(JOURNAL);
  assert_ok(lily_session_attach(runtime, fields, &config, &session));
  box = (struct box){calloc(MAILS, sizeof(struct mail)), MAILS}; /* so many that something else does not take all of their memory */
  for (int i = 0; i < MAILS; i++) make_secret(box.mails[i].text = malloc(LENGTH + 1), 11);
  assert_ok(lily_session_persist(session));
  assert_ok(lily_session_clear(config.storage));
  assert_ok(lily_session_refresh(session));
  assert_int_equal(copies(11), 0);
  make_secret(secret, 12);
  int length = 0;
  for (int i = 0; i < MAILS; i++) {
    length += snprintf(json + length, sizeof json - (size_t)length, "%c{\"text\":\"%s\",\"day\":%d}", i ? ',' : '[', secret, i < MAILS - 1 ? 1 : 1000);
  }
  json[length++] = ']'; /* the last day does not fit */
  assert_ok(lily_session_storage_set(config.storage, "lily_session_mails", json, (size_t)length, 0));
  assert_ok(lily_session_refresh(session));
  assert_ok(lily_session_storage_remove(config.storage, "lily_session_mails"));
  assert_ok(lily_session_storage_sync(config.storage));
  wipe(secret, sizeof secret);
  wipe(json, sizeof json);
  assert_int_equal(copies(12), 0);
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  for (size_t i = 0; i < box.count; i++) free(box.mails[i].text);
  free(box.mails);
}
