#include "tool.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

void tool_fail(const char *what, PGconn *connection)
{
    if (connection)
        fprintf(stderr, "%s: %s: %s", program_invocation_short_name, what,
                PQerrorMessage(connection));
    else
        fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
    exit(1);
}

int tool_parse_count(const char *name, const char *text)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno || *end || number < 1 || number > INT_MAX) {
        fprintf(stderr, "%s: %s takes a whole number from 1, not \"%s\"\n",
                program_invocation_short_name, name, text);
        exit(2);
    }
    return (int)number;
}

PGconn *tool_connect(const char *url)
{
    PGconn *connection = PQconnectdb(url);
    if (PQstatus(connection) != CONNECTION_OK)
        tool_fail("connect", connection);
    return connection;
}

static PGresult *query(PGconn *connection, const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        tool_fail("query", connection);
    return result;
}

void tool_execute(PGconn *connection, const char *sql)
{
    PQclear(query(connection, sql));
}

double tool_query_number(PGconn *connection, const char *sql)
{
    PGresult *result = query(connection, sql);
    double number = PQntuples(result) > 0 ? strtod(PQgetvalue(result, 0, 0), NULL) : 0;
    PQclear(result);
    return number;
}

void tool_prepare(PGconn *connection, const char *name, const char *sql)
{
    PGresult *result = PQprepare(connection, name, sql, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        tool_fail(name, connection);
    PQclear(result);
}

static int compare_samples(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double tool_percentile(double *samples, size_t count, double fraction)
{
    qsort(samples, count, sizeof *samples, compare_samples);
    size_t rank = (size_t)(fraction * (double)count);
    if ((double)rank < fraction * (double)count)
        rank++;
    return samples[rank ? rank - 1 : 0];
}

double tool_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

double tool_cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}
