#include "cli/arguments.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/suggest.h"

struct parser {
    const struct command *commands;
    struct call *call;
    struct failure *failure;
    char words[64]; /* of the command, as far as they came */
    int argument_count;
    bool is_past_options;
};

static const struct command *find_command(const struct command *commands, const char *words)
{
    for (const struct command *command = commands; command->words; command++)
        if (strcmp(command->words, words) == 0)
            return command;
    return NULL;
}

static bool is_noun(const struct command *commands, const char *word)
{
    size_t length = strlen(word);
    for (const struct command *command = commands; command->words; command++)
        if (strncmp(command->words, word, length) == 0 && command->words[length] == ' ')
            return true;
    return false;
}

static bool refuse_command(struct parser *parser, const char *words)
{
    struct suggestion suggestion = {.typed = words};
    for (const struct command *command = parser->commands; command->words; command++) {
        size_t noun_length = strcspn(command->words, " ");
        suggestion_consider(&suggestion, slice_of_string(command->words));
        if (command->words[noun_length])
            suggestion_consider(&suggestion, slice_of(command->words, noun_length));
    }
    failure_set(parser->failure, FAILURE_USAGE, "unknown command \"%s\"", words);
    if (suggestion.nearest.length)
        return failure_hint(parser->failure, "Did you mean: pawl %.*s",
                            (int)suggestion.nearest.length, suggestion.nearest.start);
    return failure_hint(parser->failure, "pawl --help shows the commands.");
}

static void consider_options(struct suggestion *suggestion, const struct option *option)
{
    for (; option && option->name; option++)
        suggestion_consider(suggestion, slice_of_string(option->name));
}

static bool refuse_option(struct parser *parser, const char *name)
{
    const struct command *command = parser->call->command;
    struct suggestion suggestion = {.typed = name};
    consider_options(&suggestion, options_for_every_command);
    consider_options(&suggestion, command ? command->options : NULL);
    consider_options(&suggestion, command ? command->shared : NULL);
    failure_set(parser->failure, FAILURE_USAGE, "unknown option \"%s\"", name);
    if (suggestion.nearest.length)
        return failure_hint(parser->failure, "Did you mean %s?", suggestion.nearest.start);
    return failure_hint(parser->failure, "pawl %s%s--help shows the options.",
                        command ? command->words : "", command ? " " : "");
}

/* A positive number that fits a bigint, and nothing else. */
static bool is_id(const char *text)
{
    char *end;
    errno = 0;
    return *text >= '1' && *text <= '9' && strtoll(text, &end, 10) > 0 && !*end && errno == 0;
}

bool arguments_split_task(const char *text, char job[24], char task[24])
{
    const char *slash = strchr(text, '/');
    if (!slash || slash - text >= 24 || strlen(slash + 1) >= 24)
        return false;
    snprintf(job, 24, "%.*s", (int)(slash - text), text);
    snprintf(task, 24, "%s", slash + 1);
    return is_id(job) && is_id(task);
}

static bool is_number(const char *text, enum value_type type, double *number)
{
    char *end;
    errno = 0;
    *number = type == VALUE_INTEGER ? (double)strtoll(text, &end, 10) : strtod(text, &end);
    return end != text && !*end && errno == 0 && isfinite(*number);
}

static bool check_choice(const struct option *option, const char *text, struct failure *failure)
{
    size_t length = strlen(text);
    for (const char *word = option->choices; word; word = strchr(word, ' ')) {
        word += *word == ' ';
        if (strcspn(word, " ") == length && memcmp(word, text, length) == 0)
            return true;
    }
    failure_set(failure, FAILURE_USAGE, "%s takes no \"%s\"", option->name, text);
    return failure_hint(failure, "It is one of: %s.", option->choices);
}

