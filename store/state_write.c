/* SPDX-License-Identifier: Apache-2.0 */
#include "store/state_write.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/state_piece.h"
#include "store/store_pin.h"
#include "store/store_state.h"

#define PIECE_SIZE_MIN (STATE_PIECE_HEADER_SIZE + STATE_BEGIN_SIZE)

enum write_step {
    WRITE_BEGIN,
    WRITE_MESSAGES,
    WRITE_GROUP,
    WRITE_CONSUMERS,
    WRITE_END,
    WRITE_OVER,
};

struct state_writer {
    struct state_writer_options options;
    enum write_step step;
    int status;            /* the error that stays */
    struct store_pin *pin; /* given */
    uint64_t stream;
    uint32_t number;
    uint32_t body_size; /* of a full piece */
    uint64_t all;
    struct buffer piece;
    struct buffer messages; /* encoded, from `taken` on not in a piece */
    size_t taken;
    bool messages_over; /* no more will come */
    size_t section_at;
    struct state_message before;
};

struct state_writer *state_writer_new(const struct state_writer_options *options)
{
    struct state_writer *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    w->options = *options;
    if (w->options.piece_size == 0)
        w->options.piece_size = STATE_WRITE_PIECE_SIZE;
    CHECK(w->options.piece_size >= PIECE_SIZE_MIN);
    w->body_size = w->options.piece_size - STATE_PIECE_HEADER_SIZE;
    if (w->body_size > STATE_PIECE_BODY_MAX)
        w->body_size = STATE_PIECE_BODY_MAX;
    return w;
}

void state_writer_free(struct state_writer **at)
{
    struct state_writer *w = *at;
    *at = NULL;
    if (w == NULL)
        return;
    store_pin_free(&w->pin);
    buffer_done(&w->piece);
    buffer_done(&w->messages);
    free(w);
}

/* --- pieces --------------------------------------------------------------------------------------------- */

static void put_piece(struct state_writer *w, enum state_piece_kind kind, struct bytes body)
{
    w->piece.size = 0;
    uint64_t hash = state_piece_write(
        &w->piece, &(struct state_piece){
                       .kind = kind, .number = w->number, .stream = w->stream, .body = body});
    w->all = state_piece_fold(w->all, w->number, hash);
    w->number++;
}

static int write_begin(struct state_writer *w)
{
    int status = store_pin_new(w->options.store, w->options.gid, &w->pin);
    if (status != 0)
        return status;
    const struct checkpoint *c = store_pin_state(w->pin);
    struct buffer body = {0};
    state_begin_write(&body, &(struct state_begin){
                                 .gid = w->options.gid,
                                 .applied = c->applied,
                                 .term = c->term,
                                 .log_time_ns = c->log_time_ns,
                                 .msgs = c->msgs,
                                 .bytes = c->bytes,
                                 .first_seq = c->first_seq,
                                 .last_seq = c->last_seq,
                                 .last_time_ns = c->last_time_ns,
                                 .messages_hash = c->messages_hash,
                                 .state_hash = c->state_hash,
                                 .group_size = c->sections[CHECKPOINT_GROUP].size,
                                 .consumers_size = c->sections[CHECKPOINT_CONSUMERS].size,
                             });
    uint64_t store = super_block_store(&w->options.store->super);
    w->stream = checksum_seed(store ^ w->options.gid, c->applied, c->state_hash);
    put_piece(w, STATE_PIECE_BEGIN, buffer_view(&body));
    buffer_done(&body);
    w->step = WRITE_MESSAGES;
    return 0;
}

/* --- messages ------------------------------------------------------------------------------------------- */

static int on_message(void *context, const struct stored *stored)
{
    struct state_writer *w = context;
    const struct state_message m = {
        .seq = stored->seq,
        .index = stored->index,
        .term = stored->term,
        .time_ns = stored->time_ns,
        .body_hash = stored->body_hash,
        .body = stored->body,
    };
    state_message_write(&w->messages, &w->before, &m);
    w->before = m;
    return w->messages.size - w->taken >= w->body_size;
}

/* Encodes messages until they fill a piece, or there are no more. */
static int gather(struct state_writer *w)
{
    while (!w->messages_over && w->messages.size - w->taken < w->body_size) {
        if (w->taken == w->messages.size)
            w->taken = w->messages.size = 0;
        int status = store_pin_read(w->pin, on_message, w);
        w->messages_over = status == 0;
        if (status != 0 && status != -EINPROGRESS)
            return status;
    }
    return 0;
}

/* 1: there was nothing to put into a piece. */
static int write_messages(struct state_writer *w)
{
    int status = gather(w);
    if (status != 0)
        return status;
    size_t size = w->messages.size - w->taken;
    if (size > w->body_size)
        size = w->body_size;
    if (size > 0) {
        put_piece(w, STATE_PIECE_MESSAGES, (struct bytes){w->messages.at + w->taken, size});
        w->taken += size;
        return 0;
    }
    w->step = WRITE_GROUP;
    return 1;
}

/* --- sections ------------------------------------------------------------------------------------------- */

static int write_section(struct state_writer *w, enum state_piece_kind kind,
                         enum checkpoint_section which, enum write_step next)
{
    struct bytes section = store_pin_state(w->pin)->sections[which];
    size_t size = section.size - w->section_at;
    if (size > w->body_size)
        size = w->body_size;
    if (size > 0) {
        put_piece(w, kind, (struct bytes){section.at + w->section_at, size});
        w->section_at += size;
        return 0;
    }
    w->section_at = 0;
    w->step = next;
    return 1;
}

static int write_end(struct state_writer *w)
{
    struct buffer body = {0};
    state_end_write(&body, &(struct state_end){store_pin_state(w->pin)->msgs, w->all});
    put_piece(w, STATE_PIECE_END, buffer_view(&body));
    buffer_done(&body);
    store_pin_free(&w->pin);
    w->step = WRITE_OVER;
    return 0;
}

/* 0: a piece, or the end; 1: the next step has to say. */
static int step(struct state_writer *w)
{
    switch (w->step) {
    case WRITE_BEGIN: return write_begin(w);
    case WRITE_MESSAGES: return write_messages(w);
    case WRITE_GROUP: return write_section(w, STATE_PIECE_GROUP, CHECKPOINT_GROUP, WRITE_CONSUMERS);
    case WRITE_CONSUMERS:
        return write_section(w, STATE_PIECE_CONSUMERS, CHECKPOINT_CONSUMERS, WRITE_END);
    case WRITE_END: return write_end(w);
    case WRITE_OVER: return 0;
    }
    UNREACHABLE("a writer is in one of its steps");
}

int state_writer_next(struct state_writer *w, struct bytes *ret_piece)
{
    if (w->status != 0)
        return w->status;
    if (w->step == WRITE_OVER) {
        *ret_piece = (struct bytes){0};
        return 0;
    }
    int status;
    while ((status = step(w)) == 1)
        ;
    if (status == 0)
        *ret_piece = buffer_view(&w->piece);
    else if (status != -EAGAIN)
        w->status = status;
    return status;
}
