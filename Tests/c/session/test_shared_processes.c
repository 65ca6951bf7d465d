/* S10 and S16: several processes run at once, and each changes a field of its own and refreshes. A value that one has seen of another never
   goes back to an older one, and a process that waits for its descriptor misses no change. */
#include "journal.h"
#include "storages.h"

#include <poll.h>

enum { PROCESSES = 3, ROUNDS = 150 };

struct board {
  int64_t counts[PROCESSES];
};

struct player {
  const char *path;
  int own;
  int ready[2], go[2]; /* pipes: all begin once all are attached */
};

struct board_and_events {
  struct board board;
  int changed, others;
};

static void on_event(void *context, const lily_session_event *event) {
  struct board_and_events *all = context;
  if (event->kind == LILY_SESSION_EVENT_CHANGED)
    all->changed++;
  else
    all->others++;
}

/* A process that counts to ROUNDS, and then waits until all others have done so. */
static int play(void *context) {
  const struct player *player = context;
  const char *const keys[PROCESSES] = {"zero", "one", "two"};
  struct board_and_events all = {0};
  struct board *board = &all.board;
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime = NULL;
  lily_session *session = NULL;
  alarm(300); /* so that the test fails if the process hangs */
  CHILD_CHECK(lily_session_storage_open(player->path, NULL, &config.storage) == LILY_SESSION_OK);
  const int fd = lily_session_storage_fd(config.storage);
  CHILD_CHECK(fd >= 0);
  for (int i = 0; i < PROCESSES; i++) {
    lily_session_field field = LILY_SESSION_FIELD_INT64(struct board, counts[0]);
    field.key = keys[i];
    field.member_offset = (size_t)i * sizeof(int64_t);
    field.member_size = sizeof(int64_t);
    CHILD_CHECK(lily_session_field_add(fields, &field) == LILY_SESSION_OK);
  }
  config.on_event = on_event;
  config.context = &all;
  CHILD_CHECK(lily_session_runtime_new(board, NULL, NULL, &runtime) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_attach(runtime, fields, &config, &session) == LILY_SESSION_OK);
  char nothing;
  close(player->go[1]);
  CHILD_CHECK(write(player->ready[1], "", 1) == 1);
  CHILD_CHECK(read(player->go[0], &nothing, 1) == 0);
  for (;;) {
    int done = 0;
    for (int i = 0; i < PROCESSES; i++) done += board->counts[i] == ROUNDS;
    if (done == PROCESSES) break;
    const struct board before = *board;
    if (board->counts[player->own] < ROUNDS) {
      board->counts[player->own]++;
    } else {
      /* This process has nothing left to count, so it sleeps until another one has stored something. */
      struct pollfd poller = {.fd = fd, .events = POLLIN};
      CHILD_CHECK(poll(&poller, 1, -1) == 1);
    }
    const int64_t own = board->counts[player->own];
    CHILD_CHECK(lily_session_refresh(session) == LILY_SESSION_OK);
    CHILD_CHECK(board->counts[player->own] == own);
    for (int i = 0; i < PROCESSES; i++) CHILD_CHECK(board->counts[i] >= before.counts[i]);
  }
  CHILD_CHECK(all.others == 0);
  CHILD_CHECK(all.changed >= PROCESSES - 1);
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  return 0;
}

