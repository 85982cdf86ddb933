#include "cli/document.h"

#include "cli/database.h"

json_t *document_ask(struct session *session, const char *sql, int count, const char *const *values,
                     struct failure *failure)
{
    struct pg_result *result = session_query(session, sql, count, values, failure);
    if (!result)
        return NULL;
    struct slice text = pg_result_slice(result, 0, 0);
    json_error_t error;
    json_t *document =
        json_loadb(text.start, text.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    pg_result_destroy(result);
    if (!document)
        failure_set(failure, FAILURE_DATABASE, "database's answer is no JSON: %s", error.text);
    return document;
}

json_t *document_ask_once(const struct call *call, const char *sql, int count,
                          const char *const *values, struct failure *failure)
{
    struct session *session = database_open_checked(call, failure);
    if (!session)
        return NULL;
    json_t *document = document_ask(session, sql, count, values, failure);
    session_close(session);
    return document;
}

double document_number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

const char *document_string(const json_t *object, const char *key)
{
    const char *string = json_string_value(json_object_get(object, key));
    return string ? string : "";
}
