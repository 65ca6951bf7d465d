/* Members that are structs, arrays, lists and optional values. */
#include "rig.h"

#include <math.h>

enum unit { METRIC, IMPERIAL };
static const char *const units[] = {"metric", "imperial", NULL};

struct window {
  int16_t width, height;
  char title[8];
  bool full;
};

struct tab {
  char *path;
  double zoom;
  struct window *place;
  struct tab *children;
  uint8_t child_count;
};

struct app {
  char before;
  struct window window;
  float gains[3];
  enum unit axes[2];
  struct window windows[3];
  int32_t window_count;
  struct tab *tabs;
  size_t tab_count;
  int32_t limit;
  bool has_limit;
  struct window spare;
  bool has_spare;
  int64_t *total;
  struct window *popup;
  char after;
};

static const lily_session_field window_fields[] = {
    LILY_SESSION_FIELD_INT16(struct window, width),
    LILY_SESSION_FIELD_AS(INT16, struct window, height, "h\xc3\xb6he"),
    LILY_SESSION_FIELD_CHARS(struct window, title),
};
static const lily_session_field child_fields[] = {
    LILY_SESSION_FIELD_STRING(struct tab, path),
};
static const lily_session_field tab_fields[] = {
    LILY_SESSION_FIELD_STRING(struct tab, path),
    LILY_SESSION_FIELD_DOUBLE(struct tab, zoom),
    LILY_SESSION_FIELD_POINTER(STRUCT, struct tab, place, window_fields, 3),
    LILY_SESSION_FIELD_GROWING_LIST(struct tab, children, child_count, child_fields, 1, NULL),
};
static const lily_session_field table[] = {
    LILY_SESSION_FIELD_STRUCT(struct app, window, window_fields, COUNT(window_fields)),
    LILY_SESSION_FIELD_ARRAY(FLOAT, struct app, gains),
    LILY_SESSION_FIELD_ARRAY(ENUM, struct app, axes, units),
    LILY_SESSION_FIELD_LIST(struct app, windows, window_count, window_fields, COUNT(window_fields)),
    LILY_SESSION_FIELD_GROWING_LIST(struct app, tabs, tab_count, tab_fields, COUNT(tab_fields), NULL),
    LILY_SESSION_FIELD_OPTIONAL(INT32, struct app, limit, has_limit),
    LILY_SESSION_FIELD_OPTIONAL(STRUCT, struct app, spare, has_spare, window_fields, COUNT(window_fields)),
    LILY_SESSION_FIELD_POINTER(INT64, struct app, total),
    LILY_SESSION_FIELD_POINTER(STRUCT, struct app, popup, window_fields, COUNT(window_fields)),
};

static struct app app;
static struct rig rig;

static void attach(lily_session_storage *storage, const lily_session_field *fields, size_t count, void *model) {
  rig_lend(&rig, storage);
  assert_ok(lily_session_fields_add(rig.fields, fields, count));
  rig.config.get = rig_get;
  rig.get_result = model;
  rig_attach(&rig);
}

static void begin(lily_session_storage *storage) { attach(storage, table, COUNT(table), &app); }

/* What a program frees: all of it came from malloc. */
static void free_tabs(struct tab *tabs, size_t count) {
  for (size_t i = 0; i < count; i++) {
    free_tabs(tabs[i].children, tabs[i].child_count);
    free(tabs[i].path);
    free(tabs[i].place);
  }
  free(tabs);
}

static void free_app(void) {
  free_tabs(app.tabs, app.tab_count);
  free(app.total);
  free(app.popup);
  memset(&app, 0, sizeof app);
}

static lily_session_storage *memory_with(const char *key, const char *json) {
  lily_session_storage *storage = open_memory();
  assert_ok(set_text(storage, key, json));
  return storage;
}

static char *copy_of(const char *text) { return strcpy(malloc(strlen(text) + 1), text); }

