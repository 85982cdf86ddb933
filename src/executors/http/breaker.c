#include "executors/http/breaker.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { TARGETS_MAX = 4096 };

/* ---- the machine ---- */

static void count(void *owner)
{
    struct breaker *breaker = owner;
    breaker->failures++;
}

static void forget_failures(void *owner)
{
    struct breaker *breaker = owner;
    breaker->failures = 0;
}

static void tell(struct breaker *breaker, bool is_probe)
{
    const struct breakers *breakers = breaker->breakers;
    breaker->failures = 0;
    breakers->calls->open(breakers->context, breaker->target, breaker->report, is_probe);
}

static void tell_open(void *owner)
{
    tell(owner, false);
}

static void tell_open_again(void *owner)
{
    tell(owner, true);
}

static void tell_close(void *owner)
{
    struct breaker *breaker = owner;
    const struct breakers *breakers = breaker->breakers;
    breaker->failures = 0;
    breakers->calls->close(breakers->context, breaker->target, breaker->report->node_id);
}

const struct machine_step breaker_table[] = {
    {BREAKER_CLOSED, BREAKER_WENT_WELL, BREAKER_CLOSED, forget_failures,
     "only failures in a row count"},
    {BREAKER_CLOSED, BREAKER_FAILED, BREAKER_CLOSED, count,
     "not often enough to say that it is down"},
    {BREAKER_CLOSED, BREAKER_FAILED_OFTEN, BREAKER_OPENING, tell_open,
     "it is down: all nodes are to leave it alone"},
    {BREAKER_CLOSED, BREAKER_TOLD, BREAKER_CLOSED, NULL, "an answer from before"},
    {BREAKER_CLOSED, BREAKER_NOT_TOLD, BREAKER_CLOSED, NULL, "an answer from before"},
    {BREAKER_CLOSED, BREAKER_PROBE_BEGAN, BREAKER_HALF_OPEN, NULL,
     "another node opened it, and we try"},
    {BREAKER_CLOSED, BREAKER_PROBE_WENT_WELL, BREAKER_CLOSED, tell_close,
     "the database knows whether that probe still counts"},
    {BREAKER_CLOSED, BREAKER_PROBE_FAILED, BREAKER_OPENING, tell_open_again,
     "the database knows whether that probe still counts"},
    {BREAKER_CLOSED, BREAKER_PROBE_DROPPED, BREAKER_CLOSED, NULL,
     "the next one comes when its time is over"},
    {BREAKER_OPENING, BREAKER_WENT_WELL, BREAKER_OPENING, NULL,
     "a call from before: the probe decides"},
    {BREAKER_OPENING, BREAKER_FAILED, BREAKER_OPENING, NULL, "that is being said"},
    {BREAKER_OPENING, BREAKER_FAILED_OFTEN, BREAKER_OPENING, NULL, "that is being said"},
    {BREAKER_OPENING, BREAKER_TOLD, BREAKER_OPEN, NULL, "its jobs are held back"},
    {BREAKER_OPENING, BREAKER_NOT_TOLD, BREAKER_CLOSED, forget_failures,
     "count anew, and say it again"},
    {BREAKER_OPENING, BREAKER_PROBE_BEGAN, BREAKER_HALF_OPEN, NULL, "the database knew it already"},
    {BREAKER_OPENING, BREAKER_PROBE_WENT_WELL, BREAKER_CLOSED, tell_close,
     "the database knows whether that probe still counts"},
    {BREAKER_OPENING, BREAKER_PROBE_FAILED, BREAKER_OPENING, tell_open_again,
     "the database knows whether that probe still counts"},
    {BREAKER_OPENING, BREAKER_PROBE_DROPPED, BREAKER_OPENING, NULL,
     "the next one comes when its time is over"},
    {BREAKER_OPEN, BREAKER_WENT_WELL, BREAKER_CLOSED, forget_failures,
     "the database let it go on, or it was a call from before: count anew"},
    {BREAKER_OPEN, BREAKER_FAILED, BREAKER_OPEN, count,
     "a call from before, or of a job that is not held yet"},
    {BREAKER_OPEN, BREAKER_FAILED_OFTEN, BREAKER_OPENING, tell_open,
     "hold what came meanwhile, too"},
    {BREAKER_OPEN, BREAKER_TOLD, BREAKER_OPEN, NULL, "an answer from before"},
    {BREAKER_OPEN, BREAKER_NOT_TOLD, BREAKER_OPEN, NULL, "an answer from before"},
    {BREAKER_OPEN, BREAKER_PROBE_BEGAN, BREAKER_HALF_OPEN, NULL, "the pause is over, and we try"},
    {BREAKER_OPEN, BREAKER_PROBE_WENT_WELL, BREAKER_CLOSED, tell_close,
     "the database knows whether that probe still counts"},
    {BREAKER_OPEN, BREAKER_PROBE_FAILED, BREAKER_OPENING, tell_open_again,
     "the database knows whether that probe still counts"},
    {BREAKER_OPEN, BREAKER_PROBE_DROPPED, BREAKER_OPEN, NULL,
     "the next one comes when its time is over"},
    {BREAKER_HALF_OPEN, BREAKER_WENT_WELL, BREAKER_HALF_OPEN, NULL,
     "a call from before: the probe decides"},
    {BREAKER_HALF_OPEN, BREAKER_FAILED, BREAKER_HALF_OPEN, NULL,
     "a call from before: the probe decides"},
    {BREAKER_HALF_OPEN, BREAKER_FAILED_OFTEN, BREAKER_HALF_OPEN, NULL,
     "a call from before: the probe decides"},
    {BREAKER_HALF_OPEN, BREAKER_TOLD, BREAKER_HALF_OPEN, NULL, "an answer from before"},
    {BREAKER_HALF_OPEN, BREAKER_NOT_TOLD, BREAKER_HALF_OPEN, NULL, "an answer from before"},
    {BREAKER_HALF_OPEN, BREAKER_PROBE_BEGAN, BREAKER_HALF_OPEN, NULL,
     "our last one took longer than its time"},
    {BREAKER_HALF_OPEN, BREAKER_PROBE_WENT_WELL, BREAKER_CLOSED, tell_close,
     "it is back: all go on"},
    {BREAKER_HALF_OPEN, BREAKER_PROBE_FAILED, BREAKER_OPENING, tell_open_again,
     "still down: a longer pause"},
    {BREAKER_HALF_OPEN, BREAKER_PROBE_DROPPED, BREAKER_OPEN, NULL,
     "the next one comes when its time is over"},
};
const size_t breaker_table_rows = sizeof breaker_table / sizeof *breaker_table;

