/* SPDX-License-Identifier: Apache-2.0 */
/* A stream's consumers under random deliveries, acknowledgements, removals and purges, against a
 * model that keeps one cell a consumer and sequence and derives everything by looking at all of
 * them. With interest retention the test plays the stream's half: what nobody wants any more, it
 * removes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "protocols/nats/subject.h"
#include "runtime/base/prng.h"
#include "store/group/consumer_form.h"
#include "store/group/consumers.h"
#include "store/msglog.h"

enum { SEQS_MAX = 3000, CONSUMERS = 12, SUBJECTS = 6, FILTER_SETS = 7, STEPS = 6000 };

static const char *subjects[SUBJECTS] = {"a", "a.b", "a.c", "b.x.y", "b.z.y", "c"};
static const char *filter_sets[FILTER_SETS][3] = {
    {NULL},          {"a.*", NULL}, {"a.b", NULL}, {">", NULL}, {"b.>", "c", NULL},
    {"b.*.y", NULL}, {"a", "a.c"},
};

enum cell_state { FREE, WAITS, EXHAUSTED };

struct cell {
    enum cell_state state;
    uint64_t dseq;
    int64_t time_ms;
    uint32_t count;
};

struct model_consumer {
    bool there;
    uint8_t ack;
    int filters;
    uint32_t max_deliver;
    bool lasts;
    uint64_t last_until;
    struct consumer_place delivered;
    struct consumer_place floor;
    struct cell cells[SEQS_MAX + 1];
};

struct world {
    struct prng prng;
    struct consumers *set;
    struct model_consumer consumers[CONSUMERS + 1];
    int subject[SEQS_MAX + 1];
    bool live[SEQS_MAX + 1];     /* the model's */
    bool real[SEQS_MAX + 1];     /* what the test's half of the stream has left, told by the set */
    bool foreseen[SEQS_MAX + 1]; /* by the preview of the entry at hand */
    uint64_t last;
    int64_t now_ms;
    bool interest;
    struct entry entry;
    struct buffer body;
};

/* --- the model -------------------------------------------------------------------------------- */

static struct bytes subject_of(const struct world *w, uint64_t seq)
{
    return bytes_of(subjects[w->subject[seq]]);
}

static bool filters_match(int filters, struct bytes subject)
{
    if (filter_sets[filters][0] == NULL)
        return true;
    for (int i = 0; i < 3 && filter_sets[filters][i] != NULL; i++) {
        if (subject_matches(bytes_of(filter_sets[filters][i]), subject))
            return true;
    }
    return false;
}

static bool model_matches(const struct world *w, const struct model_consumer *c, uint64_t seq)
{
    return filters_match(c->filters, subject_of(w, seq));
}

static uint64_t model_first_seq(const struct world *w)
{
    for (uint64_t seq = 1; seq <= w->last; seq++) {
        if (w->live[seq])
            return seq;
    }
    return w->last + 1;
}

static uint64_t first_waiting(const struct world *w, const struct model_consumer *c)
{
    for (uint64_t seq = 1; seq <= w->last; seq++) {
        if (c->cells[seq].state == WAITS)
            return seq;
    }
    return 0;
}

static bool model_want(const struct world *w, uint64_t seq)
{
    for (int id = 1; id <= CONSUMERS; id++) {
        const struct model_consumer *c = &w->consumers[id];
        if (c->there && model_matches(w, c, seq) &&
            (seq > c->delivered.seq || c->cells[seq].state != FREE))
            return true;
    }
    return false;
}

static void model_floor(struct world *w, struct model_consumer *c, uint64_t first_before)
{
    uint64_t first = first_waiting(w, c);
    if (first == 0) {
        c->floor = c->delivered;
    } else if (first != first_before) {
        c->floor = (struct consumer_place){c->cells[first].dseq - 1, first - 1};
    }
}

static void model_free(struct world *w, struct model_consumer *c, uint64_t seq)
{
    uint64_t first = first_waiting(w, c);
    c->cells[seq].state = FREE;
    model_floor(w, c, first);
}

