/*
 * The schema's history and its present. Migrations are applied once, in order, and never change;
 * functions, triggers, views and grants are applied again, all of them, whenever one differs. All
 * of it happens in one transaction under an advisory lock: two programs that migrate at once take
 * turns, and a failure leaves the database as it was.
 */
#ifndef PAWL_STORE_MIGRATE_H
#define PAWL_STORE_MIGRATE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/failure.h"
#include "pg/session.h"
#include "store/embedded_sql.h"

enum migration_state { MIGRATION_PENDING, MIGRATION_APPLIED, MIGRATION_APPLIED_NOW };

enum { MIGRATIONS_MAX = 200 };

struct migrate_report {
    int count; /* migrations that this program has */
    struct {
        const struct embedded_sql *migration;
        enum migration_state state;
        char applied_at[32]; /* ISO 8601, UTC; "" while pending */
    } rows[MIGRATIONS_MAX];
    int pending;
    bool has_schema;          /* there was a schema when we looked */
    bool is_present_current;  /* functions, triggers, views and grants are this program's */
    bool is_present_replaced; /* they were not, and migrate_apply() made them so */
    char version[32];         /* of the program that applied them last, "" when none did */
};

/*
 * Brings the database to this program's schema. The session must not be in a transaction.
 *   FAILURE_SCHEMA    the schema is newer than the program, or an applied migration was another one
 *   FAILURE_DATABASE  no right to do it, or the database refused a statement: the detail names the
 *                     file it stands in
 */
bool migrate_apply(struct session *session, struct migrate_report *report, struct failure *failure);
/* What the database has, without changing anything. The same FAILURE_SCHEMAs. */
bool migrate_read(struct session *session, struct migrate_report *report, struct failure *failure);
/* True when the schema is exactly what this program needs; FAILURE_SCHEMA says what is missing. */
bool migrate_check(struct session *session, struct failure *failure);
/* What migrate_apply() would do, as one script for psql that can be run on any state. */
void migrate_print_sql(FILE *file);

#endif
