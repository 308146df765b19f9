/* SPDX-License-Identifier: Apache-2.0 */
/* late_reclaimer.h -- a reclaimer for one thread: keeps what it is given and lets the test say when,
 * and in an order that a seed decides, the grace periods end. */
#ifndef TESTS_UNIT_INTEREST_LATE_RECLAIMER_H
#define TESTS_UNIT_INTEREST_LATE_RECLAIMER_H

#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/prng.h"
#include "runtime/base/reclaim.h"

struct late_reclaimer {
    struct reclaimer reclaimer;
    struct prng prng;
    struct reclaim_entry **waiting;
    size_t count;
    size_t capacity;
};

static void late_defer(void *context, struct reclaim_entry *entry)
{
    struct late_reclaimer *late = context;
    if (late->count == late->capacity) {
        late->capacity = late->capacity == 0 ? 16 : late->capacity * 2;
        late->waiting = realloc(late->waiting, late->capacity * sizeof(late->waiting[0]));
        CHECK(late->waiting != NULL);
    }
    late->waiting[late->count++] = entry;
}

static void late_init(struct late_reclaimer *late, uint64_t seed)
{
    *late = (struct late_reclaimer){.reclaimer = {late_defer, NULL}};
    late->reclaimer.context = late;
    prng_init(&late->prng, seed);
}

/* Ends the grace period of one entry, any of those that wait. */
static void late_run_one(struct late_reclaimer *late)
{
    size_t i = prng_below(&late->prng, late->count);
    struct reclaim_entry *entry = late->waiting[i];
    late->waiting[i] = late->waiting[--late->count];
    entry->done(entry);
}

static void late_run_all(struct late_reclaimer *late)
{
    while (late->count > 0)
        late_run_one(late);
}

static void late_done(struct late_reclaimer *late)
{
    late_run_all(late);
    free(late->waiting);
}

#endif
