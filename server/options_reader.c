/* SPDX-License-Identifier: Apache-2.0 */
#include "server/options_reader.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocols/conf/conf_duration.h"
#include "protocols/conf/conf_error.h"
#include "protocols/conf/conf_json.h"
#include "protocols/conf/conf_quote.h"
#include "runtime/base/check.h"
#include "server/address.h"

/* ---- messages ---- */

static void add_place(struct text *into, const struct conf_node *node)
{
    DCHECK(node->line >= 1);
    text_add(into, "%s:%d:%d: ", node->file, node->line, node->column);
}

static void add_message(struct text *into, const struct conf_node *node, const char *format,
                        va_list args) __attribute__((format(printf, 3, 0)));

static void add_message(struct text *into, const struct conf_node *node, const char *format,
                        va_list args)
{
    char message[CONF_ERROR_MAX];
    vsnprintf(message, sizeof(message), format, args);
    add_place(into, node);
    text_add(into, "%s\n", message);
}

void options_reader_error(struct options_reader *r, const struct conf_node *node,
                          const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_message(r->errors, node, format, args);
    va_end(args);
}

void options_reader_warn(struct options_reader *r, const struct conf_node *node, const char *format,
                         ...)
{
    va_list args;
    va_start(args, format);
    add_message(r->warnings, node, format, args);
    va_end(args);
}

void options_reader_notice(struct options_reader *r, const struct conf_node *node,
                           const char *format, ...)
{
    struct options *o = r->options;
    struct text text;
    text_init(&text);
    va_list args;
    va_start(args, format);
    add_message(&text, node, format, args);
    va_end(args);
    CHECK(text.size > 0 && text.at[text.size - 1] == '\n');
    options_add_notice(o, (struct bytes){text.at, text.size - 1});
    text_done(&text);
}

/* FILE:LINE:COL: before"KEY"after */
static void add_key_message(struct options_reader *r, const struct conf_node *node,
                            const char *before, const char *after)
{
    struct conf_error quoted;
    conf_error_clear(&quoted);
    conf_quote(&quoted, node->key);
    options_reader_error(r, node, "%s%s%s", before, quoted.text, after);
}

void options_reader_refuse(struct options_reader *r, const struct conf_node *node)
{
    add_key_message(r, node, "", " is not supported yet");
}

void options_reader_unknown(struct options_reader *r, const struct conf_node *node)
{
    if (!node->used)
        add_key_message(r, node, "unknown field ", "");
}

void options_reader_show(struct text *into, const struct conf_node *node)
{
    char number[CONF_JSON_FLOAT_MAX];
    switch (node->type) {
    case CONF_STRING:
    case CONF_DATETIME: text_add_bytes(into, node->as.text); break;
    case CONF_BOOL: text_add(into, "%s", node->as.truth ? "true" : "false"); break;
    case CONF_INTEGER: text_add(into, "%lld", (long long)node->as.integer); break;
    case CONF_FLOAT:
        conf_json_float(node->as.number, number);
        text_add(into, "%s", number);
        break;
    case CONF_ARRAY: text_add(into, "[...]"); break;
    case CONF_MAP: text_add(into, "map[...]"); break;
    }
}

/* Such a text would be cut short where the options keep it. */
static bool has_nul(struct bytes text)
{
    return text.size > 0 && memchr(text.at, '\0', text.size) != NULL;
}

bool options_reader_expect(struct options_reader *r, const struct conf_node *node,
                           enum conf_type type)
{
    if (node->type == type && type == CONF_STRING && has_nul(node->as.text)) {
        options_reader_error(r, node, "a text with a NUL byte is not supported");
        return false;
    }
    if (node->type == type)
        return true;
    options_reader_error(r, node, "interface conversion: interface {} is %s, not %s",
                         conf_type_name(node->type), conf_type_name(type));
    return false;
}

const char *options_reader_keep(struct options_reader *r, struct bytes text)
{
    return arena_copy(&r->options->arena, text);
}

/* ---- sections ---- */

static bool names_include(const char *names, struct bytes name)
{
    while (*names != '\0') {
        size_t size = strcspn(names, "|");
        char one[64];
        CHECK(size > 0 && size < sizeof(one));
        memcpy(one, names, size);
        one[size] = '\0';
        if (conf_key_is(name, one))
            return true;
        names += size + (names[size] == '|' ? 1 : 0);
    }
    return false;
}

const struct options_key *options_reader_find(const struct options_key *keys, struct bytes name)
{
    for (const struct options_key *key = keys; key->names != NULL; key++)
        if (names_include(key->names, name))
            return key;
    return NULL;
}

/* A value that asks for nothing. */
static bool says_off(const struct conf_node *node)
{
    switch (node->type) {
    case CONF_BOOL: return !node->as.truth;
    case CONF_INTEGER: return node->as.integer == 0;
    case CONF_STRING:
        return conf_key_is(node->as.text, "disabled") || conf_key_is(node->as.text, "disable");
    default: return false;
    }
}

