/* SPDX-License-Identifier: Apache-2.0 */
/* conn_record.h -- what a connection tells of itself, as one block that does not move.
 *
 * Idea        A row of /connz and a slice of its subscriptions are copied into one block, texts behind
 *             the structs, so that the block can be handed on, kept and read on any thread with no
 *             more than a reference to it. Its pointers point into it.
 * Bounds      the maker's: it says how many subscriptions go into a slice.
 */
#ifndef PROTOCOLS_MONITOR_CONN_RECORD_H
#define PROTOCOLS_MONITOR_CONN_RECORD_H

#include "protocols/monitor/connz.h"

struct conn_record {
    struct conn_info info;
    struct sub_detail *subs; /* a slice, in the block */
    uint32_t sub_count;
    uint32_t sub_next; /* where the next slice begins; 0: this was the last */
};

/* The bytes that conn_record_write needs. Certificates and tags are not carried. */
size_t conn_record_size(const struct conn_record *from);

/* Copies `from`, with all its texts, to `at`, which is aligned for any object. */
struct conn_record *conn_record_write(void *at, size_t size, const struct conn_record *from);

#endif
