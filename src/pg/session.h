/*
 * A plain, blocking connection for commands and for the HTTP API: ask, wait, read. The daemon's own
 * connections are asynchronous: connection.h.
 */
#ifndef PAWL_PG_SESSION_H
#define PAWL_PG_SESSION_H

#include "base/failure.h"
#include "pg/result.h"

struct session;

/* False with FAILURE_INPUT for what libpq would refuse as a connection string, or would take for
 * the name of a database: "", http://... The failure quotes nothing of it but libpq's own words, as
 * there may be a password in it. */
bool session_check_url(const char *url, struct failure *failure);
/* url: connection URI or keyword string. purpose: shown in pg_stat_activity as "pawl <purpose>".
 * Waits at most 10 s (or the string's own connect_timeout). NULL with failure set when it cannot
 * connect, or the server is older than PostgreSQL 13 (FAILURE_SCHEMA). */
struct session *session_open(const char *url, const char *purpose, struct failure *failure);
/* NULL is fine. */
void session_close(struct session *session);
/* One statement with text parameters; a NULL value is null. The caller destroys the result. NULL
 * with failure set when it failed. */
struct pg_result *session_query(struct session *session, const char *sql, int count,
                                const char *const *values, struct failure *failure);
/* Is told the rows of session_stream(), one result for each, and at last a result of no rows, which
 * has the columns all the same. False with failure set ends the statement. */
typedef bool session_rows_fn(void *context, const struct pg_result *rows, struct failure *failure);
/* As session_query(), but rows are told as they come and none is kept. False with failure set when
 * the statement failed, perhaps after rows were told, or when on_rows wanted no more; the session
 * can be used on. */
bool session_stream(struct session *session, const char *sql, int count, const char *const *values,
                    session_rows_fn *on_rows, void *context, struct failure *failure);
/* Several statements at once, without parameters or result. */
bool session_run(struct session *session, const char *sql, struct failure *failure);
/* COPY table FROM STDIN: sends `data` whole. sql is the COPY statement. */
bool session_copy_in(struct session *session, const char *sql, struct slice data,
                     struct failure *failure);
/* True while the connection can be used. */
bool session_is_open(const struct session *session);
/* Waits for a notification until timeout_ms have passed: true when one came (its payload is not
 * kept). The caller has run LISTEN. */
bool session_wait_notify(struct session *session, int timeout_ms);
/* The server's version as one number, as libpq has it: 150004. */
int session_server_version(const struct session *session);

#endif