static void read_entry(struct options_reader *r, const struct options_key *keys,
                       const struct conf_node *node, void *into)
{
    const struct options_key *key = options_reader_find(keys, node->key);
    if (key == NULL) {
        options_reader_unknown(r, node);
        return;
    }
    if (key->state == KEY_REFUSED || (key->state == KEY_OFF_ONLY && !says_off(node))) {
        options_reader_refuse(r, node);
        return;
    }
    if (key->state == KEY_NOTICED)
        options_reader_notice(r, node,
                              "\"%.*s\" is accepted, but not supported yet: no port is opened",
                              (int)node->key.size, node->key.at);
    CHECK(key->set != NULL || key->state == KEY_OFF_ONLY);
    if (key->set != NULL)
        key->set(r, key, node, (char *)into + key->offset);
}

void options_reader_section(struct options_reader *r, const struct conf_node *map,
                            const struct options_key *keys, void *into)
{
    CHECK(map->type == CONF_MAP);
    CHECK(keys != NULL && into != NULL);
    for (const struct conf_node *node = conf_first(map); node != NULL; node = node->next)
        read_entry(r, keys, node, into);
}

/* ---- fields ---- */

void options_set_text(struct options_reader *r, const struct options_key *key,
                      const struct conf_node *node, void *field)
{
    if (options_reader_expect(r, node, CONF_STRING))
        *(const char **)field = options_reader_keep(r, node->as.text);
}

void options_set_bool(struct options_reader *r, const struct options_key *key,
                      const struct conf_node *node, void *field)
{
    if (options_reader_expect(r, node, CONF_BOOL))
        *(bool *)field = node->as.truth;
}

void options_set_not(struct options_reader *r, const struct options_key *key,
                     const struct conf_node *node, void *field)
{
    if (options_reader_expect(r, node, CONF_BOOL))
        *(bool *)field = !node->as.truth;
}

static int clamp(int64_t value)
{
    return value > INT_MAX ? INT_MAX : value < INT_MIN ? INT_MIN : (int)value;
}

void options_set_int(struct options_reader *r, const struct options_key *key,
                     const struct conf_node *node, void *field)
{
    if (options_reader_expect(r, node, CONF_INTEGER))
        *(int *)field = clamp(node->as.integer);
}

void options_set_int64(struct options_reader *r, const struct options_key *key,
                       const struct conf_node *node, void *field)
{
    if (options_reader_expect(r, node, CONF_INTEGER))
        *(int64_t *)field = node->as.integer;
}

static void set_seconds(struct options_reader *r, const struct options_key *key,
                        const struct conf_node *node, int64_t *field)
{
    DCHECK(node->type != CONF_STRING);
    options_reader_warn(r, node,
                        "invalid use of field \"%s\": %s should be converted to a duration",
                        key->names, key->names);
    if (options_reader_expect(r, node, CONF_INTEGER))
        *field = (int64_t)((uint64_t)node->as.integer * 1000000000u);
}

void options_set_duration(struct options_reader *r, const struct options_key *key,
                          const struct conf_node *node, void *field)
{
    DCHECK(strchr(key->names, '|') == NULL);
    struct conf_error error;
    if (node->type != CONF_STRING)
        set_seconds(r, key, node, field);
    else if (conf_duration_parse(node->as.text, field, &error) < 0)
        options_reader_error(r, node, "error parsing %s: %s", key->names, error.text);
}

/* ---- addresses ---- */

static void quote_error(struct options_reader *r, const struct conf_node *node, const char *what,
                        struct bytes text)
{
    struct conf_error quoted;
    conf_error_clear(&quoted);
    conf_quote(&quoted, text);
    options_reader_error(r, node, "%s %s", what, quoted.text);
}

bool options_reader_listen(struct options_reader *r, const struct conf_node *node,
                           const char **ret_host, int *ret_port)
{
    struct bytes host;
    struct bytes port;
    int number;
    if (node->type == CONF_INTEGER) {
        *ret_host = "";
        *ret_port = clamp(node->as.integer);
        return true;
    }
    if (node->type != CONF_STRING) {
        options_reader_error(r, node, "expected port or host:port, got %s",
                             conf_type_name(node->type));
        return false;
    }
    if (!options_reader_expect(r, node, CONF_STRING))
        return false;
    if (!address_split(node->as.text, &host, &port)) {
        quote_error(r, node, "could not parse address string", node->as.text);
        return false;
    }
    if (!address_port(port, &number)) {
        quote_error(r, node, "could not parse port", port);
        return false;
    }
    *ret_host = options_reader_keep(r, host);
    *ret_port = number;
    return true;
}

/* "$2a$11$...", with any of bcrypt's letters. */
static bool is_bcrypt(struct bytes text)
{
    return text.size >= 7 && text.at[0] == '$' && text.at[1] == '2' &&
           memchr("abxy", text.at[2], 4) != NULL && text.at[3] == '$' &&
           isdigit((unsigned char)text.at[4]) && isdigit((unsigned char)text.at[5]) &&
           text.at[6] == '$';
}

bool options_secret_is_hash(const char *text)
{
    return is_bcrypt(bytes_of(text));
}

bool options_reader_secret(struct options_reader *r, const struct conf_node *node,
                           const char **ret_text)
{
    if (!options_reader_expect(r, node, CONF_STRING))
        return false;
    if (is_bcrypt(node->as.text)) {
        add_key_message(r, node, "", " with a bcrypt hash is not supported yet");
        return false;
    }
    *ret_text = options_reader_keep(r, node->as.text);
    return true;
}
