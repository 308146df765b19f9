/* SPDX-License-Identifier: Apache-2.0 */
/* consumers_apply.c -- entries about consumers, applied.
 *
 * Idea        An entry that cannot be read to its end is refused before it has changed anything. Of
 *             DELIVERED and ACKS, which were gathered by a leader while the stream went on, each
 *             item is then taken for what it still means: a consumer that was dropped meanwhile, a
 *             message that was settled or removed, a delivery of before a reset are passed over, by
 *             every member in the same way.
 */
#include <errno.h>

#include "runtime/base/check.h"
#include "store/group/consumer_form.h"
#include "store/group/consumers.h"

#define NS_PER_MS 1000000

/* One entry on its way through. */
struct apply {
    struct consumers *set;
    const struct consumers_world *world;
    struct settled_sink sink;
    int64_t now_ms;
    struct consumers_applied *result;
};

static bool is_live(const struct consumers_world *w, uint64_t seq)
{
    return w->live == NULL || w->live(w->context, seq);
}

static void tell(const struct apply *a, struct consumer *c, uint64_t seq)
{
    if (a->sink.settled != NULL)
        a->sink.settled(a->sink.context, c, seq);
}

/* It may have wanted what lies from `from` to before its next. */
static void lapsed(const struct apply *a, uint64_t from, uint64_t to)
{
    uint64_t last = a->set->last_seq;
    if (to > last)
        to = last;
    if (from > to)
        return;
    a->result->lapsed_from = from;
    a->result->lapsed_to = to;
}

/* --- PUT, DROP, SET, HANDOVER ----------------------------------------------------------------- */

/* The first sequence that it may be sent. */
static uint64_t start_of(const struct apply *a, const struct consumer_put *put)
{
    uint64_t next = a->set->last_seq + 1;
    uint64_t start = put->start_seq == 0 ? next : put->start_seq;
    if (start > next && (put->flags & CONSUMER_START_AHEAD) == 0)
        start = next;
    return start < a->world->first_seq ? a->world->first_seq : start;
}

/* Without a filter and before the first message nothing has to be counted by anybody. */
static void join(const struct apply *a, struct consumer *c)
{
    consumers_join(a->set, c);
    a->result->uncounted = !filter_is_counted(&c->member);
}

static void create(const struct apply *a, const struct consumer_put *put, struct bytes body)
{
    struct consumer *c = consumer_new(put, body, start_of(a, put));
    consumers_add(a->set, c);
    a->result->created = true;
    join(a, c);
}

static void change(const struct apply *a, struct consumer *c, const struct consumer_put *put,
                   struct bytes body)
{
    struct consumer_put was = consumer_rules(c);
    bool refiltered = !bytes_equal(was.filters, put->filters);
    a->set->hash -= consumer_identity_hash(c) + consumer_position_hash(c);
    consumer_reconfigure(c, put, body);
    a->set->hash += consumer_identity_hash(c) + consumer_position_hash(c);
    if (!refiltered)
        return;
    filter_leave(a->set->groups, &c->member);
    join(a, c);
    lapsed(a, consumers_lowest_wish(c), a->set->last_seq);
}

static int apply_put(const struct apply *a, struct bytes body)
{
    struct consumer_put put;
    int status = consumer_put_read(body, &put);
    if (status < 0)
        return status;
    struct consumer *c = consumers_find(a->set, put.id);
    if (c != consumers_named(a->set, put.name))
        return -EEXIST;
    if (c != NULL && c->ack != put.ack)
        return -EINVAL;
    if (a->set->last_seq >= CONSUMER_SEQ_MAX)
        return -ERANGE;
    if (c == NULL && a->set->count == CONSUMERS_MAX)
        return -ENOSPC;
    a->result->id = put.id;
    if (c == NULL) {
        create(a, &put, body);
    } else {
        change(a, c, &put, body);
    }
    return 0;
}

static int apply_drop(const struct apply *a, struct bytes body)
{
    uint32_t id;
    int status = consumer_drop_read(body, &id);
    if (status < 0)
        return status;
    struct consumer *c = consumers_find(a->set, id);
    if (c == NULL)
        return -ENOENT;
    a->result->id = id;
    lapsed(a, consumers_lowest_wish(c), a->set->last_seq);
    consumers_remove(a->set, c);
    return 0;
}

static void reset(const struct apply *a, struct consumer *c, uint64_t seq)
{
    uint64_t next = seq == 0 ? c->floor.seq + 1 : seq;
    lapsed(a, consumers_lowest_wish(c), next - 1);
    uint64_t begun = consumers_begin_change(a->set, c);
    consumer_reset(c, next);
    filter_leave(a->set->groups, &c->member);
    consumers_end_change(a->set, c, begun);
    join(a, c);
}

