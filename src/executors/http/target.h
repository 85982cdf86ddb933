/*
 * What a kind of executor http says of its requests: the URL and the options, read once and kept
 * while they are what they were. An attempt holds the target that it began with, so a kind may be
 * changed meanwhile. How long an attempt may take stands with the job.
 */
#ifndef PAWL_EXECUTORS_HTTP_TARGET_H
#define PAWL_EXECUTORS_HTTP_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash_table.h"
#include "executors/executor.h"
#include "executors/http/secrets.h"

enum target_form {
    FORM_ENVELOPE, /* we wrap the payload, and sign */
    FORM_REQUEST,  /* the payload is the request */
    FORM_FETCH,    /* we get what the payload, a refresh of a data type, names */
};

struct target_header {
    char *name;
    char *value;
    bool is_secret; /* value is a reference */
};

struct target {
    struct hash_table_link link;
    int holds;
    char *kind, *url, *options; /* as they came */
    char *fault;                /* why it cannot be used; NULL: it can */
    enum target_form form;
    char *method;
    struct target_header *headers;
    size_t header_count;
    char *authorization, *signing_secret, *previous_signing_secret; /* references, or NULL */
    uint64_t max_reply_bytes;
    size_t max_result_bytes; /* of a reply so much is kept; fetch: all of it */
    int connect_timeout_ms;
    int64_t callback_ms; /* silence between a 202 and the call back, or two heartbeats */
    bool allow_private;
    bool retry_timeouts; /* else a request that was sent is not sent again because of its time */
    char *origin;        /* scheme://host:port, what breakers are for; NULL in the form "request" */
    int breaker_failures, breaker_pause_ms;
    char *lacking;       /* the secret that is missing, as was told, or NULL */
    int lacking_node_id; /* who told that one is missing; 0: nobody, or it is there again */
};

/* Embedded by value; all zero is an empty table. */
struct targets {
    struct hash_table by_kind;
};

/* The target of the job's kind, held for the caller. */
struct target *targets_take(struct targets *targets, const struct job_facts *job);
void target_release(struct target *target);
/* Does every request of the kind have such a header of its own? */
bool target_has_header(const struct target *target, const char *name);
/* Are all secrets here that its requests need? False with `reason` filled by the first that is not.
 */
bool target_has_secrets(const struct target *target, struct secrets *secrets, uint64_t now_ms,
                        struct text *reason);
/* Those that attempts still hold are freed with the last of them. */
void targets_finish(struct targets *targets);

#endif
