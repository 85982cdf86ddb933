/*
 * The end of a job (design 5.1; I1, I3): a job ends exactly when it is sealed and its tasks have
 * ended, while others insert, finish, cancel and retry at the same time, and no insert or finish
 * ever waits for the counters.
 *
 * The protocol
 *   Whoever changes tasks appends deltas. The fold, one at a time, moves them into the job row. If
 *   that leaves a sealed job with nothing open, it locks the job row against inserters, looks in a
 *   new snapshot whether a delta has come since, and only then sets the final state. An insert
 *   holds the row in share mode from its trigger to its commit and is refused if the job is final.
 *
 * Steps and statements
 *   fold     pg_try_advisory_xact_lock (one process here)
 *            taken_*          with taken as (delete from pawl.progress_deltas ... returning ...)
 *                             update pawl.jobs set <counters>: locks FOR NO KEY UPDATE
 *            for_update       select state, sealed from pawl.jobs ... for update skip locked
 *            re-check         select exists (select from pawl.progress_deltas where job_id = ...)
 *            is_final = true  update pawl.jobs set state = 'completed'; commit
 *   insert   key_shares++     statement trigger: select state from pawl.jobs ... for key share
 *   finish   a batch that adds tasks locks its jobs FOR KEY SHARE before it updates tasks: job
 *            before task, the one lock order. A batch that adds none never touches the job row.
 *   user     seal             update pawl.jobs set sealed = true, and a fold is asked for
 *            cancel the job   select ... for update; update tasks not final; update the job
 *            retry a task     select ... for update; update the task; reopen the job; commit
 *
 * Locks on the job row: FOR KEY SHARE goes together with itself and with FOR NO KEY UPDATE, so
 * inserts and the counters of the fold pass each other; it excludes FOR UPDATE. A plain
 * "update pawl.jobs set state = ..." takes only FOR NO KEY UPDATE: a key-share reader then neither
 * waits nor sees the new state. So whoever sets a final state locks FOR UPDATE first.
 *
 * A fold that skips the row because an inserter holds it asks for another fold: the inserter may
 * roll back and leave no delta that would.
 *
 * Properties: a final job has no open task, in every state (I3); folded plus unfolded counters
 * equal the open tasks (I1); when nothing can move any more the job has ended: no lost end, no
 * deadlock.
 */

/* committed */
byte open_tasks = 1; /* waiting, pending and running together */
byte ended_tasks = 0;
bool is_sealed;
bool is_final;
short folded_open = 1;
byte unfolded_rows = 0;
short unfolded_open = 0;

/* locks of the job row, and of the task rows that a finish or a cancel updates */
byte key_shares;
bool no_key_update;
bool for_update;
bool tasks_locked;

bool fold_is_wanted;
byte children_left = 1;

#define NO_WRITER (!for_update && !no_key_update)

/* What one committing transaction did to the number of open tasks. */
inline commit_delta(open)
{
    open_tasks = open_tasks + (open);
    unfolded_open = unfolded_open + (open);
    unfolded_rows++;
    fold_is_wanted = true
}

inline lock_job_for_update()
{
    atomic { NO_WRITER && key_shares == 0 -> for_update = true }
}

proctype inserter()
{
    bool is_refused;

    /* the rows are in, and nobody else sees them; now the trigger */
#ifdef VARIANT_NO_KEY_SHARE
    is_refused = is_final;
#else
    atomic { !for_update -> key_shares++; is_refused = is_final };
#endif
    atomic {
        if
        :: !is_refused -> commit_delta(1)
        :: true /* refused, or rolled back for a reason of its own */
        fi;
#ifndef VARIANT_NO_KEY_SHARE
        key_shares--
#endif
    }
}

proctype worker()
{
    bool is_adding;

end_idle:
    do
    :: open_tasks > 0 && !tasks_locked ->
        is_adding = false;
        if
        :: children_left > 0 -> is_adding = true; children_left--
        :: true
        fi;
#ifdef VARIANT_TASK_BEFORE_JOB
        atomic {
            !tasks_locked;
            if
            :: open_tasks > 0 -> tasks_locked = true
            :: else -> goto end_idle
            fi
        };
        if
        :: is_adding -> atomic { !for_update -> key_shares++ }
        :: else
        fi;
#else
        if
        :: is_adding -> atomic { !for_update -> key_shares++ }
        :: else
        fi;
        atomic {
            !tasks_locked;
            if
            :: open_tasks > 0 -> tasks_locked = true
            :: else -> key_shares = key_shares - is_adding; goto end_idle /* stale: cancelled */
            fi
        };
#endif
        atomic {
            commit_delta(is_adding - 1);
            ended_tasks++;
            tasks_locked = false;
            key_shares = key_shares - is_adding
        }
    od
}

