/* SPDX-License-Identifier: Apache-2.0 */
/* conf_parse.c -- the grammar: pairs in files, braces and brackets.
 *
 * Idea        Recursive descent, one frame a bracket, over the words of conf_scan.c. A parser reads one
 *             text; an include and an environment variable's value have a parser of their own that
 *             shares the tree (conf_reference.c).
 *             A key waits on a stack for its value. A pair without a value ("{a: }") leaves its key
 *             there, and the map around then goes by that name: nats-server's digest depends on it.
 * Invariants  1. There is a waiting key whenever a value is set in a map.
 *             2. Every function here returns 0, PARSE_OVER (the text ended where it may), or -EINVAL.
 * Bounds      recursion: CONF_DEPTH_MAX frames a parser, CONF_INCLUDE_DEPTH_MAX parsers.
 */
#include "protocols/conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/conf/conf_error.h"
#include "protocols/conf/conf_parser.h"
#include "protocols/conf/conf_scalar.h"
#include "runtime/base/check.h"

/* ---- keys that wait ---- */

void conf_parser_push_key(struct conf_parser *p, const struct conf_word *key)
{
    if (p->key_count == p->key_room) {
        size_t room = p->key_room == 0 ? 16 : 2 * p->key_room;
        p->keys = realloc(p->keys, room * sizeof(*p->keys));
        CHECK(p->keys != NULL);
        p->key_room = room;
    }
    p->keys[p->key_count++] = *key;
}

static struct conf_word pop_key(struct conf_parser *p)
{
    CHECK(p->key_count > 0);
    return p->keys[--p->key_count];
}

static void note_key(struct conf_parser *p, const struct conf_word *key)
{
    conf_parser_push_key(p, key);
    p->at_key = !bytes_are(key->text, "}");
}

/* ---- values ---- */

struct conf_node conf_parser_node(const struct conf_parser *p, const struct conf_word *word,
                                  enum conf_type type)
{
    const struct conf_word *place = p->place != NULL ? p->place : word;
    return (struct conf_node){
        .file = p->place != NULL ? p->place_file : p->file,
        .line = place->line,
        .column = place->column,
        .type = type,
    };
}

static int refuse_size(struct conf_parser *p, int rc, int line)
{
    struct conf_error *error = p->loading->error;
    conf_error_clear(error);
    if (rc == -ENAMETOOLONG)
        conf_error_add(error, "Parse error on line %d: 'Nested more than %d deep.'", line,
                       CONF_DEPTH_MAX);
    else
        conf_error_add(error, "Parse error on line %d: 'More than %d values.'", line,
                       CONF_NODES_MAX);
    return -EINVAL;
}

int conf_parser_set_value(struct conf_parser *p, struct conf_node *value)
{
    struct conf_group *group = p->scope->group;
    int rc = conf_group_admits(group, value);
    if (rc < 0)
        return refuse_size(p, rc, value->line);
    struct arena *arena = &p->loading->tree->arena;
    value->key = (struct bytes){0};
    if (!p->scope->is_map) {
        conf_group_push(arena, group, value);
        return 0;
    }
    struct conf_word key = pop_key(p);
    if (p->place == NULL) {
        value->line = key.line;
        value->column = key.column;
    }
    value->key = key.text;
    conf_group_set(arena, group, value);
    return 0;
}

static int set_scalar(struct conf_parser *p, const struct conf_word *word)
{
    struct conf_node node = conf_parser_node(p, word, CONF_STRING);
    struct conf_error *error = p->loading->error;
    int rc = 0;
    switch (word->type) {
    case WORD_STRING: node.as.text = word->text; break;
    case WORD_BOOL:
        node.type = CONF_BOOL;
        node.as.truth = conf_key_is(word->text, "true") || conf_key_is(word->text, "yes") ||
                        conf_key_is(word->text, "on");
        break;
    case WORD_INTEGER:
        node.type = CONF_INTEGER;
        rc = conf_scalar_integer(word->text, &node.as.integer, error);
        break;
    case WORD_FLOAT:
        node.type = CONF_FLOAT;
        rc = conf_scalar_float(word->text, &node.as.number, error);
        break;
    case WORD_DATETIME:
        node.type = CONF_DATETIME;
        node.as.text = word->text;
        rc = conf_scalar_datetime(word->text, error);
        break;
    default: UNREACHABLE("no scalar");
    }
    if (rc != 0)
        return rc < 0 ? rc : 0;
    return conf_parser_set_value(p, &node);
}

