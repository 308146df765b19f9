/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_args.h -- the arguments of a monitoring page, and what is said about wrong ones.
 *
 * The query is decoded argument by argument into one block, so that texts live as long as the args.
 * An argument that is absent or empty has its zero value.
 */
#ifndef PROTOCOLS_MONITOR_MONITOR_ARGS_H
#define PROTOCOLS_MONITOR_MONITOR_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocols/json/output.h"

struct monitor_args {
    struct bytes query; /* borrowed: the request's */
    char *texts;        /* given; query.size bytes */
    size_t used;
};

/* An answer in plain text instead of the page. Empty while nothing is wrong. */
struct monitor_refusal {
    int status;
    struct output text;
};

/* 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int monitor_args_init(struct monitor_args *args,
                                                          struct bytes query);
void monitor_args_done(struct monitor_args *args);

void monitor_refusal_init(struct monitor_refusal *r);
void monitor_refusal_done(struct monitor_refusal *r);

/* The text of an argument; each is to be asked for once. */
struct bytes monitor_args_text(struct monitor_args *args, const char *name);

/* 0, or -EINVAL with the refusal filled in. */
__attribute__((warn_unused_result)) int monitor_args_bool(struct monitor_args *args,
                                                          const char *name, bool *ret_value,
                                                          struct monitor_refusal *refusal);
__attribute__((warn_unused_result)) int monitor_args_int(struct monitor_args *args,
                                                         const char *name, int64_t *ret_value,
                                                         struct monitor_refusal *refusal);
__attribute__((warn_unused_result)) int monitor_args_uint(struct monitor_args *args,
                                                          const char *name, uint64_t *ret_value,
                                                          struct monitor_refusal *refusal);

/* Fills in a refusal "<what><text>" with status 400; returns -EINVAL. */
int monitor_refuse(struct monitor_refusal *r, const char *what, struct bytes text);

/* "true", "1", "T" and their like, as strconv.ParseBool; false when text is none of them. */
bool monitor_parse_bool(struct bytes text, bool *ret_value);

/* Equal but for the case of ASCII letters. */
bool monitor_same_word(struct bytes text, const char *word);

#endif
