/* SPDX-License-Identifier: Apache-2.0 */
/* inspect_run.h -- every block of a run, from its footer down: is it what was written there?
 *
 * Idea        A reader of a run looks at the blocks that its key leads to; whoever wants to know whether a file
 *             is whole goes through all of them, level by level, and its filter. What a damaged index block
 *             leads to is not found, and told with it as one range.
 * Bounds      a block a level in memory.
 */
#ifndef STORE_INSPECT_RUN_H
#define STORE_INSPECT_RUN_H

#include <stdint.h>

#include "store/format/run.h"

struct inspect_run {
    uint64_t gid;
    uint64_t file;
    uint64_t size; /* as its checkpoint says */
    /* Bytes of the file; what lies behind its end is zeros. 0, or the disk's word. */
    int (*read)(void *context, uint64_t offset, char *at, size_t size);
    /* A block that is not what it has to be; what: which, in words. */
    void (*damaged)(void *context, uint64_t offset, uint64_t size, const char *what);
    void *context;
    uint64_t entries; /* result: of the data blocks that are whole */
    uint64_t blocks;  /* result: whole ones, filter pages among them */
};

/* 0: it was gone through, whatever was found; -EBADMSG: no file of this size is a run; -ELOOP: its blocks lead
 * in circles; -ENOTSUP: of another version; or the disk's word. */
int inspect_run(struct inspect_run *r) __attribute__((warn_unused_result));

#endif
