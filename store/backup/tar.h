/* SPDX-License-Identifier: Apache-2.0 */
/* tar.h -- archives of plain files, as a stream: headers and contents one after the other.
 *
 * Idea        A file is a header block of 512 bytes, its content, and zeros to the next multiple of 512;
 *             two blocks of zeros end the archive. A name beyond 100 bytes (or a size, a name in other
 *             letters) comes as an entry of its own before the file's: type x (PAX: lines
 *             "SIZE KEY=VALUE") or L (GNU: the bare name).
 *             Read: bytes are fed in any split and events come out; contents are passed on as they are.
 * Bounds      a reader holds 512 bytes, a name, and TAR_EXTRA_SIZE_MAX while an extra entry is gathered.
 * Differs     an archive must end with its two blocks of zeros; nats-server takes one that was cut
 *             between files. Entries that are no plain files are refused, as there.
 */
#ifndef STORE_BACKUP_TAR_H
#define STORE_BACKUP_TAR_H

#include "runtime/base/bytes.h"

#define TAR_BLOCK_SIZE 512
#define TAR_NAME_SIZE_MAX 512
#define TAR_EXTRA_SIZE_MAX 8192
#define TAR_SIZE_MAX ((uint64_t)1 << 40) /* of one file */

/* --- reading --------------------------------------------------------------------------------------- */

enum tar_event_kind {
    TAR_MORE,  /* the bytes are used up */
    TAR_FILE,  /* name, size: a file begins */
    TAR_DATA,  /* data: a piece of its content, not empty */
    TAR_CLOSE, /* it has come as a whole */
    TAR_END,   /* the archive's end; zeros may follow */
};

struct tar_event {
    enum tar_event_kind kind;
    struct bytes name; /* the reader's, until the next call */
    uint64_t size;
    struct bytes data; /* of the bytes that were fed */
};

enum tar_reader_state {
    TAR_AT_HEADER,
    TAR_IN_EXTRA,
    TAR_IN_FILE,
    TAR_AT_CLOSE,
    TAR_IN_PADDING,
    TAR_AT_SECOND_ZEROS,
    TAR_AT_END,
};

struct tar_reader {
    enum tar_reader_state state;
    int error;
    uint64_t left;    /* of the content, of the padding */
    uint64_t padding; /* after the content */
    size_t filled;    /* of block, of extra */
    char extra_type;
    bool has_name; /* from an extra entry, for the file that follows it */
    bool has_size;
    size_t name_size;
    uint64_t size;
    char name[TAR_NAME_SIZE_MAX];
    char block[TAR_BLOCK_SIZE];
    char extra[TAR_EXTRA_SIZE_MAX];
};

void tar_reader_init(struct tar_reader *t);
/* Takes bytes off the front of *in until there is an event. -EBADMSG: malformed; -ENOTSUP: an entry
 * that is no plain file; -ENAMETOOLONG, -EFBIG: above the limits. An error stays. */
int tar_reader_next(struct tar_reader *t, struct bytes *in, struct tar_event *ret)
    __attribute__((warn_unused_result));

/* --- writing --------------------------------------------------------------------------------------- */

/* Room for what comes before a file's content: with a name of more than 100 bytes, a PAX entry too. */
#define TAR_HEADER_SIZE_MAX (2 * TAR_BLOCK_SIZE + TAR_NAME_SIZE_MAX + TAR_BLOCK_SIZE)
#define TAR_END_SIZE (2 * TAR_BLOCK_SIZE)

/* Writes the header of a file of `size` bytes, changed at `time_s`; returns its size, a multiple of 512
 * and exactly one block for a name of up to 100 bytes. */
size_t tar_put_header(char *at, struct bytes name, uint64_t size, int64_t time_s);

/* How many zeros follow a content of this size. */
static inline size_t tar_padding(uint64_t size)
{
    return (size_t)(-size & (TAR_BLOCK_SIZE - 1));
}

#endif
