/*
 * The whole engine, turn by turn, against a database that the test plays: the rare turns of a
 * node's life, in which it must not be stuck, spin, or act on a connection that is gone. Guards I5
 * (what is pending is claimed), I7 (what is claimed is not lost) and that every wait ends.
 */
#include "fake_database.h"

#include <math.h>

#include "engine/serve.c"

static struct engine engine;

/* ---- what tests say of the engine ---- */

/* Time stands still, however long the machine takes for a test: pass_ms() lets it pass. */
void __wrap_uv_update_time(uv_loop_t *loop);
void __wrap_uv_update_time(uv_loop_t *loop)
{
}

static void pass_ms(uint64_t ms)
{
    engine.loop.time += ms;
}

static void turn(void)
{
    before_sleep(&engine.before_sleep);
}

static void turns(int count)
{
    while (count--)
        turn();
}

/* How long it would sleep now if nothing came. */
static int sleep_ms(void)
{
    return uv_backend_timeout(&engine.loop);
}

static void fire(uv_timer_t *timer)
{
    assert_true(uv_is_active((uv_handle_t *)timer));
    timer->timer_cb(timer);
}

static void come_all(void)
{
    come("listen");
    come("claim");
    come("finish");
    come("duty");
}

static void begin_to_serve(void)
{
    come_all();
    answer("register_node", "7\n");
    assert_int_equal(engine.node_state, NODE_SERVING);
    answer("listen pawl", "");
    turn();
}

/* Everything that a node asks at its begin, answered with "nothing". */
static void settle(void)
{
    answer("pawl.fold", "0|0|0|0|f\n");
    answer("next_due_ms", "~\n");
    answer("list_work", "");
    answer("list_external_work", "");
    turn();
}

/* What is asked when something is due. */
static void answer_due(const char *promoted, const char *schedules, const char *next_ms)
{
    answer("promote_due", promoted);
    answer("expire_leases", "0\n");
    answer("run_due_schedules", schedules);
    answer("next_due_ms", next_ms);
}

static const char *work_of(int job, const char *executor, float priority, bool is_limited)
{
    static char row[160];
    snprintf(row, sizeof row, "%d|100|org|kind|%s||{}|%g|5|1000|10|100|%s\n", job, executor,
             (double)priority, is_limited ? "11|~" : "~|~");
    return row;
}

/* A claim's answer: one task that may start so many ms from now, "" for none. */
static const char *task_row(int task, const char *start_ms)
{
    static char rows[160];
    snprintf(rows, sizeof rows, "%d|1|0|0|{}|~|~|~|~|~|~\n~|~|~|~|~|%s|0|0||256|~\n", task,
             start_ms);
    return rows;
}

static void make_idle(void)
{
    engine.doorbell.last_work_us -= 1000000;
}

/* As if there had been work just now: it does not fall asleep. */
static void make_busy(void)
{
    engine.doorbell.last_work_us = engine_now_us(&engine) + 1000000;
}

static void fall_asleep_now(void)
{
    make_idle();
    turn();
    answer("set_asleep", "t\n");
    answer("draw_transaction", "100\n");
    turn();
    assert_int_equal(engine.doorbell.state, BELL_ASLEEP);
    answer("oldest_transaction", "100\n");
    answer("list_work", "");
    turn();
}

static int set_up(void **state)
{
    static const struct serve_options options = {.database_url = "none"};
    memset(&database, 0, sizeof database);
    engine = (struct engine){.options = &options, .slots = DEFAULT_SLOTS};
    begin(&engine);
    uv_run(&engine.loop, UV_RUN_NOWAIT); /* or libuv would not say how long it sleeps */
    return 0;
}

static int tear_down(void **state)
{
    if (engine.node_state != NODE_STOPPED)
        node_stop(&engine);
    engine.node_state = NODE_STOPPED;
    uv_run(&engine.loop, UV_RUN_DEFAULT); /* returns at once: it was stopped */
    end(&engine);
    assert_int_equal(database.count, 0);
    return 0;
}

/* ---- the node's life ---- */

static void test_a_node_registers_once(void **state)
{
    come_all();
    assert_int_equal(asked("register_node"), 1);
    lose("claim");
    come("claim");
    assert_int_equal(asked("register_node"), 1);
    answer("register_node", "7\n");
    assert_int_equal(engine.node_state, NODE_SERVING);
}

static void test_a_connection_that_is_lost_before_the_answer(void **state)
{
    come_all();
    lose("listen");
    answer("register_node", "7\n");
    assert_int_equal(engine.node_state, NODE_AWAY);
    come("listen");
    answer("heartbeat", "t\n");
    assert_int_equal(engine.node_state, NODE_SERVING);
}

static void test_a_refused_question_is_asked_again(void **state)
{
    begin_to_serve();
    lose("finish");
    come("finish");
    refuse("heartbeat", "57014");
    assert_int_equal(asked("heartbeat"), 0);
    fire(&engine.ask_timer);
    answer("heartbeat", "t\n");
    assert_int_equal(engine.node_state, NODE_SERVING);
}

static void test_a_node_that_was_declared_dead_while_away_registers_anew(void **state)
{
    begin_to_serve();
    lose("finish");
    come("finish");
    lose("claim");
    answer("heartbeat", "f\n");
    assert_int_equal(engine.node_state, NODE_STARTING);
    assert_int_equal(asked("register_node"), 0);
    come("claim");
    refuse("register_node", "57014"); /* no reason to end, as it would be at the start */
    assert_int_equal(engine.node_state, NODE_STARTING);
    fire(&engine.ask_timer);
    answer("register_node", "8\n");
    assert_int_equal(engine.node_state, NODE_SERVING);
    assert_int_equal(engine.node_id, 8);
}

static void test_a_node_beats_while_another_connection_is_away(void **state)
{
    begin_to_serve();
    settle();
    lose("finish");
    assert_int_equal(engine.node_state, NODE_AWAY);
    engine.duties.next_beat_us = 0;
    turn();
    answer("heartbeat", "t\n");
    assert_int_equal(engine.node_state, NODE_AWAY);
}

