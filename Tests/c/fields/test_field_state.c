/* lily_session_field_state() after every outcome of hydration, and after the next change: the stored text stays readable until its field
   changes. */
#include "journal.h"
#include "rig.h"

static int64_t now;
static struct rig rig;
static struct probe theme, visits;

static lily_session_status double_it(void *context, uint32_t stored_version, const lily_session_value *stored, lily_session_value *out_value) {
  (void)context, (void)stored_version;
  if (stored->as.text.bytes[0] == '"') return LILY_SESSION_ERROR_DECODE;
  out_value->type = LILY_SESSION_INT;
  out_value->as.integer = 2 * atoi(stored->as.text.bytes);
  return LILY_SESSION_OK;
}

/* Attaches a field of version 3. It has a migrate callback and the former key "age", and expires 500 ms after a write. */
static void begin(void) {
  const char *const former[] = {"age", NULL};
  memset(&visits, 0, sizeof visits);
  now = 1000;
  rig_begin(&rig, open_clocked(JOURNAL, &now, 0));
  lily_session_field field = probe_field(&visits, "visits", LILY_SESSION_INT);
  field.version = 3;
  field.migrate = double_it;
  field.former_keys = former;
  field.expires_after_ms = 500;
  rig_add(&rig, &visits, field);
  rig_field(&rig, &theme, "theme", LILY_SESSION_STRING);
  probe_int(&visits, 7);
  probe_string(&theme, "light");
  rig_attach(&rig);
}

struct outcome {
  const char *name, *line; /* `line` is the only line of the journal; NULL if the journal has none */
  int32_t state;
  int64_t value;
  int event;                  /* the kind of the event; 0: there is no event */
  lily_session_status status; /* the status of the event, and what touch returns */
  bool stays;                 /* true: the entry is written again only when the field changes */
};

static const struct outcome outcomes[] = {
    {"absent", NULL, LILY_SESSION_STATE_ABSENT, 7, 0, LILY_SESSION_ERROR_NOT_FOUND, true},
    {"loaded", "\"set\",\"lily_session_visits\",3,0,3", LILY_SESSION_STATE_LOADED, 3, 0, LILY_SESSION_OK, true},
    {"loaded, to expire", "\"set\",\"lily_session_visits\",3,1001,3", LILY_SESSION_STATE_LOADED, 3, 0, LILY_SESSION_OK, true},
    {"another type", "\"set\",\"lily_session_visits\",\"x\",0,3", LILY_SESSION_STATE_REJECTED, 7, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, true},
    {"no integer", "\"set\",\"lily_session_visits\",1.5,0,3", LILY_SESSION_STATE_REJECTED, 7, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, true},
    {"not migrated", "\"set\",\"lily_session_visits\",\"x\",0,1", LILY_SESSION_STATE_REJECTED, 7, LILY_SESSION_EVENT_REJECTED, LILY_SESSION_ERROR_DECODE, true},
    {"expired", "\"set\",\"lily_session_visits\",3,1000,3", LILY_SESSION_STATE_EXPIRED, 7, 0, LILY_SESSION_ERROR_NOT_FOUND, true},
    {"expired, and older", "\"set\",\"lily_session_visits\",3,999", LILY_SESSION_STATE_EXPIRED, 7, 0, LILY_SESSION_ERROR_NOT_FOUND, true},
    {"expired, and newer", "\"set\",\"lily_session_visits\",3,999,9", LILY_SESSION_STATE_EXPIRED, 7, 0, LILY_SESSION_ERROR_NOT_FOUND, true},
    {"newer", "\"set\",\"lily_session_visits\",3,0,4", LILY_SESSION_STATE_NEWER, 7, LILY_SESSION_EVENT_NEWER, LILY_SESSION_ERROR_NEWER, true},
    {"newer, of another type", "\"set\",\"lily_session_visits\",[],0,4", LILY_SESSION_STATE_NEWER, 7, LILY_SESSION_EVENT_NEWER, LILY_SESSION_ERROR_NEWER, true},
    {"migrated", "\"set\",\"lily_session_visits\",3,0,2", LILY_SESSION_STATE_MIGRATED | LILY_SESSION_STATE_DIRTY, 6, 0, LILY_SESSION_OK, false},
    {"migrated from version 0", "\"set\",\"lily_session_visits\",3,0", LILY_SESSION_STATE_MIGRATED | LILY_SESSION_STATE_DIRTY, 6, 0, LILY_SESSION_OK, false},
    {"renamed", "\"set\",\"lily_session_age\",3,0,3", LILY_SESSION_STATE_MIGRATED | LILY_SESSION_STATE_DIRTY, 3, 0, LILY_SESSION_OK, false},
    {"renamed and migrated", "\"set\",\"lily_session_age\",3,0,1", LILY_SESSION_STATE_MIGRATED | LILY_SESSION_STATE_DIRTY, 6, 0, LILY_SESSION_OK, false},
};

static void store(const struct outcome *outcome) {
  struct journal journal;
  unlink(JOURNAL);
  journal_begin(&journal);
  if (outcome->line != NULL) journal_line(&journal, outcome->line);
  journal_save(&journal, JOURNAL);
}

