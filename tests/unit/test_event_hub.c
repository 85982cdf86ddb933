/*
 * Who listens to events, and what they are told: filters, queues that are full, ids that are known
 * or not, gaps, streams that wait, heartbeats. Guards I9 (every buffer has a limit), and that
 * nobody who missed something is left to believe that he did not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/event_hub.c"

/* ---- a world without sockets ---- */

struct peer {
    struct event_client *client; /* NULL: it was refused */
    bool is_asleep, is_held, is_gone;
    char said[128 * 1024]; /* what it was sent */
    size_t length;
};

static struct event_hub *hub;
static struct peer peers[3];
static bool is_wanted;

static void fall_asleep(void *connection)
{
    struct peer *peer = connection;
    assert_false(peer->is_asleep); /* libmicrohttpd demands it */
    peer->is_asleep = true;
}

static void awake(void *connection)
{
    struct peer *peer = connection;
    assert_true(peer->is_asleep);
    peer->is_asleep = false;
}

static bool look_gone(void *connection)
{
    const struct peer *peer = connection;
    return peer->is_gone;
}

static void want_or_not(void *context, bool now)
{
    is_wanted = now;
}

static int set_up(void **state)
{
    static const struct event_hooks hooks = {fall_asleep, awake, look_gone, want_or_not};
    memset(peers, 0, sizeof peers);
    is_wanted = false;
    hub = event_hub_create("e", &hooks, NULL);
    return 0;
}

static int tear_down(void **state)
{
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++)
        if (peers[i].client)
            event_client_leave(peers[i].client);
    event_hub_destroy(hub);
    return 0;
}

/* types, keys: words with commas, or NULL. */
static struct peer *join(int i, const char *types, const char *keys, const char *last_id)
{
    struct event_filter filter = {0};
    char words[64], *rest = words;
    snprintf(words, sizeof words, "%s", types ? types : "");
    for (char *word; types && (word = strsep(&rest, ","));)
        event_filter_add_type(&filter, word);
    snprintf(words, sizeof words, "%s", keys ? keys : "");
    rest = words;
    for (char *word; keys && (word = strsep(&rest, ","));)
        event_filter_add_key(&filter, word);
    event_filter_sort(&filter);
    peers[i] = (struct peer){0};
    peers[i].client = event_hub_join(hub, &filter, last_id, &peers[i], &peers[i].is_held);
    event_filter_finish(&filter);
    return &peers[i];
}

static void leave(struct peer *peer)
{
    event_client_leave(peer->client);
    peer->client = NULL;
}

/* Reads so many bytes at a time until it sleeps; the end of the stream. */
static bool read_on(struct peer *peer, size_t size)
{
    ssize_t count = 1;
    while (!peer->is_asleep && count > 0) {
        count = event_client_take(peer->client, peer->said + peer->length, size);
        peer->length += count > 0 ? (size_t)count : 0;
        assert_true(peer->length < sizeof peer->said - size);
    }
    peer->said[peer->length] = '\0';
    return count < 0;
}

/* What it was sent since the last time. */
static const char *hears(struct peer *peer)
{
    peer->length = 0;
    assert_false(read_on(peer, 4096));
    return peer->said;
}

static void publish(const char *type, const char *key)
{
    event_hub_publish(hub,
                      &(struct refreshed){.type = type, .keys = &key, .count = 1, .at = "now"});
}

static const char *event(int number, const char *type, const char *key)
{
    static char text[256];
    snprintf(text, sizeof text,
             "event: refreshed\nid: e-%d\n"
             "data: {\"type\":\"%s\",\"key\":\"%s\",\"at\":\"now\"}\n\n",
             number, type, key);
    return text;
}

static const char *missed(int number, const char *reason)
{
    static char text[128];
    snprintf(text, sizeof text, "event: missed\nid: e-%d\ndata: {\"reason\":\"%s\"}\n\n", number,
             reason);
    return text;
}

static void ticks(int count)
{
    while (count--)
        event_hub_tick(hub);
}

/* Somebody listens to the database; its first number is 1. */
static void live(void)
{
    event_hub_begin_live(hub);
}

/* ---- who hears what ---- */

