/* The options of pawl kind set that become members of the kind's options (pawl.define_kind). */
#ifndef PAWL_CLI_KIND_OPTIONS_H
#define PAWL_CLI_KIND_OPTIONS_H

#include "base/text.h"
#include "cli/command.h"

/* Rows for the command's table, so that they stand in one place with their reading. */
#define KIND_OPTIONS                                                                               \
    {"--header", "NAME:VALUE", VALUE_LIST,                                                         \
     .help = "of http: a header to send; NAME: alone takes it away"},                              \
        {"--secret-header", "NAME:REF", VALUE_LIST,                                                \
         .help = "of http: a header whose value is a secret: env:NAME, file:PATH or vault:NAME"},  \
        {"--authorization", "REF", VALUE_TEXT,                                                     \
         .help = "of http: secret for the header Authorization, as Bearer"},                       \
        {"--signing-secret", "REF", VALUE_TEXT,                                                    \
         .help = "of http: secret that signs each request (Standard Webhooks)"},                   \
        {"--previous-signing-secret", "REF", VALUE_TEXT,                                           \
         .help = "of http: the one before, which signs too while it is replaced"},                 \
        {"--max-reply", "BYTES",                                                                   \
         VALUE_INTEGER, 1,                                                                         \
         1073741824,    "of http: no reply is read further (1048576)"},                            \
        {"--allow-private", NULL, VALUE_FLAG,                                                      \
         .help = "of http: the target may have a private address"},                                \
    {                                                                                              \
        "--option", "NAME=JSON", VALUE_LIST,                                                       \
            .help = "of http: any option of docs/dispatch.md; null takes it away"                  \
    }

/* A JSON object into `text`, which stays empty when none of them was given. False with failure set:
 * one of them cannot be read. What they mean, the database checks. */
bool kind_options_write(const struct call *call, struct text *text, struct failure *failure);

#endif
