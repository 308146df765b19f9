/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/state_piece.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/checksum.h"
#include "store/format/entry.h"
#include "store/format/little.h"
#include "store/format/stream_entry.h"

#define MAGIC 0x5354594du /* "MYTS" */
#define VERSION 1

enum {
    KIND_AT = 6,
    STREAM_AT = 8,
    NUMBER_AT = 16,
    SIZE_AT = 20,
    HASH_AT = 24,
    HEADER_HASH_AT = 32
};
enum { BEGIN_FORM = 0 }; /* of the file form */
enum { MESSAGE_HEAD_MAX = 10 + 10 + 5 + 10 + 8 + 5 };

/* --- pieces ------------------------------------------------------------------------------------------ */

static uint64_t body_seed(const struct state_piece *p)
{
    return checksum_seed(p->stream, p->number, p->kind);
}

static uint64_t header_hash(const char *header)
{
    return checksum(checksum_seed(MAGIC, VERSION, 0), header, HEADER_HASH_AT);
}

uint64_t state_piece_write(struct buffer *b, const struct state_piece *p)
{
    CHECK(p->body.size <= STATE_PIECE_BODY_MAX);
    uint64_t hash = checksum(body_seed(p), p->body.at, p->body.size);
    char *at = buffer_room(b, STATE_PIECE_HEADER_SIZE);
    put_u32(at, MAGIC);
    put_u16(at + 4, VERSION);
    at[KIND_AT] = (char)p->kind;
    at[KIND_AT + 1] = 0;
    put_u64(at + STREAM_AT, p->stream);
    put_u32(at + NUMBER_AT, p->number);
    put_u32(at + SIZE_AT, (uint32_t)p->body.size);
    put_u64(at + HASH_AT, hash);
    put_u64(at + HEADER_HASH_AT, header_hash(at));
    b->size += STATE_PIECE_HEADER_SIZE;
    buffer_add(b, p->body.at, p->body.size);
    return hash;
}

static int header_check(const char *at)
{
    if (get_u32(at) != MAGIC)
        return -EBADMSG;
    if (get_u64(at + HEADER_HASH_AT) != header_hash(at))
        return -EBADMSG;
    if (get_u16(at + 4) != VERSION || at[KIND_AT] < STATE_PIECE_BEGIN ||
        at[KIND_AT] > STATE_PIECE_END)
        return -ENOTSUP;
    return at[KIND_AT + 1] == 0 && get_u32(at + SIZE_AT) <= STATE_PIECE_BODY_MAX ? 0 : -EBADMSG;
}

int state_piece_measure(const char header[STATE_PIECE_HEADER_SIZE], uint32_t *ret_size)
{
    int status = header_check(header);
    if (status == 0)
        *ret_size = STATE_PIECE_HEADER_SIZE + get_u32(header + SIZE_AT);
    return status;
}

int state_piece_read(struct bytes from, struct state_piece *ret)
{
    uint32_t size;
    if (from.size < STATE_PIECE_HEADER_SIZE)
        return -EBADMSG;
    int status = state_piece_measure(from.at, &size);
    if (status != 0)
        return status;
    struct state_piece p = {
        .kind = (enum state_piece_kind)from.at[KIND_AT],
        .number = get_u32(from.at + NUMBER_AT),
        .stream = get_u64(from.at + STREAM_AT),
        .hash = get_u64(from.at + HASH_AT),
        .body = {from.at + STATE_PIECE_HEADER_SIZE, from.size - STATE_PIECE_HEADER_SIZE},
    };
    if (from.size != size || checksum(body_seed(&p), p.body.at, p.body.size) != p.hash)
        return -EBADMSG;
    *ret = p;
    return 0;
}

/* --- begin and end ------------------------------------------------------------------------------------ */

void state_begin_write(struct buffer *b, const struct state_begin *s)
{
    size_t begun = b->size;
    buffer_u8(b, BEGIN_FORM);
    buffer_u64(b, s->gid);
    buffer_u64(b, s->applied);
    buffer_u64(b, s->term);
    buffer_u64(b, (uint64_t)s->log_time_ns);
    buffer_u64(b, s->msgs);
    buffer_u64(b, s->bytes);
    buffer_u64(b, s->first_seq);
    buffer_u64(b, s->last_seq);
    buffer_u64(b, (uint64_t)s->last_time_ns);
    buffer_u64(b, s->messages_hash);
    buffer_u64(b, s->state_hash);
    buffer_u64(b, s->group_size);
    buffer_u64(b, s->consumers_size);
    CHECK(b->size - begun == STATE_BEGIN_SIZE);
}