static void fill_app(void) {
  app = (struct app){.before = 'b', .after = 'a'};
  app.window = (struct window){-1, 600, "a \"b\"", true};
  app.gains[0] = 0.1f, app.gains[1] = -2, app.gains[2] = 1e-45f;
  app.axes[1] = IMPERIAL;
  app.windows[0] = (struct window){1, 2, "one", false};
  app.windows[1] = (struct window){3, 4, "", false};
  app.window_count = 2;
  app.tab_count = 2;
  app.tabs = calloc(2, sizeof *app.tabs);
  app.tabs[0].path = copy_of("/\xc3\xa9");
  app.tabs[0].zoom = 1.5;
  app.tabs[0].place = calloc(1, sizeof *app.tabs[0].place);
  app.tabs[0].place->width = 7;
  app.tabs[1].children = calloc(2, sizeof *app.tabs);
  app.tabs[1].child_count = 2;
  app.tabs[1].children[1].path = copy_of("child");
  app.limit = 5, app.has_limit = true;
  app.spare.width = 9, app.has_spare = true;
  app.total = malloc(sizeof *app.total);
  *app.total = INT64_MIN;
  app.popup = calloc(1, sizeof *app.popup);
}

static const struct {
  const char *key, *json;
} filled[] = {
    {"lily_session_window", "{\"width\":-1,\"h\xc3\xb6he\":600,\"title\":\"a \\\"b\\\"\"}"},
    {"lily_session_gains", "[0.1,-2.0,1e-45]"},
    {"lily_session_axes", "[\"metric\",\"imperial\"]"},
    {"lily_session_windows", "[{\"width\":1,\"h\xc3\xb6he\":2,\"title\":\"one\"},{\"width\":3,\"h\xc3\xb6he\":4,\"title\":\"\"}]"},
    {"lily_session_tabs", "[{\"path\":\"/\xc3\xa9\",\"zoom\":1.5,\"place\":{\"width\":7,\"h\xc3\xb6he\":0,\"title\":\"\"},\"children\":[]},"
                          "{\"path\":null,\"zoom\":0.0,\"place\":null,\"children\":[{\"path\":null},{\"path\":\"child\"}]}]"},
    {"lily_session_limit", "5"},
    {"lily_session_spare", "{\"width\":9,\"h\xc3\xb6he\":0,\"title\":\"\"}"},
    {"lily_session_total", "-9223372036854775808"},
    {"lily_session_popup", "{\"width\":0,\"h\xc3\xb6he\":0,\"title\":\"\"}"},
};

TEST(members_nested__S27_stored_and_read_again) {
  lily_session_storage *storage = open_memory();
  memset(&app, 0, sizeof app);
  begin(storage);
  assert_entries(storage, 0);
  fill_app();
  rig_dispatch(&rig);
  for (size_t i = 0; i < COUNT(filled); i++) assert_stored(storage, filled[i].key, filled[i].json);
  rig_end(&rig);
  free_app();
  app.before = 'b', app.after = 'a';
  begin(storage);
  assert_int_equal(rig.event_count, 0);
  assert_int_equal(app.window.width, -1);
  assert_int_equal(app.window.height, 600);
  assert_string_equal(app.window.title, "a \"b\"");
  assert_true(app.gains[0] == 0.1f && app.gains[1] == -2 && app.gains[2] == 1e-45f);
  assert_int_equal(app.axes[0], METRIC);
  assert_int_equal(app.axes[1], IMPERIAL);
  assert_int_equal(app.window_count, 2);
  assert_int_equal(app.windows[1].height, 4);
  assert_int_equal(app.tab_count, 2);
  assert_string_equal(app.tabs[0].path, "/\xc3\xa9");
  assert_true(app.tabs[0].zoom == 1.5);
  assert_int_equal(app.tabs[0].place->width, 7);
  assert_null(app.tabs[0].children);
  assert_null(app.tabs[1].place);
  assert_int_equal(app.tabs[1].child_count, 2);
  assert_string_equal(app.tabs[1].children[1].path, "child");
  assert_true(app.has_limit && app.limit == 5);
  assert_true(app.has_spare && app.spare.width == 9);
  assert_true(*app.total == INT64_MIN);
  assert_int_equal(app.popup->width, 0);
  assert_int_equal(app.before, 'b');
  assert_int_equal(app.after, 'a');
  /* Reading is no change. */
  rig_dispatch(&rig);
  for (size_t i = 0; i < COUNT(filled); i++) assert_stored(storage, filled[i].key, filled[i].json);
  rig_end(&rig);
  free_app();
  lily_session_storage_close(storage);
}

