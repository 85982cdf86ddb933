/*
 * pawl report: every page of a crawl that is broken, slow, and so on, as it comes from the database
 * and without a limit. The rows are pawl.report_pages()'s, one statement a kind; called in the
 * select list, so that neither side keeps them.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/database.h"
#include "cli/rows.h"

#define KINDS "broken slow redirects uncached orphans unlisted all"

const struct option command_report_options[] = {
    {"--kind", "K", VALUE_CHOICE, .choices = KINDS,
     .help = "broken (default), slow, redirects, uncached, ..."},
    {"--format", "F", VALUE_CHOICE, .choices = "table csv json",
     .help = "table (default), csv or json"},
    {"--limit", "N", VALUE_INTEGER, 1, 1e15, "rows at most (default: all)"},
    {NULL},
};

/* One statement: what every row begins with, and where they all come from. */
#define SELECT "select $1::bigint || '/' || (r).task_id as task, (r).url, (r).status, "
#define FROM(kind) " from (select pawl.report_pages($1, '" kind "') as r limit $2::bigint) s"

static const struct report_kind {
    const char *name, *sql;
    struct rows_layout layout;
} report_kinds[] = {
    {"broken",
     SELECT "(r).role, (r).error_class, (r).error, (r).block, (r).referrer_count, (r).referrer, "
            "(r).via" FROM("broken"),
     {.none = "no broken pages",
      .group = "linked_from",
      .group_from = 8,
      .columns = (const struct table_column[]){{"STATUS", "status", FORMAT_NUMBER},
                                               {"ERROR", "error", FORMAT_SHORT},
                                               {"LINKS", "referrer_count", FORMAT_NUMBER},
                                               {"URL", "url"},
                                               {"VIA", "via"},
                                               {"LINKED FROM", "referrer"},
                                               {NULL}}}},
    {"slow",
     SELECT "(r).total_ms, (r).first_byte_ms, (r).body_bytes, (r).content_type, (r).cache, "
            "(r).cache_name, "
            "(r).warm_cache, (r).warm_total_ms" FROM("slow"),
     {.none = "no pages",
      .columns = (const struct table_column[]){{"TOTAL", "total_ms", FORMAT_MILLISECONDS},
                                               {"FIRST BYTE", "first_byte_ms", FORMAT_MILLISECONDS},
                                               {"AGAIN", "warm_total_ms", FORMAT_MILLISECONDS},
                                               {"SIZE", "body_bytes", FORMAT_BYTES},
                                               {"STATUS", "status", FORMAT_NUMBER},
                                               {"CACHE", "cache"},
                                               {"URL", "url"},
                                               {NULL}}}},
    {"redirects",
     SELECT "(r).hops, (r).ending, (r).final_status, (r).chain" FROM("redirects"),
     {.none = "no redirects",
      .columns = (const struct table_column[]){{"STATUS", "status", FORMAT_NUMBER},
                                               {"HOPS", "hops", FORMAT_NUMBER},
                                               {"ENDS", "ending"},
                                               {"WITH", "final_status", FORMAT_NUMBER},
                                               {"CHAIN", "chain"},
                                               {NULL}}}},
    {"uncached",
     SELECT
     "(r).reason, (r).cache, (r).cache_name, (r).warm_requests, (r).warm_cache, (r).total_ms, "
     "(r).warm_total_ms" FROM("uncached"),
     {.none = "no page that a cache does not hold",
      .columns = (const struct table_column[]){{"REASON", "reason", FORMAT_SHORT},
                                               {"CACHE", "cache_name"},
                                               {"FIRST", "cache"},
                                               {"AGAIN", "warm_requests", FORMAT_NUMBER},
                                               {"THEN", "warm_cache"},
                                               {"URL", "url"},
                                               {NULL}}}},
    {"orphans",
     SELECT "(r).error_class, "
            "(r).total_ms, (r).referrer as sitemap" FROM("orphans"),
     {.none = "no page that is in a sitemap alone",
      .columns = (const struct table_column[]){{"STATUS", "status", FORMAT_NUMBER},
                                               {"TOTAL", "total_ms", FORMAT_MILLISECONDS},
                                               {"URL", "url"},
                                               {"SITEMAP", "sitemap"},
                                               {NULL}}}},
    {"unlisted",
     SELECT "(r).error_class, "
            "(r).depth, (r).canonical, (r).total_ms" FROM("unlisted"),
     {.none = "no page that a sitemap lacks",
      .columns = (const struct table_column[]){{"STATUS", "status", FORMAT_NUMBER},
                                               {"TOTAL", "total_ms", FORMAT_MILLISECONDS},
                                               {"DEPTH", "depth", FORMAT_NUMBER},
                                               {"URL", "url"},
                                               {NULL}}}},
    {"all",
     SELECT
     "(r).role, (r).source, (r).depth, (r).error_class, (r).error, (r).block, (r).redirect_to, "
     "(r).canonical, "
     "(r).cache, (r).cache_name, (r).warm_requests, (r).warm_cache, (r).reason as cache_reason, "
     "(r).content_type, (r).body_bytes, (r).first_byte_ms, (r).total_ms, (r).warm_total_ms, "
     "to_jsonb((r).fetched_at) #>> '{}' as fetched_at" FROM("all"),
     {.none = "no pages",
      .columns = (const struct table_column[]){{"STATUS", "status", FORMAT_NUMBER},
                                               {"TOTAL", "total_ms", FORMAT_MILLISECONDS},
                                               {"SIZE", "body_bytes", FORMAT_BYTES},
                                               {"ROLE", "role"},
                                               {"FOUND BY", "source"},
                                               {"CACHE", "cache"},
                                               {"AGAIN", "warm_cache"},
                                               {"URL", "url"},
                                               {NULL}}}},
};

