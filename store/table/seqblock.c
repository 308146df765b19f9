/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/seqblock.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/format/little.h"

enum {
    WORDS = SEQBLOCK_SIZE / 64,
    BITS_SIZE = SEQBLOCK_SIZE / 8,
    LIST_CAPACITY_MIN = 8,
};

static uint64_t bits_below(uint32_t n)
{
    return ((uint64_t)1 << (n & 63)) - 1;
}

static uint8_t form_of(uint32_t count)
{
    if (count <= SEQBLOCK_LIST_MAX)
        return SEQBLOCK_FEW;
    if (count < SEQBLOCK_SIZE - SEQBLOCK_LIST_MAX)
        return SEQBLOCK_BITS;
    return count < SEQBLOCK_SIZE ? SEQBLOCK_MANY : SEQBLOCK_ALL;
}

/* --- the list of positions ------------------------------------------------------------------- */

static uint32_t list_size(const struct seqblock *b)
{
    return b->form == SEQBLOCK_FEW ? b->count : SEQBLOCK_SIZE - b->count;
}

/* In positions; 0: they lie in the node. */
static uint32_t list_capacity(uint32_t size)
{
    if (size <= SEQBLOCK_NEAR)
        return 0;
    uint32_t capacity = LIST_CAPACITY_MIN;
    while (capacity < size)
        capacity *= 2;
    return capacity;
}

static bool is_list(const struct seqblock *b)
{
    return b->form == SEQBLOCK_FEW || b->form == SEQBLOCK_MANY;
}

static uint16_t *list_of(struct seqblock *b)
{
    return list_size(b) <= SEQBLOCK_NEAR ? b->near : b->list;
}

static const uint16_t *list_view(const struct seqblock *b)
{
    return list_size(b) <= SEQBLOCK_NEAR ? b->near : b->list;
}

/* How many positions of the list are below this one. */
static uint32_t list_rank(const uint16_t *list, uint32_t size, uint32_t position)
{
    uint32_t low = 0;
    while (size > 0) {
        uint32_t half = size / 2;
        bool above = list[low + half] < position;
        low = above ? low + half + 1 : low;
        size = above ? size - half - 1 : half;
    }
    return low;
}

/* The first position at or after this one that the list has not. */
static uint32_t list_next_absent(const uint16_t *list, uint32_t size, uint32_t position)
{
    for (uint32_t i = list_rank(list, size, position); i < size && list[i] == position; i++)
        position++;
    return position;
}

static int32_t list_prev_absent(const uint16_t *list, uint32_t size, uint32_t position)
{
    int32_t at = (int32_t)position;
    for (uint32_t i = list_rank(list, size, position + 1); i > 0 && list[i - 1] == at; i--)
        at--;
    return at;
}

/* Makes the list `items`, and the count the one that goes with it in this form. */
static void list_set(struct seqblock *b, const uint16_t *items, uint32_t size)
{
    uint32_t capacity = list_capacity(size);
    if (capacity != list_capacity(list_size(b))) {
        seqblock_done(b);
        if (capacity > 0) {
            b->list = malloc(capacity * sizeof *b->list);
            CHECK(b->list != NULL);
        }
    }
    b->count = (uint16_t)(b->form == SEQBLOCK_FEW ? size : SEQBLOCK_SIZE - size);
    if (size > 0)
        memcpy(list_of(b), items, size * sizeof *items);
}

/* --- all forms as bits, and back ------------------------------------------------------------- */

static void list_to_bits(const uint16_t *list, uint32_t size, uint64_t *bits)
{
    for (uint32_t i = 0; i < size; i++)
        bits[list[i] / 64] ^= (uint64_t)1 << (list[i] % 64);
}

static void to_bits(const struct seqblock *b, uint64_t bits[WORDS])
{
    if (b->form == SEQBLOCK_BITS) {
        memcpy(bits, b->bits, BITS_SIZE);
        return;
    }
    memset(bits, b->form == SEQBLOCK_FEW ? 0 : 0xff, BITS_SIZE);
    if (is_list(b))
        list_to_bits(list_view(b), list_size(b), bits);
}

static uint32_t bits_count(const uint64_t *bits, uint32_t below)
{
    uint32_t count = 0;
    for (uint32_t w = 0; w < below / 64; w++)
        count += (uint32_t)__builtin_popcountll(bits[w]);
    if (below % 64 > 0)
        count += (uint32_t)__builtin_popcountll(bits[below / 64] & bits_below(below));
    return count;
}

