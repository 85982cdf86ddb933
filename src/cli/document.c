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

static void move_member(json_t *to, json_t *from, const char *new_key, const char *key)
{
    json_t *value = json_object_get(from, key);
    if (value)
        json_object_set(to, new_key, value);
    json_object_del(from, key);
}

static void name_row(json_t *row, const char *own, const char *noun)
{
    json_t *named = json_object();
    move_member(named, row, noun, own);
    move_member(named, row, "job", "job_id");
    json_object_del(row, "task_id");
    json_object_update(named, row);
    json_object_clear(row);
    json_object_update(row, named);
    json_decref(named);
}

void document_name(json_t *document, const char *own, const char *noun)
{
    size_t at;
    json_t *row;
    if (json_is_object(document))
        name_row(document, own, noun);
    json_array_foreach(document, at, row)
    {
        name_row(row, own, noun);
    }
}
