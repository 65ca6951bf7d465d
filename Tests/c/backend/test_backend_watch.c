/* S10: the descriptor of a backend polls readable until it is read from. The library's polls readable until each session has refreshed. */
#include "elsewhere.h"
#include "files.h"
#include "table.h"

#include <fcntl.h>
#include <sys/eventfd.h>

static struct table table;
static struct rig rig, other;
static struct probe theme, others;
static int64_t now;

/* Reading makes the table's descriptor quiet, as a socket's is when its messages were taken. */
static void take_messages(struct table *table_, int function) {
  eventfd_t count;
  if (function == TABLE_READ || function == TABLE_LOAD || function == TABLE_EACH) (void)eventfd_read(table_->fd_result, &count);
}

static void changed(const char *key, const char *json) {
  table_put(&table, key, json, 0, 0);
  assert_int_equal(eventfd_write(table.fd_result, 1), 0);
}

static lily_session_storage *begin(bool is_whole) {
  now = 1000;
  table = (struct table){.fd_result = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .hook = take_messages};
  assert_true(table.fd_result >= 0);
  return is_whole ? table_open_whole(&table, &now) : table_open(&table, &now);
}

static void attach(struct rig *rig_, struct probe *probe, lily_session_storage *storage) {
  rig_begin(rig_, storage);
  rig_field(rig_, probe, "theme", LILY_SESSION_STRING);
  probe_string(probe, "light");
  rig_attach(rig_);
}

static void end(void) {
  close(table.fd_result);
  table_free(&table);
}

TEST(backend__S10_its_descriptor_waits_for_each_session) {
  lily_session_storage *storage = begin(true), *again = NULL;
  lily_session_storage *scope = open_scope(storage, "u");
  assert_ok(lily_session_storage_scoped(storage, "u", &again));
  attach(&rig, &theme, scope);
  attach(&other, &others, again);
  const int fd = lily_session_storage_fd(scope);
  assert_string_equal(table.prefix, "\1u\1");
  assert_int_equal(table.fds, 0);
  assert_int_equal(lily_session_storage_fd(again), fd); /* one for all who have the scope open */
  assert_false(readable(fd, 0));
  changed("\1u\1lily_session_theme", "\"dark\"");
  assert_true(readable(fd, 0));
  assert_stored(scope, "lily_session_theme", "\"dark\"");
  assert_true(readable(fd, 0)); /* a get is no refresh */
  assert_ok(lily_session_refresh(rig.session));
  assert_true(readable(fd, 0)); /* the other one does not know it yet */
  assert_ok(lily_session_refresh(other.session));
  assert_false(readable(fd, 0));
  assert_string_equal(theme.text, "dark");
  assert_string_equal(others.text, "dark");
  changed("\1u\1lily_session_theme", "\"blue\"");
  assert_ok(lily_session_refresh(other.session));
  assert_true(readable(fd, 0));
  rig_end(&rig); /* nobody waits for a session that has ended */
  assert_false(readable(fd, 0));
  rig_end(&other);
  lily_session_storage_close(storage);
  end();
}

TEST(backend__S10_without_sessions_its_descriptor_waits_for_a_read) {
  lily_session_storage *storage = begin(false);
  lily_session_storage *scope = open_scope(storage, "u");
  const int fd = lily_session_storage_fd(storage);
  assert_int_equal(lily_session_storage_fd(scope), fd); /* it has none for scopes */
  changed("k", "1");
  assert_true(readable(fd, 0));
  assert_ok(set_text(storage, "own", "1"));
  assert_true(readable(fd, 0));
  assert_entries(storage, 2);
  assert_false(readable(fd, 0));
  lily_session_storage_close(scope);
  lily_session_storage_close(storage);
  end();
}

/* A file that is none of the system's own kinds cannot be waited for. */
TEST(backend__a_descriptor_that_cannot_be_polled_is_none) {
  lily_session_storage *storage = begin(false);
  const int waits = table.fd_result;
  const int wrong[] = {-1, 100000, open("/dev/null", O_RDONLY | O_CLOEXEC)};
  for (size_t i = 0; i < COUNT(wrong); i++) {
    table.fd_result = wrong[i];
    assert_int_equal(lily_session_storage_fd(storage), -1);
  }
  close(wrong[2]);
  table.fd_result = waits;
  assert_true(lily_session_storage_fd(storage) >= 0); /* it may have one later */
  lily_session_storage_close(storage);
  end();
}