/* arguments.c has seen to it that it is one of them. */
static const struct report_kind *find_kind(const struct call *call)
{
    const char *name = call_text(call, "--kind");
    const struct report_kind *kind = report_kinds;
    while (name && strcmp(kind->name, name) != 0)
        kind++;
    return kind;
}

static bool find_form(const struct call *call, enum rows_form *form, struct failure *failure)
{
    const char *name = call_text(call, "--format");
    if (call_has(call, "--json") && name && strcmp(name, "json") != 0)
        return failure_set(failure, FAILURE_USAGE, "--json and --format %s are two formats", name);
    *form = call_has(call, "--json") ? ROWS_JSON : ROWS_TABLE;
    if (name)
        *form = *name == 'c' ? ROWS_CSV : *name == 'j' ? ROWS_JSON : ROWS_TABLE;
    return true;
}

struct answer {
    struct rows *rows;
    bool is_reader_gone; /* whoever read it has seen enough, as head does */
};

static bool on_rows(void *context, const struct pg_result *result, struct failure *failure)
{
    struct answer *answer = context;
    rows_add(answer->rows, result);
    if (!ferror(stdout))
        return true;
    answer->is_reader_gone = errno == EPIPE;
    return failure_set(failure, FAILURE_ENVIRONMENT, "could not write the answer: %m");
}

bool command_report(const struct call *call, struct failure *failure)
{
    enum rows_form form;
    const struct report_kind *kind = find_kind(call);
    const char *const values[] = {call->arguments[0], call_text(call, "--limit")};
    struct session *session = NULL;
    if (!find_form(call, &form, failure) || !(session = database_open_checked(call, failure)))
        return false;
    signal(SIGPIPE, SIG_IGN); /* so that the statement is cancelled, not left to find out */
    struct answer answer = {.rows = rows_create(stdout, form, &kind->layout)};
    bool is_fine = session_stream(session, kind->sql, 2, values, on_rows, &answer, failure);
    if (is_fine)
        rows_end(answer.rows);
    rows_destroy(answer.rows);
    session_close(session);
    return is_fine || answer.is_reader_gone;
}