TEST(members_nested__S27_what_is_absent_is_null) {
  lily_session_storage *storage = open_memory();
  fill_app();
  begin(storage);
  free_app();
  rig_dispatch(&rig);
  assert_stored(storage, "lily_session_limit", "null");
  assert_stored(storage, "lily_session_spare", "null");
  assert_stored(storage, "lily_session_total", "null");
  assert_stored(storage, "lily_session_popup", "null");
  assert_stored(storage, "lily_session_windows", "[]");
  assert_stored(storage, "lily_session_tabs", "[]");
  rig_end(&rig);
  fill_app();
  int64_t *total = app.total;
  struct window *popup = app.popup;
  begin(storage);
  assert_int_equal(rig.event_count, 0);
  assert_false(app.has_limit || app.has_spare);
  assert_int_equal(app.limit, 5);
  assert_null(app.total);
  assert_null(app.popup);
  assert_null(app.tabs);
  assert_int_equal(app.tab_count, 0);
  assert_int_equal(app.window_count, 0);
  rig_end(&rig);
  free(total);
  free(popup);
  lily_session_storage_close(storage);
}

TEST(members_nested__S5_only_what_changed_is_written) {
  lily_session_storage *storage = open_storage(JOURNAL);
  fill_app();
  begin(storage);
  app.window.full = true; /* is not a field */
  app.windows[2].width = 5; /* is past the count */
  rig_dispatch(&rig);
  assert_entries(storage, 0);
  app.tabs[1].children[1].path[0] = 'C';
  rig_dispatch(&rig);
  assert_entries(storage, 1);
  app.window_count = 3;
  rig_dispatch(&rig);
  assert_entries(storage, 2);
  rig_end(&rig);
  free_app();
  lily_session_storage_close(storage);
}

/* Members that are missing keep their values; those that are unknown stay in the file until the struct changes. */
TEST(members_nested__S27_a_member_too_few_or_too_many) {
  static const char *const json = "{\"later\":[{},\"}\",[1]],\"h\\u00f6he\":5,\"also\":null}";
  lily_session_storage *storage = memory_with("lily_session_window", json);
  memset(&app, 0, sizeof app);
  app.window = (struct window){3, 4, "kept", true};
  begin(storage);
  assert_int_equal(app.window.width, 3);
  assert_int_equal(app.window.height, 5);
  assert_string_equal(app.window.title, "kept");
  assert_state(rig.session, "window", LILY_SESSION_STATE_LOADED);
  app.has_limit = true;
  rig_dispatch(&rig);
  assert_stored(storage, "lily_session_window", json);
  app.window.width = 4;
  rig_dispatch(&rig);
  assert_stored(storage, "lily_session_window", "{\"width\":4,\"h\xc3\xb6he\":5,\"title\":\"kept\"}");
  rig_end(&rig);
  lily_session_storage_close(storage);
}

TEST(members_nested__S27_a_shorter_array_and_elements_without_members) {
  lily_session_storage *storage = memory_with("lily_session_gains", "[1]");
  assert_ok(set_text(storage, "lily_session_windows", "[{}]"));
  memset(&app, 0, sizeof app);
  app.gains[1] = 2;
  app.windows[0].width = app.windows[1].width = 3;
  begin(storage);
  assert_true(app.gains[0] == 1 && app.gains[1] == 2);
  assert_int_equal(app.window_count, 1);
  assert_int_equal(app.windows[0].width, 0);
  assert_int_equal(app.windows[1].width, 3);
  rig_end(&rig);
  lily_session_storage_close(storage);
}