static void test_an_event_is_heard_by_who_wants_it(void **state)
{
    live();
    struct peer *all = join(0, NULL, NULL, NULL), *some = join(1, "price,rate", "b,a", NULL),
                *key = join(2, NULL, "", NULL);
    assert_string_equal(hears(all), "retry: 2000\n\n:\nid: e-1\n\n");
    hears(some);
    hears(key);
    publish("price", "a");
    assert_string_equal(hears(all), event(2, "price", "a"));
    assert_string_equal(hears(some), event(2, "price", "a"));
    publish("price", "c");
    publish("profile", "a");
    publish("rate", "b");
    assert_string_equal(hears(some), event(5, "rate", "b"));
    assert_true(key->is_asleep);
    publish("market", ""); /* a global type */
    assert_string_equal(hears(key), event(6, "market", ""));
    assert_non_null(strstr(hears(all), "profile"));
}

static void test_keys_of_one_message_are_events_each(void **state)
{
    static const char *const keys[] = {"a", "b\n\"", "c"};
    live();
    struct peer *peer = join(0, NULL, "a,b\n\"", NULL);
    hears(peer);
    event_hub_publish(hub, &(struct refreshed){"price", keys, 3, "now"});
    assert_string_equal(hears(peer),
                        "event: refreshed\nid: e-2\n"
                        "data: {\"type\":\"price\",\"key\":\"a\",\"at\":\"now\"}\n\n"
                        "event: refreshed\nid: e-3\n"
                        "data: {\"type\":\"price\",\"key\":\"b\\n\\\"\",\"at\":\"now\"}\n\n");
}

static void test_many_keys_are_any_key(void **state)
{
    live();
    struct peer *peer = join(0, "price", "a", NULL), *other = join(1, "rate", NULL, NULL);
    hears(peer);
    hears(other);
    event_hub_publish(hub, &(struct refreshed){.type = "price", .count = 4711, .at = "now"});
    assert_string_equal(hears(peer), "event: refreshed\nid: e-2\ndata: "
                                     "{\"type\":\"price\",\"key\":null,\"count\":4711,"
                                     "\"at\":\"now\"}\n\n");
    assert_true(other->is_asleep);
}

/* ---- slow clients ---- */

/* Events of some 5 KiB, until a queue must be full. */
static void publish_too_much(void)
{
    char key[5000];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    for (int i = 0; i < 20; i++)
        publish("price", key);
}

static void test_a_full_queue_is_emptied_and_said_to_be(void **state)
{
    live();
    struct peer *slow = join(0, NULL, NULL, NULL), *fast = join(1, NULL, "other", NULL);
    hears(slow);
    hears(fast);
    publish_too_much();
    assert_true(slow->client->queue.length <= EVENT_QUEUE_BYTES);
    assert_true(fast->is_asleep);
    const char *said = hears(slow);
    assert_int_equal(strncmp(said, missed(14, "slow"), strlen(missed(14, "slow"))), 0);
    assert_non_null(strstr(said, "id: e-21\n")); /* and what came since */
    publish("price", "a");
    assert_string_equal(hears(slow), event(22, "price", "a"));
    assert_null(slow->client->queue.start); /* costs nothing */
}

/* Wherever the queue was cut off, what arrives is whole events. */
static void test_what_is_on_its_way_is_completed(void **state)
{
    for (size_t taken = 1; taken < 120; taken++) {
        tear_down(NULL);
        set_up(NULL);
        live();
        struct peer *slow = join(0, NULL, NULL, NULL);
        hears(slow);
        publish("price", "a");
        publish("price", "b");
        slow->length = 0;
        ssize_t count = event_client_take(slow->client, slow->said, taken);
        assert_true(count > 0);
        slow->length = (size_t)count;
        publish_too_much();
        read_on(slow, 4096);
        bool has_second = (size_t)count > strlen(event(2, "price", "a"));
        char expected[400];
        snprintf(expected, sizeof expected, "%s", event(2, "price", "a"));
        if (has_second)
            snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s",
                     event(3, "price", "b"));
        strcat(expected, "event: missed\n");
        assert_int_equal(strncmp(slow->said, expected, strlen(expected)), 0);
    }
}

