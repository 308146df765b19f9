/* SPDX-License-Identifier: Apache-2.0 */
/* filter_group.h -- how many matching messages lie ahead of each consumer, counted once a filter.
 *
 * Idea        Consumers with equal filters are members of one group. It counts in `total` every
 *             message that matches; a member remembers in `behind` how much of that is not ahead of
 *             it:
 *
 *                 ahead(member) = total - behind(member)
 *
 *             A message that is stored adds one to total; a member that passes a message adds one
 *             to its own behind. One that is removed above all positions takes one from total, one
 *             below all changes nothing; between, every member still before it has it added to
 *             behind: two plain arrays, so that this is a scan of 16 bytes a member.
 * Counting    a new member does not know yet what is ahead. It is *early*: kept apart, while
 *             filter_count goes through the messages there were when it came, in slices:
 *
 *                 position          counted_to              end
 *                 | counted         | not looked at yet     | came since
 *
 *             A member that wants only the last of each subject up to `lasts` stays early until it
 *             is there: what removals take from it may not have been a last one, so its count can
 *             be too small meanwhile, never under zero, and is right again at `lasts`.
 * Invariants  1 low <= every position <= high
 *             2 total - behind < 0 (a member passed what does not match) counts as 0
 *             3 a member is in the arrays of its group or in its list of early ones
 * Bounds      24 bytes a member; a literal subject costs the groups that match it (filter_index.h).
 * Differs     from nats-server in that the count cannot drift: a removal is weighed against the
 *             position, not against what a leader believed.
 */
#ifndef STORE_GROUP_FILTER_GROUP_H
#define STORE_GROUP_FILTER_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

struct filter;
struct filter_early;
struct filter_group;
struct filter_groups;

/* A consumer's part; inside it, zeroed before it joins. */
struct filter_member {
    struct filter_group *group;
    struct filter_early *early; /* given; NULL: it is in the arrays */
    uint32_t slot;              /* in them */
};

/* Looks messages up for a count. Counts those that match and lie in from..to, with `lasts` only the
 * last of each subject up to `lasts`; from <= to. 0: *ret_count are in from..*ret_to, which may be
 * less than asked for, but not less than one sequence; a negative errno (-EAGAIN): the same call
 * again, later. */
struct count_source {
    int (*count)(void *context, const struct filter *filter, uint64_t from, uint64_t to,
                 uint64_t lasts, uint64_t *ret_count, uint64_t *ret_to);
    void *context;
};

struct filter_groups *filter_groups_new(uint64_t seed);
void filter_groups_free(struct filter_groups **groups);

/* Messages up to seq have been, or never will be. It only rises. */
void filter_groups_end(struct filter_groups *g, uint64_t last_seq);
/* A message came at the end: last_seq moves to it. */
void filter_groups_appended(struct filter_groups *g, uint64_t seq, struct bytes subject);
/* A message that was there is not any more. */
void filter_groups_removed(struct filter_groups *g, uint64_t seq, struct bytes subject);

/* Joins those whose filters, as consumer_put has them, are the same bytes. It is to be counted,
 * unless nothing can be ahead. lasts: up to there it wants the last of each subject only; 0: no. */
void filter_join(struct filter_groups *g, struct filter_member *m, struct bytes filters,
                 uint32_t count, uint64_t position, uint64_t lasts);
void filter_leave(struct filter_groups *g, struct filter_member *m);

/* It is at `to` now, not before where it was, and passed this many matching messages that were
 * there. */
void filter_advance(struct filter_groups *g, struct filter_member *m, uint64_t to, uint32_t passed);
/* Somebody knows: this many are ahead, of which `above` beyond the lasts. */
void filter_install(struct filter_groups *g, struct filter_member *m, uint64_t ahead,
                    uint64_t above);
/* Begins the count again, from its position. */
void filter_recount(struct filter_groups *g, struct filter_member *m);

bool filter_is_counted(const struct filter_member *m);
/* Counted or not: what is known to be ahead; *ret_above: of it, beyond the lasts. */
uint64_t filter_ahead(const struct filter_member *m, uint64_t *ret_above);
uint64_t filter_position(const struct filter_member *m);
/* A slice. 0: it is counted; -EINPROGRESS: call again; or what the source said. */
int filter_count(struct filter_groups *g, struct filter_member *m,
                 const struct count_source *source) __attribute__((warn_unused_result));
/* Whether its filters cover only subjects that `pattern` covers; or some. */
bool filter_is_within(const struct filter_member *m, struct bytes pattern);
bool filter_meets(const struct filter_member *m, struct bytes pattern);

/* Whether any member of the groups that match the subject says yes, asked in no order, the one that
 * said it last before others. */
typedef bool filter_ask_fn(void *context, struct filter_member *member);
bool filter_any(struct filter_groups *g, uint64_t seq, struct bytes subject, filter_ask_fn *ask,
                void *context);

void filter_groups_check(const struct filter_groups *g);
uint32_t filter_groups_count(const struct filter_groups *g);

#endif
