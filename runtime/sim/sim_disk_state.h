/* SPDX-License-Identifier: Apache-2.0 */
/* sim_disk_state.h -- what the files of the simulated disk share. */
#ifndef RUNTIME_SIM_SIM_DISK_STATE_H
#define RUNTIME_SIM_SIM_DISK_STATE_H

#include "runtime/sim/sim_disk.h"
#include "runtime/sim/sim_tree.h"

struct disk_file {
    struct link link; /* in the disk's files */
    struct sim_disk *disk;
    struct sim_inode *inode;
    uint32_t flags;
    bool standard_error;
    bool closing;
    uint64_t ordered_due_ns; /* when the last ordered request ends */
    uint64_t last_due_ns;    /* when the last one of any kind ends */
};

struct sim_disk {
    struct disk door;
    struct prng *prng; /* borrowed */
    struct sim_disk_options options;
    struct sim_disk_counts counts;
    uint64_t now_ns;
    uint64_t requests;    /* so far: their numbers */
    uint64_t inodes_made; /* likewise */
    uint32_t under_way;
    struct link queue; /* requests, by due time and number */
    struct link files; /* open ones */
    struct link inodes;
    struct sim_tree shown;
    struct sim_tree stored;
    struct link namings;     /* changes of names not stored yet, oldest first */
    int fail_next[DISK_OPS]; /* 0: no */
    struct disk_file standard_error;
};

/* True once in so many; never for 0. */
bool sim_disk_draw(struct sim_disk *disk, uint32_t one_in);

/* Performs the request now and sets its result (sim_disk_perform.c). */
void sim_disk_perform(struct sim_disk *disk, struct disk_request *request);
void sim_disk_close(struct disk_file **file);

#endif
