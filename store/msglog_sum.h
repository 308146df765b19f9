/* SPDX-License-Identifier: Apache-2.0 */
/* msglog_sum.h -- what a log has under several filters at once: counts, and last messages of subjects.
 *
 * Idea        A walk over the subjects that match, filter by filter; one that an earlier filter has brought is
 *             passed over. It goes on where it stopped, so a call is bounded and may wait for pages.
 * Bounds      MSGLOG_SUM_SLICE subjects a call.
 */
#ifndef STORE_MSGLOG_SUM_H
#define STORE_MSGLOG_SUM_H

#include "store/format/buffer.h"
#include "store/msglog.h"

#define MSGLOG_SUM_SLICE 1000u

/* A walk over subjects. Zeroed but for the filter, which must stay and not change; of count 0: all subjects. */
struct msglog_walk {
    const struct filter *filter; /* borrowed */
    uint32_t nth;                /* of the filter's subjects: where it is */
    struct buffer after;         /* the last subject that was visited */
};
void msglog_walk_done(struct msglog_walk *w);

/* All messages that match: how many, the first and the last of them, added up in *sum, which is zeroed at
 * first. 0: it is complete; -EINPROGRESS, -EAGAIN: call again; -EBADMSG. */
int msglog_sum(struct msglog *log, struct msglog_walk *w, struct subject_totals *sum)
    __attribute__((warn_unused_result));

/* The last message of each subject that matches, of those up to the sequence up_to; each once, in no order of
 * sequences. 0: all were visited; -EINPROGRESS, -EAGAIN: call again; -EBADMSG. */
typedef void msglog_last_fn(void *context, struct bytes subject, uint64_t seq);
int msglog_lasts(struct msglog *log, struct msglog_walk *w, uint64_t up_to, msglog_last_fn *visit,
                 void *context) __attribute__((warn_unused_result));

#endif
