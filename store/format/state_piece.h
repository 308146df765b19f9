/* SPDX-License-Identifier: Apache-2.0 */
/* state_piece.h -- a piece of a state stream: docs/formats/state-stream.md.
 *
 * Idea        The state of a group travels as pieces that each say what they are, of which stream and the
 *             how manieth, under checksums seeded with that: one that is damaged, missing, repeated or of
 *             another stream is refused where it comes. Three kinds carry long things (messages, and the
 *             sections of group and consumers) as bytes that are cut anywhere.
 * Bounds      STATE_PIECE_BODY_MAX bytes behind the header.
 */
#ifndef STORE_FORMAT_STATE_PIECE_H
#define STORE_FORMAT_STATE_PIECE_H

#include <stdint.h>

#include "runtime/base/bytes.h"
#include "store/format/buffer.h"

#define STATE_PIECE_HEADER_SIZE 40u
#define STATE_PIECE_BODY_MAX ((uint32_t)1 << 20)
#define STATE_BEGIN_SIZE 105u
#define STATE_END_SIZE 16u

/* In this order; of MESSAGES, GROUP and CONSUMERS any number. */
enum state_piece_kind {
    STATE_PIECE_BEGIN = 1,
    STATE_PIECE_MESSAGES = 2,
    STATE_PIECE_GROUP = 3,
    STATE_PIECE_CONSUMERS = 4,
    STATE_PIECE_END = 5,
};

struct state_piece {
    enum state_piece_kind kind;
    uint32_t number; /* from 0 */
    uint64_t stream; /* which: the same in all its pieces */
    uint64_t hash;   /* of the body */
    struct bytes body;
};

/* Appends a piece; hash is made here, and returned. */
uint64_t state_piece_write(struct buffer *b, const struct state_piece *p);
/* from is one whole piece, header and body, and nothing else. -EBADMSG; -ENOTSUP: a whole header of a version
 * or kind that is not known here. */
int state_piece_read(struct bytes from, struct state_piece *ret)
    __attribute__((warn_unused_result));
/* How long the piece is that begins with this header: for transports without borders. -EBADMSG, -ENOTSUP. */
int state_piece_measure(const char header[STATE_PIECE_HEADER_SIZE], uint32_t *ret_size)
    __attribute__((warn_unused_result));

/* The body of BEGIN: what the group is at the entry `applied`. */
struct state_begin {
    uint64_t gid; /* where it comes from: it seeds the hashes of bodies and of the section */
    uint64_t applied;
    uint32_t term;
    int64_t log_time_ns;
    uint64_t msgs;
    uint64_t bytes;
    uint64_t first_seq;
    uint64_t last_seq;
    int64_t last_time_ns;
    uint64_t messages_hash;
    uint64_t state_hash;
    uint64_t group_size; /* of the sections */
    uint64_t consumers_size;
};

void state_begin_write(struct buffer *b, const struct state_begin *s);
int state_begin_read(struct bytes body, struct state_begin *ret)
    __attribute__((warn_unused_result));

/* The body of END. `all` is a hash over the hashes of all pieces before it: state_piece_fold. */
struct state_end {
    uint64_t msgs;
    uint64_t all;
};

void state_end_write(struct buffer *b, const struct state_end *e);
int state_end_read(struct bytes body, struct state_end *ret) __attribute__((warn_unused_result));
uint64_t state_piece_fold(uint64_t all, uint32_t number, uint64_t hash);

/* A message among the bytes of MESSAGES: as it differs from the one before. */
struct state_message {
    uint64_t seq;
    uint64_t index;
    uint32_t term;
    int64_t time_ns;
    uint64_t body_hash; /* seeded with gid (of BEGIN), index, term */
    struct bytes body;  /* message.h */
};

void state_message_write(struct buffer *b, const struct state_message *before,
                         const struct state_message *m);
/* 0, and *ret_size bytes are used; -EINPROGRESS: more bytes have to come; -EBADMSG. The sequence is over the
 * one before. */
int state_message_read(struct bytes from, const struct state_message *before,
                       struct state_message *ret, size_t *ret_size)
    __attribute__((warn_unused_result));

#endif
