/* SPDX-License-Identifier: Apache-2.0 */
/* conf.h -- the configuration language: text in, a tree of values with their places out.
 *
 * Idea        The language is nats-server's: JSON's shape with optional punctuation, comments, sizes
 *             (64MB), block strings, variables and includes. A file is parsed into one tree whose nodes
 *             know file, line and column, so that whoever interprets them can point at the text.
 *             Files and the environment are reached through struct conf_source alone.
 * Invariants  1. A map holds a key once; setting it again replaces the value and its place.
 *             2. Groups are immutable once their bracket is closed, so a variable shares them.
 *             3. node.line counts from 1. Columns count bytes from 0 on a file's first line and from 1
 *                on the others, as nats-server counts them.
 * Bounds      CONF_SIZE_MAX bytes of all files together, CONF_FILES_MAX files, CONF_INCLUDE_DEPTH_MAX
 *             files deep, CONF_DEPTH_MAX brackets deep and CONF_NODES_MAX nodes, where both count what
 *             a variable refers to as if it had been written out.
 * Differs     nats-server has none of these bounds (an include cycle ends it). Digits are ASCII only.
 */
#ifndef PROTOCOLS_CONF_CONF_H
#define PROTOCOLS_CONF_CONF_H

#include "runtime/base/bytes.h"

enum {
    CONF_SIZE_MAX = 64 << 20,
    CONF_FILES_MAX = 1000,
    CONF_INCLUDE_DEPTH_MAX = 16,
    CONF_DEPTH_MAX = 128,
    CONF_NODES_MAX = 4 << 20,
    CONF_ERROR_MAX = 2048,
    CONF_DIGEST_SIZE = sizeof("sha256:") + 64, /* with the NUL */
};

enum conf_type {
    CONF_STRING,
    CONF_BOOL,
    CONF_INTEGER,
    CONF_FLOAT,
    CONF_DATETIME, /* as.text is its Zulu form, checked */
    CONF_ARRAY,
    CONF_MAP,
};

struct conf_group;

struct conf_node {
    struct conf_node *next; /* in the order of the text */
    struct bytes key;       /* empty in an array */
    const char *file;       /* "" when the text had no name */
    int line;
    int column;
    enum conf_type type;
    bool used; /* a variable named it: interpreters let unknown keys pass then */
    union {
        struct bytes text;
        bool truth;
        int64_t integer;
        double number;
        struct conf_group *group;
    } as;
};

/* What stands between two brackets. */
struct conf_group {
    struct conf_node *first;
    size_t count;
    struct conf_node *last;
    struct conf_index *index; /* of keys, once there are many; NULL before */
    size_t weight;            /* nodes below, written out */
    int height;               /* brackets below and this one, written out */
};

/* A message for the operator. It may hold NUL bytes (the language quotes what it found). */
struct conf_error {
    size_t size;
    char text[CONF_ERROR_MAX];
};

/* How the parser reaches the outside. */
struct conf_source {
    /* Reads a whole file of at most size_max bytes into malloc'd memory, which becomes the caller's.
     * A negative errno says why not; -EFBIG when it is longer. */
    int (*read_file)(void *context, const char *path, size_t size_max, char **ret_at,
                     size_t *ret_size);
    /* NULL when there is no such variable; the text is read before the next call. */
    const char *(*get_env)(void *context, const char *name);
    void *context;
};

struct conf_tree;

/* Parses the file at path, and what it includes. On failure -EINVAL (or the errno of reading path) and
 * a text in error. */
int conf_parse_file(const char *path, const struct conf_source *source, struct conf_tree **ret_tree,
                    struct conf_error *error) __attribute__((warn_unused_result));

/* The same for a text in memory; name stands in the places of nodes, and includes are relative to it. */
int conf_parse_text(struct bytes text, const char *name, const struct conf_source *source,
                    struct conf_tree **ret_tree, struct conf_error *error)
    __attribute__((warn_unused_result));

void conf_free(struct conf_tree **tree);

/* The map of top-level keys; never NULL. */
const struct conf_node *conf_root(const struct conf_tree *tree);

/* The entry of a map with exactly this key, or NULL. */
struct conf_node *conf_find(const struct conf_group *map, struct bytes key);

/* The first child of a map or an array, NULL when it is empty. */
static inline const struct conf_node *conf_first(const struct conf_node *node)
{
    return node->as.group->first;
}

/* "sha256:..." over the values (not their places or order of keys), as nats-server computes it. */
void conf_digest(const struct conf_tree *tree, char digest[CONF_DIGEST_SIZE]);

/* The key without regard to ASCII case. */
bool conf_key_is(struct bytes key, const char *name);

/* What nats-server's messages call the type: "string", "int64", ... */
const char *conf_type_name(enum conf_type type);

#endif
