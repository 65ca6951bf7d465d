/* A release notifier runs exactly once, in whichever order handles end. */
#include "rig.h"

static void begin(struct rig *rig, struct probe *theme) {
  rig_begin(rig, open_storage(JOURNAL));
  rig_attach_theme(rig, theme);
}

TEST(release__a_list_that_was_never_attached) {
  lily_session_persistence *fields = lily_session_persistence_new();
  struct probe probes[20];
  memset(probes, 0, sizeof probes);
  for (size_t i = 0; i < COUNT(probes); i++) {
    char key[20];
    snprintf(key, sizeof key, "field %zu", i);
    lily_session_field field = probe_field(&probes[i], key, LILY_SESSION_INT);
    assert_ok(lily_session_field_add(fields, &field));
  }
  for (size_t i = 0; i < COUNT(probes); i++) assert_int_equal(probes[i].releases, 0);
  lily_session_persistence_free(fields);
  for (size_t i = 0; i < COUNT(probes); i++) assert_int_equal(probes[i].releases, 1);
}

/* A step, and how often the notifiers of the session and of the field have run after it. */
struct step {
  enum { LAST, FREE_LIST, DETACH, ABANDON, FREE_RUNTIME, CLOSE_STORAGE, CHANGE } kind;
  int session, field;
};

/* Each row is an order of steps. rig_end() ends what a row leaves open. */
static const struct step orders[][4] = {
    {{DETACH, 1, 0}},
    {{FREE_LIST, 0, 0}, {CHANGE, 0, 0}, {DETACH, 1, 1}},
    {{FREE_RUNTIME, 1, 0}, {DETACH, 1, 0}},
    {{FREE_LIST, 0, 0}, {FREE_RUNTIME, 1, 1}},
    {{CLOSE_STORAGE, 0, 0}, {CHANGE, 0, 0}},
    {{FREE_LIST, 0, 0}, {ABANDON, 1, 1}},
    {{FREE_RUNTIME, 1, 0}, {ABANDON, 1, 0}},
};

TEST(release__in_every_order) {
  for (size_t i = 0; i < COUNT(orders); i++) {
    struct rig rig;
    struct probe theme;
    bool has_changed = false;
    begin(&rig, &theme);
    for (const struct step *step = orders[i]; step->kind != LAST; step++) {
      print_message("order %zu, step %d\n", i, (int)(step - orders[i]));
      switch (step->kind) {
        case LAST: break;
        case FREE_LIST: end_by(lily_session_persistence_free, rig.fields); break;
        case DETACH: end_by(lily_session_detach, rig.session); break;
        case ABANDON: end_by(lily_session_abandon, rig.session); break;
        case FREE_RUNTIME: end_by(lily_session_runtime_free, rig.runtime); break;
        case CLOSE_STORAGE: end_by(lily_session_storage_close, rig.storage); break;
        case CHANGE:
          probe_string(&theme, "dark");
          rig_dispatch(&rig);
          has_changed = true;
      }
      assert_int_equal(rig.releases, step->session);
      assert_int_equal(theme.releases, step->field);
    }
    rig_end(&rig);
    assert_int_equal(rig.releases, 1);
    assert_int_equal(theme.releases, 1);
    lily_session_storage *storage = open_storage(JOURNAL);
    if (has_changed)
      assert_stored(storage, "lily_session_theme", "\"dark\"");
    else
      assert_absent(storage, "lily_session_theme");
    lily_session_storage_close(storage);
    unlink(JOURNAL);
  }
}

/* Several sessions may be attached with one list. The fields live until the last of these sessions has ended. */
TEST(release__a_list_of_two_sessions) {
  struct rig one, two;
  struct probe theme;
  begin(&one, &theme);
  rig_begin(&two, open_memory());
  assert_ok(lily_session_attach(two.runtime, one.fields, &two.config, &two.session));
  end_by(lily_session_persistence_free, one.fields);
  rig_end(&one);
  assert_int_equal(one.releases, 1);
  assert_int_equal(theme.releases, 0);
  theme.rig = NULL;
  rig_end(&two);
  assert_int_equal(two.releases, 1);
  assert_int_equal(theme.releases, 1);
}

/* The header says of a field that is added later: "Sessions attached before do not see it." */
TEST(release__a_field_added_after_attach) {
  struct rig rig;
  struct probe theme, late = {0};
  begin(&rig, &theme);
  rig_field(&rig, &late, "late", LILY_SESSION_INT);
  probe_int(&late, 5);
  rig_dispatch(&rig);
  assert_int_equal(late.gets, 0);
  int32_t state;
  assert_fails(NOT_FOUND, lily_session_field_state(rig.session, "late", &state));
  end_by(lily_session_persistence_free, rig.fields);
  assert_int_equal(late.releases, 1);
  assert_int_equal(theme.releases, 0);
  rig_end(&rig);
  assert_int_equal(late.releases, 1);
  assert_int_equal(theme.releases, 1);
}

/* A field's notifier runs while the session's fields are freed, so the session must not look at them any more. */
static void ask_session(void *context) {
  struct probe *probe = context;
  lily_session *session = probe->rig->session;
  int32_t state;
  probe->releases++;
  assert_fails(INVALID_ARGUMENT, lily_session_field_state(session, "theme", &state));
  assert_fails(INVALID_ARGUMENT, lily_session_mark(session, "visits"));
  assert_fails(INVALID_ARGUMENT, lily_session_persist(session));
  assert_int_equal(lily_session_next_expiry(session), -1);
}

TEST(release__S15_a_notifier_finds_its_session_detached) {
  struct rig rig;
  struct probe theme = {0}, visits = {0};
  rig_begin(&rig, open_memory());
  lily_session_field field = probe_field(&theme, "theme", LILY_SESSION_STRING);
  field.release = ask_session;
  rig_add(&rig, &theme, field);
  field.key = "visits";
  field.context = &visits;
  rig_add(&rig, &visits, field);
  probe_string(&theme, "light");
  probe_string(&visits, "none");
  rig_attach(&rig);
  end_by(lily_session_persistence_free, rig.fields);
  end_by(lily_session_runtime_free, rig.runtime);
  assert_int_equal(theme.releases, 1);
  assert_int_equal(visits.releases, 1);
  rig_end(&rig);
}

/* A notifier may be the place where a host ends the rest of what it has. */
struct owner {
  lily_session_storage *storage;
  int releases;
};
static void release_owner(void *context) {
  struct owner *owner = context;
  char *json;
  owner->releases++;
  lily_session_storage_get(owner->storage, "lily_session_absent", &json, NULL);
  lily_session_storage_close(owner->storage);
}

TEST(release__S15_a_notifier_may_call_the_library) {
  struct owner owner = {open_memory(), 0};
  lily_session_persistence *fields = lily_session_persistence_new();
  struct probe probe = {0};
  lily_session_field field = probe_field(&probe, "theme", LILY_SESSION_STRING);
  field.context = &owner;
  field.release = release_owner;
  field.types = 0;
  assert_fails(INVALID_ARGUMENT, lily_session_field_add(fields, &field));
  assert_int_equal(owner.releases, 1);
  assert_null(strstr(lily_session_last_error(), "absent"));
  lily_session_persistence_free(fields);
}
