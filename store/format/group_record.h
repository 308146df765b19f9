/* SPDX-License-Identifier: Apache-2.0 */
/* group_record.h -- what a group is: the body of a LEDGER_GROUP record (docs/formats/checkpoint.md). */
#ifndef STORE_FORMAT_GROUP_RECORD_H
#define STORE_FORMAT_GROUP_RECORD_H

#include <stdint.h>

#include "runtime/base/bytes.h"

struct buffer;

#define GROUP_NAME_MAX 1024u

enum group_flag {
    GROUP_COMPRESSED = 1u << 0, /* new chunks are */
    GROUP_SHORT = 1u << 1,      /* entries of it were lost in the journal: it is damaged for good */
};

struct group_record {
    uint8_t form;         /* enum msglog_form */
    uint8_t sync;         /* enum store_sync */
    uint8_t flags;        /* enum group_flag */
    uint64_t incarnation; /* of this name: higher than that of every earlier group of it */
    struct bytes account;
    struct bytes name;
    struct bytes seed; /* of its keys, wrapped; size 0: it is not encrypted */
};

void group_record_write(struct buffer *b, const struct group_record *r);
/* The parts point into body. -EBADMSG, or -ENOTSUP: of a version that is not known here. */
int group_record_read(struct bytes body, struct group_record *ret)
    __attribute__((warn_unused_result));

#endif
