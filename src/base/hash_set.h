/*
 * A bounded set of 64-bit hashes: open addressing, linear probing. Once full it keeps what it has
 * and remembers nothing new, so a user of it must treat "absent" as "perhaps present".
 */
#ifndef PAWL_BASE_HASH_SET_H
#define PAWL_BASE_HASH_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_set {
    uint64_t *slots; /* 0 marks an empty slot; the hash 0 is stored as 1 */
    size_t capacity, count, limit;
};

/* limit: hashes at most; memory grows with use, at most 16 bytes a hash at the limit's power of 2.
 */
void hash_set_init(struct hash_set *set, size_t limit);
void hash_set_finish(struct hash_set *set);
bool hash_set_contains(const struct hash_set *set, uint64_t hash);
/* True when the hash was not there before (also when the set is full and cannot remember it). */
bool hash_set_add(struct hash_set *set, uint64_t hash);

#endif
