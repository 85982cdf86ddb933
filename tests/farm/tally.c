#include "tally.h"

#include <stdlib.h>

#include "base/memory.h"

struct tally_slot {
    uint64_t hash;
    uint32_t count; /* 0: the slot is empty */
};

void tally_finish(struct tally *tally)
{
    free(tally->slots);
    *tally = (struct tally){0};
}

/* FNV-1a, which goes on from its own result; 0 stands for where it begins. */
uint64_t tally_hash(uint64_t hash, struct slice bytes)
{
    hash = hash ? hash : 0xCBF29CE484222325u;
    for (size_t i = 0; i < bytes.length; i++)
        hash = (hash ^ (unsigned char)bytes.start[i]) * 0x100000001B3u;
    return hash;
}

static struct tally_slot *find(const struct tally *tally, uint64_t hash)
{
    size_t at = (hash ^ hash >> 32) & (tally->capacity - 1);
    while (tally->slots[at].count && tally->slots[at].hash != hash)
        at = (at + 1) & (tally->capacity - 1);
    return &tally->slots[at];
}

static void grow(struct tally *tally)
{
    struct tally old = *tally;
    tally->capacity = old.capacity ? old.capacity * 2 : 64;
    tally->slots = memory_zeroed(tally->capacity, sizeof *tally->slots);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].count)
            *find(tally, old.slots[i].hash) = old.slots[i];
    free(old.slots);
}

uint32_t tally_add(struct tally *tally, uint64_t hash)
{
    if (tally->count * 2 >= tally->capacity)
        grow(tally);
    struct tally_slot *slot = find(tally, hash);
    if (!slot->count) {
        slot->hash = hash;
        tally->count++;
    }
    return slot->count++;
}
