/* SPDX-License-Identifier: Apache-2.0 */
/* group_private.h -- a group from inside: what group*.c share.
 *
 *     group.c          life, dispatch, log time, hash
 *     group_state.c    encode, decode
 *     group_message.c  one message comes or goes
 *     group_limits.c   age, times to live, limits, markers
 *     group_judge.c    whether a message is taken
 *     group_publish.c  what has to go for it, and storing it
 *     group_batch.c    several messages, all or none
 *     group_purge.c    delete, purge, skip
 *     group_config.c   configuration, sources
 *
 * An apply of many calls keeps its place in struct group_work; everything else in a group is
 * between entries or between steps.
 */
#ifndef STORE_GROUP_GROUP_PRIVATE_H
#define STORE_GROUP_GROUP_PRIVATE_H

#include "store/format/buffer.h"
#include "store/format/stream_entry.h"
#include "store/group/dedup.h"
#include "store/group/group.h"
#include "store/group/publish_headers.h"
#include "store/group/ttl_table.h"
#include "store/msglog.h"

/* The rules of apply that are written in this tree. */
#define GROUP_RULES_VERSION 1u

/* No message at or after age_seq will ever be too old; its time is not known. */
#define AGE_NONE INT64_MAX
#define AGE_UNKNOWN INT64_MIN

struct victim {
    struct stored_stat stat;
    enum group_reason reason;
};

/* What the step that is looked up has to remove. */
struct plan {
    struct victim *victims; /* given */
    uint32_t count;
    uint32_t capacity;
};

struct source {
    uint16_t number;
    uint8_t identity_size;
    uint64_t seq;
    char identity[STREAM_IDENTITY_MAX];
};

struct batch {
    struct entry *parts; /* given; bodies in the journal's images, or in copies */
    uint32_t count;
    uint32_t capacity;
};

/* Where the entry that is being applied has got to. Zeroed between entries. */
struct group_work {
    bool begun;         /* it has changed the state */
    bool expired;       /* what was due before it has gone */
    bool judged;        /* its conditions hold, which are not asked again */
    bool lowered;       /* CONFIG: subjects may have fewer messages than before */
    uint8_t phase;      /* the kind's own */
    uint32_t part;      /* of a batch: how many are stored */
    uint64_t cursor;    /* a walk goes on here; 0: it has not begun */
    uint64_t scan;      /* so does the search for an expected subject's last message, */
    uint32_t scan_part; /* which is that of this part, counted from 1 */
    uint64_t left;      /* messages to remove */
    uint64_t removed;
    struct buffer after;   /* a walk through subjects goes on after this one */
    struct buffer visited; /* the last one that the walk's look-up came to */
};

struct group {
    uint64_t gid;
    struct msglog *log;                /* borrowed */
    const struct group_events *events; /* borrowed */
    void *context;
    uint32_t slice;

    struct group_counters counters;
    int64_t now_ns; /* log time, of the entry that is being applied */
    struct stream_rules rules;
    uint64_t rules_hash;
    struct buffer config;
    struct buffer last_msg_id; /* of the last message; empty: it had none */
    struct dedup dedup;
    struct ttl_table ttl;
    struct source *sources; /* given; numbers rise */
    uint32_t source_count;
    uint64_t age_seq; /* no message before it will ever be too old */
    int64_t
        /* of the first at or after it, or AGE_; used when it is behind the first message */
        age_time_ns;

    struct batch batch;
    struct group_work work;
    struct plan plan;
    struct buffer made; /* a body that apply makes */
};

/* --- group_message.c -------------------------------------------------------------------------- */

/* The first message at or after from; -ENOENT: there is none. */
int group_find_live(struct group *g, uint64_t from, struct stored_stat *ret)
    __attribute__((warn_unused_result));
struct stored_stat group_stat_of(const struct group *g, const struct stored *s);
/* In this step it has been looked up. */
void group_remove(struct group *g, const struct stored_stat *s, enum group_reason reason);
int group_compact(struct group *g, uint64_t seq, enum group_reason reason)
    __attribute__((warn_unused_result));
void group_skip(struct group *g, uint64_t to);
/* made: its body is in g->made. seq 0: the next one. */
uint64_t group_append(struct group *g, const struct entry *e, const struct message *m, bool made,
                      uint64_t seq, int64_t ttl_seconds);

