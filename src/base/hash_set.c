#include "base/hash_set.h"

#include <stdlib.h>

#include "base/memory.h"

void hash_set_init(struct hash_set *set, size_t limit)
{
    *set = (struct hash_set){.limit = limit};
}

void hash_set_finish(struct hash_set *set)
{
    free(set->slots);
    *set = (struct hash_set){0};
}

/* The slot that holds the hash, or the empty one where it would go. */
static size_t find(const struct hash_set *set, uint64_t hash)
{
    size_t at = (size_t)(hash * 0x9E3779B97F4A7C15u) & (set->capacity - 1);
    while (set->slots[at] && set->slots[at] != hash)
        at = (at + 1) & (set->capacity - 1);
    return at;
}

static void grow(struct hash_set *set)
{
    struct hash_set larger = {.capacity = set->capacity ? set->capacity * 2 : 256,
                              .count = set->count,
                              .limit = set->limit};
    larger.slots = memory_zeroed(larger.capacity, sizeof *larger.slots);
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slots[i])
            larger.slots[find(&larger, set->slots[i])] = set->slots[i];
    free(set->slots);
    *set = larger;
}

bool hash_set_contains(const struct hash_set *set, uint64_t hash)
{
    hash = hash ? hash : 1;
    return set->capacity && set->slots[find(set, hash)];
}

bool hash_set_add(struct hash_set *set, uint64_t hash)
{
    hash = hash ? hash : 1;
    if (hash_set_contains(set, hash))
        return false;
    if (set->count >= set->limit)
        return true;
    if ((set->count + 1) * 4 > set->capacity * 3)
        grow(set);
    set->slots[find(set, hash)] = hash;
    set->count++;
    return true;
}