/* ---- brackets ---- */

static int parse_value(struct conf_parser *p, int depth);

/* Reads over what may stand behind a value in a map or an array: 0 before the next entry, 1 at the
 * closing bracket (read). */
static int end_of_entry(struct conf_parser *p, bool is_map)
{
    struct conf_scan *s = &p->scan;
    for (;;) {
        uint32_t c = conf_scan_next(s);
        if (conf_scan_is_blank(c) || conf_scan_comment(s, c))
            continue;
        /* A lone slash passes for a comma. */
        if (c == ',' || conf_scan_is_newline(c) || c == '/' || (is_map && c == ';')) {
            conf_scan_drop(s);
            return 0;
        }
        if (c == (is_map ? '}' : ']')) {
            conf_scan_drop(s);
            return 1;
        }
        return conf_scan_fail(
            s,
            is_map ? "Expected a map value terminator \",\" or a map terminator \"}\", "
                     "but got '"
                   : "Expected an array value terminator \",\" or an array terminator "
                     "\"]\", but got '",
            c, "' instead.");
    }
}

static int array_entries(struct conf_parser *p, int depth)
{
    struct conf_scan *s = &p->scan;
    for (;;) {
        conf_scan_drop(s);
        uint32_t c = conf_scan_next(s);
        if (conf_scan_is_space(c) || conf_scan_comment(s, c))
            continue;
        if (c == ',' || c == '/')
            return conf_scan_fail_text(s, "Unexpected array value terminator ','.");
        if (c == ']') {
            conf_scan_drop(s);
            return 0;
        }
        conf_scan_back(s);
        int rc = parse_value(p, depth + 1);
        if (rc == 0)
            rc = end_of_entry(p, false);
        else if (rc == PARSE_OVER)
            return rc;
        if (rc != 0)
            return rc < 0 ? rc : 0;
    }
}

/* Between a key and its value; a map may put newlines there, and even leave the value out (1: the
 * brace is read). */
static int map_separator(struct conf_parser *p)
{
    struct conf_scan *s = &p->scan;
    uint32_t c = conf_scan_next(s);
    while (conf_scan_is_space(c))
        c = conf_scan_next(s);
    if (conf_scan_is_separator(c)) {
        c = conf_scan_next(s);
        while (conf_scan_is_space(c))
            c = conf_scan_next(s);
    }
    if (c == ',')
        return conf_scan_fail_text(s, "Unexpected map value terminator \",\".");
    bool closed = c == '}';
    if (!closed)
        conf_scan_back(s);
    conf_scan_drop(s);
    return closed ? 1 : 0;
}

/* A pair or an include; 1 when the brace that ends the map was read with it. */
static int map_entry(struct conf_parser *p, int depth, bool *ret_closed)
{
    struct conf_word key;
    *ret_closed = false;
    int rc = conf_scan_key(&p->scan, true, &key);
    if (rc < 0)
        return rc;
    if (key.type == WORD_INCLUDE) {
        rc = conf_parser_include(p);
    } else {
        DCHECK(key.type == WORD_KEY);
        note_key(p, &key);
        rc = map_separator(p);
        if (rc != 0) {
            *ret_closed = rc > 0;
            return rc < 0 ? rc : 0;
        }
        rc = parse_value(p, depth + 1);
    }
    if (rc != 0)
        return rc;
    rc = end_of_entry(p, true);
    *ret_closed = rc > 0;
    return rc < 0 ? rc : 0;
}

static int map_entries(struct conf_parser *p, int depth)
{
    struct conf_scan *s = &p->scan;
    for (;;) {
        conf_scan_drop(s);
        uint32_t c = conf_scan_next(s);
        if (conf_scan_is_space(c) || conf_scan_comment(s, c))
            continue;
        if (c == '}') {
            conf_scan_drop(s);
            return 0;
        }
        if (c == ']')
            return conf_scan_fail(s, "Unexpected array end '", c, "' processing map.");
        if (c == 0)
            return conf_scan_fail_text(s, "Unexpected EOF processing map.");
        bool closed;
        int rc;
        if (c != '/')
            conf_scan_back(s);
        rc = map_entry(p, depth, &closed);
        if (rc != 0 || closed)
            return rc;
    }
}