static void test_tasks_that_wait_for_their_start_go_back_when_the_database_does(void **state)
{
    begin_to_serve();
    answer("list_work", work_of(1, "noop", 0, false));
    turn();
    answer("claim_batch", task_row(1, "3600000"));
    assert_int_equal(jobs_find(&engine.jobs, 1)->waiting, 1);
    lose("listen");
    assert_int_equal(jobs_find(&engine.jobs, 1)->waiting, 0);
    assert_true(list_is_empty(&engine.runner.later));
    turn();
    assert_int_equal(asked("finish_tasks"), 1);
}

static void test_a_drain_ends_though_a_task_does_not(void **state)
{
    begin_to_serve();
    answer("list_work", work_of(1, "sql", 0, false));
    turn();
    answer("claim_batch", task_row(1, "0"));
    assert_int_equal(engine.runner.running, 1);
    node_ask_to_stop(&engine);
    turn();
    fire(&engine.drain_timer);
    assert_int_equal(engine.node_state, NODE_DRAINING);
    fire(&engine.drain_timer);
    assert_int_equal(engine.node_state, NODE_STOPPED);
}

static bool has_written;

static bool tell_written(void *self)
{
    return has_written;
}

static void test_it_leaves_when_executors_have_written_what_they_kept(void **state)
{
    static struct executor waiting;
    waiting = *engine.executors[0].functions;
    waiting.settle = tell_written;
    engine.executors[0].functions = &waiting;
    has_written = false;
    begin_to_serve();
    node_ask_to_stop(&engine);
    turns(3);
    assert_int_equal(engine.node_state, NODE_DRAINING);
    has_written = true;
    turn();
    assert_int_equal(engine.node_state, NODE_LEAVING);
    engine.executors[0].functions = &noop_executor;
}

static void test_connections_that_come_and_go_while_it_ends(void **state)
{
    begin_to_serve();
    node_ask_to_stop(&engine);
    node_ask_to_stop(&engine);
    assert_int_equal(engine.node_state, NODE_STOPPED);
    lose("claim");
    come("claim");
    assert_int_equal(engine.node_state, NODE_STOPPED);
}

/* What others left behind, and at last what others would find of us: a row that was deleted by hand
 * is to the node as if it had been silent. */
static void test_rescue_is_asked_for_until_it_has_nothing_to_do(void **state)
{
    begin_to_serve();
    settle();
    engine.duties.next_beat_us = 0;
    turn();
    answer("heartbeat", "t\n");
    assert_int_equal(asked("rescue_nodes"), 0); /* others may be reconnecting as we were */
    engine.duties.serving_since_us -= 15000000;
    engine.duties.next_beat_us = 0;
    turn();
    answer("heartbeat", "t\n");
    answer("rescue_nodes", "0|t\n"); /* declared dead just now */
    answer("rescue_nodes", "3|f\n");
    assert_int_equal(asked("rescue_nodes"), 0);
    turn();
    assert_int_equal(asked("list_work"), 1);
    engine.duties.next_beat_us = 0;
    turn();
    answer("heartbeat", "f\n");
    assert_int_equal(asked("rescue_nodes"), 1);
    answer("register_node", "8\n");
    assert_int_equal(engine.node_state, NODE_SERVING);
}

/* ---- no turn without a reason ---- */

static void make_all_due(void)
{
    engine.duties.next_beat_us = engine.duties.next_sweep_us = engine.duties.next_fold_us = 0;
    engine.doorbell.next_look_us = 0;
}

static void test_slow_answers_are_slept_through(void **state)
{
    static const char *const questions[] = {"list_work", "heartbeat", "sweep", "pawl.fold"};
    begin_to_serve();
    answer("next_due_ms", "~\n");
    make_all_due();
    turns(2);
    make_all_due();
    turns(2);
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        assert_int_equal(asked(questions[i]), 1);
    assert_true(sleep_ms() < 0 || sleep_ms() > 1000);
}

static void test_due_tasks_that_are_locked_are_not_asked_for_at_once(void **state)
{
    begin_to_serve();
    settle();
    duties_note_due(&engine, 1);
    turn();
    answer_due("0\n", "0|0\n", "0\n");
    turns(3);
    assert_int_equal(asked("promote_due"), 0);
    engine.duties.next_promote_us = 0;
    turn();
    assert_int_equal(asked("promote_due"), 1);
    refuse("promote_due", "55P03");
    answer("expire_leases", "0\n");
    answer("run_due_schedules", "0|0\n");
    answer("next_due_ms", "0\n");
    turns(3);
    assert_int_equal(asked("promote_due"), 0);
}

/* ---- schedules ---- */

static void test_a_due_schedule_is_run_once_and_its_work_looked_for(void **state)
{
    begin_to_serve();
    settle();
    fall_asleep_now();
    while (asked("next_due_ms"))
        answer("next_due_ms", "~\n");
    assert_int_equal(asked("run_due_schedules"), 0);
    ring("due"); /* somebody has defined it */
    turn();
    answer("next_due_ms", "0\n");
    turn();
    assert_int_equal(asked("run_due_schedules"), 1);
    turns(3);
    assert_int_equal(asked("run_due_schedules"), 1);
    answer_due("0\n", "1|0\n", "3600000\n");
    turn();
    assert_int_equal(asked("list_work"), 1);
    answer("list_work", "");
    turns(3);
    assert_int_equal(asked("run_due_schedules"), 0);
    assert_true(sleep_ms() > 0); /* nothing to do before the heartbeat */
}

static void test_the_next_schedule_does_not_wait_for_the_pause_of_a_blocked_one(void **state)
{
    begin_to_serve();
    settle();
    duties_note_due(&engine, 1);
    turn();
    answer_due("0\n", "100|1\n", "0\n"); /* as many as a call runs, one of them badly */
    turn();
    assert_int_equal(asked("run_due_schedules"), 1);
    answer_due("0\n", "0|0\n", "0\n"); /* the others another node has */
    turns(3);
    assert_int_equal(asked("run_due_schedules"), 0);
    engine.duties.next_promote_us = 0;
    turn();
    assert_int_equal(asked("run_due_schedules"), 1);
}

static void test_schedules_that_are_refused_undo_no_promotion(void **state)
{
    begin_to_serve();
    settle();
    duties_note_due(&engine, 1);
    turn();
    answer("promote_due", "3\n");
    answer("expire_leases", "0\n");
    refuse("run_due_schedules", "42501");
    answer("next_due_ms", "0\n");
    turns(3);
    assert_int_equal(asked("list_work"), 1);
    assert_int_equal(asked("run_due_schedules"), 0); /* not at once */
    engine.duties.next_promote_us = 0;
    turn();
    assert_int_equal(asked("run_due_schedules"), 1);
}