/* A string that is the name of another member, as long as the name of its own, is a value all the same. */
TEST(members_nested__S27_a_string_that_is_the_name_of_a_member) {
  struct view {
    char sort[8];
    int32_t size;
  };
  struct {
    struct view view;
  } model = {{"x", 1}};
  const lily_session_field view_fields[] = {LILY_SESSION_FIELD_CHARS(struct view, sort), LILY_SESSION_FIELD_INT32(struct view, size)};
  lily_session_field field = LILY_SESSION_FIELD_INIT;
  field.key = "view";
  field.types = LILY_SESSION_JSON;
  field.member_type = LILY_SESSION_MEMBER_STRUCT;
  field.member_size = sizeof model.view;
  field.member_fields = view_fields;
  field.member_field_count = 2;
  lily_session_storage *storage = memory_with("lily_session_view", "{\"sort\":\"size\",\"size\":7}");
  attach(storage, &field, 1, &model);
  assert_int_equal(rig.event_count, 0);
  assert_string_equal(model.view.sort, "size");
  assert_int_equal(model.view.size, 7);
  rig_end(&rig);
  lily_session_storage_close(storage);
}

static const struct {
  const char *key, *json;
} wrong[] = {
    {"window", "null"}, {"window", "[]"}, {"window", "1"}, {"window", "{\"title\":\"x\",\"width\":32768}"},
    {"window", "{\"width\":1,\"title\":\"8 bytes.\"}"}, {"window", "{\"width\":1,\"title\":null}"}, {"window", "{\"title\":\"x\",\"h\xc3\xb6he\":1.0}"},
    {"gains", "[1,2,3,4]"}, {"gains", "[1,2,1e39]"}, {"gains", "[1,\"2\",3]"}, {"gains", "{}"}, {"gains", "null"},
    {"axes", "[\"imperial\",\"other\"]"},
    {"windows", "[{\"width\":8},{},{},{}]"}, {"windows", "[{\"width\":8},{\"title\":1}]"}, {"windows", "[{\"width\":8},null]"}, {"windows", "{}"},
    {"tabs", "[{\"path\":\"new\",\"place\":{\"width\":1},\"children\":[{\"path\":\"new\"}]},{\"zoom\":\"1\"}]"},
    {"tabs", "[{\"path\":\"new\",\"children\":[{\"path\":\"new\"},{\"path\":false}]}]"},
    {"tabs", "[{\"path\":\"new\",\"place\":{\"width\":\"1\"}}]"}, {"tabs", "[{\"path\":\"a\\u0000b\"}]"}, {"tabs", "[1]"}, {"tabs", "null"},
    {"limit", "2147483648"}, {"limit", "false"}, {"spare", "{\"width\":\"1\"}"}, {"spare", "[]"},
    {"total", "1.5"}, {"popup", "{\"h\xc3\xb6he\":1,\"width\":99999}"}, {"popup", "[]"},
};

/* Whatever is wrong with a stored value, not a byte of the struct changes, and no memory is lost. */
TEST(members_nested__S27_what_does_not_fit_is_rejected_as_a_whole) {
  for (size_t i = 0; i < COUNT(wrong); i++) {
    char key[40];
    snprintf(key, sizeof key, "lily_session_%s", wrong[i].key);
    lily_session_storage *storage = memory_with(key, wrong[i].json);
    fill_app();
    struct app before = app;
    begin(storage);
    assert_memory_equal(&app, &before, sizeof app);
    assert_string_equal(app.tabs[0].path, "/\xc3\xa9");
    assert_int_equal(app.tabs[0].place->width, 7);
    assert_string_equal(app.tabs[1].children[1].path, "child");
    assert_true(*app.total == INT64_MIN);
    assert_int_equal(app.popup->height, 0);
    assert_state(rig.session, wrong[i].key, LILY_SESSION_STATE_REJECTED);
    assert_int_equal(rig.event_count, 1);
    assert_event(&rig, 0, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, 0, wrong[i].key);
    rig_dispatch(&rig);
    assert_stored(storage, key, wrong[i].json);
    rig_end(&rig);
    free_app();
    lily_session_storage_close(storage);
  }
}

