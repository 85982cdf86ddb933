/* pawl breaker list, close. */
#include "cli/commands.h"
#include "cli/document.h"
#include "cli/output.h"
#include "cli/table.h"

bool command_breaker_list(const struct call *call, struct failure *failure)
{
    static const struct table_column columns[] = {
        {"TARGET", "target", FORMAT_SHORT},  {"STATE", "state"},
        {"OPENED", "opened_at", FORMAT_AGO}, {"TRIED NEXT", "retry_at", FORMAT_AGO},
        {"PROBES", "probes", FORMAT_NUMBER}, {"JOBS", "held_jobs", FORMAT_NUMBER},
        {"ERROR", "error", FORMAT_SHORT},    {NULL},
    };
    json_t *breakers = document_ask_once(call, "select pawl.list_breakers()", 0, NULL, failure);
    if (!breakers)
        return false;
    if (call_has(call, "--json"))
        return output_json(breakers);
    table_print(columns, breakers);
    json_decref(breakers);
    return true;
}

bool command_breaker_close(const struct call *call, struct failure *failure)
{
    const char *target = call->arguments[0];
    json_t *answer = document_ask_once(call, "select to_jsonb(pawl.close_breaker($1))", 1,
                                       call->arguments, failure);
    if (!answer)
        return false;
    bool was_open = json_is_true(answer);
    json_decref(answer);
    if (call_has(call, "--json"))
        return output_json(json_pack("{s:s, s:b}", "target", target, "closed", was_open));
    return was_open ? output_line("breaker of %s closed: its tasks go on", target)
                    : output_line("breaker of %s was closed already", target);
}