static void test_a_lease_that_ends_is_work_again(void **state)
{
    begin_to_serve();
    settle();
    duties_note_due(&engine, 1);
    turn();
    answer("promote_due", "0\n");
    answer("expire_leases", "2\n");
    answer("run_due_schedules", "0|0\n");
    answer("next_due_ms", "0\n");
    turn();
    assert_int_equal(asked("list_work"), 1);
    assert_int_equal(asked("expire_leases"),
                     1); /* at once: something was due, and is not any more */
    refuse("expire_leases", "57014");
    answer("promote_due", "0\n");
    answer("run_due_schedules", "0|0\n");
    answer("next_due_ms", "0\n");
    turns(3);
    assert_int_equal(asked("expire_leases"), 0);
    engine.duties.next_promote_us = 0;
    turn();
    assert_int_equal(asked("expire_leases"), 1);
}

static void test_a_lost_connection_forgets_no_schedule(void **state)
{
    begin_to_serve();
    settle();
    duties_note_due(&engine, 1);
    turn();
    lose("duty");
    come("duty");
    answer("heartbeat", "t\n");
    turn();
    answer("next_due_ms", "0\n");
    engine.duties.next_promote_us = 0;
    turn();
    assert_int_equal(asked("run_due_schedules"), 1);
}

static void test_a_node_whose_jobs_wait_for_a_limiter_sleeps(void **state)
{
    begin_to_serve();
    answer("list_work", work_of(1, "noop", 0, true));
    turn();
    answer("claim_batch", "~|~|~|~|~|0|0|60000|max_running|0|11\n");
    engine.doorbell.next_look_us = 0;
    turn();
    make_idle();
    answer("list_work", work_of(1, "noop", 0, true)); /* it is pending all the time */
    turn();
    assert_int_equal(asked("set_asleep"), 1);
}

static void test_a_busy_node_counts_anew_when_it_wakes(void **state)
{
    begin_to_serve();
    settle();
    fall_asleep_now();
    engine.claimer.busy_claims = CLAIMER_BUSY;
    turn();
    assert_int_equal(engine.doorbell.state, BELL_AWAKE);
    turn();
    answer("set_asleep", "t\n");
    answer("list_work", "");
    fall_asleep_now();
    turn();
    assert_int_equal(engine.doorbell.state, BELL_ASLEEP);
}

/* ---- no bell is lost ---- */

static void test_news_of_a_job_whose_claim_is_under_way(void **state)
{
    begin_to_serve();
    answer("list_work", work_of(1, "noop", 0, false));
    turn();
    assert_int_equal(asked("claim_batch"), 1);
    doorbell_want_look(&engine);
    turn();
    answer("list_work", work_of(1, "noop", 0, false));
    answer("claim_batch", ""); /* older than the list */
    turn();
    assert_int_equal(asked("claim_batch"), 1);
}

/* The limiter said so: a bell for the job tells nothing new. Who is told that a limit has changed
 * asks again. */
static void test_a_bell_opens_no_gate(void **state)
{
    begin_to_serve();
    answer("list_work", work_of(1, "noop", 0, true));
    turn();
    answer("claim_batch", "~|~|~|~|~|0|0|60000|max_running|0|11\n");
    ring("work 1");
    turn();
    assert_int_equal(asked("claim_batch"), 0);
    ring("kinds");
    turn();
    assert_int_equal(asked("claim_batch"), 1);
}

/* list_work is silent about a job of which nothing is pending, so what it said before may be old.
 */
static void test_a_kind_that_has_changed_is_learnt_before_it_is_claimed(void **state)
{
    begin_to_serve();
    answer("list_work", work_of(1, "noop", 0, false));
    turn();
    answer("claim_batch", "");
    ring("kinds");
    turn();
    answer("list_work", "");
    ring("work 1");
    turn();
    assert_int_equal(asked("claim_batch"), 0);
    answer("list_work", "1|100|org|kind|noop|there|{}|0|5|1000|10|100|~|~|{\"a\": 1}\n");
    turn();
    assert_int_equal(asked("claim_batch"), 1);
    assert_string_equal(jobs_find(&engine.jobs, 1)->facts.target, "there");
    assert_string_equal(jobs_find(&engine.jobs, 1)->facts.options, "{\"a\": 1}");
    answer("claim_batch", "");
    ring("work 1"); /* and from then on it is known */
    turn();
    assert_int_equal(asked("claim_batch"), 1);
}

/* Fewer than asked for, and no limiter says that it was its doing: there are no more tasks. */
static void test_a_limited_job_without_tasks_is_idle(void **state)
{
    begin_to_serve();
    answer("list_work", work_of(1, "noop", 0, true));
    turn();
    answer("claim_batch", task_row(1, "3600000"));
    assert_false(jobs_find(&engine.jobs, 1)->is_blocked);
    assert_false(jobs_find(&engine.jobs, 1)->is_ready);
}

/* Its claim was sent before the task was pending again, and comes back with what stands behind. */
static void test_a_claim_under_way_leads_past_nothing_that_came_back(void **state)
{
    begin_to_serve();
    answer("list_work", work_of(1, "noop", 0, true));
    turn();
    answer("claim_batch", task_row(1, "3600000"));
    runner_return_waiting(&engine);
    ring("work 1");
    turn();
    assert_int_equal(asked("claim_batch"), 1);
    answer("finish_tasks", "1\n");
    answer("claim_batch", task_row(9, "3600000"));
    assert_true(isinf(jobs_find(&engine.jobs, 1)->cursor.rank));
    ring("work 1");
    turn();
    answer("claim_batch", task_row(1, "3600000"));
    assert_false(isinf(jobs_find(&engine.jobs, 1)->cursor.rank));
}

static void test_a_node_that_may_not_fall_asleep_stays_awake(void **state)
{
    begin_to_serve();
    settle();
    make_idle();
    turn();
    answer("set_asleep", "t\n");
    refuse("draw_transaction", "57014");
    assert_int_equal(engine.doorbell.state, BELL_AWAKE);
    turn();
    assert_int_equal(asked("list_work"), 1);
}

