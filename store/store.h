/* SPDX-License-Identifier: Apache-2.0 */
/* store.h -- one store directory: groups of streams and consumers, durable by one journal.
 *
 * Idea        Whoever wants something changed appends an entry to a group and is told when it has been
 *             applied, which is after it was durable. Whoever wants to know something looks it up in
 *             the group's state. The owner (an actor, a tool, a test) gives the store its turns.
 *
 *                 store_append ─► journal ─► durable ─► group_apply ─► done        store_look ─► group, msglog
 *                                    └─ drain: chunks, checkpoint, release ─┘
 *
 * Time        is an argument. Log time never goes back, whatever the owner's clock does.
 * Sync        of a group: STORE_SYNC_ALWAYS: applied, and told, once it is durable. STORE_SYNC_INTERVAL:
 *             once it is queued; it becomes durable with the next flush of anybody, or of the timer.
 *             STORE_SYNC_COMMITTED: when others have it, too. What is durable and not committed stays in the
 *             journal, from where it may be cut; it never gets into a segment.
 * Failure     a failed write or sync of journal or ledger fails the store: look-ups go on, appends end
 *             with -EIO. Only a new start leaves that.
 * Bounds      replay_debt_*: what a start has to replay, and so what the tails hold in memory;
 *             memory_bytes: pages and tables; STORE_QUEUE_*: entries of a group under way.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "runtime/base/disk.h"
#include "runtime/base/list.h"
#include "store/crypt.h"
#include "store/format/entry.h"
#include "store/msglog.h"
#include "store/pages.h"

struct applied;
struct group;
struct store;
struct store_group;

#define STORE_QUEUE_ENTRIES_MAX 10000u
#define STORE_QUEUE_BYTES_MAX ((uint64_t)8 << 20)
#define STORE_NAME_MAX 1024u /* of an account or a stream */
#define STORE_CONFIG_MAX ((size_t)4 << 20)

enum store_sync {
    STORE_SYNC_ALWAYS,
    STORE_SYNC_INTERVAL,
    STORE_SYNC_COMMITTED, /* durable at once, and applied as far as store_committed says: consensus */
};

struct store_options {
    const struct disk *disk; /* borrowed */
    const char *path;        /* copied; is made when it is not there; without a slash at its end */
    uint64_t seed;           /* of hash tables: from the world's entropy */
    uint8_t uuid[16];        /* of a store that has to be made: from the world's entropy */
    uint64_t journal_file_bytes;  /* 0: 32 MiB */
    uint64_t replay_debt_bytes;   /* 0: 64 MiB */
    uint64_t replay_debt_records; /* 0: 400,000 */
    uint64_t memory_bytes;        /* 0: 256 MiB */
    uint32_t sync_interval_ms;    /* for STORE_SYNC_INTERVAL; 0: 2,000 */
    uint64_t section_bytes;       /* of a checkpoint; larger ones have a file; 0: 64 KiB */
    uint64_t
        tables_bytes; /* of subjects in memory; over it they are written; 0: memory_bytes / 8 */
    uint32_t idle_ms; /* groups not used for so long leave memory; 0: 30,000 */
    uint64_t compact_dead_min;  /* bytes; less in a segment is let be; 0: 1 MiB */
    uint64_t scrub_interval_ms; /* everything is read once in this time; 0: 14 days */
    uint64_t scrub_bytes_per_s; /* at most; 0: 8 MiB */
    /* New groups are encrypted when there is a key; of high entropy, for it is not stretched. What it
     * does not open the previous one may: these groups get it. Both are borrowed for store_new. */
    struct bytes key;
    struct bytes previous_key;
    enum crypt_cipher cipher; /* of new groups, where the processor has it; 0: XChaCha20-Poly1305 */
    void (*entropy)(void *context, void *at,
                    size_t size); /* the world's; NULL: there are no keys */
    /* Once, when the store has failed; and each range of a group that turns out to be unreadable. */
    void (*failed)(void *context, int error);
    void (*lost)(void *context, struct store_group *group, uint64_t seq_first, uint64_t seq_last);
    /* Of a group with STORE_SYNC_COMMITTED: all entries up to index are durable. May be NULL. */
    void (*durable)(void *context, struct store_group *group, uint64_t index);
    void *context;
};