/* The positions of the bits that are set in bits ^ flip. */
static uint32_t bits_to_list(const uint64_t *bits, uint64_t flip, uint16_t *list)
{
    uint32_t size = 0;
    for (uint32_t w = 0; w < WORDS; w++) {
        for (uint64_t x = bits[w] ^ flip; x != 0; x &= x - 1) {
            CHECK(size < SEQBLOCK_LIST_MAX);
            list[size++] = (uint16_t)(w * 64 + (uint32_t)__builtin_ctzll(x));
        }
    }
    return size;
}

/* Takes the contents from bits, in the form that goes with them. */
static void from_bits(struct seqblock *b, const uint64_t bits[WORDS])
{
    uint32_t count = bits_count(bits, SEQBLOCK_SIZE);
    uint8_t form = form_of(count);
    if (form == SEQBLOCK_BITS) {
        if (b->form != SEQBLOCK_BITS) {
            seqblock_done(b);
            b->bits = malloc(BITS_SIZE);
            CHECK(b->bits != NULL);
        }
        memcpy(b->bits, bits, BITS_SIZE);
        b->form = form;
        b->count = (uint16_t)count;
        return;
    }
    seqblock_done(b);
    b->form = form;
    if (form == SEQBLOCK_ALL) {
        b->count = SEQBLOCK_SIZE;
        b->extent = 1;
        return;
    }
    uint16_t list[SEQBLOCK_LIST_MAX];
    uint32_t size = bits_to_list(bits, form == SEQBLOCK_MANY ? UINT64_MAX : 0, list);
    b->count = (uint16_t)(form == SEQBLOCK_FEW ? 0 : SEQBLOCK_SIZE);
    list_set(b, list, size);
}

/* --- life ------------------------------------------------------------------------------------ */

void seqblock_init(struct seqblock *b, uint64_t number)
{
    *b = (struct seqblock){.number = number, .form = SEQBLOCK_FEW};
}

/* Gives the memory back; the node's form and count stay for whoever sets them next. */
void seqblock_done(struct seqblock *b)
{
    if (b->form == SEQBLOCK_BITS) {
        free(b->bits);
        b->bits = NULL;
    } else if (is_list(b) && list_size(b) > SEQBLOCK_NEAR) {
        free(b->list);
        b->list = NULL;
    }
}

size_t seqblock_memory(const struct seqblock *b)
{
    if (b->form == SEQBLOCK_BITS)
        return BITS_SIZE;
    return is_list(b) ? list_capacity(list_size(b)) * sizeof *b->list : 0;
}

/* --- questions ------------------------------------------------------------------------------- */

bool seqblock_has(const struct seqblock *b, uint32_t position)
{
    DCHECK(position < SEQBLOCK_SIZE);
    if (b->form == SEQBLOCK_BITS)
        return (b->bits[position / 64] >> (position % 64)) & 1;
    if (b->form == SEQBLOCK_ALL)
        return true;
    uint32_t size = list_size(b);
    const uint16_t *list = list_view(b);
    uint32_t rank = list_rank(list, size, position);
    bool listed = rank < size && list[rank] == position;
    return listed == (b->form == SEQBLOCK_FEW);
}

uint32_t seqblock_rank(const struct seqblock *b, uint32_t position)
{
    DCHECK(position <= SEQBLOCK_SIZE);
    if (b->form == SEQBLOCK_BITS)
        return bits_count(b->bits, position);
    if (b->form == SEQBLOCK_ALL)
        return position;
    uint32_t rank = list_rank(list_view(b), list_size(b), position);
    return b->form == SEQBLOCK_FEW ? rank : position - rank;
}

/* The first bit at or after position that is set in bits ^ flip. */
static uint32_t bits_next(const uint64_t *bits, uint64_t flip, uint32_t position)
{
    if (position >= SEQBLOCK_SIZE)
        return SEQBLOCK_SIZE;
    uint32_t w = position / 64;
    uint64_t x = (bits[w] ^ flip) & ~bits_below(position);
    while (x == 0) {
        if (++w == WORDS)
            return SEQBLOCK_SIZE;
        x = bits[w] ^ flip;
    }
    return w * 64 + (uint32_t)__builtin_ctzll(x);
}

