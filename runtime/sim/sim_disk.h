/* SPDX-License-Identifier: Apache-2.0 */
/* sim_disk.h -- a disk in memory that is as unkind as a real one may be, by the seed.
 *
 * Idea        It answers disk.h's requests at virtual times. What is not synced is in a cache, and
 *             a crash lets the generator decide, file by file, what of it was stored: all, nothing,
 *             a beginning, or any of its sectors. Names are stored by a sync of their directory and
 *             not before. Faults are drawn at each request, or told for the next one.
 * Use         submit (through sim_disk_door, or sim_disk_submit), then step with a time not under
 *             sim_disk_next_ns, which performs what is due in an order that numbers decide.
 *             A disk outlives the servers on it: after a crash it is what the next start finds.
 * Differs     from a real one in what it leaves out: directories can not be renamed, and there are
 *             no links, owners or modes.
 */
#ifndef RUNTIME_SIM_SIM_DISK_H
#define RUNTIME_SIM_SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "runtime/base/disk.h"

#define SIM_SECTOR 512 /* what is stored whole or not at all */

struct prng;
struct sim_disk;

/* How a request ended: by its result, or by a crash, after which nobody is there to be told. */
typedef void sim_disk_ended_fn(void *context, struct disk_request *request, bool crashed);

/* One in so many; 0: never. */
struct sim_disk_faults {
    uint32_t
        fail[DISK_OPS];  /* -EIO. A write: some of its sectors may be there. A sync: some of what
                                it was for is stored, the rest never will be */
    uint32_t short_move; /* a read or write of a part */
    uint32_t flip;       /* a write that is stored with one bit turned */
    uint32_t misdirect;  /* a write that lands elsewhere, and is told as done */
    uint32_t stall;      /* a request that takes stall_ns longer */
};

struct sim_disk_options {
    struct sim_disk_faults faults;
    uint64_t delay_min_ns; /* of a request */
    uint64_t delay_max_ns;
    uint64_t stall_ns;
    uint64_t capacity; /* bytes; 0: no end */
    /* Called in sim_disk_step and sim_disk_crash. NULL: done, or at a crash drop, is called. */
    sim_disk_ended_fn *ended;
    /* What is written to standard error; NULL: nowhere. */
    void (*standard_error)(void *context, struct bytes bytes);
    void *context;
};

/* The generator is borrowed, and this disk's own. */
struct sim_disk *sim_disk_new(struct prng *prng, const struct sim_disk_options *options);
void sim_disk_free(struct sim_disk **disk); /* nothing is under way */

const struct disk *sim_disk_door(struct sim_disk *disk); /* borrowed */
struct disk_file *sim_disk_stderr(struct sim_disk *disk);
void sim_disk_submit(struct sim_disk *disk, struct disk_request *request);
void sim_disk_abandon(struct sim_disk *disk, struct disk_file *file); /* closes it at once */

/* When the next request is due; UINT64_MAX: none is under way. */
uint64_t sim_disk_next_ns(const struct sim_disk *disk);
/* Ends what is due at now_ns, each in its turn; what these submit is due later than now_ns. */
void sim_disk_step(struct sim_disk *disk, uint64_t now_ns);

enum sim_crash {
    SIM_CRASH_KILL,  /* the process only: the cache stays */
    SIM_CRASH_POWER, /* the generator decides what of the cache was stored */
    SIM_CRASH_WORST, /* nothing that was not synced */
};

/* The end of all requests and open files. Of those under way any may have been performed. */
void sim_disk_crash(struct sim_disk *disk, enum sim_crash how);

/* --- faults by hand --------------------------------------------------------------------------- */

void sim_disk_set_faults(struct sim_disk *disk, const struct sim_disk_faults *faults);
void sim_disk_set_capacity(struct sim_disk *disk, uint64_t capacity);
/* The next request of this kind to be performed ends with error. */
void sim_disk_fail_next(struct sim_disk *disk, enum disk_op op, int error);
/* None of those that were told and have not happened. */
void sim_disk_fail_none(struct sim_disk *disk);
/* Turns the bits of mask in one byte, stored and cached; -ENOENT, or -EINVAL past the end. */
int sim_disk_flip(struct sim_disk *disk, const char *path, uint64_t offset, uint8_t mask)
    __attribute__((warn_unused_result));

struct sim_disk_counts {
    uint64_t performed;
    uint64_t failed;
    uint64_t shortened;
    uint64_t flipped;
    uint64_t misdirected;
    uint64_t stalled;
    uint64_t changes_lost; /* by crashes */
    uint64_t changes_torn;
};

const struct sim_disk_counts *sim_disk_counts(const struct sim_disk *disk);

#endif
