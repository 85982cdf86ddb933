/*
 * A breaker per target, as this node sees it: closed while calls go well, open when the target
 * fails again and again, half-open while one task, the probe, tries whether it is back (Nygard,
 * "Release It!", 2007).
 *
 * The database decides for all nodes (sql/functions/open_breaker.sql): it holds the jobs of an open
 * target back, and gives out one probe at a time. Here failures are counted, and the database is
 * told. A target without a failure has nothing here, so all costs nothing while all is fine.
 */
#ifndef PAWL_EXECUTORS_HTTP_BREAKER_H
#define PAWL_EXECUTORS_HTTP_BREAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash_table.h"
#include "base/machine.h"

enum breaker_state {
    BREAKER_CLOSED,
    BREAKER_OPENING, /* the database is being told */
    BREAKER_OPEN,
    BREAKER_HALF_OPEN,
};

enum breaker_event {
    BREAKER_WENT_WELL,
    BREAKER_FAILED,
    BREAKER_FAILED_OFTEN, /* as often in a row as the kind allows */
    BREAKER_TOLD,
    BREAKER_NOT_TOLD, /* the database refused */
    BREAKER_PROBE_BEGAN,
    BREAKER_PROBE_WENT_WELL,
    BREAKER_PROBE_FAILED,
    BREAKER_PROBE_DROPPED, /* cancelled, or cut off */
};

extern const struct machine_step breaker_table[];
extern const size_t breaker_table_rows;

/* What went wrong, for the database; good during the call. */
struct breaker_report {
    const char *error;
    int failures;     /* so many in a row open it */
    int64_t pause_ms; /* the first one */
    int64_t age_ms;   /* how long ago the attempt began */
    int node_id;      /* that claimed the task */
};

struct breakers;

/* What a breaker wants done: ends with breakers_note_told(), at once or later, should it still be
 * there. */
struct breaker_calls {
    void (*open)(void *context, const char *target, const struct breaker_report *report,
                 bool is_probe);
    void (*close)(void *context, const char *target, int node_id);
};

struct breaker {
    struct hash_table_link link;
    struct breakers *breakers;
    int state, failures;
    int64_t told_at_us; /* when the database had been told last, by the loop's clock */
    const struct breaker_report *report; /* of the event that is under way */
    char target[];
};

/* Embedded by value; all zero but the calls is an empty table. */
struct breakers {
    struct hash_table by_target;
    const struct breaker_calls *calls;
    void *context;
};

void breakers_finish(struct breakers *breakers);
/* How a call of the target went. report: also of a probe that went well; else NULL when the call
 * went well. */
void breakers_note(struct breakers *breakers, const char *target, bool is_probe, bool went_well,
                   const struct breaker_report *report);
void breakers_note_probe(struct breakers *breakers, const char *target, bool has_begun);
void breakers_note_told(struct breakers *breakers, const char *target, bool was_told,
                        int64_t now_us);
/* Is a task not to be started now, since it was claimed before the database knew that the target is
 * down? */
bool breakers_puts_off(const struct breakers *breakers, const char *target, int64_t asked_at_us);

#endif
