/* SPDX-License-Identifier: Apache-2.0 */
/* store_world.h -- a store on a simulated disk, and beside it what it must hold.
 *
 * Idea        Of every group all entries that were handed to it are kept, with the index, term and time that
 *             the store gave them. A second group of the memory form (the *twin*) applies what the store
 *             says it has applied; outcomes, states and all look-ups have to agree. After a crash the
 *             store's group must have applied a prefix of these entries, at least up to the last one that
 *             was told as durable; the twin is made anew of that prefix, and they have to agree again.
 */
#ifndef TESTS_SIM_STORE_WORLD_H
#define TESTS_SIM_STORE_WORLD_H

#include "runtime/base/prng.h"
#include "runtime/sim/sim_disk.h"
#include "store/format/buffer.h"
#include "store/store.h"

struct run;
struct twin;

#define WORLD_GROUPS 6u
#define WORLD_SUBJECTS 12u
#define WORLD_SUBJECTS_MANY 3000u

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
    enum store_sync sync;
    struct store_group *group;    /* borrowed; NULL while the store is down */
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
    struct prng prng;
    struct prng disk_prng;
    struct sim_disk *disk;
    struct store *store; /* NULL: down */
    struct store_options options;
    uint64_t now_ns;
    bool opened;
    bool closed;
    int status;
    bool failing; /* the disk may fail: a store that has failed is no failure */
    bool failed;  /* the store has */
    bool many_subjects; /* thousands of long ones, in small messages: tables do not fit */
    struct world_group groups[WORLD_GROUPS];
    uint64_t steps;
    uint64_t looks;
    uint64_t crashes;
};

void world_init(struct store_world *w, struct run *run);
void world_done(struct store_world *w);

/* Opens the store, and checks all it holds. */
void world_start(struct store_world *w);
/* Stops it in order. */
void world_stop(struct store_world *w);
void world_crash(struct store_world *w, enum sim_crash how);
/* One thing that somebody does, or the disk, or time. */
void world_step(struct store_world *w);
/* Until the store has nothing left to do. */
void world_settle(struct store_world *w);
/* Looks at everything. */
void world_check(struct store_world *w);

#endif