static void test_a_look_that_was_refused_is_made_again(void **state)
{
    begin_to_serve();
    settle();
    fall_asleep_now();
    assert_true(engine.doorbell.is_sure);
    ring("kinds");
    turn();
    refuse("list_work", "57014");
    turn();
    assert_int_equal(asked("list_work"), 0);
    engine.doorbell.next_look_us = 0;
    turn();
    assert_int_equal(asked("list_work"), 1);
}

static void test_what_is_due_is_asked_once_more_before_a_sure_sleep(void **state)
{
    begin_to_serve();
    settle();
    make_idle();
    turn();
    answer("set_asleep", "t\n");
    answer("draw_transaction", "100\n");
    turn();
    answer("next_due_ms", "~\n"); /* before the oldest transaction is known to have ended */
    answer("oldest_transaction", "100\n");
    answer("list_work", "");
    turn();
    assert_true(engine.doorbell.is_sure);
    assert_int_equal(asked("next_due_ms"), 1);
}

static void test_a_fold_asks_what_is_due_once_more(void **state)
{
    begin_to_serve();
    assert_int_equal(asked("next_due_ms"), 1);
    assert_int_equal(asked("pawl.fold"), 1);
    answer("pawl.fold", "1|1|1|0|f\n");
    duties_note_ledger(&engine);
    engine.duties.next_fold_us = 0;
    turn(); /* folds, while the question before is not answered */
    assert_int_equal(asked("next_due_ms"), 1);
    answer("next_due_ms", "~\n");
    turn();
    assert_int_equal(asked("next_due_ms"), 1);
}

static void test_the_flag_of_a_life_before_says_nothing(void **state)
{
    begin_to_serve();
    settle();
    make_idle();
    turn();
    assert_int_equal(asked("set_asleep"), 1);
    node_was_declared_dead(&engine);
    answer("register_node", "8\n");
    assert_int_equal(engine.node_state, NODE_SERVING);
    answer("set_asleep", "f\n"); /* of node 7 */
    assert_int_equal(engine.node_state, NODE_SERVING);
    assert_int_equal(engine.node_id, 8);
}

static void test_a_task_that_waits_for_its_start_outlives_sleep(void **state)
{
    enum { JOBS = 30 };
    struct text list = {0};
    begin_to_serve();
    for (int i = 1; i <= JOBS; i++)
        text_append_string(&list, work_of(i, "noop", 0, false));
    answer("list_work", text_string(&list));
    text_finish(&list);
    for (int left = JOBS; left; turn())
        for (int count = asked("claim_batch"); count; count--, left--)
            answer("claim_batch", strcmp(question("claim_batch")->values[1], "1") == 0
                                      ? task_row(1, "3600000")
                                      : "");
    answer("pawl.fold", "0|0|0|0|f\n");
    answer("next_due_ms", "~\n");
    while (asked("list_work"))
        answer("list_work", "");
    fall_asleep_now();
    assert_true(engine.jobs.by_id.count < JOBS);
    list_object(engine.runner.later.next, struct task, link)->start_at_us = 0;
    turn();
    assert_int_equal(asked("finish_tasks"), 1);
}

/* What is kept for a job goes when the job has ended, but not while something of it is here. */
static void test_a_job_that_has_ended_is_forgotten(void **state)
{
    struct text list = {0};
    begin_to_serve();
    for (int i = 1; i <= 3; i++)
        text_append_string(&list, work_of(i, "noop", 0, false));
    answer("list_work", text_string(&list));
    text_finish(&list);
    turn();
    for (int i = 1; i <= 3; i++)
        answer("claim_batch",
               strcmp(question("claim_batch")->values[1], "1") == 0 ? task_row(1, "3600000") : "");
    answer("pawl.fold", "0|0|0|0|f\n");
    answer("next_due_ms", "~\n");
    while (asked("list_work"))
        answer("list_work", "");
    fall_asleep_now();
    engine.duties.next_sweep_us = 0;
    turn();
    const char *asked_of = question("list_ended")->values[0];
    assert_true(strcmp(asked_of, "{2,3}") == 0 || strcmp(asked_of, "{3,2}") == 0);
    answer("list_ended", "2\n1\n");
    assert_non_null(jobs_find(&engine.jobs, 1)); /* its task waits here */
    assert_null(jobs_find(&engine.jobs, 2));
    assert_non_null(jobs_find(&engine.jobs, 3));
}

/* ---- cancelled ---- */

static int started;

static void count_start(void *context, int64_t job_id, int64_t task_id)
{
    started++;
}

static void test_a_cancelled_task_is_dropped_and_its_neighbour_is_not(void **state)
{
    begin_to_serve();
    answer("list_work", work_of(1, "noop", 0, false));
    turn();
    answer("claim_batch", "8|1|0|0|{}|~|~|~|~\n9|1|0|0|{}|~|~|~|~\n~|~|~|~|~|3600000|0|0|\n");
    assert_int_equal(jobs_find(&engine.jobs, 1)->waiting, 2);
    doorbell_rung(&engine, "cancel 1/8");
    assert_int_equal(jobs_find(&engine.jobs, 1)->waiting, 1);
    assert_int_equal(list_object(engine.runner.later.next, struct task, link)->id, 9);
    doorbell_rung(&engine, "cancel 2/9"); /* another job's */
    doorbell_rung(&engine, "cancel 1/");  /* nobody's */
    assert_int_equal(jobs_find(&engine.jobs, 1)->waiting, 1);
    doorbell_rung(&engine, "cancel 1");
    assert_int_equal(jobs_find(&engine.jobs, 1)->waiting, 0);
}

static struct task *kept;

static void keep(void *self, struct task *task)
{
    kept = task;
}

static void let_go(void *self, struct task *task)
{
    struct outcome outcome = {.kind = OUTCOME_RETURNED};
    kept = NULL;
    runner_on_done(&engine, task, &outcome);
}