TEST(field_state__of_every_outcome) {
  for (size_t i = 0; i < COUNT(outcomes); i++) {
    const struct outcome *outcome = &outcomes[i];
    print_message("%s\n", outcome->name);
    store(outcome);
    struct bytes before = file_read(JOURNAL);
    begin();
    assert_state(rig.session, "visits", outcome->state);
    assert_int_equal(visits.value.as.integer, outcome->value);
    assert_int_equal(rig.event_count, outcome->event == 0 ? 0 : 1);
    if (outcome->event != 0) assert_event(&rig, 0, outcome->event, outcome->status, 0, "visits");
    assert_file_is(JOURNAL, before); /* attach wrote nothing */
    rig_end(&rig);
  }
}

TEST(field_state__S4_what_is_stored_stays_until_its_field_changes) {
  for (size_t i = 0; i < COUNT(outcomes); i++) {
    const struct outcome *outcome = &outcomes[i];
    print_message("%s\n", outcome->name);
    if (!outcome->stays || outcome->line == NULL) continue;
    store(outcome);
    begin();
    char *text = NULL, *again = NULL;
    const lily_session_status status = lily_session_storage_get(rig.storage, "lily_session_visits", &text, NULL);
    assert_int_equal(status, outcome->state == LILY_SESSION_STATE_EXPIRED ? LILY_SESSION_ERROR_NOT_FOUND : LILY_SESSION_OK);
    probe_string(&theme, "dark");
    rig_dispatch(&rig);
    assert_ok(lily_session_refresh(rig.session));
    assert_ok(lily_session_flush(rig.session));
    assert_state(rig.session, "visits", outcome->state);
    assert_operation(JOURNAL, 0, outcome->line);
    assert_int_equal(operations(JOURNAL), 2);
    assert_int_equal(lily_session_storage_get(rig.storage, "lily_session_visits", &again, NULL), status);
    if (status == LILY_SESSION_OK) assert_string_equal(again, text);
    lily_session_free(text);
    lily_session_free(again);
    /* Now it changes. */
    probe_int(&visits, 55);
    rig_dispatch(&rig);
    assert_state(rig.session, "visits", LILY_SESSION_STATE_LOADED);
    assert_operation(JOURNAL, 2, "\"set\",\"lily_session_visits\",55,1500,3");
    rig_end(&rig);
  }
}

TEST(field_state__S9_touch_of_every_outcome) {
  for (size_t i = 0; i < COUNT(outcomes); i++) {
    const struct outcome *outcome = &outcomes[i];
    print_message("%s\n", outcome->name);
    store(outcome);
    begin();
    assert_returns(outcome->status, lily_session_touch(rig.session, "visits"));
    if (outcome->status != LILY_SESSION_OK) {
      assert_state(rig.session, "visits", outcome->state);
      assert_int_equal(operations(JOURNAL), outcome->line == NULL ? 0 : 1);
    } else {
      assert_state(rig.session, "visits", LILY_SESSION_STATE_LOADED);
      assert_int_equal(lily_session_next_expiry(rig.session), 500);
      now = 1499;
      char *text = NULL;
      assert_ok(lily_session_storage_get(rig.storage, "lily_session_visits", &text, NULL));
      lily_session_free(text);
    }
    rig_end(&rig);
  }
}

TEST(field_state__while_the_program_runs) {
  store(&outcomes[0]);
  begin();
  probe_int(&visits, 8);
  rig_dispatch(&rig);
  assert_state(rig.session, "visits", LILY_SESSION_STATE_LOADED);
  now = 1499;
  assert_state(rig.session, "visits", LILY_SESSION_STATE_LOADED);
  now = 1500;
  assert_state(rig.session, "visits", LILY_SESSION_STATE_EXPIRED);
  now = 1499; /* a clock that is set back */
  assert_state(rig.session, "visits", LILY_SESSION_STATE_LOADED);
  assert_ok(lily_session_clear(rig.storage));
  assert_state(rig.session, "visits", LILY_SESSION_STATE_ABSENT);
  rig_end(&rig);
}

TEST(field_state__arguments) {
  store(&outcomes[0]);
  begin();
  int32_t state = 4711;
  char *too_long = repeated('k', 769);
  assert_fails(INVALID_ARGUMENT, lily_session_field_state(NULL, "visits", &state));
  assert_fails(INVALID_ARGUMENT, lily_session_field_state(rig.session, NULL, &state));
  assert_fails(INVALID_ARGUMENT, lily_session_field_state(rig.session, "visits", NULL));
  assert_fails(INVALID_ARGUMENT, lily_session_field_state(rig.session, too_long, &state));
  assert_fails(NOT_FOUND, lily_session_field_state(rig.session, "age", &state)); /* no field has this key now */
  assert_fails(NOT_FOUND, lily_session_field_state(rig.session, "lily_session_visits", &state));
  end_by(lily_session_runtime_free, rig.runtime);
  assert_fails(INVALID_ARGUMENT, lily_session_field_state(rig.session, "visits", &state));
  assert_int_equal(state, 4711);
  rig_end(&rig);
  free(too_long);
}
