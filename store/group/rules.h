/* SPDX-License-Identifier: Apache-2.0 */
/* rules.h -- what of a stream's configuration decides what an entry does to it.
 *
 * Idea        A configuration has some forty keys, and they come as JSON. Apply has to know what a
 *             publish meets, no more, and must not depend on how a text is read: whoever makes the
 *             CONFIG entry translates once, and these bytes travel with the text.
 * Invariants  1 reading takes what writing makes and nothing else
 *             2 sources rise
 * Bounds      RULES_SOURCES_MAX sources.
 */
#ifndef STORE_GROUP_RULES_H
#define STORE_GROUP_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

struct buffer;

#define RULES_NAME_MAX 255u
#define RULES_SOURCES_MAX 4096u

enum rules_retention {
    RETENTION_LIMITS = 0,
    RETENTION_INTEREST = 1,
    RETENTION_WORK_QUEUE = 2,
};

enum rules_discard {
    DISCARD_OLD = 0,
    DISCARD_NEW = 1,
};

enum rules_flag {
    RULES_SEALED = 1u << 0,
    RULES_DENY_DELETE = 1u << 1,
    RULES_DENY_PURGE = 1u << 2,
    RULES_ALLOW_ROLLUP = 1u << 3,
    RULES_ALLOW_MSG_TTL = 1u << 4,
    RULES_DISCARD_NEW_PER_SUBJECT = 1u << 5,
    RULES_MIRROR = 1u << 6, /* sequences are the origin's; source 0 is the mirror */
};
#define RULES_FLAGS ((1u << 7) - 1)

struct stream_rules {
    enum rules_retention retention;
    enum rules_discard discard;
    uint32_t flags; /* enum rules_flag */
    /* Limits, as nats-server counts; 0 and below: none. */
    int64_t max_msgs;
    int64_t max_bytes;
    int64_t max_msgs_per_subject;
    int64_t max_age_ns;
    int64_t duplicate_window_ns;
    int64_t marker_ttl_ns; /* subject_delete_marker_ttl */
    int32_t max_msg_size;  /* headers and payload; below 0: none */
    uint64_t first_seq;    /* of a stream that has never had a message */
    uint16_t name_size;
    char name[RULES_NAME_MAX];
    uint16_t source_count;
    /* Numbers that the configuration's sources have; one that is changed or comes again gets a new
     * number. */
    uint16_t *sources; /* given */
};

/* Nothing is limited or forbidden. */
void stream_rules_init(struct stream_rules *r, struct bytes name);
void stream_rules_done(struct stream_rules *r);
/* sources is copied. */
void stream_rules_set_sources(struct stream_rules *r, const uint16_t *sources, uint16_t count);
bool stream_rules_has_source(const struct stream_rules *r, uint16_t number);

void stream_rules_write(struct buffer *b, const struct stream_rules *r);
/* Into one that is not initialized. -EBADMSG: nothing that stream_rules_write
 * makes; -ENOTSUP: of a form that is not known here. */
int stream_rules_read(struct bytes bytes, struct stream_rules *ret)
    __attribute__((warn_unused_result));

static inline bool rules_have(const struct stream_rules *r, unsigned flag)
{
    return (r->flags & flag) != 0;
}

static inline struct bytes rules_name(const struct stream_rules *r)
{
    return (struct bytes){r->name, r->name_size};
}

#endif