/* No bell came: as through a pooler, or while a connection was away. */
static void test_a_task_that_was_cancelled_unheard_is_dropped_with_a_heartbeat(void **state)
{
    static struct executor keeping;
    const struct executor *before = engine.executors[0].functions;
    keeping = *before;
    keeping.start = keep;
    keeping.cancel = let_go;
    engine.executors[0].functions = &keeping;
    begin_to_serve();
    settle();
    doorbell_want_look(&engine);
    turn();
    answer("list_work", work_of(1, "noop", 0, false));
    turn();
    answer("claim_batch", task_row(8, "0"));
    assert_non_null(kept);
    engine.duties.next_beat_us = 0;
    turn();
    answer("heartbeat", "t\n");
    assert_int_equal(asked("list_lost"), 0); /* it has only just begun */
    kept->start_at_us -= 10000000;
    engine.duties.next_beat_us = 0;
    turn();
    assert_string_equal(question("list_lost")->values[0], "7");
    assert_string_equal(question("list_lost")->values[1], "{1}");
    answer("heartbeat", "t\n");
    answer("list_lost", "");
    assert_non_null(kept);
    engine.duties.next_beat_us = 0;
    turn();
    answer("heartbeat", "t\n");
    answer("list_lost", "1|8|2\n"); /* not the attempt that runs */
    assert_non_null(kept);
    engine.duties.next_beat_us = 0;
    turn();
    answer("heartbeat", "t\n");
    answer("list_lost", "1|8|1\n");
    assert_null(kept);
    engine.executors[0].functions = before;
}

/* The claim was answered before the bell came, and is read after it. */
static void test_a_task_that_is_cancelled_while_its_claim_is_read_never_starts(void **state)
{
    static const struct serve_options options = {.database_url = "none",
                                                 .on_task_started = count_start};
    engine.options = &options;
    started = 0;
    begin_to_serve();
    answer("list_work", work_of(1, "noop", 0, false));
    turn();
    doorbell_rung(&engine, "cancel 1/8");
    answer("claim_batch", "8|1|0|0|{}|~|~|~|~\n9|1|0|0|{}|~|~|~|~\n");
    assert_int_equal(started, 1);
    turn();
    doorbell_rung(&engine, "work 1");
    turn();
    answer("claim_batch",
           task_row(8, "0")); /* it was retried since: the bell was not for this claim */
    assert_int_equal(started, 2);
}

/* ---- external workers ---- */

/* The node looks; its kinds of external workers are these. */
static void look_and_answer(const char *external)
{
    doorbell_want_look(&engine);
    turn();
    answer("list_work", "");
    answer("list_external_work", external);
    turn();
}

static void test_work_of_external_workers_is_told_once(void **state)
{
    begin_to_serve();
    settle();
    ring("kinds");
    look_and_answer("mail|3|3|3/0|f|~\nfax|0|0|0/0|f|~\n");
    assert_int_equal(asked("wake_workers"), 1);
    assert_string_equal(question("wake_workers")->values[0], "{\"mail\"}");
    answer("wake_workers", "");
    engine.relay.next_us = 0;
    look_and_answer("mail|3|3|3/0|f|~\nfax|0|0|0/0|f|~\n"); /* nobody came: no news */
    assert_int_equal(asked("wake_workers"), 0);
    look_and_answer("mail|1|3|3/0|f|~\nfax|0|0|0/0|f|~\n"); /* taken */
    look_and_answer("mail|1|1|3/0|f|~\nfax|0|0|0/0|f|~\n"); /* ended */
    assert_int_equal(asked("wake_workers"), 0);
    look_and_answer("mail|1|1|4/0|f|~\nfax|0|0|0/0|f|~\n"); /* another in its place */
    assert_int_equal(asked("wake_workers"), 1);
    answer("wake_workers", "");
    engine.relay.next_us = 0;
    look_and_answer(
        "mail|2|2|4/0|f|~\nfax|0|0|0/0|f|~\n"); /* a task that had ended is to run again */
    assert_int_equal(asked("wake_workers"), 1);
    answer("wake_workers", "");
    engine.relay.next_us = 0;
    ring("work 8 9"); /* it looks as before, and is another: taken and given back while we slept */
    turn();
    assert_string_equal(question("list_external_work")->values[0], "{8,9}");
    ring("work *"); /* while the answer is on its way */
    turn();
    answer("list_work", "");
    answer("list_external_work", "mail|2|2|4/0|t|~\n");
    turn();
    assert_int_equal(asked("wake_workers"), 1);
    answer("list_work", "");
    turn();
    assert_string_equal(question("list_external_work")->values[0], "{0}");
}

static void test_work_that_nobody_takes_keeps_nobody_awake(void **state)
{
    begin_to_serve();
    settle();
    ring("kinds");
    look_and_answer("mail|3|3|3/0|f|~\n");
    answer("wake_workers", "");
    make_idle();
    turn();
    answer("set_asleep", "t\n");
    answer("draw_transaction", "100\n");
    turn();
    answer("oldest_transaction", "100\n");
    answer("list_work", "");
    answer("list_external_work", "mail|3|3|3/0|f|~\n");
    turn();
    assert_true(engine.doorbell.is_sure);
    while (asked("next_due_ms"))
        answer("next_due_ms", "~\n");
    engine.duties.is_dirty = false; /* folded */
    turns(3);
    assert_int_equal(asked("list_external_work") + asked("wake_workers"), 0);
    assert_true(sleep_ms() > 1000);
    ring("work 9"); /* a task more: the bell is passed on */
    turn();
    answer("list_work", "");
    answer("list_external_work", "mail|4|4|4/0|f|~\n");
    engine.relay.next_us = 0;
    turn();
    assert_int_equal(asked("wake_workers"), 1);
}

static void test_workers_are_told_no_more_often_than_they_can_hear(void **state)
{
    begin_to_serve();
    settle();
    ring("kinds");
    look_and_answer("mail|1|1|1/0|f|~\n");
    answer("wake_workers", "");
    look_and_answer("mail|2|2|2/0|f|~\n");
    assert_int_equal(asked("wake_workers"), 0);
    assert_true(uv_is_active((uv_handle_t *)&engine.relay.timer));
    engine.relay.next_us = 0;
    turn();
    assert_int_equal(asked("wake_workers"), 1);
    answer("wake_workers", "");
    engine.relay.next_us = INT64_MAX;
    look_and_answer("mail|3|3|3/0|f|~\n");
    look_and_answer("mail|0|0|3/0|f|~\n"); /* gone before it was told */
    engine.relay.next_us = 0;
    turn();
    assert_int_equal(asked("wake_workers"), 0);
}