/* ---- the table of targets ---- */

static uint64_t hash_of(const char *string) /* FNV-1a */
{
    uint64_t hash = 0xCBF29CE484222325;
    for (; *string; string++)
        hash = (hash ^ (unsigned char)*string) * 0x100000001B3;
    return hash;
}

static struct breaker *find(const struct breakers *breakers, const char *target)
{
    struct hash_table_link *link =
        breakers->by_target.count ? hash_table_find(&breakers->by_target, hash_of(target)) : NULL;
    for (; link; link = hash_table_find_next(link)) {
        struct breaker *breaker = hash_table_object(link, struct breaker, link);
        if (strcmp(breaker->target, target) == 0)
            return breaker;
    }
    return NULL;
}

static struct breaker *add(struct breakers *breakers, const char *target)
{
    size_t bytes = strlen(target) + 1;
    struct breaker *breaker = memory_zeroed(1, sizeof *breaker + bytes);
    breaker->breakers = breakers;
    memcpy(breaker->target, target, bytes);
    hash_table_add(&breakers->by_target, &breaker->link, hash_of(target));
    return breaker;
}

static void drop(struct breakers *breakers, struct breaker *breaker)
{
    hash_table_remove(&breakers->by_target, &breaker->link);
    free(breaker);
}

static void step(struct breakers *breakers, const char *target, enum breaker_event event,
                 const struct breaker_report *report)
{
    struct breaker *breaker = find(breakers, target);
    if (!breaker && breakers->by_target.count >= TARGETS_MAX)
        breakers_finish(breakers); /* counted anew; what is open the database knows */
    if (!breaker)
        breaker = add(breakers, target);
    breaker->report = report;
    machine_step(breaker_table, breaker_table_rows, &breaker->state, event, breaker);
    breaker->report = NULL;
    if (breaker->state == BREAKER_CLOSED && !breaker->failures)
        drop(breakers, breaker);
}

void breakers_finish(struct breakers *breakers)
{
    struct hash_table_link *link;
    while ((link = hash_table_walk(&breakers->by_target, NULL)))
        drop(breakers, hash_table_object(link, struct breaker, link));
    hash_table_finish(&breakers->by_target);
    breakers->by_target = (struct hash_table){0};
}

void breakers_note(struct breakers *breakers, const char *target, bool is_probe, bool went_well,
                   const struct breaker_report *report)
{
    const struct breaker *breaker = find(breakers, target);
    enum breaker_event event;
    if (is_probe)
        event = went_well ? BREAKER_PROBE_WENT_WELL : BREAKER_PROBE_FAILED;
    else if (went_well)
        event = BREAKER_WENT_WELL;
    else
        event = (breaker ? breaker->failures : 0) + 1 >= report->failures ? BREAKER_FAILED_OFTEN
                                                                          : BREAKER_FAILED;
    if (breaker || event != BREAKER_WENT_WELL)
        step(breakers, target, event, report);
}

void breakers_note_probe(struct breakers *breakers, const char *target, bool has_begun)
{
    step(breakers, target, has_begun ? BREAKER_PROBE_BEGAN : BREAKER_PROBE_DROPPED, NULL);
}

void breakers_note_told(struct breakers *breakers, const char *target, bool was_told,
                        int64_t now_us)
{
    struct breaker *breaker = find(breakers, target);
    if (!breaker)
        return;
    if (was_told)
        breaker->told_at_us = now_us;
    step(breakers, target, was_told ? BREAKER_TOLD : BREAKER_NOT_TOLD, NULL);
}

bool breakers_puts_off(const struct breakers *breakers, const char *target, int64_t asked_at_us)
{
    const struct breaker *breaker = find(breakers, target);
    return breaker && (breaker->state == BREAKER_OPENING ||
                       (breaker->state == BREAKER_OPEN && asked_at_us <= breaker->told_at_us));
}
