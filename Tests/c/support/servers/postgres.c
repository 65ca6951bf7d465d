/* The backend of examples/c/postgres.c, on the server that the environment names (scripts/with-postgres). */
#define main example
#include "../../../../examples/c/postgres.c"
#undef main
#include "server.h"

void server_empty(void) {
  PGconn *connection = PQconnectdb("");
  PQsetNoticeProcessor(connection, ignore, NULL);
  PGresult *result = PQexec(connection, "DROP TABLE IF EXISTS lily_session, lily_cleared");
  if (PQresultStatus(result) != PGRES_COMMAND_OK) {
    fputs(PQerrorMessage(connection), stderr);
    exit(1);
  }
  PQclear(result);
  PQfinish(connection);
}

/* A store is not freed, because its storage may be retained by scopes. */
lily_session_status server_open(const lily_session_storage_options *options, lily_session_storage **out_storage) {
  struct store *store = malloc(sizeof *store);
  return store ? open_store(store, "", options, out_storage) : LILY_SESSION_ERROR_IO;
}