static void model_remove(struct world *w, uint64_t seq)
{
    if (!w->live[seq])
        return;
    w->live[seq] = false;
    for (int id = 1; id <= CONSUMERS; id++) {
        if (w->consumers[id].there && w->consumers[id].cells[seq].state != FREE)
            model_free(w, &w->consumers[id], seq);
    }
}

/* What nobody wants goes. */
static void model_lose_interest(struct world *w)
{
    for (uint64_t seq = 1; w->interest && seq <= w->last; seq++) {
        if (w->live[seq] && !model_want(w, seq))
            model_remove(w, seq);
    }
}

static uint64_t model_ahead(const struct world *w, const struct model_consumer *c)
{
    uint64_t ahead = 0;
    for (uint64_t seq = c->delivered.seq + 1; seq <= w->last; seq++)
        ahead += w->live[seq] && model_matches(w, c, seq);
    return ahead;
}

static void model_ack(struct world *w, struct model_consumer *c, uint64_t seq)
{
    uint64_t first = first_waiting(w, c);
    if (seq > c->delivered.seq)
        return;
    if (c->ack == CONSUMER_ACK_ALL && first != 0 && first <= seq) {
        for (uint64_t at = 1; at <= seq; at++) {
            if (c->cells[at].state == WAITS)
                c->cells[at].state = FREE;
        }
        model_floor(w, c, first);
        if (first_waiting(w, c) != 0)
            c->floor.seq = seq;
    } else if (c->cells[seq].state != FREE) {
        model_free(w, c, seq);
    }
}

/* --- the set under test ----------------------------------------------------------------------- */

static bool is_live(void *context, uint64_t seq)
{
    const struct world *w = context;
    return w->real[seq];
}

static void real_remove(struct world *w, uint64_t seq)
{
    if (!w->real[seq])
        return;
    w->real[seq] = false;
    consumers_removed(w->set, seq, subject_of(w, seq));
}

static void on_preview(void *context, struct consumer *c, uint64_t seq)
{
    struct world *w = context;
    assert_true(seq > 0 && seq <= w->last);
    w->foreseen[seq] = true;
}

static void on_settled(void *context, struct consumer *c, uint64_t seq)
{
    struct world *w = context;
    assert_true(seq > 0 && seq <= w->last && w->foreseen[seq]);
    assert_non_null(consumers_find(w->set, c->id));
    if (w->interest && w->real[seq] && !consumers_want(w->set, seq, subject_of(w, seq)))
        real_remove(w, seq);
}

static int apply(struct world *w, enum entry_kind kind, struct consumers_applied *ret)
{
    uint64_t first = 1;
    while (first <= w->last && !w->real[first])
        first++;
    int64_t now_ns = w->now_ms * 1000000;
    struct consumers_world preview = {now_ns, first, is_live, on_preview, w};
    struct consumers_world world = {now_ns, first, is_live, on_settled, w};
    w->entry.kind = kind;
    w->entry.body = buffer_view(&w->body);
    uint64_t hash = w->set->hash;
    memset(w->foreseen, 0, sizeof w->foreseen);
    consumers_preview(w->set, &w->entry, &preview);
    assert_int_equal(w->set->hash, hash);
    int status = consumers_apply(w->set, &w->entry, &world, ret);
    w->body.size = 0;
    return status;
}

static void apply_well(struct world *w, enum entry_kind kind)
{
    struct consumers_applied applied;
    assert_int_equal(apply(w, kind, &applied), 0);
    for (uint64_t seq = applied.lapsed_from; seq != 0 && seq <= applied.lapsed_to; seq++) {
        if (w->interest && w->real[seq] && !consumers_want(w->set, seq, subject_of(w, seq)))
            real_remove(w, seq);
    }
    model_lose_interest(w);
}

/* --- steps ------------------------------------------------------------------------------------ */

static struct model_consumer *any_consumer(struct world *w, uint32_t *ret_id)
{
    *ret_id = 1 + (uint32_t)prng_below(&w->prng, CONSUMERS);
    struct model_consumer *c = &w->consumers[*ret_id];
    return c->there ? c : NULL;
}

