/* pawl subscription adopt, adoptions, drop. */
#include "cli/commands.h"
#include "cli/database.h"
#include "cli/document.h"
#include "cli/output.h"
#include "cli/table.h"

/* ---- adoptions ---- */

/* Adds what a person reads: what is wrong with it, else what went wrong last. */
static void describe(json_t *adoption)
{
    json_t *problem = json_object_get(adoption, "problem");
    json_t *error = json_object_get(adoption, "last_error");
    if (json_is_string(problem))
        json_object_set(adoption, "state", problem);
    else if (document_number(adoption, "ignored") > 0)
        json_object_set_new(
            adoption, "state",
            json_sprintf("ignored: %s", document_string(adoption, "ignored_reason")));
    else if (json_is_string(error))
        json_object_set_new(adoption, "state",
                            json_sprintf("failed last: %s", json_string_value(error)));
    else if (json_is_null(json_object_get(adoption, "swept_at")))
        json_object_set_new(adoption, "state", json_string("a node reads the table first"));
    else
        json_object_set_new(adoption, "state", json_string("ok"));
}

bool command_subscription_adoptions(const struct call *call, struct failure *failure)
{
    static const struct table_column columns[] = {
        {"ADOPTION", "adoption", FORMAT_SHORT},
        {"TABLE", "table", FORMAT_SHORT},
        {"MODE", "mode"},
        {"TYPE", "type", FORMAT_SHORT},
        {"KEY", "key", FORMAT_SHORT},
        {"HOLDER", "holder", FORMAT_SHORT},
        {"SUBSCRIPTIONS", "subscriptions", FORMAT_NUMBER},
        {"IGNORED", "ignored", FORMAT_NUMBER},
        {"READ", "swept_at", FORMAT_AGO},
        {"STATE", "state"},
        {NULL},
    };
    json_t *adoptions = document_ask_once(call, "select pawl.list_adoptions()", 0, NULL, failure);
    if (!adoptions)
        return false;
    if (call_has(call, "--json"))
        return output_json(adoptions);
    for (size_t at = 0; at < json_array_size(adoptions); at++)
        describe(json_array_get(adoptions, at));
    table_print(columns, adoptions);
    json_decref(adoptions);
    return true;
}

/* ---- adopt ---- */

const struct option command_subscription_adopt_options[] = {
    {"--type", "TYPE", VALUE_TEXT, .help = "a data type, or SQL for it"},
    {"--key", "SQL", VALUE_TEXT, .help = "the key; left out where types are global"},
    {"--holder", "SQL", VALUE_TEXT, .help = "who looks"},
    {"--condition", "SQL", VALUE_TEXT, .help = "only rows for which it is true"},
    {"--mode", "MODE", VALUE_CHOICE, .choices = "trigger sweep",
     .help = "trigger or sweep (trigger where that is allowed)"},
    {"--every", "TIME", VALUE_TEXT, .help = "pause between two sweeps (10s; of trigger 10m)"},
    {"--name", "NAME", VALUE_TEXT, .help = "how it is called (TABLE)"},
    {NULL},
};

static bool check_words(const struct call *call, struct failure *failure)
{
    const char *missing = !call_has(call, "--type")     ? "--type"
                          : !call_has(call, "--holder") ? "--holder"
                                                        : NULL;
    if (!missing)
        return true;
    failure_set(failure, FAILURE_USAGE, "%s is missing", missing);
    return failure_hint(failure, "Say of which type the rows are, of which key, and who looks: "
                                 "--type price --key new.symbol --holder new.session_id.");
}

/* The adoption as the list shows it; NULL with failure set. */
static json_t *adopt(const struct call *call, struct session *session, const char *every,
                     struct failure *failure)
{
    const char *const values[] = {call->arguments[0],
                                  call_text(call, "--type"),
                                  call_text(call, "--key"),
                                  call_text(call, "--holder"),
                                  call_text(call, "--condition"),
                                  call_text(call, "--mode"),
                                  every,
                                  call_text(call, "--name")};
    json_t *name = document_ask(session,
                                "select to_jsonb(pawl.adopt_subscriptions($1::regclass, $2, $3, "
                                "$4, $5, $6, $7::interval, $8))",
                                8, values, failure);
    if (!name) {
        database_blame_table(failure);
        return NULL;
    }
    const char *const names[] = {json_string_value(name)};
    json_t *adoption =
        document_ask(session,
                     "select coalesce((select a from jsonb_array_elements(pawl.list_adoptions()) a "
                     "where a ->> 'adoption' = $1), 'null')",
                     1, names, failure);
    json_decref(name);
    return adoption;
}

bool command_subscription_adopt(const struct call *call, struct failure *failure)
{
    char text[64];
    const char *every;
    if (!check_words(call, failure) || !call_interval(call, "--every", text, &every, failure))
        return false;
    struct session *session = database_open_checked(call, failure);
    json_t *adoption = session ? adopt(call, session, every, failure) : NULL;
    session_close(session);
    if (!adoption)
        return false;
    if (call_has(call, "--json"))
        return output_json(adoption);
    output_line("adoption %s: rows of %s are subscriptions, %s",
                document_string(adoption, "adoption"), document_string(adoption, "table"),
                document_string(adoption, "mode")[0] == 't' ? "by triggers on it"
                                                            : "read by sweeps");
    json_decref(adoption);
    return true;
}

/* ---- drop ---- */

bool command_subscription_drop(const struct call *call, struct failure *failure)
{
    json_t *answer = document_ask_once(call, "select to_jsonb(pawl.drop_adoption($1)::text)", 1,
                                       call->arguments, failure);
    if (!answer)
        return false;
    json_decref(answer);
    if (call_has(call, "--json"))
        return output_json(json_pack("{s:s, s:b}", "adoption", call->arguments[0], "dropped", 1));
    return output_line("adoption %s is dropped; its subscriptions have ended", call->arguments[0]);
}
