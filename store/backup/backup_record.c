/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backup/backup_record.h"

#include <errno.h>

#include "runtime/base/check.h"
#include "store/format/little.h"

#define WITH_HEADERS ((uint32_t)1 << 31)
#define ERASED ((uint64_t)1 << 63)
#define TOMBSTONE ((uint64_t)1 << 62)

enum {
    AT_SEQ = 4,
    AT_TIME = 12,
    AT_SUBJECT_SIZE = 20,
    HASHED_HEAD_SIZE = AT_SUBJECT_SIZE - AT_SEQ,
    HEADERS_SIZE_SIZE = 4,
};

static uint64_t hash(const struct highwayhash *start, const char *head, struct bytes subject,
                     struct bytes body, struct bytes rest)
{
    struct highwayhash h = *start;
    highwayhash_add(&h, head + AT_SEQ, HASHED_HEAD_SIZE);
    highwayhash_add(&h, subject.at, subject.size);
    highwayhash_add(&h, body.at, body.size);
    highwayhash_add(&h, rest.at, rest.size);
    return highwayhash_value(&h);
}

uint64_t backup_record_size(const struct backup_record *r)
{
    const struct backup_message *m = &r->message;
    uint64_t size = BACKUP_RECORD_SIZE_MIN;
    size += m->subject.size;
    size += m->payload.size;
    size += m->headers.size > 0 ? HEADERS_SIZE_SIZE + m->headers.size : 0;
    return size;
}

static char *put_bytes(char *at, struct bytes b)
{
    if (b.size > 0)
        memcpy(at, b.at, b.size);
    return at + b.size;
}

static uint64_t seq_with_kind(const struct backup_record *r)
{
    switch (r->kind) {
    case BACKUP_RECORD_MESSAGE: return r->message.seq;
    case BACKUP_RECORD_ERASED: return r->message.seq | ERASED;
    case BACKUP_RECORD_TOMBSTONE: return r->message.seq | TOMBSTONE;
    }
    UNREACHABLE("kind of a record");
}

void backup_record_encode(const struct highwayhash *start, const struct backup_record *r, char *at)
{
    const struct backup_message *m = &r->message;
    uint64_t size = backup_record_size(r);
    CHECK(size <= BACKUP_RECORD_SIZE_MAX);
    CHECK(m->seq > 0 && m->seq <= BACKUP_SEQ_MAX && m->subject.size <= UINT16_MAX);
    CHECK(r->kind == BACKUP_RECORD_MESSAGE || size == BACKUP_RECORD_SIZE_MIN);
    char *head = at;
    put_u32(head, (uint32_t)size | (m->headers.size > 0 ? WITH_HEADERS : 0));
    put_u64(head + AT_SEQ, seq_with_kind(r));
    put_i64(head + AT_TIME, m->time_ns);
    put_u16(head + AT_SUBJECT_SIZE, (uint16_t)m->subject.size);
    at = put_bytes(head + BACKUP_RECORD_HEAD_SIZE, m->subject);
    if (m->headers.size > 0) {
        put_u32(at, (uint32_t)m->headers.size);
        at = put_bytes(at + HEADERS_SIZE_SIZE, m->headers);
    }
    at = put_bytes(at, m->payload);
    put_u64(at, hash(start, head, m->subject, m->headers, m->payload));
    CHECK(at + HIGHWAYHASH_SIZE == head + size);
}

int backup_record_measure(const char *head, size_t *ret_size)
{
    uint32_t first = get_u32(head);
    size_t size = first & ~WITH_HEADERS;
    size_t needed = BACKUP_RECORD_SIZE_MIN + (size_t)get_u16(head + AT_SUBJECT_SIZE) +
                    ((first & WITH_HEADERS) != 0 ? HEADERS_SIZE_SIZE : 0);
    if (size < needed || size > BACKUP_RECORD_SIZE_MAX)
        return -EBADMSG;
    *ret_size = size;
    return 0;
}

/* Headers and payload out of what is between subject and hash. */
static int split_body(struct bytes body, bool with_headers, struct backup_message *m)
{
    m->headers = (struct bytes){body.at, 0};
    m->payload = body;
    if (!with_headers)
        return 0;
    size_t left = body.size - HEADERS_SIZE_SIZE;
    size_t size = get_u32(body.at);
    if (size > left)
        return -EBADMSG;
    m->headers = (struct bytes){body.at + HEADERS_SIZE_SIZE, size};
    m->payload = (struct bytes){m->headers.at + size, left - size};
    return 0;
}

int backup_record_decode(const struct highwayhash *start, struct bytes stored,
                         struct backup_record *ret)
{
    size_t size;
    if (stored.size < BACKUP_RECORD_HEAD_SIZE)
        return -EBADMSG;
    int status = backup_record_measure(stored.at, &size);
    if (status < 0 || size != stored.size)
        return -EBADMSG;
    bool with_headers = (get_u32(stored.at) & WITH_HEADERS) != 0;
    uint64_t seq = get_u64(stored.at + AT_SEQ);
    struct backup_record r = {.kind = BACKUP_RECORD_MESSAGE};
    struct backup_message *m = &r.message;
    m->seq = seq & ~(ERASED | TOMBSTONE);
    m->time_ns = get_i64(stored.at + AT_TIME);
    m->subject =
        (struct bytes){stored.at + BACKUP_RECORD_HEAD_SIZE, get_u16(stored.at + AT_SUBJECT_SIZE)};
    struct bytes body = {m->subject.at + m->subject.size,
                         size - BACKUP_RECORD_SIZE_MIN - m->subject.size};
    /* The size of the headers is the one field that the hash leaves out. */
    size_t left_out = with_headers ? HEADERS_SIZE_SIZE : 0;
    struct bytes hashed = {body.at + left_out, body.size - left_out};
    if (hash(start, stored.at, m->subject, hashed, BYTES("")) != get_u64(body.at + body.size))
        return -EILSEQ;
    if ((seq & (ERASED | TOMBSTONE)) != 0) {
        r.kind = (seq & TOMBSTONE) != 0 ? BACKUP_RECORD_TOMBSTONE : BACKUP_RECORD_ERASED;
        m->subject = m->headers = m->payload = BYTES("");
    } else {
        status = split_body(body, with_headers, m);
        if (status < 0)
            return status;
    }
    *ret = r;
    return 0;
}
