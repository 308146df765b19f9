/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the body of an entry about consumers; the first says of which kind. What is taken is
 * written again, and means the same. */
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/consumer_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILTERS = 64, BACKOFF = 64 };

static void try_put(struct bytes body)
{
    struct consumer_put p;
    struct bytes filters[FILTERS];
    uint64_t backoff[BACKOFF];
    struct buffer b = {0};
    if (consumer_put_read(body, &p) < 0 || p.filter_count > FILTERS || p.backoff_count > BACKOFF)
        return;
    struct cursor c = cursor_of(p.filters);
    for (uint32_t i = 0; i < p.filter_count; i++)
        filters[i] = cursor_bytes(&c);
    CHECK(cursor_is_at_end(&c));
    c = cursor_of(p.backoff);
    for (uint32_t i = 0; i < p.backoff_count; i++)
        backoff[i] = cursor_varint(&c);
    CHECK(cursor_is_at_end(&c));
    consumer_put_write(&b, &p, filters, backoff);
    CHECK(bytes_equal(buffer_view(&b), body));
    buffer_done(&b);
}

static void try_set(struct bytes body)
{
    struct consumer_set s;
    struct buffer b = {0};
    if (consumer_set_read(body, &s) < 0)
        return;
    consumer_set_write(&b, &s);
    CHECK(bytes_equal(buffer_view(&b), body));
    buffer_done(&b);
}

/* Runs may be cut otherwise: each sequence comes again with what was said of it. */
static void compare(struct bytes a, struct bytes b, bool acks)
{
    struct consumer_reader ra;
    struct consumer_reader rb;
    struct consumer_item x = {0};
    struct consumer_item y = {0};
    CHECK(consumer_reader_begin(&ra, a, acks) == 0 && consumer_reader_begin(&rb, b, acks) == 0);
    for (;;) {
        int more_x = x.length > 0 ? 1 : consumer_reader_next(&ra, &x);
        int more_y = y.length > 0 ? 1 : consumer_reader_next(&rb, &y);
        CHECK(more_x == more_y);
        if (more_x == 0)
            return;
        CHECK(x.id == y.id && x.seq == y.seq && x.dseq == y.dseq && x.count == y.count);
        CHECK(x.op == y.op && x.delay_ms == y.delay_ms);
        uint32_t both = x.length < y.length ? x.length : y.length;
        x = (struct consumer_item){
            x.id, x.length - both, x.seq + both, acks ? 0 : x.dseq + both, x.count,
            x.op, x.delay_ms};
        y = (struct consumer_item){
            y.id, y.length - both, y.seq + both, acks ? 0 : y.dseq + both, y.count,
            y.op, y.delay_ms};
    }
}

static void try_items(struct bytes body, bool acks)
{
    struct consumer_reader r;
    struct consumer_writer w;
    struct consumer_item item;
    struct buffer b = {0};
    uint32_t id = 0;
    uint64_t dseq = 0;
    if (consumer_items_check(body, acks) < 0)
        return;
    consumer_writer_begin(&w, &b, acks);
    CHECK(consumer_reader_begin(&r, body, acks) == 0);
    bool joined =
        false; /* parts of one consumer, one after the other, which a writer does not make */
    while (consumer_reader_next(&r, &item) > 0 && !joined) {
        joined = !acks && item.id == id && item.dseq != dseq;
        for (uint32_t i = 0; i < item.length && !joined; i++) {
            struct consumer_item one = item;
            one.length = 1;
            one.seq = item.seq + i;
            one.dseq = acks ? 0 : item.dseq + i;
            consumer_writer_add(&w, &one);
        }
        id = item.id;
        dseq = item.dseq + item.length;
    }
    consumer_writer_end(&w);
    if (!joined)
        compare(body, buffer_view(&b), acks);
    buffer_done(&b);
}

static void try_rest(struct bytes body)
{
    struct buffer b = {0};
    struct bytes state;
    uint32_t id;
    if (consumer_drop_read(body, &id) == 0) {
        consumer_drop_write(&b, id);
        CHECK(bytes_equal(buffer_view(&b), body));
    }
    b.size = 0;
    if (consumer_handover_read(body, &id, &state) == 0) {
        consumer_handover_write(&b, id, state);
        CHECK(bytes_equal(buffer_view(&b), body));
    }
    buffer_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes body = {(const char *)data + 1, size - 1};
    switch (data[0] % 5) {
    case 0: try_put(body); break;
    case 1: try_set(body); break;
    case 2: try_items(body, false); break;
    case 3: try_items(body, true); break;
    default: try_rest(body); break;
    }
    return 0;
}
