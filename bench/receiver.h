/*
 * The web worker that dispatched tasks go to: an HTTP/1.1 server in a thread of its own that
 * answers every POST with 200 and an empty JSON object, and remembers whose request came when. A
 * request is counted when its last byte has been read, before it is answered. Requests to /hang are
 * never answered.
 *
 * It knows no more of HTTP than bench/dispatch.c needs, so as to cost next to nothing beside what
 * it measures.
 */
#ifndef PAWL_BENCH_RECEIVER_H
#define PAWL_BENCH_RECEIVER_H

struct receiver;

struct receiver_counts {
    long requests;    /* but those to /hang */
    long tasks;       /* different Idempotency-Keys among them */
    long connections; /* that were ever opened */
    long hanging;     /* requests to /hang */
    double last_s;    /* when the newest of `tasks` came, as tool_now_s() */
};

/* Listens on a free port of 127.0.0.1; tasks_max is how many different keys may come. Ends with the
 * program. */
struct receiver *receiver_start(long tasks_max);
int receiver_port(const struct receiver *receiver);
struct receiver_counts receiver_counts(struct receiver *receiver);
/* As soon as so many different tasks have come, or after deadline_s of tool_now_s(): compare
 * `tasks`. */
struct receiver_counts receiver_wait_for_tasks(struct receiver *receiver, long tasks,
                                               double deadline_s);
/* The same for requests to /hang. */
struct receiver_counts receiver_wait_for_hanging(struct receiver *receiver, long hanging,
                                                 double deadline_s);

#endif
