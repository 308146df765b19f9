/* SPDX-License-Identifier: Apache-2.0 */
/* backup_read_state.h -- a reader from inside; for backup_read.c and backup_read_file.c. */
#ifndef STORE_BACKUP_BACKUP_READ_STATE_H
#define STORE_BACKUP_BACKUP_READ_STATE_H

#include "protocols/s2/s2_frame.h"
#include "store/backup/backup_block.h"
#include "store/backup/backup_entry.h"
#include "store/backup/backup_index.h"
#include "store/backup/backup_read.h"
#include "store/backup/tar.h"

enum backup_phase {
    BACKUP_PHASE_START,
    BACKUP_PHASE_META,
    BACKUP_PHASE_MESSAGES,
    BACKUP_PHASE_INDEXED,
    BACKUP_PHASE_CONSUMERS,
};

enum backup_event {
    BACKUP_EVENT_NONE,
    BACKUP_EVENT_CONFIG,
    BACKUP_EVENT_MESSAGE,
    BACKUP_EVENT_DELETED,
    BACKUP_EVENT_RANGES, /* those of index.db from range_next on */
    BACKUP_EVENT_CONSUMER,
};

/* The content of a small file. */
struct backup_held {
    char *at; /* given */
    size_t size;
    size_t capacity;
    bool there; /* has come as a whole */
};

struct backup_reader {
    struct backup_reader_options options;
    char stream[BACKUP_NAME_MAX];
    int error;
    char why[512];

    enum backup_phase phase;
    enum backup_event event;
    struct backup_record record; /* of BACKUP_EVENT_MESSAGE and BACKUP_EVENT_DELETED */
    uint32_t range_next;

    struct bytes piece; /* decoded, not yet taken apart */
    struct bytes data;  /* of the file at hand, in piece's memory */
    struct backup_entry entry;
    char entry_name[TAR_NAME_SIZE_MAX + 1];
    uint64_t bytes; /* of all files so far */

    struct s2_reader *s2; /* given */
    struct tar_reader tar;
    struct backup_block block;
    struct backup_index index;
    uint32_t block_number;
    uint64_t block_floor;
    uint64_t message_seq; /* of the last message or erased one */
    struct backup_summary summary;

    char consumer[BACKUP_NAME_MAX]; /* whose files are coming */
    size_t consumer_size;
    struct backup_held meta; /* of the stream, then of the consumer */
    struct backup_held sum;
    struct backup_held state;
    struct backup_held failure;
};

static inline struct bytes backup_held_bytes(const struct backup_held *h)
{
    return h->there ? (struct bytes){h->at, h->size} : BYTES("");
}

/* Says once what is wrong with the file at hand; returns the error. */
int backup_reader_fail(struct backup_reader *r, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The consumer at hand was taken, or there never was one. */
void backup_reader_forget_consumer(struct backup_reader *r);

/* Of the file that begins, goes on in r->data, ends: all that it means. An event may wait then. */
int backup_reader_file_begin(struct backup_reader *r, struct bytes name, uint64_t size)
    __attribute__((warn_unused_result));
int backup_reader_file_data(struct backup_reader *r) __attribute__((warn_unused_result));
int backup_reader_file_end(struct backup_reader *r) __attribute__((warn_unused_result));

#endif