struct store *store_new(const struct store_options *options);
/* Nothing is under way, or its disk has dropped it. What is not durable by then may be lost. */
void store_free(struct store **store);

/* Recovers what is there, or makes the store: 0, or -EWOULDBLOCK (another has it), -ENOTSUP (of another
 * version), -EBADMSG (not a store, or its identity is unreadable), or the disk's word. */
void store_open(struct store *s, void (*done)(void *context, int status));
/* Drains and checkpoints what is in the journal, marks the store as left clean, closes it. */
void store_close(struct store *s, void (*done)(void *context, int status));

/* Does a slice of what there is to do; true: there is more, call again soon. To be called after any
 * number of appends, after a request of the disk has ended, and at store_due_ms. */
bool store_turn(struct store *s, uint64_t now_ms);
uint64_t store_due_ms(const struct store *s);
/* No request is under way and nothing is left to do but by time. */
bool store_idle(const struct store *s);

struct store_stats {
    uint64_t groups;
    uint64_t appended;       /* records to the journal */
    uint64_t appended_bytes; /* their bodies */
    uint64_t written_bytes;  /* to journal, segments, runs and ledger */
    uint64_t flushes;
    uint64_t drains;
    uint64_t rewrites; /* of segments: compactions and the like */
    uint64_t scrubs;   /* passes over all that is stored */
    uint64_t scrubbed_bytes;
    uint64_t copied;        /* entries that drains carried forward */
    uint64_t journal_bytes; /* between floor and end */
    uint64_t journal_records;
    uint64_t pages_bytes;
    bool failed;
};
void store_stats(const struct store *s, struct store_stats *ret);

/* --- groups ---------------------------------------------------------------------------------------- */

struct store_group_options {
    struct bytes account;
    struct bytes name;
    struct bytes config; /* body of its first entry, a CONFIG */
    enum msglog_form form;
    enum store_sync sync;
    bool compress; /* what leaves the journal */
};

/* Makes a group, durable when done: 0 and the group, -EEXIST, -ENAMETOOLONG, -EINVAL, -EIO. */
struct store_make {
    struct store_group_options options; /* borrowed until done */
    int64_t now_ns;
    void (*done)(struct store_make *make, int status, struct store_group *group);
    void *context;
    void *state; /* the store's */
};
void store_make(struct store *s, struct store_make *make);

/* The group of this name; NULL: none. */
struct store_group *store_find(struct store *s, struct bytes account, struct bytes name);
/* The group of this gid; NULL: none. */
struct store_group *store_group_of(struct store *s, uint64_t gid);
/* The group with the next higher gid (0: the first); NULL: no more. */
struct store_group *store_next(struct store *s, uint64_t gid);

/* Deletes it: durable when done. Its files go then. */
struct store_delete {
    struct store_group *group;
    void (*done)(struct store_delete *d, int status);
    void *context;
    void *state; /* the store's */
};
void store_delete(struct store *s, struct store_delete *d);

uint64_t store_group_gid(const struct store_group *g);
struct bytes store_group_account(const struct store_group *g);
struct bytes store_group_name(const struct store_group *g);
bool store_group_damaged(const struct store_group *g);
/* Its keys are not here: whatever is asked of it but to be deleted ends with -ENOKEY. */
bool store_group_locked(const struct store_group *g);

/* --- changes ----------------------------------------------------------------------------------------- */

