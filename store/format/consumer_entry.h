/* SPDX-License-Identifier: Apache-2.0 */
/* consumer_entry.h -- the bodies of entries about consumers (docs/formats/consumer-entries.md).
 *
 * Idea        PUT, DROP, SET and HANDOVER speak of one consumer each. DELIVERED and ACKS speak of
 *             many: what the leader gathered in a turn, as *items*, each a run of neighbouring
 *             sequences with which the same happened. A delivery that follows its neighbour costs
 *             nothing but the length of its run.
 * Readers     judge form, not sense: whether there is such a consumer or message is for apply to
 *             say.
 * Bounds      CONSUMER_ITEMS_MAX sequences an entry, CONSUMER_FILTERS_MAX filters, the sizes below.
 */
#ifndef STORE_FORMAT_CONSUMER_ENTRY_H
#define STORE_FORMAT_CONSUMER_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "store/format/buffer.h"

#define CONSUMER_NAME_MAX 255u
#define CONSUMER_CONFIG_MAX ((uint32_t)1 << 20)
#define CONSUMER_FILTERS_MAX 65536u
#define CONSUMER_BACKOFF_MAX 4096u
#define CONSUMER_PIN_MAX 255u
#define CONSUMER_ITEMS_MAX 65536u
#define CONSUMER_SEQ_MAX (UINT64_MAX >> 1) /* of streams and of consumers */
#define CONSUMER_MS_MAX ((uint64_t)1 << 53)

/* --- PUT -------------------------------------------------------------------------------------- */

enum consumer_ack {
    CONSUMER_ACK_NONE,
    CONSUMER_ACK_ALL,
    CONSUMER_ACK_EXPLICIT,
    CONSUMER_ACK_FLOW, /* flow control: settles as ACK_ALL does */
    CONSUMER_ACKS,
};

enum consumer_flag {
    CONSUMER_SOFT = 1u << 0,  /* positions live with the leader, and move by HANDOVER */
    CONSUMER_LASTS = 1u << 1, /* up to last_until it wants the last message of each subject only */
    CONSUMER_START_AHEAD =
        1u << 2, /* start_seq was asked for, and may lie beyond the stream's end */
    CONSUMER_FLAGS = (1u << 3) - 1,
};

/* A consumer as it was asked for: what apply has to know, and the rest in `config`. */
struct consumer_put {
    uint32_t id; /* from 1 */
    uint8_t ack; /* enum consumer_ack */
    uint8_t flags;
    uint32_t max_deliver;     /* 0: no limit */
    uint32_t max_ack_pending; /* 0: no limit */
    uint64_t ack_wait_ms;
    int64_t created_ns;
    uint64_t start_seq;  /* the first that may be delivered; 0: behind the last */
    uint64_t last_until; /* CONSUMER_LASTS */
    struct bytes name;
    struct bytes config;   /* JSON, opaque */
    struct bytes filters;  /* encoded, sorted by bytes, each once: equal bytes are equal filters */
    struct bytes backoff;  /* encoded */
    uint32_t filter_count; /* 0: all subjects */
    uint32_t backoff_count;
};

/* `filters` and `backoff` of put are not used; the arrays are, and need no order. */
void consumer_put_write(struct buffer *b, const struct consumer_put *put,
                        const struct bytes *filters, const uint64_t *backoff_ms);
/* The parts point into body. -EBADMSG, or -ENOTSUP: of a version that is not known here. */
int consumer_put_read(struct bytes body, struct consumer_put *ret)
    __attribute__((warn_unused_result));

/* --- DROP, SET, HANDOVER ---------------------------------------------------------------------- */

void consumer_drop_write(struct buffer *b, uint32_t id);
int consumer_drop_read(struct bytes body, uint32_t *ret_id) __attribute__((warn_unused_result));

enum consumer_set_what {
    CONSUMER_SET_RESET, /* seq: the next to be delivered; 0: the one behind the ack floor */
    CONSUMER_SET_PAUSE, /* until_ns; 0: it goes on */
    CONSUMER_SET_PIN,   /* pin, and until_ns when that was set; no pin: nobody is pinned */
    CONSUMER_SET_OWNER, /* owner: of the consumer's leadership; 0: whoever leads the group */
    CONSUMER_SETS,
};

struct consumer_set {
    uint32_t id;
    enum consumer_set_what what;
    uint64_t seq;
    int64_t until_ns;
    uint64_t owner;
    struct bytes pin;
};

void consumer_set_write(struct buffer *b, const struct consumer_set *set);
int consumer_set_read(struct bytes body, struct consumer_set *ret)
    __attribute__((warn_unused_result));

/* state: consumer_form.h. */
void consumer_handover_write(struct buffer *b, uint32_t id, struct bytes state);
int consumer_handover_read(struct bytes body, uint32_t *ret_id, struct bytes *ret_state)
    __attribute__((warn_unused_result));

/* --- DELIVERED and ACKS ----------------------------------------------------------------------- */

enum consumer_op {
    CONSUMER_OP_ACK,
    CONSUMER_OP_NAK,  /* delay_ms */
    CONSUMER_OP_TERM, /* also of a message that turned out to be gone */
    CONSUMER_OP_PROGRESS,
    CONSUMER_OP_EXHAUST, /* was delivered max_deliver times and waited in vain */
    CONSUMER_OPS,
};

struct consumer_item {
    uint32_t id;
    uint32_t length;     /* of the run: seq, seq + 1, ... */
    uint64_t seq;        /* its first */
    uint64_t dseq;       /* DELIVERED: the consumer's sequence of its first; the others follow */
    uint32_t count;      /* DELIVERED: which delivery of these messages it was; 1: the first */
    enum consumer_op op; /* ACKS */
    uint64_t delay_ms;   /* NAK */
};

/* Gathers items. All of one consumer come one after the other; runs are found here. */
struct consumer_writer {
    struct buffer *buffer; /* borrowed */
    struct consumer_item run;
    uint64_t expected; /* the sequence that needs no byte to say */
    uint32_t items;    /* sequences in the entry so far */
    bool acks;
};

void consumer_writer_begin(struct consumer_writer *w, struct buffer *b, bool acks);
/* length 1; of DELIVERED: dseq as the consumer counts. At most CONSUMER_ITEMS_MAX sequences. */
void consumer_writer_add(struct consumer_writer *w, const struct consumer_item *item);
void consumer_writer_end(struct consumer_writer *w);

struct consumer_reader {
    struct cursor cursor;
    uint32_t id; /* 0: a consumer's part begins */
    uint32_t items;
    uint64_t expected;
    uint64_t dseq;
    bool acks;
};

/* -EBADMSG, or -ENOTSUP. */
int consumer_reader_begin(struct consumer_reader *r, struct bytes body, bool acks)
    __attribute__((warn_unused_result));
/* 1: an item, 0: that was all, -EBADMSG. */
int consumer_reader_next(struct consumer_reader *r, struct consumer_item *ret)
    __attribute__((warn_unused_result));
/* All items are readable: 0, -EBADMSG or -ENOTSUP. */
int consumer_items_check(struct bytes body, bool acks) __attribute__((warn_unused_result));

#endif
