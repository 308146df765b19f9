/* SPDX-License-Identifier: Apache-2.0 */
#include "store/state_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/nats/subject.h"
#include "runtime/base/check.h"
#include "store/format/state_piece.h"
#include "store/group/stream_group.h"
#include "store/store_fill.h"

struct state_reader {
    struct state_reader_options options;
    char *names;                /* given: account and name */
    struct store_fill *fill;    /* given; after BEGIN */
    int status;                 /* the error that stays */
    enum state_piece_kind kind; /* of the last piece; 0: none came */
    uint32_t number;            /* of the next piece */
    uint64_t stream;
    uint64_t all;
    bool holding; /* the last piece has been read, and not all that it brought is in */
    struct state_begin begin;
    struct buffer messages; /* bytes of messages, from `taken` on not in */
    size_t taken;
    struct state_message before;
    uint64_t msgs; /* that are in */
    uint64_t bytes;
    struct buffer group; /* the sections */
    struct buffer consumers;
    bool adopted;
};

struct state_reader *state_reader_new(const struct state_reader_options *options)
{
    struct state_reader *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    r->options = *options;
    r->names = malloc(options->account.size + options->name.size + 1);
    CHECK(r->names != NULL);
    memcpy(r->names, options->account.at, options->account.size);
    memcpy(r->names + options->account.size, options->name.at, options->name.size);
    r->options.account.at = r->names;
    r->options.name.at = r->names + options->account.size;
    return r;
}

void state_reader_free(struct state_reader **at)
{
    struct state_reader *r = *at;
    *at = NULL;
    if (r == NULL)
        return;
    store_fill_free(&r->fill);
    buffer_done(&r->messages);
    buffer_done(&r->group);
    buffer_done(&r->consumers);
    free(r->names);
    free(r);
}

/* --- messages ------------------------------------------------------------------------------------------ */

static int check_message(struct state_reader *r, const struct state_message *m, struct message *ret)
{
    const struct state_begin *b = &r->begin;
    if (entry_body_hash(b->gid, m->index, m->term, m->body) != m->body_hash ||
        message_body_read(m->body, ret) != 0 || ret->subject.size == 0 ||
        ret->subject.size > SUBJECT_SIZE_MAX)
        return -EBADMSG;
    if ((ret->flags & MESSAGE_OWN_TIME) && ret->time_ns != m->time_ns)
        return -EBADMSG;
    if (m->seq < b->first_seq || m->seq > b->last_seq || m->index > b->applied ||
        m->index < r->before.index || r->msgs == b->msgs)
        return -EBADMSG;
    r->bytes += msglog_size(MSGLOG_FILE, ret);
    return r->bytes <= b->bytes ? 0 : -EBADMSG;
}

static int put_message(struct state_reader *r, const struct state_message *m)
{
    struct message message;
    int status = check_message(r, m, &message);
    if (status != 0)
        return status;
    struct entry e = {
        .gid = store_fill_gid(r->fill),
        .index = m->index,
        .term = m->term,
        .kind = ENTRY_MSG,
        .time_ns = m->time_ns,
        .body = m->body,
    };
    e.body_hash = entry_body_hash(e.gid, e.index, e.term, e.body);
    (void)msglog_append_made(store_fill_log(r->fill), &e, &message, m->seq);
    r->msgs++;
    store_fill_note(r->fill, m->body.size);
    return 0;
}

/* As many of the messages that are here as the fill takes. */
static int put_messages(struct state_reader *r)
{
    int status;
    while ((status = store_fill_ready(r->fill)) == 0) {
        struct state_message m;
        size_t size;
        if (r->taken == r->messages.size)
            break;
        struct bytes left = {r->messages.at + r->taken, r->messages.size - r->taken};
        status = state_message_read(left, &r->before, &m, &size);
        if (status == -EINPROGRESS)
            return 0;
        if (status == 0)
            status = put_message(r, &m);
        if (status != 0)
            return status;
        r->taken += size;
        r->before = m;
    }
    return status;
}

static void hold_messages(struct state_reader *r, struct bytes bytes)
{
    struct buffer *b = &r->messages;
    if (r->taken > 0)
        memmove(b->at, b->at + r->taken, b->size - r->taken);
    b->size -= r->taken;
    r->taken = 0;
    buffer_add(b, bytes.at, bytes.size);
}

/* --- the rest -------------------------------------------------------------------------------------------- */

static int take_begin(struct state_reader *r, const struct state_piece *p)
{
    int status = state_begin_read(p->body, &r->begin);
    if (status != 0)
        return status;
    if (r->begin.group_size > STATE_SECTIONS_MAX ||
        r->begin.consumers_size > STATE_SECTIONS_MAX - r->begin.group_size)
        return -EFBIG;
    if (r->options.bytes_max > 0 && r->begin.bytes > r->options.bytes_max)
        return -EDQUOT;
    r->stream = p->stream;
    return store_fill_new(r->options.store,
                          &(struct store_fill_options){
                              .account = r->options.account,
                              .name = r->options.name,
                              .sync = r->options.sync,
                              .bytes_max = r->options.fill_bytes_max,
                          },
                          &r->fill);
}

