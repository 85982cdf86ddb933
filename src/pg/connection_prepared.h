/*
 * Which statements a connection has prepared, and whether it may prepare any: behind a transaction
 * pooler it may not, as each group may meet another server connection. A pooler shows in the number
 * of the server's process: the one that the connection was told when it began is the pooler's own
 * invention, and not the one that pg_backend_pid() gives.
 */
#ifndef PAWL_PG_CONNECTION_PREPARED_H
#define PAWL_PG_CONNECTION_PREPARED_H

#include <libpq-fe.h>
#include <stdbool.h>

/* Distinct statements on a connection; more are sent unprepared. */
enum { PREPARED_LIMIT = 16, PREPARED_NAME_BYTES = 24 };

/* Embedded; all zero at first. */
struct connection_prepared {
    bool is_direct;   /* nothing is in between: until that is known nothing is prepared */
    bool is_given_up; /* they were lost all the same, here or on a connection before */
    const char *texts[PREPARED_LIMIT];
};

/* Writes the name under which the statement is prepared, or is to be: is_new says that it is to be,
 * now. sql is a constant, known by its address. False when it is to be sent unprepared. */
bool connection_prepared_find(struct connection_prepared *prepared, const char *sql,
                              char name[PREPARED_NAME_BYTES], bool *is_new);
/* The server did not prepare it after all. */
void connection_prepared_forget(struct connection_prepared *prepared, const char *sql);
/* The connection is gone, and with it what it had prepared. */
void connection_prepared_clear(struct connection_prepared *prepared);
/* Does this error, the answer to sql, say that our prepared statement is not there, or is there
 * already? False when it says so of another, which a function that was called uses, and when the
 * server had refused to prepare ours. */
bool connection_prepared_is_lost(const struct connection_prepared *prepared, const char *sql,
                                 const PGresult *error);

#endif
