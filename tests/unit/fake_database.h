/*
 * A database made of nothing, in place of pg/connection.c: the engine's connections come and go
 * when a test says so, and what the engine asks waits until the test answers it.
 */
#ifndef PAWL_TESTS_FAKE_DATABASE_H
#define PAWL_TESTS_FAKE_DATABASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "base/list.h"
#include "base/memory.h"
#include "pg/connection.h"

enum { CONNECTIONS_MAX = 8, COLUMNS_MAX = 16, VALUES_MAX = 16 };

struct pg_connection {
    char purpose[16];
    struct pg_connection_events events;
    void *context;
    bool is_ready;
    int open; /* statements of a group that has not been sent yet */
    int cancels;
    struct list statements;
};

struct statement {
    struct list link;
    const char *sql;
    char *values[VALUES_MAX];
    pg_done_fn *on_done;
    void *context;
};

static struct {
    struct pg_connection *connections[CONNECTIONS_MAX];
    int count;
} database;

/* ---- what the engine calls ---- */

struct pg_connection *pg_connection_create(uv_loop_t *loop, const char *url, const char *purpose,
                                           const struct pg_connection_events *events, void *context)
{
    struct pg_connection *connection = memory_zeroed(1, sizeof *connection);
    snprintf(connection->purpose, sizeof connection->purpose, "%s", purpose);
    connection->events = *events;
    connection->context = context;
    list_init(&connection->statements);
    assert_true(database.count < CONNECTIONS_MAX);
    database.connections[database.count++] = connection;
    return connection;
}

void pg_connection_prepare_nothing(struct pg_connection *connection)
{
}

bool pg_connection_is_ready(const struct pg_connection *connection)
{
    return connection->is_ready;
}

int pg_connection_outstanding(const struct pg_connection *connection)
{
    int count = 0;
    for (struct list *link = connection->statements.next; link != &connection->statements;
         link = link->next)
        count++;
    return count;
}

void pg_connection_query(struct pg_connection *connection, const char *sql, int count,
                         const char *const *values, pg_done_fn *on_done, void *context)
{
    assert_true(connection->is_ready); /* as the real one demands */
    struct statement *statement = memory_zeroed(1, sizeof *statement);
    statement->sql = sql;
    assert_in_range(count, 0, VALUES_MAX);
    for (int i = 0; i < count; i++)
        statement->values[i] = values[i] ? memory_copy_string(values[i]) : NULL;
    statement->on_done = on_done;
    statement->context = context;
    list_append(&connection->statements, &statement->link);
    connection->open++;
}

void pg_connection_end_group(struct pg_connection *connection)
{
    assert_true(connection->is_ready && connection->open > 0);
    connection->open = 0;
}

void pg_connection_cancel(struct pg_connection *connection)
{
    connection->cancels++;
}

static void tell(struct statement *statement, const struct pg_result *result,
                 const struct failure *failure)
{
    list_remove(&statement->link);
    if (statement->on_done)
        statement->on_done(statement->context, result, failure);
    for (int i = 0; i < VALUES_MAX; i++)
        free(statement->values[i]);
    free(statement);
}

static void lose_statements(struct pg_connection *connection)
{
    struct failure failure = {0};
    struct list *first, lost;
    failure_set(&failure, FAILURE_DATABASE, "the connection is lost");
    connection->is_ready = false;
    list_init(&lost);
    while ((first = list_first(&connection->statements)))
        list_move(&lost, first);
    while ((first = list_first(&lost)))
        tell(list_object(first, struct statement, link), NULL, &failure);
}

void pg_connection_destroy(struct pg_connection *connection)
{
    lose_statements(connection);
    for (int i = 0; i < database.count; i++)
        if (database.connections[i] == connection)
            database.connections[i] = database.connections[--database.count];
    free(connection);
}

/* ---- what tests say ---- */

static struct pg_connection *connection_of(const char *purpose)
{
    for (int i = 0; i < database.count; i++)
        if (strcmp(database.connections[i]->purpose, purpose) == 0)
            return database.connections[i];
    fail_msg("no connection \"%s\"", purpose);
    return NULL;
}

static void come(const char *purpose)
{
    struct pg_connection *connection = connection_of(purpose);
    connection->is_ready = true;
    connection->events.on_ready(connection->context);
}

static void lose(const char *purpose)
{
    struct pg_connection *connection = connection_of(purpose);
    struct failure failure = {0};
    failure_set(&failure, FAILURE_DATABASE, "the connection is lost");
    lose_statements(connection);
    connection->events.on_lost(connection->context, &failure);
}

static inline void ring(const char *message)
{
    struct pg_connection *connection = connection_of("listen");
    connection->events.on_notify(connection->context, message);
}

/* The oldest statement with this word in it, or NULL; how many there are. */
static struct statement *look_for(const char *word, int *count)
{
    struct statement *oldest = NULL;
    *count = 0;
    for (int i = 0; i < database.count; i++) {
        struct list *head = &database.connections[i]->statements;
        for (struct list *link = head->next; link != head; link = link->next) {
            struct statement *statement = list_object(link, struct statement, link);
            if (!strstr(statement->sql, word))
                continue;
            oldest = oldest ? oldest : statement;
            ++*count;
        }
    }
    return oldest;
}

static int asked(const char *word)
{
    int count;
    look_for(word, &count);
    return count;
}

static struct statement *question(const char *word)
{
    int count;
    struct statement *statement = look_for(word, &count);
    if (!statement)
        fail_msg("nobody asks \"%s\"", word);
    return statement;
}

/* rows: columns divided by "|", each row ended by a newline; "~" is null. */
static PGresult *result_of(const char *rows)
{
    static char names[COLUMNS_MAX][2];
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[COLUMNS_MAX] = {0};
    for (int i = 0; i < COLUMNS_MAX; i++)
        columns[i].name = names[i];
    PQsetResultAttrs(result, COLUMNS_MAX, columns);
    for (int row = 0, column = 0; *rows; rows++) {
        size_t length = strcspn(rows, "|\n");
        char *cell = memory_copy(rows, length);
        PQsetvalue(result, row, column, strcmp(cell, "~") == 0 ? NULL : cell,
                   strcmp(cell, "~") == 0 ? -1 : (int)length);
        free(cell);
        rows += length;
        column = *rows == '|' ? column + 1 : 0;
        row += *rows == '\n';
    }
    return result;
}

static void answer(const char *word, const char *rows)
{
    PGresult *result = result_of(rows);
    tell(question(word), (struct pg_result *)result, NULL);
    PQclear(result);
}

static void refuse(const char *word, const char *sqlstate)
{
    struct failure failure = {0};
    failure_set(&failure, FAILURE_DATABASE, "the database says no");
    snprintf(failure.sqlstate, sizeof failure.sqlstate, "%s", sqlstate);
    tell(question(word), NULL, &failure);
}

#endif
