/* SPDX-License-Identifier: Apache-2.0 */
/* store_world.h -- a store on a simulated disk, and beside it what it must hold.
 *
 * Idea        Of every group all entries that were handed to it are kept, with the index, term and time that
 *             the store gave them. A second group of the memory form (the *twin*) applies what the store
 *             says it has applied; outcomes, states and all look-ups have to agree. After a crash the
 *             store's group must have applied a prefix of these entries, at least up to the last one that
 *             was told as durable; the twin is made anew of that prefix, and they have to agree again.
 * Damage      When bytes of the disk have been changed, a group may be reported as damaged instead, or
 *             say of single messages that they are unreadable. What it does return is compared all the same;
 *             and groups in `harmed` alone may do so (world_start asks before it complains).
 *
 *     store_world.c   life: start, stop, crash, steps, waiting       store_check.c   comparing
 *     store_work.c    what is done to it, in shapes                  store_twin.c    what it is compared with
 */
#ifndef TESTS_SIM_STORE_WORLD_H
#define TESTS_SIM_STORE_WORLD_H

#include "runtime/base/prng.h"
#include "runtime/sim/sim_disk.h"
#include "store/format/buffer.h"
#include "store/store.h"

struct run;
struct twin;

#define WORLD_MARKER "what the message says"
#define WORLD_GROUPS_MAX 40u
#define WORLD_SUBJECTS 12u
#define WORLD_SUBJECTS_MANY 3000u

/* What work is like. */
struct world_shape {
    const char *name;
    unsigned groups;
    unsigned hot_percent;    /* of what is done, to the first group */
    unsigned burst;          /* entries at once, at most */
    unsigned payload_max;    /* bytes; one in 50 is larger by far */
    unsigned memory_one_in;  /* of the groups are of the memory form; 0: none */
    unsigned relaxed_one_in; /* ... do not wait for a sync */
    unsigned delete_one_in;  /* things done to a group, it is deleted instead */
    unsigned messages;       /* percent of entries, like the next two; the rest is */
    unsigned deletes;        /* purges, configurations, skips and times */
    bool many_subjects;      /* thousands of long ones: tables do not fit into memory */
    unsigned per_subject;    /* messages a subject may have; 0: drawn */
    unsigned configs_one_in; /* of that rest */
    uint64_t delay_max_ns;   /* of the disk */
    uint32_t stall_one_in;
    uint32_t short_one_in;
};

extern const struct world_shape world_shapes[];
extern const unsigned world_shape_count;
extern const struct world_shape world_many_subjects;
extern const struct world_shape world_brief; /* for scripts that are run again and again */

/* An entry that was handed to a group. */
struct world_entry {
    struct world_group *group;
    struct store_append append;
    enum entry_kind kind;
    uint64_t index;
    uint32_t term;
    int64_t time_ns;
    char *body; /* given */
    size_t size;
    bool told; /* as applied */
};

struct world_group {
    struct store_world *world;
    char name[16];
    bool exists;   /* was told as made, and not as deleted */
    bool doubtful; /* a make or delete was under way when the store went down */
    bool busy;     /* one is under way */
    bool harmed;   /* bytes of it were changed on the disk: it may be damaged */
    bool damaged;  /* it was reported so: nothing is asked of it any more */
    enum store_sync sync;
    enum msglog_form form;
    struct store_group *group;    /* borrowed; NULL while the store is down */
    uint64_t gid;                 /* the last one that was told */
    struct world_entry **entries; /* given; by index, from the one after the first CONFIG */
    uint64_t count;
    uint64_t capacity;
    uint64_t told;        /* index of the last one told as applied */
    struct buffer config; /* of its first entry */
    uint32_t config_term;
    int64_t config_time_ns;
    struct twin *twin; /* given */
    struct store_make make;
    struct store_delete del;
};

struct store_world {
    struct run *run;
    const struct world_shape *shape;
    struct prng prng;
    struct prng disk_prng;
    struct prng entropy; /* of keys, like the next five: store_world_keys.c */
    bool encrypts;       /* in some life, and from then on */
    bool plain_life;     /* there was one without a key */
    unsigned key;        /* number of the one of now; 0: none */
    unsigned previous;   /* and of the one before */
    bool in_order;       /* it was stopped so: whatever the key before sealed is sealed anew */
    char key_text[16];
    char previous_text[16];
    struct sim_disk *disk;
    struct store *store; /* NULL: down */
    struct store_options options;
    uint64_t now_ns;
    bool opened;
    bool closed;
    int status;
    bool failing;      /* the disk may fail: a store that has failed is no failure */
    bool failed;       /* the store has */
    uint64_t crash_at; /* requests performed by the disk; 0: never */
    bool crash_due;    /* so many were: nothing goes on until world_crash */
    struct world_group groups[WORLD_GROUPS_MAX];
    uint64_t steps;
    uint64_t crashes;
    uint64_t copied;     /* entries carried forward, in all lives */
    uint64_t drains;     /* likewise */
    uint64_t unreadable; /* messages and groups that were reported so */
};

void world_init(struct store_world *w, struct run *run, const struct world_shape *shape);
void world_done(struct store_world *w);

/* Which keys there are: when the world is made, and before each start. */
void world_keys_init(struct store_world *w);
void world_keys_start(struct store_world *w);
/* Perhaps a life without the right ones: it touches nothing that they lock. */
void world_keys_lose(struct store_world *w);
/* What is encrypted can not be read from the disk. */
void world_keys_check_files(struct store_world *w);

/* Opens the store, and checks all it holds. */
void world_start(struct store_world *w);
/* Opens it, whatever comes of that: 0, or what it said. */
int world_open(struct store_world *w);
/* Finds the groups of an open store again, and checks all. */
void world_find_again(struct store_world *w);
/* Stops it in order. */
void world_stop(struct store_world *w);
void world_crash(struct store_world *w, enum sim_crash how);
/* One thing that somebody does, or the disk, or time. */
void world_step(struct store_world *w);
void world_steps(struct store_world *w, uint64_t count);
/* Until the store has nothing left to do. */
void world_settle(struct store_world *w);
/* Looks at everything. */
void world_check(struct store_world *w);

/* --- among the files of the world ------------------------------------------------------------------ */

/* The run has failed, or the store is about to crash. */
bool world_is_over(const struct store_world *w);
/* Gives the store turns until *flag, or the world is over. */
void world_wait(struct store_world *w, const bool *flag, const char *what);
void world_note(struct store_world *w, uint32_t kind, uint64_t who, uint64_t detail);
/* A request of somebody else's; its result. */
int64_t world_perform(struct store_world *w, struct disk_request *request);

struct entry world_entry_of(const struct world_entry *e, uint64_t gid);
void world_entry_free(struct world_entry *e);
/* The twin becomes new: it has applied the first CONFIG. */
void world_twin_begin(struct world_group *g, uint64_t gid);
void world_group_forget(struct world_group *g);
/* Something is done to one of the groups. */
void world_act(struct store_world *w);
/* The twin becomes what the store says it has applied. */
void world_follow(struct store_world *w, struct world_group *g);

#endif
