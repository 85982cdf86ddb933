#include "store/migrate.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/text.h"

/* "pawl" as four bytes: whoever migrates a database of Pawl's takes this lock. */
#define LOCK "1885435756"

static bool ask(struct session *session, const char *sql, struct pg_result **result,
                struct failure *failure)
{
    *result = session_query(session, sql, 0, NULL, failure);
    return *result != NULL;
}

static bool ask_nothing(struct session *session, const char *sql, int count,
                        const char *const *values, struct failure *failure)
{
    struct pg_result *result = session_query(session, sql, count, values, failure);
    pg_result_destroy(result);
    return result != NULL;
}

static int find_compat(const struct migrate_report *report, const char *name, size_t length)
{
    for (int i = 0; i < report->compat_count; i++)
        if (strlen(report->compats[i].name) == length &&
            memcmp(report->compats[i].name, name, length) == 0)
            return i;
    return -1;
}

static void note_compat(struct migrate_report *report, const char *name)
{
    if (find_compat(report, name, strlen(name)) >= 0)
        return;
    CHECK(report->compat_count < COMPATS_MAX);
    report->compats[report->compat_count++].name = name;
}

bool migrate_ask_for(struct migrate_report *report, const char *names, struct failure *failure)
{
    memset(report, 0, sizeof *report);
    for (int i = 0; i < embedded_sql_count; i++)
        if (embedded_sql[i].compat)
            note_compat(report, embedded_sql[i].compat);
    while (names) {
        size_t length = strcspn(names, ",");
        int at = find_compat(report, names, length);
        if (at < 0) {
            failure_set(failure, FAILURE_USAGE, "\"%.*s\" is nothing that Pawl stands in for",
                        (int)length, names);
            return failure_hint(failure, "It is pg_cron, pg_net, or both with a comma between.");
        }
        report->compats[at].is_asked_for = true;
        names = names[length] ? names + length + 1 : NULL;
    }
    return true;
}

/* What was asked for stays; all else is read anew. */
static void report_init(struct migrate_report *report)
{
    report->count = 0;
    report->is_present_current = report->is_present_replaced = false;
    report->version[0] = '\0';
    for (int i = 0; i < embedded_sql_count; i++)
        if (embedded_sql[i].number) {
            CHECK(report->count < MIGRATIONS_MAX);
            report->rows[report->count++].migration = &embedded_sql[i];
        }
    report->pending = report->count;
}

static bool refuse_newer(const char *number, const char *name, struct failure *failure)
{
    failure_set(failure, FAILURE_SCHEMA, "schema is newer than this program");
    failure_detail(failure, "The database has migration %s (%s), which this program does not know.",
                   number, name);
    return failure_hint(failure, "Update the program.");
}

static bool refuse_changed(const char *name, struct failure *failure)
{
    failure_set(failure, FAILURE_SCHEMA, "migration %s was applied with another content", name);
    failure_detail(failure,
                   "Its checksum in pawl.migrations is not that of the file in this program.");
    return failure_hint(failure, "Use a program of the release that applied it, or a later one.");
}

/* One row of pawl.migrations: number, name, checksum, applied_at. */
static bool take_row(struct migrate_report *report, const struct pg_result *result, int row,
                     struct failure *failure)
{
    for (int i = 0; i < report->count; i++) {
        const struct embedded_sql *migration = report->rows[i].migration;
        if (migration->number != pg_result_integer(result, row, 0))
            continue;
        if (strcmp(migration->checksum, pg_result_text(result, row, 2)) != 0)
            return refuse_changed(migration->name, failure);
        report->rows[i].state = MIGRATION_APPLIED;
        report->pending--;
        snprintf(report->rows[i].applied_at, sizeof report->rows[i].applied_at, "%s",
                 pg_result_text(result, row, 3));
        return true;
    }
    return refuse_newer(pg_result_text(result, row, 0), pg_result_text(result, row, 1), failure);
}

