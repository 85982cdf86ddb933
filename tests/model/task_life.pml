/*
 * Life of a task (design 5.3, 5.4, 5.6; I3, I4, I7): claim, finish behind a fence, failure with a
 * retry, rescue from a node that is dead or was only slow, cancel and retry by a user.
 *
 * The protocol
 *   Every claim raises the task's attempt, which never goes back. A finish names the node and the
 *   attempt that it ends; if the row is not running under exactly these, it changes nothing and is
 *   counted as stale. A node cannot be told from a slow one, so its tasks are put back at any time;
 *   the fence makes that safe. Effects in the same database commit with the finish.
 *
 * Steps and statements (one row, and each update holds its row lock until commit)
 *   claim, lock      select ... where is_pending for update skip locked
 *   claim, commit    update ... set status = 'running', node_id = $me, attempt = attempt + 1
 *   finish           update ... where status = 'running' and node_id = $me and attempt = $mine
 *   declare dead     update pawl.nodes set state = 'dead' where heartbeat_at < pawl.now() - '15 s'
 *   heartbeat        update pawl.nodes set state = 'alive', heartbeat_at = pawl.now()
 *   rescue           update ... where status = 'running' and node_id in (nodes that are not alive),
 *                    on every pass: a claim that was under way when its node was declared dead
 *                    commits after the first pass
 *   promote          update ... set status = 'pending' where due_at <= pawl.now()
 *   cancel, retry    update ... where status is not final / is final. A retry allows more attempts;
 *                    it does not start counting anew, or an old execution would fit the fence.
 *
 * Node 0 runs two executions at once (an event loop), so that an old and a new attempt can live in
 * the same node; node 1 runs one and may die for good. Both may be declared dead wrongly.
 *
 * Properties: a final state changes only by a user's retry (I3); only the newest claim finishes
 * (I4); the effect happens once a life; attempts stay within their limit; when nothing can move any
 * more the task has ended.
 */

#define NOBODY 255

mtype = { WAITING, PENDING, RUNNING, COMPLETED, FAILED, CANCELLED };

/* the row */
mtype status = PENDING;
byte attempt = 0;
byte attempts_allowed = 2;
byte node_id = NOBODY;
bool is_locked; /* by a claim that has not committed */

/* pawl.nodes, and the truth */
bool is_alive[2] = true;
bool is_crashed[2];
byte wrong_deaths_left = 2;

/* what an omniscient observer knows */
byte claims;
byte newest_claim;
byte effects_in_this_life;

#define IS_FINAL(s) (s == COMPLETED || s == FAILED || s == CANCELLED)

inline change(to)
{
    assert(!IS_FINAL(status)); /* I3 */
    status = to
}

inline rescue()
{
    if
    :: status == RUNNING && !is_locked && !is_alive[node_id] ->
        if
        :: attempt < attempts_allowed -> change(PENDING)
        :: else -> change(FAILED)
        fi
    :: else
    fi
}

#ifdef VARIANT_NO_FENCE
#define FENCE (status == RUNNING)
#endif
#ifdef VARIANT_FENCE_BY_NODE_ONLY
#define FENCE (status == RUNNING && node_id == n)
#endif
#ifdef VARIANT_FENCE_WITHOUT_STATUS
#define FENCE (node_id == n && attempt == my_attempt)
#endif
#ifndef FENCE
#define FENCE (status == RUNNING && node_id == n && attempt == my_attempt)
#endif

proctype execution(byte n)
{
    byte my_attempt, my_claim;

end_idle:
    do
    :: atomic { status == PENDING && !is_locked && !is_crashed[n] -> is_locked = true };
        if
        :: atomic {
                !is_crashed[n] -> is_locked = false;
                change(RUNNING);
                node_id = n;
                attempt++;
                claims++;
                assert(attempt <= attempts_allowed);
                my_attempt = attempt;
                my_claim = claims;
                newest_claim = claims
            }
        :: atomic { is_crashed[n] -> is_locked = false; break }
        fi;
#ifdef VARIANT_EFFECT_OUTSIDE_THE_FINISH
        if
        :: atomic { !is_crashed[n] -> effects_in_this_life++; assert(effects_in_this_life <= 1) }
        :: is_crashed[n]
        fi;
#endif
        if
        :: atomic {
                !is_crashed[n] -> /* it succeeded */
                if
                :: FENCE -> assert(my_claim == newest_claim); /* I4 */
#ifndef VARIANT_EFFECT_OUTSIDE_THE_FINISH
                    effects_in_this_life++;
                    assert(effects_in_this_life <= 1);
#endif
                    change(COMPLETED)
                :: else
                fi
            }
        :: atomic {
                !is_crashed[n] -> /* it failed */
                if
                :: FENCE -> assert(my_claim == newest_claim); /* I4 */
                    if
                    :: attempt < attempts_allowed -> change(WAITING)
                    :: else -> change(FAILED)
                    fi
                :: else
                fi
            }
        :: is_crashed[n] -> break
        fi
    od
}

proctype promotion()
{
end_idle:
    do
    :: atomic { status == WAITING && !is_locked -> change(PENDING) }
    od
}

proctype watch(byte n)
{
end_idle:
    do
    :: atomic {
            is_alive[n] && (is_crashed[n] || wrong_deaths_left > 0) ->
            if
            :: !is_crashed[n] -> wrong_deaths_left--
            :: else
            fi;
            is_alive[n] = false;
#ifdef VARIANT_RESCUE_ONCE
            rescue()
#endif
        }
#ifndef VARIANT_RESCUE_ONCE
    :: atomic { status == RUNNING && !is_locked && node_id == n && !is_alive[n] -> rescue() }
#endif
    :: !is_alive[n] && !is_crashed[n] -> is_alive[n] = true /* its heartbeat arrives after all */
    od
}

proctype crash()
{
    if
    :: is_crashed[1] = true
    :: skip
    fi
}

proctype user()
{
    if
    :: atomic { !is_locked && !IS_FINAL(status) -> change(CANCELLED) }
    :: skip
    fi;
    if
    :: atomic {
            !is_locked && IS_FINAL(status) -> status = PENDING;
            effects_in_this_life = 0;
#ifdef VARIANT_RETRY_COUNTS_ANEW
            attempt = 0;
#else
            attempts_allowed = attempt + 1
#endif
        }
    :: skip
    fi
}

init
{
    atomic {
        run execution(0);
        run execution(0);
        run execution(1);
        run promotion();
        run watch(0);
        run watch(1);
        run crash();
        run user();
    };
    timeout -> assert(IS_FINAL(status))
}
