/* SPDX-License-Identifier: Apache-2.0 */
/* conf_parser.h -- the state of a parser, shared by the grammar (conf_parse.c) and by what brings text
 * from elsewhere (conf_reference.c). For these two only.
 *
 * Functions that return int say 0, PARSE_OVER (the text ended where it may), or a negative errno with a
 * text in loading->error.
 */
#ifndef PROTOCOLS_CONF_CONF_PARSER_H
#define PROTOCOLS_CONF_CONF_PARSER_H

#include "protocols/conf/conf_scan.h"
#include "protocols/conf/conf_tree.h"

enum { PARSE_OVER = 1 };

/* What all parsers of one tree share. */
struct loading {
    const struct conf_source *source; /* borrowed */
    struct conf_tree *tree;
    struct conf_error *error;
    size_t bytes_left;
    size_t files_left;
};

/* An open map or array. */
struct scope {
    const struct scope *outer;
    struct conf_group *group;
    bool is_map;
};

/* A variable of the environment whose value is being parsed. */
struct expansion {
    const struct expansion *outer;
    struct bytes name;
};

struct conf_parser {
    struct loading *loading;
    struct conf_scan scan;
    const char *file;
    int nesting;                        /* includes and variables around this text */
    const struct conf_word *place;      /* of the variable this text is the value of, or NULL */
    const char *place_file;             /* the same */
    const struct expansion *expansions; /* going on */
    const struct scope *scope;          /* the innermost open one */
    struct conf_word *keys;             /* waiting for values */
    size_t key_count;
    size_t key_room;
    bool at_key;          /* the last word was a key other than "}" */
    struct conf_word end; /* where the text was over */
};

/* conf_parse.c */
int conf_parser_run(struct conf_parser *p, struct conf_group *into);
void conf_parser_push_key(struct conf_parser *p, const struct conf_word *key);
struct conf_node conf_parser_node(const struct conf_parser *p, const struct conf_word *word,
                                  enum conf_type type);
/* Puts the value where it belongs: behind the array, or under the waiting key, whose place it takes. */
int conf_parser_set_value(struct conf_parser *p, struct conf_node *value);

/* conf_reference.c */
int conf_parser_set_variable(struct conf_parser *p, const struct conf_word *word);
int conf_parser_include(struct conf_parser *p);
/* A file's bytes, kept by the tree. */
int conf_parser_read_file(struct loading *l, const char *path, struct bytes *ret_text);

#endif
