#include "pg/result.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

static const PGresult *inner(const struct pg_result *result)
{
    return (const PGresult *)result;
}

int pg_result_rows(const struct pg_result *result)
{
    return PQntuples(inner(result));
}

int pg_result_columns(const struct pg_result *result)
{
    return PQnfields(inner(result));
}

const char *pg_result_column_name(const struct pg_result *result, int column)
{
    return PQfname(inner(result), column);
}

bool pg_result_is_null(const struct pg_result *result, int row, int column)
{
    return PQgetisnull(inner(result), row, column);
}

const char *pg_result_text(const struct pg_result *result, int row, int column)
{
    return PQgetvalue(inner(result), row, column);
}

struct slice pg_result_slice(const struct pg_result *result, int row, int column)
{
    return slice_of(PQgetvalue(inner(result), row, column),
                    (size_t)PQgetlength(inner(result), row, column));
}

int64_t pg_result_integer(const struct pg_result *result, int row, int column)
{
    return strtoll(PQgetvalue(inner(result), row, column), NULL, 10);
}

double pg_result_number(const struct pg_result *result, int row, int column)
{
    return strtod(PQgetvalue(inner(result), row, column), NULL);
}

bool pg_result_boolean(const struct pg_result *result, int row, int column)
{
    return PQgetvalue(inner(result), row, column)[0] == 't';
}

bool pg_result_is_numeric(const struct pg_result *result, int column)
{
    /* int8, int2, int4, float4, float8, numeric: pg_type's fixed oids */
    static const Oid numeric[] = {20, 21, 23, 700, 701, 1700};
    for (size_t i = 0; i < sizeof numeric / sizeof *numeric; i++)
        if (PQftype(inner(result), column) == numeric[i])
            return true;
    return false;
}

void pg_result_destroy(struct pg_result *result)
{
    PQclear((PGresult *)result);
}

/* The first row that matches decides; a prefix stands for its whole class (PostgreSQL, appendix A).
 */
static const struct {
    const char *prefix;
    enum failure_class class;
    const char *hint;
} classes[] = {
    {"PW007", FAILURE_DATABASE, ""},
    {"PW", FAILURE_INPUT, ""},
    {"22", FAILURE_INPUT, ""},
    {"23", FAILURE_INPUT, ""},
    {"42602", FAILURE_INPUT, "Write the name as SQL has it, with its schema: app.greet."},
    {"3F000", FAILURE_SCHEMA, "Create Pawl's schema with: pawl migrate"},
    {"42P01", FAILURE_SCHEMA, "Bring Pawl's schema up to date with: pawl migrate"},
    {"42883", FAILURE_SCHEMA, "Bring Pawl's schema up to date with: pawl migrate"},
    {"42703", FAILURE_SCHEMA, "Bring Pawl's schema up to date with: pawl migrate"},
    {"42501", FAILURE_DATABASE,
     "Connect as the role that ran pawl migrate, or as one that may create a schema in this "
     "database."},
    {"28", FAILURE_DATABASE, "Check the user and the password in the connection string."},
    {"3D000", FAILURE_DATABASE, "Create the database, or name another in the connection string."},
    {"53100", FAILURE_DATABASE, "Free space on the disk that holds the database."},
    {"53300", FAILURE_DATABASE, "Raise max_connections, or end connections that nobody needs."},
    {"", FAILURE_DATABASE, ""},
};

static void copy_line(char *to, size_t size, const char *from)
{
    size_t length = from ? strcspn(from, "\n") : 0;
    if (length >= size)
        length = size - 1;
    if (length)
        memcpy(to, from, length);
    to[length] = '\0';
}

/* libpq says everything in one text: the first line is the message, the rest is the detail. */
static bool failure_from_libpq(struct failure *failure, const char *message)
{
    failure_set(failure, FAILURE_DATABASE, "lost the database");
    if (message && *message) {
        copy_line(failure->message, sizeof failure->message, message);
        const char *rest = strchr(message, '\n');
        if (rest) {
            rest += 1 + strspn(rest + 1, "\t ");
            if (strncmp(rest, "DETAIL:  ", 9) == 0)
                rest += 9;
            copy_line(failure->detail, sizeof failure->detail, rest);
        }
    }
    return false;
}

bool pg_failure_from(struct failure *failure, const struct pg_result *result, const char *message)
{
    const char *sqlstate = result ? PQresultErrorField(inner(result), PG_DIAG_SQLSTATE) : NULL;
    if (!failure)
        return false;
    if (!sqlstate)
        return failure_from_libpq(failure, message);
    size_t row = 0;
    while (strncmp(classes[row].prefix, sqlstate, strlen(classes[row].prefix)) != 0)
        row++;
    failure_set(failure, classes[row].class, "unknown error");
    memcpy(failure->sqlstate, sqlstate, 5);
    const PGresult *r = inner(result);
    copy_line(failure->message, sizeof failure->message,
              PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY));
    copy_line(failure->detail, sizeof failure->detail,
              PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL));
    copy_line(failure->hint, sizeof failure->hint, PQresultErrorField(r, PG_DIAG_MESSAGE_HINT));
    if (!failure->hint[0])
        copy_line(failure->hint, sizeof failure->hint, classes[row].hint);
    return false;
}