static int parse_group(struct conf_parser *p, int depth, bool is_map)
{
    if (depth >= CONF_DEPTH_MAX)
        return refuse_size(p, -ENAMETOOLONG, p->scan.line);
    struct scope scope = {
        .outer = p->scope,
        .group = conf_group_new(&p->loading->tree->arena),
        .is_map = is_map,
    };
    p->scope = &scope;
    int rc = is_map ? map_entries(p, depth) : array_entries(p, depth);
    p->scope = scope.outer;
    if (rc != 0)
        return rc;
    struct conf_word word = conf_scan_word(&p->scan, WORD_CLOSE);
    DCHECK(word.text.size == 0);
    p->at_key = false;
    struct conf_node node = conf_parser_node(p, &word, is_map ? CONF_MAP : CONF_ARRAY);
    node.as.group = scope.group;
    return conf_parser_set_value(p, &node);
}

static int parse_value(struct conf_parser *p, int depth)
{
    struct conf_word word;
    int rc = conf_scan_value(&p->scan, &word);
    if (rc < 0)
        return rc;
    if (word.type == WORD_END) {
        p->end = word;
        return PARSE_OVER;
    }
    p->at_key = false;
    switch (word.type) {
    case WORD_ARRAY_START: return parse_group(p, depth, false);
    case WORD_MAP_START: return parse_group(p, depth, true);
    case WORD_VARIABLE: return conf_parser_set_variable(p, &word);
    default: return set_scalar(p, &word);
    }
}

/* ---- the top of a file, where braces are optional ---- */

static int top_pair(struct conf_parser *p)
{
    struct conf_scan *s = &p->scan;
    struct conf_word key;
    int rc = conf_scan_key(s, false, &key);
    if (rc < 0)
        return rc;
    if (key.type == WORD_END) {
        p->end = key;
        return PARSE_OVER;
    }
    if (key.type == WORD_INCLUDE)
        return conf_parser_include(p);
    note_key(p, &key);
    while (conf_scan_is_space(conf_scan_peek(s)))
        conf_scan_next(s);
    conf_scan_drop(s);
    uint32_t c = conf_scan_next(s);
    if (c == 0) {
        p->end = conf_scan_word(s, WORD_END);
        return PARSE_OVER;
    }
    if (!conf_scan_is_separator(c))
        conf_scan_back(s);
    conf_scan_drop(s);
    return parse_value(p, 0);
}

/* Behind a pair; `braces` are those around the top that are still open. */
static int end_of_top_pair(struct conf_parser *p, int braces, bool *ret_closes)
{
    struct conf_scan *s = &p->scan;
    *ret_closes = false;
    for (;;) {
        uint32_t c = conf_scan_next(s);
        if (c == '#' || c == '/') {
            /* A lone slash passes for a space. A comment outside braces ends the pair. */
            if (conf_scan_comment(s, c) && braces == 0)
                return 0;
            continue;
        }
        if (conf_scan_is_blank(c))
            continue;
        if (conf_scan_is_newline(c) || c == ';' || c == ',' || c == '}' ||
            (c == 0 && braces == 0)) {
            *ret_closes = c == '}' && braces > 0;
            conf_scan_drop(s);
            return 0;
        }
        return conf_scan_fail(s,
                              braces == 0
                                  ? "Expected a top-level value to end with a new line, comment "
                                    "or EOF, but got '"
                                  : "Expected a block-level value to end with a new line, comment "
                                    "or EOF, but got '",
                              c, "' instead.");
    }
}

/* Behind a brace that closed inside another one: 0 when pairs may follow, 1 when that one closes, too. */
static int after_inner_brace(struct conf_parser *p)
{
    struct conf_scan *s = &p->scan;
    for (;;) {
        uint32_t c = conf_scan_next(s);
        bool passes = conf_scan_is_blank(c) || conf_scan_is_newline(c);
        if (c == '#' || c == '/') {
            if (conf_scan_comment(s, c))
                return 0;
            passes = true;
        }
        if (passes)
            continue;
        conf_scan_drop(s);
        if (c == ';' || c == ',')
            return 0;
        if (c == '}')
            return 1;
        return conf_scan_fail(s, "Expected a block-level to end with a '}', but got '", c,
                              "' instead.");
    }
}

