/*
 * Intrusive hash table: an object carries its own link, as with list.h, so joining allocates only
 * when the table grows, which it does by itself. The caller makes the hash, whose low bits must be
 * good, and knows what tells two objects of one hash apart.
 */
#ifndef PAWL_BASE_HASH_TABLE_H
#define PAWL_BASE_HASH_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct hash_table_link {
    struct hash_table_link *next; /* in its bucket */
    uint64_t hash;
};

/* Embedded by value; all zero is an empty table. */
struct hash_table {
    struct hash_table_link **buckets;
    size_t capacity, count; /* capacity: a power of two, or 0 */
};

/* The object of type `type` whose member `member` is the link. */
#define hash_table_object(link, type, member)                                                      \
    ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* FNV-1a (Fowler, Noll, Vo): for short strings. */
uint64_t hash_table_hash_string(const char *string);
/* The objects are the caller's; their links are of no use any more. */
void hash_table_finish(struct hash_table *table);
/* link must be in no table. */
void hash_table_add(struct hash_table *table, struct hash_table_link *link, uint64_t hash);
/* link must be in this one. */
void hash_table_remove(struct hash_table *table, struct hash_table_link *link);
/* The first with that hash, and the next with the hash of this one; NULL: there is none. */
struct hash_table_link *hash_table_find(const struct hash_table *table, uint64_t hash);
struct hash_table_link *hash_table_find_next(const struct hash_table_link *link);
/* Each of the table once, in no order, as long as it does not change: the one behind link, or the
 * first for NULL; NULL behind the last. */
struct hash_table_link *hash_table_walk(const struct hash_table *table,
                                        const struct hash_table_link *link);

#endif