static void set_extras(const struct apply *a, struct consumer *c, const struct consumer_set *s)
{
    uint64_t begun = consumers_begin_change(a->set, c);
    struct consumer_extras *e = consumer_make_extras(c);
    if (s->what == CONSUMER_SET_PAUSE)
        e->paused_until_ns = s->until_ns;
    if (s->what == CONSUMER_SET_OWNER)
        e->owner = s->owner;
    if (s->what == CONSUMER_SET_PIN) {
        e->pinned_ns = s->until_ns;
        e->pin_size = (uint8_t)s->pin.size;
        if (s->pin.size > 0)
            memcpy(e->pin, s->pin.at, s->pin.size);
    }
    consumer_trim_extras(c);
    consumers_end_change(a->set, c, begun);
}

static int apply_set(const struct apply *a, struct bytes body)
{
    struct consumer_set s;
    int status = consumer_set_read(body, &s);
    if (status < 0)
        return status;
    struct consumer *c = consumers_find(a->set, s.id);
    if (c == NULL)
        return -ENOENT;
    a->result->id = s.id;
    if (s.what == CONSUMER_SET_RESET) {
        reset(a, c, s.seq);
    } else {
        set_extras(a, c, &s);
    }
    return 0;
}

/* What was removed between the leader's writing and this. */
static void drop_dead(const struct apply *a, struct consumer *c)
{
    struct delivery d;
    for (uint64_t at = 1; pending_next(&c->pending, at, &d); at = d.seq + 1) {
        if (!is_live(a->world, d.seq))
            consumer_removed(c, d.seq);
    }
}

static int apply_handover(const struct apply *a, struct bytes body)
{
    uint32_t id;
    struct bytes bytes;
    struct consumer_state state;
    int status = consumer_handover_read(body, &id, &bytes);
    if (status < 0)
        return status;
    struct consumer *c = consumers_find(a->set, id);
    if (c == NULL)
        return -ENOENT;
    status = consumer_state_read(bytes, c->ack, a->set->last_seq, &state);
    if (status < 0)
        return status == -EBADMSG ? -ERANGE : status;
    a->result->id = id;
    lapsed(a, consumers_lowest_wish(c), state.delivered.seq);
    uint64_t begun = consumers_begin_change(a->set, c);
    consumer_take_state(c, &state);
    drop_dead(a, c);
    filter_leave(a->set->groups, &c->member);
    consumers_end_change(a->set, c, begun);
    join(a, c);
    return 0;
}

/* --- DELIVERED -------------------------------------------------------------------------------- */

static void deliver(const struct apply *a, struct consumer *c, uint64_t seq, uint64_t dseq)
{
    bool live = is_live(a->world, seq);
    uint64_t begun = consumers_begin_change(a->set, c);
    bool moved = consumer_deliver(c, seq, dseq, a->now_ms, live);
    if (moved)
        filter_advance(a->set->groups, &c->member, seq, live);
    consumers_end_change(a->set, c, begun);
    if (moved && live && c->ack == CONSUMER_ACK_NONE)
        tell(a, c, seq);
}

static void redeliver(const struct apply *a, struct consumer *c, const struct consumer_item *item)
{
    uint64_t begun = consumers_begin_change(a->set, c);
    for (uint32_t i = 0; i < item->length; i++)
        consumer_redeliver(c, item->seq + i, item->dseq + i, item->count, a->now_ms);
    consumers_end_change(a->set, c, begun);
}

/* Nothing above the stream's end can have been delivered, nor anything to a consumer that waits
 * there. */
static bool delivery_is_possible(const struct apply *a, const struct consumer *c,
                                 const struct consumer_item *item)
{
    return c->delivered.seq <= a->set->last_seq && item->seq + item->length - 1 <= a->set->last_seq;
}

static int apply_delivered(const struct apply *a, struct bytes body)
{
    struct consumer_reader r;
    struct consumer_item item;
    int status = consumer_items_check(body, false);
    if (status < 0)
        return status;
    status = consumer_reader_begin(&r, body, false);
    CHECK(status == 0);
    while (consumer_reader_next(&r, &item) > 0) {
        struct consumer *c = consumers_find(a->set, item.id);
        if (c == NULL || !delivery_is_possible(a, c, &item))
            continue;
        if (item.count > 1) {
            redeliver(a, c, &item);
            continue;
        }
        for (uint32_t i = 0; i < item.length; i++)
            deliver(a, c, item.seq + i, item.dseq + i);
    }
    return 0;
}

/* --- ACKS ------------------------------------------------------------------------------------- */

/* Hands on what a consumer settles when its own state is whole, and the set's, too. */
struct relay {
    const struct apply *apply;
    uint64_t begun;
};

static void on_settled(void *context, struct consumer *c, uint64_t seq)
{
    struct relay *relay = context;
    consumers_end_change(relay->apply->set, c, relay->begun);
    tell(relay->apply, c, seq);
    relay->begun = consumers_begin_change(relay->apply->set, c);
}

/* Where a soft consumer stands is not known here: what it is said to have settled, it has. */
static void settle_soft(const struct apply *a, struct consumer *c, uint64_t seq)
{
    uint64_t begun = consumers_begin_change(a->set, c);
    consumer_ack(c, seq, a->now_ms, NULL);
    consumers_end_change(a->set, c, begun);
    if (seq <= a->set->last_seq && is_live(a->world, seq))
        tell(a, c, seq);
}