/* One entry. The memory, and that of the body, is the caller's until done. */
struct store_append {
    enum entry_kind kind;
    uint8_t flags;
    uint32_t term; /* STORE_SYNC_COMMITTED: who made it; else 0 */
    struct bytes body;
    int64_t now_ns;
    /* status 0: applied, and `applied` says what came of it (a refusal is one, too); -EIO: the store has
     * failed, and the entry may or may not be there after a start; -ENOENT: the group was deleted; -EROFS:
     * it turned out to be damaged; -ECANCELED: it was cut. Never from inside store_append. */
    void (*done)(struct store_append *a, int status, const struct applied *applied);
    void *context;
    struct store_append *next; /* the store's, like the one below */
    uint64_t index;
};

/* 0: taken; else not taken, and done is not called: -EAGAIN (too much under way, or the journal is full:
 * later), -EMSGSIZE, -EIO (failed), -EROFS (the group is damaged), -ENOKEY (it is locked), -ENOENT (it is being deleted). */
int store_append(struct store *s, struct store_group *g, struct store_append *a)
    __attribute__((warn_unused_result));

/* Of a group with STORE_SYNC_COMMITTED. Entries up to index are committed: they are applied when they are
 * durable here. It never falls; index may be beyond what is here. */
void store_committed(struct store *s, struct store_group *g, uint64_t index);
/* Entries after index, which are not committed, never were; durable with the next flush. 0, or as
 * store_append. */
int store_cut(struct store *s, struct store_group *g, uint64_t index)
    __attribute__((warn_unused_result));
/* Index of the last entry, and its term (0: it is in a checkpoint). */
uint64_t store_last_index(const struct store_group *g, uint32_t *ret_term);

/* Erased messages (DELETE entries that say so) are out of every read when their entry is applied; this tells when
 * they are in no file any more, for all that was applied before. done, perhaps at once: 0; -ECANCELED: the
 * store closes, and goes on with it after its next start; -ENOENT: the group was deleted; -EIO. */
struct store_erased {
    void (*done)(struct store_erased *wait, int status);
    void *context;
    struct link link; /* the store's */
};
void store_erased(struct store *s, struct store_group *g, struct store_erased *wait);

/* --- repair ------------------------------------------------------------------------------------------ */

/* The first range of the group's messages, at or after from, that are known to be unreadable. The group is
 * loaded: after a look-up. false: there is none. */
bool store_missing(const struct store_group *g, uint64_t from, uint64_t *ret_first,
                   uint64_t *ret_last);

/* A message to take the place of one that is missing. index, term and time are those of its entry; if the
 * header of the damaged record is whole, that one's count. done, perhaps at once: 0: it is durable; -ENOENT:
 * it is not missing; -EBADMSG: it is not the message that was there; -EACCES: nothing is left to compare it
 * with, and it is not of a committed state; -EEXIST, -EAGAIN (many are under way), -ECANCELED, -EIO. */
struct store_supply {
    uint64_t seq;
    uint64_t index;
    uint32_t term;
    bool committed; /* it comes from a committed state of a peer */
    int64_t time_ns;
    struct bytes body; /* borrowed until done: message.h */
    void (*done)(struct store_supply *supply, int status);
    void *context;
    struct link link; /* the store's, like those below */
    uint64_t body_hash;
    bool known; /* by the damaged record's header */
    bool taken;
};
void store_supply(struct store *s, struct store_group *g, struct store_supply *supply);

/* --- look-ups ---------------------------------------------------------------------------------------- */

/* run is called, maybe several times, with the group loaded; it looks up what it wants in the group and
 * its log, which say -EAGAIN when pages have to come, and returns that, or what it found. It may stop
 * with -EINPROGRESS to go on in a later turn. Then done is called: at once, or from store_turn; with
 * -EBADMSG, without run, when the group's state is unreadable. */
struct store_look {
    int (*run)(struct store_look *look, struct group *group, struct msglog *log);
    void (*done)(struct store_look *look, int status);
    void *context;
    struct store_group *group;
    struct page_wait wait; /* the store's, like those below */
    struct store *store;
    struct link link;
};
void store_look(struct store *s, struct store_group *g, struct store_look *look);

#endif
