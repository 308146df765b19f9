/* SPDX-License-Identifier: Apache-2.0 */
/* group_restore.h -- a group out of what is known of it, and not out of entries.
 *
 * Idea        A backup tells messages with the sequences and times they had, and consumers with where they
 *             stood. They are put in as they are: no limit is enforced and nothing expires or is settled, for
 *             that is what entries after it do. Each message and consumer takes an index as an entry
 *             would, so that (group, index, term) names one body here, too.
 *             What is kept about messages is kept about these: times to live, and the ids of those within
 *             the window before the group's log time.
 * Differs     RESTORE entries (0x17) are not made: a backup fills a hidden group (store_fill.h) and shows it
 *             whole. A member that has to have it gets it as it gets any state.
 */
#ifndef STORE_GROUP_GROUP_RESTORE_H
#define STORE_GROUP_GROUP_RESTORE_H

#include "store/group/group.h"

struct message;

/* What m says becomes a message; seq is over the last sequence. index and term are the next ones. */
void group_restore_message(struct group *g, uint32_t term, uint64_t seq, int64_t time_ns,
                           const struct message *m);
/* Of from..to nothing is there. 0; -EINPROGRESS, -EAGAIN: call again; -EBADMSG. */
int group_restore_deleted(struct group *g, uint64_t from, uint64_t to)
    __attribute__((warn_unused_result));
/* The stream ends here. */
void group_restore_last(struct group *g, uint64_t seq);
/* Something that is not a message was put in: it had this index and term. */
void group_restore_count(struct group *g, uint64_t index, uint32_t term);
/* Log time is at least this. */
void group_restore_time(struct group *g, int64_t time_ns);
/* The same state in a group of another number: what is seeded with it changes. */
void group_renumber(struct group *g, uint64_t gid);

#endif
