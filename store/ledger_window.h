/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_window.h -- a piece of one copy in memory, which slides over the file.
 *
 * Idea        Who reads asks for ranges in rising order, and is told to come again when a read had to be
 *             submitted. Reads are large. One that failed is made again page by page, so that a bad
 *             sector costs a page and not the piece around it; a page that can not be read is taken as
 *             zeros, which no checksum accepts, and remembered.
 * Invariants  1 position + size <= end
 *             2 nothing is read twice but after a failure
 */
#ifndef STORE_LEDGER_WINDOW_H
#define STORE_LEDGER_WINDOW_H

#include <stdbool.h>

#include "store/task.h"

#define LEDGER_WINDOW_BYTES ((size_t)1 << 20) /* more if one range is */

struct ledger_window {
    struct disk_file *file; /* borrowed; NULL: there is no such copy */
    uint64_t end;           /* of the file */
    char *bytes;            /* given */
    size_t capacity;
    uint64_t position; /* of bytes[0] */
    size_t size;
    size_t asked;            /* bytes of the read under way; 0: none */
    uint64_t careful_to;     /* before this: page by page */
    uint64_t unreadable_end; /* of the last page that could not be read; 0: none */
    int error;               /* its; 0: none */
    struct task_io io;
};

void ledger_window_init(struct ledger_window *w, struct disk_file *file, uint64_t end);
void ledger_window_done(struct ledger_window *w);

/* True: what the file has of the range is there (ledger_window_at). False: a read was submitted; the same
 * call again when the task runs. Forgets what lies before position. */
bool ledger_window_want(struct ledger_window *w, struct task *t, uint64_t position, size_t size);

/* NULL: not all of it is in the file. Only for what was wanted. */
const char *ledger_window_at(const struct ledger_window *w, uint64_t position, size_t size);

#endif