static bool check_value(const struct option *option, const char *text, struct failure *failure)
{
    double number;
    if (option->type == VALUE_CHOICE)
        return check_choice(option, text, failure);
    if (option->type != VALUE_INTEGER && option->type != VALUE_NUMBER)
        return true;
    if (!is_number(text, option->type, &number))
        return failure_set(failure, FAILURE_USAGE, "%s takes a %s, not \"%s\"", option->name,
                           option->type == VALUE_INTEGER ? "whole number" : "number", text);
    if (number < option->least || number > option->most)
        return failure_set(failure, FAILURE_USAGE,
                           "%s takes a number between %.15g and %.15g, not %s", option->name,
                           option->least, option->most, text);
    return true;
}

static bool check_argument(const struct argument *argument, const char *text,
                           struct failure *failure)
{
    char job[24], task[24];
    if (argument->type == VALUE_ID && !is_id(text)) {
        failure_set(failure, FAILURE_INPUT, "\"%s\" is not the id of a job", text);
        return failure_hint(failure, "pawl job list shows the jobs that exist.");
    }
    if (argument->type == VALUE_TASK && !arguments_split_task(text, job, task)) {
        failure_set(failure, FAILURE_INPUT, "\"%s\" is not the id of a task", text);
        return failure_hint(failure,
                            "Give it as JOB/TASK; pawl task list JOB shows a job's tasks.");
    }
    if (argument->type == VALUE_WORK && !is_id(text) && !arguments_split_task(text, job, task)) {
        failure_set(failure, FAILURE_INPUT, "\"%s\" is not the id of a job or a task", text);
        return failure_hint(failure,
                            "Give a job as JOB, a task as JOB/TASK; pawl job list shows the "
                            "jobs that exist.");
    }
    return true;
}

static const struct option *find_option(const struct option *options, const char *name,
                                        size_t length)
{
    for (; options && options->name; options++)
        if (strlen(options->name) == length && memcmp(options->name, name, length) == 0)
            return options;
    return NULL;
}

/* One more of those that may be there several times; option NULL: an argument. */
static bool keep_listed(struct parser *parser, const struct option *option, const char *name,
                        const char *value)
{
    struct call *call = parser->call;
    if (call->listed_count == LISTED_MAX)
        return failure_set(parser->failure, FAILURE_USAGE, "%s is given too often: at most %d",
                           name, LISTED_MAX);
    call->listed[call->listed_count++] = (struct listed){option, value};
    return true;
}

/* Takes `word` (--name or --name=value); next is the word behind it, NULL when there is none.
 * *is_next_used tells whether that one was the value. */
static bool take_option(struct parser *parser, const char *word, const char *next,
                        bool *is_next_used)
{
    struct call *call = parser->call;
    size_t length = strcspn(word, "=");
    const char *value = word[length] ? word + length + 1 : NULL;
    const struct option *own = call->command ? call->command->options : NULL;
    const struct option *shared = call->command ? call->command->shared : NULL;
    const struct option *option = find_option(options_for_every_command, word, length);
    const char **place = NULL;
    if (option) {
        place = &call->globals[option - options_for_every_command];
    } else if ((option = find_option(own, word, length))) {
        place = &call->values[option - own];
    } else if ((option = find_option(shared, word, length))) {
        place = &call->shared[option - shared];
    } else {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)length, word);
        return refuse_option(parser, name);
    }
    if (!option->value_name) {
        *place = option->name;
        return !value ||
               failure_set(parser->failure, FAILURE_USAGE, "%s takes no value", option->name);
    }
    *is_next_used = !value;
    value = value ? value : next;
    if (!value || (*is_next_used && strncmp(value, "--", 2) == 0)) {
        failure_set(parser->failure, FAILURE_USAGE, "%s needs a value", option->name);
        return failure_hint(parser->failure, "Write it as: %s %s", option->name,
                            option->value_name);
    }
    *place = value;
    if (option->type == VALUE_LIST && !keep_listed(parser, option, option->name, value))
        return false;
    return check_value(option, value, parser->failure);
}

static bool has_own_values(const struct call *call)
{
    for (int i = 0; i < OPTIONS_MAX; i++)
        if (call->values[i] || call->shared[i])
            return true;
    return false;
}

