/* SPDX-License-Identifier: Apache-2.0 */
/* connect.h -- what a client says of itself in CONNECT.
 *
 * Idea        JSON as Go's decoder takes it: names in any case, the last of equal names counts, null
 *             changes nothing, what is unknown is skipped, a wrong type is an error. A second CONNECT
 *             changes what it names and leaves the rest.
 * Invariants  All texts lie in one block, which is wiped when it is given back.
 * Bounds      CONNECT_SIZE_MAX bytes, CONNECT_DEPTH_MAX brackets.
 * Differs     jansson keeps one value of each spelling of a name. So of names spelled alike the last
 *             alone counts, be it null, and no wrong type before it is seen; and names that differ in
 *             case count in the order in which each spelling came first. A name with an escaped NUL is
 *             refused. nats-server takes 10000 brackets.
 */
#ifndef PROTOCOLS_NATS_CONNECT_H
#define PROTOCOLS_NATS_CONNECT_H

#include <stdint.h>

#include "runtime/base/bytes.h"

#define CONNECT_SIZE_MAX ((size_t)1 << 20)
enum { CONNECT_DEPTH_MAX = 512 };

struct connect_options {
    bool echo;
    bool verbose;
    bool pedantic;
    bool tls_required;
    bool headers;
    bool no_responders;
    bool new_account;
    int64_t protocol;
    /* In `texts`, and with a NUL after each; may hold NULs of their own. */
    struct bytes nkey;
    struct bytes jwt;
    struct bytes sig;
    struct bytes auth_token;
    struct bytes user;
    struct bytes pass;
    struct bytes name;
    struct bytes lang;
    struct bytes version;
    struct bytes account;
    struct bytes remote_account;
    struct bytes proxy_sig;
    char *texts; /* given */
    size_t texts_size;
};

/* As before any CONNECT: echo, verbose and pedantic. */
void connect_options_init(struct connect_options *o);
/* Wipes the texts. */
void connect_options_done(struct connect_options *o);

/* Takes over what the argument of a CONNECT says. 0, or -EINVAL (no JSON object, or a wrong type),
 * -E2BIG, -ENOMEM; then o is unchanged and *ret_what is, for the log, a member's name or a phrase. */
__attribute__((warn_unused_result)) int connect_options_decode(struct connect_options *o,
                                                               struct bytes argument,
                                                               const char **ret_what);

#endif
