/* SPDX-License-Identifier: Apache-2.0 */
/* publish.h -- one published message to frames in the open batches of its targets.
 *
 * Idea        Messages with the same match follow each other in streaks. With few targets each frame is
 *             encoded into each target's batch. With many, whose sids are mostly the same text, a frame
 *             is encoded once a sid into a run, and at the streak's end every target gets the run: a
 *             copy when it is short, a reference when not. Large payloads always go by reference.
 * Invariants  1 one publisher's messages reach one connection in the order of their publishing: a
 *               connection that the match names twice, or queue groups, rule runs out
 *             2 after publish_end no streak is open and every batch is pushed
 */
#ifndef DELIVERY_PUBLISH_H
#define DELIVERY_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "runtime/msg.h"

struct buf;
struct interest;
struct match_cache;
struct part;

/* Who publishes, and into which index. */
struct publisher {
    struct actor_ref self;
    bool echo;                       /* it gets its own messages back */
    bool drop_when_pressed;          /* no_fast_producer_stall */
    const struct interest *interest; /* shared; under the round's read section */
    uint64_t interest_id;
};

struct publication {
    struct bytes subject;
    struct bytes reply;
    int32_t header_size;      /* <= 0: none */
    uint32_t payload_size;    /* header and payload */
    struct bytes header_text; /* the two sizes as they were written: "0012" stays what it is */
    struct bytes payload_text;
    const char *payload;     /* followed by CR LF */
    struct buf *payload_buf; /* borrowed: where payload lies; NULL: nowhere that can be shared */
};

/* How many got it, or will, when they are still there to take it. */
uint32_t publish_message(const struct publisher *publisher, const struct publication *m);

/* The same publisher, and a control line equal to that of the last publish_message in this read:
 * subject, reply, sizes. */
uint32_t publish_again(const struct publisher *publisher, const struct publication *m);

/* To be called once a read, and before the publisher handles its own mailbox. Returns for how many
 * milliseconds it is asked not to read: 0, or more when targets are under pressure. */
uint32_t publish_end(void);

/* The sid under which the publisher itself, outside queue groups, would get a message on subject;
 * size 0: it would not. Borrowed until
 * the next call of this header. */
struct bytes publish_sid_of(const struct publisher *publisher, struct bytes subject);

/* Whether a subscription of the refusing connection itself would take a frame. */
typedef bool publish_takes_fn(const void *context, uint32_t slot);

/* Gives a frame of a queue group that `refused` could not take to another member: `part` says which
 * group, how often it was refused, and who is not to get it. The frame is whole: control line,
 * payload, end. False: nobody takes it. */
bool publish_hand_on(const struct publisher *refused, const struct part *part, struct bytes frame,
                     publish_takes_fn *takes, const void *context);

#endif
