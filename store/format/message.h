/* SPDX-License-Identifier: Apache-2.0 */
/* message.h -- the body of a stored message, the same bytes in journal and segment.
 *
 *     flags u16, subject size u16, headers size u32, payload size u32
 *     if MESSAGE_OWN_TIME: timestamp i64;  if MESSAGE_ORIGIN: origin sequence u64, source number u16
 *     subject, headers, payload
 *
 * Bounds      a subject is at most SUBJECT_SIZE_MAX bytes; the whole ENTRY_BODY_MAX.
 */
#ifndef STORE_FORMAT_MESSAGE_H
#define STORE_FORMAT_MESSAGE_H

#include <stdint.h>

#include "runtime/base/bytes.h"

enum message_flag {
    MESSAGE_OWN_TIME = 1u << 0, /* time_ns is the message's, not that of its entry */
    MESSAGE_ORIGIN = 1u << 1,   /* it came from a mirror's or source's origin */
};

struct message {
    uint16_t flags;
    uint16_t source;     /* MESSAGE_ORIGIN: which */
    uint64_t origin_seq; /* MESSAGE_ORIGIN: its sequence there */
    int64_t time_ns;     /* MESSAGE_OWN_TIME */
    struct bytes subject;
    struct bytes headers; /* with its NATS/1.0 line and last blank line; size 0: none */
    struct bytes payload;
};

size_t message_body_size(const struct message *m);
/* Writes message_body_size bytes. */
void message_body_write(const struct message *m, char *at);
/* The parts point into body. -EBADMSG: not a message. */
int message_body_read(struct bytes body, struct message *ret) __attribute__((warn_unused_result));
/* The subject alone, of a body that message_body_read has taken. */
struct bytes message_body_subject(struct bytes body);

#endif
