/* SPDX-License-Identifier: Apache-2.0 */
/* consumer_form.h -- the state of one consumer as bytes: for HANDOVER, and in checkpoints.
 *
 * Idea        Positions, then the entries in stream order, each told by how it differs from the one
 *             before: a byte or two for a neighbour that was delivered in the same moment, 3 or 4
 *             when it was not. There is one way to write a state, so equal states are equal bytes.
 *             docs/formats/consumer-entries.md has every byte.
 * Bounds      an entry takes at least one byte, so what is read is not much larger than its bytes.
 */
#ifndef STORE_GROUP_CONSUMER_FORM_H
#define STORE_GROUP_CONSUMER_FORM_H

#include <stdint.h>

#include "store/group/consumer.h"

#define CONSUMER_TIME_MAX_MS ((int64_t)1 << 60)

void consumer_state_write(struct buffer *b, struct consumer *c);
/* -EBADMSG: not a state, or none that a consumer with such acknowledgements can have in a stream
 * that ends at last_seq; -ENOTSUP: of a version that is not known here. */
int consumer_state_read(struct bytes bytes, uint8_t ack, uint64_t last_seq,
                        struct consumer_state *ret) __attribute__((warn_unused_result));
void consumer_state_done(struct consumer_state *s);

#endif
