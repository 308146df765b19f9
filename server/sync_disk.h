/* SPDX-License-Identifier: Apache-2.0 */
/* sync_disk.h -- a disk for a program that has nothing else to do: requests are performed one after the other.
 *
 * What is submitted is queued; sync_disk_run performs it, in the order of submission, and what its ends
 * submit in turn, until nothing is left. So procedures that were made for turns of an actor run to their end
 * in one call.
 */
#ifndef SERVER_SYNC_DISK_H
#define SERVER_SYNC_DISK_H

#include "runtime/base/disk.h"

struct sync_disk {
    struct disk door;
    struct link queue;
    uint64_t bytes_read;
    void (*progress)(void *context, uint64_t bytes_read); /* after each read; may be NULL */
    void *context;
};

void sync_disk_init(struct sync_disk *d);
void sync_disk_run(struct sync_disk *d);

#endif
