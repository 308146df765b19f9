/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/consumer_entry.h"

#include <errno.h>
#include <stdlib.h>

#include "protocols/nats/subject.h"
#include "runtime/base/check.h"

enum { VERSION = 1 };

/* An item begins with length - 1 above these bits. */
enum {
    DELIVERED_AGAIN = 1u << 0,
    DELIVERED_LAST = 1u << 1,
    DELIVERED_BITS = 2,
    ACKS_OP_MASK = 7,
    ACKS_LAST = 1u << 3,
    ACKS_BITS = 4,
};

/* 0; the bytes are of another version, or none. */
static int read_version(struct cursor *c)
{
    uint8_t version = cursor_u8(c);
    if (c->bad)
        return -EBADMSG;
    return version == VERSION ? 0 : -ENOTSUP;
}

static uint32_t read_id(struct cursor *c)
{
    uint32_t id = (uint32_t)cursor_varint_max(c, UINT32_MAX);
    if (id == 0)
        c->bad = true;
    return id;
}

static int ended(const struct cursor *c)
{
    return cursor_is_at_end(c) ? 0 : -EBADMSG;
}

/* --- PUT -------------------------------------------------------------------------------------- */

static int bytes_order(const void *a, const void *b)
{
    const struct bytes *x = a;
    const struct bytes *y = b;
    size_t size = x->size < y->size ? x->size : y->size;
    int order = size == 0 ? 0 : memcmp(x->at, y->at, size);
    return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

static void write_filters(struct buffer *b, const struct bytes *filters, uint32_t count)
{
    if (count == 0) {
        buffer_varint(b, 0);
        return;
    }
    struct bytes *sorted = malloc(count * sizeof *sorted);
    CHECK(sorted != NULL);
    memcpy(sorted, filters, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, bytes_order);
    uint32_t distinct = 1;
    for (uint32_t i = 1; i < count; i++) {
        if (!bytes_equal(sorted[i], sorted[distinct - 1]))
            sorted[distinct++] = sorted[i];
    }
    buffer_varint(b, distinct);
    for (uint32_t i = 0; i < distinct; i++)
        buffer_bytes(b, sorted[i]);
    free(sorted);
}

void consumer_put_write(struct buffer *b, const struct consumer_put *put,
                        const struct bytes *filters, const uint64_t *backoff_ms)
{
    CHECK(put->id != 0 && put->name.size > 0 && put->name.size <= CONSUMER_NAME_MAX);
    CHECK(put->filter_count <= CONSUMER_FILTERS_MAX && put->backoff_count <= CONSUMER_BACKOFF_MAX);
    CHECK(put->config.size <= CONSUMER_CONFIG_MAX);
    buffer_u8(b, VERSION);
    buffer_u8(b, put->ack);
    buffer_u8(b, put->flags);
    buffer_varint(b, put->id);
    buffer_svarint(b, put->created_ns);
    buffer_varint(b, put->start_seq);
    buffer_varint(b, put->last_until);
    buffer_varint(b, put->max_deliver);
    buffer_varint(b, put->max_ack_pending);
    buffer_varint(b, put->ack_wait_ms);
    buffer_bytes(b, put->name);
    buffer_varint(b, put->backoff_count);
    for (uint32_t i = 0; i < put->backoff_count; i++)
        buffer_varint(b, backoff_ms[i]);
    write_filters(b, filters, put->filter_count);
    buffer_bytes(b, put->config);
}

static struct bytes read_backoff(struct cursor *c, uint32_t *ret_count)
{
    *ret_count = (uint32_t)cursor_varint_max(c, CONSUMER_BACKOFF_MAX);
    const char *at = c->at;
    for (uint32_t i = 0; i < *ret_count && !c->bad; i++)
        (void)cursor_varint_max(c, CONSUMER_MS_MAX);
    return (struct bytes){at, (size_t)(c->at - at)};
}

static struct bytes read_filters(struct cursor *c, uint32_t *ret_count)
{
    *ret_count = (uint32_t)cursor_varint_max(c, CONSUMER_FILTERS_MAX);
    const char *at = c->at;
    struct bytes before = {NULL, 0};
    for (uint32_t i = 0; i < *ret_count && !c->bad; i++) {
        struct bytes filter = cursor_bytes(c);
        if (c->bad || filter.size > SUBJECT_SIZE_MAX || !subject_is_valid(filter) ||
            (i > 0 && bytes_order(&before, &filter) >= 0))
            c->bad = true;
        before = filter;
    }
    return (struct bytes){at, (size_t)(c->at - at)};
}

int consumer_put_read(struct bytes body, struct consumer_put *ret)
{
    struct cursor c = cursor_of(body);
    int status = read_version(&c);
    if (status < 0)
        return status;
    struct consumer_put p = {.ack = cursor_u8(&c)};
    p.flags = cursor_u8(&c);
    p.id = read_id(&c);
    p.created_ns = cursor_svarint(&c);
    p.start_seq = cursor_varint_max(&c, CONSUMER_SEQ_MAX);
    p.last_until = cursor_varint_max(&c, CONSUMER_SEQ_MAX);
    p.max_deliver = (uint32_t)cursor_varint_max(&c, UINT32_MAX);
    p.max_ack_pending = (uint32_t)cursor_varint_max(&c, UINT32_MAX);
    p.ack_wait_ms = cursor_varint_max(&c, CONSUMER_MS_MAX);
    p.name = cursor_bytes(&c);
    p.backoff = read_backoff(&c, &p.backoff_count);
    p.filters = read_filters(&c, &p.filter_count);
    p.config = cursor_bytes(&c);
    if (p.ack >= CONSUMER_ACKS || (p.flags & ~(unsigned)CONSUMER_FLAGS) != 0 || p.name.size == 0 ||
        p.name.size > CONSUMER_NAME_MAX || p.config.size > CONSUMER_CONFIG_MAX)
        return -EBADMSG;
    if (ended(&c) < 0)
        return -EBADMSG;
    *ret = p;
    return 0;
}

/* --- DROP, SET, HANDOVER ---------------------------------------------------------------------- */

void consumer_drop_write(struct buffer *b, uint32_t id)
{
    buffer_u8(b, VERSION);
    buffer_varint(b, id);
}

int consumer_drop_read(struct bytes body, uint32_t *ret_id)
{
    struct cursor c = cursor_of(body);
    int status = read_version(&c);
    if (status < 0)
        return status;
    uint32_t id = read_id(&c);
    if (ended(&c) < 0)
        return -EBADMSG;
    *ret_id = id;
    return 0;
}

void consumer_set_write(struct buffer *b, const struct consumer_set *set)
{
    buffer_u8(b, VERSION);
    buffer_varint(b, set->id);
    buffer_u8(b, (uint8_t)set->what);
    switch (set->what) {
    case CONSUMER_SET_RESET: buffer_varint(b, set->seq); return;
    case CONSUMER_SET_PAUSE: buffer_svarint(b, set->until_ns); return;
    case CONSUMER_SET_OWNER: buffer_u64(b, set->owner); return;
    case CONSUMER_SET_PIN:
        CHECK(set->pin.size <= CONSUMER_PIN_MAX);
        buffer_svarint(b, set->until_ns);
        buffer_bytes(b, set->pin);
        return;
    case CONSUMER_SETS: break;
    }
    UNREACHABLE("nothing that can be set");
}

int consumer_set_read(struct bytes body, struct consumer_set *ret)
{
    struct cursor c = cursor_of(body);
    int status = read_version(&c);
    if (status < 0)
        return status;
    struct consumer_set s = {.id = read_id(&c)};
    uint8_t what = cursor_u8(&c);
    if (c.bad || what >= CONSUMER_SETS)
        return -EBADMSG;
    s.what = (enum consumer_set_what)what;
    switch (s.what) {
    case CONSUMER_SET_RESET: s.seq = cursor_varint_max(&c, CONSUMER_SEQ_MAX); break;
    case CONSUMER_SET_PAUSE: s.until_ns = cursor_svarint(&c); break;
    case CONSUMER_SET_OWNER: s.owner = cursor_u64(&c); break;
    case CONSUMER_SET_PIN:
        s.until_ns = cursor_svarint(&c);
        s.pin = cursor_bytes(&c);
        break;
    case CONSUMER_SETS: UNREACHABLE("refused above");
    }
    if (ended(&c) < 0 || s.pin.size > CONSUMER_PIN_MAX)
        return -EBADMSG;
    *ret = s;
    return 0;
}

void consumer_handover_write(struct buffer *b, uint32_t id, struct bytes state)
{
    buffer_u8(b, VERSION);
    buffer_varint(b, id);
    buffer_bytes(b, state);
}

int consumer_handover_read(struct bytes body, uint32_t *ret_id, struct bytes *ret_state)
{
    struct cursor c = cursor_of(body);
    int status = read_version(&c);
    if (status < 0)
        return status;
    uint32_t id = read_id(&c);
    struct bytes state = cursor_bytes(&c);
    if (ended(&c) < 0)
        return -EBADMSG;
    *ret_id = id;
    *ret_state = state;
    return 0;
}

/* --- items, written --------------------------------------------------------------------------- */

void consumer_writer_begin(struct consumer_writer *w, struct buffer *b, bool acks)
{
    *w = (struct consumer_writer){.buffer = b, .acks = acks};
    buffer_u8(b, VERSION);
}

static void write_run(struct consumer_writer *w, bool last)
{
    const struct consumer_item *run = &w->run;
    if (w->acks) {
        buffer_varint(w->buffer, (uint64_t)(run->length - 1) << ACKS_BITS | (last ? ACKS_LAST : 0) |
                                     (uint64_t)run->op);
    } else {
        buffer_varint(w->buffer, (uint64_t)(run->length - 1) << DELIVERED_BITS |
                                     (last ? DELIVERED_LAST : 0) |
                                     (run->count > 1 ? DELIVERED_AGAIN : 0));
    }
    buffer_svarint(w->buffer, (int64_t)(run->seq - w->expected));
    if (w->acks && run->op == CONSUMER_OP_NAK)
        buffer_varint(w->buffer, run->delay_ms);
    if (!w->acks && run->count > 1)
        buffer_varint(w->buffer, run->count - 2);
    w->expected = run->seq + run->length;
}

static bool continues(const struct consumer_writer *w, const struct consumer_item *item)
{
    const struct consumer_item *run = &w->run;
    if (item->seq != run->seq + run->length)
        return false;
    return w->acks ? item->op == run->op && item->delay_ms == run->delay_ms
                   : item->count == run->count;
}

void consumer_writer_add(struct consumer_writer *w, const struct consumer_item *item)
{
    CHECK(item->length == 1 && item->id != 0 && item->seq != 0 && w->items < CONSUMER_ITEMS_MAX);
    CHECK(w->acks ? item->op < CONSUMER_OPS && (item->op == CONSUMER_OP_NAK || item->delay_ms == 0)
                  : item->count >= 1 && item->dseq != 0);
    w->items++;
    if (item->id == w->run.id) {
        CHECK(w->acks || item->dseq == w->run.dseq + w->run.length);
        if (continues(w, item)) {
            w->run.length++;
            return;
        }
        write_run(w, false);
        w->run = *item;
        return;
    }
    if (w->run.id != 0)
        write_run(w, true);
    buffer_varint(w->buffer, item->id);
    if (!w->acks)
        buffer_varint(w->buffer, item->dseq);
    w->expected = 0;
    w->run = *item;
}

void consumer_writer_end(struct consumer_writer *w)
{
    if (w->run.id != 0)
        write_run(w, true);
    w->run = (struct consumer_item){0};
}

/* --- items, read ------------------------------------------------------------------------------ */

int consumer_reader_begin(struct consumer_reader *r, struct bytes body, bool acks)
{
    *r = (struct consumer_reader){.cursor = cursor_of(body), .acks = acks};
    return read_version(&r->cursor);
}

/* What stands first in an item; *ret_last: it is the last of its consumer. */
static void read_head(struct consumer_reader *r, struct consumer_item *item, bool *ret_last)
{
    uint64_t head = cursor_varint(&r->cursor);
    uint64_t length = 1;
    if (r->acks) {
        item->op = (enum consumer_op)(head & ACKS_OP_MASK);
        *ret_last = (head & ACKS_LAST) != 0;
        length += head >> ACKS_BITS;
        if ((head & ACKS_OP_MASK) >= CONSUMER_OPS)
            r->cursor.bad = true;
    } else {
        item->count = head & DELIVERED_AGAIN ? 2 : 1;
        *ret_last = (head & DELIVERED_LAST) != 0;
        length += head >> DELIVERED_BITS;
    }
    if (length > CONSUMER_ITEMS_MAX - r->items)
        r->cursor.bad = true;
    item->length = (uint32_t)length;
}

static void read_rest(struct consumer_reader *r, struct consumer_item *item)
{
    struct cursor *c = &r->cursor;
    item->seq = r->expected + (uint64_t)cursor_svarint(c);
    if (item->seq == 0 || item->seq > CONSUMER_SEQ_MAX - item->length ||
        item->dseq > CONSUMER_SEQ_MAX - item->length)
        c->bad = true;
    if (r->acks && item->op == CONSUMER_OP_NAK)
        item->delay_ms = cursor_varint_max(c, CONSUMER_MS_MAX);
    if (!r->acks && item->count > 1)
        item->count = 2 + (uint32_t)cursor_varint_max(c, UINT32_MAX - 2);
}

int consumer_reader_next(struct consumer_reader *r, struct consumer_item *ret)
{
    struct cursor *c = &r->cursor;
    if (r->id == 0) {
        if (cursor_is_at_end(c))
            return 0;
        r->id = read_id(c);
        r->dseq = r->acks ? 0 : cursor_varint_max(c, CONSUMER_SEQ_MAX);
        r->expected = 0;
        if (!r->acks && r->dseq == 0)
            c->bad = true;
    }
    struct consumer_item item = {.id = r->id, .dseq = r->dseq};
    bool last = false;
    read_head(r, &item, &last);
    read_rest(r, &item);
    if (c->bad)
        return -EBADMSG;
    r->items += item.length;
    r->expected = item.seq + item.length;
    if (!r->acks)
        r->dseq += item.length;
    if (last)
        r->id = 0;
    *ret = item;
    return 1;
}

int consumer_items_check(struct bytes body, bool acks)
{
    struct consumer_reader r;
    struct consumer_item item;
    int status = consumer_reader_begin(&r, body, acks);
    while (status == 0) {
        int more = consumer_reader_next(&r, &item);
        if (more == 0)
            break;
        status = more < 0 ? more : 0;
    }
    return status;
}
