/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h -- what a publisher's read brings to one target: frames on their way, ready to be written.
 *
 * Idea        One actor message a target and read. It holds slices of buffers, which the target writes
 *             as they are, and parts, which say to whom how many of their bytes belong. A part is a run
 *             of frames for one subscription; parts follow each other in the order of the bytes.
 *             Frames say their own length, so a target that has to cut in the middle of a part (a
 *             maximum was reached) reads them again: nobody else pays for that.
 * Invariants  1 the bytes of the parts are the bytes of the slices, in order
 *             2 a frame's control line lies in one slice; its payload in the same one or in the next
 *             3 frames of one publisher for one target are in the order of their publishing
 */
#ifndef DELIVERY_BATCH_H
#define DELIVERY_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "runtime/buf.h"
#include "runtime/msg.h"

struct part {
    uint32_t slot; /* the subscription, as its connection numbers them */
    uint32_t frames;
    uint32_t bytes;   /* of the frames */
    uint32_t payload; /* of these, headers and payloads: what statistics count */
    uint32_t group;   /* hash of the queue group's name, 0: plain */
    uint32_t hops;    /* how often other members have refused it */
    uint64_t avoid;   /* of a group: its publisher, who wants no echo; 0: anybody may get it */
};

#define BATCH_SLICES_INLINE 2
#define BATCH_PARTS_INLINE 2

struct batch {
    struct msg msg;
    struct actor_ref to;
    uint64_t bytes;
    uint32_t slice_count;
    uint32_t slice_capacity;
    uint32_t part_count;
    uint32_t part_capacity;
    uint32_t grow;        /* size of the next private buffer */
    bool tail_private;    /* the last slice may be appended to */
    bool headers;         /* some frames are HMSG */
    struct slice *slices; /* each holds a reference */
    struct part *parts;
    struct slice slices_inline[BATCH_SLICES_INLINE];
    struct part parts_inline[BATCH_PARTS_INLINE];
};

/* The kind after the runtime's own, at every receiver of deliveries. */
enum delivery_kind { DELIVERY_BATCH = RUNTIME_KINDS, DELIVERY_KINDS };

/* clang-format off */
#define DELIVERY_MESSAGES(X, P)                                                              \
    X(P##_BATCH, batch, batch_drop) /* any publisher: frames for your subscriptions */
/* clang-format on */

msg_drop_fn batch_drop;

struct batch *batch_new(struct actor_ref to);

/* A place for size contiguous bytes at the end; commit says how many were written. */
char *batch_reserve(struct batch *batch, uint32_t size);
void batch_commit(struct batch *batch, uint32_t size);

/* Appends bytes of a shared buffer. Takes its own reference. */
void batch_append(struct batch *batch, struct buf *buf, uint32_t offset, uint32_t size);

/* Appends copies. */
void batch_copy(struct batch *batch, const char *at, uint32_t size);

/* Where the control line of a frame ends: at its CR. NULL: its end is not among these bytes. Subjects
 * and replies may hold a CR, and a subject may begin with an LF; only at the line's end is one behind
 * the other. */
const char *batch_line_end(struct bytes frame);

/* Counts frames for a subscription, joined with the last part when that is of the same kind. */
void batch_account(struct batch *batch, const struct part *part);

#endif
