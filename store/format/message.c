/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/message.h"

#include <errno.h>

#include "runtime/base/check.h"
#include "store/format/entry.h"
#include "store/format/little.h"

enum { FIXED_SIZE = 12, OWN_TIME_SIZE = 8, ORIGIN_SIZE = 10 };

static size_t head_size(unsigned flags)
{
    return FIXED_SIZE + (flags & MESSAGE_OWN_TIME ? OWN_TIME_SIZE : 0) +
           (flags & MESSAGE_ORIGIN ? ORIGIN_SIZE : 0);
}

size_t message_body_size(const struct message *m)
{
    return head_size(m->flags) + m->subject.size + m->headers.size + m->payload.size;
}

static char *put_bytes(char *at, struct bytes b)
{
    if (b.size > 0)
        memcpy(at, b.at, b.size);
    return at + b.size;
}

void message_body_write(const struct message *m, char *at)
{
    CHECK(m->subject.size <= UINT16_MAX && message_body_size(m) <= ENTRY_BODY_MAX);
    put_u16(at, m->flags);
    put_u16(at + 2, (uint16_t)m->subject.size);
    put_u32(at + 4, (uint32_t)m->headers.size);
    put_u32(at + 8, (uint32_t)m->payload.size);
    at += FIXED_SIZE;
    if (m->flags & MESSAGE_OWN_TIME) {
        put_i64(at, m->time_ns);
        at += OWN_TIME_SIZE;
    }
    if (m->flags & MESSAGE_ORIGIN) {
        put_u64(at, m->origin_seq);
        put_u16(at + 8, m->source);
        at += ORIGIN_SIZE;
    }
    at = put_bytes(at, m->subject);
    at = put_bytes(at, m->headers);
    put_bytes(at, m->payload);
}

int message_body_read(struct bytes body, struct message *ret)
{
    if (body.size < FIXED_SIZE)
        return -EBADMSG;
    unsigned flags = get_u16(body.at);
    if ((flags & ~(unsigned)(MESSAGE_OWN_TIME | MESSAGE_ORIGIN)) != 0)
        return -EBADMSG;
    uint64_t subject = get_u16(body.at + 2);
    uint64_t headers = get_u32(body.at + 4);
    uint64_t payload = get_u32(body.at + 8);
    if (head_size(flags) + subject + headers + payload != body.size)
        return -EBADMSG;
    const char *at = body.at + FIXED_SIZE;
    struct message m = {.flags = (uint16_t)flags};
    if (flags & MESSAGE_OWN_TIME) {
        m.time_ns = get_i64(at);
        at += OWN_TIME_SIZE;
    }
    if (flags & MESSAGE_ORIGIN) {
        m.origin_seq = get_u64(at);
        m.source = get_u16(at + 8);
        at += ORIGIN_SIZE;
    }
    m.subject = (struct bytes){at, (size_t)subject};
    m.headers = (struct bytes){at + subject, (size_t)headers};
    m.payload = (struct bytes){at + subject + headers, (size_t)payload};
    *ret = m;
    return 0;
}

struct bytes message_body_subject(struct bytes body)
{
    size_t head = head_size(get_u16(body.at));
    size_t size = get_u16(body.at + 2);
    DCHECK(head + size <= body.size);
    return (struct bytes){body.at + head, size};
}
