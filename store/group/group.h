/* SPDX-License-Identifier: Apache-2.0 */
/* group.h -- the state machine of one stream with its consumers: applies entries, pure.
 *
 * Idea        The state of a group follows from its entries and nothing else: no clock, no disk
 *             space, no account is asked, so replicas that applied the same entries are the same.
 *             Whether a publish is stored is judged here, when it is applied, and its sequence is
 *             given here; a refused entry has changed nothing but `applied` and log time. Messages
 *             lie in the group's msglog, consumers behind struct group_events; this is the rest,
 *             and the order of things.
 *
 *                 entry ─► log time ─► what is due goes ─► the entry itself ─► applied
 *                             a slice at a time    ▲            │
 *                                                  └─ again ────┘  -EAGAIN, -EINPROGRESS
 *
 * Log time    the highest time of any entry so far. Ages, times to live and the window of message
 *             ids are measured by it, whichever entry moved it on. With no traffic somebody appends
 *             a TIME when group_next_due says so.
 * Steps       An apply is made of steps: an expired message, a message with all that has to go for
 *             it, a slice of a purge. Each step looks up everything before it changes anything. So
 *             between calls the state is consistent; but after an entry has begun to change it
 *             (group_is_busy), no checkpoint may be taken, and a reader that wants batches whole
 *             waits.
 * Invariants  1 log time and the last sequence never go back
 *             2 applied <= commit
 *             3 each time to live is that of a message that is there
 *             4 a batch that is open begins above applied - GROUP_BATCH_MAX
 *             5 limits hold after each entry (of a stream that discards old messages)
 * Bounds      GROUP_SLICE removed messages a call; GROUP_BATCH_MAX parts of a batch, held by
 *             reference (a memory stream copies them); message ids of the window; 32 bytes a time
 *             to live.
 * Differs     Conditions are judged in one order in all streams, that of nats-server's streams of
 *             one replica: sequences before message ids. A message id counts by log time, to the
 *             nanosecond and not to the next tick. A delete marker is stored even where a limit
 *             with discard new would refuse it, as it replaces a message. Of messages whose own
 *             time to live ends at once, markers come in the order of those times.
 */
#ifndef STORE_GROUP_GROUP_H
#define STORE_GROUP_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "store/format/entry.h"
#include "store/group/refusal.h"
#include "store/group/rules.h"

struct buffer;
struct group;
struct msglog;

#define GROUP_SLICE 10000u
#define GROUP_BATCH_MAX 1000u

/* --- what came of an entry -------------------------------------------------------------------- */

enum applied_outcome {
    APPLIED_NOTHING,   /* log time moved on, if that */
    APPLIED_STORED,    /* a message or a whole batch: seq is that of the last one */
    APPLIED_SKIPPED,   /* nobody is interested: seq was given, nothing is stored */
    APPLIED_DUPLICATE, /* seq is that of the message which had this id */
    APPLIED_OLD,       /* of a mirror or source: it has been here before */
    APPLIED_HELD,      /* a part of a batch that waits for the others */
    APPLIED_CHANGED,   /* deleted, purged, configured, ...: `removed` says how many went */
    APPLIED_REFUSED,   /* refusal says why */
};

struct applied {
    enum applied_outcome outcome;
    enum refusal refusal;
    uint64_t seq;
    uint64_t number;     /* of refusal's text */
    struct bytes text;   /* the same; borrowed from the entry or the group until the next apply */
    uint64_t removed;    /* messages that a delete, purge or configuration took away */
    uint32_t batch_size; /* parts of the batch that was stored or refused; 0: none */
    uint32_t batch_part; /* refused: because of this one, from 1 */
};

/* --- who follows ------------------------------------------------------------------------------ */

enum group_reason {
    GROUP_BY_LIMIT,
    GROUP_BY_AGE, /* of the stream, or the message's time to live */
    GROUP_BY_DELETE,
    GROUP_BY_ERASE, /* its bytes have to go from the files, too */
    GROUP_BY_PURGE,
    GROUP_BY_ROLLUP,
    GROUP_BY_ACK,
};

struct group_message {
    uint64_t seq;
    uint64_t size; /* as limits count */
    int64_t time_ns;
    struct bytes subject; /* borrowed for the call */
};

/* The consumers of the group, and whoever else keeps something that follows from its messages. Each
 * may be NULL. The facts are told inside apply, in the order in which they happen, and must not
 * fail or wait. */
