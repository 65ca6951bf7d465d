/* A counter and a best score that several instances of a game change at the same time.
 *
 *   scores [POINTS [TIMES]]     adds TIMES games of that many points, and shows both */
#include <inttypes.h>
#include <lily_session.h>
#include <stdio.h>
#include <stdlib.h>

struct app { int64_t games, best; };

static int fail(void) { fprintf(stderr, "scores: %s\n", lily_session_last_error()); return 1; }

/* Both go by what is stored at this moment, and not by the model. `stored` is NULL if nothing is. */
static lily_session_status add_one(void *context, const lily_session_value *stored, lily_session_value *out) {
  (void)context;
  out->type = LILY_SESSION_INT;
  out->as.integer = (stored ? stored->as.integer : 0) + 1;
  return LILY_SESSION_OK;
}

static lily_session_status keep_best(void *points, const lily_session_value *stored, lily_session_value *out) {
  out->type = LILY_SESSION_INT;
  out->as.integer = stored && stored->as.integer > *(int64_t *)points ? stored->as.integer : *(int64_t *)points;
  return LILY_SESSION_OK;
}

int main(int argc, char **argv) {
  struct app app = { 0, 0 };
  const lily_session_field fields[] = { LILY_SESSION_FIELD_INT64(struct app, games), LILY_SESSION_FIELD_INT64(struct app, best) };
  lily_session *session;
  if (lily_session_open("scores", &app, fields, 2, &session)) return fail();

  int64_t points = argc > 1 ? atoi(argv[1]) : 0;
  for (int left = argc > 2 ? atoi(argv[2]) : argc > 1; left > 0; left--)
    if (lily_session_modify(session, "games", add_one, NULL) || lily_session_modify(session, "best", keep_best, &points)) return fail();

  printf("%" PRId64 " games, best %" PRId64 "\n", app.games, app.best); /* the model has the outcome */
  lily_session_close(session);
  return 0;
}
