/* SPDX-License-Identifier: Apache-2.0 */
/* store_lost.h -- messages of a group that turned out to be unreadable: noted, told once, kept in checkpoints.
 *
 * A sequence is noted as lost while it is alive. When it dies it is forgotten; when it is supplied, too.
 */
#ifndef STORE_STORE_LOST_H
#define STORE_STORE_LOST_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

struct buffer;
struct seqset;
struct store;
struct store_group;

bool store_lost_has(const struct store_group *g, uint64_t seq);
/* Those that are alive and were not known as lost are, and options.lost is told of each range. false: there are none. */
bool store_lost_add(struct store *s, struct store_group *g, const struct seqset *lost);
/* It is readable again. */
void store_lost_remove(struct store_group *g, uint64_t seq);
/* The first range of lost sequences that are alive, at or after from; false: there is none. */
bool store_lost_next(const struct store_group *g, uint64_t from, uint64_t *ret_first,
                     uint64_t *ret_last);
void store_lost_write(struct store_group *g, struct buffer *to);
/* Of a group that is loaded; what it has already stays. -EBADMSG, -ENOTSUP. */
int store_lost_read(struct store_group *g, struct bytes section)
    __attribute__((warn_unused_result));
void store_lost_done(struct store_group *g);

#endif
