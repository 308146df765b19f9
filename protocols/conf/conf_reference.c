/* SPDX-License-Identifier: Apache-2.0 */
/* conf_reference.c -- text from elsewhere: variables and includes.
 *
 * Idea        A name is looked up through the open maps, inside out (struct scope), and then in the
 *             environment, whose value reads as if it stood in a file. What a map holds is shared, not
 *             copied; what the environment holds stands at the place of the variable.
 *             An included file is parsed on its own, with its own names, and its top-level pairs go
 *             into the map that includes it, at their own places.
 * Bounds      CONF_INCLUDE_DEPTH_MAX texts inside one another, CONF_FILES_MAX and CONF_SIZE_MAX.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/conf/conf_error.h"
#include "protocols/conf/conf_parser.h"
#include "protocols/conf/conf_path.h"
#include "runtime/base/check.h"

/* ---- variables ---- */

static struct conf_node *find_in_scopes(const struct conf_parser *p, struct bytes name)
{
    for (const struct scope *scope = p->scope; scope != NULL; scope = scope->outer) {
        struct conf_node *node = scope->is_map ? conf_find(scope->group, name) : NULL;
        if (node != NULL)
            return node;
    }
    return NULL;
}

static int variable_error(struct conf_parser *p, const struct conf_word *word, const char *reason,
                          const struct conf_error *cause)
{
    struct conf_error *error = p->loading->error;
    conf_error_clear(error);
    conf_error_add(error, "variable reference for '");
    conf_error_add_bytes(error, word->text);
    conf_error_add(error, "' on line %d %s", word->line, reason);
    if (cause != NULL)
        conf_error_add_bytes(error, (struct bytes){cause->text, cause->size});
    return -EINVAL;
}

static bool is_expanding(const struct conf_parser *p, struct bytes name)
{
    for (const struct expansion *e = p->expansions; e != NULL; e = e->outer)
        if (bytes_equal(e->name, name))
            return true;
    return false;
}

/* The value in the environment reads as if it stood in a file, as "pk=VALUE". */
static int expand(struct conf_parser *p, const struct conf_word *word, const char *value,
                  struct conf_node **ret_node)
{
    struct arena *arena = &p->loading->tree->arena;
    size_t size = strlen("pk=") + strlen(value);
    char *text = arena_alloc(arena, size + 1);
    memcpy(text, "pk=", strlen("pk="));
    memcpy(text + strlen("pk="), value, strlen(value));
    struct expansion expansion = {.outer = p->expansions, .name = word->text};
    struct conf_parser inner = {
        .loading = p->loading,
        .file = "",
        .nesting = p->nesting + 1,
        .place = p->place != NULL ? p->place : word,
        .place_file = p->place != NULL ? p->place_file : p->file,
        .expansions = &expansion,
    };
    conf_scan_init(&inner.scan, (struct bytes){text, size}, arena, p->loading->error);
    struct conf_group *found = conf_group_new(arena);
    int rc = conf_parser_run(&inner, found);
    if (rc == 0)
        *ret_node = conf_find(found, BYTES("pk"));
    return rc;
}

/* 0 with a node, or with NULL when the environment has no such variable. */
static int find_in_environment(struct conf_parser *p, const struct conf_word *word,
                               struct conf_node **ret_node)
{
    struct conf_error *error = p->loading->error;
    *ret_node = NULL;
    conf_error_clear(error);
    if (is_expanding(p, word->text)) {
        conf_error_add(error, "variable reference cycle for '");
        conf_error_add_bytes(error, word->text);
        conf_error_add(error, "'");
        return -EINVAL;
    }
    if (p->nesting >= CONF_INCLUDE_DEPTH_MAX) {
        conf_error_add(error, "nested too deep");
        return -EINVAL;
    }
    const struct conf_source *source = p->loading->source;
    char *name = arena_copy(&p->loading->tree->arena, word->text);
    if (strlen(name) != word->text.size)
        return 0;
    const char *value = source->get_env(source->context, name);
    if (value == NULL)
        return 0;
    if (strlen(value) > p->loading->bytes_left) {
        conf_error_add(error, "more than %d bytes", CONF_SIZE_MAX);
        return -EINVAL;
    }
    p->loading->bytes_left -= strlen(value);
    return expand(p, word, value, ret_node);
}