static void test_a_queue_that_is_read_slowly_is_bounded(void **state)
{
    live();
    struct peer *slow = join(0, NULL, NULL, NULL);
    hears(slow);
    size_t most = 0;
    for (int i = 0; i < 20000; i++) {
        publish("price", "a");
        if (i % 3 == 0) {
            slow->length = 0;
            event_client_take(slow->client, slow->said, 100);
        }
        most = slow->client->queue.capacity > most ? slow->client->queue.capacity : most;
    }
    assert_true(most <= 2 * EVENT_QUEUE_BYTES);
    for (int i = 0; i < 20000; i++) { /* it never catches up, and never falls back */
        publish("price", "a");
        slow->length = 0;
        event_client_take(slow->client, slow->said, strlen(event(1000000, "price", "a")));
        most = slow->client->queue.capacity > most ? slow->client->queue.capacity : most;
    }
    assert_true(most <= 2 * EVENT_QUEUE_BYTES);
}

/* ---- coming back ---- */

static void test_who_comes_back_gets_what_came_meanwhile(void **state)
{
    live();
    publish("price", "a");
    publish("price", "b");
    publish("rate", "b");
    publish("price", "c");
    struct peer *peer = join(0, "price", NULL, "e-2");
    char expected[1024];
    snprintf(expected, sizeof expected, "retry: 2000\n\n%s", event(3, "price", "b"));
    strcat(expected, event(5, "price", "c"));
    strcat(expected, ":\nid: e-5\n\n");
    assert_string_equal(hears(peer), expected);
    assert_string_equal(hears(join(1, NULL, NULL, "e-5")), "retry: 2000\n\n:\nid: e-5\n\n");
    leave(&peers[1]);
    assert_string_equal(hears(join(1, NULL, NULL, "")), "retry: 2000\n\n:\nid: e-5\n\n");
}

static void test_an_id_that_is_not_known_is_said_to_be(void **state)
{
    static const char *const ids[] = {"e-0",   "e-6", "e--1", "e-",   "e",
                                      "f-5",   "5",   "e-5x", "ee-5", "e-9999999999999999999",
                                      "e- 5x", "-"};
    char expected[256];
    live();
    for (int i = 0; i < 4; i++)
        publish("price", "a");
    snprintf(expected, sizeof expected, "%s:\nid: e-5\n\n", missed(5, "unknown"));
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_string_equal(hears(join(0, NULL, NULL, ids[i])), expected);
        leave(&peers[0]);
    }
}

static void test_so_many_events_are_kept(void **state)
{
    char id[24];
    live(); /* 1 */
    for (int i = 0; i < EVENTS_KEPT + 5; i++)
        publish("rate", "a");
    publish("price", "a");
    int last = EVENTS_KEPT + 7;
    snprintf(id, sizeof id, "e-%d", last - EVENTS_KEPT);
    assert_string_not_equal(hears(join(0, "price", NULL, id)), "");
    assert_null(strstr(peers[0].said, "missed"));
    assert_non_null(strstr(peers[0].said, event(last, "price", "a")));
    snprintf(id, sizeof id, "e-%d", last - EVENTS_KEPT - 1);
    assert_non_null(strstr(hears(join(1, "price", NULL, id)), missed(last, "unknown")));
}

/* ---- nobody listens to the database ---- */

static void test_a_stream_begins_when_somebody_listens(void **state)
{
    struct peer *peer = join(0, NULL, NULL, NULL);
    assert_true(peer->is_held && peer->is_asleep && is_wanted);
    ticks(EVENT_HOLD_TICKS - 1);
    assert_true(peer->is_asleep);
    live();
    assert_false(peer->is_asleep);
    assert_string_equal(hears(peer), "retry: 2000\n\n:\nid: e-1\n\n"); /* nothing was missed */
    struct peer *later = join(1, NULL, NULL, NULL);
    assert_false(later->is_held);
}

static void test_a_stream_begins_though_nobody_can_listen(void **state)
{
    struct peer *peer = join(0, NULL, NULL, NULL), *back = join(1, NULL, NULL, "e-0");
    ticks(EVENT_HOLD_TICKS);
    assert_false(peer->is_asleep);
    hears(peer);
    live();
    assert_string_equal(hears(peer), missed(1, "database"));
    assert_non_null(strstr(hears(back), "missed"));
}