static bool begin_makes_sense(const struct state_begin *s)
{
    if (s->last_seq > STREAM_SEQ_MAX || s->first_seq == 0 || s->first_seq > s->last_seq + 1)
        return false;
    if (s->msgs > s->last_seq + 1 - s->first_seq || (s->msgs == 0 && s->bytes > 0))
        return false;
    return s->msgs > 0 || s->first_seq == s->last_seq + 1;
}

int state_begin_read(struct bytes body, struct state_begin *ret)
{
    struct cursor c = cursor_of(body);
    uint8_t form = cursor_u8(&c);
    struct state_begin s = {.gid = cursor_u64(&c)};
    s.applied = cursor_u64(&c);
    uint64_t term = cursor_u64(&c);
    s.term = (uint32_t)term;
    s.log_time_ns = (int64_t)cursor_u64(&c);
    s.msgs = cursor_u64(&c);
    s.bytes = cursor_u64(&c);
    s.first_seq = cursor_u64(&c);
    s.last_seq = cursor_u64(&c);
    s.last_time_ns = (int64_t)cursor_u64(&c);
    s.messages_hash = cursor_u64(&c);
    s.state_hash = cursor_u64(&c);
    s.group_size = cursor_u64(&c);
    s.consumers_size = cursor_u64(&c);
    if (!cursor_is_at_end(&c) || term > UINT32_MAX || !begin_makes_sense(&s))
        return -EBADMSG;
    if (form != BEGIN_FORM)
        return -ENOTSUP;
    *ret = s;
    return 0;
}

void state_end_write(struct buffer *b, const struct state_end *e)
{
    buffer_u64(b, e->msgs);
    buffer_u64(b, e->all);
}

int state_end_read(struct bytes body, struct state_end *ret)
{
    struct cursor c = cursor_of(body);
    struct state_end e = {.msgs = cursor_u64(&c)};
    e.all = cursor_u64(&c);
    if (!cursor_is_at_end(&c))
        return -EBADMSG;
    *ret = e;
    return 0;
}

uint64_t state_piece_fold(uint64_t all, uint32_t number, uint64_t hash)
{
    return checksum_seed(all, number, hash);
}

/* --- messages ----------------------------------------------------------------------------------------- */

void state_message_write(struct buffer *b, const struct state_message *before,
                         const struct state_message *m)
{
    CHECK(m->seq > before->seq && m->body.size <= ENTRY_BODY_MAX);
    buffer_varint(b, m->seq - before->seq);
    buffer_svarint(b, (int64_t)(m->index - before->index));
    buffer_svarint(b, (int64_t)m->term - (int64_t)before->term);
    buffer_svarint(b, (int64_t)((uint64_t)m->time_ns - (uint64_t)before->time_ns));
    buffer_u64(b, m->body_hash);
    buffer_bytes(b, m->body);
}

/* What comes before the body, and its size. */
static struct state_message read_head(struct cursor *c, const struct state_message *before,
                                      uint64_t *ret_size)
{
    struct state_message m = {.seq = before->seq + cursor_varint_max(c, STREAM_SEQ_MAX)};
    m.index = before->index + (uint64_t)cursor_svarint(c);
    int64_t term = cursor_svarint(c);
    m.time_ns = (int64_t)((uint64_t)before->time_ns + (uint64_t)cursor_svarint(c));
    m.body_hash = cursor_u64(c);
    *ret_size = cursor_varint_max(c, ENTRY_BODY_MAX);
    if (term > (int64_t)UINT32_MAX || term < -(int64_t)UINT32_MAX)
        c->bad = true;
    else
        term += before->term;
    if (term < 0 || term > (int64_t)UINT32_MAX || m.seq <= before->seq || m.seq > STREAM_SEQ_MAX)
        c->bad = true;
    m.term = (uint32_t)term;
    return m;
}

int state_message_read(struct bytes from, const struct state_message *before,
                       struct state_message *ret, size_t *ret_size)
{
    struct cursor c = cursor_of(from);
    uint64_t size;
    struct state_message m = read_head(&c, before, &size);
    if (c.bad) /* what looks malformed may be cut off, as long as it is short enough for that */
        return from.size < MESSAGE_HEAD_MAX ? -EINPROGRESS : -EBADMSG;
    if (cursor_left(&c) < size)
        return -EINPROGRESS;
    m.body = cursor_take(&c, (size_t)size);
    *ret = m;
    *ret_size = from.size - cursor_left(&c);
    return 0;
}