/* A brace is read: closes it, and those around it that end right behind. */
static int close_brace(struct conf_parser *p, int *braces)
{
    CHECK(*braces > 0);
    --*braces;
    while (*braces > 0) {
        int rc = after_inner_brace(p);
        if (rc <= 0)
            return rc;
        --*braces;
    }
    return 0;
}

static int parse_top(struct conf_parser *p)
{
    struct conf_scan *s = &p->scan;
    int braces = 0;
    for (;;) {
        conf_scan_drop(s);
        uint32_t c = conf_scan_next(s);
        if (conf_scan_is_space(c) || conf_scan_comment(s, c))
            continue;
        int rc = 0;
        bool closes = c == '}' && braces > 0;
        if (c == '{') {
            braces++; /* no frame of ours: bounded by the text */
            continue;
        }
        if (c == '/' || (c == 0 && s->pos > s->start))
            return conf_scan_fail_text(s, "Unexpected EOF.");
        if (c == 0) {
            p->end = conf_scan_word(s, WORD_END);
            return PARSE_OVER;
        }
        if (!closes) {
            conf_scan_back(s);
            rc = top_pair(p);
            if (rc == 0)
                rc = end_of_top_pair(p, braces, &closes);
        }
        if (rc == 0 && closes)
            rc = close_brace(p, &braces);
        if (rc != 0)
            return rc;
    }
}

int conf_parser_run(struct conf_parser *p, struct conf_group *into)
{
    struct scope scope = {.group = into, .is_map = true};
    p->scope = &scope;
    int rc = parse_top(p);
    CHECK(rc != 0);
    free(p->keys);
    p->keys = NULL;
    p->scope = NULL;
    if (rc < 0)
        return rc;
    if (p->at_key) {
        conf_error_clear(p->loading->error);
        conf_error_add(p->loading->error, "config is invalid (%s:%d:%d)", p->file, p->end.line,
                       p->end.column);
        return -EINVAL;
    }
    return 0;
}

/* ---- entry ---- */

static int load(struct loading *l, const char *name, bool is_file, struct bytes text)
{
    struct conf_parser p = {.loading = l, .file = arena_copy(&l->tree->arena, bytes_of(name))};
    int rc = 0;
    if (is_file)
        rc = conf_parser_read_file(l, name, &text);
    else
        text.at = arena_copy(&l->tree->arena, text);
    if (rc < 0)
        return rc;
    conf_scan_init(&p.scan, text, &l->tree->arena, l->error);
    return conf_parser_run(&p, l->tree->root.as.group);
}

static int load_tree(const char *name, bool is_file, struct bytes text,
                     const struct conf_source *source, struct conf_tree **ret_tree,
                     struct conf_error *error)
{
    struct loading l = {
        .source = source,
        .tree = conf_tree_new(),
        .error = error,
        .bytes_left = CONF_SIZE_MAX,
        .files_left = CONF_FILES_MAX,
    };
    conf_error_clear(error);
    int rc = load(&l, name, is_file, text);
    if (rc < 0) {
        CHECK(error->size > 0);
        conf_free(&l.tree);
        return rc;
    }
    *ret_tree = l.tree;
    return 0;
}

int conf_parse_file(const char *path, const struct conf_source *source, struct conf_tree **ret_tree,
                    struct conf_error *error)
{
    return load_tree(path, true, (struct bytes){0}, source, ret_tree, error);
}

int conf_parse_text(struct bytes text, const char *name, const struct conf_source *source,
                    struct conf_tree **ret_tree, struct conf_error *error)
{
    if (text.size > CONF_SIZE_MAX) {
        conf_error_clear(error);
        conf_error_add(error, "more than %d bytes of configuration", CONF_SIZE_MAX);
        return -EINVAL;
    }
    return load_tree(name, false, text, source, ret_tree, error);
}
