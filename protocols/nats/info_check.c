/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/nats/info_check.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "protocols/nats/peer_json.h"
#include "runtime/base/check.h"

#define INFO_SIZE_MAX ((size_t)1 << 20)
#define INFO_DEPTH_MAX 512

enum member_type {
    MEMBER_TEXT,
    MEMBER_BOOL,
    MEMBER_INT,
    MEMBER_INT32,
    MEMBER_UINT,
    MEMBER_BYTE,
    MEMBER_BYTES,
    MEMBER_TEXTS,
    MEMBER_PERMISSION,
};

/* All that a server says to any peer. */
static const struct member {
    const char *name;
    enum member_type type;
} members[] = {
    {"server_id", MEMBER_TEXT},
    {"server_name", MEMBER_TEXT},
    {"version", MEMBER_TEXT},
    {"git_commit", MEMBER_TEXT},
    {"go", MEMBER_TEXT},
    {"host", MEMBER_TEXT},
    {"ip", MEMBER_TEXT},
    {"client_ip", MEMBER_TEXT},
    {"nonce", MEMBER_TEXT},
    {"cluster", MEMBER_TEXT},
    {"domain", MEMBER_TEXT},
    {"compression", MEMBER_TEXT},
    {"remote_account", MEMBER_TEXT},
    {"route_account", MEMBER_TEXT},
    {"route_acc_add_reqid", MEMBER_TEXT},
    {"gateway", MEMBER_TEXT},
    {"gateway_url", MEMBER_TEXT},
    {"xkey", MEMBER_TEXT},
    {"headers", MEMBER_BOOL},
    {"auth_required", MEMBER_BOOL},
    {"tls_required", MEMBER_BOOL},
    {"tls_verify", MEMBER_BOOL},
    {"tls_available", MEMBER_BOOL},
    {"jetstream", MEMBER_BOOL},
    {"cluster_dynamic", MEMBER_BOOL},
    {"ldm", MEMBER_BOOL},
    {"connect_info", MEMBER_BOOL},
    {"acc_is_sys", MEMBER_BOOL},
    {"lnoc", MEMBER_BOOL},
    {"lnocu", MEMBER_BOOL},
    {"info_on_connect", MEMBER_BOOL},
    {"gateway_nrp", MEMBER_BOOL},
    {"gateway_iom", MEMBER_BOOL},
    {"proto", MEMBER_INT},
    {"port", MEMBER_INT},
    {"api_lvl", MEMBER_INT},
    {"route_pool_size", MEMBER_INT},
    {"route_pool_idx", MEMBER_INT},
    {"max_payload", MEMBER_INT32},
    {"client_id", MEMBER_UINT},
    {"gossip_mode", MEMBER_BYTE},
    {"gateway_cmd", MEMBER_BYTE},
    {"gateway_cmd_payload", MEMBER_BYTES},
    {"connect_urls", MEMBER_TEXTS},
    {"ws_connect_urls", MEMBER_TEXTS},
    {"gateway_urls", MEMBER_TEXTS},
    {"leafnode_urls", MEMBER_TEXTS},
    {"import", MEMBER_PERMISSION},
    {"export", MEMBER_PERMISSION},
};

static bool is_between(const json_t *value, json_int_t least, json_int_t most)
{
    return json_is_integer(value) && json_integer_value(value) >= least &&
           json_integer_value(value) <= most;
}

static bool is_base64(const json_t *value)
{
    size_t size = json_string_length(value);
    unsigned char *bytes = malloc(size + 1);
    CHECK(bytes != NULL);
    bool is = sodium_base642bin(bytes, size + 1, json_string_value(value), size, "\r\n", NULL, NULL,
                                sodium_base64_VARIANT_ORIGINAL) == 0;
    free(bytes);
    return is;
}

static bool is_bytes(json_t *value)
{
    if (json_is_string(value))
        return is_base64(value);
    size_t index;
    const json_t *item;
    json_array_foreach(value, index, item)
    {
        if (!is_between(item, 0, UINT8_MAX) && !json_is_null(item))
            return false;
    }
    return json_is_array(value);
}

static bool is_of_type(json_t *value, enum member_type type)
{
    if (json_is_null(value))
        return true;
    switch (type) {
    case MEMBER_TEXT: return json_is_string(value);
    case MEMBER_BOOL: return json_is_boolean(value);
    case MEMBER_INT: return json_is_integer(value);
    case MEMBER_INT32: return is_between(value, INT32_MIN, INT32_MAX);
    case MEMBER_UINT: return is_between(value, 0, INT64_MAX);
    case MEMBER_BYTE: return is_between(value, 0, UINT8_MAX);
    case MEMBER_BYTES: return is_bytes(value);
    case MEMBER_TEXTS: return peer_json_is_text_list(value);
    case MEMBER_PERMISSION: return peer_json_is_permission(value);
    }
    UNREACHABLE("no type of member");
}

static bool is_info(json_t *tree)
{
    const char *key;
    json_t *value;
    json_object_foreach(tree, key, value)
    {
        for (size_t i = 0; i < sizeof members / sizeof *members; i++)
            if (peer_json_name_is(key, members[i].name) && !is_of_type(value, members[i].type))
                return false;
    }
    return json_is_object(tree) || json_is_null(tree);
}

int info_check(struct bytes argument)
{
    if (argument.size > INFO_SIZE_MAX)
        return -E2BIG;
    json_t *tree = NULL;
    int status = peer_json_load(argument, INFO_DEPTH_MAX, &tree);
    if (status != 0)
        return status;
    status = is_info(tree) ? 0 : -EINVAL;
    peer_json_free(&tree);
    return status;
}
