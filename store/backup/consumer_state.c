/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backup/consumer_state.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"

enum { MAGIC = 22, VERSION_1 = 1, VERSION_2 = 2 };

#define MS_PER_S 1000
#define SECONDS_MAX (CONSUMER_TIME_MAX_MS / MS_PER_S / 4)
#define ENTRY_SIZE_MIN 2 /* of two or three varints */

/* --- writing ---------------------------------------------------------------------------------- */

static void write_waiting(struct buffer *b, struct consumer *c, int64_t now_s)
{
    struct delivery d;
    buffer_varint(b, c->pending.waiting);
    if (c->pending.waiting == 0)
        return;
    buffer_svarint(b, now_s);
    for (uint64_t at = 1; pending_next(&c->pending, at, &d); at = d.seq + 1) {
        if (d.exhausted)
            continue;
        buffer_varint(b, d.seq - c->floor.seq);
        buffer_varint(b, d.dseq - c->floor.dseq);
        buffer_svarint(b, now_s - d.time_ms / MS_PER_S);
    }
}

static void write_redelivered(struct buffer *b, struct consumer *c)
{
    struct delivery d;
    buffer_varint(b, c->pending.redelivered);
    for (uint64_t at = 1; pending_next(&c->pending, at, &d); at = d.seq + 1) {
        if (d.count == 1 && !d.exhausted)
            continue;
        buffer_varint(b, d.seq - c->floor.seq);
        buffer_varint(b, d.exhausted ? d.count : d.count - 1);
    }
}