static void test_workers_that_a_limit_refused_are_told_when_it_opens(void **state)
{
    begin_to_serve();
    settle();
    ring("kinds");
    look_and_answer("mail|2|3|3/0|f|~\n");
    answer("wake_workers", "");
    engine.relay.next_us = 0;
    look_and_answer("mail|2|3|3/0|f|20\n");
    assert_int_equal(asked("wake_workers"), 0);
    assert_true(sleep_ms() >= 0 && sleep_ms() <= 26);
    make_busy();
    pass_ms(19);
    turn();
    assert_int_equal(asked("wake_workers"), 0); /* not before it opens */
    make_busy();
    pass_ms(7);
    turn();
    assert_int_equal(asked("wake_workers"), 1);
    answer("wake_workers", "");
    engine.relay.next_us = 0;
    turns(3);
    assert_int_equal(asked("wake_workers"), 0); /* once */
    look_and_answer("mail|2|2|3/1|f|~\n");      /* room under the limit */
    assert_int_equal(asked("wake_workers"), 1);
}

static void test_nobody_asks_for_external_workers_where_there_are_none(void **state)
{
    begin_to_serve();
    settle();
    doorbell_want_look(&engine);
    turn();
    assert_int_equal(asked("list_work"), 1);
    assert_int_equal(asked("list_external_work"), 0);
    answer("list_work", "");
    ring("kinds");
    turn();
    assert_int_equal(asked("list_external_work"), 1);
    refuse("list_external_work", "57014");
    doorbell_want_look(&engine);
    answer("list_work", "");
    turn();
    assert_int_equal(asked("list_external_work"), 1);
}

/* ---- what a claim says of its tasks ---- */

static void test_a_cursor_stands_where_the_last_task_stands(void **state)
{
    begin_to_serve();
    answer("list_work", work_of(1, "noop", 0, false));
    turn();
    /* exactly as the index has it: a priority is a float there */
    answer("claim_batch", "9|1|0|-0.1|{}|~|~|~|~|~|~|~|12.5\n8|1|0|0.95|{}|~|~|~|~|~|~|~|12.5\n");
    const struct claim_cursor *cursor = &jobs_find(&engine.jobs, 1)->cursor;
    assert_true(cursor->rank == 12.5 + (double)0.1f && cursor->id == 9);
}

static void test_tasks_with_successors_are_finished_by_those_who_know_them(void **state)
{
    begin_to_serve();
    answer("list_work", work_of(1, "noop", 0, false));
    turn();
    answer("claim_batch", "8|1|0|0|{}|~|~|~|~|~|~|~|~\n~|~|~|~|~|~|~|~|~|~|~|t|~\n");
    turn();
    assert_int_equal(asked("finish_followed_tasks"), 1);
    assert_int_equal(asked("pawl.finish_tasks"), 0);
}

/* ---- everybody gets a turn ---- */

static void test_jobs_of_a_full_executor_keep_nobody_from_a_turn(void **state)
{
    struct text list = {0};
    begin_to_serve();
    for (int i = 1; i <= 20; i++)
        text_append_string(&list, work_of(i, "sql", 0, false));
    text_append_string(&list, work_of(21, "noop", 0, false));
    for (int i = 0; i < EXECUTORS; i++)
        if (strcmp(engine.executors[i].functions->name, "sql") == 0)
            engine.executors[i].reserved = 1000;
    answer("list_work", text_string(&list));
    text_finish(&list);
    turn();
    assert_int_equal(asked("claim_batch"), 1);
    assert_string_equal(question("claim_batch")->values[1], "21");
}

static void test_a_job_of_little_weight_is_claimed_in_the_same_turn(void **state)
{
    begin_to_serve();
    answer("list_work", work_of(1, "sql", -100, false)); /* a sixteenth of four slots a turn */
    turn();
    assert_int_equal(asked("claim_batch"), 1);
}

/* What it asks for when its time has come, and nothing before. */
static void pass_prune_time(int64_t pause_us)
{
    assert_true(engine.pruner.next_us <= engine_now_us(&engine) + pause_us);
    engine.pruner.next_us -= pause_us - 1000000;
    turn();
    assert_int_equal(asked("pawl.prune"), 0);
    engine.pruner.next_us = engine_now_us(&engine);
    turn();
    assert_int_equal(asked("pawl.prune"), 1);
}

static void test_old_tasks_are_pruned_when_there_are_some(void **state)
{
    begin_to_serve();
    settle();
    pass_prune_time(2000000);
    turns(3);
    assert_int_equal(asked("pawl.prune"), 1); /* one question at a time */
    answer("pawl.prune", "0|60000\n");
    assert_false(engine.duties.is_dirty);
    pass_prune_time(60000000);
    answer("pawl.prune", "1000|0\n");
    assert_true(engine.duties.is_dirty); /* the ledger has it */
    assert_in_range(engine.pruner.next_us - engine_now_us(&engine), 1, 50000);
    turn();
    assert_in_range(sleep_ms(), 1, 50);
    engine.pruner.next_us = engine_now_us(&engine);
    turn();
    answer("pawl.prune", "7|900000\n"); /* new jobs are found by asking */
    pass_prune_time(60000000);
    refuse("pawl.prune", "57014");
    pass_prune_time(60000000);
}

static void test_a_kind_that_keeps_for_another_time_is_pruned_soon(void **state)
{
    begin_to_serve();
    settle();
    pass_prune_time(2000000);
    answer("pawl.prune", "0|60000\n");
    ring("kinds");
    assert_in_range(engine.pruner.next_us - engine_now_us(&engine), 1, 2000000);
    engine.pruner.next_us = engine_now_us(&engine) + 1;
    ring("kinds"); /* puts nothing off */
    assert_int_equal(engine.pruner.next_us, engine_now_us(&engine) + 1);
}

static void test_a_node_that_is_not_serving_prunes_nothing(void **state)
{
    begin_to_serve();
    settle();
    engine.pruner.next_us = engine_now_us(&engine);
    turn();
    lose("duty");
    come("duty");
    engine.pruner.next_us = engine_now_us(&engine);
    turn();
    assert_int_equal(asked("pawl.prune"), 0); /* it is not known whether we are alive */
    answer("heartbeat", "t\n");
    assert_int_equal(engine.node_state, NODE_SERVING);
    assert_false(engine.pruner.is_pruning);
    engine.pruner.next_us = engine_now_us(&engine);
    turn();
    assert_int_equal(asked("pawl.prune"), 1); /* what was under way is not waited for */
    node_ask_to_stop(&engine);
    answer("pawl.prune", "1000|0\n");
    engine.pruner.next_us = engine_now_us(&engine);
    turn();
    assert_int_equal(asked("pawl.prune"), 0);
}