/* The library frees the list that it replaces, with what is in it. What a pointer pointed to stays the program's. */
TEST(members_nested__S27_who_frees_what) {
  lily_session_storage *storage = open_memory();
  fill_app();
  begin(storage);
  int64_t *total = app.total;
  struct window *popup = app.popup;
  popup->width = 5, popup->full = true;
  for (int i = 0; i < 3; i++) {
    char json[80];
    snprintf(json, sizeof json, "[{\"path\":\"%d\",\"place\":{},\"children\":[{\"path\":\"x\"}]}]", i);
    assert_ok(set_text(storage, "lily_session_tabs", json));
    assert_ok(lily_session_refresh(rig.session));
    assert_int_equal(app.tab_count, 1);
    assert_int_equal(app.tabs[0].path[0], '0' + i);
    assert_string_equal(app.tabs[0].children[0].path, "x");
  }
  assert_ok(set_text(storage, "lily_session_total", "8"));
  assert_ok(set_text(storage, "lily_session_popup", "{\"h\xc3\xb6he\":6}"));
  assert_ok(lily_session_refresh(rig.session));
  assert_ptr_not_equal(app.total, total);
  assert_true(*app.total == 8 && *total == INT64_MIN);
  assert_ptr_not_equal(app.popup, popup);
  assert_true(app.popup->width == 5 && app.popup->full && app.popup->height == 6 && popup->height == 0);
  free(total);
  free(popup);
  rig_end(&rig);
  free_app();
  lily_session_storage_close(storage);
}

/* A list that grows is freed with what it is in, and also if it has memory but no elements. */
TEST(members_nested__S27_lists_that_grow_within_others) {
  struct group {
    struct tab *tabs;
    int32_t count;
  };
  struct groups {
    struct group first, listed[2];
    bool has_first;
    uint8_t listed_count;
  };
  static const lily_session_field group_fields[] = {
      LILY_SESSION_FIELD_GROWING_LIST(struct group, tabs, count, child_fields, COUNT(child_fields), NULL),
  };
  static const lily_session_field fields[] = {
      LILY_SESSION_FIELD_OPTIONAL(STRUCT, struct groups, first, has_first, group_fields, 1),
      LILY_SESSION_FIELD_LIST(struct groups, listed, listed_count, group_fields, 1),
  };
  static const char *const stored[][2] = {
      {"{\"tabs\":[{\"path\":\"a\"}]}", "[{\"tabs\":[{\"path\":\"b\"}]},{\"tabs\":[{\"path\":\"c\"}]}]"},
      {"null", "[]"},
  };
  struct groups groups = {.first.tabs = malloc(sizeof *groups.first.tabs), .has_first = true};
  lily_session_storage *storage = open_memory();
  attach(storage, fields, 2, &groups);
  for (int i = 0; i < 4; i++) {
    assert_ok(set_text(storage, "lily_session_first", stored[i % 2][0]));
    assert_ok(set_text(storage, "lily_session_listed", stored[i % 2][1]));
    assert_ok(lily_session_refresh(rig.session));
    assert_int_equal(groups.has_first, i % 2 == 0);
    assert_int_equal(groups.listed_count, i % 2 == 0 ? 2 : 0);
  }
  assert_null(groups.first.tabs);
  assert_null(groups.listed[0].tabs);
  assert_null(groups.listed[1].tabs);
  rig_end(&rig);
  lily_session_storage_close(storage);
}

/* An allocator that counts, and that refuses from the nth allocation on. */
struct arena {
  int live, allocations, most;
};

