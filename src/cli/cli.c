#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/output.h"

static bool print_version(const struct call *call)
{
    if (call_has(call, "--json"))
        return output_json(json_pack("{s:s}", "version", PAWL_VERSION));
    return output_line("pawl %s", PAWL_VERSION);
}

static bool run(const struct call *call, struct failure *failure)
{
    if (call_has(call, "--version"))
        return print_version(call);
    if (call->command && !call_has(call, "--help"))
        return call->command->run(call, failure);
    if (call->command)
        help_print_command(stdout, call->command);
    else
        help_print_commands(stdout, commands, call->noun);
    return true;
}

/* A reader who has seen enough is no failure. */
static bool flush_answer(struct failure *failure)
{
    return fflush(stdout) == 0 || errno == EPIPE ||
           failure_set(failure, FAILURE_ENVIRONMENT, "could not write the answer: %m");
}

/* Also when the command line could not be understood up to there. */
static bool wants_json(int count, char **words)
{
    for (int i = 1; i < count; i++)
        if (strcmp(words[i], "--json") == 0)
            return true;
    return false;
}

int cli_main(int count, char **words)
{
    struct call call;
    struct failure failure = {0};
    if (arguments_parse(commands, count, words, &call, &failure) && run(&call, &failure) &&
        flush_answer(&failure))
        return 0;
    fflush(stdout);
    output_failure(&failure, wants_json(count, words));
    return failure.class;
}
