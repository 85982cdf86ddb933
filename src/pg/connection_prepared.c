#include "pg/connection_prepared.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* PREPARED_LIMIT: none. */
static int place_of(const struct connection_prepared *prepared, const char *sql)
{
    int place = 0;
    while (place < PREPARED_LIMIT && prepared->texts[place] != sql)
        place++;
    return place;
}

/* The same for the same text and for no other (FNV-1a), on every connection: a pooler may hand us a
 * server connection on which another of ours has prepared what it needed. */
static void write_name(const char *sql, char name[PREPARED_NAME_BYTES])
{
    uint64_t hash = 0xcbf29ce484222325;
    for (; *sql; sql++)
        hash = (hash ^ (unsigned char)*sql) * 0x100000001b3;
    snprintf(name, PREPARED_NAME_BYTES, "pawl_%016" PRIx64, hash);
}

bool connection_prepared_find(struct connection_prepared *prepared, const char *sql,
                              char name[PREPARED_NAME_BYTES], bool *is_new)
{
    int place = place_of(prepared, sql);
    if (place == PREPARED_LIMIT)
        place = place_of(prepared, NULL); /* a free one */
    if (!prepared->is_direct || prepared->is_given_up || place == PREPARED_LIMIT)
        return false;
    write_name(sql, name);
    *is_new = !prepared->texts[place];
    prepared->texts[place] = sql;
    return true;
}

void connection_prepared_forget(struct connection_prepared *prepared, const char *sql)
{
    int place = place_of(prepared, sql);
    if (place < PREPARED_LIMIT)
        prepared->texts[place] = NULL;
}

void connection_prepared_clear(struct connection_prepared *prepared)
{
    *prepared = (struct connection_prepared){.is_given_up = prepared->is_given_up};
}

/* "prepared statement does not exist", and "exists already". The server says it of ours before it
 * executes anything, so without a context; whatever is raised inside a function has one. The name
 * in the message would say less: some poolers rename statements. */
bool connection_prepared_is_lost(const struct connection_prepared *prepared, const char *sql,
                                 const PGresult *error)
{
    const char *sqlstate = PQresultErrorField(error, PG_DIAG_SQLSTATE);
    bool has_context = PQresultErrorField(error, PG_DIAG_CONTEXT) != NULL;
    return sqlstate && !has_context && place_of(prepared, sql) < PREPARED_LIMIT &&
           (strcmp(sqlstate, "26000") == 0 || strcmp(sqlstate, "42P05") == 0);
}