static void *resize(void *context, void *memory, size_t size) {
  struct arena *arena = context;
  assert_true((memory == NULL) != (size == 0));
  if (memory != NULL) {
    arena->live--;
    free(memory);
    return NULL;
  }
  if (arena->allocations == arena->most) return NULL;
  arena->allocations++;
  arena->live++;
  return malloc(size);
}

struct owner {
  struct window *windows;
  uint16_t count;
};

TEST(members_nested__S27_an_allocator_of_the_hosts) {
  struct arena arena = {.most = 100};
  struct owner owner = {0};
  lily_session_field field = LILY_SESSION_FIELD_AS(GROWING_LIST, struct owner, windows, "mine", count, window_fields, COUNT(window_fields), resize);
  field.context = &arena;
  lily_session_storage *storage = memory_with("lily_session_mine", "[{\"width\":1},{\"width\":2}]");
  attach(storage, &field, 1, &owner);
  assert_int_equal(owner.count, 2);
  assert_int_equal(owner.windows[1].width, 2);
  assert_int_equal(arena.live, 1);
  assert_ok(set_text(storage, "lily_session_mine", "[{\"width\":3},{\"width\":\"\"}]"));
  assert_ok(lily_session_refresh(rig.session));
  assert_state(rig.session, "mine", LILY_SESSION_STATE_REJECTED);
  assert_int_equal(arena.live, 1);
  arena.most = arena.allocations; /* refuses */
  assert_ok(set_text(storage, "lily_session_mine", "[{\"width\":4}]"));
  rig_forget(&rig);
  assert_ok(lily_session_refresh(rig.session));
  assert_event(&rig, 0, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_IO, 0, "mine");
  assert_int_equal(owner.windows[1].width, 2);
  assert_ok(set_text(storage, "lily_session_mine", "[]"));
  assert_ok(lily_session_refresh(rig.session));
  assert_null(owner.windows);
  assert_int_equal(arena.live, 0);
  rig_end(&rig);
  lily_session_storage_close(storage);
}

/* A list that is longer than its count can say is rejected, before there is memory for it. */
TEST(members_nested__S27_a_list_longer_than_its_count_can_say) {
  struct small {
    struct window *windows;
    int8_t count;
  } small = {0};
  const lily_session_field field = LILY_SESSION_FIELD_GROWING_LIST(struct small, windows, count, window_fields, COUNT(window_fields), NULL);
  char json[3 * 128 + 2] = "[";
  for (int i = 0; i < 127; i++) strcat(json, i == 0 ? "{}" : ",{}");
  strcat(json, "]");
  lily_session_storage *storage = memory_with("lily_session_windows", json);
  attach(storage, &field, 1, &small);
  assert_int_equal(small.count, 127);
  json[strlen(json) - 1] = '\0';
  strcat(json, ",{}]");
  assert_ok(set_text(storage, "lily_session_windows", json));
  assert_ok(lily_session_refresh(rig.session));
  assert_state(rig.session, "windows", LILY_SESSION_STATE_REJECTED);
  assert_int_equal(small.count, 127);
  rig_end(&rig);
  free(small.windows);
  lily_session_storage_close(storage);
}

static void check_unstorable(const char *key) {
  rig_forget(&rig);
  assert_fails(ENCODE, lily_session_runtime_dispatch(rig.runtime, NULL));
  assert_int_equal(rig.event_count, 1);
  assert_event(&rig, 0, LILY_SESSION_EVENT_FIELD_FAILED, LILY_SESSION_ERROR_ENCODE, 0, key);
}

