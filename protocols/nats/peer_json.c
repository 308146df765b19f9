/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/nats/peer_json.h"

#include <errno.h>
#include <sodium.h>

#include "protocols/json/go_text.h"
#include "protocols/json/output.h"
#include "protocols/nats/connect_text.h"

int peer_json_load(struct bytes given, int depth_max, json_t **ret_tree)
{
    struct output text;
    output_init(&text, 3 * given.size + 1);
    output_reserve(&text, 3 * given.size); /* so that no growth leaves a copy behind */
    json_t *tree = NULL;
    int error = connect_text_prepare(&text, given, depth_max);
    if (error == 0) {
        tree =
            json_loadb(text.at ? text.at : "", text.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        error = tree ? 0 : -EINVAL;
    }
    if (text.at)
        sodium_memzero(text.at, text.size);
    output_done(&text);
    if (error == 0)
        *ret_tree = tree;
    return error;
}

void peer_json_free(json_t **tree)
{
    const char *key;
    json_t *value;
    json_object_foreach(*tree, key, value)
    {
        /* The tree is ours alone and about to go, so its texts may be written. */
        if (json_is_string(value))
            sodium_memzero((char *)json_string_value(value), json_string_length(value));
    }
    json_decref(*tree);
    *tree = NULL;
}

bool peer_json_name_is(const char *key, const char *name)
{
    struct bytes rest = bytes_of(key);
    for (; *name; name++) {
        uint32_t rune = 0;
        size_t size = rest.size ? go_text_rune(rest, &rune) : 0;
        if (rune >= 'A' && rune <= 'Z')
            rune += 'a' - 'A';
        else if (rune == 0x17f) /* long s */
            rune = 's';
        else if (rune == 0x212a) /* kelvin */
            rune = 'k';
        if (size == 0 || rune != (unsigned char)*name)
            return false;
        rest = (struct bytes){rest.at + size, rest.size - size};
    }
    return rest.size == 0;
}

bool peer_json_is_text_list(const json_t *value)
{
    if (json_is_null(value))
        return true;
    size_t index;
    const json_t *item;
    json_array_foreach((json_t *)value, index, item)
    {
        if (!json_is_string(item) && !json_is_null(item))
            return false;
    }
    return json_is_array(value);
}

bool peer_json_is_permission(json_t *value)
{
    const char *key;
    json_t *item;
    json_object_foreach(value, key, item)
    {
        bool list = peer_json_name_is(key, "allow") || peer_json_name_is(key, "deny");
        if (list && !peer_json_is_text_list(item))
            return false;
    }
    return json_is_object(value);
}