/* ---- freshness ---- */

/* A node that knows of data types, and sleeps. Nothing is due. */
static void serve_types_asleep(void)
{
    begin_to_serve();
    answer("has_data_types", "t\n");
    turn();
    come("freshness");
    turn();
    answer("refresh_due", "0|~\n");
    settle();
    fall_asleep_now();
    pass_ms(5);
    turn();
    answer("refresh_due", "0|~\n"); /* once more: it may have fallen asleep unseen */
    pass_ms(5);
    turns(3);
    assert_int_equal(asked("refresh_due"), 0);
}

static bool is_connected(const char *purpose)
{
    for (int i = 0; i < database.count; i++)
        if (strcmp(database.connections[i]->purpose, purpose) == 0)
            return true;
    return false;
}

static void test_no_data_types_cost_nothing(void **state)
{
    begin_to_serve();
    assert_int_equal(asked("has_data_types"), 1);
    answer("has_data_types", "f\n");
    settle();
    fall_asleep_now();
    engine.duties.next_sweep_us = 0;
    turn();
    answer("pawl.sweep", "~|f\n");
    turns(3);
    assert_int_equal(asked("has_data_types") + asked("refresh_due"), 0);
    assert_false(is_connected("freshness"));
}

static void test_the_first_data_type_is_told_by_a_bell(void **state)
{
    begin_to_serve();
    answer("has_data_types", "f\n");
    settle();
    ring("fresh");
    turns(2);
    assert_int_equal(asked("has_data_types"), 1);
    answer("has_data_types", "t\n");
    turn();
    assert_int_equal(asked("refresh_due"), 0);
    come("freshness");
    turns(2);
    assert_int_equal(asked("refresh_due"), 1);
    assert_string_equal(question("refresh_due")->values[0], "1000");
    assert_int_equal(asked("statement_timeout"), 1); /* functions of users run inside */
}

/* Through a pooler, say, bells do not come. */
static void test_data_types_come_and_go_with_a_sweep(void **state)
{
    begin_to_serve();
    refuse("has_data_types", "57014");
    settle();
    engine.duties.next_sweep_us = 0;
    turn();
    answer("pawl.sweep", "~|t\n");
    assert_int_equal(engine.duties.beat.swept, 0); /* a row without a job is no missed bell */
    turn();
    come("freshness");
    turn();
    assert_int_equal(asked("refresh_due"), 1);
    engine.duties.next_sweep_us = 0;
    turn();
    answer("pawl.sweep", "~|f\n");
    turn();
    assert_int_equal(asked("refresh_due"), 1); /* it may still do something */
    answer("refresh_due", "0|~\n");
    turn();
    assert_false(is_connected("freshness"));
}

static void test_it_is_asked_when_the_moment_comes(void **state)
{
    serve_types_asleep();
    ring("fresh");
    turn();
    answer("refresh_due", "0|900\n");
    turn();
    assert_in_range(sleep_ms(), 1, 900);
    pass_ms(899);
    turn();
    assert_int_equal(asked("refresh_due"), 0);
    assert_int_equal(sleep_ms(), 1);
    pass_ms(1);
    turn();
    assert_int_equal(asked("refresh_due"), 1);
    engine.duties.is_dirty = false;
    answer("refresh_due", "3|60000\n");
    assert_true(engine.duties.is_dirty);
    turn();
    assert_int_equal(asked("list_work"), 1); /* what was due is work now */
}

static void test_while_there_is_more_it_is_asked_at_once(void **state)
{
    serve_types_asleep();
    ring("fresh");
    turn();
    answer("refresh_due", "1000|0\n");
    turn();
    assert_int_equal(asked("refresh_due"), 1);
    answer("refresh_due", "1000|0\n");
    turn();
    assert_int_equal(asked("refresh_due"), 1);
}

static void test_what_is_due_close_together_is_one_question(void **state)
{
    serve_types_asleep();
    ring("fresh");
    turn();
    answer("refresh_due", "1|1\n");
    pass_ms(1);
    turn();
    assert_int_equal(asked("refresh_due"), 0);
    pass_ms(4);
    turn();
    assert_int_equal(asked("refresh_due"), 1);
}

static void test_a_bell_during_a_question_leads_to_one_more(void **state)
{
    serve_types_asleep();
    ring("fresh");
    turn();
    ring("fresh");
    ring("fresh");
    pass_ms(50);
    turns(2);
    assert_int_equal(asked("refresh_due"), 1);
    answer("refresh_due", "0|~\n");
    turns(2);
    assert_int_equal(asked("refresh_due"), 1);
    answer("refresh_due", "0|~\n");
    pass_ms(50);
    turns(2);
    assert_int_equal(asked("refresh_due"), 0);
}

static void test_what_another_node_has_is_left_to_it_for_a_while(void **state)
{
    serve_types_asleep();
    ring("fresh");
    turn();
    answer("refresh_due", "0|0\n");
    turns(3);
    assert_int_equal(asked("refresh_due"), 0);
    pass_ms(199);
    turn();
    assert_int_equal(asked("refresh_due"), 0);
    ring("fresh"); /* news does not wait */
    turn();
    assert_int_equal(asked("refresh_due"), 1);
    answer("refresh_due", "0|0\n");
    pass_ms(300);
    turn();
    assert_int_equal(asked("refresh_due"), 1);
}

/* Nobody rings then. */
static void test_awake_it_is_asked_all_the_time(void **state)
{
    begin_to_serve();
    answer("has_data_types", "t\n");
    turn();
    come("freshness");
    turn();
    answer("refresh_due", "0|~\n");
    make_busy();
    pass_ms(74);
    turn();
    assert_int_equal(asked("refresh_due"), 0);
    pass_ms(1);
    turn();
    assert_int_equal(asked("refresh_due"), 1);
}

static void test_until_it_is_sure_it_is_asked_with_each_look(void **state)
{
    begin_to_serve();
    answer("has_data_types", "t\n");
    settle();
    come("freshness");
    make_idle();
    turn();
    answer("set_asleep", "t\n");
    answer("draw_transaction", "100\n");
    answer("refresh_due", "0|~\n");
    pass_ms(10);
    turn();
    answer("oldest_transaction", "90\n"); /* somebody may have seen us awake, and not rung */
    answer("list_work", "");
    answer("refresh_due", "0|~\n");
    pass_ms(10);
    turn();
    assert_int_equal(asked("refresh_due"), 1);
    answer("refresh_due", "0|~\n");
    answer("oldest_transaction", "100\n");
    pass_ms(10);
    turn();
    assert_int_equal(asked("refresh_due"), 1); /* once more: the answer may be older than this */
}

