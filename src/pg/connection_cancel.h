/*
 * Asking the server to end the statement that runs on a connection. libpq's call for that connects
 * anew and waits for as long as the server takes, so it is made in a thread that nobody waits for.
 */
#ifndef PAWL_PG_CONNECTION_CANCEL_H
#define PAWL_PG_CONNECTION_CANCEL_H

#include <libpq-fe.h>

/* Nothing of inner is used after the call. Nobody is told what became of it: the statement's own
 * answer says so. While a server that says nothing holds up 16 of them, there are no more. */
void connection_cancel_send(PGconn *inner);

#endif
