/* pawl enqueue. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/document.h"
#include "cli/humanize.h"
#include "cli/output.h"

/* No kind takes more (the table's constraint); the kind's own limit is checked by the database. */
enum { PAYLOAD_BYTES_MAX = 64 * 1024 * 1024 };

const struct option command_enqueue_options[] = {
    {"--key", "KEY", VALUE_TEXT,
     .help = "at most one active task of this key: a second call finds it"},
    {"--limit-key", "KEY", VALUE_TEXT, .help = "for whom it is, where limits hold per key"},
    {"--priority", "P", VALUE_NUMBER, -1e9, 1e9, "higher runs first (default 0)"},
    {"--run-at", "TIME", VALUE_TEXT, .help = "not before this time: 2026-12-24T18:00:00Z"},
    {"--delay", "SECONDS", VALUE_NUMBER, 0, 1e9, "not before that many seconds have passed"},
    {NULL},
};

static bool read_payload(const char *argument, struct text *payload, struct failure *failure)
{
    char buffer[65536];
    ssize_t count;
    if (strcmp(argument, "-") != 0) {
        text_append_string(payload, argument);
        return true;
    }
    while ((count = read(STDIN_FILENO, buffer, sizeof buffer)) > 0) {
        if (payload->length + (size_t)count > PAYLOAD_BYTES_MAX)
            return failure_set(failure, FAILURE_INPUT, "payload is larger than %d bytes",
                               PAYLOAD_BYTES_MAX);
        text_append(payload, buffer, (size_t)count);
    }
    return count == 0 ||
           failure_set(failure, FAILURE_ENVIRONMENT, "could not read standard input: %m");
}

/* Checked here, where the place of a mistake can be told. */
static bool check_json(const struct text *payload, struct failure *failure)
{
    json_error_t error;
    json_t *document = json_loadb(text_string(payload), payload->length, JSON_DECODE_ANY, &error);
    if (document) {
        json_decref(document);
        return true;
    }
    failure_set(failure, FAILURE_INPUT, "payload is no JSON: line %d, column %d: %s", error.line,
                error.column, error.text);
    return failure_hint(failure,
                        "Quote it for the shell: pawl enqueue KIND '{\"key\": \"value\"}'");
}

/* --run-at or --delay as a timestamp that PostgreSQL reads; NULL: at once. */
static bool find_start(const struct call *call, char text[64], const char **start,
                       struct failure *failure)
{
    double seconds;
    *start = NULL;
    if (call_has(call, "--run-at") && call_has(call, "--delay"))
        return failure_set(failure, FAILURE_USAGE, "--run-at and --delay name two times");
    if (call_has(call, "--delay")) {
        snprintf(text, 64, "%.6f seconds", call_number(call, "--delay", 0));
        *start = text;
    }
    if (call_has(call, "--run-at")) {
        if (!human_parse_time(call_text(call, "--run-at"), &seconds)) {
            failure_set(failure, FAILURE_INPUT, "\"%s\" is not a time",
                        call_text(call, "--run-at"));
            return failure_hint(failure, "Write it as 2026-12-24T18:00:00Z or with an offset as "
                                         "+01:00.");
        }
        *start = call_text(call, "--run-at");
    }
    return true;
}

static bool enqueue(const struct call *call, const char *payload, struct failure *failure)
{
    char text[64];
    const char *start;
    if (!find_start(call, text, &start, failure))
        return false;
    const char *const values[] = {call->arguments[0],
                                  payload,
                                  call_text(call, "--key"),
                                  call_text(call, "--priority"),
                                  start,
                                  call_text(call, "--limit-key")};
    json_t *task = document_ask_once(
        call,
        call_has(call, "--delay")
            ? "select jsonb_build_object('task', job_id || '/' || task_id, 'job', job_id::text) "
              "from pawl.enqueue($1, $2, $3, coalesce($4, 0), pawl.now() + $5::interval, $6)"
            : "select jsonb_build_object('task', job_id || '/' || task_id, 'job', job_id::text) "
              "from pawl.enqueue($1, $2, $3, coalesce($4, 0), $5, $6)",
        6, values, failure);
    if (!task)
        return false;
    if (call_has(call, "--json"))
        return output_json(task);
    output_line("task %s", json_string_value(json_object_get(task, "task")));
    json_decref(task);
    return true;
}

bool command_enqueue(const struct call *call, struct failure *failure)
{
    struct text payload = {0};
    bool is_done = read_payload(call->arguments[1], &payload, failure) &&
                   check_json(&payload, failure) && enqueue(call, text_string(&payload), failure);
    text_finish(&payload);
    return is_done;
}
