/* SPDX-License-Identifier: Apache-2.0 */
/* msglog.h -- the messages of one stream: by sequence, by subject, in order; what is dead is out.
 *
 * Idea        A message is in the *tail* (its body in a journal image, or in memory for a stream that is
 *             not stored) or in a *chunk* of a segment; in either it has the same body. Which sequences
 *             are dead is one compact set over both, and counts and last sequences by subject are one
 *             table over both.
 *
 *                 first_seq                                                     last_seq
 *                 | chunk | chunk |    chunk    | chunk || tail ............... |
 *                   segments, read through pages            entries in memory
 *
 * Look-ups    return -EAGAIN when pages have to come first (pages.h): call again, from the start. They
 *             change nothing. Memory logs never do.
 * Bounds      of the tail: what the journal holds. Elsewhere: the store's budget.
 */
#ifndef STORE_MSGLOG_H
#define STORE_MSGLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "store/format/entry.h"
#include "store/format/message.h"

struct msglog;

enum msglog_form { MSGLOG_FILE, MSGLOG_MEMORY };

#define MSGLOG_FILE_EXTRA 30u /* bytes that count for a message beside its own */
#define MSGLOG_MEMORY_EXTRA 16u

/* A message that is there. What it points to stays until pages_end (file), or the next change. */
struct stored {
    uint64_t seq;
    uint64_t index; /* of its entry */
    uint32_t term;
    int64_t time_ns; /* the message's: its own, or its entry's */
    struct bytes body;
    uint64_t body_hash;
    struct message message;
};

struct msglog_state {
    uint64_t msgs;
    uint64_t bytes;        /* as nats-server counts: msglog_size of each */
    uint64_t first_seq;    /* of the first that is there; last_seq + 1 when none is */
    uint64_t last_seq;     /* never goes back; 0: none was ever */
    int64_t first_time_ns; /* 0: known when the first message has been looked at */
    int64_t last_time_ns;
    uint64_t deleted;  /* dead sequences between first and last */
    uint64_t subjects; /* distinct ones that have messages; exact after msglog_subject_count */
    uint64_t hash;     /* the sum of stored_hash over those that are there */
};

/* What a message adds to the state hash of its group: the same in every replica and either form. Its content
 * is the size of subject, headers and payload: that is known without reading the message. */
static inline uint64_t stored_hash(uint64_t seq, int64_t time_ns, uint64_t content)
{
    return checksum_seed(seq, (uint64_t)time_ns, content);
}

/* What counts against limits: file 30 + subject + payload (+ 4 + headers, if any), memory 16 + the same. */
uint64_t msglog_size(enum msglog_form form, const struct message *m);
/* What of that size stored_hash takes. */
static inline uint64_t msglog_content(enum msglog_form form, uint64_t size)
{
    return size - (form == MSGLOG_FILE ? MSGLOG_FILE_EXTRA : MSGLOG_MEMORY_EXTRA);
}

enum msglog_form msglog_form(const struct msglog *log);
void msglog_state(const struct msglog *log, struct msglog_state *ret);

/* --- changes: apply alone calls these; none of them needs a page that the look-up named has not got -- */

/* The message gets the sequence last_seq + 1, or `seq` if that is higher (mirrors, gaps). For a file log
 * the body lies in a journal image and is not copied; a memory log copies it. Returns the sequence. */
uint64_t msglog_append(struct msglog *log, const struct entry *e, const struct message *m,
                       uint64_t seq);
/* The same for a message that apply made itself (a delete marker, a changed header): e is the entry that it
 * came of with this body and its hash, which is copied by a file log, too. */
uint64_t msglog_append_made(struct msglog *log, const struct entry *e, const struct message *m,
                            uint64_t seq);
/* Sequences up to `to` will never be: last_seq moves. */
void msglog_skip(struct msglog *log, uint64_t to);
/* s: what msglog_read or msglog_stat said of it in this look-up. */
struct stored_stat;
void msglog_remove(struct msglog *log, const struct stored_stat *s);
/* Everything before seq dies; first_seq becomes seq if that is over last_seq + 1, too. All of it goes at once;
 * less than that in steps, which stay done: -EAGAIN: pages have to come; -EINPROGRESS: a slice is done. */
int msglog_compact(struct msglog *log, uint64_t seq) __attribute__((warn_unused_result));

/* --- look-ups -------------------------------------------------------------------------------------- */

/* What removing needs to know of a message; cheaper than reading it. */
struct stored_stat {
    uint64_t seq;
    int64_t time_ns;
    uint64_t size; /* msglog_size */
    struct bytes subject;
};

/* 0; -ENOENT: dead, or never there; -EAGAIN; -EBADMSG: it is unreadable (quarantined). */
int msglog_stat(struct msglog *log, uint64_t seq, struct stored_stat *ret)
    __attribute__((warn_unused_result));
int msglog_read(struct msglog *log, uint64_t seq, struct stored *ret)
    __attribute__((warn_unused_result));

/* Subjects that a reader wants: none is all; each may have wildcards. */
struct filter {
    const struct bytes *subjects; /* borrowed */
    uint32_t count;
};

/* The first that matches at or after `from`, and at most at `to`; -ENOENT: there is none up to there.
 * Skips at most MSGLOG_SCAN_MAX records a call: then -EINPROGRESS and ret->seq is where to go on. */
#define MSGLOG_SCAN_MAX 65536
int msglog_next(struct msglog *log, const struct filter *filter, uint64_t from, uint64_t to,
                struct stored *ret) __attribute__((warn_unused_result));
/* The same backwards: the last that matches at or before `from`, and at least at `to`. */
int msglog_prev(struct msglog *log, const struct filter *filter, uint64_t from, uint64_t to,
                struct stored *ret) __attribute__((warn_unused_result));

struct subject_totals {
    uint64_t msgs;
    uint64_t first_seq;
    uint64_t last_seq;
};

/* A literal subject: -ENOENT when it has no message. first_seq and last_seq are of messages that are there. */
int msglog_subject(struct msglog *log, struct bytes subject, struct subject_totals *ret)
    __attribute__((warn_unused_result));
/* The last sequence of a literal subject. */
int msglog_last(struct msglog *log, struct bytes subject, uint64_t *ret_seq)
    __attribute__((warn_unused_result));

/* Subjects that match (and have messages), in order of their bytes, from after `after` (size 0: the first) on;
 * visits at most max. 0: there are no more; -EINPROGRESS: go on after the last one visited. */
typedef void subject_visit_fn(void *context, struct bytes subject,
                              const struct subject_totals *totals);
int msglog_subjects(struct msglog *log, struct bytes filter, struct bytes after, uint32_t max,
                    subject_visit_fn *visit, void *context) __attribute__((warn_unused_result));

/* How many distinct subjects have messages. -EINPROGRESS: a slice of finding out is done, call again. */
int msglog_subject_count(struct msglog *log, uint64_t *ret_count)
    __attribute__((warn_unused_result));

/* The first sequence whose time is at or after time_ns; last_seq + 1: none. */
int msglog_seq_at(struct msglog *log, int64_t time_ns, uint64_t *ret_seq)
    __attribute__((warn_unused_result));
/* How many messages are in from..last_seq: O(1) at either end, else one chunk. */
int msglog_count_from(struct msglog *log, uint64_t from, uint64_t *ret_count)
    __attribute__((warn_unused_result));

#endif