static void step_append(struct world *w)
{
    if (w->last == SEQS_MAX)
        return;
    if (prng_one_in(&w->prng, 40) && w->last + 5 < SEQS_MAX) {
        w->last += 3;
        consumers_skipped(w->set, w->last);
    }
    uint64_t seq = ++w->last;
    w->subject[seq] = (int)prng_below(&w->prng, SUBJECTS);
    w->live[seq] = true;
    w->real[seq] = true;
    assert_int_equal(consumers_want(w->set, seq, subject_of(w, seq)), model_want(w, seq));
    consumers_appended(w->set, seq, subject_of(w, seq));
    if (w->interest && !model_want(w, seq)) {
        real_remove(w, seq);
        model_remove(w, seq);
    }
}

static void write_put(struct world *w, uint32_t id, const struct model_consumer *c, uint64_t start)
{
    struct bytes filters[3];
    uint64_t backoff[3] = {10, 20, 30};
    char name[16];
    snprintf(name, sizeof name, "c%u", id);
    struct consumer_put put = {.id = id, .ack = c->ack, .max_deliver = c->max_deliver};
    put.start_seq = start;
    put.flags = c->lasts ? CONSUMER_LASTS : start > w->last + 1 ? CONSUMER_START_AHEAD : 0;
    put.last_until = c->last_until;
    put.ack_wait_ms = 30;
    put.backoff_count = id % 3;
    put.name = bytes_of(name);
    put.config = BYTES("{\"some\":\"json\"}");
    while (put.filter_count < 3 && filter_sets[c->filters][put.filter_count] != NULL) {
        filters[put.filter_count] = bytes_of(filter_sets[c->filters][put.filter_count]);
        put.filter_count++;
    }
    consumer_put_write(&w->body, &put, filters, backoff);
}

static void step_put(struct world *w)
{
    uint32_t id = 1 + (uint32_t)prng_below(&w->prng, CONSUMERS);
    struct model_consumer *c = &w->consumers[id];
    if (c->there) { /* other filters */
        c->filters = (int)prng_below(&w->prng, FILTER_SETS);
        write_put(w, id, c, 1);
        apply_well(w, ENTRY_CONSUMER_PUT);
        return;
    }
    *c = (struct model_consumer){.there = true};
    c->ack = (uint8_t)prng_below(&w->prng, 3);
    c->filters = (int)prng_below(&w->prng, FILTER_SETS);
    c->max_deliver = (uint32_t)prng_below(&w->prng, 4);
    c->lasts = prng_one_in(&w->prng, 5);
    c->last_until = c->lasts ? w->last : 0;
    uint64_t start = prng_below(&w->prng, w->last + 2);
    if (!c->lasts && prng_one_in(&w->prng, 10))
        start = w->last + 1 + prng_below(&w->prng, 30);
    write_put(w, id, c, start);
    uint64_t first = model_first_seq(w);
    uint64_t from = start == 0 ? w->last + 1 : start < first ? first : start;
    c->delivered.seq = from - 1;
    c->floor = c->delivered;
    apply_well(w, ENTRY_CONSUMER_PUT);
}

static void step_drop(struct world *w)
{
    uint32_t id;
    struct consumers_applied applied;
    struct model_consumer *c = any_consumer(w, &id);
    consumer_drop_write(&w->body, id);
    if (c == NULL) {
        assert_int_equal(apply(w, ENTRY_CONSUMER_DROP, &applied), -ENOENT);
        return;
    }
    c->there = false;
    apply_well(w, ENTRY_CONSUMER_DROP);
}

static void model_deliver(struct world *w, struct model_consumer *c, uint64_t seq)
{
    bool first = first_waiting(w, c) == 0;
    struct consumer_place before = c->delivered;
    c->delivered.dseq++;
    c->delivered.seq = seq;
    if (c->ack != CONSUMER_ACK_NONE && w->live[seq]) {
        c->cells[seq] = (struct cell){WAITS, c->delivered.dseq, w->now_ms, 1};
        c->floor = first ? before : c->floor;
    } else if (first) {
        c->floor = c->delivered;
    }
}

