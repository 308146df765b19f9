/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/wheel.h"

#include <string.h>

#include "runtime/base/check.h"

#define LEVEL_BITS 8
#define SLOT_MASK (WHEEL_SLOTS - 1)
#define SPAN_MAX ((uint64_t)1 << (LEVEL_BITS * WHEEL_LEVELS))

static unsigned digit(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> (level * LEVEL_BITS)) & SLOT_MASK;
}

void wheel_init(struct wheel *wheel, uint64_t now_ms)
{
    memset(wheel, 0, sizeof *wheel);
    wheel->tick = now_ms + 1;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++)
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
    list_init(&wheel->far);
}

static void place(struct wheel *wheel, struct timer *timer)
{
    uint64_t due = timer->due_ms < wheel->tick ? wheel->tick : timer->due_ms;
    uint64_t away = due ^ wheel->tick;
    if (away >= SPAN_MAX) {
        list_push_back(&wheel->far, &timer->link);
        return;
    }
    /* The highest digit in which due differs from now names the level, its value the slot. */
    unsigned level = away == 0 ? 0 : (63 - (unsigned)__builtin_clzll(away)) / LEVEL_BITS;
    unsigned slot = digit(due, level);
    list_push_back(&wheel->slots[level][slot], &timer->link);
    wheel->bitmap[level][slot / 64] |= (uint64_t)1 << (slot % 64);
}

void wheel_add(struct wheel *wheel, struct timer *timer, uint64_t due_ms)
{
    CHECK(!timer_armed(timer));
    timer->due_ms = due_ms;
    place(wheel, timer);
    wheel->count++;
}

static void unlink_timer(struct wheel *wheel, struct timer *timer)
{
    struct link *head = timer->link.next; /* it is the head if the timer is alone in its list */
    bool alone = head == timer->link.prev;
    list_remove(&timer->link);
    timer->link.next = NULL;
    CHECK(wheel->count > 0);
    wheel->count--;
    if (!alone || head == &wheel->far)
        return;
    size_t index = (size_t)(head - &wheel->slots[0][0]);
    DCHECK(index < WHEEL_LEVELS * WHEEL_SLOTS);
    unsigned slot = index % WHEEL_SLOTS;
    wheel->bitmap[index / WHEEL_SLOTS][slot / 64] &= ~((uint64_t)1 << (slot % 64));
}

void wheel_remove(struct wheel *wheel, struct timer *timer)
{
    if (timer_armed(timer))
        unlink_timer(wheel, timer);
}

/* The first non-empty slot at or after `from`, or WHEEL_SLOTS. */
static unsigned next_slot(const struct wheel *wheel, unsigned level, unsigned from)
{
    uint64_t mask = ~(uint64_t)0 << (from % 64);
    for (unsigned word = from / 64; word < WHEEL_SLOTS / 64; word++) {
        uint64_t bits = wheel->bitmap[level][word] & mask;
        if (bits != 0)
            return word * 64 + (unsigned)__builtin_ctzll(bits);
        mask = ~(uint64_t)0;
    }
    return WHEEL_SLOTS;
}

/* The start of the first span that a timer of `far` is due in. It walks them, which is rare: nothing
 * else is armed. */
static uint64_t far_start(const struct wheel *wheel)
{
    uint64_t first = UINT64_MAX;
    CHECK(!list_empty(&wheel->far));
    for (const struct link *l = wheel->far.next; l != &wheel->far; l = l->next) {
        uint64_t due = LIST_ENTRY(l, struct timer, link)->due_ms;
        first = due < first ? due : first;
    }
    return first & ~(SPAN_MAX - 1);
}

/* The start of the first slot that is not empty: a lower level's come before a higher level's. */
static uint64_t next_start(const struct wheel *wheel)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        unsigned shift = level * LEVEL_BITS;
        unsigned slot = next_slot(wheel, level, digit(wheel->tick, level));
        if (slot < WHEEL_SLOTS) {
            uint64_t block = wheel->tick >> (shift + LEVEL_BITS) << (shift + LEVEL_BITS);
            return block | (uint64_t)slot << shift;
        }
    }
    return far_start(wheel);
}

/* Places the timers of a list again, seen from where the tick is now. */
static void spread(struct wheel *wheel, struct link *list)
{
    struct link moved;
    list_init(&moved);
    struct link *l;
    while ((l = list_pop_front(list)) != NULL)
        list_push_back(&moved, l);
    while ((l = list_pop_front(&moved)) != NULL)
        place(wheel, LIST_ENTRY(l, struct timer, link)); /* from far, some go back to far */
}

/* Moves the tick to `to`, which is not behind next_start: all slots that are passed are empty. One
 * that starts right there is spread over the lower levels. */
static void advance(struct wheel *wheel, uint64_t to)
{
    bool enters_block = to >> LEVEL_BITS != wheel->tick >> LEVEL_BITS;
    wheel->tick = to;
    if (!enters_block || digit(to, 0) != 0)
        return;
    for (unsigned level = 1; level < WHEEL_LEVELS; level++) {
        unsigned slot = digit(to, level);
        wheel->bitmap[level][slot / 64] &= ~((uint64_t)1 << (slot % 64));
        spread(wheel, &wheel->slots[level][slot]);
        if (slot != 0)
            return;
    }
    spread(wheel, &wheel->far);
}

struct timer *wheel_expired(struct wheel *wheel, uint64_t now_ms)
{
    CHECK(now_ms < UINT64_MAX);
    while (wheel->tick <= now_ms) {
        uint64_t start = wheel->count == 0 ? UINT64_MAX : next_start(wheel);
        if (start > now_ms) {
            advance(wheel, now_ms + 1);
            return NULL;
        }
        advance(wheel, start);
        struct link *due = &wheel->slots[0][digit(start, 0)];
        if (list_empty(due))
            continue; /* a slot of a higher level, which is spread now */
        struct timer *timer = LIST_ENTRY(due->next, struct timer, link);
        unlink_timer(wheel, timer);
        DCHECK(timer->due_ms <= now_ms);
        return timer;
    }
    return NULL;
}

uint64_t wheel_next_ms(const struct wheel *wheel)
{
    return wheel->count == 0 ? UINT64_MAX : next_start(wheel);
}