static void test_a_gap_is_told_to_everybody(void **state)
{
    live();
    struct peer *peer = join(0, "price", "a", NULL);
    hears(peer);
    publish("price", "a");
    hears(peer);
    event_hub_end_live(hub);
    assert_true(peer->is_asleep); /* there is nothing to ask for yet */
    struct peer *held = join(2, NULL, NULL, "e-2");
    live();
    assert_non_null(strstr(hears(held), "unknown"));
    assert_string_equal(hears(peer), missed(3, "database"));
    assert_non_null(strstr(hears(join(1, NULL, NULL, "e-2")), missed(3, "unknown")));
    leave(&peers[1]);
    assert_null(strstr(hears(join(1, NULL, NULL, "e-3")), "missed"));
}

static void test_nobody_listens_for_nobody(void **state)
{
    live();
    struct peer *peer = join(0, NULL, NULL, NULL);
    assert_true(is_wanted);
    leave(peer);
    ticks(EVENT_LINGER_TICKS - 1);
    assert_true(is_wanted); /* he may come back */
    leave(join(0, NULL, NULL, NULL));
    ticks(EVENT_LINGER_TICKS - 1);
    assert_true(is_wanted);
    ticks(1);
    assert_false(is_wanted);
    join(0, NULL, NULL, NULL);
    assert_true(is_wanted);
}

/* ---- the rest of a life ---- */

static void test_a_silent_stream_is_heard_of(void **state)
{
    live();
    struct peer *peer = join(0, NULL, NULL, NULL), *talker = join(1, "price", NULL, NULL);
    hears(peer);
    hears(talker);
    ticks(EVENT_HEARTBEAT_TICKS - 2);
    assert_true(peer->is_asleep);
    publish("price", "a");
    hears(peer);
    hears(talker);
    ticks(EVENT_HEARTBEAT_TICKS - 2);
    assert_true(peer->is_asleep);
    publish("rate", "a"); /* moves its place on, which it is told with the heartbeat */
    hears(peer);
    ticks(1);
    assert_string_equal(hears(talker), ":\nid: e-3\n\n");
    assert_true(peer->is_asleep);
}

static void test_a_closed_connection_is_given_up(void **state)
{
    live();
    struct peer *peer = join(0, NULL, NULL, NULL);
    hears(peer);
    peer->is_gone = true;
    ticks(GONE_TICKS);
    assert_false(peer->is_asleep);
    assert_true(read_on(peer, 100));
}

static void test_there_is_room_for_so_many(void **state)
{
    static struct peer crowd[EVENT_CLIENTS_MAX];
    struct event_filter filter = {0};
    live();
    memset(crowd, 0, sizeof *crowd);
    for (int i = 0; i < EVENT_CLIENTS_MAX; i++)
        assert_non_null(crowd[i].client =
                            event_hub_join(hub, &filter, NULL, &crowd[i], &crowd[i].is_held));
    assert_null(join(0, "price", NULL, NULL)->client);
    leave(&crowd[17]);
    assert_non_null(join(0, "price", NULL, NULL)->client);
    for (int i = 0; i < EVENT_CLIENTS_MAX; i++)
        if (crowd[i].client)
            leave(&crowd[i]);
}

static void test_all_streams_end(void **state)
{
    struct peer *held = join(0, NULL, NULL, NULL);
    event_hub_close(hub);
    assert_false(held->is_asleep); /* libmicrohttpd stops only when none is */
    assert_true(read_on(held, 100));
    assert_null(join(1, NULL, NULL, NULL)->client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_event_is_heard_by_who_wants_it),
        TEST(test_keys_of_one_message_are_events_each),
        TEST(test_many_keys_are_any_key),
        TEST(test_a_full_queue_is_emptied_and_said_to_be),
        TEST(test_what_is_on_its_way_is_completed),
        TEST(test_a_queue_that_is_read_slowly_is_bounded),
        TEST(test_who_comes_back_gets_what_came_meanwhile),
        TEST(test_an_id_that_is_not_known_is_said_to_be),
        TEST(test_so_many_events_are_kept),
        TEST(test_a_stream_begins_when_somebody_listens),
        TEST(test_a_stream_begins_though_nobody_can_listen),
        TEST(test_a_gap_is_told_to_everybody),
        TEST(test_nobody_listens_for_nobody),
        TEST(test_a_silent_stream_is_heard_of),
        TEST(test_a_closed_connection_is_given_up),
        TEST(test_there_is_room_for_so_many),
        TEST(test_all_streams_end),
    };
    return cmocka_run_group_tests_name("event_hub", tests, NULL, NULL);
}
