/* pawl kind test. */
#include "cli/commands.h"
#include "cli/database.h"
#include "cli/document.h"
#include "cli/output.h"
#include "cli/self_test.h"

bool command_kind_test(const struct call *call, struct failure *failure)
{
    struct session *session = database_open_checked(call, failure);
    json_t *job = session ? document_ask(session,
                                         "select coalesce(to_jsonb(pawl.test_kind($1)::text), "
                                         "'null')",
                                         1, call->arguments, failure)
                          : NULL;
    json_t *result = NULL;
    bool is_fine =
        job && self_test_await(call, &session, call->arguments[0], job, &result, failure);
    if (is_fine && call_has(call, "--json") && !json_is_null(result))
        is_fine = output_json(json_incref(result));
    else if (is_fine)
        self_test_print(call->arguments[0], result);
    json_decref(result);
    json_decref(job);
    session_close(session);
    return is_fine;
}