struct group_events {
    /* It is in the log now. */
    void (*appended)(void *context, const struct group_message *m);
    /* It goes now, and can still be looked up. */
    void (*removed)(void *context, const struct group_message *m, enum group_reason reason);
    /* All before seq have gone; the first sequence is seq or higher. */
    void (*removed_below)(void *context, uint64_t seq, enum group_reason reason);
    /* Sequences up to seq will never be. */
    void (*skipped)(void *context, uint64_t seq);
    /* A purge is done, after the facts about its messages; filter as in its entry. first_match is the
     * first message left that matches, or the last sequence + 1. */
    void (*purged)(void *context, struct bytes filter, uint64_t first_match);
    /* The rules have been changed. */
    void (*configured)(void *context, const struct stream_rules *rules);

    /* With retention by interest: whether a consumer wants this message, which would get seq. */
    bool (*is_wanted)(void *context, uint64_t seq, struct bytes subject);
    /* An entry of one of the consumers' kinds: as group_apply does it. group_now is its log
     * time. */
    int (*apply)(void *context, const struct entry *e, struct applied *ret);
    /* What the consumers add to the state hash: a sum that is the same in equal states. */
    uint64_t (*hash)(void *context);
};

/* --- the group -------------------------------------------------------------------------------- */

struct group_options {
    uint64_t gid;
    uint64_t seed;                     /* of hash tables: from the world's entropy */
    struct msglog *log;                /* borrowed; lives longer than the group */
    const struct group_events *events; /* borrowed; NULL: nobody follows */
    void *context;
    uint32_t slice; /* messages that may go in one call; 0: GROUP_SLICE. Decides nothing else. */
};

struct group *group_new(const struct group_options *options);
void group_free(struct group **group);

/* Applies the entry with the index after the last one. Call again with the same entry, until it
 * says 0 or fails, when it says
 *   -EAGAIN       pages are on their way, and nothing has changed in the step that needs them (but
 *                 for a purge up to a sequence, of which a part may be done)
 *   -EINPROGRESS  a slice is done
 * 0: it is applied, ret says what came of it. -EBADMSG: the entry, or what it needs to know of the
 * messages, is unreadable; -ENOTSUP: it is of a kind, form or version that is not known here. Then
 * the group can not go on. Kinds that have no index of their own are none of its. Bodies of a
 * batch's parts stay (but for a memory stream's) until the entry after it. */
int group_apply(struct group *g, const struct entry *e, struct applied *ret)
    __attribute__((warn_unused_result));

/* An entry has begun to change the state and is not done, or a batch is open: no checkpoint now. */
bool group_is_busy(const struct group *g);
/* Entries up to this index are committed. What is applied is. */
void group_committed(struct group *g, uint64_t index);

struct group_counters {
    uint64_t applied; /* index */
    uint32_t term;    /* of that entry */
    uint64_t commit;
    int64_t time_ns; /* log time */
    uint32_t rules_version;
};
void group_counters(const struct group *g, struct group_counters *ret);
struct msglog *group_log(const struct group *g);
const struct stream_rules *group_rules(const struct group *g);
/* The configuration's text, as the last CONFIG entry brought it. Borrowed until the next one. */
struct bytes group_config(const struct group *g);
/* Inside apply: the log time of the entry. */
int64_t group_now(const struct group *g);
/* Where a source has got to; false: nothing is known of it. identity is borrowed until the next
 * apply. */
bool group_source(const struct group *g, uint16_t number, uint64_t *ret_seq,
                  struct bytes *ret_identity);
/* Log time at which something is due that needs an entry to happen; INT64_MAX: nothing. It may be
 * early. */
int64_t group_next_due(struct group *g);

/* --- for consumers: acks remove messages in the same apply ------------------------------------ */

/* Whether the message is there and all is known to remove it: 0, -ENOENT, -EAGAIN, -EBADMSG. */
int group_can_remove(struct group *g, uint64_t seq) __attribute__((warn_unused_result));
/* In the same step: group_can_remove has said 0. */
void group_remove_acked(struct group *g, uint64_t seq);

/* --- state ------------------------------------------------------------------------------------ */

/* Equal when the states are: over live messages, message ids, sources, rules, counters, consumers.
 * O(1). */
uint64_t group_state_hash(const struct group *g);
/* All of the state that is not in messages or consumers; the group is not busy.
 * docs/formats/entries.md. */
void group_write(const struct group *g, struct buffer *b);
/* Into a new group, whose log is as it was then. -EBADMSG: nothing that group_write makes, or of
 * another log; -ENOTSUP: of a form, or of rules of apply, that are not known here. Then the group
 * can only be freed. */
int group_read(struct group *g, struct bytes bytes) __attribute__((warn_unused_result));

/* The invariants of what is in memory. */
void group_check(struct group *g);

#endif
