/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/subject_value.h"

#include <errno.h>

#include "store/format/buffer.h"

enum { FIRST_BOUND = 1, TOTAL = 2 };

void subject_value_write(const struct subject_value *v, struct buffer *out)
{
    buffer_svarint(out, v->count);
    buffer_varint(out, v->first_seq);
    buffer_svarint(out, (int64_t)(v->last_seq - v->first_seq));
    uint8_t flags = (uint8_t)((v->first_bound ? FIRST_BOUND : 0) | (v->total ? TOTAL : 0));
    if (flags != 0)
        buffer_u8(out, flags);
}

int subject_value_read(struct bytes value, struct subject_value *ret)
{
    struct cursor c = cursor_of(value);
    struct subject_value v = {0};
    v.count = cursor_svarint(&c);
    v.first_seq = cursor_varint(&c);
    v.last_seq = v.first_seq + (uint64_t)cursor_svarint(&c);
    bool flagged = cursor_left(&c) > 0;
    uint8_t flags = flagged ? cursor_u8(&c) : 0;
    v.first_bound = flags & FIRST_BOUND;
    v.total = flags & TOTAL;
    if (!cursor_is_at_end(&c) || (flags & ~(FIRST_BOUND | TOTAL)) != 0 || (flags != 0) != flagged ||
        (v.total && v.count < 0))
        return -EBADMSG;
    *ret = v;
    return 0;
}

int subject_value_join(struct subject_value *v, const struct subject_value *older)
{
    if (v->total)
        return 0;
    int64_t count;
    if (__builtin_add_overflow(v->count, older->count, &count))
        return -EOVERFLOW;
    v->count = count;
    v->total = older->total;
    if (older->total && older->count == 0)
        return 0; /* where it had messages once is nowhere to look */
    if (!v->first_bound && older->first_seq != 0) {
        v->first_seq = older->first_seq;
        v->first_bound = older->first_bound;
    }
    if (v->last_seq == 0)
        v->last_seq = older->last_seq;
    return 0;
}
