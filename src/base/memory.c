#include "base/memory.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

void *memory_zeroed(size_t count, size_t size)
{
    CHECK(size == 0 || count <= SIZE_MAX / size);
    void *memory = calloc(count ? count : 1, size ? size : 1);
    CHECK(memory != NULL);
    return memory;
}

void *memory_resized(void *old, size_t size)
{
    void *memory = realloc(old, size ? size : 1);
    CHECK(memory != NULL);
    return memory;
}

char *memory_copy(const char *start, size_t length)
{
    char *copy = memory_resized(NULL, length + 1);
    if (length)
        memcpy(copy, start, length);
    copy[length] = '\0';
    return copy;
}

char *memory_copy_string(const char *string)
{
    return memory_copy(string, strlen(string));
}

struct arena_block {
    struct arena_block *next;
    size_t used, capacity;
    alignas(max_align_t) unsigned char bytes[];
};

struct arena {
    struct arena_block *blocks; /* the newest first: it is the one that is being filled */
    size_t block_bytes;
};

static struct arena_block *block_create(size_t capacity, struct arena_block *next)
{
    struct arena_block *block = memory_zeroed(1, sizeof *block + capacity);
    block->capacity = capacity;
    block->next = next;
    return block;
}

struct arena *arena_create(size_t block_bytes)
{
    struct arena *arena = memory_zeroed(1, sizeof *arena);
    arena->block_bytes = block_bytes;
    arena->blocks = block_create(block_bytes, NULL);
    return arena;
}

void arena_reset(struct arena *arena)
{
    struct arena_block *block = arena->blocks->next;
    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    arena->blocks->next = NULL;
    memset(arena->blocks->bytes, 0, arena->blocks->used);
    arena->blocks->used = 0;
}

void arena_destroy(struct arena *arena)
{
    arena_reset(arena);
    free(arena->blocks);
    free(arena);
}

void *arena_allocate(struct arena *arena, size_t bytes)
{
    size_t align = alignof(max_align_t);
    bytes = (bytes + align - 1) / align * align;
    struct arena_block *block = arena->blocks;
    if (bytes > block->capacity - block->used) {
        size_t capacity = bytes > arena->block_bytes ? bytes : arena->block_bytes;
        block = arena->blocks = block_create(capacity, block);
    }
    void *memory = block->bytes + block->used;
    block->used += bytes;
    return memory;
}

char *arena_copy(struct arena *arena, const char *start, size_t length)
{
    char *copy = arena_allocate(arena, length + 1);
    if (length)
        memcpy(copy, start, length);
    return copy;
}