static void acknowledge(const struct apply *a, struct consumer *c, uint64_t seq)
{
    if (c->flags & CONSUMER_SOFT) {
        settle_soft(a, c, seq);
        return;
    }
    struct relay relay = {a, consumers_begin_change(a->set, c)};
    struct settled_sink sink = {on_settled, &relay};
    consumer_ack(c, seq, a->now_ms, &sink);
    consumers_end_change(a->set, c, relay.begun);
}

static void apply_ack(const struct apply *a, struct consumer *c, const struct consumer_item *item,
                      uint64_t seq)
{
    if (item->op == CONSUMER_OP_ACK || item->op == CONSUMER_OP_TERM) {
        acknowledge(a, c, seq);
        return;
    }
    uint64_t begun = consumers_begin_change(a->set, c);
    if (item->op == CONSUMER_OP_NAK)
        consumer_nak(c, seq, item->delay_ms, a->now_ms);
    if (item->op == CONSUMER_OP_PROGRESS)
        consumer_progress(c, seq, a->now_ms);
    if (item->op == CONSUMER_OP_EXHAUST)
        consumer_exhaust(c, seq);
    consumers_end_change(a->set, c, begun);
}

static int apply_acks(const struct apply *a, struct bytes body)
{
    struct consumer_reader r;
    struct consumer_item item;
    int status = consumer_items_check(body, true);
    if (status < 0)
        return status;
    status = consumer_reader_begin(&r, body, true);
    CHECK(status == 0);
    while (consumer_reader_next(&r, &item) > 0) {
        struct consumer *c = consumers_find(a->set, item.id);
        for (uint32_t i = 0; c != NULL && i < item.length; i++)
            apply_ack(a, c, &item, item.seq + i);
    }
    return 0;
}

/* --- entries ---------------------------------------------------------------------------------- */

static int apply_kind(const struct apply *a, enum entry_kind kind, struct bytes body)
{
    if (kind == ENTRY_DELIVERED)
        return apply_delivered(a, body);
    if (kind == ENTRY_ACKS)
        return apply_acks(a, body);
    if (kind == ENTRY_CONSUMER_PUT)
        return apply_put(a, body);
    if (kind == ENTRY_CONSUMER_DROP)
        return apply_drop(a, body);
    if (kind == ENTRY_CONSUMER_SET)
        return apply_set(a, body);
    if (kind == ENTRY_HANDOVER)
        return apply_handover(a, body);
    UNREACHABLE("an entry that is not about consumers");
}

int consumers_apply(struct consumers *set, const struct entry *e,
                    const struct consumers_world *world, struct consumers_applied *ret)
{
    struct consumers_applied result = {0};
    struct apply a = {
        .set = set,
        .world = world,
        .sink = {world->settled, world->context},
        .now_ms = world->now_ns / NS_PER_MS,
        .result = &result,
    };
    int status = apply_kind(&a, e->kind, e->body);
    if (status == 0)
        *ret = result;
    return status;
}

/* What has not been passed yet is settled by delivery alone. */
static void preview_delivered(const struct apply *a, struct consumer *c,
                              const struct consumer_item *item)
{
    if (c->ack != CONSUMER_ACK_NONE || item->count > 1 || !delivery_is_possible(a, c, item))
        return;
    for (uint32_t i = 0; i < item->length; i++) {
        if (item->seq + i > c->delivered.seq && is_live(a->world, item->seq + i))
            tell(a, c, item->seq + i);
    }
}

static void preview_acks(const struct apply *a, struct consumer *c,
                         const struct consumer_item *item)
{
    if (item->op != CONSUMER_OP_ACK && item->op != CONSUMER_OP_TERM)
        return;
    for (uint32_t i = 0; i < item->length; i++) {
        if ((c->flags & CONSUMER_SOFT) == 0) {
            consumer_ack_preview(c, item->seq + i, &a->sink);
        } else if (item->seq + i <= a->set->last_seq && is_live(a->world, item->seq + i)) {
            tell(a, c, item->seq + i);
        }
    }
}

void consumers_preview(struct consumers *set, const struct entry *e,
                       const struct consumers_world *world)
{
    struct apply a = {.set = set, .world = world, .sink = {world->settled, world->context}};
    bool acks = e->kind == ENTRY_ACKS;
    struct consumer_reader r;
    struct consumer_item item;
    if (!acks && e->kind != ENTRY_DELIVERED)
        return;
    if (consumer_reader_begin(&r, e->body, acks) < 0)
        return;
    while (consumer_reader_next(&r, &item) > 0) {
        struct consumer *c = consumers_find(set, item.id);
        if (c != NULL && acks)
            preview_acks(&a, c, &item);
        if (c != NULL && !acks)
            preview_delivered(&a, c, &item);
    }
}