/* The next that a leader would send, or one that was removed while it was on its way. */
static uint64_t next_for(struct world *w, const struct model_consumer *c)
{
    for (uint64_t seq = c->delivered.seq + 1; seq <= w->last; seq++) {
        if (w->live[seq] ? model_matches(w, c, seq) : prng_one_in(&w->prng, 50))
            return seq;
    }
    return 0;
}

static void add_delivery(struct world *w, struct consumer_writer *writer, uint32_t id, uint64_t seq,
                         uint32_t count)
{
    struct consumer_item item = {.id = id, .length = 1, .seq = seq, .count = count};
    item.dseq = w->consumers[id].delivered.dseq + 1;
    consumer_writer_add(writer, &item);
}

static void redeliver_some(struct world *w, struct consumer_writer *writer, uint32_t id)
{
    struct model_consumer *c = &w->consumers[id];
    for (uint64_t seq = 1; seq <= w->last; seq++) {
        struct cell *cell = &c->cells[seq];
        bool stale = cell->state == FREE && seq <= c->delivered.seq;
        if (!prng_one_in(&w->prng, stale ? 300 : 4) || (cell->state != WAITS && !stale))
            continue;
        if (!stale && c->max_deliver != 0 && cell->count >= c->max_deliver)
            continue;
        uint32_t count = stale ? 2 : cell->count + 1;
        add_delivery(w, writer, id, seq, count);
        c->delivered.dseq++;
        if (first_waiting(w, c) == 0)
            c->floor = c->delivered;
        if (!stale) {
            cell->count = count;
            cell->time_ms = w->now_ms;
        }
    }
}

static void step_deliver(struct world *w)
{
    struct consumer_writer writer;
    consumer_writer_begin(&writer, &w->body, false);
    for (uint32_t id = 1; id <= CONSUMERS; id++) {
        struct model_consumer *c = &w->consumers[id];
        if (!c->there || c->delivered.seq > w->last || prng_one_in(&w->prng, 2))
            continue;
        if (prng_one_in(&w->prng, 5))
            redeliver_some(w, &writer, id);
        uint64_t seq;
        for (uint64_t n = prng_below(&w->prng, 6); n > 0 && (seq = next_for(w, c)) != 0; n--) {
            add_delivery(w, &writer, id, seq, 1);
            model_deliver(w, c, seq);
            if (c->ack == CONSUMER_ACK_NONE)
                model_lose_interest(w);
        }
    }
    consumer_writer_end(&writer);
    apply_well(w, ENTRY_DELIVERED);
}

static void model_other(struct world *w, struct model_consumer *c, const struct consumer_item *item)
{
    static const uint64_t backoff[3] = {10, 20, 30};
    struct cell *cell = &c->cells[item->seq];
    if (cell->state != WAITS)
        return;
    uint32_t steps = item->id % 3;
    uint32_t step = cell->count < steps ? cell->count : steps;
    uint64_t wait = steps == 0 ? 30 : backoff[step - 1];
    if (item->op == CONSUMER_OP_NAK)
        cell->time_ms = w->now_ms + (int64_t)item->delay_ms - (int64_t)wait;
    if (item->op == CONSUMER_OP_PROGRESS)
        cell->time_ms = w->now_ms;
    if (item->op == CONSUMER_OP_EXHAUST && c->max_deliver != 0 && cell->count >= c->max_deliver) {
        uint64_t first = first_waiting(w, c);
        cell->state = EXHAUSTED;
        model_floor(w, c, first);
    }
}

