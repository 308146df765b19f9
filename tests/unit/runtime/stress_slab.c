/* SPDX-License-Identifier: Apache-2.0 */
/* stress_slab.c -- slabs on real threads: blocks are given away, read, freed elsewhere, come home.
 *
 * usage: stress_slab [--workers N] [--rounds N]
 *
 * The source is included, so that the thread sanitizer sees the slabs and not malloc.
 */
#include <pthread.h>
#include <stdio.h>

#undef MYELIN_SANITIZED
#define MYELIN_SANITIZED 0
#include "runtime/slab.c"

#include "runtime/base/prng.h"

#define WORKERS_MAX 16
#define GIFTS_A_ROUND 8

/* What lies in a block while it travels. */
struct gift {
    struct gift *next;
    size_t size;
    uint64_t seed; /* of the bytes behind this */
};

struct hand {
    _Alignas(64) struct heap heap;
    _Alignas(64) _Atomic(struct gift *) inbox;
    pthread_t thread;
    unsigned index;
    uint64_t given;
    uint64_t taken;
};

static struct {
    struct hand hands[WORKERS_MAX];
    struct heap *table[WORKERS_MAX];
    unsigned workers;
    unsigned rounds;
    pthread_barrier_t barrier;
} the;

static void give(struct hand *self, struct prng *p)
{
    size_t size = sizeof(struct gift) + (size_t)prng_below(p, (uint64_t)1 << prng_below(p, 15));
    struct gift *gift = heap_alloc(&self->heap, size);
    gift->size = size;
    gift->seed = prng_next(p);
    memset(gift + 1, (int)(gift->seed & 0xff), size - sizeof *gift);
    struct hand *to = &the.hands[prng_below(p, the.workers)];
    struct gift *old = ATOMIC_LOAD(&to->inbox, memory_order_relaxed);
    do {
        gift->next = old;
    } while (!ATOMIC_CAS(&to->inbox, &old, gift, memory_order_release));
    self->given++;
}

static void take_all(struct hand *self)
{
    struct gift *gift = ATOMIC_EXCHANGE(&self->inbox, NULL, memory_order_acquire);
    while (gift != NULL) {
        struct gift *next = gift->next;
        const unsigned char *bytes = (const unsigned char *)(gift + 1);
        for (size_t i = 0; i < gift->size - sizeof *gift; i++)
            CHECK(bytes[i] == (gift->seed & 0xff));
        heap_free(&self->heap, gift);
        self->taken++;
        gift = next;
    }
}

static void *run(void *context)
{
    struct hand *self = context;
    struct prng p;
    prng_init(&p, self->index + 1);
    for (unsigned round = 0; round < the.rounds; round++) {
        for (unsigned i = 0; i < GIFTS_A_ROUND; i++)
            give(self, &p);
        take_all(self);
        heap_send_home(&self->heap);
    }
    (void)pthread_barrier_wait(&the.barrier); /* all is given */
    take_all(self);
    heap_send_home(&self->heap);
    (void)pthread_barrier_wait(&the.barrier); /* all is on its way */
    heap_send_home(&self->heap);
    CHECK(self->heap.used_blocks == 0);
    return NULL;
}

static unsigned argument(int argc, char **argv, const char *name, unsigned otherwise)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0)
            return (unsigned)strtoul(argv[i + 1], NULL, 10);
    return otherwise;
}

int main(int argc, char **argv)
{
    the.workers = argument(argc, argv, "--workers", 3);
    the.rounds = argument(argc, argv, "--rounds", 3000);
    CHECK(the.workers >= 1 && the.workers <= WORKERS_MAX);
    CHECK(pthread_barrier_init(&the.barrier, NULL, the.workers) == 0);
    for (unsigned i = 0; i < the.workers; i++) {
        the.hands[i].index = i;
        the.table[i] = &the.hands[i].heap;
        heap_init(&the.hands[i].heap, (uint16_t)i, the.table, (uint16_t)the.workers);
    }
    for (unsigned i = 0; i < the.workers; i++)
        CHECK(pthread_create(&the.hands[i].thread, NULL, run, &the.hands[i]) == 0);
    uint64_t given = 0;
    uint64_t taken = 0;
    for (unsigned i = 0; i < the.workers; i++) {
        CHECK(pthread_join(the.hands[i].thread, NULL) == 0);
        given += the.hands[i].given;
        taken += the.hands[i].taken;
    }
    for (unsigned i = 0; i < the.workers; i++)
        heap_done(&the.hands[i].heap);
    printf("%u workers: %llu blocks given, %llu taken\n", the.workers, (unsigned long long)given,
           (unsigned long long)taken);
    CHECK(given == taken && given == (uint64_t)the.workers * the.rounds * GIFTS_A_ROUND);
    return 0;
}
