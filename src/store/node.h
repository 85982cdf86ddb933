/* A node's life in the database: pawl.register_node, read_installation,
 * heartbeat, set_asleep, draw_transaction,
 * oldest_transaction, rescue_nodes, deregister_node. Each adds its statement to the connection's
 * group. */
#ifndef PAWL_STORE_NODE_H
#define PAWL_STORE_NODE_H

#include "executors/executor.h"
#include "pg/connection.h"

/* What a node tells of itself; the counters are what was added since the last heartbeat. */
struct node_beat {
    int running;
    int64_t started, stale, swept;
    int64_t elapsed_ms; /* since the last one, by our clock; 0: there was none */
};

/* executors: an array literal of what it can run. Result: the node's id, and for
 * store_register_node_read() who we are. */
void store_register_node(struct pg_connection *connection, const char *name, const char *version,
                         int slots, const char *executors, pg_done_fn *on_done, void *context);
void store_register_node_read(const struct pg_result *result, struct installation *installation);
/* Result: one boolean, is the node known. */
void store_heartbeat(struct pg_connection *connection, int node_id, const struct node_beat *beat,
                     pg_done_fn *on_done, void *context);
/* Result: one boolean, is the node known. */
void store_set_asleep(struct pg_connection *connection, int node_id, bool is_asleep,
                      pg_done_fn *on_done, void *context);
/* Result: a transaction id; everything that runs now has a smaller one. A group of its own. */
void store_draw_transaction(struct pg_connection *connection, pg_done_fn *on_done, void *context);
/* Result: everything with a smaller transaction id has ended. */
void store_oldest_transaction(struct pg_connection *connection, pg_done_fn *on_done, void *context);
/* Result: rescued, is_unfinished. */
void store_rescue(struct pg_connection *connection, pg_done_fn *on_done, void *context);
void store_deregister_node(struct pg_connection *connection, int node_id, bool is_clean,
                           pg_done_fn *on_done, void *context);
void store_listen(struct pg_connection *connection, pg_done_fn *on_done, void *context);

#endif
