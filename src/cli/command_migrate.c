/* pawl migrate, pawl migrate status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "cli/commands.h"
#include "cli/database.h"
#include "cli/output.h"
#include "cli/table.h"
#include "store/migrate.h"

const struct option command_migrate_options[] = {
    {"--sql", .help = "print the script for psql instead of running it"},
    {"--compat", "NAMES", VALUE_TEXT,
     .help = "stand in for these extensions, from now on: pg_cron,pg_net"},
    {NULL},
};

static json_t *write_rows(const struct migrate_report *report)
{
    static const char *const states[] = {"pending", "applied", "applied now"};
    json_t *rows = json_array();
    for (int i = 0; i < report->count; i++)
        json_array_append_new(
            rows, json_pack("{s:i, s:s, s:s, s:s?}", "number", report->rows[i].migration->number,
                            "name", report->rows[i].migration->name, "status",
                            states[report->rows[i].state], "applied_at",
                            *report->rows[i].applied_at ? report->rows[i].applied_at : NULL));
    return rows;
}

static json_t *write_compats(const struct migrate_report *report)
{
    json_t *names = json_array();
    for (int at = 0; at < report->compat_count; at++)
        if (report->compats[at].is_there)
            json_array_append_new(names, json_string(report->compats[at].name));
    return names;
}

static json_t *write_report(const struct migrate_report *report)
{
    return json_pack("{s:o, s:i, s:b, s:b, s:o, s:s?, s:s}", "migrations", write_rows(report),
                     "pending", report->pending, "is_current",
                     !report->pending && report->is_present_current, "functions_replaced",
                     report->is_present_replaced, "compat", write_compats(report), "applied_by",
                     *report->version ? report->version : NULL, "program", PAWL_VERSION);
}

static bool print_applied(const struct migrate_report *report)
{
    int applied = 0;
    for (int i = 0; i < report->count; i++)
        if (report->rows[i].state == MIGRATION_APPLIED_NOW) {
            output_line("applied %s", report->rows[i].migration->name);
            applied++;
        }
    if (report->is_present_replaced)
        output_line("applied functions, triggers, views and grants");
    else if (!applied)
        output_line("nothing to do: the schema is up to date");
    for (int at = 0; at < report->compat_count; at++)
        if (report->compats[at].is_new)
            output_line("applied what stands in for %s", report->compats[at].name);
    return true;
}

static bool print_script(const struct migrate_report *report, bool is_json)
{
    char *script;
    size_t length;
    if (!is_json) {
        migrate_print_sql(report, stdout);
        return true;
    }
    FILE *file = open_memstream(&script, &length);
    CHECK(file);
    migrate_print_sql(report, file);
    fclose(file);
    output_json(json_pack("{s:s%}", "sql", script, length));
    free(script);
    return true;
}

bool command_migrate(const struct call *call, struct failure *failure)
{
    struct migrate_report report;
    if (!migrate_ask_for(&report, call_text(call, "--compat"), failure))
        return false;
    if (call_has(call, "--sql"))
        return print_script(&report, call_has(call, "--json"));
    struct session *session = database_open(call, failure);
    bool is_fine = session && migrate_apply(session, &report, failure);
    session_close(session);
    if (!is_fine)
        return false;
    return call_has(call, "--json") ? output_json(write_report(&report)) : print_applied(&report);
}

static bool print_status(const struct migrate_report *report)
{
    static const struct table_column columns[] = {
        {"MIGRATION", "name"},
        {"STATUS", "status"},
        {"APPLIED", "applied_at", FORMAT_AGO},
        {NULL},
    };
    json_t *rows = write_rows(report);
    table_print(columns, rows);
    json_decref(rows);
    for (int at = 0; at < report->compat_count; at++)
        if (report->compats[at].is_there)
            output_line("stands in for %s", report->compats[at].name);
    if (report->is_present_current)
        return output_line("functions, triggers, views and grants: up to date");
    if (!*report->version)
        return output_line("functions, triggers, views and grants: missing");
    return output_line("functions, triggers, views and grants: those of version %s, not this "
                       "program's",
                       report->version);
}

bool command_migrate_status(const struct call *call, struct failure *failure)
{
    struct migrate_report report;
    struct session *session = database_open(call, failure);
    bool is_fine = session && migrate_ask_for(&report, NULL, failure) &&
                   migrate_read(session, &report, failure);
    session_close(session);
    if (!is_fine)
        return false;
    return call_has(call, "--json") ? output_json(write_report(&report)) : print_status(&report);
}