void plan_clear(struct plan *p);
void plan_add(struct plan *p, const struct stored_stat *s, enum group_reason reason);
/* Removes what is planned. */
void group_carry_out(struct group *g);

/* --- group_limits.c --------------------------------------------------------------------------- */

/* Each goes on until nothing is due (over), or *budget messages have been looked at:
 * -EINPROGRESS. */
int group_expire(struct group *g, const struct entry *e, uint32_t *budget)
    __attribute__((warn_unused_result));
int group_enforce(struct group *g, uint32_t *budget) __attribute__((warn_unused_result));
bool group_is_over(const struct group *g, const struct msglog_state *s);
/* The time of the message that will be too old first, or AGE_. */
int64_t group_age_time(const struct group *g, const struct msglog_state *s);

/* --- group_judge.c, group_publish.c, group_batch.c -------------------------------------------- */

struct publish {
    const struct entry *entry;
    struct message message;
    struct publish_headers headers;
    uint32_t part; /* of a batch, from 1; 0: alone */
    uint64_t size; /* as limits count */
    int64_t ttl_seconds;
    enum publish_rollup rollup; /* that is allowed */
    bool unwanted;              /* nobody is interested: it gets a sequence and is not stored */
    bool made;                  /* its body has been changed, and is in g->made */
};

/* What the parts before have taken already. */
struct staged_part {
    struct bytes subject;
    struct bytes msg_id;
};

struct staged {
    uint32_t count;
    uint64_t bytes;
    struct staged_part *parts; /* given */
};

int publish_read(const struct entry *e, struct publish *ret) __attribute__((warn_unused_result));
/* Whether the message is taken: then ret's outcome is APPLIED_STORED. staged: NULL when it is
 * alone. */
int group_judge(struct group *g, struct publish *p, const struct staged *staged,
                struct applied *ret) __attribute__((warn_unused_result));
/* Settles what the rules make of a message that was just read. */
void publish_settle(struct group *g, struct publish *p);
/* Stores a message that is taken, and makes room for it: a step, or with -EINPROGRESS the first of
 * more. */
int group_store(struct group *g, const struct publish *p, uint64_t *ret_seq)
    __attribute__((warn_unused_result));
/* Whether a message of this subject is stored: somebody wants it, or the stream does not ask. */
bool group_wants(const struct group *g, struct bytes subject);
int apply_message(struct group *g, const struct entry *e, struct applied *ret)
    __attribute__((warn_unused_result));
int apply_batch(struct group *g, const struct entry *e, struct applied *ret)
    __attribute__((warn_unused_result));
void group_drop_batch(struct group *g);

/* --- group_purge.c, group_config.c ------------------------------------------------------------ */

int apply_delete(struct group *g, const struct entry *e, struct applied *ret)
    __attribute__((warn_unused_result));
int apply_purge(struct group *g, const struct entry *e, uint32_t *budget, struct applied *ret)
    __attribute__((warn_unused_result));
int apply_skip(struct group *g, const struct entry *e, struct applied *ret)
    __attribute__((warn_unused_result));
int apply_source(struct group *g, const struct entry *e, struct applied *ret)
    __attribute__((warn_unused_result));
int apply_config(struct group *g, const struct entry *e, uint32_t *budget, struct applied *ret)
    __attribute__((warn_unused_result));

struct source *group_find_source(const struct group *g, uint16_t number);
/* Sets its position; made when it is not there. */
void group_set_source(struct group *g, uint16_t number, uint64_t seq);
/* Takes rules for its own. */
void group_set_rules(struct group *g, struct stream_rules *rules);

/* Everything but consumers. */
uint64_t group_stream_hash(const struct group *g);

static inline void group_refuse(struct applied *ret, enum refusal refusal)
{
    ret->outcome = APPLIED_REFUSED;
    ret->refusal = refusal;
}

/* Notes a subject that a look-up came to, and after the look-up, that the walk goes on behind
 * it. */
static inline void work_visit(struct group_work *work, struct bytes subject)
{
    work->visited.size = 0;
    buffer_add(&work->visited, subject.at, subject.size);
}

static inline void work_advance(struct group_work *work)
{
    if (work->visited.size == 0)
        return;
    struct buffer b = work->after;
    work->after = work->visited;
    work->visited = b;
    work->visited.size = 0;
}

static inline struct msglog_state group_log_state(const struct group *g)
{
    struct msglog_state s;
    msglog_state(g->log, &s);
    return s;
}

#endif
