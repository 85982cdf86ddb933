#include "cli/kind_options.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* "NAME: value", the blanks around the value taken off. */
static bool split(const char *text, char divider, const char *option, char **name,
                  struct slice *value, struct failure *failure)
{
    const char *at = strchr(text, divider);
    if (!at || at == text) {
        failure_set(failure, FAILURE_USAGE, "%s takes a name, %c and a value", option, divider);
        return failure_hint(failure, "For example: %s %s", option,
                            divider == ':' ? "'X-Team: billing'" : "max_result_bytes=1024");
    }
    *name = memory_copy(text, (size_t)(at - text));
    *value = slice_trimmed(slice_of_string(at + 1));
    return true;
}

/* Takes the value. What is no UTF-8 jansson takes for no value at all. */
static bool set_member(json_t *object, const char *name, json_t *value, const char *option,
                       struct failure *failure)
{
    if (json_object_set_new(object, name, value) == 0)
        return true;
    return failure_set(failure, FAILURE_USAGE, "%s takes text in UTF-8", option);
}

static json_t *value_of_header(struct slice value, bool is_secret)
{
    json_t *text = json_stringn(value.start, value.length);
    if (!value.length) {
        json_decref(text);
        return json_null();
    }
    return is_secret ? json_pack("{s:o}", "secret", text) : text;
}

static bool add_headers(const struct call *call, const char *option, bool is_secret,
                        json_t *headers, struct failure *failure)
{
    const char *given;
    for (int i = 0; (given = call_listed(call, option, i)); i++) {
        char *name;
        struct slice value;
        if (!split(given, ':', option, &name, &value, failure))
            return false;
        bool is_set = set_member(headers, name, value_of_header(value, is_secret), option, failure);
        free(name);
        if (!is_set)
            return false;
    }
    return true;
}

/* A value that is no JSON is a text: --option method=PUT. */
static bool add_others(const struct call *call, json_t *options, struct failure *failure)
{
    const char *given;
    for (int i = 0; (given = call_listed(call, "--option", i)); i++) {
        char *name;
        struct slice value;
        if (!split(given, '=', "--option", &name, &value, failure))
            return false;
        json_t *json = json_loadb(value.start, value.length, JSON_DECODE_ANY, NULL);
        json = json ? json : json_stringn(value.start, value.length);
        bool is_set = set_member(options, name, json, "--option", failure);
        free(name);
        if (!is_set)
            return false;
    }
    return true;
}

static bool add_named(const struct call *call, json_t *options, struct failure *failure)
{
    static const struct {
        const char *option, *name;
    } references[] = {{"--authorization", "authorization"},
                      {"--signing-secret", "signing_secret"},
                      {"--previous-signing-secret", "previous_signing_secret"}};
    for (size_t i = 0; i < sizeof references / sizeof *references; i++)
        if (call_has(call, references[i].option) &&
            !set_member(options, references[i].name,
                        json_string(call_text(call, references[i].option)), references[i].option,
                        failure))
            return false;
    if (call_has(call, "--max-reply"))
        json_object_set_new(options, "max_reply_bytes",
                            json_integer(call_integer(call, "--max-reply", 0)));
    if (call_has(call, "--allow-private"))
        json_object_set_new(options, "allow_private", json_true());
    return true;
}

bool kind_options_write(const struct call *call, struct text *text, struct failure *failure)
{
    json_t *options = json_object(), *headers = json_object();
    bool is_fine = add_others(call, options, failure) &&
                   add_headers(call, "--header", false, headers, failure) &&
                   add_headers(call, "--secret-header", true, headers, failure) &&
                   add_named(call, options, failure);
    if (json_object_size(headers))
        json_object_set(options, "headers", headers);
    if (is_fine && json_object_size(options)) {
        char *written = json_dumps(options, JSON_COMPACT);
        text_append_string(text, written);
        free(written);
    }
    json_decref(headers);
    json_decref(options);
    return is_fine;
}