static bool read_migrations(struct session *session, struct migrate_report *report,
                            struct failure *failure)
{
    struct pg_result *result;
    if (!ask(session,
             "select number, name, checksum, "
             "to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') "
             "from pawl.migrations order by number",
             &result, failure))
        return false;
    bool is_fine = true;
    for (int row = 0; is_fine && row < pg_result_rows(result); row++)
        is_fine = take_row(report, result, row, failure);
    pg_result_destroy(result);
    return is_fine;
}

static bool read_present(struct session *session, struct migrate_report *report,
                         struct failure *failure)
{
    struct pg_result *result;
    if (!ask(session, "select checksum, version from pawl.present", &result, failure))
        return false;
    if (pg_result_rows(result)) {
        report->is_present_current =
            strcmp(pg_result_text(result, 0, 0), embedded_sql_checksum) == 0;
        snprintf(report->version, sizeof report->version, "%s", pg_result_text(result, 0, 1));
    }
    pg_result_destroy(result);
    return true;
}

static bool read_compats(struct session *session, struct migrate_report *report,
                         struct failure *failure)
{
    struct pg_result *result;
    if (!ask(session, "select name from pawl.compat", &result, failure))
        return false;
    for (int row = 0; row < pg_result_rows(result); row++) {
        const char *name = pg_result_text(result, row, 0);
        int at = find_compat(report, name, strlen(name));
        if (at >= 0)
            report->compats[at].is_there = true;
    }
    pg_result_destroy(result);
    return true;
}

/* A missing table must not be met by selecting from it: that would end the transaction. */
static bool read_has_schema(struct session *session, bool *has_schema, bool *has_compat,
                            struct failure *failure)
{
    struct pg_result *result;
    if (!ask(session,
             "select pg_catalog.to_regclass('pawl.migrations') is not null "
             "and pg_catalog.to_regclass('pawl.present') is not null, "
             "pg_catalog.to_regclass('pawl.compat') is not null",
             &result, failure))
        return false;
    *has_schema = pg_result_boolean(result, 0, 0);
    *has_compat = pg_result_boolean(result, 0, 1);
    pg_result_destroy(result);
    return true;
}

bool migrate_read(struct session *session, struct migrate_report *report, struct failure *failure)
{
    bool has_compat; /* not yet, in a schema that an older program made */
    report_init(report);
    if (!read_has_schema(session, &report->has_schema, &has_compat, failure))
        return false;
    if (!report->has_schema)
        return true;
    return read_migrations(session, report, failure) && read_present(session, report, failure) &&
           (!has_compat || read_compats(session, report, failure));
}

/* Runs a file of sql/; a failure says which. */
static bool run_file(struct session *session, const char *name, const char *sql,
                     struct failure *failure)
{
    if (session_run(session, sql, failure))
        return true;
    if (failure && !failure->detail[0])
        failure_detail(failure, "Applying %s.", name);
    return false;
}

static bool apply_migrations(struct session *session, struct migrate_report *report,
                             struct failure *failure)
{
    for (int i = 0; i < report->count; i++) {
        const struct embedded_sql *migration = report->rows[i].migration;
        char number[16];
        snprintf(number, sizeof number, "%d", migration->number);
        const char *const values[] = {number, migration->name, migration->checksum};
        if (report->rows[i].state != MIGRATION_PENDING)
            continue;
        if (!run_file(session, migration->name, migration->sql, failure) ||
            !ask_nothing(session,
                         "insert into pawl.migrations (number, name, checksum) values ($1, $2, $3)",
                         3, values, failure))
            return false;
        report->rows[i].state = MIGRATION_APPLIED_NOW;
        report->pending--;
    }
    return true;
}

/* Its first file refuses to take the place of what is there already. */
static bool apply_compat(struct session *session, struct migrate_report *report, int at,
                         struct failure *failure)
{
    const char *name = report->compats[at].name;
    for (int i = 0; i < embedded_sql_count; i++)
        if (embedded_sql[i].compat && strcmp(embedded_sql[i].compat, name) == 0 &&
            !run_file(session, embedded_sql[i].name, embedded_sql[i].sql, failure))
            return false;
    report->compats[at].is_new = !report->compats[at].is_there;
    report->compats[at].is_there = true;
    return ask_nothing(session, "insert into pawl.compat (name) values ($1) on conflict do nothing",
                       1, &name, failure);
}

