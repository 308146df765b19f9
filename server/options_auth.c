/* SPDX-License-Identifier: Apache-2.0 */
/* options_auth.c -- the section "authorization": one user, a token, or a list of users. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/conf/conf_duration.h"
#include "protocols/conf/conf_error.h"
#include "protocols/conf/conf_quote.h"
#include "runtime/base/check.h"
#include "server/options_reader.h"

static option_set_fn set_secret;
static option_set_fn set_timeout;
static option_set_fn set_users;

/* clang-format off */
#define NOT_YET(names) {names, KEY_REFUSED, NULL, 0}
#define ONLY_OFF(names) {names, KEY_OFF_ONLY, NULL, 0}
#define IN_AUTH(names, set, field) {names, KEY_SUPPORTED, set, offsetof(struct options_auth, field)}
#define IN_USER(names, set, field) {names, KEY_SUPPORTED, set, offsetof(struct options_user, field)}

const struct options_key options_auth_keys[] = {
    IN_AUTH("user|username", options_set_text, user),
    IN_AUTH("pass|password", set_secret, password),
    IN_AUTH("token", set_secret, token),
    IN_AUTH("timeout", set_timeout, timeout_s),
    IN_AUTH("users", set_users, users),
    NOT_YET("default_permission|default_permissions|permissions"),
    NOT_YET("auth_callout|auth_hook"),
    ONLY_OFF("proxy_required"),
    {NULL, KEY_REFUSED, NULL, 0},
};

const struct options_key options_user_keys[] = {
    IN_USER("user|username", options_set_text, user),
    IN_USER("pass|password", set_secret, password),
    NOT_YET("nkey"),
    NOT_YET("permission|permissions|authorization"),
    NOT_YET("allowed_connection_types|connection_types|clients"),
    ONLY_OFF("proxy_required"),
    {NULL, KEY_REFUSED, NULL, 0},
};
/* clang-format on */

static void set_secret(struct options_reader *r, const struct options_key *key,
                       const struct conf_node *node, void *field)
{
    DCHECK(key->state == KEY_SUPPORTED);
    options_reader_secret(r, node, field);
}

static void warn_of_timeout(struct options_reader *r, const struct conf_node *node, double seconds)
{
    struct text shown;
    text_init(&shown);
    options_reader_show(&shown, node);
    options_reader_warn(
        r, node,
        "invalid use of field \"%.*s\": timeout of %s (%f seconds) is high, consider "
        "keeping it under 60 seconds. possibly caused by unquoted duration; use '1m' "
        "instead of 1m, for example",
        (int)node->key.size, node->key.at, shown.at == NULL ? "" : shown.at, seconds);
    text_done(&shown);
}

/* Seconds as a number, or a duration. */
static void set_timeout(struct options_reader *r, const struct options_key *key,
                        const struct conf_node *node, void *field)
{
    double seconds = 0;
    int64_t ns;
    struct conf_error error;
    switch (node->type) {
    case CONF_INTEGER: seconds = (double)node->as.integer; break;
    case CONF_FLOAT: seconds = node->as.number; break;
    case CONF_STRING:
        if (conf_duration_parse(node->as.text, &ns, &error) < 0) {
            options_reader_error(r, node, "error parsing authorization config, 'timeout' %s",
                                 error.text);
            return;
        }
        seconds = (double)ns / 1e9;
        break;
    default:
        options_reader_error(r, node, "error parsing authorization config, 'timeout' wrong type");
        return;
    }
    if (seconds > 60)
        warn_of_timeout(r, node, seconds);
    *(double *)field = seconds;
}

/* An entry needs a name; an nkey would do, too, and is refused by its row. */
static bool names_nobody(const struct conf_node *entry, const struct options_user *user)
{
    for (const struct conf_node *node = conf_first(entry); node != NULL; node = node->next)
        if (conf_key_is(node->key, "nkey"))
            return false;
    return user->user == NULL || user->user[0] == '\0';
}

static void add_user(struct options_reader *r, struct options_auth *auth,
                     const struct conf_node *entry)
{
    struct options_user user = {.user = NULL, .password = ""};
    if (entry->type != CONF_MAP) {
        struct text shown;
        text_init(&shown);
        options_reader_show(&shown, entry);
        options_reader_error(r, entry, "Expected user entry to be a map/struct, got %s",
                             shown.at == NULL ? "" : shown.at);
        text_done(&shown);
        return;
    }
    options_reader_section(r, entry, options_user_keys, &user);
    if (names_nobody(entry, &user)) {
        const struct conf_node *last = entry->as.group->last;
        options_reader_error(r, last != NULL ? last : entry, "User entry requires a user");
    } else if (user.user != NULL) {
        CHECK(user.password != NULL);
        auth->users[auth->user_count++] = user;
    }
}

static void set_users(struct options_reader *r, const struct options_key *key,
                      const struct conf_node *node, void *field)
{
    struct options_auth *auth = &r->options->auth;
    DCHECK(field == (void *)&auth->users);
    if (node->type != CONF_ARRAY) {
        struct text shown;
        text_init(&shown);
        options_reader_show(&shown, node);
        options_reader_error(r, node, "Expected users field to be an array, got %s",
                             shown.at == NULL ? "" : shown.at);
        text_done(&shown);
        return;
    }
    /* Never NULL: an empty list is a list, too, and excludes a single user. */
    auth->users =
        arena_alloc(&r->options->arena, (node->as.group->count + 1) * sizeof(*auth->users));
    auth->user_count = 0;
    for (const struct conf_node *entry = conf_first(node); entry != NULL; entry = entry->next)
        add_user(r, auth, entry);
    CHECK(auth->user_count <= node->as.group->count);
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static int compare_users(const void *a, const void *b)
{
    return strcmp(((const struct options_user *)a)->user, ((const struct options_user *)b)->user);
}

/* The first name that stands twice, or NULL. Sorts the users, whose order says nothing. */
static const char *find_duplicate(struct options_auth *auth)
{
    qsort(auth->users, auth->user_count, sizeof(*auth->users), compare_users);
    for (size_t i = 1; i < auth->user_count; i++)
        if (strcmp(auth->users[i - 1].user, auth->users[i].user) == 0)
            return auth->users[i].user;
    return NULL;
}

static void check_auth(struct options_reader *r, const struct conf_node *node,
                       struct options_auth *auth)
{
    if ((is_set(auth->user) || is_set(auth->password)) && is_set(auth->token)) {
        options_reader_error(r, node, "Cannot have a user/pass and token");
        return;
    }
    if (auth->users == NULL)
        return;
    if (is_set(auth->user)) {
        options_reader_error(r, node, "Can not have a single user/pass and a users array");
        return;
    }
    if (is_set(auth->token)) {
        options_reader_error(r, node, "Can not have a token and a users array");
        return;
    }
    const char *name = find_duplicate(auth);
    if (name == NULL)
        return;
    struct conf_error quoted;
    conf_error_clear(&quoted);
    conf_quote(&quoted, bytes_of(name));
    options_reader_error(r, node, "Duplicate user %s detected", quoted.text);
}

void options_set_auth(struct options_reader *r, const struct options_key *key,
                      const struct conf_node *node, void *field)
{
    struct options_auth *auth = field;
    CHECK(auth == &r->options->auth);
    if (!options_reader_expect(r, node, CONF_MAP))
        return;
    *auth = (struct options_auth){0};
    options_reader_section(r, node, options_auth_keys, auth);
    check_auth(r, node, auth);
}
