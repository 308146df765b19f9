/* SPDX-License-Identifier: Apache-2.0 */
/* store_state.h -- what the files store*.c share: the store and its groups from inside.
 *
 * The life of a group in memory:
 *
 *     STUB ──load──► LOADING ──checkpoint decoded──► LOADED
 *      ▲                 └──unreadable──► DAMAGED (its name and number are known, nothing else)
 *      └── UNLOADING ◄── clean, and not used for a while ── LOADED
 *
 * and LOCKED from the start on: no key opens it (store_keys.h).
 *
 * A stub takes appends: its last index and log time are known. They are applied when it is loaded.
 *
 *     store.c          life, turns, failure          store_append.c   entries: taken, applied, answered
 *     store_open.c     recovery                      store_look.c     look-ups
 *     store_groups.c   groups: made, loaded, gone    store_drain.c    from the journal to segments
 *     store_commit.c   the ledger's commits          store_trash.c    files that nobody names
 *     store_delete.c   groups go                     store_rewrite.c  segments made anew
 *     store_compact.c  which, and when               store_tables.c   runs are merged, and go
 *     store_memory.c   what groups hold in memory
 *     store_pin.c      states that stay              store_fill.c     groups made of something else
 *
 * Invariants  1 a group is in `to_apply` if it is loaded, has durable entries that are not applied, and does
 *               not wait for pages
 *             2 a group is in `with_entries` if its entry log is not empty
 *             3 `asked` has the requesters of entries that are not applied, in order of their indexes
 *             4 the journal's floor is at most the position of every entry of every log
 */
#ifndef STORE_STORE_STATE_H
#define STORE_STORE_STATE_H

#include "runtime/base/list.h"
#include "store/entry_log.h"
#include "store/group_table.h"
#include "store/journal.h"
#include "store/ledger.h"
#include "store/store.h"
#include "store/super.h"
#include "store/task.h"

struct buffer;
struct crypt;
struct drain;
struct erasing;
struct leftovers;
struct loading;
struct making;
struct rewrite;
struct s2_encoder;
struct store_group_keys;
struct scrub;
struct store_tables;
struct seqset;
struct trash;

enum store_group_life {
    GROUP_STUB,
    GROUP_LOADING,
    GROUP_LOADED,
    GROUP_UNLOADING, /* the pages let go of its files; then it is a stub again */
    GROUP_DAMAGED,
    GROUP_LOCKED,
};

struct store_group {
    struct journal_member member; /* first: the journal tells us by it */
    struct store *store;
    uint64_t incarnation;
    struct bytes account; /* in the group's own allocation */
    struct bytes name;
    enum msglog_form form;
    enum store_sync sync;
    enum store_group_life life;
    struct store_group_keys *crypt; /* given: store_keys.h */
    bool waiting;                   /* apply does, for `wait` */
    bool carried;                   /* its entries' positions are not in order */
    bool draining;                  /* a job of the drain has it */
    bool has_folder;
    bool deleting;
    bool is_short;         /* DAMAGED: the journal has lost entries of it, and its record says so */
    bool hidden;           /* being filled: nobody can name it */
    struct making *making; /* given; until the ledger has it */
    uint64_t next_file;    /* number of the next file in its folder */
    uint64_t first_file;   /* of those of this life */
    uint64_t writing;      /* of a new segment that a drain writes; UINT64_MAX: none */
    bool found;            /* an earlier start has made it */
    struct stream_group *stream; /* LOADED: given */
    struct group *group;         /* of stream */
    struct msglog *log;          /* LOADED: given */
    struct entry_log entries;
    int64_t queued_time_ns;     /* log time of the last entry, applied or not */
    uint64_t queued_bytes;      /* of bodies that are not applied */
    struct store_append *asked; /* the oldest whose entry is not applied */
    struct store_append **asked_last;
    struct page_wait wait;
    struct link apply_link;   /* in to_apply */
    struct link entries_link; /* in with_entries */
    struct link load_link;    /* in to_load */
    struct link drain_link;   /* in the drain's todo */
    struct link want_link;    /* in the drain's wanted */
    struct link compact_link; /* in to_compact */
    struct link scrub_link;   /* in to_scrub */
    struct link merge_link;   /* in the tables' merging */
    uint64_t used_ms;         /* when it was looked at or applied to last */
    uint64_t spilled; /* 0: none; else 1 + the number of the file that its checkpoint names */
    struct loading *loading; /* given; LOADING, while a file is read */
    struct rewrite *rewrite; /* given; of some of its segments; NULL: none */
    uint64_t compact_retry_ms;
    struct seqset *lost;     /* given; sequences that were found to be unreadable; NULL: none */
    struct erasing *erasing; /* given; NULL: nothing erased is in a file */
    struct link supply_link; /* in supplying */
    struct link supplies;    /* messages to be put in the place of lost ones, by sequence */
    uint64_t supply_first;   /* which of them the rewrite has */
    uint64_t supply_last;
    struct link looks;   /* that wait for it to be loaded */
    uint64_t committed;  /* STORE_SYNC_COMMITTED: index that store_committed has said */
    uint64_t covered;    /* index up to which the checkpoint goes that is being put */
    uint32_t look_count; /* look-ups under way, wherever they wait */
    struct ledger_read reading;
};