static int32_t bits_prev_clear(const uint64_t *bits, uint32_t position)
{
    int32_t w = (int32_t)(position / 64);
    uint64_t upto = position % 64 == 63 ? UINT64_MAX : bits_below(position + 1);
    uint64_t x = ~bits[w] & upto;
    while (x == 0) {
        if (--w < 0)
            return -1;
        x = ~bits[w];
    }
    return w * 64 + 63 - __builtin_clzll(x);
}

/* The first that the list names (or does not name). */
static uint32_t list_next(const struct seqblock *b, bool named, uint32_t position)
{
    const uint16_t *list = list_view(b);
    uint32_t size = list_size(b);
    if (!named)
        return list_next_absent(list, size, position);
    uint32_t rank = list_rank(list, size, position);
    return rank < size ? list[rank] : SEQBLOCK_SIZE;
}

uint32_t seqblock_next_in(const struct seqblock *b, uint32_t position)
{
    if (b->form == SEQBLOCK_ALL)
        return position;
    if (b->form == SEQBLOCK_BITS)
        return bits_next(b->bits, 0, position);
    return list_next(b, b->form == SEQBLOCK_FEW, position);
}

uint32_t seqblock_next_out(const struct seqblock *b, uint32_t position)
{
    if (b->form == SEQBLOCK_ALL)
        return SEQBLOCK_SIZE;
    if (b->form == SEQBLOCK_BITS)
        return bits_next(b->bits, UINT64_MAX, position);
    return list_next(b, b->form == SEQBLOCK_MANY, position);
}

int32_t seqblock_prev_out(const struct seqblock *b, uint32_t position)
{
    DCHECK(position < SEQBLOCK_SIZE);
    if (b->form == SEQBLOCK_ALL)
        return -1;
    if (b->form == SEQBLOCK_BITS)
        return bits_prev_clear(b->bits, position);
    const uint16_t *list = list_view(b);
    uint32_t size = list_size(b);
    if (b->form == SEQBLOCK_FEW)
        return list_prev_absent(list, size, position);
    uint32_t rank = list_rank(list, size, position + 1);
    return rank > 0 ? list[rank - 1] : -1;
}

/* --- changes --------------------------------------------------------------------------------- */

static void few_add(struct seqblock *b, uint32_t position)
{
    uint16_t items[SEQBLOCK_LIST_MAX];
    uint32_t size = list_size(b);
    const uint16_t *list = list_view(b);
    uint32_t rank = list_rank(list, size, position);
    memcpy(items, list, rank * sizeof *items);
    items[rank] = (uint16_t)position;
    memcpy(items + rank + 1, list + rank, (size - rank) * sizeof *items);
    list_set(b, items, size + 1);
}

static void many_add(struct seqblock *b, uint32_t position)
{
    uint16_t items[SEQBLOCK_LIST_MAX];
    uint32_t size = list_size(b);
    const uint16_t *list = list_view(b);
    uint32_t rank = list_rank(list, size, position);
    memcpy(items, list, rank * sizeof *items);
    memcpy(items + rank, list + rank + 1, (size - rank - 1) * sizeof *items);
    list_set(b, items, size - 1);
}

uint32_t seqblock_add(struct seqblock *b, uint32_t position)
{
    if (seqblock_has(b, position))
        return 0;
    if (form_of(b->count + 1u) != b->form)
        return seqblock_add_range(b, position, position + 1);
    if (b->form == SEQBLOCK_BITS) {
        b->bits[position / 64] |= (uint64_t)1 << (position % 64);
        b->count++;
    } else if (b->form == SEQBLOCK_FEW) {
        few_add(b, position);
    } else {
        many_add(b, position);
    }
    return 1;
}

uint32_t seqblock_add_range(struct seqblock *b, uint32_t from, uint32_t end)
{
    DCHECK(from < end && end <= SEQBLOCK_SIZE);
    if (b->form == SEQBLOCK_ALL)
        return 0;
    uint64_t bits[WORDS];
    uint32_t before = b->count;
    to_bits(b, bits);
    for (uint32_t w = from / 64; w <= (end - 1) / 64; w++) {
        uint64_t mask = UINT64_MAX;
        if (w == from / 64)
            mask &= ~bits_below(from);
        if (w == end / 64)
            mask &= bits_below(end);
        bits[w] |= mask;
    }
    from_bits(b, bits);
    return b->count - before;
}

