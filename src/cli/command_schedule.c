/* pawl schedule list, show, set, delete, run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/crawl_order.h"
#include "cli/database.h"
#include "cli/document.h"
#include "cli/humanize.h"
#include "cli/output.h"
#include "cli/table.h"

/* ---- list ---- */

/* Adds what a person reads instead of several members: "when", and "next" with what keeps it from
 * running. */
static void describe(json_t *schedule)
{
    char every[HUMAN_BYTES];
    const char *cron = json_string_value(json_object_get(schedule, "cron"));
    const char *zone = json_string_value(json_object_get(schedule, "time_zone"));
    json_t *next = json_object_get(schedule, "next_run_at");
    human_write_duration(json_number_value(json_object_get(schedule, "every_seconds")), every);
    if (!cron)
        json_object_set_new(schedule, "when", json_sprintf("every %s", every));
    else if (strcmp(zone, "UTC") == 0)
        json_object_set_new(schedule, "when", json_string(cron));
    else
        json_object_set_new(schedule, "when", json_sprintf("%s %s", cron, zone));
    if (!json_is_true(json_object_get(schedule, "is_enabled")))
        json_object_set_new(schedule, "next", json_string("paused"));
    else if (json_is_null(next))
        json_object_set_new(schedule, "next", json_string("never"));
    else
        json_object_set(schedule, "next", next);
}

bool command_schedule_list(const struct call *call, struct failure *failure)
{
    static const struct table_column columns[] = {
        {"SCHEDULE", "schedule", FORMAT_SHORT},
        {"KIND", "kind", FORMAT_SHORT},
        {"WHEN", "when", FORMAT_SHORT},
        {"NEXT", "next", FORMAT_AGO},
        {"LAST", "last_run_at", FORMAT_AGO},
        {"JOB", "last_job"},
        {"ERROR", "last_error"},
        {NULL},
    };
    json_t *schedules = document_ask_once(call, "select pawl.list_schedules()", 0, NULL, failure);
    if (!schedules)
        return false;
    if (call_has(call, "--json"))
        return output_json(schedules);
    for (size_t at = 0; at < json_array_size(schedules); at++)
        describe(json_array_get(schedules, at));
    table_print(columns, schedules);
    json_decref(schedules);
    return true;
}

/* ---- show ---- */

static void print_schedule(json_t *schedule)
{
    static const struct table_column columns[] = {
        {"schedule", "schedule"},
        {"kind", "kind"},
        {"when", "when"},
        {"jitter", "spread"},
        {"next run", "next", FORMAT_AGO},
        {"missed runs", "catch_up"},
        {"while one is open", "overlap"},
        {"backlog at most", "backlog_limit", FORMAT_NUMBER},
        {"time in", "time_member"},
        {"last run", "last_run_at", FORMAT_AGO},
        {"job", "last_job"},
        {"error", "last_error"},
        {"last left out", "last_skipped_at", FORMAT_AGO},
        {"because", "last_skip_reason"},
        {"payload", "params"},
        {NULL},
    };
    const json_t *runs = json_object_get(schedule, "next_runs");
    double jitter = document_number(schedule, "jitter_seconds");
    char spread[HUMAN_BYTES];
    human_write_duration(jitter, spread);
    if (jitter > 0)
        json_object_set_new(schedule, "spread", json_sprintf("up to %s", spread));
    describe(schedule);
    table_print_object(columns, schedule);
    if (json_array_size(runs))
        output_line("\nnext runs");
    for (size_t at = 0; at < json_array_size(runs); at++)
        output_line("%s", json_string_value(json_array_get(runs, at)));
}

const struct option command_schedule_show_options[] = {
    {"--runs", "N", VALUE_INTEGER, 1, 1000, "next runs to show (default 5)"},
    {NULL},
};