static void add_acks(struct world *w, struct consumer_writer *writer, uint32_t id)
{
    struct model_consumer *c = &w->consumers[id];
    for (uint64_t n = prng_below(&w->prng, 8); n > 0; n--) {
        struct consumer_item item = {.id = id, .length = 1};
        uint64_t back = prng_one_in(&w->prng, 5) ? w->last : 20;
        uint64_t near = c->delivered.seq < w->last ? c->delivered.seq + 2 : w->last;
        uint64_t low = near > back ? near - back : 0;
        item.seq = low + 1 + prng_below(&w->prng, near - low + 1);
        item.op = prng_one_in(&w->prng, 3) ? (enum consumer_op)prng_below(&w->prng, CONSUMER_OPS)
                                           : CONSUMER_OP_ACK;
        if (item.op == CONSUMER_OP_NAK)
            item.delay_ms = prng_below(&w->prng, 3) * 1000;
        consumer_writer_add(writer, &item);
        if (item.seq > w->last)
            continue;
        if (item.op == CONSUMER_OP_ACK || item.op == CONSUMER_OP_TERM) {
            model_ack(w, c, item.seq);
            model_lose_interest(w);
        } else {
            model_other(w, c, &item);
        }
    }
}

static void step_acks(struct world *w)
{
    struct consumer_writer writer;
    consumer_writer_begin(&writer, &w->body, true);
    for (uint32_t id = 1; id <= CONSUMERS; id++) {
        if (w->consumers[id].there && !prng_one_in(&w->prng, 3))
            add_acks(w, &writer, id);
    }
    consumer_writer_end(&writer);
    apply_well(w, ENTRY_ACKS);
}

static void step_remove(struct world *w)
{
    uint64_t seq =
        prng_one_in(&w->prng, 2) ? model_first_seq(w) : 1 + prng_below(&w->prng, w->last);
    if (seq > w->last)
        return;
    real_remove(w, seq);
    model_remove(w, seq);
}

static void model_forward(struct world *w, struct model_consumer *c, uint64_t first)
{
    if (c->delivered.seq < first - 1)
        c->delivered.seq = first - 1;
    uint64_t waiting = first_waiting(w, c);
    uint64_t up_to = (waiting != 0 && waiting < first ? waiting : first) - 1;
    if (waiting == 0) {
        c->floor = c->delivered;
    } else if (c->floor.seq < up_to) {
        c->floor.seq = up_to;
    }
}

static void step_compact(struct world *w)
{
    uint64_t first = model_first_seq(w) + prng_below(&w->prng, 20);
    if (first > w->last + 1)
        first = w->last + 1;
    uint64_t left = 0;
    for (uint64_t seq = 1; seq <= w->last; seq++) {
        if (seq < first) {
            model_remove(w, seq);
            w->real[seq] = false;
        }
        left += w->live[seq];
    }
    consumers_compacted(w->set, first, left);
    for (int id = 1; id <= CONSUMERS; id++) {
        if (w->consumers[id].there)
            model_forward(w, &w->consumers[id], first);
    }
}

static void step_purge(struct world *w)
{
    static const char *filters[] = {"a.>", "b.x.y", ">", "a", "*.b", "c"};
    struct bytes filter = bytes_of(filters[prng_below(&w->prng, 6)]);
    uint64_t up_to = prng_one_in(&w->prng, 3) ? w->last : prng_below(&w->prng, w->last + 1);
    uint64_t match = w->last + 1;
    for (uint64_t seq = w->last; seq > 0; seq--) {
        if (!w->live[seq] || !subject_matches(filter, subject_of(w, seq)))
            continue;
        if (seq > up_to) {
            match = seq;
            continue;
        }
        real_remove(w, seq);
        model_remove(w, seq);
    }
    uint64_t first = model_first_seq(w);
    consumers_purged(w->set, filter, first, match);
    for (int id = 1; id <= CONSUMERS; id++) {
        struct model_consumer *c = &w->consumers[id];
        bool within = filter_sets[c->filters][0] != NULL;
        bool meets = filter_sets[c->filters][0] == NULL;
        for (int i = 0; i < 3 && filter_sets[c->filters][i] != NULL; i++) {
            within &= subject_is_subset(bytes_of(filter_sets[c->filters][i]), filter);
            meets |= subjects_collide(bytes_of(filter_sets[c->filters][i]), filter);
        }
        if (c->there && (within || meets))
            model_forward(w, c, within ? match : first);
    }
}