uint32_t seqblock_remove_below(struct seqblock *b, uint32_t position)
{
    DCHECK(position < SEQBLOCK_SIZE && (b->form != SEQBLOCK_ALL || b->extent == 1));
    uint32_t removed = seqblock_rank(b, position);
    if (removed == 0)
        return 0;
    uint64_t bits[WORDS];
    to_bits(b, bits);
    memset(bits, 0, position / 64 * sizeof *bits);
    bits[position / 64] &= ~bits_below(position);
    from_bits(b, bits);
    return removed;
}

/* --- stored ---------------------------------------------------------------------------------- */

void seqblock_write(const struct seqblock *b, struct buffer *out)
{
    CHECK(b->count > 0);
    buffer_u8(out, b->form);
    if (b->form == SEQBLOCK_ALL) {
        buffer_varint(out, b->extent);
    } else if (b->form == SEQBLOCK_BITS) {
        for (uint32_t w = 0; w < WORDS; w++)
            buffer_u64(out, b->bits[w]);
    } else {
        const uint16_t *list = list_view(b);
        uint32_t next = 0;
        for (uint32_t i = 0; i < list_size(b); i++) {
            buffer_varint(out, list[i] - next);
            next = list[i] + 1u;
        }
    }
}

static int read_list(struct seqblock *b, uint8_t form, struct cursor *c)
{
    uint16_t items[SEQBLOCK_LIST_MAX];
    uint32_t size = 0;
    uint32_t next = 0;
    while (!c->bad && cursor_left(c) > 0) {
        uint64_t position = next + cursor_varint_max(c, SEQBLOCK_SIZE);
        if (size == SEQBLOCK_LIST_MAX || position >= SEQBLOCK_SIZE)
            return -EBADMSG;
        items[size++] = (uint16_t)position;
        next = (uint32_t)position + 1;
    }
    if (c->bad || size == 0)
        return -EBADMSG;
    b->form = form;
    b->count = (uint16_t)(form == SEQBLOCK_FEW ? 0 : SEQBLOCK_SIZE);
    list_set(b, items, size);
    return 0;
}

static int read_bits(struct seqblock *b, struct cursor *c)
{
    uint64_t bits[WORDS];
    for (uint32_t w = 0; w < WORDS; w++)
        bits[w] = cursor_u64(c);
    if (!cursor_is_at_end(c) || form_of(bits_count(bits, SEQBLOCK_SIZE)) != SEQBLOCK_BITS)
        return -EBADMSG;
    from_bits(b, bits);
    return 0;
}

static int read_extent(struct seqblock *b, struct cursor *c)
{
    uint64_t extent = cursor_varint_max(c, SEQBLOCK_NUMBER_END - b->number);
    if (!cursor_is_at_end(c) || extent == 0)
        return -EBADMSG;
    b->form = SEQBLOCK_ALL;
    b->count = SEQBLOCK_SIZE;
    b->extent = extent;
    return 0;
}

int seqblock_read(struct seqblock *b, struct bytes value)
{
    CHECK(b->count == 0 && b->number < SEQBLOCK_NUMBER_END);
    struct cursor c = cursor_of(value);
    uint8_t form = cursor_u8(&c);
    if (form == SEQBLOCK_FEW || form == SEQBLOCK_MANY)
        return read_list(b, form, &c);
    if (form == SEQBLOCK_BITS)
        return read_bits(b, &c);
    return form == SEQBLOCK_ALL ? read_extent(b, &c) : -EBADMSG;
}

void seqblock_check(const struct seqblock *b)
{
    CHECK(b->count > 0 && b->form == form_of(b->count)); /* 1 */
    CHECK(b->number < SEQBLOCK_NUMBER_END && seqblock_end(b) <= SEQBLOCK_NUMBER_END);
    if (b->form == SEQBLOCK_ALL)
        CHECK(b->extent > 0);
    if (b->form == SEQBLOCK_BITS)
        CHECK(bits_count(b->bits, SEQBLOCK_SIZE) == b->count);
    if (is_list(b)) {
        const uint16_t *list = list_view(b);
        for (uint32_t i = 0; i < list_size(b); i++) /* 2 */
            CHECK(list[i] < SEQBLOCK_SIZE && (i == 0 || list[i - 1] < list[i]));
    }
}
