/* SPDX-License-Identifier: Apache-2.0 */
/* consumer_state.h -- a consumer's state as nats-server keeps it in backups: obs/NAME/o.dat.
 *
 *     magic u8 = 22, version u8 = 2
 *     uvarints: ack floor consumer, ack floor stream, delivered consumer, delivered stream, entries
 *     if there are any: varint base in seconds, then per entry, in any order,
 *         uvarint stream - floor, uvarint consumer - floor, varint base - seconds of its delivery
 *     uvarint redelivered, then per one uvarint stream - floor, uvarint redeliveries
 *
 * Version 1 has no consumer sequences, adds seconds to the base, and counts delivered from the
 * floor. Numbers are those of Go's encoding/binary; differences wrap.
 *
 * What is read is made to be a state that apply could have come to: consumer sequences that do not
 * rise with those of the stream are given anew. One that is listed as redelivered and does not wait
 * was delivered as often as it may be.
 */
#ifndef STORE_BACKUP_CONSUMER_STATE_H
#define STORE_BACKUP_CONSUMER_STATE_H

#include "store/group/consumer_form.h"

/* now_s: the base of times. */
void backup_consumer_write(struct buffer *b, struct consumer *c, int64_t now_s);
/* -EBADMSG, or -ENOTSUP: of a version that is not known here. ret is to be ended with
 * consumer_state_done; whether it fits the stream, consumer_state_fits says. */
int backup_consumer_read(struct bytes bytes, struct consumer_state *ret)
    __attribute__((warn_unused_result));

#endif
