/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group/consumer_form.h"

#include <errno.h>

#include "runtime/base/check.h"

enum { VERSION = 1 };

/* An entry begins with its distance from the one before, less 1, above these bits. */
enum {
    DSEQ_AS_SEQ = 0, /* dseq is as far from the one before as seq is */
    DSEQ_NEXT = 1,   /* it is the next, and seq is not */
    DSEQ_GIVEN = 2,  /* neither: its distance follows */
    SEQ_FAR = 3,     /* nothing above the bits: both distances follow, seq's first */
    DSEQ_MASK = 3,
    TIME_GIVEN = 1u << 2,  /* the difference of times follows; else the time is the same */
    COUNT_GIVEN = 1u << 3, /* count - 1 and whether exhausted follow; else it is 1, and waits */
    HEAD_BITS = 4,
};

#define FAR_MIN ((uint64_t)1 << 56)

static unsigned dseq_form(const struct delivery *before, const struct delivery *d)
{
    uint64_t far = d->dseq - before->dseq;
    if (d->seq - before->seq > FAR_MIN)
        return SEQ_FAR;
    return far == d->seq - before->seq ? DSEQ_AS_SEQ : far == 1 ? DSEQ_NEXT : DSEQ_GIVEN;
}

static void write_entry(struct buffer *b, const struct delivery *before, const struct delivery *d)
{
    unsigned form = dseq_form(before, d);
    uint64_t count = (uint64_t)(d->count - 1) << 1 | d->exhausted;
    uint64_t far = form == SEQ_FAR ? 0 : d->seq - before->seq - 1;
    uint64_t head = far << HEAD_BITS | form | (d->time_ms != before->time_ms ? TIME_GIVEN : 0) |
                    (count != 0 ? COUNT_GIVEN : 0);
    buffer_varint(b, head);
    if (form == SEQ_FAR)
        buffer_varint(b, d->seq - before->seq);
    if (form == SEQ_FAR || form == DSEQ_GIVEN)
        buffer_varint(b, d->dseq - before->dseq);
    if (d->time_ms != before->time_ms)
        buffer_svarint(b, d->time_ms - before->time_ms);
    if (count != 0)
        buffer_varint(b, count);
}

void consumer_state_write(struct buffer *b, struct consumer *c)
{
    buffer_u8(b, VERSION);
    buffer_varint(b, c->delivered.dseq);
    buffer_varint(b, c->delivered.seq);
    buffer_varint(b, c->delivered.dseq - c->floor.dseq);
    buffer_varint(b, c->delivered.seq - c->floor.seq);
    buffer_svarint(b, c->delivered_ms);
    buffer_svarint(b, c->acked_ms);
    buffer_varint(b, pending_count(&c->pending));
    struct delivery before = {.time_ms = c->delivered_ms};
    struct delivery d;
    for (uint64_t at = 1; pending_next(&c->pending, at, &d); at = d.seq + 1) {
        write_entry(b, &before, &d);
        before = d;
    }
}

static int64_t read_time(struct cursor *c, int64_t base)
{
    int64_t differs = cursor_svarint(c);
    if (differs > 2 * CONSUMER_TIME_MAX_MS || differs < -2 * CONSUMER_TIME_MAX_MS)
        c->bad = true;
    int64_t time = c->bad ? 0 : base + differs;
    if (time > CONSUMER_TIME_MAX_MS || time < -CONSUMER_TIME_MAX_MS)
        c->bad = true;
    return time;
}

static uint64_t read_dseq(struct cursor *c, unsigned form, const struct delivery *before,
                          uint64_t seq)
{
    uint64_t far = seq - before->seq;
    if (form == DSEQ_NEXT)
        far = 1;
    if (form == DSEQ_GIVEN || form == SEQ_FAR)
        far = cursor_varint_max(c, CONSUMER_SEQ_MAX);
    return before->dseq + far;
}

/* The entry after `before`; c is bad when it is not one, or was not written in the one way. */
static struct delivery read_entry(struct cursor *c, const struct delivery *before)
{
    uint64_t head = cursor_varint(c);
    unsigned form = head & DSEQ_MASK;
    struct delivery d = {.time_ms = before->time_ms, .count = 1};
    d.seq = before->seq + (head >> HEAD_BITS) + 1;
    if (form == SEQ_FAR) {
        c->bad = c->bad || head >> HEAD_BITS != 0;
        d.seq = before->seq + cursor_varint_max(c, CONSUMER_SEQ_MAX);
    }
    d.dseq = read_dseq(c, form, before, d.seq);
    if (head & TIME_GIVEN)
        d.time_ms = read_time(c, before->time_ms);
    if (head & COUNT_GIVEN) {
        uint64_t count = cursor_varint_max(c, (uint64_t)PENDING_COUNT_MAX << 1);
        d.exhausted = count & 1;
        d.count = (uint32_t)(count >> 1) + 1;
        if (count == 0 || d.count > PENDING_COUNT_MAX)
            c->bad = true;
    }
    if (d.seq > CONSUMER_SEQ_MAX || d.dseq > CONSUMER_SEQ_MAX || d.dseq <= before->dseq ||
        dseq_form(before, &d) != form || ((head & TIME_GIVEN) != 0 && d.time_ms == before->time_ms))
        c->bad = true;
    return d;
}

static void read_entries(struct cursor *c, struct consumer_state *s)
{
    uint64_t count = cursor_varint_max(c, PENDING_MAX);
    struct delivery before = {.time_ms = s->delivered_ms};
    for (uint64_t i = 0; i < count; i++) {
        struct delivery d = read_entry(c, &before);
        if (c->bad)
            return;
        pending_push(&s->pending, &d);
        before = d;
    }
}

int consumer_state_read(struct bytes bytes, uint8_t ack, uint64_t last_seq,
                        struct consumer_state *ret)
{
    struct cursor c = cursor_of(bytes);
    uint8_t version = cursor_u8(&c);
    if (!c.bad && version != VERSION)
        return -ENOTSUP;
    struct consumer_state s = {.delivered.dseq = cursor_varint_max(&c, CONSUMER_SEQ_MAX)};
    s.delivered.seq = cursor_varint_max(&c, CONSUMER_SEQ_MAX);
    s.floor.dseq = s.delivered.dseq - cursor_varint_max(&c, s.delivered.dseq);
    s.floor.seq = s.delivered.seq - cursor_varint_max(&c, s.delivered.seq);
    s.delivered_ms = read_time(&c, 0);
    s.acked_ms = read_time(&c, 0);
    read_entries(&c, &s);
    if (!cursor_is_at_end(&c) || !consumer_state_fits(&s, ack, last_seq)) {
        consumer_state_done(&s);
        return -EBADMSG;
    }
    *ret = s;
    return 0;
}

void consumer_state_done(struct consumer_state *s)
{
    pending_done(&s->pending);
}