/* "$2a$..." is a bcrypt hash and stands for itself. */
static bool is_bcrypt(struct bytes name)
{
    return name.size >= 3 && memcmp(name.at, "2a$", 3) == 0;
}

int conf_parser_set_variable(struct conf_parser *p, const struct conf_word *word)
{
    struct conf_node node = conf_parser_node(p, word, CONF_STRING);
    if (is_bcrypt(word->text)) {
        node.as.text = (struct bytes){word->text.at - 1, word->text.size + 1};
        DCHECK(node.as.text.at[0] == '$');
        return conf_parser_set_value(p, &node);
    }
    struct conf_node *found = find_in_scopes(p, word->text);
    if (found != NULL) {
        found->used = true;
    } else {
        int rc = find_in_environment(p, word, &found);
        if (rc < 0) {
            struct conf_error cause = *p->loading->error;
            return variable_error(p, word, "could not be parsed: ", &cause);
        }
    }
    if (found == NULL)
        return variable_error(p, word, "can not be found", NULL);
    node.type = found->type;
    node.as = found->as;
    return conf_parser_set_value(p, &node);
}

/* ---- includes ---- */

static int describe_read_error(struct conf_error *error, const char *path, int rc)
{
    conf_error_clear(error);
    if (rc == -EFBIG) {
        conf_error_add(error, "read %s: more than %d bytes of configuration", path, CONF_SIZE_MAX);
        return rc;
    }
    char reason[128];
    snprintf(reason, sizeof(reason), "%s", strerror(-rc));
    if (reason[0] >= 'A' && reason[0] <= 'Z')
        reason[0] |= 0x20; /* as Go's os package writes them */
    conf_error_add(error, "%s %s: %s", rc == -EISDIR ? "read" : "open", path, reason);
    return rc;
}

int conf_parser_read_file(struct loading *l, const char *path, struct bytes *ret_text)
{
    char *at = NULL;
    size_t size = 0;
    if (l->files_left == 0) {
        conf_error_clear(l->error);
        conf_error_add(l->error, "open %s: more than %d files", path, CONF_FILES_MAX);
        return -EMFILE;
    }
    l->files_left--;
    int rc = l->source->read_file(l->source->context, path, l->bytes_left, &at, &size);
    if (rc < 0)
        return describe_read_error(l->error, path, rc);
    CHECK(size <= l->bytes_left);
    l->bytes_left -= size;
    *ret_text = (struct bytes){arena_copy(&l->tree->arena, (struct bytes){at, size}), size};
    free(at);
    return 0;
}

static int parse_included(struct conf_parser *p, struct bytes name, struct conf_group *into)
{
    struct arena *arena = &p->loading->tree->arena;
    if (p->nesting >= CONF_INCLUDE_DEPTH_MAX) {
        conf_error_clear(p->loading->error);
        conf_error_add(p->loading->error, "included more than %d deep", CONF_INCLUDE_DEPTH_MAX);
        return -EINVAL;
    }
    struct conf_parser inner = {
        .loading = p->loading,
        .file = conf_path_beside(arena, p->file, name),
        .nesting = p->nesting + 1,
        .place = p->place,
        .place_file = p->place_file,
    };
    struct bytes text;
    int rc = conf_parser_read_file(p->loading, inner.file, &text);
    if (rc < 0)
        return rc;
    conf_scan_init(&inner.scan, text, arena, p->loading->error);
    return conf_parser_run(&inner, into);
}

int conf_parser_include(struct conf_parser *p)
{
    struct conf_word path;
    int rc = conf_scan_include(&p->scan, &path);
    if (rc < 0)
        return rc;
    p->at_key = false;
    struct conf_group *included = conf_group_new(&p->loading->tree->arena);
    rc = parse_included(p, path.text, included);
    if (rc < 0) {
        conf_error_prepend(p->loading->error, BYTES("', "));
        conf_error_prepend(p->loading->error, path.text);
        conf_error_prepend(p->loading->error, BYTES("error parsing include file '"));
        return -EINVAL;
    }
    for (const struct conf_node *node = included->first; rc == 0 && node != NULL;
         node = node->next) {
        struct conf_word key = {.text = node->key, .line = node->line, .column = node->column};
        struct conf_node value = *node;
        conf_parser_push_key(p, &key);
        rc = conf_parser_set_value(p, &value);
    }
    return rc;
}
