/* SPDX-License-Identifier: Apache-2.0 */
#include "interest/match_build.h"

#include <stdlib.h>

#include "interest/index.h"
#include "interest/sid.h"

enum {
    SORTED_BY_COMPARING_MAX = 256,
};

void match_build_done(struct match_build *b)
{
    walk_done(&b->walk);
    free(b->other.at);
    *b = (struct match_build){0};
}

/* -- order ----------------------------------------------------------------------------------- */

static int by_number(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_text(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int r = size == 0 ? 0 : memcmp(a.at, b.at, size);
    return r != 0 ? r : by_number(a.size, b.size);
}

static int by_subscriber(const struct found *a, const struct found *b)
{
    return a->conn != b->conn ? by_number(a->conn, b->conn) : by_number(a->slot, b->slot);
}

/* Numbers first: they have not the top bit of texts. */
static int by_sid(const struct interest *in, uint32_t a, uint32_t b)
{
    if (a == b)
        return 0;
    if ((a & b & SID_OUT_OF_LINE) == 0)
        return by_number(a, b);
    return by_text(sid_text(in, a, NULL), sid_text(in, b, NULL));
}

static int compare_plain(const void *a, const void *b, void *in)
{
    const struct found *x = a;
    const struct found *y = b;
    int r = by_sid(in, x->sid, y->sid);
    return r != 0 ? r : by_subscriber(x, y);
}

static int compare_queued(const void *a, const void *b, void *in)
{
    const struct found *x = a;
    const struct found *y = b;
    if (x->name != y->name)
        return by_text(interest_queue(in, x->name), interest_queue(in, y->name));
    return by_subscriber(x, y);
}

typedef int compare_fn(const void *a, const void *b, void *context);

static void sort_by_comparing(struct found *at, size_t count, const struct interest *in,
                              compare_fn *compare)
{
    void *context = (void *)(uintptr_t)in;
    for (size_t i = 1; i < count; i++) {
        if (compare(&at[i - 1], &at[i], context) > 0) {
            qsort_r(at, count, sizeof(at[0]), compare, context);
            return;
        }
    }
}

/* The number that plain subscribers are sorted by has 16 bytes: sid, connection, slot. */
static uint8_t key_byte(const struct found *f, unsigned byte)
{
    if (byte < 4)
        return (uint8_t)(f->slot >> (8 * byte));
    if (byte < 12)
        return (uint8_t)(f->conn >> (8 * (byte - 4)));
    return (uint8_t)(f->sid >> (8 * (byte - 12)));
}

static void radix_pass(const struct found_list *from, struct found_list *to, unsigned byte)
{
    size_t start[257] = {0};
    for (size_t i = 0; i < from->count; i++)
        start[key_byte(&from->at[i], byte) + 1]++;
    for (size_t i = 1; i < 257; i++)
        start[i] += start[i - 1];
    for (size_t i = 0; i < from->count; i++)
        to->at[start[key_byte(&from->at[i], byte)]++] = from->at[i];
    to->count = from->count;
}

/* Bits of the key, as a struct found, that are not the same in all. */
static struct found varying_bits(const struct found_list *list)
{
    struct found vary = {0};
    for (size_t i = 1; i < list->count; i++) {
        vary.conn |= list->at[i].conn ^ list->at[0].conn;
        vary.slot |= list->at[i].slot ^ list->at[0].slot;
        vary.sid |= list->at[i].sid ^ list->at[0].sid;
    }
    return vary;
}

static void swap_lists(struct found_list *a, struct found_list *b)
{
    struct found_list old = *a;
    *a = *b;
    *b = old;
}

/* A long list: from the last byte of the key to the first, without those that all have in common. */
static void sort_by_bytes(struct match_build *b)
{
    struct found_list *list = &b->walk.plain;
    if (b->other.capacity < list->count) {
        free(b->other.at);
        b->other.at = malloc(list->capacity * sizeof(list->at[0]));
        CHECK(b->other.at != NULL);
        b->other.capacity = list->capacity;
    }
    struct found vary = varying_bits(list);
    for (unsigned byte = 0; byte < 16; byte++) {
        if (key_byte(&vary, byte) == 0)
            continue;
        radix_pass(list, &b->other, byte);
        swap_lists(list, &b->other);
    }
}

static void sort_plain(struct match_build *b, const struct interest *in)
{
    struct found_list *list = &b->walk.plain;
    if (list->count <= SORTED_BY_COMPARING_MAX) {
        sort_by_comparing(list->at, list->count, in, compare_plain);
        return;
    }
    sort_by_bytes(b);
    /* Sids that are texts are last now, but in the order of where their texts are. */
    size_t numbers = list->count;
    while (numbers > 0 && (list->at[numbers - 1].sid & SID_OUT_OF_LINE) != 0)
        numbers--;
    sort_by_comparing(list->at + numbers, list->count - numbers, in, compare_plain);
}

/* -- counting -------------------------------------------------------------------------------- */

static size_t text_of_sid(const struct interest *in, uint32_t sid)
{
    if ((sid & SID_OUT_OF_LINE) == 0)
        return 0;
    size_t size = sid_text(in, sid, NULL).size;
    return size > MATCH_SID_INLINE_MAX ? size : 0;
}

/* Whether the subscriber at i begins a class, that is has another sid than the one before. */
static bool begins_class(const struct found_list *list, size_t i, const struct interest *in)
{
    return i == 0 || by_sid(in, list->at[i - 1].sid, list->at[i].sid) != 0;
}

static bool begins_group(const struct found_list *list, size_t i)
{
    return i == 0 || list->at[i - 1].name != list->at[i].name;
}

static void count(struct match_build *b, const struct interest *in, struct bytes subject)
{
    const struct found_list *plain = &b->walk.plain;
    const struct found_list *queued = &b->walk.queued;
    b->class_count = 0;
    b->group_count = 0;
    b->text_size = 0;
    for (size_t i = 0; i < plain->count; i++) {
        if (begins_class(plain, i, in)) {
            b->class_count++;
            b->text_size += text_of_sid(in, plain->at[i].sid);
        }
    }
    for (size_t i = 0; i < queued->count; i++) {
        if (begins_group(queued, i)) {
            b->group_count++;
            b->text_size += interest_queue(in, queued->at[i].name).size;
        }
        b->text_size += text_of_sid(in, queued->at[i].sid);
    }
    CHECK(plain->count <= UINT32_MAX && queued->count <= UINT32_MAX);
    CHECK(b->text_size <= UINT32_MAX);
    size_t head = (offsetof(struct match, subject) + subject.size + 7) & ~(size_t)7;
    b->bytes = head + (plain->count + queued->count) * sizeof(struct match_target) +
               b->group_count * sizeof(struct match_group) + b->class_count * sizeof(uint32_t) +
               b->text_size;
}

void match_collect(struct match_build *b, const struct interest *in, struct bytes subject)
{
    /* The stamps first, then the walk: a change that comes between is seen twice, never missed. */
    const struct stamps *s = atomic_load_explicit(&in->stamps, memory_order_acquire);
    walk_stamp_places(in, s, subject, &b->taken);
    stamps_take(s, &b->taken);
    walk_collect(&b->walk, in, subject);
    sort_plain(b, in);
    sort_by_comparing(b->walk.queued.at, b->walk.queued.count, in, compare_queued);
    count(b, in, subject);
}

/* -- writing --------------------------------------------------------------------------------- */

/* Where the text area has got to. */
struct text_end {
    char *base;
    uint32_t size;
};

static uint32_t text_put(struct text_end *text, struct bytes what)
{
    uint32_t at = text->size;
    memcpy(text->base + at, what.at, what.size);
    text->size += (uint32_t)what.size;
    return at;
}

static struct match_target target_of(const struct interest *in, const struct found *f,
                                     struct text_end *text)
{
    struct match_target t = {.conn = f->conn, .slot = f->slot};
    char number[SID_NUMBER_SIZE_MAX];
    struct bytes sid = sid_text(in, f->sid, number);
    if (sid.size <= MATCH_SID_INLINE_MAX) {
        t.sid_size = (uint8_t)sid.size;
        memcpy(t.sid, sid.at, sid.size);
        return t;
    }
    uint32_t where[2] = {text_put(text, sid), (uint32_t)sid.size};
    t.sid_size = MATCH_SID_LONG;
    memcpy(t.sid, where, sizeof(where));
    return t;
}

static void write_plain(const struct match_build *b, const struct interest *in,
                        struct match_target *to, uint32_t *ends, struct text_end *text)
{
    const struct found_list *plain = &b->walk.plain;
    uint32_t class = 0;
    for (size_t i = 0; i < plain->count; i++) {
        const struct found *f = &plain->at[i];
        if (begins_class(plain, i, in)) {
            if (i > 0)
                ends[class ++] = (uint32_t)i;
            to[i] = target_of(in, f, text);
        } else {
            to[i] = to[i - 1];
            to[i].conn = f->conn;
            to[i].slot = f->slot;
        }
    }
    if (plain->count > 0)
        ends[class ++] = (uint32_t)plain->count;
    CHECK(class == b->class_count);
}

static void write_groups(const struct match_build *b, const struct interest *in,
                         struct match_target *to, struct match_group *groups, struct text_end *text)
{
    const struct found_list *queued = &b->walk.queued;
    struct match_group *group = groups - 1;
    for (size_t i = 0; i < queued->count; i++) {
        if (begins_group(queued, i)) {
            struct bytes name = interest_queue(in, queued->at[i].name);
            *++group = (struct match_group){
                .first = (uint32_t)i,
                .name = text_put(text, name),
                .name_size = (uint32_t)name.size,
            };
        }
        group->count++;
        to[i] = target_of(in, &queued->at[i], text);
    }
    CHECK(group + 1 == groups + b->group_count);
}

void match_write(const struct match_build *b, const struct interest *in, struct bytes subject,
                 struct match *to)
{
    to->taken = b->taken;
    to->subject_size = (uint32_t)subject.size;
    to->plain_count = (uint32_t)b->walk.plain.count;
    to->member_count = (uint32_t)b->walk.queued.count;
    to->class_count = b->class_count;
    to->group_count = b->group_count;
    memcpy(to->subject, subject.at, subject.size);
    struct match_target *plain = (struct match_target *)(uintptr_t)match_plain(to);
    struct match_target *members = plain + to->plain_count;
    struct match_group *groups = (struct match_group *)(members + to->member_count);
    uint32_t *ends = (uint32_t *)(groups + to->group_count);
    struct text_end text = {(char *)(ends + to->class_count), 0};
    write_plain(b, in, plain, ends, &text);
    write_groups(b, in, members, groups, &text);
    CHECK(text.size == b->text_size);
}