static void test_an_end_while_it_sleeps_is_a_reason_to_ask(void **state)
{
    serve_types_asleep();
    refresher_note_end(&engine); /* its key is due sooner than anything else, perhaps */
    turn();
    assert_int_equal(asked("refresh_due"), 1);
    answer("refresh_due", "0|2000\n");
    pass_ms(1999);
    turn();
    assert_int_equal(asked("refresh_due"), 0);
    pass_ms(1);
    turn();
    assert_int_equal(asked("refresh_due"), 1);
}

static void test_a_refusal_is_not_asked_again_at_once(void **state)
{
    serve_types_asleep();
    ring("fresh");
    turn();
    refuse("refresh_due", "57014");
    ring("fresh");
    pass_ms(999);
    turns(2);
    assert_int_equal(asked("refresh_due"), 0);
    pass_ms(1);
    turn();
    assert_int_equal(asked("refresh_due"), 1);
}

static void test_a_lost_connection_of_freshness_stops_nothing(void **state)
{
    serve_types_asleep();
    ring("fresh");
    turn();
    lose("freshness");
    assert_int_equal(engine.node_state, NODE_SERVING);
    turns(2);
    pass_ms(5);
    come("freshness");
    turn();
    assert_int_equal(asked("refresh_due"), 1);
    lose("duty"); /* the node is away: whether it is alive is not known */
    answer("refresh_due", "1|0\n");
    turns(2);
    assert_int_equal(asked("refresh_due"), 0);
    come("duty");
    answer("heartbeat", "t\n");
    pass_ms(5);
    turn();
    assert_int_equal(asked("refresh_due"), 1);
    assert_int_equal(asked("has_data_types"), 1); /* a bell may have been missed */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_node_registers_once),
        TEST(test_a_connection_that_is_lost_before_the_answer),
        TEST(test_a_refused_question_is_asked_again),
        TEST(test_a_node_that_was_declared_dead_while_away_registers_anew),
        TEST(test_a_node_beats_while_another_connection_is_away),
        TEST(test_tasks_that_wait_for_their_start_go_back_when_the_database_does),
        TEST(test_a_drain_ends_though_a_task_does_not),
        TEST(test_it_leaves_when_executors_have_written_what_they_kept),
        TEST(test_connections_that_come_and_go_while_it_ends),
        TEST(test_rescue_is_asked_for_until_it_has_nothing_to_do),
        TEST(test_slow_answers_are_slept_through),
        TEST(test_due_tasks_that_are_locked_are_not_asked_for_at_once),
        TEST(test_a_due_schedule_is_run_once_and_its_work_looked_for),
        TEST(test_the_next_schedule_does_not_wait_for_the_pause_of_a_blocked_one),
        TEST(test_schedules_that_are_refused_undo_no_promotion),
        TEST(test_a_lease_that_ends_is_work_again),
        TEST(test_a_lost_connection_forgets_no_schedule),
        TEST(test_a_node_whose_jobs_wait_for_a_limiter_sleeps),
        TEST(test_a_busy_node_counts_anew_when_it_wakes),
        TEST(test_news_of_a_job_whose_claim_is_under_way),
        TEST(test_a_bell_opens_no_gate),
        TEST(test_a_kind_that_has_changed_is_learnt_before_it_is_claimed),
        TEST(test_a_limited_job_without_tasks_is_idle),
        TEST(test_a_claim_under_way_leads_past_nothing_that_came_back),
        TEST(test_a_node_that_may_not_fall_asleep_stays_awake),
        TEST(test_a_look_that_was_refused_is_made_again),
        TEST(test_what_is_due_is_asked_once_more_before_a_sure_sleep),
        TEST(test_a_fold_asks_what_is_due_once_more),
        TEST(test_the_flag_of_a_life_before_says_nothing),
        TEST(test_a_task_that_waits_for_its_start_outlives_sleep),
        TEST(test_a_job_that_has_ended_is_forgotten),
        TEST(test_a_cancelled_task_is_dropped_and_its_neighbour_is_not),
        TEST(test_a_task_that_was_cancelled_unheard_is_dropped_with_a_heartbeat),
        TEST(test_a_task_that_is_cancelled_while_its_claim_is_read_never_starts),
        TEST(test_work_of_external_workers_is_told_once),
        TEST(test_work_that_nobody_takes_keeps_nobody_awake),
        TEST(test_workers_are_told_no_more_often_than_they_can_hear),
        TEST(test_workers_that_a_limit_refused_are_told_when_it_opens),
        TEST(test_nobody_asks_for_external_workers_where_there_are_none),
        TEST(test_a_cursor_stands_where_the_last_task_stands),
        TEST(test_tasks_with_successors_are_finished_by_those_who_know_them),
        TEST(test_jobs_of_a_full_executor_keep_nobody_from_a_turn),
        TEST(test_a_job_of_little_weight_is_claimed_in_the_same_turn),
        TEST(test_old_tasks_are_pruned_when_there_are_some),
        TEST(test_a_kind_that_keeps_for_another_time_is_pruned_soon),
        TEST(test_a_node_that_is_not_serving_prunes_nothing),
        TEST(test_no_data_types_cost_nothing),
        TEST(test_the_first_data_type_is_told_by_a_bell),
        TEST(test_data_types_come_and_go_with_a_sweep),
        TEST(test_it_is_asked_when_the_moment_comes),
        TEST(test_while_there_is_more_it_is_asked_at_once),
        TEST(test_what_is_due_close_together_is_one_question),
        TEST(test_a_bell_during_a_question_leads_to_one_more),
        TEST(test_what_another_node_has_is_left_to_it_for_a_while),
        TEST(test_awake_it_is_asked_all_the_time),
        TEST(test_until_it_is_sure_it_is_asked_with_each_look),
        TEST(test_an_end_while_it_sleeps_is_a_reason_to_ask),
        TEST(test_a_refusal_is_not_asked_again_at_once),
        TEST(test_a_lost_connection_of_freshness_stops_nothing),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