static int take_section(struct buffer *b, uint64_t size, struct bytes part)
{
    if (part.size > size - b->size)
        return -EBADMSG;
    buffer_add(b, part.at, part.size);
    return 0;
}

/* The messages are in: the stream ends where it ended, and the state becomes the group's. */
static int adopt(struct state_reader *r)
{
    const struct state_begin *b = &r->begin;
    struct msglog *log = store_fill_log(r->fill);
    struct msglog_state state;
    msglog_state(log, &state);
    if (state.last_seq < b->last_seq)
        msglog_skip(log, b->last_seq);
    store_fill_set_last_time(r->fill, b->last_time_ns);
    msglog_state(log, &state);
    if (state.msgs != b->msgs || state.bytes != b->bytes || state.first_seq != b->first_seq ||
        state.hash != b->messages_hash)
        return -EBADMSG;
    struct stream_group *stream = store_fill_stream(r->fill);
    int status = stream_group_adopt(stream, b->gid, b->state_hash, buffer_view(&r->group),
                                    buffer_view(&r->consumers));
    struct group_counters c;
    group_counters(stream_group_stream(stream), &c);
    if (status == 0 &&
        (c.applied != b->applied || c.term != b->term || c.time_ns != b->log_time_ns))
        status = -EBADMSG;
    r->adopted = status == 0;
    return status;
}

static int take_end(struct state_reader *r, const struct state_piece *p)
{
    struct state_end end;
    int status = state_end_read(p->body, &end);
    if (status != 0)
        return status;
    if (end.all != r->all || end.msgs != r->msgs || r->msgs != r->begin.msgs ||
        r->taken != r->messages.size || r->group.size != r->begin.group_size ||
        r->consumers.size != r->begin.consumers_size)
        return -EBADMSG;
    return 0;
}

/* --- pieces ------------------------------------------------------------------------------------------------ */

static int take(struct state_reader *r, const struct state_piece *p)
{
    switch (p->kind) {
    case STATE_PIECE_BEGIN: return take_begin(r, p);
    case STATE_PIECE_MESSAGES: hold_messages(r, p->body); return 0;
    case STATE_PIECE_GROUP: return take_section(&r->group, r->begin.group_size, p->body);
    case STATE_PIECE_CONSUMERS:
        return take_section(&r->consumers, r->begin.consumers_size, p->body);
    case STATE_PIECE_END: return take_end(r, p);
    }
    UNREACHABLE("that is no kind of piece");
}

/* Whether a piece of this kind may come now. */
static bool is_in_order(const struct state_reader *r, const struct state_piece *p)
{
    if (r->kind == 0)
        return p->kind == STATE_PIECE_BEGIN;
    if (p->kind == STATE_PIECE_BEGIN || r->kind == STATE_PIECE_END || p->stream != r->stream)
        return false;
    return p->kind >= r->kind;
}

static int read_piece(struct state_reader *r, struct bytes piece)
{
    struct state_piece p;
    int status = state_piece_read(piece, &p);
    if (status != 0)
        return status;
    if (p.number != r->number || !is_in_order(r, &p))
        return -EBADMSG;
    status = take(r, &p);
    if (status != 0)
        return status;
    r->all = state_piece_fold(r->all, p.number, p.hash);
    r->kind = p.kind;
    r->number++;
    r->holding = true;
    return 0;
}

/* What the last piece brought goes in. */
static int put(struct state_reader *r)
{
    if (r->kind == STATE_PIECE_END && !r->adopted) {
        int status = store_fill_ready(r->fill);
        return status == 0 ? adopt(r) : status;
    }
    return r->kind == STATE_PIECE_MESSAGES ? put_messages(r) : 0;
}

static int stays(struct state_reader *r, int status)
{
    if (status == 0 || status == -EAGAIN)
        return status;
    r->status = status;
    store_fill_free(&r->fill);
    return status;
}

int state_reader_piece(struct state_reader *r, struct bytes piece)
{
    if (r->status != 0)
        return r->status;
    int status = r->holding ? 0 : read_piece(r, piece);
    if (status == 0)
        status = put(r);
    if (status == 0)
        r->holding = false;
    return stays(r, status);
}

int state_reader_end(struct state_reader *r, struct store_group **ret)
{
    if (r->status != 0)
        return r->status;
    if (!r->adopted)
        return stays(r, -EBADMSG);
    return stays(r, store_fill_show(r->fill, ret));
}
