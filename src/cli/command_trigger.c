/* pawl trigger list, set, test, remove. */
#include <string.h>

#include "cli/commands.h"
#include "cli/database.h"
#include "cli/document.h"
#include "cli/node_process.h"
#include "cli/output.h"
#include "cli/self_test.h"
#include "cli/table.h"

/* ---- list ---- */

/* Adds what a person reads: what is wrong with it, else what went wrong last. */
static void describe(json_t *trigger)
{
    const char *test = document_string(trigger, "self_test_status");
    double failed = document_number(trigger, "failed_rows");
    json_t *problem = json_object_get(trigger, "problem");
    if (!json_is_null(problem))
        json_object_set(trigger, "state", problem);
    else if (strcmp(test, "failed") == 0)
        json_object_set_new(trigger, "state",
                            json_sprintf("its kind failed the test: %s",
                                         document_string(trigger, "self_test_error")));
    else if (failed > 0)
        json_object_set_new(trigger, "state",
                            json_sprintf("rows without a task: %.0f; the last: %s", failed,
                                         document_string(trigger, "last_error")));
    else if (strcmp(test, "pending") == 0 || strcmp(test, "running") == 0)
        json_object_set_new(trigger, "state", json_string("its kind has not been tested yet"));
    else
        json_object_set_new(trigger, "state", json_string("ok"));
}

bool command_trigger_list(const struct call *call, struct failure *failure)
{
    static const struct table_column columns[] = {
        {"TRIGGER", "trigger", FORMAT_SHORT},
        {"TABLE", "table", FORMAT_SHORT},
        {"ON", "event"},
        {"KIND", "kind", FORMAT_SHORT},
        {"CONDITION", "condition", FORMAT_SHORT},
        {"MODE", "mode"},
        {"LAST ERROR", "last_failed_at", FORMAT_AGO},
        {"STATE", "state"},
        {NULL},
    };
    json_t *triggers = document_ask_once(call, "select pawl.list_triggers()", 0, NULL, failure);
    if (!triggers)
        return false;
    if (call_has(call, "--json"))
        return output_json(triggers);
    for (size_t at = 0; at < json_array_size(triggers); at++)
        describe(json_array_get(triggers, at));
    table_print(columns, triggers);
    json_decref(triggers);
    return true;
}

/* ---- set ---- */

const struct option command_trigger_set_options[] = {
    {"--kind", "KIND", VALUE_TEXT, .help = "kind of the tasks; it must be there"},
    {"--on", "EVENT", VALUE_CHOICE, .choices = "insert update delete",
     .help = "insert (default), update or delete"},
    {"--payload", "SQL", VALUE_TEXT, .help = "the payload, jsonb (the whole row as an object)"},
    {"--condition", "SQL", VALUE_TEXT, .help = "only rows for which it is true"},
    {"--key", "SQL", VALUE_TEXT, .help = "of rows with the same key one task is open at a time"},
    {"--priority", "SQL", VALUE_TEXT, .help = "higher runs first (0)"},
    {"--run-at", "SQL", VALUE_TEXT, .help = "not before this time"},
    {"--limit-key", "SQL", VALUE_TEXT, .help = "rows with the same one share a limit per key"},
    {"--no-test", .help = "do not try out what the kind calls"},
    {"--strict", .help = "a failure here fails the statement on the table"},
    {"--name", "NAME", VALUE_TEXT, .help = "how it is called (TABLE_EVENT_KIND)"},
    {NULL},
};

/* Its name as a JSON string; NULL with failure set. */
static json_t *set_trigger(const struct call *call, struct session *session, const char *event,
                           struct failure *failure)
{
    const char *const values[] = {call->arguments[0],
                                  call_text(call, "--kind"),
                                  call_text(call, "--payload"),
                                  call_text(call, "--condition"),
                                  call_text(call, "--key"),
                                  call_text(call, "--priority"),
                                  call_text(call, "--run-at"),
                                  call_has(call, "--strict") ? "strict" : "isolate",
                                  call_text(call, "--name"),
                                  event,
                                  call_has(call, "--no-test") ? "false" : "true",
                                  call_text(call, "--limit-key")};
    json_t *name =
        document_ask(session,
                     "select to_jsonb(pawl.set_trigger(current_setting('search_path'), $10, "
                     "$1::regclass, $2, coalesce($3, case $10 when 'delete' then "
                     "'to_jsonb(old.*)' else 'to_jsonb(new.*)' end), $4, $5, $6, $7, $12, $8, $9, "
                     "$11::boolean))",
                     12, values, failure);
    if (!name)
        database_blame_table(failure);
    return name;
}

