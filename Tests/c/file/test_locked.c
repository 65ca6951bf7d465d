/* A process is stopped while it holds the file's lock. Every writer waits for 5 s and then returns BUSY; here all wait at the same time.
   Readers do not wait. */
#include "journal.h"
#include "rig.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>

struct waiter {
  pthread_t thread;
  lily_session_storage *storage;
  lily_session_runtime *runtime;
  lily_session_status (*call)(struct waiter *waiter);
  lily_session_status result;
  bool has_message;
};

static lily_session_status call_set(struct waiter *waiter) { return set_text(waiter->storage, "a", "2"); }
static lily_session_status call_remove(struct waiter *waiter) { return lily_session_storage_remove(waiter->storage, "a"); }
static lily_session_status call_clear(struct waiter *waiter) { return lily_session_clear(waiter->storage); }
static lily_session_status call_dispatch(struct waiter *waiter) { return lily_session_runtime_dispatch(waiter->runtime, NULL); }
static lily_session_status call_open(struct waiter *waiter) { return lily_session_storage_open(JOURNAL, NULL, &waiter->storage); }

static void *run(void *context) {
  struct waiter *waiter = context;
  waiter->result = waiter->call(waiter);
  waiter->has_message = lily_session_last_error()[0] != '\0';
  return NULL;
}

TEST(locked__S6_writers_return_BUSY_and_readers_do_not_wait) {
  struct rig rig;
  struct probe theme = {0};
  rig_begin(&rig, open_storage(JOURNAL));
  rig_attach_theme(&rig, &theme);
  assert_ok(set_text(rig.storage, "a", "1"));
  lily_session_status (*const calls[])(struct waiter *) = {call_set, call_remove, call_clear, call_dispatch, call_open};
  struct waiter waiters[COUNT(calls)];
  memset(waiters, 0, sizeof waiters);
  /* Each thread has a handle of its own, because only one of the threads that share a handle waits for the lock at a time. */
  for (size_t i = 0; i < 3; i++) waiters[i].storage = open_storage(JOURNAL);
  waiters[3].runtime = rig.runtime;
  probe_string(&theme, "dark");
  lily_session_storage *reader = open_storage(JOURNAL), *read_only = NULL;
  struct bytes before = file_read(JOURNAL);

  int holder = open(JOURNAL, O_RDONLY | O_CLOEXEC);
  assert_int_equal(flock(holder, LOCK_EX), 0);
  for (size_t i = 0; i < COUNT(calls); i++) {
    waiters[i].call = calls[i];
    assert_int_equal(pthread_create(&waiters[i].thread, NULL, run, &waiters[i]), 0);
  }
  assert_stored(reader, "a", "1");
  assert_entries(reader, 1);
  lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
  options.flags = LILY_SESSION_READ_ONLY;
  assert_ok(lily_session_storage_open(JOURNAL, &options, &read_only));
  assert_stored(read_only, "a", "1");
  for (size_t i = 0; i < COUNT(calls); i++) assert_int_equal(pthread_join(waiters[i].thread, NULL), 0);
  assert_file_is(JOURNAL, before);
  for (size_t i = 0; i < COUNT(calls); i++) {
    assert_int_equal(waiters[i].result, LILY_SESSION_ERROR_BUSY);
    assert_true(waiters[i].has_message);
  }
  assert_null(waiters[4].storage);
  assert_int_equal(rig.event_count, 1);
  assert_int_equal(rig.events[0].kind, LILY_SESSION_EVENT_WRITE_FAILED);
  assert_int_equal(rig.events[0].status, LILY_SESSION_ERROR_BUSY);
  assert_state(rig.session, "theme", LILY_SESSION_STATE_ABSENT | LILY_SESSION_STATE_DIRTY);

  close(holder);
  assert_ok(lily_session_persist(rig.session));
  assert_stored(reader, "lily_session_theme", "\"dark\"");
  assert_ok(call_set(&waiters[0]));
  assert_stored(reader, "a", "2");
  for (size_t i = 0; i < 3; i++) lily_session_storage_close(waiters[i].storage);
  lily_session_storage_close(reader);
  lily_session_storage_close(read_only);
  rig_end(&rig);
}
