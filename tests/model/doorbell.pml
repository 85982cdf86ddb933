/*
 * The doorbell (design 5.2, I5): whatever makes a task pending leads to a claim although NOTIFY is
 * sent only when somebody sleeps. The slow sweep is left out on purpose: nothing may depend on it.
 *
 * The protocol
 *   A node that finds no work says so (asleep), looks once more, and keeps looking until every
 *   transaction that was in progress at that moment has ended. Only then does it wait for the bell
 *   alone. A producer's trigger rings if it sees a sleeper, or if its snapshot may be old.
 *
 * Steps and statements
 *   node       write_begin, asleep = true   update pawl.nodes set asleep = true ...; commit
 *              horizon = next_xid           select pg_current_xact_id(), a transaction of its own
 *              look                         the claim: ... for update skip locked
 *              ENDED_BELOW(horizon)         pg_snapshot_xmin(pg_current_snapshot()) >= horizon
 *              bell[n]                      a notification is there to be read
 *   producer   write_begin                  insert into pawl.tasks (this is what assigns the id)
 *              sees_sleeper                 the trigger's select on pawl.nodes: a fresh snapshot if
 *                                           READ COMMITTED (the trigger function is volatile), the
 *                                           one of the first statement if REPEATABLE READ
 *              task = PENDING, then ring    commit: first visible, then NOTIFY reaches listeners
 *
 * Three details carry the proof, and each has a variant that fails:
 *   - The horizon is an id drawn after asleep was committed. The xmax of a snapshot will not do: it
 *     is one past the newest completed id, so a running transaction may stand at or above it. The
 *     id of the transaction that set asleep will not do either: a producer may draw the next id
 *     and read the flag before that transaction commits.
 *   - A transaction is "in progress" only once it has an id, and gets it when it first writes. So
 *     the trigger must read the flag after the insert: a stable function would read it in the
 *     snapshot of the statement, taken before.
 *   - The last look comes after the check that the others have ended.
 *
 * With two nodes the second may die in the middle of a claim, whose row locks outlive it until the
 * server notices. Nothing is running then that a rescue could put back, so declaring a node dead
 * rings by itself.
 *
 * Property: when nothing can move any more, no task is pending.
 */

#ifndef NODES
#define NODES 2
#endif
#define PRODUCERS 2
#define NOBODY 255
#define NO_TASK 255
#define NODE_SLOT(n) (PRODUCERS + (n)) /* producers and nodes run one transaction each at a time */

mtype = { ABSENT, PENDING, CLAIMED };

mtype task[PRODUCERS] = ABSENT; /* as committed; producer p inserts task p */
byte lock_holder[PRODUCERS] = NOBODY;

bool asleep[2]; /* pawl.nodes, as committed */
bool listening[2];
bool bell[2];

byte next_xid = 1;
byte last_completed_xid = 0;
byte xid[4]; /* 0: no transaction with an id is in progress */
byte horizon[2]; /* 0: the node waits for none */
byte ended; /* scratch of write_end */

byte rollbacks_left = 1;

#define RUNNING_BELOW(slot, horizon) (xid[slot] != 0 && xid[slot] < (horizon))
#define ENDED_BELOW(horizon)                                                                       \
    (last_completed_xid + 1 >= (horizon) && !RUNNING_BELOW(0, horizon) &&                          \
     !RUNNING_BELOW(1, horizon) && !RUNNING_BELOW(2, horizon) && !RUNNING_BELOW(3, horizon))
#define CLAIMABLE(t) (task[t] == PENDING && lock_holder[t] == NOBODY)

inline write_begin(slot)
{
    xid[slot] = next_xid;
    next_xid++
}

#define CLOSE_GAP(id) id = id - (id > ended)

/* Ids are only compared with each other: closing the gap keeps the state space small. */
inline write_end(slot)
{
    ended = xid[slot];
    xid[slot] = 0;
    last_completed_xid = (ended > last_completed_xid -> ended : last_completed_xid) - 1;
    CLOSE_GAP(next_xid);
    CLOSE_GAP(xid[0]);
    CLOSE_GAP(xid[1]);
    CLOSE_GAP(xid[2]);
    CLOSE_GAP(xid[3]);
    CLOSE_GAP(horizon[0]);
    CLOSE_GAP(horizon[1]);
    ended = 0
}

inline ring()
{
    bell[0] = bell[0] || listening[0];
    bell[1] = bell[1] || listening[1]
}

