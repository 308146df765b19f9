/* SPDX-License-Identifier: Apache-2.0 */
/* store_spill.h -- sections of a checkpoint that are too large for the ledger: in a file of their own, twice.
 *
 *     file      magic u32 "MYSP", version u16, sections u16 (a bit each), gid u64, number u64, size of the rest u64;
 *               the sections, in order, each its size u32 and its bytes; hash u64 over all before it
 *     section   CHECKPOINT_SPILLED: number varint, size of the file varint, its hash u64
 *
 * Idea        A section that is larger than an option of the store goes to x-NNN and y-NNN, which are durable before the
 *             checkpoint that names them is put. So a record of the ledger is small, whatever a group holds.
 *             The file is written whole for each checkpoint; one copy that is right is enough.
 * Bounds      SPILL_SIZE_MAX; while it is written, the sections and their file in memory.
 */
#ifndef STORE_STORE_SPILL_H
#define STORE_STORE_SPILL_H

#include "store/format/buffer.h"
#include "store/format/checkpoint.h"
#include "store/task.h"

struct crypt_group;
struct spill;

#define SPILL_SIZE_MAX ((uint64_t)1 << 30)

/* Takes the sections of more than inline_max bytes out of the checkpoint's. NULL: none is. */
struct spill *spill_new(uint64_t gid, const char *folder, struct buffer *sections,
                        size_t inline_max);
/* Before the first step, of a group that is encrypted: each section is sealed by itself. */
void spill_seal(struct spill *spill, const struct crypt_group *keys);
/* Its writes have ended, or the disk has dropped them. */
void spill_free(struct spill **spill);
/* As subjects_flush_step. */
int spill_step(struct spill *spill, const struct disk *disk, uint64_t *next_file)
    __attribute__((warn_unused_result));
/* Written: the section that names it, and its number. */
void spill_section(const struct spill *spill, struct buffer *to);
uint64_t spill_number(const struct spill *spill);
/* Whether files of that number may be there. */
bool spill_is_begun(const struct spill *spill);

/* --- back ------------------------------------------------------------------------------------------- */

struct spill_read {
    const struct disk *disk; /* borrowed */
    const char *folder;      /* borrowed: the group's */
    uint64_t gid;
    const struct crypt_group *keys; /* borrowed, for spill_take; NULL: it is not encrypted */
    /* 0 and the file, to be used with spill_take, given; or both copies are unreadable. Perhaps at once. */
    void (*done)(struct spill_read *read, int status);
    void *context;
    char *at; /* given; the caller's when done is called with 0 */
    uint64_t number;
    uint64_t size;
    uint64_t hash; /* the rest is the reader's */
    uint64_t got;
    bool second;
    int status;
    struct disk_file *file;
    struct task task;
    struct task_io io;
    char path[DISK_PATH_MAX];
};

/* section: CHECKPOINT_SPILLED, not empty. */
void spill_read(struct spill_read *read, struct bytes section);
/* Puts the sections of a file that was read into the checkpoint; they point into it. -EBADMSG.
 * Sealed ones are opened where they lie, so once. */
int spill_take(const struct spill_read *read, struct checkpoint *c)
    __attribute__((warn_unused_result));

#endif
