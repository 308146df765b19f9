/* SPDX-License-Identifier: Apache-2.0 */
/* connect.c -- what a client says of itself; see connect.h.
 *
 * The members are a table. Texts are gathered first, those that stay and those that are new, and then
 * copied into one new block; so a failure on the way leaves the options as they were. The old block, which
 * held secrets, is wiped, as is all that peer_json.h made on the way.
 */
#include "protocols/nats/connect.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>

#include "protocols/nats/peer_json.h"
#include "runtime/base/check.h"

enum member_type { MEMBER_BOOL, MEMBER_INT, MEMBER_TEXT, MEMBER_PERMISSION };

static const struct member {
    const char *name;
    enum member_type type;
    size_t offset;
} MEMBERS[] = {
#define MEMBER(member, type)                                    \
    {                                                           \
#member, type, offsetof(struct connect_options, member) \
    }
    MEMBER(echo, MEMBER_BOOL),
    MEMBER(verbose, MEMBER_BOOL),
    MEMBER(pedantic, MEMBER_BOOL),
    MEMBER(tls_required, MEMBER_BOOL),
    MEMBER(headers, MEMBER_BOOL),
    MEMBER(no_responders, MEMBER_BOOL),
    MEMBER(new_account, MEMBER_BOOL),
    MEMBER(protocol, MEMBER_INT),
    MEMBER(nkey, MEMBER_TEXT),
    MEMBER(jwt, MEMBER_TEXT),
    MEMBER(sig, MEMBER_TEXT),
    MEMBER(auth_token, MEMBER_TEXT),
    MEMBER(user, MEMBER_TEXT),
    MEMBER(pass, MEMBER_TEXT),
    MEMBER(name, MEMBER_TEXT),
    MEMBER(lang, MEMBER_TEXT),
    MEMBER(version, MEMBER_TEXT),
    MEMBER(account, MEMBER_TEXT),
    MEMBER(remote_account, MEMBER_TEXT),
    MEMBER(proxy_sig, MEMBER_TEXT),
#undef MEMBER
    /* Of routes and leaf nodes: checked, not kept. */
    {"import", MEMBER_PERMISSION, 0},
    {"export", MEMBER_PERMISSION, 0},
};
enum { MEMBER_COUNT = sizeof(MEMBERS) / sizeof(MEMBERS[0]) };

void connect_options_init(struct connect_options *o)
{
    *o = (struct connect_options){.echo = true, .verbose = true, .pedantic = true};
}

void connect_options_done(struct connect_options *o)
{
    if (o->texts)
        sodium_memzero(o->texts, o->texts_size);
    free(o->texts);
    *o = (struct connect_options){.protocol = 0};
}

static void *field_of(struct connect_options *o, const struct member *m)
{
    return (char *)o + m->offset;
}

/* Puts a value into o, a text as a borrowed one; false when it is of the wrong type. */
static bool take_value(struct connect_options *o, const struct member *m, json_t *value)
{
    if (json_is_null(value))
        return true;
    switch (m->type) {
    case MEMBER_BOOL: *(bool *)field_of(o, m) = json_is_true(value); return json_is_boolean(value);
    case MEMBER_INT:
        *(int64_t *)field_of(o, m) = json_integer_value(value);
        return json_is_integer(value);
    case MEMBER_TEXT:
        if (!json_is_string(value))
            return false;
        *(struct bytes *)field_of(o, m) =
            (struct bytes){json_string_value(value), json_string_length(value)};
        return true;
    case MEMBER_PERMISSION: return peer_json_is_permission(value);
    }
    UNREACHABLE("no type of member");
}

/* Puts what the object says into o; NULL, or the name of a member of the wrong type. */
static const char *take_object(struct connect_options *o, json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        for (int i = 0; i < MEMBER_COUNT; i++) {
            if (!peer_json_name_is(key, MEMBERS[i].name))
                continue;
            if (!take_value(o, &MEMBERS[i], value))
                return MEMBERS[i].name;
            break;
        }
    }
    return NULL;
}

/* Gives o, whose texts are borrowed, a block of its own with them. */
static int own_texts(struct connect_options *o)
{
    size_t size = 0;
    for (int i = 0; i < MEMBER_COUNT; i++) {
        if (MEMBERS[i].type == MEMBER_TEXT)
            size += ((struct bytes *)field_of(o, &MEMBERS[i]))->size + 1;
    }
    char *texts = malloc(size);
    if (!texts)
        return -ENOMEM;
    size_t at = 0;
    for (int i = 0; i < MEMBER_COUNT; i++) {
        if (MEMBERS[i].type != MEMBER_TEXT)
            continue;
        struct bytes *text = field_of(o, &MEMBERS[i]);
        if (text->size > 0)
            memcpy(texts + at, text->at, text->size);
        text->at = texts + at;
        at += text->size;
        texts[at++] = '\0';
    }
    CHECK(at == size);
    o->texts = texts;
    o->texts_size = size;
    return 0;
}

static int take_tree(struct connect_options *o, json_t *tree, const char **ret_what)
{
    if (json_is_null(tree))
        return 0;
    *ret_what = "not a JSON object";
    if (!json_is_object(tree))
        return -EINVAL;
    DCHECK((o->texts == NULL) == (o->texts_size == 0));
    struct connect_options next = *o;
    const char *wrong = take_object(&next, tree);
    if (wrong) {
        *ret_what = wrong;
        return -EINVAL;
    }
    *ret_what = "no memory";
    int error = own_texts(&next);
    if (error)
        return error;
    connect_options_done(o);
    *o = next;
    return 0;
}

int connect_options_decode(struct connect_options *o, struct bytes argument, const char **ret_what)
{
    *ret_what = "too large";
    if (argument.size > CONNECT_SIZE_MAX)
        return -E2BIG;
    json_t *tree = NULL;
    int error = peer_json_load(argument, CONNECT_DEPTH_MAX, &tree);
    if (error != 0) {
        if (error != -E2BIG)
            *ret_what = "not JSON";
        return error;
    }
    error = take_tree(o, tree, ret_what);
    peer_json_free(&tree);
    return error;
}