enum store_life {
    STORE_NEW,
    STORE_OPENING,
    STORE_READY,
    STORE_CLOSING,
    STORE_CLOSED,
};

/* A walk over all groups, a few a turn. */
struct memory_round {
    uint64_t gid; /* the last one that was visited */
    uint64_t tables_bytes;
    uint64_t largest_bytes;
    uint64_t largest; /* gid; 0: none */
    uint64_t due_ms;  /* when the next group may be idle; as far as that is in the future */
};

/* Somebody who waits for a commit of the ledger. */
struct commit_wait {
    void (*done)(struct commit_wait *wait, int status);
    struct link link;
};

struct store {
    struct store_options options;
    char *path; /* given, like the next six: in one allocation */
    char *parent_path;
    char *lock_path;
    char *journal_path;
    char *ledger_path;
    char *groups_path;
    char *quarantine_path;
    enum store_life life;
    bool failed;
    bool flush_wanted; /* something waits for a sync of the journal */
    bool over_debt;    /* the drain is behind: messages wait */
    bool write_wanted; /* something is to be durable when the interval ends */
    uint64_t sync_due_ms;
    struct super *super_files; /* given */
    struct super_block super;
    struct journal *journal;       /* given */
    struct ledger *ledger;         /* given */
    struct pages *pages;           /* given */
    struct drain *drain;           /* given */
    struct crypt *crypt;           /* given */
    struct s2_encoder *encoder;    /* given */
    struct store_tables *tables;   /* given */
    struct memory_round round;     /* store_memory.c's, like the next */
    uint64_t idle_due_ms;          /* a round is worth while */
    struct store_opening *opening; /* given; while it runs */
    struct group_table groups;
    uint64_t next_gid;
    uint64_t floor; /* of the FLOOR that was put last */
    uint64_t now_ms;
    struct disk_file *lock; /* held */
    struct link to_apply;
    struct link with_entries;
    struct link to_load;
    struct link looks_ready; /* whose pages have come, or whose group is there */
    struct link commits_next;
    struct link commits_running;
    bool committing;
    unsigned loading;
    struct link deletes; /* under way */
    struct link trash;
    struct trash *trash_busy; /* which of them is on its way */
    struct task trash_task;
    struct task_io trash_io[2];
    struct leftovers *leftovers; /* given; while they are looked for */
    uint32_t ledger_lost;        /* blocks of the ledger that the start could not read */
    struct link pins;            /* of states, that somebody reads */
    struct link fills;           /* of hidden groups, under way */
    struct link rewrites;        /* under way */
    struct link to_compact;      /* groups to be looked at */
    struct link to_scrub;        /* groups in which something was unreadable */
    struct link erasing;         /* groups' */
    struct link supplying;       /* groups to which lost messages are supplied */
    struct scrub *scrub;         /* given */
    bool closing;                /* all is in checkpoints: files are being closed */
    unsigned close_step;
    int close_status;
    struct task close_task;
    struct task_io close_io;
    void (*files_closed)(struct store *s, int status);
    void (*closed)(void *context, int status);
    void (*super_saved)(void *context, int status);
    struct store_stats stats;
};

/* store.c */
void store_fail(struct store *s, int error);
void store_save_super(struct store *s, void (*done)(void *context, int status));
bool store_nothing_under_way(const struct store *s);
/* Closes what is open, one after the other, and the lock last. */
void store_close_files(struct store *s, void (*done)(struct store *s, int status));

/* store_open.c */
void store_opening_free(struct store *s);
void store_opening_turn(struct store *s);

/* store_groups.c */
void store_group_folder(const struct store *s, uint64_t gid, char ret[DISK_PATH_MAX]);
struct store_group *store_group_found(struct store *s, uint64_t gid, struct bytes record);
void store_group_free(struct store_group **group);
/* Makes a group that nobody can name, without an entry; it is there when the next commit is durable. -EEXIST,
 * -ENAMETOOLONG, -EINVAL, -EIO. */
