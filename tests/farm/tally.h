/* How often each text was counted, told apart by a 64-bit hash. All zero is empty. */
#ifndef PAWL_FARM_TALLY_H
#define PAWL_FARM_TALLY_H

#include <stdint.h>

#include "base/text.h"

struct tally {
    struct tally_slot *slots;
    size_t count, capacity;
};

void tally_finish(struct tally *tally);
/* Hash of a text that goes on where another ended; begin with 0. */
uint64_t tally_hash(uint64_t hash, struct slice bytes);
/* Counts one more and says how many there were before. */
uint32_t tally_add(struct tally *tally, uint64_t hash);

#endif
