/* pawl job list, show, cancel, pause, resume, retry. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/crawl_report.h"
#include "cli/database.h"
#include "cli/document.h"
#include "cli/humanize.h"
#include "cli/job_end.h"
#include "cli/node_process.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/table.h"

const struct option command_job_list_options[] = {
    {"--status", "S", VALUE_CHOICE, .choices = "pending running paused completed failed cancelled",
     .help = "only jobs in this state"},
    {"--limit", "N", VALUE_INTEGER, 1, 100000, "newest jobs at most (default 50)"},
    {NULL},
};

const struct option command_job_show_options[] = {
    {"--follow", .help = "show its progress until it has ended"},
    {NULL},
};

bool command_job_list(const struct call *call, struct failure *failure)
{
    static const struct table_column columns[] = {
        {"JOB", "job"},
        {"KIND", "kind", FORMAT_SHORT},
        {"STATUS", "status"},
        {"TOTAL", "total", FORMAT_NUMBER},
        {"OPEN", "open", FORMAT_NUMBER},
        {"COMPLETED", "completed", FORMAT_NUMBER},
        {"FAILED", "failed", FORMAT_NUMBER},
        {"CREATED", "created_at", FORMAT_AGO},
        {"ENDS", "estimated_completion_at", FORMAT_AGO},
        {"FINISHED", "finished_at", FORMAT_AGO},
        {"URL", "url", FORMAT_SHORT},
        {NULL},
    };
    const char *limit = call_text(call, "--limit");
    const char *const values[] = {call_text(call, "--status"), limit ? limit : "50"};
    json_t *jobs = document_ask_once(call, "select pawl.list_jobs($1, $2)", 2, values, failure);
    if (!jobs)
        return false;
    if (call_has(call, "--json"))
        return output_json(jobs);
    table_print(columns, jobs);
    if (!json_array_size(jobs))
        output_line("no jobs");
    json_decref(jobs);
    return true;
}

static const struct table_column job_columns[] = {
    {"job", "job"},
    {"kind", "kind"},
    {"status", "status"},
    {"error", "error"},
    {"total", "total", FORMAT_NUMBER},
    {"waiting", "waiting", FORMAT_NUMBER},
    {"pending", "pending", FORMAT_NUMBER},
    {"running", "running", FORMAT_NUMBER},
    {"completed", "completed", FORMAT_NUMBER},
    {"failed", "failed", FORMAT_NUMBER},
    {"cancelled", "cancelled", FORMAT_NUMBER},
    {"pace", "pace_text"},
    {"ends about", "estimated_completion_at", FORMAT_AGO},
    {"standing", "is_standing"},
    {"params", "params"},
    {"limiter", "limiter_text"},
    {"last report", "last_report"},
    {"on complete", "on_complete"},
    {"held back", "hold_text"},
    {"created", "created_at", FORMAT_AGO},
    {"started", "started_at", FORMAT_AGO},
    {"finished", "finished_at", FORMAT_AGO},
    {NULL},
};

/* "host:example.com: 4 at once, 500 ms between two starts" */
static void describe_limiter(json_t *job)
{
    const json_t *limiter = json_object_get(job, "limiter");
    const json_t *max_running = json_object_get(limiter, "max_running");
    double interval_ms = json_number_value(json_object_get(limiter, "start_interval_ms"));
    char interval[HUMAN_BYTES];
    struct text text = {0};
    if (!json_is_object(limiter))
        return;
    text_append_string(&text, json_string_value(json_object_get(limiter, "key")));
    if (json_is_integer(max_running))
        text_append_format(&text, ", %lld at once", (long long)json_integer_value(max_running));
    human_write_duration(interval_ms / 1000, interval);
    if (interval_ms > 0)
        text_append_format(&text, ", %s between two starts", interval);
    json_object_set_new(job, "limiter_text", json_string(text_string(&text)));
    text_finish(&text);
}

/* "http://example.com:80 is down: HTTP 503" */
static void describe_hold(json_t *job)
{
    const json_t *hold = json_object_get(job, "held_by");
    if (json_is_object(hold))
        json_object_set_new(job, "hold_text",
                            json_sprintf("%s is down: %s", document_string(hold, "target"),
                                         document_string(hold, "error")));
}

static void describe_pace(json_t *job)
{
    char pace[HUMAN_BYTES];
    human_write_pace(document_number(job, "per_second"), pace);
    if (document_number(job, "per_second") > 0)
        json_object_set_new(job, "pace_text", json_string(pace));
}

