#include "pg/session.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

struct session {
    PGconn *connection;
};

/* Notices of a command are for its user; those of our own "if not exists" are noise. */
static void on_notice(void *context, const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    if (!severity || strcmp(severity, "WARNING") != 0)
        return;
    fprintf(stderr, "pawl: warning: %s\n", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    if (hint)
        fprintf(stderr, "hint: %s\n", hint);
}

static struct session *refuse(struct session *session)
{
    session_close(session);
    return NULL;
}

bool session_check_url(const char *url, struct failure *failure)
{
    bool has_scheme = strstr(url, "://") && strchr(url, ':') == strstr(url, "://");
    bool is_libpq =
        !has_scheme || strncmp(url, "postgresql:", 11) == 0 || strncmp(url, "postgres:", 9) == 0;
    char *message = NULL;
    PQconninfoOption *parts = NULL;
    bool is_fine = *url && is_libpq;
    if (is_fine && (has_scheme || strchr(url, '='))) {
        parts = PQconninfoParse(url, &message);
        is_fine = parts != NULL;
    }
    if (!is_fine) {
        struct slice words = slice_trimmed(slice_of_string(message ? message : ""));
        failure_set(failure, FAILURE_INPUT, "that is no connection string of PostgreSQL%s%.*s",
                    words.length ? ": " : "", (int)words.length, words.start);
        failure_hint(failure, "Write it as postgresql://user:password@host:5432/database.");
    }
    PQconninfoFree(parts);
    PQfreemem(message);
    return is_fine;
}

struct session *session_open(const char *url, const char *purpose, struct failure *failure)
{
    char application[64];
    snprintf(application, sizeof application, "pawl %s", purpose);
    const char *const names[] = {"connect_timeout", "dbname", "application_name", NULL};
    const char *const values[] = {"10", url, application, NULL};
    struct session *session = memory_zeroed(1, sizeof *session);
    session->connection = PQconnectdbParams(names, values, 1);
    if (PQstatus(session->connection) != CONNECTION_OK) {
        pg_failure_from(failure, NULL, PQerrorMessage(session->connection));
        return refuse(session);
    }
    PQsetNoticeReceiver(session->connection, on_notice, NULL);
    int version = PQserverVersion(session->connection);
    if (version < 130000) {
        failure_set(failure, FAILURE_SCHEMA, "PostgreSQL %d.%d is too old", version / 10000,
                    version % 10000);
        failure_hint(failure, "Pawl needs PostgreSQL 13 or later.");
        return refuse(session);
    }
    return session;
}

void session_close(struct session *session)
{
    if (!session)
        return;
    PQfinish(session->connection);
    free(session);
}

static struct pg_result *take(struct session *session, PGresult *result, struct failure *failure)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return (struct pg_result *)result;
    pg_failure_from(failure, (const struct pg_result *)result, PQerrorMessage(session->connection));
    PQclear(result);
    return NULL;
}

struct pg_result *session_query(struct session *session, const char *sql, int count,
                                const char *const *values, struct failure *failure)
{
    return take(session, PQexecParams(session->connection, sql, count, NULL, values, NULL, NULL, 0),
                failure);
}

/* The server stops, and what it has sent already is read by the caller. */
static void cancel(struct session *session)
{
    char words[256];
    PGcancel *request = PQgetCancel(session->connection);
    if (request)
        PQcancel(request, words, sizeof words);
    PQfreeCancel(request);
}

static bool is_row(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK;
}

bool session_stream(struct session *session, const char *sql, int count, const char *const *values,
                    session_rows_fn *on_rows, void *context, struct failure *failure)
{
    PGconn *connection = session->connection;
    PGresult *result;
    bool is_fine = true;
    if (!PQsendQueryParams(connection, sql, count, NULL, values, NULL, NULL, 0))
        return pg_failure_from(failure, NULL, PQerrorMessage(connection));
    PQsetSingleRowMode(connection);
    while ((result = PQgetResult(connection))) {
        if (is_fine && is_row(result)) {
            is_fine = on_rows(context, (const struct pg_result *)result, failure);
            if (!is_fine)
                cancel(session);
        } else if (is_fine) {
            is_fine = pg_failure_from(failure, (const struct pg_result *)result,
                                      PQerrorMessage(connection));
        }
        PQclear(result);
    }
    return is_fine;
}

bool session_run(struct session *session, const char *sql, struct failure *failure)
{
    struct pg_result *result = take(session, PQexec(session->connection, sql), failure);
    if (!result)
        return false;
    pg_result_destroy(result);
    return true;
}

bool session_copy_in(struct session *session, const char *sql, struct slice data,
                     struct failure *failure)
{
    PGresult *result = PQexec(session->connection, sql);
    bool is_copying = PQresultStatus(result) == PGRES_COPY_IN;
    if (!is_copying)
        pg_failure_from(failure, (const struct pg_result *)result,
                        PQerrorMessage(session->connection));
    PQclear(result);
    if (!is_copying)
        return false;
    const size_t piece = 1 << 20;
    for (size_t at = 0; at < data.length; at += piece) {
        size_t length = data.length - at < piece ? data.length - at : piece;
        if (PQputCopyData(session->connection, data.start + at, (int)length) != 1)
            break;
    }
    PQputCopyEnd(session->connection, NULL);
    bool is_fine = true;
    while ((result = PQgetResult(session->connection))) {
        struct pg_result *taken = take(session, result, is_fine ? failure : NULL);
        is_fine = is_fine && taken;
        pg_result_destroy(taken);
    }
    return is_fine;
}

bool session_is_open(const struct session *session)
{
    return PQstatus(session->connection) == CONNECTION_OK;
}

bool session_wait_notify(struct session *session, int timeout_ms)
{
    int64_t deadline_us = clock_now_us() + (int64_t)timeout_ms * 1000;
    for (;;) {
        PGnotify *notify = PQnotifies(session->connection);
        if (notify) {
            PQfreemem(notify);
            return true;
        }
        int64_t left_us = deadline_us - clock_now_us();
        struct pollfd descriptor = {PQsocket(session->connection), POLLIN, 0};
        if (left_us <= 0 || poll(&descriptor, 1, (int)(left_us / 1000) + 1) <= 0)
            return false;
        if (!PQconsumeInput(session->connection))
            return false;
    }
}

int session_server_version(const struct session *session)
{
    return PQserverVersion(session->connection);
}
