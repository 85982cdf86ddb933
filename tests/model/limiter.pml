/*
 * A limiter's concurrency (design 5.3; I11, I5): over all nodes together never more than
 * max_running tasks run, and a free place never stays empty while a task could take it.
 *
 * The protocol
 *   Claims of one limiter are made one after the other by locking its row; who finds it locked goes
 *   on with other work. Under the lock a node counts what runs, in a snapshot taken after the lock,
 *   and claims at most what is free. Finishes take no lock: they can only make the count too high,
 *   never too low.
 *
 * Steps and statements
 *   lock          select ... from pawl.limiters where key = $1 for update skip locked
 *   seen_running  select count(*) ... where status = 'running': a statement of its own after the
 *                 lock, READ COMMITTED. One statement that locks and counts would count in a
 *                 snapshot taken before the lock.
 *   claim         select ... where is_pending order by ... limit free for update skip locked
 *   commit        update ... set status = 'running' ...; commit, which also lets go of the lock
 *   finish        update ... where status = 'running' and node_id = $me and attempt = $mine
 *
 * "Go on" is not "forget": a finish may commit after the holder of the lock has counted, and the
 * node that finished then finds the lock held. It keeps the job on its list and looks again a moment
 * later, or a task would wait beside a free place until the slow sweep.
 *
 * Counted are the rows. What a node that was declared dead still does outside the database is
 * beyond every row: a node that has missed its heartbeats must stop what it runs by itself.
 *
 * Properties: running <= max_running, in every state; when nothing can move any more all tasks have
 * ended.
 */

#define MAX_RUNNING 2
#define TASKS 4
#define NODES 2
#define NOBODY 255

/* committed */
byte pending = TASKS;
byte running = 0;

/* row locks */
byte limiter_holder = NOBODY;
byte claim_locked = 0; /* pending rows locked by claims */

bool is_looking[NODES] = true; /* the node has this job on its list of work */
byte executing[NODES];
byte rollbacks_left = 1;

proctype node(byte n)
{
    byte seen_running, taken;
    bool is_skipped = false;

end_idle:
    do
    :: is_looking[n] ->
        is_looking[n] = false;
#ifdef VARIANT_COUNT_BEFORE_LOCK
        seen_running = running;
#endif
#ifndef VARIANT_NO_LOCK
        atomic {
            if
            :: limiter_holder == NOBODY -> limiter_holder = n
            :: else -> is_skipped = true; goto end_idle
            fi
        };
#endif
#ifndef VARIANT_COUNT_BEFORE_LOCK
        seen_running = running;
#endif
        atomic {
            taken = (seen_running < MAX_RUNNING -> MAX_RUNNING - seen_running : 0);
            if
            :: taken > pending - claim_locked -> taken = pending - claim_locked
            :: else
            fi;
            claim_locked = claim_locked + taken
        };
#ifdef VARIANT_LOCK_LET_GO_EARLY
        limiter_holder = NOBODY;
#endif
        atomic {
            claim_locked = claim_locked - taken;
            if
            :: pending = pending - taken;
                running = running + taken;
                executing[n] = executing[n] + taken;
                assert(running <= MAX_RUNNING) /* I11 */
            :: taken > 0 && rollbacks_left > 0 -> rollbacks_left--;
                is_looking[n] = true
            fi;
            taken = 0;
            seen_running = 0;
#if !defined(VARIANT_NO_LOCK) && !defined(VARIANT_LOCK_LET_GO_EARLY)
            limiter_holder = NOBODY
#endif
        }
    :: atomic { is_skipped && limiter_holder == NOBODY -> /* a moment later */
            is_skipped = false;
#ifndef VARIANT_SKIPPED_AND_FORGOTTEN
            is_looking[n] = true
#endif
        }
    od
}

proctype finishes(byte n)
{
end_idle:
    do
    :: atomic { executing[n] > 0 -> executing[n]--; running--; is_looking[n] = true }
    od
}

init
{
    atomic {
        run node(0);
        run node(1);
        run finishes(0);
        run finishes(1);
    };
    timeout -> assert(pending == 0 && running == 0)
}