static void step_reset(struct world *w)
{
    uint32_t id;
    struct model_consumer *c = any_consumer(w, &id);
    if (c == NULL || c->lasts)
        return;
    struct consumer_set set = {.id = id, .what = CONSUMER_SET_RESET};
    set.seq = prng_below(&w->prng, w->last + 3);
    uint64_t next = set.seq == 0 ? c->floor.seq + 1 : set.seq;
    consumer_set_write(&w->body, &set);
    memset(c->cells, 0, sizeof c->cells);
    c->delivered = (struct consumer_place){0, next - 1};
    c->floor = c->delivered;
    apply_well(w, ENTRY_CONSUMER_SET);
}

static void step_set(struct world *w)
{
    uint32_t id;
    if (any_consumer(w, &id) == NULL)
        return;
    struct consumer_set set = {.id = id};
    set.what = (enum consumer_set_what)(1 + prng_below(&w->prng, CONSUMER_SETS - 1));
    set.until_ns = (int64_t)prng_below(&w->prng, 2);
    set.owner = prng_below(&w->prng, 2);
    if (prng_one_in(&w->prng, 2))
        set.pin = BYTES("pinned");
    consumer_set_write(&w->body, &set);
    apply_well(w, ENTRY_CONSUMER_SET);
}

static void step_handover(struct world *w)
{
    uint32_t id;
    if (any_consumer(w, &id) == NULL)
        return;
    struct buffer state = {0};
    consumer_state_write(&state, consumers_find(w->set, id));
    consumer_handover_write(&w->body, id, buffer_view(&state));
    uint64_t hash = w->set->hash;
    apply_well(w, ENTRY_HANDOVER);
    assert_int_equal(w->set->hash, hash);
    buffer_done(&state);
}

/* The same state in bytes, and the set that is read from them goes on in its place. */
static void step_reload(struct world *w)
{
    struct buffer once = {0};
    struct buffer again = {0};
    struct consumers *read;
    consumers_write(&once, w->set);
    assert_int_equal(consumers_read(buffer_view(&once), 5, w->last, &read), 0);
    consumers_write(&again, read);
    assert_true(bytes_equal(buffer_view(&once), buffer_view(&again)));
    assert_int_equal(read->hash, w->set->hash);
    consumers_free(&w->set);
    w->set = read;
    buffer_done(&once);
    buffer_done(&again);
}

/* --- what has to agree ------------------------------------------------------------------------ */

static uint64_t count_lasts(const struct world *w, const struct filter *filter, uint64_t seq,
                            uint64_t lasts)
{
    bool matches = filter->count == 0;
    for (uint32_t i = 0; i < filter->count; i++)
        matches |= subject_matches(filter->subjects[i], subject_of(w, seq));
    for (uint64_t later = seq + 1; later <= lasts; later++)
        matches &= !w->real[later] || w->subject[later] != w->subject[seq];
    return w->real[seq] && matches;
}

/* Counts a slice, now and then only after having said -EAGAIN. */
static int count_slice(void *context, const struct filter *filter, uint64_t from, uint64_t to,
                       uint64_t lasts, uint64_t *ret_count, uint64_t *ret_to)
{
    struct world *w = context;
    if (prng_one_in(&w->prng, 4))
        return -EAGAIN;
    *ret_to = from + prng_below(&w->prng, to - from + 1);
    for (uint64_t seq = from; seq <= *ret_to; seq++)
        *ret_count += count_lasts(w, filter, seq, lasts);
    return 0;
}

static void step_count(struct world *w)
{
    struct count_source source = {count_slice, w};
    for (uint32_t id = 1; id <= CONSUMERS; id++) {
        if (prng_one_in(&w->prng, 2))
            continue;
        int status = consumers_count(w->set, id, &source);
        assert_true(status == 0 || status == -EAGAIN || status == -EINPROGRESS ||
                    (status == -ENOENT && !w->consumers[id].there));
    }
}

