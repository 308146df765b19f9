/* SPDX-License-Identifier: Apache-2.0 */
/* subject.h -- what a subject may look like, and which subjects a pattern covers.
 *
 * A subject is tokens with dots between them. A token that is `*` alone stands for any one token, a
 * last token that is `>` alone for one or more; inside a longer token both are ordinary bytes. There
 * are several notions of validity, because nats-server has several and each is visible somewhere:
 *
 *   subject_is_subscribable    what SUB takes: no empty token, nothing after `>`
 *   subject_is_valid           and no blanks: configuration, permissions, JetStream
 *   subject_is_valid_literal   no empty token, no wildcard (blanks pass): pedantic PUB, /subsz?test
 *   subject_is_valid_publish   valid, and no wildcard
 *
 * Bounds: every function is one pass over its input, without memory.
 */
#ifndef PROTOCOLS_NATS_SUBJECT_H
#define PROTOCOLS_NATS_SUBJECT_H

#include "runtime/base/bytes.h"

enum {
    SUBJECT_SIZE_MAX = 65535,     /* longest subject the server keeps; a control line is 4,096 */
    SUBJECT_SUB_TOKENS_MAX = 255, /* largest value of the option max_sub_tokens */
};

bool subject_is_subscribable(struct bytes subject);
bool subject_is_valid(struct bytes subject);
bool subject_is_valid_literal(struct bytes subject);
bool subject_is_valid_publish(struct bytes subject);

/* Whether no token is a wildcard; says nothing about validity. */
bool subject_is_literal(struct bytes subject);

/* Whether the pattern covers the literal subject. In the middle of a pattern `*` covers an empty
 * token too, as in nats-server; the index, which /subsz and delivery ask, never does. */
bool subject_matches(struct bytes pattern, struct bytes literal);

/* Whether all that `subject` covers is covered by `pattern`; both may have wildcards. A token of the
 * pattern that only begins with `*` covers any literal token, as in nats-server. */
bool subject_is_subset(struct bytes subject, struct bytes pattern);

/* Whether some literal subject is covered by both. */
bool subjects_collide(struct bytes a, struct bytes b);

/* Number of tokens, empty ones counted; 0 for the empty subject. */
size_t subject_token_count(struct bytes subject);

/* Walks tokens, empty ones too: struct subject_walk w = subject_walk(s); while (subject_next(&w, &t)).
 * The empty subject has one empty token. */
struct subject_walk {
    const char *at;  /* start of the next token */
    const char *end; /* end of the subject */
    bool more;
};

static inline struct subject_walk subject_walk(struct bytes subject)
{
    return (struct subject_walk){subject.at, subject.at + subject.size, true};
}

static inline bool subject_next(struct subject_walk *w, struct bytes *ret_token)
{
    if (!w->more)
        return false;
    const char *dot = w->at;
    while (dot < w->end && *dot != '.')
        dot++;
    *ret_token = (struct bytes){w->at, (size_t)(dot - w->at)};
    w->more = dot < w->end;
    w->at = w->more ? dot + 1 : dot;
    return true;
}

static inline bool token_is_star(struct bytes token)
{
    return token.size == 1 && token.at[0] == '*';
}

static inline bool token_is_rest(struct bytes token)
{
    return token.size == 1 && token.at[0] == '>';
}

#endif
