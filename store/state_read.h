/* SPDX-License-Identifier: Apache-2.0 */
/* state_read.h -- a state stream, piece by piece, into a group that is seen when all of it is there.
 *
 * Idea        What comes goes into a hidden group (store_fill.h) as it comes: messages into its log, the
 *             sections when their end has come. At the end the state is held against what the stream
 *             said of it first, counters and state hash; then the group is shown. The group has another
 *             number than the one that was written, so what is seeded with it (bodies, the section) is
 *             verified under the old one and sealed under the new.
 * Invariants  1 pieces come in order, each once, all of one stream; else -EBADMSG, and nothing is left
 *             2 applied, log time, sequences, times and bodies are those of the writer's group
 * Bounds      a piece, a message, the sections (STATE_SECTIONS_MAX), and what store_fill.h has.
 */
#ifndef STORE_STATE_READ_H
#define STORE_STATE_READ_H

#include <stdint.h>

#include "runtime/base/bytes.h"
#include "store/store.h"

#define STATE_SECTIONS_MAX ((uint64_t)8 << 20)

struct state_reader;

struct state_reader_options {
    struct store *store;  /* borrowed */
    struct bytes account; /* of the group that it becomes; copied */
    struct bytes name;
    enum store_sync sync;
    uint64_t bytes_max;      /* of messages, as the stream's limits count; 0: any */
    uint64_t fill_bytes_max; /* of store_fill.h; 0: its own */
};

struct state_reader *state_reader_new(const struct state_reader_options *options);
/* What is not shown goes. Before store_free. */
void state_reader_free(struct state_reader **r);

/* The next piece, whole. 0: it was taken. -EAGAIN: call again with the same one when the disk or a turn of the
 * store has done something. Errors stay: -EBADMSG (not the next piece, damaged, or a state that can not be);
 * -ENOTSUP (of a version or form that is not known here), -EEXIST (there is a group of this name),
 * -EFBIG (sections too large), -EDQUOT (more than bytes_max), -EINVAL, -ENAMETOOLONG, -EIO. */
int state_reader_piece(struct state_reader *r, struct bytes piece)
    __attribute__((warn_unused_result));
/* All pieces were given. 0: the group is there, and durable; -EAGAIN as above; -EBADMSG: the end is missing. */
int state_reader_end(struct state_reader *r, struct store_group **ret)
    __attribute__((warn_unused_result));

#endif
