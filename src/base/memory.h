/*
 * Memory that is there or the program is not: the calls below abort when there is none, because
 * nothing sensible can be done and leases recover the work. Freed with free().
 *
 * An arena hands out memory that is given back all at once: one per object with a life of its own.
 */
#ifndef PAWL_BASE_MEMORY_H
#define PAWL_BASE_MEMORY_H

#include <stddef.h>

/* count * size zeroed bytes; overflow is a bug. */
void *memory_zeroed(size_t count, size_t size);
/* As realloc(); never NULL for size > 0. */
void *memory_resized(void *old, size_t size);
/* A copy of length bytes with a NUL behind them. */
char *memory_copy(const char *start, size_t length);
char *memory_copy_string(const char *string);

struct arena;

/* block_bytes is what is taken from the system at a time; larger pieces get a block of their own.
 */
struct arena *arena_create(size_t block_bytes);
void arena_destroy(struct arena *arena);
/* Zeroed, aligned for any type, valid until arena_reset() or arena_destroy(). */
void *arena_allocate(struct arena *arena, size_t bytes);
/* A copy with a NUL behind it, owned by the arena. */
char *arena_copy(struct arena *arena, const char *start, size_t length);
/* Gives everything back but keeps one block for the next use. */
void arena_reset(struct arena *arena);

#endif
