/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group/consumer.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/checksum.h"
#include "store/format/little.h"

/* --- life ------------------------------------------------------------------------------------- */

static void configure(struct consumer *c, const struct consumer_put *put, struct bytes body)
{
    char *copy = malloc(body.size);
    CHECK(copy != NULL && body.size <= UINT32_MAX);
    memcpy(copy, body.at, body.size);
    free(c->body);
    c->body = copy;
    c->body_size = (uint32_t)body.size;
    c->ack = put->ack;
    c->flags = put->flags;
    c->max_deliver = put->max_deliver;
    c->ack_wait_ms = put->ack_wait_ms;
    c->backoff_count = (uint16_t)put->backoff_count;
    c->backoff_at = (uint32_t)(put->backoff.at - body.at);
    c->name_at = (uint16_t)(put->name.at - body.at);
    c->name_size = (uint8_t)put->name.size;
}

struct consumer *consumer_new(const struct consumer_put *put, struct bytes body, uint64_t start)
{
    CHECK(start > 0);
    struct consumer *c = calloc(1, sizeof *c);
    CHECK(c != NULL);
    c->id = put->id;
    configure(c, put, body);
    c->delivered.seq = start - 1;
    c->floor.seq = start - 1;
    return c;
}

void consumer_free(struct consumer **consumer)
{
    struct consumer *c = *consumer;
    *consumer = NULL;
    CHECK(c->member.group == NULL && c->busy == 0);
    pending_done(&c->pending);
    free(c->extras);
    free(c->body);
    free(c);
}

void consumer_reconfigure(struct consumer *c, const struct consumer_put *put, struct bytes body)
{
    CHECK(put->id == c->id);
    configure(c, put, body);
}

struct consumer_put consumer_rules(const struct consumer *c)
{
    struct consumer_put put;
    int status = consumer_put_read((struct bytes){c->body, c->body_size}, &put);
    CHECK(status == 0);
    return put;
}

struct consumer_extras *consumer_make_extras(struct consumer *c)
{
    if (c->extras == NULL)
        c->extras = calloc(1, sizeof *c->extras);
    CHECK(c->extras != NULL);
    return c->extras;
}

void consumer_trim_extras(struct consumer *c)
{
    const struct consumer_extras *e = c->extras;
    if (e->paused_until_ns != 0 || e->pinned_ns != 0 || e->owner != 0 || e->pin_size != 0)
        return;
    free(c->extras);
    c->extras = NULL;
}

/* --- hashes ----------------------------------------------------------------------------------- */

/* Of numbers, the same on every machine. */
static uint64_t numbers_hash(uint64_t seed, const uint64_t *numbers, size_t count)
{
    char bytes[8 * 8];
    CHECK(count <= 8);
    for (size_t i = 0; i < count; i++)
        put_u64(bytes + 8 * i, numbers[i]);
    return checksum(seed, bytes, 8 * count);
}

static uint64_t entry_hash(const struct consumer *c, const struct delivery *d)
{
    uint64_t count = (uint64_t)d->count << 1 | d->exhausted;
    const uint64_t numbers[] = {d->seq, d->dseq, (uint64_t)d->time_ms, count};
    return numbers_hash(c->id, numbers, 4);
}

static uint64_t extras_hash(const struct consumer_extras *e)
{
    uint64_t seed = checksum_seed((uint64_t)e->paused_until_ns, (uint64_t)e->pinned_ns, e->owner);
    return checksum(seed, e->pin, e->pin_size);
}

uint64_t consumer_identity_hash(const struct consumer *c)
{
    return checksum(checksum_seed(c->id, c->body_size, 0), c->body, c->body_size);
}

uint64_t consumer_position_hash(const struct consumer *c)
{
    uint64_t sum = c->extras == NULL ? 0 : extras_hash(c->extras);
    if (c->flags & CONSUMER_SOFT)
        return sum; /* members do not know where it stands */
    const uint64_t numbers[] = {
        c->delivered.dseq, c->delivered.seq,          c->floor.dseq,
        c->floor.seq,      (uint64_t)c->delivered_ms, (uint64_t)c->acked_ms,
    };
    return sum + c->hash + numbers_hash(~(uint64_t)c->id, numbers, 6);
}

/* --- entries and the floor -------------------------------------------------------------------- */

static void push(struct consumer *c, const struct delivery *d)
{
    pending_push(&c->pending, d);
    c->hash += entry_hash(c, d);
}

static void update(struct consumer *c, const struct delivery *was, const struct delivery *d)
{
    pending_update(&c->pending, d);
    c->hash += entry_hash(c, d) - entry_hash(c, was);
}

/* The entry that held the floor back may be gone. */
static void raise_floor(struct consumer *c, uint64_t first_before)
{
    if (c->pending.waiting == 0) {
        c->floor = c->delivered;
    } else if (c->pending.first_seq != first_before) {
        c->floor.dseq = c->pending.first_dseq - 1;
        c->floor.seq = c->pending.first_seq - 1;
    }
}

