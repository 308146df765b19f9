/* SPDX-License-Identifier: Apache-2.0 */
/* consumer.h -- one consumer: what it was sent, what it has settled, what it may want.
 *
 * Idea        Apply tells it what was delivered and acknowledged, in log time; when to send again,
 *             and to whom, is its leader's to decide, who reads this state. Two borders go up
 *             through the stream, each a pair of sequences, of the consumer's deliveries and of the
 *             stream:
 *
 *                 ack floor              delivered           last
 *                 | settled, or pending  | ahead             |
 *
 * Invariants  1 ack floor <= delivered, in both sequences
 *             2 a waiting entry lies above the floor and not above delivered, in both
 *             3 nothing waits: the floor is delivered
 *             4 with ack none nothing is ever pending
 *             5 the filter member stands at delivered
 *             6 delivered <= the stream's last, unless it began further ahead and had nothing yet
 *             7 hash is that of the entries
 * Bounds      CONSUMER_BYTES_IDLE_MAX bytes besides its PUT body (name, filters, configuration) and
 *             what is pending. Every change is O(1) but for the search in pending.h and for what it
 *             settles.
 * Differs     from nats-server: an acknowledgement moves the floor by the sequence of the first
 *             delivery also with ack all, where a redelivered one can leave later acks unheard;
 *             removing a message settles it alone, with ack all, too; a nak is state, so a new
 *             leader knows of it.
 */
#ifndef STORE_GROUP_CONSUMER_H
#define STORE_GROUP_CONSUMER_H

#include <stdbool.h>
#include <stdint.h>

#include "store/format/consumer_entry.h"
#include "store/group/filter_group.h"
#include "store/group/pending.h"

#define CONSUMER_BYTES_IDLE_MAX 256u

struct consumer_place {
    uint64_t dseq; /* of the consumer's deliveries */
    uint64_t seq;  /* of the stream */
};

/* What SET left behind; rare. */
struct consumer_extras {
    int64_t paused_until_ns; /* 0: it is not paused */
    int64_t pinned_ns;
    uint64_t owner; /* 0: whoever leads the group */
    uint8_t pin_size;
    char pin[CONSUMER_PIN_MAX];
};

struct consumer {
    uint32_t id;
    uint8_t ack; /* enum consumer_ack */
    uint8_t flags;
    uint8_t name_size;
    uint32_t max_deliver; /* 0: no limit */
    uint32_t body_size;
    uint32_t backoff_at; /* in body */
    uint16_t backoff_count;
    uint16_t name_at; /* in body */
    uint64_t ack_wait_ms;
    char *body; /* given: of its PUT */
    struct consumer_place delivered;
    struct consumer_place floor;
    int64_t delivered_ms; /* of the last delivery; 0: there was none */
    int64_t acked_ms;     /* of the last that settled something by an acknowledgement */
    struct pending pending;
    struct consumer_extras *extras; /* given; NULL: nothing was set */
    uint64_t hash;                  /* of the entries, summed */
    struct consumer *next_by_id;    /* consumers.c's, as what follows */
    struct consumer *next_by_name;
    struct filter_member member;
    uint32_t busy; /* among those that have entries, from 1; 0: it has none */
};

/* Where it stands and what is pending: what positions are (consumer_form.h). */
struct consumer_state {
    struct consumer_place delivered;
    struct consumer_place floor;
    int64_t delivered_ms;
    int64_t acked_ms;
    struct pending pending; /* given */
};

/* Told of each message that a change has settled for the consumer, when the state is whole again:
 * it may ask and remove. */
typedef void consumer_settled_fn(void *context, struct consumer *c, uint64_t seq);

struct settled_sink {
    consumer_settled_fn *settled; /* NULL: nobody wants to know */
    void *context;
};

/* As asked for; stands before its first message at start (the next sequence to be delivered). */
struct consumer *consumer_new(const struct consumer_put *put, struct bytes body, uint64_t start);
/* Has left its filter group. */
void consumer_free(struct consumer **consumer);
/* The same consumer by another configuration; its position stays. */
void consumer_reconfigure(struct consumer *c, const struct consumer_put *put, struct bytes body);
/* As it was asked for, again. */
struct consumer_put consumer_rules(const struct consumer *c);

/* --- changes; none of them moves the filter member -------------------------------------------- */

/* A first delivery: false: stale, nothing but dseq has moved, if that. live: the message is still
 * there. */
bool consumer_deliver(struct consumer *c, uint64_t seq, uint64_t dseq, int64_t now_ms, bool live);
void consumer_redeliver(struct consumer *c, uint64_t seq, uint64_t dseq, uint32_t count,
                        int64_t now_ms);
/* Settles what an acknowledgement of seq settles; what is not pending is ignored. */
void consumer_ack(struct consumer *c, uint64_t seq, int64_t now_ms,
                  const struct settled_sink *sink);
/* The message is due again delay_ms from now. */
void consumer_nak(struct consumer *c, uint64_t seq, uint64_t delay_ms, int64_t now_ms);
void consumer_progress(struct consumer *c, uint64_t seq, int64_t now_ms);
/* It will not be delivered again; interest in it stays. */
void consumer_exhaust(struct consumer *c, uint64_t seq);
/* The message is gone from the stream. */
void consumer_removed(struct consumer *c, uint64_t seq);
/* All before first is gone from the stream. */
void consumer_removed_below(struct consumer *c, uint64_t first);
/* Nothing is left to be delivered before `first`: it stands there, if it was not further. */
void consumer_forward(struct consumer *c, uint64_t first);
/* It begins again, before `next`. */
void consumer_reset(struct consumer *c, uint64_t next);
/* It stands where the state says; what was given is taken. The state is one that
 * consumer_state_fits. */
void consumer_take_state(struct consumer *c, struct consumer_state *state);

/* --- questions -------------------------------------------------------------------------------- */

/* Whether invariants 1 to 4 and 6 hold of a state from outside, which has no entry out of order. */
bool consumer_state_fits(struct consumer_state *s, uint8_t ack, uint64_t last_seq);
/* Calls settled for all that consumer_ack would settle, and maybe more; changes nothing. */
void consumer_ack_preview(struct consumer *c, uint64_t seq, const struct settled_sink *sink);
/* Of a message that matches its filters. */
bool consumer_wants(struct consumer *c, uint64_t seq);
/* How long the consumer's client has after a delivery, and so when an entry is due again. */
uint64_t consumer_wait_ms(const struct consumer *c, uint32_t count);
int64_t consumer_due_ms(const struct consumer *c, const struct delivery *d);
/* What it adds to the hash of the state: for being there, and for where it stands. */
uint64_t consumer_identity_hash(const struct consumer *c);
uint64_t consumer_position_hash(const struct consumer *c);
struct consumer_extras *consumer_make_extras(struct consumer *c);
/* Frees extras that say nothing. */
void consumer_trim_extras(struct consumer *c);
/* Asserts the invariants; last_seq is the stream's. */
void consumer_check(struct consumer *c, uint64_t last_seq);

static inline struct bytes consumer_name(const struct consumer *c)
{
    return (struct bytes){c->body + c->name_at, c->name_size};
}

static inline bool consumer_settles_all(const struct consumer *c)
{
    return c->ack == CONSUMER_ACK_ALL || c->ack == CONSUMER_ACK_FLOW;
}

#endif