int store_group_hide(struct store *s, const struct store_group_options *o, struct store_group **ret)
    __attribute__((warn_unused_result));
/* Puts the record that gives it its names; show: that is durable. */
void store_group_put_names(struct store *s, struct store_group *g);
void store_group_show(struct store_group *g);
void store_group_load(struct store *s, struct store_group *g);
/* A loaded group that is clean becomes a stub again. */
void store_group_unload(struct store *s, struct store_group *g);
void store_group_damage(struct store *s, struct store_group *g, int error);
void store_entries_cover(struct store *s, struct store_group *g, uint64_t index);

/* store_append.c */
void store_to_apply(struct store *s, struct store_group *g);
/* Index up to which the group may apply now. */
uint64_t store_apply_limit(const struct store_group *g);
bool store_apply_slice(struct store *s);
void store_on_durable(void *context, struct journal_member *member, uint64_t index);
void store_fail_asked(struct store *s);
/* Whoever waits for an entry of this group to be applied is told this. */
void store_answer_all(struct store_group *g, int status);
/* An entry that the journal held at the start. */
void store_queue_found(struct store *s, struct store_group *g, const struct logged *entry);

/* store_look.c */
bool store_look_slice(struct store *s);
void store_looks_of_loaded(struct store *s, struct store_group *g);

/* store_commit.c */
void store_commit(struct store *s, struct commit_wait *w);
void store_fail_commits(struct store *s);

/* store_drain.c */
void store_drain_init(struct store *s);
void store_drain_done(struct store *s);
bool store_drain_slice(struct store *s);
bool store_drain_idle(const struct store *s);
/* Some group has entries that a drain could take to a checkpoint. */
bool store_is_behind(const struct store *s);
void store_put_floor(struct store *s, uint64_t floor);
/* A checkpoint of the group is to be made soon, whatever the journal holds. */
void store_want_checkpoint(struct store *s, struct store_group *g);

/* store_delete.c */
bool store_delete_slice(struct store *s);
void store_deletes_done(struct store *s);

/* store_tables.c */
void store_tables_init(struct store *s);
/* While there are pages: nothing waits for them any more. The disk has dropped all that was under way. */
void store_tables_done(struct store *s);
bool store_tables_slice(struct store *s);
bool store_tables_idle(const struct store *s);
/* Files of tables that the checkpoint which is being put does not name. */
void store_tables_trash(struct store *s, struct store_group *g);
/* Of both copies, if there are two: no checkpoint names it, or (named) the next one does not. */
void store_tables_trash_file(struct store *s, struct store_group *g, uint64_t number, bool named);
/* A checkpoint is durable: they may go; the group's runs may have become many. */
void store_tables_may_go(struct store *s);
void store_tables_consider(struct store *s, struct store_group *g);

/* store_memory.c */
bool store_memory_slice(struct store *s);

/* store_compact.c */
bool store_compact_slice(struct store *s);
/* Something of the group may be dead. */
void store_compact_consider(struct store *s, struct store_group *g);

/* store_leftovers.c */
void store_leftovers_start(struct store *s);
void store_leftovers_done(struct store *s);

/* store_trash.c */
enum trash_way { TRASH_REMOVE, TRASH_ZERO, TRASH_QUARANTINE };
void store_trash_segment(struct store *s, struct store_group *g, uint64_t number,
                         enum trash_way way);
/* A file of the group that no checkpoint has ever named. */
void store_trash_file(struct store *s, struct store_group *g, uint64_t number, enum trash_way way);
void store_trash_may_go(struct store *s);
/* A pin has let go of files. */
void store_trash_may_go_on(struct store *s);
bool store_trash_idle(const struct store *s);
bool store_trash_has(const struct store *s, const struct store_group *g, uint64_t number);
/* Whether files of the group are still to be zeroed; *ret_status: one of them could not be. */
bool store_trash_has_zeroing(const struct store *s, const struct store_group *g, int *ret_status);
/* The section of a checkpoint: files that may still be there, and are not wanted. */
void store_trash_write(const struct store *s, const struct store_group *g, struct buffer *to);
/* Those of a durable checkpoint go again. -EBADMSG. */
int store_trash_read(struct store *s, struct store_group *g, struct bytes section)
    __attribute__((warn_unused_result));
void store_trash_done(struct store *s);

#endif
