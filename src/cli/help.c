#include "cli/help.h"

#include <string.h>

static void print_usage(FILE *file, const struct command *command)
{
    fprintf(file, "usage: pawl %s", command->words);
    for (int i = 0; i < ARGUMENTS_MAX && command->arguments[i].name; i++)
        fprintf(file, " %s", command->arguments[i].name);
    fputs(" [OPTIONS]\n", file);
}

/* title NULL: they go on under the one before. */
static void print_options(FILE *file, const char *title, const struct option *options)
{
    if (!options || !options->name)
        return;
    if (title)
        fprintf(file, "\n%s:\n", title);
    for (; options->name; options++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", options->name,
                 options->value_name ? options->value_name : "");
        fprintf(file, "  %-28s %s\n", left, options->help);
    }
}

static void print_row(FILE *file, const struct command *command)
{
    char left[64];
    int length = snprintf(left, sizeof left, "%s", command->words);
    for (int i = 0; i < ARGUMENTS_MAX && command->arguments[i].name; i++)
        length += snprintf(left + length, sizeof left - (size_t)length, " %s",
                           command->arguments[i].name);
    /* two blanks at least are between them, also for scripts/print-commands */
    fprintf(file, "  %-28s%s%s\n", left, length < 28 ? " " : "  ", command->summary);
}

static bool begins_with_word(const char *words, const char *word)
{
    size_t length = strlen(word);
    return strncmp(words, word, length) == 0 && (words[length] == ' ' || !words[length]);
}

void help_print_commands(FILE *file, const struct command *commands, const char *noun)
{
    if (!noun)
        fputs("Pawl " PAWL_VERSION ", an event-driven job engine for PostgreSQL\n\n", file);
    fprintf(file, "usage: pawl %s%sCOMMAND [OPTIONS]\n", noun ? noun : "", noun ? " " : "");
    for (const struct command *command = commands; command->words; command++) {
        if (noun && !begins_with_word(command->words, noun))
            continue;
        if (!noun && command->group)
            fprintf(file, "\n%s:\n", command->group);
        print_row(file, command);
    }
    print_options(file, "options of every command", options_for_every_command);
    if (!noun)
        fputs("\nBegin with: pawl up\npawl COMMAND --help shows more, with examples.\n", file);
}

void help_print_command(FILE *file, const struct command *command)
{
    print_usage(file, command);
    fprintf(file, "\n%s\n", command->description ? command->description : command->summary);
    bool is_shared_first = command->shared && !command->shared_title;
    print_options(file, "options", is_shared_first ? command->shared : command->options);
    print_options(file, command->shared_title,
                  is_shared_first ? command->options : command->shared);
    print_options(file, "options of every command", options_for_every_command);
    fprintf(file, "\nexamples:\n%s\n", command->examples);
}