static void print_job(json_t *job)
{
    static const struct table_column columns[] = {
        {"TASK", "task"},
        {"ATTEMPT", "attempt", FORMAT_NUMBER},
        {"WHEN", "failed_at", FORMAT_AGO},
        {"CLASS", "error_class"},
        {"ERROR", "error"},
        {NULL},
    };
    const json_t *failures = json_object_get(job, "failures");
    describe_limiter(job);
    describe_hold(job);
    describe_pace(job);
    table_print_object(job_columns, job);
    if (json_array_size(failures)) {
        output_line("\nlast failures");
        table_print(columns, failures);
    }
}

static bool is_crawl(const json_t *job)
{
    const char *executor = json_string_value(json_object_get(job, "executor"));
    return executor && strcmp(executor, "crawl") == 0;
}

/* The job and, of a crawl, its report; as one document with --json. */
static bool show_job(const struct call *call, struct session *session, struct failure *failure)
{
    json_t *job = document_ask(session, "select pawl.show_job($1)", 1, call->arguments, failure);
    json_t *report = NULL;
    if (!job)
        return false;
    if (is_crawl(job) && !(report = document_ask(session, "select pawl.crawl_report($1)", 1,
                                                 call->arguments, failure))) {
        json_decref(job);
        return false;
    }
    if (call_has(call, "--json")) {
        if (report)
            json_object_set(job, "crawl", report);
        output_json(json_incref(job));
    } else {
        if (report) /* which says it too */
            json_object_del(job, "error");
        print_job(job);
        if (report) {
            putchar('\n');
            crawl_report_print(report);
        }
    }
    json_decref(report);
    json_decref(job);
    return true;
}

struct follow {
    const struct call *call;
    struct session *session;
    bool is_warned;
};

/* A job that nobody runs would be watched for ever: say it, once. */
static bool warn_unserved(void *context, struct failure *failure)
{
    struct follow *follow = context;
    bool is_served;
    if (follow->is_warned || !follow->session)
        return true;
    if (!node_process_is_served(follow->session, &is_served, failure))
        return !session_is_open(follow->session);
    follow->is_warned = !is_served;
    if (!is_served)
        fprintf(stderr, "pawl: no node runs, so nothing will move: start one with pawl serve\n");
    return true;
}

static bool follow_job(struct follow *follow, struct failure *failure)
{
    struct progress_watch watch = {.session = &follow->session,
                                   .call = follow->call,
                                   .job = follow->call->arguments[0],
                                   .is_silent = call_has(follow->call, "--json"),
                                   .on_tick = warn_unserved,
                                   .context = follow};
    switch (progress_watch(&watch, failure)) {
    case PROGRESS_LOST:
        return false;
    case PROGRESS_DETACHED:
        return job_end_detach(follow->call, watch.job);
    case PROGRESS_ENDED:
        break;
    }
    return show_job(follow->call, follow->session, failure) && job_end_judge(&watch, failure);
}

bool command_job_show(const struct call *call, struct failure *failure)
{
    struct follow follow = {.call = call, .session = database_open_checked(call, failure)};
    if (!follow.session)
        return false;
    bool is_fine = call_has(call, "--follow") ? follow_job(&follow, failure)
                                              : show_job(call, follow.session, failure);
    session_close(follow.session);
    return is_fine;
}

/* One call of a function that says whether it changed anything. */
static bool change_job(const struct call *call, const char *sql, const char *changed,
                       const char *unchanged, struct failure *failure)
{
    json_t *answer = document_ask_once(call, sql, 1, call->arguments, failure);
    if (!answer)
        return false;
    bool is_changed = json_is_true(answer);
    json_decref(answer);
    if (call_has(call, "--json"))
        return output_json(
            json_pack("{s:s, s:b}", "job", call->arguments[0], "changed", is_changed));
    return output_line("job %s %s", call->arguments[0], is_changed ? changed : unchanged);
}

bool command_job_cancel(const struct call *call, struct failure *failure)
{
    return change_job(call, "select to_jsonb(pawl.cancel_job($1))", "is cancelled",
                      "had ended already", failure);
}

bool command_job_pause(const struct call *call, struct failure *failure)
{
    return change_job(call, "select to_jsonb(pawl.pause_job($1))",
                      "is paused: what runs, ends; nothing else starts",
                      "is paused already, or has ended", failure);
}

bool command_job_resume(const struct call *call, struct failure *failure)
{
    return change_job(call, "select to_jsonb(pawl.resume_job($1))", "goes on", "was not paused",
                      failure);
}

bool command_job_retry(const struct call *call, struct failure *failure)
{
    json_t *count = document_ask_once(call, "select to_jsonb(pawl.retry_failed($1))", 1,
                                      call->arguments, failure);
    if (!count)
        return false;
    long long retried = json_integer_value(count);
    json_decref(count);
    if (call_has(call, "--json"))
        return output_json(
            json_pack("{s:s, s:I}", "job", call->arguments[0], "retried", (json_int_t)retried));
    return output_line("failed tasks that run again: %lld", retried);
}
