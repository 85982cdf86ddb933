#include "pg/connection_prepared.h"

#include <stdio.h>
#include <string.h>

/* Marks a place whose statement was not prepared after all. */
static const char forgotten[] = "";

bool connection_prepared_find(struct connection_prepared *prepared, const char *sql,
                              char name[PREPARED_NAME_BYTES], bool *is_new)
{
    int place = 0;
    while (place < PREPARED_LIMIT && prepared->texts[place] && prepared->texts[place] != sql)
        place++;
    if (prepared->is_given_up || place == PREPARED_LIMIT)
        return false;
    snprintf(name, PREPARED_NAME_BYTES, "pawl_%d", place);
    *is_new = !prepared->texts[place];
    prepared->texts[place] = sql;
    return true;
}

void connection_prepared_forget(struct connection_prepared *prepared, const char *sql)
{
    for (int i = 0; i < PREPARED_LIMIT; i++)
        if (prepared->texts[i] == sql)
            prepared->texts[i] = forgotten;
}

void connection_prepared_clear(struct connection_prepared *prepared)
{
    memset(prepared->texts, 0, sizeof prepared->texts);
}

/* "prepared statement does not exist", and "exists already". The server says it of ours before it
 * executes anything, so without a context; whatever is raised inside a function has one. The name
 * in the message would say less: some poolers rename statements. */
bool connection_prepared_is_at_fault(const PGresult *error)
{
    const char *sqlstate = PQresultErrorField(error, PG_DIAG_SQLSTATE);
    bool has_context = PQresultErrorField(error, PG_DIAG_CONTEXT) != NULL;
    return sqlstate && !has_context &&
           (strcmp(sqlstate, "26000") == 0 || strcmp(sqlstate, "42P05") == 0);
}
