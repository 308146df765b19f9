/* SPDX-License-Identifier: Apache-2.0 */
/* state_write.h -- the whole state of a group as a stream of pieces, made one at a time.
 *
 *     PINNING ──► BEGIN ──► MESSAGES* ──► GROUP* ──► CONSUMERS* ──► END ──► over
 *
 * Idea        The group is pinned (store_pin.h) when the first piece is asked for: what the stream says is the
 *             state at that entry, however long it takes and whatever the group goes on to do.
 *             docs/formats/state-stream.md has every byte.
 * Bounds      what the pin has; a piece, and a message.
 */
#ifndef STORE_STATE_WRITE_H
#define STORE_STATE_WRITE_H

#include <stdint.h>

#include "runtime/base/bytes.h"

#define STATE_WRITE_PIECE_SIZE ((uint32_t)128 << 10)

struct state_writer;
struct store;
struct store_group;

struct state_writer_options {
    struct store *store; /* borrowed */
    uint64_t gid;
    uint32_t piece_size; /* of a whole piece, about 200 at least; 0: STATE_WRITE_PIECE_SIZE */
};

struct state_writer *state_writer_new(const struct state_writer_options *options);
/* Before store_free. */
void state_writer_free(struct state_writer **w);

/* The next piece, which stays until the next call; size 0: that was all. -EAGAIN: call again when the disk or a
 * turn of the store has done something. Errors stay: -ENOENT (no such group), -ECANCELED (it was deleted),
 * -ENOTSUP (a memory stream), -EBADMSG (something of it is unreadable), the disk's. */
int state_writer_next(struct state_writer *w, struct bytes *ret_piece)
    __attribute__((warn_unused_result));

#endif