static void expect_cells(struct world *w, const struct model_consumer *c, struct consumer *real)
{
    struct delivery d;
    for (uint64_t seq = 1; seq <= w->last; seq++) {
        const struct cell *cell = &c->cells[seq];
        bool there = pending_get(&real->pending, seq, &d);
        assert_int_equal(there, cell->state != FREE);
        if (!there)
            continue;
        assert_int_equal(d.exhausted, cell->state == EXHAUSTED);
        assert_int_equal(d.dseq, cell->dseq);
        assert_int_equal(d.time_ms, cell->time_ms);
        assert_int_equal(d.count, cell->count);
    }
}

static void expect_consumer(struct world *w, uint32_t id, bool deep)
{
    const struct model_consumer *c = &w->consumers[id];
    struct consumer *real = consumers_find(w->set, id);
    struct consumer_info info;
    assert_int_equal(c->there, real != NULL);
    if (real == NULL)
        return;
    consumer_describe(real, &info);
    assert_int_equal(info.delivered.dseq, c->delivered.dseq);
    assert_int_equal(info.delivered.seq, c->delivered.seq);
    assert_int_equal(info.floor.dseq, c->floor.dseq);
    assert_int_equal(info.floor.seq, c->floor.seq);
    uint64_t ahead = model_ahead(w, c);
    if (info.counted && (!c->lasts || c->delivered.seq >= c->last_until))
        assert_int_equal(info.pending, ahead);
    assert_true(info.pending <= ahead);
    if (deep)
        expect_cells(w, c, real);
}

static void expect_all(struct world *w, int step)
{
    bool deep = step % 64 == 0;
    for (uint32_t id = 1; id <= CONSUMERS; id++)
        expect_consumer(w, id, deep);
    if (!deep)
        return;
    consumers_check(w->set);
    for (uint64_t seq = 1; seq <= w->last; seq++) {
        assert_int_equal(w->real[seq], w->live[seq]);
        if (w->live[seq])
            assert_int_equal(consumers_want(w->set, seq, subject_of(w, seq)), model_want(w, seq));
    }
}

static void step(struct world *w)
{
    w->now_ms += (int64_t)prng_below(&w->prng, 50);
    switch (prng_below(&w->prng, 24)) {
    case 0: step_put(w); return;
    case 1: prng_one_in(&w->prng, 6) ? step_drop(w) : step_set(w); return;
    case 2: prng_one_in(&w->prng, 4) ? step_compact(w) : step_count(w); return;
    case 3: prng_one_in(&w->prng, 4) ? step_purge(w) : step_count(w); return;
    case 4: prng_one_in(&w->prng, 4) ? step_reset(w) : step_count(w); return;
    case 5: prng_one_in(&w->prng, 3) ? step_reload(w) : step_handover(w); return;
    case 6: step_remove(w); return;
    case 7:
    case 8:
    case 9:
    case 10: step_deliver(w); return;
    case 11:
    case 12:
    case 13:
    case 14: step_acks(w); return;
    default: step_append(w); return;
    }
}

static void run(uint64_t seed, bool interest)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    prng_init(&w->prng, seed);
    w->interest = interest;
    w->now_ms = 1000000;
    w->set = consumers_new(seed);
    for (int i = 0; i < 20; i++)
        step_append(w);
    for (int i = 0; i < STEPS; i++) {
        step(w);
        expect_all(w, i);
    }
    consumers_free(&w->set);
    buffer_done(&w->body);
    free(w);
}

static void test_consumers_of_a_stream_with_limits_agree_with_the_model(void **state)
{
    for (uint64_t seed = 1; seed <= 2; seed++)
        run(seed, false);
}

static void test_with_interest_retention_exactly_what_nobody_wants_is_removed(void **state)
{
    for (uint64_t seed = 11; seed <= 12; seed++)
        run(seed, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_consumers_of_a_stream_with_limits_agree_with_the_model),
        cmocka_unit_test(test_with_interest_retention_exactly_what_nobody_wants_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