bool command_schedule_show(const struct call *call, struct failure *failure)
{
    const char *runs = call_text(call, "--runs");
    const char *const values[] = {call->arguments[0], runs ? runs : "5"};
    json_t *schedule =
        document_ask_once(call, "select pawl.show_schedule($1, $2)", 2, values, failure);
    if (!schedule)
        return false;
    if (call_has(call, "--json"))
        return output_json(schedule);
    print_schedule(schedule);
    json_decref(schedule);
    return true;
}

/* ---- set ---- */

const struct option command_schedule_set_options[] = {
    {"--kind", "KIND", VALUE_TEXT, .help = "what runs it: crawl, or a kind of your own"},
    {"--url", "URL", VALUE_TEXT, .help = "of a crawl: the site; with no --kind it is a crawl"},
    {"--payload", "JSON", VALUE_TEXT, .help = "the task's payload"},
    {"--every", "TIME", VALUE_TEXT, .help = "time between two runs: 30s, 90m, 6h, 2d, 1w"},
    {"--cron", "FIELDS", VALUE_TEXT,
     .help = "minute, hour, day, month, day of the week: \"0 3 * * *\""},
    {"--time-zone", "ZONE", VALUE_TEXT, .help = "whose clock --cron is read by (default UTC)"},
    {"--next", "TIME", VALUE_TEXT, .help = "the next run: now, or 2026-12-24T18:00:00Z"},
    {"--replace", .help = "a new crawl cancels the one before, if that still runs"},
    {"--no-replace", .help = "it does not (as without --replace)"},
    {"--overlap", "P", VALUE_CHOICE, .choices = "skip queue allow",
     .help = "when the run before is still open: skip this one, queue it, or run both"},
    {"--catch-up", "P", VALUE_CHOICE, .choices = "skip once all",
     .help = "missed runs: leave them out, make one run for all (default), or each"},
    {"--backlog", "N", VALUE_INTEGER, 1, 1000,
     .help = "runs that queue, or are caught up with, at most (default 100)"},
    {"--jitter", "TIME", VALUE_TEXT, .help = "put each run off by a random part of this: 10m"},
    {"--time-member", "NAME", VALUE_TEXT,
     .help = "member of the payload that tells a run its time; \"\": none"},
    {"--pause", .help = "run it by hand only, until --resume"},
    {"--resume", .help = "run it again; what was missed is left out"},
    {NULL},
};

/* A flag and its opposite: "true", "false", or NULL when neither was given. */
static bool find_flag(const struct call *call, const char *yes, const char *no, const char **value,
                      struct failure *failure)
{
    *value = call_has(call, yes) ? "true" : call_has(call, no) ? "false" : NULL;
    return !call_has(call, yes) || !call_has(call, no) ||
           failure_set(failure, FAILURE_USAGE, "%s and %s contradict each other", yes, no);
}

static bool check_next(const struct call *call, struct failure *failure)
{
    double seconds;
    const char *next = call_text(call, "--next");
    if (!next || strcmp(next, "now") == 0 || human_parse_time(next, &seconds))
        return true;
    failure_set(failure, FAILURE_INPUT, "\"%s\" is not a time", next);
    return failure_hint(failure, "Write it as 2026-12-24T18:00:00Z or with an offset as +01:00.");
}

/* Checked here, where the place of a mistake can be told. */
static bool check_payload(const struct call *call, struct failure *failure)
{
    json_error_t error;
    const char *payload = call_text(call, "--payload");
    json_t *document = payload ? json_loads(payload, JSON_DECODE_ANY, &error) : NULL;
    if (payload && !document) {
        failure_set(failure, FAILURE_INPUT, "payload is no JSON: line %d, column %d: %s",
                    error.line, error.column, error.text);
        return failure_hint(failure, "Quote it for the shell: --payload '{\"key\": \"value\"}'");
    }
    json_decref(document);
    return true;
}