/* Takes an entry out; false: there is none. */
static bool settle(struct consumer *c, uint64_t seq)
{
    struct delivery d;
    uint64_t first = c->pending.first_seq;
    if (!pending_take(&c->pending, seq, &d))
        return false;
    c->hash -= entry_hash(c, &d);
    raise_floor(c, first);
    return true;
}

static void tell(struct consumer *c, uint64_t seq, const struct settled_sink *sink)
{
    if (sink != NULL && sink->settled != NULL)
        sink->settled(sink->context, c, seq);
}

static bool waits(struct consumer *c, uint64_t seq, struct delivery *ret)
{
    return pending_get(&c->pending, seq, ret) && !ret->exhausted;
}

/* --- deliveries ------------------------------------------------------------------------------- */

/* The consumer's sequence goes on, whatever becomes of the message. */
static bool count_delivery(struct consumer *c, uint64_t dseq, int64_t now_ms)
{
    if (dseq <= c->delivered.dseq)
        return false;
    c->delivered.dseq = dseq;
    c->delivered_ms = now_ms;
    if (c->pending.waiting == 0)
        c->floor = c->delivered;
    return true;
}

bool consumer_deliver(struct consumer *c, uint64_t seq, uint64_t dseq, int64_t now_ms, bool live)
{
    struct consumer_place floor = c->floor;
    bool fits = c->ack == CONSUMER_ACK_NONE || pending_count(&c->pending) < PENDING_MAX;
    if (!count_delivery(c, dseq, now_ms) || seq <= c->delivered.seq || !fits)
        return false;
    c->delivered.seq = seq;
    if (live && c->ack != CONSUMER_ACK_NONE) {
        struct delivery d = {.seq = seq, .dseq = dseq, .time_ms = now_ms, .count = 1};
        bool first = c->pending.waiting == 0;
        push(c, &d);
        if (first)
            c->floor = floor;
    } else if (c->pending.waiting == 0) {
        c->floor = c->delivered;
    }
    return true;
}

void consumer_redeliver(struct consumer *c, uint64_t seq, uint64_t dseq, uint32_t count,
                        int64_t now_ms)
{
    struct delivery was;
    if (!count_delivery(c, dseq, now_ms) || !waits(c, seq, &was))
        return;
    struct delivery d = was;
    d.time_ms = now_ms;
    d.count = count > was.count ? count : was.count;
    if (d.count > PENDING_COUNT_MAX)
        d.count = PENDING_COUNT_MAX;
    update(c, &was, &d);
}

/* --- acknowledgements ------------------------------------------------------------------------- */

static void ack_up_to(struct consumer *c, uint64_t seq, const struct settled_sink *sink)
{
    bool any = false;
    while (c->pending.waiting > 0 && c->pending.first_seq <= seq) {
        uint64_t first = c->pending.first_seq;
        bool had = settle(c, first);
        CHECK(had);
        any = true;
        if (c->pending.waiting > 0)
            c->floor.seq = first; /* and not up to the next: it is what was acknowledged */
        tell(c, first, sink);
    }
    if (any && c->pending.waiting > 0 && seq < c->pending.first_seq)
        c->floor.seq = seq;
}

void consumer_ack(struct consumer *c, uint64_t seq, int64_t now_ms, const struct settled_sink *sink)
{
    if (seq > c->delivered.seq)
        return;
    if (consumer_settles_all(c) && c->pending.waiting > 0 && c->pending.first_seq <= seq) {
        c->acked_ms = now_ms;
        ack_up_to(c, seq, sink);
    } else if (settle(c, seq)) {
        c->acked_ms = now_ms;
        tell(c, seq, sink);
    }
}

void consumer_ack_preview(struct consumer *c, uint64_t seq, const struct settled_sink *sink)
{
    struct delivery d;
    if (seq > c->delivered.seq)
        return;
    if (consumer_settles_all(c) && c->pending.waiting > 0 && c->pending.first_seq <= seq) {
        uint64_t at = c->pending.first_seq;
        while (pending_next(&c->pending, at, &d) && d.seq <= seq) {
            tell(c, d.seq, sink);
            at = d.seq + 1;
        }
    } else if (pending_get(&c->pending, seq, &d)) {
        tell(c, seq, sink);
    }
}

static void set_time(struct consumer *c, const struct delivery *was, int64_t time_ms)
{
    struct delivery d = *was;
    d.time_ms = time_ms;
    update(c, was, &d);
}

void consumer_nak(struct consumer *c, uint64_t seq, uint64_t delay_ms, int64_t now_ms)
{
    struct delivery d;
    if (waits(c, seq, &d))
        set_time(c, &d, now_ms + (int64_t)delay_ms - (int64_t)consumer_wait_ms(c, d.count));
}

void consumer_progress(struct consumer *c, uint64_t seq, int64_t now_ms)
{
    struct delivery d;
    if (waits(c, seq, &d))
        set_time(c, &d, now_ms);
}