proctype fold()
{
    short taken_open;
    byte taken_rows;
    bool is_ending, is_skipped, is_empty;

end_idle:
    do
    :: fold_is_wanted ->
        fold_is_wanted = false;
        is_ending = false;
        atomic { taken_rows = unfolded_rows; taken_open = unfolded_open };
        if
        :: taken_rows > 0 -> atomic { NO_WRITER -> no_key_update = true }
        :: else
        fi;
        if
        :: is_sealed && !is_final && folded_open + taken_open == 0 ->
#ifdef VARIANT_RECHECK_BEFORE_LOCK
            is_empty = unfolded_rows == taken_rows;
#endif
#ifdef VARIANT_END_WITHOUT_FOR_UPDATE
            atomic {
                if
                :: !for_update -> no_key_update = true; is_ending = true
                :: else -> is_skipped = true
                fi
            };
#else
            atomic {
                if
                :: !for_update && key_shares == 0 -> for_update = true; is_ending = true
                :: else -> is_skipped = true
                fi
            };
#endif
#ifdef VARIANT_NO_RECHECK
            is_empty = true;
#endif
#if !defined(VARIANT_RECHECK_BEFORE_LOCK) && !defined(VARIANT_NO_RECHECK)
            is_empty = unfolded_rows == taken_rows;
#endif
            skip
        :: else
        fi;
        atomic {
            unfolded_rows = unfolded_rows - taken_rows;
            unfolded_open = unfolded_open - taken_open;
            folded_open = folded_open + taken_open;
            if
            :: is_ending && is_empty -> is_final = true
            :: else
            fi;
            if
            :: is_ending -> for_update = false
            :: else
            fi;
            no_key_update = false
        }
    :: atomic { is_skipped && key_shares == 0 && !for_update -> /* again, a moment later */
            is_skipped = false;
#ifndef VARIANT_SKIPPED_AND_FORGOTTEN
            fold_is_wanted = true
#endif
        }
    od
}

proctype user()
{
    bool was_final;
    byte cancelled;

#ifdef VARIANT_SILENT_SEAL
    atomic { NO_WRITER -> is_sealed = true };
#else
    atomic { NO_WRITER -> is_sealed = true; fold_is_wanted = true };
#endif

    if
    :: skip /* cancels the job */
#ifndef VARIANT_CANCEL_WITHOUT_LOCK
        lock_job_for_update();
#endif
        atomic { !tasks_locked -> tasks_locked = true };
        atomic {
            if
            :: open_tasks > 0 ->
                cancelled = open_tasks;
                ended_tasks = ended_tasks + cancelled;
                commit_delta(-cancelled)
            :: else
            fi;
            cancelled = 0;
            is_final = true;
            tasks_locked = false;
#ifndef VARIANT_CANCEL_WITHOUT_LOCK
            for_update = false
#endif
        }
    :: skip
    fi;

    if
    :: ended_tasks > 0 -> /* retries a task */
#ifndef VARIANT_RETRY_WITHOUT_LOCK
        lock_job_for_update();
#endif
        was_final = is_final;
        atomic {
            commit_delta(1);
            ended_tasks--;
            if
            :: was_final -> is_final = false
            :: else
            fi;
#ifndef VARIANT_RETRY_WITHOUT_LOCK
            for_update = false
#endif
        }
    :: true
    fi
}

/* Looks at every state. */
active proctype observer()
{
end_watch:
    atomic {
        (is_final && open_tasks > 0) || folded_open + unfolded_open != open_tasks ->
        assert(!(is_final && open_tasks > 0)); /* I3 */
        assert(folded_open + unfolded_open == open_tasks) /* I1 */
    }
}

init
{
    atomic {
        run inserter();
        run inserter();
        run worker();
        run fold();
        run user();
    };
    timeout -> assert(is_final && open_tasks == 0)
}
