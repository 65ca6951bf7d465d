/* Thousands of changes, compared with a plain array: whatever their order is, a storage has the last value of each key. */
#include "storages.h"

enum { KEYS = 150, CHANGES = 4000 };

struct model {
  char *values[KEYS]; /* NULL: absent */
};

static uint64_t state;
static unsigned next(unsigned below) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (unsigned)(state >> 20) % below;
}

/* Makes keys of many lengths. A third of them are keys of fields. */
static const char *key_of(int i) {
  static char key[600];
  int used = snprintf(key, sizeof key, "%s%d", i % 3 == 0 ? "lily_session_" : "key", i);
  memset(key + used, 'k', (size_t)(i % 7 * 20));
  key[used + i % 7 * 20] = '\0';
  return key;
}

static char *value(void) {
  const unsigned sizes[] = {2, 20, 100, 3000};
  const unsigned size = 2 + next(sizes[next(4)]);
  char *text = repeated((char)('a' + next(26)), size);
  text[0] = text[size - 1] = '"';
  return text;
}

static void put(struct model *model, int i, char *text) {
  free(model->values[i]);
  model->values[i] = text;
}

static void check_same(lily_session_storage *storage, const struct model *model) {
  int count = 0;
  for (int i = 0; i < KEYS; i++) {
    if (model->values[i] != NULL)
      assert_stored(storage, key_of(i), model->values[i]);
    else
      assert_absent(storage, key_of(i));
    count += model->values[i] != NULL;
  }
  assert_entries(storage, count);
}

/* Makes one change of a random kind to both. */
static void change(lily_session_storage *storage, struct model *model) {
  const int i = (int)next(KEYS);
  const unsigned kind = next(1000);
  if (kind < 3) {
    assert_ok(lily_session_clear(storage));
    for (int j = 0; j < KEYS; j += 3) put(model, j, NULL);
  } else if (kind < 20) {
    assert_ok(lily_session_storage_sync(storage));
  } else if (kind < 400) {
    assert_ok(lily_session_storage_remove(storage, key_of(i)));
    put(model, i, NULL);
  } else {
    char *text = value();
    assert_ok(set_text(storage, key_of(i), text));
    put(model, i, text);
  }
}

static void forget(struct model *model) {
  for (int i = 0; i < KEYS; i++) put(model, i, NULL);
}

TEST(storage_model__in_memory) {
  struct model model = {{NULL}};
  lily_session_storage *storage = open_memory();
  state = 0x123456789abcdefu;
  for (int i = 0; i < CHANGES; i++) {
    change(storage, &model);
    if (i % 500 == 0) check_same(storage, &model);
  }
  check_same(storage, &model);
  lily_session_storage_close(storage);
  forget(&model);
}

/* Three handles take turns. One of them is closed and opened again and again. */
TEST(storage_model__in_a_file) {
  struct model model = {{NULL}};
  lily_session_storage *storages[3] = {open_storage(JOURNAL), open_storage(JOURNAL), open_storage(JOURNAL)};
  state = 0xfedcba987654321u;
  for (int i = 0; i < CHANGES; i++) {
    change(storages[next(3)], &model);
    if (i % 200 == 0) {
      lily_session_storage_close(storages[2]);
      storages[2] = open_storage(JOURNAL);
    }
    if (i % 500 == 0) check_same(storages[next(3)], &model);
  }
  for (int i = 0; i < 3; i++) {
    check_same(storages[i], &model);
    lily_session_storage_close(storages[i]);
  }
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = LILY_SESSION_STRICT;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &storages[0]));
  check_same(storages[0], &model);
  lily_session_storage_close(storages[0]);
  forget(&model);
}
