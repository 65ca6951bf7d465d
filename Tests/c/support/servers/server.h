/* A server that the conformance cases run on. `make SERVER=postgres` links servers/postgres.c. */
#ifndef SERVER_H
#define SERVER_H

#include <lily_session.h>

/* Removes all that is stored there. It ends the program if it cannot. */
void server_empty(void);

/* Opens a storage there. Of the options the clock is used. */
lily_session_status server_open(const lily_session_storage_options *options, lily_session_storage **out_storage);

#endif
