/*
 * The schema's history and its present. Migrations are applied once, in order, and never change;
 * functions, triggers, views and grants are applied again, all of them, whenever one differs. What
 * stands in for an extension (sql/compat/NAME) is applied where it was asked for, and from then on
 * with the rest: pawl.compat keeps the names. All of it happens in one transaction under an
 * advisory lock: two programs that migrate at once take turns, and a failure leaves the database as
 * it was.
 */
#ifndef PAWL_STORE_MIGRATE_H
#define PAWL_STORE_MIGRATE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/failure.h"
#include "pg/session.h"
#include "store/embedded_sql.h"

enum migration_state { MIGRATION_PENDING, MIGRATION_APPLIED, MIGRATION_APPLIED_NOW };

enum { MIGRATIONS_MAX = 200, COMPATS_MAX = 8 };

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
    int compat_count;         /* what this program can stand in for */
    struct {
        const char *name;
        bool is_asked_for, is_there, is_new; /* is_new: migrate_apply() has just made it */
    } compats[COMPATS_MAX];
};

/* Notes in the report what is to be stood in for, too: "pg_net,pg_cron", NULL for nothing more than
 * there is. FAILURE_USAGE for a name that is none. */
bool migrate_ask_for(struct migrate_report *report, const char *names, struct failure *failure);
/*
 * Brings the database to this program's schema. The session must not be in a transaction; the
 * report comes from migrate_ask_for().
 *   FAILURE_SCHEMA    the schema is newer than the program, or an applied migration was another
 *                     one; or what is to be stood in for is there itself
 *   FAILURE_DATABASE  no right to do it, or the database refused a statement: the detail names the
 *                     file it stands in
 */
bool migrate_apply(struct session *session, struct migrate_report *report, struct failure *failure);
/* What the database has, without changing anything. The same FAILURE_SCHEMAs. */
bool migrate_read(struct session *session, struct migrate_report *report, struct failure *failure);
/* True when the schema is exactly what this program needs; FAILURE_SCHEMA says what is missing. */
bool migrate_check(struct session *session, struct failure *failure);
/* What migrate_apply() would do, as one script for psql that can be run on any state. */
void migrate_print_sql(const struct migrate_report *report, FILE *file);

#endif
