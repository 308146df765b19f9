/* SPDX-License-Identifier: Apache-2.0 */
/* consumers_form.c -- all consumers of a stream as bytes, for its checkpoint.
 *
 * Idea        Per consumer, by id: its PUT body as it came, its state as HANDOVER has it, and what
 *             the two do not tell: how many messages are ahead, which would have to be counted
 *             again, and what SET left behind.
 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/group/consumer_form.h"
#include "store/group/consumers.h"

enum { VERSION = 1 };

enum record_flag {
    RECORD_COUNTED = 1u << 0,
    RECORD_EXTRAS = 1u << 1,
    RECORD_FLAGS = (1u << 2) - 1,
};

static void write_state(struct buffer *b, struct consumer *c)
{
    size_t begun = buffer_section_begin(b);
    consumer_state_write(b, c);
    buffer_section_end(b, begun);
}

static void write_record(struct buffer *b, struct consumer *c)
{
    uint64_t above;
    uint64_t ahead = filter_ahead(&c->member, &above);
    bool counted = filter_is_counted(&c->member);
    buffer_bytes(b, (struct bytes){c->body, c->body_size});
    write_state(b, c);
    buffer_u8(b,
              (uint8_t)((counted ? RECORD_COUNTED : 0) | (c->extras != NULL ? RECORD_EXTRAS : 0)));
    if (counted) {
        buffer_varint(b, ahead);
        buffer_varint(b, above);
    }
    if (c->extras != NULL) {
        buffer_svarint(b, c->extras->paused_until_ns);
        buffer_svarint(b, c->extras->pinned_ns);
        buffer_u64(b, c->extras->owner);
        buffer_bytes(b, (struct bytes){c->extras->pin, c->extras->pin_size});
    }
}

void consumers_write(struct buffer *b, struct consumers *set)
{
    struct consumer **all = consumers_sorted(set);
    buffer_u8(b, VERSION);
    buffer_varint(b, set->count);
    for (uint32_t i = 0; i < set->count; i++)
        write_record(b, all[i]);
    free(all);
}

static void read_extras(struct cursor *cursor, struct consumer *c)
{
    struct consumer_extras *e = consumer_make_extras(c);
    e->paused_until_ns = cursor_svarint(cursor);
    e->pinned_ns = cursor_svarint(cursor);
    e->owner = cursor_u64(cursor);
    struct bytes pin = cursor_bytes(cursor);
    if (cursor->bad || pin.size > CONSUMER_PIN_MAX) {
        cursor->bad = true;
        return;
    }
    if (pin.size > 0)
        memcpy(e->pin, pin.at, pin.size);
    e->pin_size = (uint8_t)pin.size;
    consumer_trim_extras(c);
    if (c->extras == NULL)
        cursor->bad = true; /* a consumer without is written without */
}

/* The consumer of a record, in no filter group; NULL: the bytes are bad, or *ret_status says why.
 * */
static struct consumer *read_consumer(struct cursor *cursor, uint64_t last_seq, int *ret_status)
{
    struct consumer_put put;
    struct consumer_state state;
    struct bytes body = cursor_bytes(cursor);
    struct bytes bytes = cursor_section(cursor);
    if (cursor->bad)
        return NULL;
    int status = consumer_put_read(body, &put);
    if (status == 0)
        status = consumer_state_read(bytes, put.ack, last_seq, &state);
    if (status < 0) {
        *ret_status = status;
        return NULL;
    }
    struct consumer *c = consumer_new(&put, body, 1);
    consumer_take_state(c, &state);
    return c;
}

/* How many are ahead, when the record knows. */
static void read_count(struct cursor *cursor, struct consumers *set, struct consumer *c,
                       bool counted)
{
    if (!counted) {
        if (filter_is_counted(&c->member))
            cursor->bad = true; /* nothing can be ahead, and that was known */
        return;
    }
    uint64_t last = set->last_seq;
    uint64_t room = last > c->delivered.seq ? last - c->delivered.seq : 0;
    uint64_t ahead = cursor_varint_max(cursor, room);
    uint64_t above = cursor_varint_max(cursor, ahead);
    uint64_t above_now;
    filter_install(set->groups, &c->member, ahead, above);
    if (filter_ahead(&c->member, &above_now) != ahead || above_now != above)
        cursor->bad = true;
}

static int read_record(struct cursor *cursor, struct consumers *set, uint32_t *id)
{
    int status = -EBADMSG;
    struct consumer *c = read_consumer(cursor, set->last_seq, &status);
    if (c == NULL)
        return status;
    if (c->id <= *id || consumers_named(set, consumer_name(c)) != NULL) {
        consumer_free(&c);
        return -EBADMSG;
    }
    *id = c->id;
    uint8_t flags = cursor_u8(cursor);
    consumers_add(set, c);
    uint64_t begun = consumers_begin_change(set, c);
    consumers_join(set, c);
    read_count(cursor, set, c, (flags & RECORD_COUNTED) != 0);
    if (flags & RECORD_EXTRAS)
        read_extras(cursor, c);
    consumers_end_change(set, c, begun);
    return cursor->bad || (flags & ~(unsigned)RECORD_FLAGS) != 0 ? -EBADMSG : 0;
}

int consumers_read(struct bytes bytes, uint64_t seed, uint64_t last_seq, struct consumers **ret)
{
    struct cursor cursor = cursor_of(bytes);
    uint8_t version = cursor_u8(&cursor);
    if (!cursor.bad && version != VERSION)
        return -ENOTSUP;
    uint64_t count = cursor_varint_max(&cursor, CONSUMERS_MAX);
    struct consumers *set = consumers_new(seed);
    consumers_skipped(set, last_seq);
    uint32_t id = 0;
    int status = 0;
    for (uint64_t i = 0; i < count && status == 0; i++)
        status = read_record(&cursor, set, &id);
    if (status == 0 && !cursor_is_at_end(&cursor))
        status = -EBADMSG;
    if (status < 0) {
        consumers_free(&set);
        return status;
    }
    *ret = set;
    return 0;
}