void backup_consumer_write(struct buffer *b, struct consumer *c, int64_t now_s)
{
    buffer_u8(b, MAGIC);
    buffer_u8(b, VERSION_2);
    buffer_varint(b, c->floor.dseq);
    buffer_varint(b, c->floor.seq);
    buffer_varint(b, c->delivered.dseq);
    buffer_varint(b, c->delivered.seq);
    write_waiting(b, c, now_s);
    write_redelivered(b, c);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Both lists while they are being joined. */
struct lists {
    struct delivery *waiting; /* given, as the next */
    struct delivery *again;   /* seq and count */
    uint64_t waiting_count;
    uint64_t again_count;
};

static int seq_order(const void *a, const void *b)
{
    const struct delivery *x = a;
    const struct delivery *y = b;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

/* Room for a list whose length was read: no longer than its bytes can be. */
static struct delivery *read_count(struct cursor *c, uint64_t *ret_count)
{
    uint64_t count = cursor_varint_max(c, cursor_left(c) / ENTRY_SIZE_MIN);
    if (c->bad || count == 0 || count > PENDING_MAX) {
        c->bad = c->bad || count > 0;
        return NULL;
    }
    struct delivery *list = malloc(count * sizeof *list);
    CHECK(list != NULL);
    *ret_count = count;
    return list;
}

static int64_t read_seconds(struct cursor *c)
{
    int64_t seconds = cursor_svarint(c);
    if (seconds <= SECONDS_MAX && seconds >= -SECONDS_MAX)
        return seconds;
    c->bad = true;
    return 0;
}

static void read_waiting(struct cursor *c, uint8_t version, const struct consumer_state *s,
                         struct lists *l)
{
    l->waiting = read_count(c, &l->waiting_count);
    if (l->waiting == NULL)
        return;
    int64_t base = read_seconds(c);
    for (uint64_t i = 0; i < l->waiting_count; i++) {
        struct delivery d = {.count = 1};
        d.seq = s->floor.seq + cursor_varint(c);
        d.dseq = version == VERSION_2 ? s->floor.dseq + cursor_varint(c) : 0;
        int64_t seconds = read_seconds(c);
        d.time_ms = (version == VERSION_2 ? base - seconds : base + seconds) * MS_PER_S;
        if (d.seq <= s->floor.seq || d.seq > s->delivered.seq)
            c->bad = true;
        l->waiting[i] = d;
    }
    qsort(l->waiting, l->waiting_count, sizeof *l->waiting, seq_order);
}

static void read_again(struct cursor *c, const struct consumer_state *s, struct lists *l)
{
    l->again = read_count(c, &l->again_count);
    uint64_t kept = 0;
    for (uint64_t i = 0; i < l->again_count; i++) {
        struct delivery d = {.time_ms = s->delivered_ms, .exhausted = true};
        d.seq = s->floor.seq + cursor_varint(c);
        uint64_t count = cursor_varint(c);
        if (count == 0 || d.seq == 0 || d.seq > s->delivered.seq)
            continue; /* says nothing */
        d.count = count < PENDING_COUNT_MAX ? (uint32_t)count : PENDING_COUNT_MAX - 1;
        l->again[kept++] = d;
    }
    l->again_count = kept;
    if (kept > 0)
        qsort(l->again, kept, sizeof *l->again, seq_order);
}

/* Of both lists the next in stream order, once; false: there is none. */
static bool next_of(const struct lists *l, uint64_t *at_waiting, uint64_t *at_again,
                    struct delivery *ret)
{
    const struct delivery *w = *at_waiting < l->waiting_count ? &l->waiting[*at_waiting] : NULL;
    const struct delivery *r = *at_again < l->again_count ? &l->again[*at_again] : NULL;
    if (w == NULL && r == NULL)
        return false;
    if (w != NULL && (r == NULL || w->seq <= r->seq)) {
        *ret = *w;
        (*at_waiting)++;
        if (r != NULL && r->seq == w->seq) {
            ret->count = r->count + 1;
            (*at_again)++;
        }
        return true;
    }
    *ret = *r;
    (*at_again)++;
    return true;
}

/* Gives consumer sequences to those that have none that rise: as late as they can have been
 * delivered. Returns whether there were enough of them. */
static bool number(struct delivery *all, uint64_t count, const struct consumer_state *s)
{
    uint64_t high = s->delivered.dseq + 1;
    for (uint64_t i = count; i-- > 0;) {
        if (all[i].dseq == 0 || all[i].dseq >= high)
            all[i].dseq = high - 1;
        high = all[i].dseq;
        if (high == 0 || (!all[i].exhausted && high <= s->floor.dseq))
            return false;
    }
    return true;
}

static bool join(const struct lists *l, struct consumer_state *s)
{
    uint64_t count = 0;
    uint64_t at_waiting = 0;
    uint64_t at_again = 0;
    struct delivery d;
    struct delivery *all = malloc((l->waiting_count + l->again_count + 1) * sizeof *all);
    CHECK(all != NULL);
    bool fine = true;
    while (fine && next_of(l, &at_waiting, &at_again, &d)) {
        fine = count < PENDING_MAX && (count == 0 || d.seq > all[count - 1].seq);
        all[count++] = d;
    }
    fine = fine && number(all, count, s);
    for (uint64_t i = 0; fine && i < count; i++)
        pending_push(&s->pending, &all[i]);
    free(all);
    return fine;
}

static void read_places(struct cursor *c, uint8_t version, struct consumer_state *s)
{
    s->floor.dseq = cursor_varint_max(c, CONSUMER_SEQ_MAX);
    s->floor.seq = cursor_varint_max(c, CONSUMER_SEQ_MAX);
    s->delivered.dseq = cursor_varint_max(c, CONSUMER_SEQ_MAX);
    s->delivered.seq = cursor_varint_max(c, CONSUMER_SEQ_MAX);
    if (version == VERSION_1 && s->floor.dseq > 1)
        s->delivered.dseq += s->floor.dseq - 1;
    if (version == VERSION_1 && s->floor.seq > 1)
        s->delivered.seq += s->floor.seq - 1;
    if (s->delivered.dseq > CONSUMER_SEQ_MAX || s->delivered.seq > CONSUMER_SEQ_MAX ||
        s->floor.dseq > s->delivered.dseq || s->floor.seq > s->delivered.seq)
        c->bad = true;
}

int backup_consumer_read(struct bytes bytes, struct consumer_state *ret)
{
    struct cursor c = cursor_of(bytes);
    struct consumer_state s = {.delivered_ms = 0};
    struct lists l = {.waiting = NULL};
    uint8_t magic = cursor_u8(&c);
    uint8_t version = cursor_u8(&c);
    if (c.bad || magic != MAGIC)
        return -EBADMSG;
    if (version != VERSION_1 && version != VERSION_2)
        return -ENOTSUP;
    read_places(&c, version, &s);
    if (!c.bad)
        read_waiting(&c, version, &s, &l);
    if (!c.bad)
        read_again(&c, &s, &l);
    bool fine = cursor_is_at_end(&c) && join(&l, &s);
    free(l.waiting);
    free(l.again);
    if (!fine) {
        consumer_state_done(&s);
        return -EBADMSG;
    }
    if (s.pending.waiting == 0)
        s.floor = s.delivered;
    *ret = s;
    return 0;
}
