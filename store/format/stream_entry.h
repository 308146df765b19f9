/* SPDX-License-Identifier: Apache-2.0 */
/* stream_entry.h -- the bodies of the entries that change a stream: docs/formats/entries.md.
 *
 * Idea        MSG and BATCH have the body of a message (message.h) and nothing else, so that it is
 *             the same bytes under the same checksum in journal and segment; what a part of a batch
 *             has to say beyond that are the flags of its entry. The other bodies are written and
 *             read here. NOOP and TIME have none.
 * Invariants  1 reading takes what writing makes and nothing else: one meaning, one encoding
 * Bounds      named beside each; a body is at most ENTRY_BODY_MAX.
 */
#ifndef STORE_FORMAT_STREAM_ENTRY_H
#define STORE_FORMAT_STREAM_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "store/format/little.h"

struct buffer;

/* The highest sequence that a stream can get to: what is asked for beyond is no entry. */
#define STREAM_SEQ_MAX ((uint64_t)1 << 62)
#define STREAM_DELETE_MAX 10000u
#define STREAM_IDENTITY_MAX 255u
#define STREAM_RULES_SIZE_MAX ((uint32_t)64 << 10)
#define STREAM_CONFIG_MAX ((uint32_t)4 << 20)

/* The flags of a BATCH entry. A batch is a run of them: from FIRST on to LAST, indexes without
 * gap. */
enum batch_flag {
    BATCH_FIRST = 1u << 0,
    BATCH_LAST = 1u << 1,
};

/* CONFIG: what apply needs of the configuration, and the whole of it as the API shows it. */
struct stream_config {
    struct bytes rules; /* group/rules.h; at most STREAM_RULES_SIZE_MAX */
    struct bytes text;  /* JSON, opaque here; at most STREAM_CONFIG_MAX */
};

/* DELETE: sequences, rising. */
struct stream_delete {
    bool erase;
    uint32_t count;     /* 1..STREAM_DELETE_MAX */
    struct bytes bytes; /* of the list: stream_delete_seq */
};

/* PURGE */
struct stream_purge {
    struct bytes filter; /* size 0: all subjects */
    uint64_t up_to;      /* messages before this sequence only; 0: any */
    uint64_t keep;       /* so many of the newest that match stay */
};

/* SKIP: sequences that will never be. */
struct stream_skip {
    uint64_t from;
    uint64_t to;
};

/* SOURCE: where one of the stream's sources, or its mirror, has got to. */
struct stream_source {
    uint16_t number;       /* as in the rules */
    bool reset;            /* seq may be lower than before: the origin is another one */
    uint64_t seq;          /* of the last one of the origin that is here, or will never be */
    struct bytes identity; /* the origin's; at most STREAM_IDENTITY_MAX */
};

void stream_config_write(struct buffer *b, const struct stream_config *c);
void stream_delete_write(struct buffer *b, const uint64_t *seqs, uint32_t count, bool erase);
void stream_purge_write(struct buffer *b, const struct stream_purge *p);
void stream_skip_write(struct buffer *b, const struct stream_skip *s);
void stream_source_write(struct buffer *b, const struct stream_source *s);
/* RULES: the version of apply's rules from here on. */
void stream_rules_version_write(struct buffer *b, uint32_t version);

/* What is read points into body. -EBADMSG: no such body; -ENOTSUP: of a form that is not known
 * here. */
int stream_config_read(struct bytes body, struct stream_config *ret)
    __attribute__((warn_unused_result));
int stream_delete_read(struct bytes body, struct stream_delete *ret)
    __attribute__((warn_unused_result));
int stream_purge_read(struct bytes body, struct stream_purge *ret)
    __attribute__((warn_unused_result));
int stream_skip_read(struct bytes body, struct stream_skip *ret)
    __attribute__((warn_unused_result));
int stream_source_read(struct bytes body, struct stream_source *ret)
    __attribute__((warn_unused_result));
int stream_rules_version_read(struct bytes body, uint32_t *ret) __attribute__((warn_unused_result));

static inline uint64_t stream_delete_seq(const struct stream_delete *d, uint32_t nth)
{
    return get_u64(d->bytes.at + (size_t)nth * 8);
}

#endif
