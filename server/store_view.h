/* SPDX-License-Identifier: Apache-2.0 */
/* store_view.h -- a store that nobody runs, as its files have it: identity, ledger, groups, journal.
 *
 * Idea        What a start would find is found by the same code (super_block, ledger_scan, ledger_walk,
 *             journal_scan), but nothing is changed, and what is not whole is kept to be told, copy by copy.
 *             Whoever checks, dumps or repairs begins with this view.
 * Bounds      the bodies of live ledger records; the journal's files in memory (its debt and spares); 16
 *             bytes an entry of the journal.
 */
#ifndef SERVER_STORE_VIEW_H
#define SERVER_STORE_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"
#include "server/sync_disk.h"
#include "store/format/checkpoint.h"
#include "store/format/group_record.h"
#include "store/format/run.h"
#include "store/format/super_block.h"
#include "store/journal_scan.h"
#include "store/ledger_scan.h"
#include "store/segment.h"

#define VIEW_PATH_MAX 1024

struct view_run {
    uint64_t number;
    uint64_t size;
    uint64_t keys;
};

struct view_group {
    uint64_t gid;
    char *record_body;     /* given */
    char *checkpoint_body; /* given; NULL: it has none */
    int record_status;     /* 0: record; -EBADMSG, -ENOTSUP; -ENOENT: there is none */
    int checkpoint_status; /* likewise */
    int segments_status;
    int runs_status;
    bool doubtful; /* a later record may have been lost */
    struct group_record record;
    struct checkpoint checkpoint;
    struct segment_edge *segments; /* given */
    uint32_t segment_count;
    struct view_run *runs; /* given */
    uint32_t run_count;
    uint64_t
        spill_number; /* of the file, in two copies, that large sections of the checkpoint lie in */
    uint64_t spill_size;
    char *spill_body;    /* given; NULL: there is none, or neither copy is right */
    int spill_status[2]; /* of the copies x and y */
    uint64_t *trash;     /* given: numbers of files that may be there and are not wanted */
    uint32_t trash_count;
};

/* An entry that the journal has. */
struct view_entry {
    uint64_t gid;
    uint64_t index;
};

struct view_rot {
    struct journal_rot rot;
    struct view_rot *next;
};

struct view_copy {
    int status; /* 0: whole; -ENOENT, -EBADMSG, -ENOTSUP, or the disk's word */
    struct super_block block;
};

struct store_view {
    char path[VIEW_PATH_MAX / 2];
    struct sync_disk disk;
    struct view_copy super_copies[2];
    int super_status; /* of the one that counts */
    struct super_block super;

    int ledger_status;                /* -ENOENT: it has none yet */
    char *ledger_path[2];             /* given */
    struct disk_file *ledger_file[2]; /* given; NULL: not there */
    uint64_t ledger_size[2];
    struct ledger_scan scan;
    uint64_t floor;
    uint64_t next_gid;
    struct view_group *groups; /* given; by gid */
    uint32_t group_count;

    int journal_status;
    struct journal_scan journal;
    struct journal_scan_end journal_end;
    char (*journal_names)[16]; /* given: of journal.files */
    uint32_t journal_spares;
    uint64_t journal_records;
    struct view_entry *entries; /* given; by gid and index */
    size_t entry_count;
    size_t entry_capacity;
    struct view_rot *rots; /* given */
    struct view_rot **rots_last;
    /* Each record, in order of position; set before view_read_journal. May be NULL. */
    void (*on_entry)(void *context, const struct entry *e);
    void *context;
};

void view_init(struct store_view *v, const char *path);
void view_done(struct store_view *v);

void view_read_super(struct store_view *v);
/* With a super block; flags: DISK_OPEN_WRITE for who will mend. */
void view_read_ledger(struct store_view *v, uint32_t flags);
/* The sections of its checkpoint that lie in a file. 0, also when there are none; -EBADMSG, ... */
int view_read_spill(struct store_view *v, struct view_group *g) __attribute__((warn_unused_result));
/* With a ledger. */
void view_read_journal(struct store_view *v);

struct view_group *view_group(const struct store_view *v, uint64_t gid);
/* "stream NAME of account ACCOUNT (group GID)", printable; in a buffer that four calls share. */
const char *view_group_title(const struct store_view *v, uint64_t gid);
/* Text of others made printable, in such a buffer. */
const char *view_printable(struct bytes text);
/* Whether the journal has the entry. */
bool view_has_entry(const struct store_view *v, uint64_t gid, uint64_t index);
/* The file and offset of a position: "journal/j-00001, byte N". */
const char *view_position(const struct store_view *v, uint64_t position);

#endif