/* A claim of one task, up to its row lock. */
inline look(n)
{
    atomic {
        if
        :: CLAIMABLE(0) -> mine = 0
        :: CLAIMABLE(1) -> mine = 1
        :: else -> mine = NO_TASK
        fi;
        if
        :: mine != NO_TASK -> lock_holder[mine] = n; write_begin(NODE_SLOT(n))
        :: else
        fi
    }
}

proctype producer(byte p)
{
    bool is_repeatable, sees_sleeper;

    if
    :: is_repeatable = true; sees_sleeper = asleep[0] || asleep[1]
    :: is_repeatable = false
    fi;
#ifdef VARIANT_STABLE_TRIGGER
    sees_sleeper = asleep[0] || asleep[1];
#endif
    atomic { write_begin(p) };
#ifndef VARIANT_STABLE_TRIGGER
    if
    :: !is_repeatable -> sees_sleeper = asleep[0] || asleep[1]
    :: else
    fi;
#endif
    if
    :: atomic { task[p] = PENDING; write_end(p) };
        if
#ifdef VARIANT_REPEATABLE_READ_IS_SILENT
        :: sees_sleeper -> atomic { ring() }
#else
        :: sees_sleeper || is_repeatable -> atomic { ring() }
#endif
        :: else
        fi
    :: atomic { write_end(p) } /* rolled back: neither task nor bell */
    fi
}

proctype node(byte n)
{
    byte mine = NO_TASK;
#if NODES == 2
    bool is_declared_dead = false;
#endif

awake:
    atomic {
#ifndef VARIANT_LATE_LISTEN
        listening[n] = true;
#endif
        bell[n] = false;
        asleep[n] = false
    };
    look(n);
    if
    :: mine != NO_TASK -> goto claim
    :: else
    fi;

    atomic { write_begin(NODE_SLOT(n)) };
#ifdef VARIANT_HORIZON_OF_OWN_UPDATE
    horizon[n] = next_xid;
#endif
    atomic { asleep[n] = true; write_end(NODE_SLOT(n)) };
#ifdef VARIANT_NO_SECOND_LOOK
    goto sleep;
#endif
#ifdef VARIANT_HORIZON_OF_XMAX
    horizon[n] = last_completed_xid + 1;
#endif
#if !defined(VARIANT_HORIZON_OF_XMAX) && !defined(VARIANT_HORIZON_OF_OWN_UPDATE)
    atomic { horizon[n] = next_xid; write_begin(NODE_SLOT(n)); write_end(NODE_SLOT(n)) };
#endif

    look(n);
    if
    :: mine != NO_TASK -> horizon[n] = 0; goto claim
    :: else
    fi;
#ifdef VARIANT_NO_WAIT
    goto sleep;
#endif

    /* It also looks while it waits; whatever such a look finds, the last one would find too. */
    if
    :: atomic { bell[n] -> horizon[n] = 0 }; goto awake
    :: atomic { ENDED_BELOW(horizon[n]) -> horizon[n] = 0 }
    fi;
#ifdef VARIANT_LOOK_BEFORE_CHECK
    goto sleep;
#endif
    look(n);
    if
    :: mine != NO_TASK -> goto claim
    :: else
    fi;

sleep:
#ifdef VARIANT_LATE_LISTEN
    listening[n] = true;
#endif
end_sleep:
    bell[n];
    goto awake;

claim:
    if
    :: atomic { task[mine] = CLAIMED; lock_holder[mine] = NOBODY; write_end(NODE_SLOT(n)) };
        goto awake
    :: atomic {
            rollbacks_left > 0 -> rollbacks_left--;
            lock_holder[mine] = NOBODY;
            write_end(NODE_SLOT(n))
        };
        goto awake
#if NODES == 2
    :: n == 1 -> skip /* dies */
#endif
    fi;

#if NODES == 2
    /* The living declare it dead and the server rolls it back, in either order. */
    listening[n] = false;
    do
    :: lock_holder[mine] == n -> atomic { lock_holder[mine] = NOBODY; write_end(NODE_SLOT(n)) }
    :: !is_declared_dead ->
        atomic {
            is_declared_dead = true;
            asleep[n] = false;
#ifndef VARIANT_SILENT_DEATH
            ring()
#endif
        }
    :: lock_holder[mine] != n && is_declared_dead -> break
    od
#endif
}

init
{
    atomic {
        run producer(0);
        run producer(1);
        run node(0);
#if NODES == 2
        run node(1);
#endif
    };
    timeout -> assert(task[0] != PENDING && task[1] != PENDING)
}