TEST(shared_processes__S10_each_sees_the_others) {
  struct player players[PROCESSES];
  pid_t children[PROCESSES];
  int ready[2], go[2];
  char nothing;
  assert_int_equal(pipe(ready), 0);
  assert_int_equal(pipe(go), 0);
  for (int i = 0; i < PROCESSES; i++) {
    players[i] = (struct player){JOURNAL, i, {ready[0], ready[1]}, {go[0], go[1]}};
    children[i] = start_child(play, &players[i]);
  }
  close(ready[1]); /* so that read() returns 0 if all of them fail */
  for (int i = 0; i < PROCESSES; i++) assert_int_equal(read(ready[0], &nothing, 1), 1);
  close(ready[0]);
  close(go[0]);
  close(go[1]);
  for (int i = 0; i < PROCESSES; i++) assert_int_equal(end_of_child(children[i]), 0);
  lily_session_storage *storage = open_storage(JOURNAL);
  char text[20];
  snprintf(text, sizeof text, "%d", ROUNDS);
  assert_stored(storage, "lily_session_zero", text);
  assert_stored(storage, "lily_session_one", text);
  assert_stored(storage, "lily_session_two", text);
  assert_int_equal(info_of(storage).damaged_lines, 0);
  lily_session_storage_close(storage);
}

/* Some processes clear while others write. Once nobody writes any more, a last clear leaves nothing. */
struct logged_in {
  const char *path;
  int ready, stop; /* ends of pipes: one that is written to, and one that becomes readable */
};

static int write_on_and_on(void *context) {
  const struct logged_in *mine = context;
  struct app {
    int64_t visits;
    char token[40];
  } app = {0, "none"};
  lily_session_config config = LILY_SESSION_CONFIG_INIT;
  lily_session_persistence *fields = lily_session_persistence_new();
  lily_session_runtime *runtime = NULL;
  lily_session *session = NULL;
  const lily_session_field visits = LILY_SESSION_FIELD_INT64(struct app, visits), token = LILY_SESSION_FIELD_CHARS(struct app, token);
  alarm(300);
  CHILD_CHECK(lily_session_storage_open(mine->path, NULL, &config.storage) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_field_add(fields, &visits) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_field_add(fields, &token) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_runtime_new(&app, NULL, NULL, &runtime) == LILY_SESSION_OK);
  CHILD_CHECK(lily_session_attach(runtime, fields, &config, &session) == LILY_SESSION_OK);
  /* The token is written once, before any clear; the visits go on. */
  strcpy(app.token, SECRET);
  CHILD_CHECK(lily_session_persist(session) == LILY_SESSION_OK);
  CHILD_CHECK(write(mine->ready, "", 1) == 1);
  struct pollfd stop = {.fd = mine->stop, .events = POLLIN};
  while (poll(&stop, 1, 0) == 0) {
    app.visits++;
    CHILD_CHECK(lily_session_persist(session) == LILY_SESSION_OK);
  }
  lily_session_detach(session);
  lily_session_runtime_free(runtime);
  lily_session_persistence_free(fields);
  lily_session_storage_close(config.storage);
  return 0;
}

TEST(shared_processes__S8_a_token_does_not_come_back) {
  pid_t children[2];
  int ready[2], ends[2];
  char nothing;
  assert_int_equal(pipe(ready), 0);
  assert_int_equal(pipe(ends), 0);
  struct logged_in writer = {JOURNAL, ready[1], ends[0]};
  lily_session_storage *storage = open_storage(JOURNAL);
  for (size_t i = 0; i < COUNT(children); i++) children[i] = start_child(write_on_and_on, &writer);
  close(ready[1]);
  for (size_t i = 0; i < COUNT(children); i++) assert_int_equal(read(ready[0], &nothing, 1), 1);
  close(ready[0]);
  assert_stored(storage, "lily_session_token", "\"" SECRET "\"");
  for (int i = 0; i < 50; i++) {
    assert_ok(lily_session_clear(storage));
    assert_absent(storage, "lily_session_token");
    usleep(2000);
    assert_absent(storage, "lily_session_token");
  }
  assert_int_equal(write(ends[1], "x", 1), 1);
  for (size_t i = 0; i < COUNT(children); i++) assert_int_equal(end_of_child(children[i]), 0);
  assert_absent(storage, "lily_session_token");
  close(ends[0]);
  close(ends[1]);
  assert_ok(lily_session_clear(storage));
  lily_session_storage_close(storage);
  assert_false(file_has(JOURNAL, SECRET));
}
