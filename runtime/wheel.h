/* SPDX-License-Identifier: Apache-2.0 */
/* wheel.h -- timers of one worker: a hierarchical wheel of 4 levels of 256 slots, 1 ms ticks.
 *
 * Idea        A timer due within 256 ms sits in level 0 at its due tick, one due within 65 s in level 1
 *             at its due second, and so on; when level 0 wraps, the next slot of level 1 is spread
 *             over it. A bitmap a level finds the next due slot without walking empty ones. What lies
 *             past the end of the current 49 days waits in `far`, which is spread when they are over.
 * Invariants  1 arm and cancel are O(1); a timer is moved at most 3 times before it fires, and once
 *               more for every 49 days
 *             2 timers fire in order of due tick; within a tick in order of arming
 *             3 none fires early
 */
#ifndef RUNTIME_WHEEL_H
#define RUNTIME_WHEEL_H

#include <stdint.h>

#include "runtime/actor.h"
#include "runtime/base/list.h"

#define WHEEL_LEVELS 4
#define WHEEL_SLOTS 256

struct wheel {
    uint64_t tick; /* the next one to fire; all before it have */
    uint64_t count;
    uint64_t bitmap[WHEEL_LEVELS][WHEEL_SLOTS / 64]; /* a bit is set: the slot is not empty */
    struct link slots[WHEEL_LEVELS][WHEEL_SLOTS];
    struct link far; /* due in a later span of 2^32 ticks than `tick` */
};

void wheel_init(struct wheel *wheel, uint64_t now_ms);

/* The timer must not be armed. A due time that has passed fires at the next tick. */
void wheel_add(struct wheel *wheel, struct timer *timer, uint64_t due_ms);

/* Nothing if it is not armed. */
void wheel_remove(struct wheel *wheel, struct timer *timer);

/* The next timer due at or before now_ms, taken out, or NULL when there is none left. */
struct timer *wheel_expired(struct wheel *wheel, uint64_t now_ms);

/* When to look again, at the latest: exact within level 0, else the start of a slot. UINT64_MAX: no
 * timer is armed. */
uint64_t wheel_next_ms(const struct wheel *wheel);

#endif
