/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/checkpoint.h"

#include <errno.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"

#define VERSION 1

void checkpoint_write(struct buffer *b, const struct checkpoint *c)
{
    CHECK(c->drained <= c->last_seq);
    buffer_u8(b, VERSION);
    buffer_u64(b, c->applied);
    buffer_u32(b, c->term);
    buffer_u64(b, (uint64_t)c->log_time_ns);
    buffer_u64(b, c->msgs);
    buffer_u64(b, c->bytes);
    buffer_u64(b, c->first_seq);
    buffer_u64(b, c->last_seq);
    buffer_u64(b, (uint64_t)c->first_time_ns);
    buffer_u64(b, (uint64_t)c->last_time_ns);
    buffer_u64(b, c->drained);
    buffer_u64(b, c->next_file);
    buffer_u64(b, c->messages_hash);
    buffer_u64(b, c->state_hash);
    for (int i = 0; i < CHECKPOINT_SECTIONS; i++) {
        size_t begun = buffer_section_begin(b);
        buffer_add(b, c->sections[i].at, c->sections[i].size);
        buffer_section_end(b, begun);
    }
}

int checkpoint_read(struct bytes body, struct checkpoint *ret)
{
    struct cursor cursor = cursor_of(body);
    if (cursor_u8(&cursor) != VERSION)
        return cursor.bad ? -EBADMSG : -ENOTSUP;
    struct checkpoint c = {.applied = cursor_u64(&cursor)};
    c.term = cursor_u32(&cursor);
    c.log_time_ns = (int64_t)cursor_u64(&cursor);
    c.msgs = cursor_u64(&cursor);
    c.bytes = cursor_u64(&cursor);
    c.first_seq = cursor_u64(&cursor);
    c.last_seq = cursor_u64(&cursor);
    c.first_time_ns = (int64_t)cursor_u64(&cursor);
    c.last_time_ns = (int64_t)cursor_u64(&cursor);
    c.drained = cursor_u64(&cursor);
    c.next_file = cursor_u64(&cursor);
    c.messages_hash = cursor_u64(&cursor);
    c.state_hash = cursor_u64(&cursor);
    for (int i = 0; i < CHECKPOINT_SECTIONS; i++)
        c.sections[i] = cursor_section(&cursor);
    if (!cursor_is_at_end(&cursor) || c.drained > c.last_seq || c.last_seq == UINT64_MAX ||
        c.first_seq > c.last_seq + 1 || c.msgs > c.last_seq)
        return -EBADMSG;
    *ret = c;
    return 0;
}
