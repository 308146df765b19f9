/* SPDX-License-Identifier: Apache-2.0 */
/* peer_json.h -- a JSON object that a peer sent, read as Go's decoder reads it into a struct. */
#ifndef PROTOCOLS_NATS_PEER_JSON_H
#define PROTOCOLS_NATS_PEER_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "runtime/base/bytes.h"

/* 0 and a tree for peer_json_free; -E2BIG past depth_max open brackets, or -EINVAL. The text may hold a
 * secret: no copy of it is left behind. */
int peer_json_load(struct bytes text, int depth_max, json_t **ret_tree)
    __attribute__((warn_unused_result));
/* Wipes the texts of an object's members; what they hold deeper down is no secret. */
void peer_json_free(json_t **tree);

/* Whether a member of this name is read into the field with this one, in lower case: by ASCII case, and
 * the two letters outside ASCII whose lower case is in. */
bool peer_json_name_is(const char *key, const char *name);

/* null, or an array of texts and nulls. */
bool peer_json_is_text_list(const json_t *value);
/* The permissions of a route: what it allows and denies are lists of subjects. */
bool peer_json_is_permission(json_t *value);

#endif
