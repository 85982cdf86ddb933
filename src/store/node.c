#include "store/node.h"

#include <stdio.h>

void store_register_node(struct pg_connection *connection, const char *name, const char *version,
                         int slots, const char *executors, pg_done_fn *on_done, void *context)
{
    char count[16];
    snprintf(count, sizeof count, "%d", slots);
    const char *const values[] = {name, version, count, executors};
    pg_connection_query(connection,
                        "select pawl.register_node($1, $2, $3, $4), i.id, i.callback_key"
                        " from pawl.read_installation() i",
                        4, values, on_done, context);
}

void store_register_node_read(const struct pg_result *result, struct installation *installation)
{
    const char *digits = pg_result_text(result, 0, 2);
    snprintf(installation->id, sizeof installation->id, "%s", pg_result_text(result, 0, 1));
    for (size_t i = 0; i < sizeof installation->callback_key; i++)
        if (sscanf(digits + 2 * i, "%2hhx", &installation->callback_key[i]) != 1)
            return;
}

void store_heartbeat(struct pg_connection *connection, int node_id, const struct node_beat *beat,
                     pg_done_fn *on_done, void *context)
{
    char numbers[6][24];
    snprintf(numbers[0], sizeof numbers[0], "%d", node_id);
    snprintf(numbers[1], sizeof numbers[1], "%d", beat->running);
    snprintf(numbers[2], sizeof numbers[2], "%lld", (long long)beat->started);
    snprintf(numbers[3], sizeof numbers[3], "%lld", (long long)beat->stale);
    snprintf(numbers[4], sizeof numbers[4], "%lld", (long long)beat->swept);
    snprintf(numbers[5], sizeof numbers[5], "%lld", (long long)beat->elapsed_ms);
    const char *const values[] = {numbers[0], numbers[1], numbers[2],
                                  numbers[3], numbers[4], beat->elapsed_ms > 0 ? numbers[5] : NULL};
    pg_connection_query(connection, "select pawl.heartbeat($1, $2, $3, $4, $5, $6)", 6, values,
                        on_done, context);
}

void store_set_asleep(struct pg_connection *connection, int node_id, bool is_asleep,
                      pg_done_fn *on_done, void *context)
{
    char node[16];
    snprintf(node, sizeof node, "%d", node_id);
    const char *const values[] = {node, is_asleep ? "true" : "false"};
    pg_connection_query(connection, "select pawl.set_asleep($1, $2)", 2, values, on_done, context);
}

void store_draw_transaction(struct pg_connection *connection, pg_done_fn *on_done, void *context)
{
    pg_connection_query(connection, "select pawl.draw_transaction()", 0, NULL, on_done, context);
}

void store_oldest_transaction(struct pg_connection *connection, pg_done_fn *on_done, void *context)
{
    pg_connection_query(connection, "select pawl.oldest_transaction()", 0, NULL, on_done, context);
}

void store_rescue(struct pg_connection *connection, pg_done_fn *on_done, void *context)
{
    pg_connection_query(connection, "select rescued, is_unfinished from pawl.rescue_nodes()", 0,
                        NULL, on_done, context);
}

void store_deregister_node(struct pg_connection *connection, int node_id, bool is_clean,
                           pg_done_fn *on_done, void *context)
{
    char node[16];
    snprintf(node, sizeof node, "%d", node_id);
    const char *const values[] = {node, is_clean ? "true" : "false"};
    pg_connection_query(connection, "select pawl.deregister_node($1, $2)", 2, values, on_done,
                        context);
}

void store_listen(struct pg_connection *connection, pg_done_fn *on_done, void *context)
{
    pg_connection_query(connection, "listen pawl", 0, NULL, on_done, context);
}