void consumer_exhaust(struct consumer *c, uint64_t seq)
{
    struct delivery was;
    if (c->max_deliver == 0 || !waits(c, seq, &was) || was.count < c->max_deliver)
        return;
    uint64_t first = c->pending.first_seq;
    struct delivery d = was;
    d.exhausted = true;
    update(c, &was, &d);
    raise_floor(c, first);
}

/* --- what else moves it ----------------------------------------------------------------------- */

void consumer_removed(struct consumer *c, uint64_t seq)
{
    (void)settle(c, seq);
}

void consumer_removed_below(struct consumer *c, uint64_t first)
{
    struct delivery d;
    for (uint64_t at = 1; pending_next(&c->pending, at, &d) && d.seq < first; at = d.seq + 1)
        (void)settle(c, d.seq);
}

void consumer_forward(struct consumer *c, uint64_t first)
{
    CHECK(first > 0);
    uint64_t up_to = first - 1;
    if (c->delivered.seq < up_to)
        c->delivered.seq = up_to;
    if (c->pending.waiting == 0) {
        c->floor = c->delivered;
        return;
    }
    if (up_to >= c->pending.first_seq)
        up_to = c->pending.first_seq - 1;
    if (c->floor.seq < up_to)
        c->floor.seq = up_to;
}

void consumer_reset(struct consumer *c, uint64_t next)
{
    CHECK(next > 0);
    pending_done(&c->pending);
    c->hash = 0;
    c->delivered = (struct consumer_place){0, next - 1};
    c->floor = c->delivered;
    c->delivered_ms = 0;
    c->acked_ms = 0;
}

void consumer_take_state(struct consumer *c, struct consumer_state *state)
{
    struct delivery d;
    pending_done(&c->pending);
    c->delivered = state->delivered;
    c->floor = state->floor;
    c->delivered_ms = state->delivered_ms;
    c->acked_ms = state->acked_ms;
    c->pending = state->pending;
    state->pending = (struct pending){0};
    c->hash = 0;
    for (uint64_t at = 1; pending_next(&c->pending, at, &d); at = d.seq + 1)
        c->hash += entry_hash(c, &d);
}

static bool entries_fit(struct consumer_state *s)
{
    struct delivery d;
    for (uint64_t at = 1; pending_next(&s->pending, at, &d); at = d.seq + 1) {
        if (d.seq > s->delivered.seq || d.dseq > s->delivered.dseq)
            return false;
        if (!d.exhausted && (d.seq <= s->floor.seq || d.dseq <= s->floor.dseq))
            return false;
    }
    return true;
}

static bool place_is(struct consumer_place a, struct consumer_place b)
{
    return a.dseq == b.dseq && a.seq == b.seq;
}

bool consumer_state_fits(struct consumer_state *s, uint8_t ack, uint64_t last_seq)
{
    if (s->delivered.seq > CONSUMER_SEQ_MAX || s->delivered.dseq > CONSUMER_SEQ_MAX)
        return false;
    if (s->floor.dseq > s->delivered.dseq || s->floor.seq > s->delivered.seq)
        return false;
    if (s->pending.waiting == 0 && !place_is(s->floor, s->delivered))
        return false;
    if (ack == CONSUMER_ACK_NONE && pending_count(&s->pending) > 0)
        return false;
    if (s->delivered.seq > last_seq && s->delivered.dseq > 0)
        return false;
    return entries_fit(s);
}

/* --- questions -------------------------------------------------------------------------------- */

bool consumer_wants(struct consumer *c, uint64_t seq)
{
    struct delivery d;
    return seq > c->delivered.seq || pending_get(&c->pending, seq, &d);
}

uint64_t consumer_wait_ms(const struct consumer *c, uint32_t count)
{
    if (c->backoff_count == 0)
        return c->ack_wait_ms;
    struct cursor steps = {c->body + c->backoff_at, c->body + c->body_size, false};
    uint32_t step = count < c->backoff_count ? count : c->backoff_count;
    uint64_t wait = 0;
    for (uint32_t i = 0; i < step || i == 0; i++)
        wait = cursor_varint(&steps);
    CHECK(!steps.bad);
    return wait;
}

int64_t consumer_due_ms(const struct consumer *c, const struct delivery *d)
{
    return d->time_ms + (int64_t)consumer_wait_ms(c, d->count);
}

void consumer_check(struct consumer *c, uint64_t last_seq)
{
    struct consumer_state s = {c->delivered, c->floor, c->delivered_ms, c->acked_ms, c->pending};
    CHECK(consumer_state_fits(&s, c->ack, last_seq)); /* 1 to 4, 6 */
    pending_check(&c->pending);
    if (c->member.group != NULL)
        CHECK(filter_position(&c->member) == c->delivered.seq); /* 5 */
    uint64_t hash = 0;
    struct delivery d;
    for (uint64_t at = 1; pending_next(&c->pending, at, &d); at = d.seq + 1)
        hash += entry_hash(c, &d);
    CHECK(hash == c->hash); /* 7 */
}