static bool apply_present(struct session *session, struct migrate_report *report,
                          struct failure *failure)
{
    for (int i = 0; i < embedded_sql_count; i++)
        if (!embedded_sql[i].number && !embedded_sql[i].compat &&
            !run_file(session, embedded_sql[i].name, embedded_sql[i].sql, failure))
            return false;
    for (int at = 0; at < report->compat_count; at++)
        if ((report->compats[at].is_asked_for || report->compats[at].is_there) &&
            !apply_compat(session, report, at, failure))
            return false;
    const char *const values[] = {embedded_sql_checksum, PAWL_VERSION};
    if (!ask_nothing(session,
                     "insert into pawl.present (checksum, version) values ($1, $2) "
                     "on conflict (is_only_row) do update set checksum = excluded.checksum, "
                     "version = excluded.version, applied_at = excluded.applied_at",
                     2, values, failure))
        return false;
    report->is_present_current = report->is_present_replaced = true;
    return true;
}

/* A schema of that name that we did not make is somebody's: nothing is put into it. */
static bool refuse_foreign_schema(struct session *session, struct failure *failure)
{
    struct pg_result *result;
    if (!ask(session,
             "select 1 from pg_catalog.pg_class c where c.relnamespace = "
             "(select n.oid from pg_catalog.pg_namespace n where n.nspname = 'pawl') limit 1",
             &result, failure))
        return false;
    bool is_empty = pg_result_rows(result) == 0;
    pg_result_destroy(result);
    if (is_empty)
        return true;
    failure_set(failure, FAILURE_SCHEMA, "this database has a schema \"pawl\" that is not Pawl's");
    return failure_hint(failure, "Rename that schema, or give Pawl another database.");
}

static bool has_new_compat(const struct migrate_report *report)
{
    for (int at = 0; at < report->compat_count; at++)
        if (report->compats[at].is_asked_for && !report->compats[at].is_there)
            return true;
    return false;
}

/* Inside the transaction, under the lock. */
static bool apply_missing(struct session *session, struct migrate_report *report,
                          struct failure *failure)
{
    if (!migrate_read(session, report, failure))
        return false;
    if (report->has_schema && !report->pending && report->is_present_current &&
        !has_new_compat(report))
        return true;
    if (!report->has_schema && !refuse_foreign_schema(session, failure))
        return false;
    return run_file(session, "bootstrap.sql", embedded_sql_bootstrap, failure) &&
           apply_migrations(session, report, failure) && apply_present(session, report, failure);
}

static void explain_no_right(struct failure *failure)
{
    if (!failure || strcmp(failure->sqlstate, "42501") != 0)
        return;
    failure_hint(failure, "Connect as the role that owns the schema pawl or, when there is none "
                          "yet, as one that may create it: grant create on database NAME to ROLE.");
}

bool migrate_apply(struct session *session, struct migrate_report *report, struct failure *failure)
{
    bool is_fine = session_run(session,
                               "begin isolation level read committed read write; "
                               "select pg_catalog.pg_advisory_xact_lock(" LOCK ")",
                               failure) &&
                   apply_missing(session, report, failure) &&
                   session_run(session, "commit", failure);
    if (is_fine)
        return true;
    explain_no_right(failure);
    if (session_is_open(session))
        session_run(session, "rollback", NULL);
    return false;
}

