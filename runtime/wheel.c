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
}

static void place(struct wheel *wheel, struct timer *timer)
{
    uint64_t due = timer->due_ms < wheel->tick ? wheel->tick : timer->due_ms;
    uint64_t away = due ^ wheel->tick;
    if (away >= SPAN_MAX) { /* looked at again when the far end is reached */
        due = wheel->tick | (SPAN_MAX - 1);
        away = due ^ wheel->tick;
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

void wheel_remove(struct wheel *wheel, struct timer *timer)
{
    if (!timer_armed(timer))
        return;
    list_remove(&timer->link);
    timer->link.next = NULL;
    CHECK(wheel->count > 0);
    wheel->count--;
}

/* The first non-empty slot at or after `from`, or WHEEL_SLOTS. Clears the bits of slots that were
 * emptied by removals when wheel is given for change. */
static unsigned next_slot(const struct wheel *wheel, unsigned level, unsigned from)
{
    for (unsigned word = from / 64; word < WHEEL_SLOTS / 64; word++) {
        uint64_t bits = wheel->bitmap[level][word];
        if (word == from / 64)
            bits &= ~(uint64_t)0 << (from % 64);
        for (; bits != 0; bits &= bits - 1) {
            unsigned slot = word * 64 + (unsigned)__builtin_ctzll(bits);
            if (!list_empty(&wheel->slots[level][slot]))
                return slot;
        }
    }
    return WHEEL_SLOTS;
}

static void empty_slot(struct wheel *wheel, unsigned level, unsigned slot)
{
    wheel->bitmap[level][slot / 64] &= ~((uint64_t)1 << (slot % 64));
}

/* The tick has entered a new block of 256: spreads the slots that begin here over lower levels. */
static void cascade(struct wheel *wheel)
{
    for (unsigned level = 1; level < WHEEL_LEVELS; level++) {
        unsigned slot = digit(wheel->tick, level);
        struct link moved;
        list_init(&moved);
        struct link *l;
        while ((l = list_pop_front(&wheel->slots[level][slot])) != NULL)
            list_push_back(&moved, l);
        empty_slot(wheel, level, slot);
        while ((l = list_pop_front(&moved)) != NULL)
            place(wheel, LIST_ENTRY(l, struct timer, link));
        if (slot != 0)
            return;
    }
}

struct timer *wheel_expired(struct wheel *wheel, uint64_t now_ms)
{
    if (wheel->count == 0) {
        if (wheel->tick <= now_ms)
            wheel->tick = now_ms + 1;
        return NULL;
    }
    while (wheel->tick <= now_ms) {
        uint64_t block = wheel->tick & ~(uint64_t)SLOT_MASK;
        unsigned slot = next_slot(wheel, 0, digit(wheel->tick, 0));
        if (slot < WHEEL_SLOTS && (block | slot) <= now_ms) {
            wheel->tick = block | slot;
            struct timer *timer =
                LIST_ENTRY(list_pop_front(&wheel->slots[0][slot]), struct timer, link);
            timer->link.next = NULL;
            DCHECK(timer->due_ms <= now_ms);
            wheel->count--;
            return timer;
        }
        uint64_t after = block + WHEEL_SLOTS;
        if (now_ms + 1 < after) {
            wheel->tick = now_ms + 1;
            return NULL;
        }
        memset(wheel->bitmap[0], 0, sizeof wheel->bitmap[0]); /* the whole block has fired */
        wheel->tick = after;
        cascade(wheel);
    }
    return NULL;
}

uint64_t wheel_next_ms(const struct wheel *wheel)
{
    if (wheel->count == 0)
        return UINT64_MAX;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        unsigned shift = level * LEVEL_BITS;
        unsigned slot = next_slot(wheel, level, digit(wheel->tick, level));
        if (slot < WHEEL_SLOTS) {
            uint64_t block = wheel->tick >> (shift + LEVEL_BITS) << (shift + LEVEL_BITS);
            uint64_t start = block | (uint64_t)slot << shift;
            return start > wheel->tick ? start : wheel->tick;
        }
    }
    UNREACHABLE("timers are counted but in no slot");
}
