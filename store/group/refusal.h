/* SPDX-License-Identifier: Apache-2.0 */
/* refusal.h -- why an entry was not done, in the words that nats-server has for it.
 *
 * Idea        Apply names the reason; the API answers with the code, the error code and the text of
 *             its row. Where a text tells a number or a name, that stands in the outcome (struct
 *             applied).
 */
#ifndef STORE_GROUP_REFUSAL_H
#define STORE_GROUP_REFUSAL_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

/* REFUSAL(name, code, error code, text): {seq} is a number, {text} bytes. */
#define REFUSAL_TABLE(REFUSAL)                                                                 \
    REFUSAL(SEALED, 400, 10109, "invalid operation on sealed stream")                          \
    REFUSAL(INCR_INVALID, 400, 10171, "message counter increment is invalid")                  \
    REFUSAL(INCR_DISABLED, 400, 10168, "message counters is disabled")                         \
    REFUSAL(WRONG_STREAM, 400, 10060, "expected stream does not match")                        \
    REFUSAL(TTL_DISABLED, 400, 10166, "per-message TTL is disabled")                           \
    REFUSAL(TTL_INVALID, 400, 10165, "invalid per-message TTL")                                \
    REFUSAL(WRONG_LAST_SEQ, 400, 10071, "wrong last sequence: {seq}")                          \
    REFUSAL(WRONG_LAST_SEQ_IN_BATCH, 400, 10164, "wrong last sequence")                        \
    REFUSAL(LAST_SUBJECT_SEQ_MISSING, 400, 10193,                                              \
            "missing sequence for expected last sequence per subject")                         \
    REFUSAL(SCHEDULES_DISABLED, 400, 10188, "message schedules is disabled")                   \
    REFUSAL(SCHEDULER_INVALID, 400, 10212, "message schedules invalid scheduler")              \
    REFUSAL(SOURCE_HEADER, 400, 10227, "message stream source header is not allowed")          \
    REFUSAL(WRONG_LAST_MSG_ID, 400, 10070, "wrong last msg ID: {text}")                        \
    REFUSAL(ROLLUP_FORBIDDEN, 500, 10111, "rollup not permitted")                              \
    REFUSAL(ROLLUP_INVALID, 500, 10111, "rollup value invalid: \"{text}\"")                    \
    REFUSAL(ROLLUP_SUBJECT_IN_BATCH, 500, 10111, "batch rollup sub invalid")                   \
    REFUSAL(ROLLUP_ALL_IN_BATCH, 500, 10111, "batch rollup all invalid")                       \
    REFUSAL(MSG_TOO_LARGE, 400, 10054, "message size exceeds maximum allowed")                 \
    REFUSAL(HEADERS_TOO_LARGE, 400, 10097, "header size exceeds maximum allowed of 64k")       \
    REFUSAL(MAX_MSGS, 503, 10077, "maximum messages exceeded")                                 \
    REFUSAL(MAX_BYTES, 503, 10077, "maximum bytes exceeded")                                   \
    REFUSAL(MAX_MSGS_PER_SUBJECT, 503, 10077, "maximum messages per subject exceeded")         \
    REFUSAL(BATCH_DUPLICATE, 400, 10201, "atomic publish batch contains duplicate message id") \
    REFUSAL(BATCH_HEADER, 400, 10177, "atomic publish unsupported header used: {text}")        \
    REFUSAL(BATCH_TOO_LARGE, 400, 10199, "atomic publish batch is too large: {seq}")           \
    REFUSAL(BATCH_INCOMPLETE, 400, 10176, "atomic publish batch is incomplete")                \
    REFUSAL(DELETE_FORBIDDEN, 500, 10057, "message delete not permitted")                      \
    REFUSAL(SEQ_NOT_FOUND, 400, 10043, "sequence {seq} not found")                             \
    REFUSAL(PURGE_FORBIDDEN, 500, 10110, "stream purge not permitted")

enum refusal {
    REFUSAL_NONE,
#define REFUSAL_NAME(name, code, err_code, text) REFUSAL_##name,
    REFUSAL_TABLE(REFUSAL_NAME)
#undef REFUSAL_NAME
        REFUSALS,
};

#define REFUSAL_TEXT_MAX 512u

uint16_t refusal_code(enum refusal r);
uint16_t refusal_err_code(enum refusal r);
/* The text with its number or bytes; what does not fit is cut off. Ends with a NUL; its size. */
size_t refusal_text(enum refusal r, uint64_t number, struct bytes text, char at[REFUSAL_TEXT_MAX]);

#endif