static bool is_repeated(const struct argument *argument)
{
    return strstr(argument->name, "...]") != NULL;
}

static bool take_argument(struct parser *parser, const char *word)
{
    struct call *call = parser->call;
    int at = parser->argument_count;
    if (at > 0 && is_repeated(&call->command->arguments[at - 1]))
        return keep_listed(parser, NULL, call->command->arguments[at - 1].name, word);
    if (at == ARGUMENTS_MAX || !call->command->arguments[at].name) {
        failure_set(parser->failure, FAILURE_USAGE, "unexpected argument \"%s\"", word);
        return failure_hint(parser->failure, "pawl %s --help shows how it is called.",
                            call->command->words);
    }
    call->arguments[parser->argument_count++] = word;
    if (is_repeated(&call->command->arguments[at]))
        return keep_listed(parser, NULL, call->command->arguments[at].name, word);
    return check_argument(&call->command->arguments[at], word, parser->failure);
}

/* A word without dashes: the rest of the command's name, or an argument of it. */
static bool take_word(struct parser *parser, const char *word)
{
    struct call *call = parser->call;
    char words[sizeof parser->words + 32];
    bool may_go_on = !parser->argument_count && !has_own_values(call) && !parser->is_past_options;
    snprintf(words, sizeof words, "%s%s%.30s", parser->words, *parser->words ? " " : "", word);
    const struct command *command = may_go_on ? find_command(parser->commands, words) : NULL;
    if (command) {
        call->command = command;
        call->noun = NULL;
    } else if (call->command) {
        return take_argument(parser, word);
    } else if (*parser->words || !is_noun(parser->commands, word)) {
        return refuse_command(parser, words);
    } else {
        call->noun = word;
    }
    snprintf(parser->words, sizeof parser->words, "%.*s", (int)sizeof parser->words - 1, words);
    return true;
}

static bool take_all(struct parser *parser, int count, char **words)
{
    for (int i = 1; i < count; i++) {
        bool is_next_used = false, is_fine = true;
        if (parser->is_past_options)
            is_fine = take_word(parser, words[i]);
        else if (strcmp(words[i], "--") == 0)
            parser->is_past_options = true;
        else if (strncmp(words[i], "--", 2) == 0)
            is_fine =
                take_option(parser, words[i], i + 1 < count ? words[i + 1] : NULL, &is_next_used);
        else if (strcmp(words[i], "-h") == 0)
            is_fine = take_option(parser, "--help", NULL, &is_next_used);
        else if (words[i][0] == '-' && words[i][1])
            is_fine = refuse_option(parser, words[i]);
        else
            is_fine = take_word(parser, words[i]);
        if (!is_fine)
            return false;
        i += is_next_used;
    }
    return true;
}

/* Every argument that the command must have is there. */
static bool check_complete(const struct parser *parser)
{
    const struct call *call = parser->call;
    if (call->noun) {
        failure_set(parser->failure, FAILURE_USAGE, "\"%s\" needs a verb", call->noun);
        return failure_hint(parser->failure, "pawl %s --help shows those it has.", call->noun);
    }
    for (int i = parser->argument_count; call->command && i < ARGUMENTS_MAX; i++)
        if (call->command->arguments[i].name && call->command->arguments[i].name[0] != '[') {
            failure_set(parser->failure, FAILURE_USAGE, "\"%s\" needs an argument: %s",
                        call->command->words, call->command->arguments[i].name);
            return failure_hint(parser->failure, "pawl %s --help shows how it is called.",
                                call->command->words);
        }
    return true;
}

bool arguments_parse(const struct command *commands, int count, char **words, struct call *call,
                     struct failure *failure)
{
    struct parser parser = {.commands = commands, .call = call, .failure = failure};
    *call = (struct call){0};
    if (!take_all(&parser, count, words))
        return false;
    if (call_has(call, "--help") || call_has(call, "--version"))
        return true;
    return check_complete(&parser);
}
