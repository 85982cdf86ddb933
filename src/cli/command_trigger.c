/* pawl trigger list, set, remove. */
#include "cli/commands.h"
#include "cli/database.h"
#include "cli/document.h"
#include "cli/output.h"
#include "cli/table.h"

/* ---- list ---- */

/* Adds what a person reads: what is wrong with it, else what went wrong last. */
static void describe(json_t *trigger)
{
    double failed = document_number(trigger, "failed_rows");
    json_t *problem = json_object_get(trigger, "problem");
    if (!json_is_null(problem))
        json_object_set(trigger, "state", problem);
    else if (failed > 0)
        json_object_set_new(trigger, "state",
                            json_sprintf("%.0f rows without a task: %s", failed,
                                         document_string(trigger, "last_error")));
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
    {"--strict", .help = "a failure here fails the statement on the table"},
    {"--name", "NAME", VALUE_TEXT, .help = "how it is called (TABLE_EVENT_KIND)"},
    {NULL},
};

/* The trigger as list shows it; NULL with failure set. */
static json_t *set_trigger(const struct call *call, const char *event, struct failure *failure)
{
    const char *const values[] = {
        call->arguments[0],           call_text(call, "--kind"),
        call_text(call, "--payload"), call_text(call, "--condition"),
        call_text(call, "--key"),     call_text(call, "--priority"),
        call_text(call, "--run-at"),  call_has(call, "--strict") ? "strict" : "isolate",
        call_text(call, "--name"),    event};
    struct session *session = database_open_checked(call, failure);
    json_t *name =
        session ? document_ask(session,
                               "select to_jsonb(pawl.set_trigger(current_setting('search_path'), "
                               "$10, $1::regclass, $2, coalesce($3, case $10 when 'delete' "
                               "then 'to_jsonb(old.*)' else 'to_jsonb(new.*)' end), "
                               "$4, $5, $6, $7, $8, $9))",
                               10, values, failure)
                : NULL;
    json_t *trigger = name
                          ? document_ask(session,
                                         "select coalesce((select t from "
                                         "jsonb_array_elements(pawl.list_triggers()) t "
                                         "where t ->> 'trigger' = $1), 'null')",
                                         1, (const char *const[]){json_string_value(name)}, failure)
                          : NULL;
    json_decref(name);
    if (session)
        session_close(session);
    if (json_is_null(trigger))
        failure_set(failure, FAILURE_INPUT, "the trigger has just been removed");
    return json_is_null(trigger) ? NULL : trigger;
}

bool command_trigger_set(const struct call *call, struct failure *failure)
{
    const char *event = call_has(call, "--on") ? call_text(call, "--on") : "insert";
    if (!call_has(call, "--kind")) {
        failure_set(failure, FAILURE_USAGE, "--kind is missing");
        return failure_hint(failure, "Say what the tasks are; pawl kind list shows what there is.");
    }
    json_t *trigger = set_trigger(call, event, failure);
    if (!trigger)
        return false;
    if (call_has(call, "--json"))
        return output_json(trigger);
    output_line("trigger %s: each row of %s on %s gets a task of kind %s",
                document_string(trigger, "trigger"), document_string(trigger, "table"), event,
                document_string(trigger, "kind"));
    json_decref(trigger);
    return true;
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
