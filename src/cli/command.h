/*
 * What a command is: a row of the table in commands.c. Parsing, help and the hints for misspelt
 * words all read that table, so a new command is one new row there and one function.
 */
#ifndef PAWL_CLI_COMMAND_H
#define PAWL_CLI_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/failure.h"

enum value_type {
    VALUE_FLAG, /* takes none */
    VALUE_TEXT,
    VALUE_LIST,    /* a text, and may be given several times: call_listed() */
    VALUE_INTEGER, /* within least and most */
    VALUE_NUMBER,  /* a decimal fraction within least and most */
    VALUE_CHOICE,  /* one of choices */
    VALUE_ID,      /* of a job */
    VALUE_TASK,    /* JOB/TASK */
    VALUE_WORK,    /* JOB or JOB/TASK */
};

struct option {
    const char *name;       /* with its dashes; NULL ends a table */
    const char *value_name; /* NULL for a flag */
    enum value_type type;
    double least, most;
    const char *help;
    const char *choices; /* words with a blank between them */
};

struct argument {
    const char *name; /* as help shows it; [NAME]: it may be left out, and [NAME...]: or be there
                         several times, which call_further() reads; NULL: there is none */
    enum value_type type;
};

enum { ARGUMENTS_MAX = 3, OPTIONS_MAX = 24, LISTED_MAX = 100 };

struct call;

/* Does the work. False with failure set is the exit code too (docs/exit-codes.md). */
typedef bool command_run_fn(const struct call *call, struct failure *failure);

struct command {
    const char *words;   /* noun and verb, or one word; NULL ends the table */
    const char *group;   /* heading in the list of commands; NULL: the same as the row before */
    const char *summary; /* one line */
    const char *description;
    const char *examples; /* lines, each indented by two spaces */
    struct argument arguments[ARGUMENTS_MAX];
    const struct option *options; /* of its own; NULL: none */
    command_run_fn *run;
    const struct option *shared; /* that it has in common with another command; NULL: none */
    const char *shared_title;    /* their heading in help; NULL: they stand before its own */
};

/* A command line that was understood. Strings are argv's. */
struct call {
    const struct command *command; /* NULL only with wants_help or wants_version */
    const char *noun;              /* one word of several commands that was given alone, or NULL */
    const char *arguments[ARGUMENTS_MAX]; /* NULL where it was left out */
    const char *values[OPTIONS_MAX];      /* by the option's place in its table; a flag: its name */
    const char *shared[OPTIONS_MAX];      /* the same for the command's shared ones */
    const char *globals[OPTIONS_MAX];     /* and for options_for_every_command */
    struct listed {
        const struct option *option;
        const char *value;
    } listed[LISTED_MAX]; /* every value of options of VALUE_LIST in their order; option NULL: an
                             argument of a [NAME...] */
    int listed_count;
};

extern const struct option options_for_every_command[];

/* The value of an option of the command, shared or its own, or of every command; NULL when it was
 * not given. Asking for an option that is in none of these tables is a bug. */
const char *call_text(const struct call *call, const char *option);
/* The i-th value of an option of VALUE_LIST; NULL behind the last. */
const char *call_listed(const struct call *call, const char *option, int i);
/* The i-th argument of a [NAME...]; NULL behind the last. */
const char *call_further(const struct call *call, int i);
bool call_has(const struct call *call, const char *option);
int64_t call_integer(const struct call *call, const char *option, int64_t otherwise);
double call_number(const struct call *call, const char *option, double otherwise);
/* "6h" as an interval that PostgreSQL reads. False when it is none. */
bool command_read_interval(const char *typed, char text[64]);
/* The same of an option; NULL when it was not given. False with failure set when it is none. */
bool call_interval(const struct call *call, const char *option, char text[64],
                   const char **interval, struct failure *failure);

#endif