TEST(members_nested__S7_what_json_cannot_hold) {
  lily_session_storage *storage = open_memory();
  fill_app();
  begin(storage);
  app.window_count = 4;
  check_unstorable("windows");
  app.window_count = -1;
  check_unstorable("windows");
  app.window_count = 2;
  app.tab_count = (size_t)-1;
  check_unstorable("tabs");
  app.tab_count = 2;
  app.tabs[1].zoom = NAN;
  check_unstorable("tabs");
  app.tabs[1].zoom = 0;
  app.tabs[0].path[0] = '\xff';
  check_unstorable("tabs");
  app.tabs[0].path[0] = '/';
  app.gains[2] = INFINITY;
  check_unstorable("gains");
  app.gains[2] = 1e-45f;
  app.axes[0] = 2;
  check_unstorable("axes");
  app.axes[0] = METRIC;
  memset(app.window.title, 'x', sizeof app.window.title);
  check_unstorable("window");
  strcpy(app.window.title, "a \"b\"");
  rig_dispatch(&rig);
  assert_entries(storage, 0);
  rig_end(&rig);
  free_app();
  lily_session_storage_close(storage);
}

static lily_session_status add_one(void *context, const lily_session_value *stored, lily_session_value *out_value) {
  (void)context;
  assert_int_equal(stored->type, LILY_SESSION_JSON);
  assert_string_equal(stored->as.text.bytes, "[{\"width\":1}]");
  static const char json[] = "[ {\"width\" : 1}, {\"h\\u00f6he\": 2} ]";
  *out_value = (lily_session_value){.type = LILY_SESSION_JSON, .as.text = {json, sizeof json - 1}};
  return LILY_SESSION_OK;
}

/* modify gives and takes JSON; a reset restores the value from before attach. */
TEST(members_nested__S27_modify_and_reset) {
  lily_session_storage *storage = memory_with("lily_session_windows", "[{\"width\":1}]");
  fill_app();
  begin(storage);
  assert_int_equal(app.window_count, 1);
  assert_ok(lily_session_modify(rig.session, "windows", add_one, NULL));
  assert_int_equal(app.window_count, 2);
  assert_int_equal(app.windows[1].height, 2);
  assert_ok(lily_session_reset(rig.session, "windows"));
  assert_int_equal(app.window_count, 2);
  assert_string_equal(app.windows[0].title, "one");
  assert_int_equal(app.windows[1].height, 4);
  rig_end(&rig);
  free_app();
  lily_session_storage_close(storage);
}

/* The struct's members need not be aligned. */
struct __attribute__((packed)) packed {
  char shift;
  struct __attribute__((packed)) inner {
    char shift;
    uint32_t number;
    float real;
    char *text;
  } inner[2];
  int16_t count;
  int32_t *pointer;
};

TEST(members_nested__S27_of_a_packed_struct) {
  static const lily_session_field inner[] = {
      LILY_SESSION_FIELD_UINT32(struct inner, number),
      LILY_SESSION_FIELD_FLOAT(struct inner, real),
      LILY_SESSION_FIELD_STRING(struct inner, text),
  };
  const lily_session_field fields[] = {
      LILY_SESSION_FIELD_LIST(struct packed, inner, count, inner, COUNT(inner)),
      LILY_SESSION_FIELD_POINTER(INT32, struct packed, pointer),
  };
  lily_session_storage *storage = memory_with("lily_session_inner", "[{\"number\":4294967295,\"real\":0.1,\"text\":\"t\"}]");
  assert_ok(set_text(storage, "lily_session_pointer", "-5"));
  for (size_t shift = 0; shift < 8; shift++) {
    char *room = calloc(1, shift + sizeof(struct packed));
    struct packed *packed = (void *)(room + shift);
    attach(storage, fields, COUNT(fields), packed);
    assert_int_equal(packed->count, 1);
    assert_true(packed->inner[0].number == UINT32_MAX && packed->inner[0].real == 0.1f);
    assert_string_equal(packed->inner[0].text, "t");
    assert_int_equal(*packed->pointer, -5);
    rig_dispatch(&rig);
    assert_stored(storage, "lily_session_pointer", "-5");
    rig_end(&rig);
    free(packed->inner[0].text);
    free(packed->pointer);
    free(room);
  }
  lily_session_storage_close(storage);
}