/* What is said of a crawl as JSON; *order NULL: nothing. */
static bool find_order(const struct call *call, char **order, struct failure *failure)
{
    json_t *said = crawl_order_read(call, call_text(call, "--url"), failure);
    *order =
        json_object_size(said) ? json_dumps(said, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    json_decref(said);
    return said;
}

static bool say_set(const struct call *call, json_t *schedule)
{
    if (call_has(call, "--json"))
        return output_json(schedule);
    describe(schedule);
    char *next = table_write_value(json_object_get(schedule, "next"), FORMAT_AGO);
    output_line("schedule %s: %s, next run: %s", call->arguments[0],
                json_string_value(json_object_get(schedule, "when")), next);
    free(next);
    json_decref(schedule);
    return true;
}

static bool define(const struct call *call, const char *const values[15], struct failure *failure)
{
    struct session *session = database_open_checked(call, failure);
    if (!session)
        return false;
    json_t *schedule = document_ask(
        session,
        "select to_jsonb(pawl.define_schedule($1, $2, pawl.schedule_params($1, $2, $3, $4), "
        "$5::interval, $6, $7, $8::boolean, $9::boolean, $10::timestamptz, $11, $12, "
        "$13::interval, $14::integer, $15))",
        15, values, failure);
    if (schedule) {
        json_decref(schedule);
        schedule = document_ask(session,
                                "select coalesce((select s from "
                                "jsonb_array_elements(pawl.list_schedules()) s "
                                "where s ->> 'schedule' = $1), 'null')",
                                1, values, failure);
    }
    session_close(session);
    if (json_is_null(schedule))
        return failure_set(failure, FAILURE_INPUT, "schedule \"%s\" has just been deleted",
                           call->arguments[0]);
    return schedule && say_set(call, schedule);
}

bool command_schedule_set(const struct call *call, struct failure *failure)
{
    char every_text[64], jitter_text[64], *order = NULL;
    const char *every, *jitter, *replace, *enabled, *kind = call_text(call, "--kind");
    bool is_done =
        call_interval(call, "--every", every_text, &every, failure) &&
        call_interval(call, "--jitter", jitter_text, &jitter, failure) &&
        find_flag(call, "--replace", "--no-replace", &replace, failure) &&
        find_flag(call, "--resume", "--pause", &enabled, failure) && check_next(call, failure) &&
        check_payload(call, failure) && find_order(call, &order, failure) &&
        define(call,
               (const char *const[]){
                   call->arguments[0], !kind && call_has(call, "--url") ? "crawl" : kind,
                   call_text(call, "--payload"), order, every, call_text(call, "--cron"),
                   call_text(call, "--time-zone"), replace, enabled, call_text(call, "--next"),
                   call_text(call, "--catch-up"), call_text(call, "--overlap"), jitter,
                   call_text(call, "--backlog"), call_text(call, "--time-member")},
               failure);
    free(order);
    return is_done;
}

/* ---- delete, run ---- */

bool command_schedule_delete(const struct call *call, struct failure *failure)
{
    json_t *answer = document_ask_once(call, "select to_jsonb(pawl.drop_schedule($1)::text)", 1,
                                       call->arguments, failure);
    if (!answer)
        return false;
    json_decref(answer);
    if (call_has(call, "--json"))
        return output_json(json_pack("{s:s, s:b}", "schedule", call->arguments[0], "deleted", 1));
    return output_line("schedule %s is deleted; what it started goes on", call->arguments[0]);
}

bool command_schedule_run(const struct call *call, struct failure *failure)
{
    json_t *started =
        document_ask_once(call,
                          "select jsonb_build_object('schedule', $1::text, 'job', job_id::text, "
                          "'task', job_id || '/' || task_id) from pawl.run_schedule($1)",
                          1, call->arguments, failure);
    if (!started)
        return false;
    if (call_has(call, "--json"))
        return output_json(started);
    const char *task = json_string_value(json_object_get(started, "task"));
    if (task)
        output_line("task %s", task);
    else
        output_line("job %s", json_string_value(json_object_get(started, "job")));
    json_decref(started);
    return true;
}