/* The trigger as list shows it; NULL with failure set. */
static json_t *read_trigger(struct session *session, const char *name, struct failure *failure)
{
    const char *const values[] = {name};
    json_t *trigger = document_ask(session,
                                   "select coalesce((select t from "
                                   "jsonb_array_elements(pawl.list_triggers()) t "
                                   "where t ->> 'trigger' = $1), 'null')",
                                   1, values, failure);
    if (!json_is_null(trigger))
        return trigger;
    failure_set(failure, FAILURE_INPUT, "trigger \"%s\" has just been removed", name);
    return NULL;
}

/* Waits for the test of what the trigger's kind calls, if there is one and a node to run it. */
static bool await_test(const struct call *call, struct session **session, const json_t *trigger,
                       struct failure *failure)
{
    const char *kind = document_string(trigger, "kind");
    const json_t *job = json_object_get(trigger, "self_test_job");
    json_t *result = NULL;
    bool is_served, is_json = call_has(call, "--json");
    if (!json_is_string(job))
        return true;
    if (!node_process_is_served(*session, &is_served, failure))
        return false;
    if (!is_served)
        return is_json || output_line("no node runs: kind %s is tested when one does, and pawl "
                                      "trigger list shows how it went",
                                      kind);
    bool is_fine = self_test_await(call, session, kind, job, &result, failure);
    if (is_fine && !is_json)
        self_test_print(kind, result);
    json_decref(result);
    return is_fine;
}

/* Says what stands now, then how its test goes. */
static bool say_set(const struct call *call, struct session **session, const char *name,
                    struct failure *failure)
{
    json_t *trigger = read_trigger(*session, name, failure);
    if (!trigger)
        return false;
    if (!call_has(call, "--json"))
        output_line("trigger %s: each row of %s on %s gets a task of kind %s", name,
                    document_string(trigger, "table"), document_string(trigger, "event"),
                    document_string(trigger, "kind"));
    bool is_fine = await_test(call, session, trigger, failure);
    json_decref(trigger);
    if (!is_fine || !call_has(call, "--json") || !*session)
        return is_fine;
    trigger = read_trigger(*session, name, failure);
    return trigger && output_json(trigger);
}

bool command_trigger_set(const struct call *call, struct failure *failure)
{
    if (!call_has(call, "--kind")) {
        failure_set(failure, FAILURE_USAGE, "--kind is missing");
        return failure_hint(failure, "Say what the tasks are; pawl kind list shows what there is.");
    }
    const char *event = call_has(call, "--on") ? call_text(call, "--on") : "insert";
    struct session *session = database_open_checked(call, failure);
    json_t *name = session ? set_trigger(call, session, event, failure) : NULL;
    bool is_fine = name && say_set(call, &session, json_string_value(name), failure);
    json_decref(name);
    session_close(session);
    return is_fine;
}

/* ---- test ---- */

bool command_trigger_test(const struct call *call, struct failure *failure)
{
    struct session *session = database_open_checked(call, failure);
    json_t *test = session ? document_ask(session,
                                          "select jsonb_build_object('job', "
                                          "pawl.test_trigger($1)::text, 'kind', (select t.kind "
                                          "from pawl.triggers t where t.name = $1))",
                                          1, call->arguments, failure)
                           : NULL;
    json_t *result = NULL;
    const char *kind = document_string(test, "kind");
    bool is_fine = test && self_test_await(call, &session, kind, json_object_get(test, "job"),
                                           &result, failure);
    if (is_fine && call_has(call, "--json") && !json_is_null(result))
        is_fine = output_json(json_incref(result));
    else if (is_fine)
        self_test_print(kind, result);
    json_decref(result);
    json_decref(test);
    session_close(session);
    return is_fine;
}

/* ---- remove ---- */

bool command_trigger_remove(const struct call *call, struct failure *failure)
{
    json_t *answer = document_ask_once(call, "select to_jsonb(pawl.detach($1)::text)", 1,
                                       call->arguments, failure);
    if (!answer)
        return false;
    json_decref(answer);
    if (call_has(call, "--json"))
        return output_json(json_pack("{s:s, s:b}", "trigger", call->arguments[0], "removed", 1));
    return output_line("trigger %s is removed; its tasks go on", call->arguments[0]);
}
