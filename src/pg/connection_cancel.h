/*
 * Asking the server to end the statement that runs on a connection. libpq's call for that connects
 * anew and waits, so it is made in a thread.
 */
#ifndef PAWL_PG_CONNECTION_CANCEL_H
#define PAWL_PG_CONNECTION_CANCEL_H

#include <libpq-fe.h>
#include <uv.h>

/* Nothing of inner is used after the call. Nobody is told what became of it: the statement's own
 * answer says so. */
void connection_cancel_send(uv_loop_t *loop, PGconn *inner);

#endif