bool migrate_check(struct session *session, struct failure *failure)
{
    struct migrate_report report;
    if (!migrate_ask_for(&report, NULL, failure) || !migrate_read(session, &report, failure))
        return false;
    if (!report.has_schema) {
        failure_set(failure, FAILURE_SCHEMA, "database has no schema of Pawl's");
        return failure_hint(failure, "Create it with: pawl migrate");
    }
    if (report.pending) {
        failure_set(failure, FAILURE_SCHEMA, "schema is older than this program");
        failure_detail(failure, "Migrations that it lacks: %d.", report.pending);
        return failure_hint(failure, "Bring it up to date with: pawl migrate");
    }
    if (!report.is_present_current) {
        failure_set(failure, FAILURE_SCHEMA, "functions in the schema are not this program's");
        failure_detail(failure, "%s version %s applied them; this is version %s.",
                       strcmp(report.version, PAWL_VERSION) == 0 ? "Another build of" : "Program",
                       report.version, PAWL_VERSION);
        return failure_hint(failure, "Apply those of this program with: pawl migrate");
    }
    return true;
}

/* What migrate_read() refuses, as a statement of its own. */
static void print_refusals(FILE *file)
{
    fputs("do $$\nbegin\n"
          "  if exists (select from pawl.migrations where (number, checksum) not in (",
          file);
    for (int i = 0, printed = 0; i < embedded_sql_count; i++)
        if (embedded_sql[i].number)
            fprintf(file, "%s\n    (%d, '%s')", printed++ ? "," : "", embedded_sql[i].number,
                    embedded_sql[i].checksum);
    fputs(")) then\n"
          "    raise exception 'schema is newer than this script, or has other migrations';\n"
          "  end if;\nend\n$$;\n",
          file);
}

static void print_migration(FILE *file, const struct embedded_sql *migration)
{
    fprintf(file,
            "\n-- %s\nselect not exists (select from pawl.migrations where number = %d) "
            "as is_pending \\gset\n\\if :is_pending\n%s\n"
            "insert into pawl.migrations (number, name, checksum) values (%d, '%s', '%s');\n"
            "\\endif\n",
            migration->name, migration->number, migration->sql, migration->number, migration->name,
            migration->checksum);
}

static void print_compat(FILE *file, const char *name, bool is_asked_for)
{
    fprintf(file,
            "\n-- what stands in for %s, where that is wanted\n"
            "select exists (select from pawl.compat where name = '%s')%s as is_wanted \\gset\n"
            "\\if :is_wanted\n",
            name, name, is_asked_for ? " or true" : "");
    for (int i = 0; i < embedded_sql_count; i++)
        if (embedded_sql[i].compat && strcmp(embedded_sql[i].compat, name) == 0)
            fprintf(file, "\n-- %s\n%s\n", embedded_sql[i].name, embedded_sql[i].sql);
    fprintf(file, "insert into pawl.compat (name) values ('%s') on conflict do nothing;\n\\endif\n",
            name);
}

void migrate_print_sql(const struct migrate_report *report, FILE *file)
{
    fprintf(file,
            "-- The schema of Pawl %s, for psql: creates it, or brings it up to date.\n"
            "\\set ON_ERROR_STOP on\n"
            "begin isolation level read committed read write;\n"
            "set local client_min_messages = warning;\n"
            "do $$ begin perform pg_catalog.pg_advisory_xact_lock(" LOCK "); end $$;\n%s\n",
            PAWL_VERSION, embedded_sql_bootstrap);
    print_refusals(file);
    for (int i = 0; i < embedded_sql_count; i++)
        if (embedded_sql[i].number)
            print_migration(file, &embedded_sql[i]);
        else if (!embedded_sql[i].compat)
            fprintf(file, "\n-- %s\n%s\n", embedded_sql[i].name, embedded_sql[i].sql);
    for (int at = 0; at < report->compat_count; at++)
        print_compat(file, report->compats[at].name, report->compats[at].is_asked_for);
    fprintf(file,
            "\ninsert into pawl.present (checksum, version) values ('%s', '%s')\n"
            "on conflict (is_only_row) do update set checksum = excluded.checksum,\n"
            "  version = excluded.version, applied_at = excluded.applied_at;\ncommit;\n",
            embedded_sql_checksum, PAWL_VERSION);
}
