/* SPDX-License-Identifier: Apache-2.0 */
/* conf_scan.h -- the words of the configuration language: keys, scalars, brackets, comments.
 *
 * Idea        A cursor over one text, and one function for each kind of word. Which word may come next
 *             is the grammar's business (conf_parse.c); how a word looks is decided here. A word runs
 *             from `start` to `pos`; conf_scan_drop forgets what was passed over.
 * Invariants  1. start <= pos <= size, and line_start <= pos.
 *             2. `line` is 1 + the newlines before pos.
 * Differs     A NUL byte counts as the end of the text wherever a word may end, as in nats-server;
 *             that is why the grammar asks for the character 0 and not for the end.
 */
#ifndef PROTOCOLS_CONF_CONF_SCAN_H
#define PROTOCOLS_CONF_CONF_SCAN_H

#include "protocols/conf/conf.h"
#include "runtime/base/arena.h"

enum conf_word_type {
    WORD_END, /* the text is over, and that is fine here */
    WORD_KEY,
    WORD_INCLUDE, /* as a key: the keyword; as a value: the path */
    WORD_STRING,
    WORD_BOOL,
    WORD_INTEGER,
    WORD_FLOAT,
    WORD_DATETIME,
    WORD_VARIABLE,
    WORD_ARRAY_START,
    WORD_MAP_START,
    WORD_CLOSE, /* the bracket that ends a map or an array */
};

struct conf_word {
    enum conf_word_type type;
    struct bytes text;
    int line;
    int column;
};

struct conf_scan {
    const char *at; /* borrowed, lives as long as the tree */
    size_t size;
    size_t pos;
    size_t start;            /* of the word being read */
    size_t line_start;       /* the newline before pos, or 0 */
    size_t start_line_start; /* the same for start */
    int line;
    size_t width;        /* bytes of the last character, to step back over */
    struct arena *arena; /* borrowed; unescaped text goes there */
    char *unescaped;     /* what an escaped string says so far; NULL when it has no escapes */
    size_t unescaped_size;
    size_t unescaped_room;
    struct conf_error *error; /* borrowed */
};

void conf_scan_init(struct conf_scan *s, struct bytes text, struct arena *arena,
                    struct conf_error *error);

/* The next character, 0 at the end; conf_scan_back undoes one conf_scan_next; conf_scan_peek only looks. */
uint32_t conf_scan_next(struct conf_scan *s);
void conf_scan_back(struct conf_scan *s);
uint32_t conf_scan_peek(struct conf_scan *s);
void conf_scan_drop(struct conf_scan *s);

/* The word from start to pos; the next one starts behind it. */
struct conf_word conf_scan_word(struct conf_scan *s, enum conf_word_type type);

/* Fails with "Parse error on line N: 'TEXT'", where a %s in format is the character c. -EINVAL. */
int conf_scan_fail(struct conf_scan *s, const char *before, uint32_t c, const char *after);
int conf_scan_fail_text(struct conf_scan *s, const char *text);

/* Having read c: is it a comment? Then it is passed over, up to the newline. A lone slash is none. */
bool conf_scan_comment(struct conf_scan *s, uint32_t c);

/* 0 with a key (WORD_KEY), the keyword include (WORD_INCLUDE) or the end (WORD_END). A map is stricter
 * than the top of a file about where the text may end. */
int conf_scan_key(struct conf_scan *s, bool in_map, struct conf_word *ret_word);

/* A scalar, an opening bracket (WORD_ARRAY_START, WORD_MAP_START), or the end. */
int conf_scan_value(struct conf_scan *s, struct conf_word *ret_word);

/* What follows the keyword include. */
int conf_scan_include(struct conf_scan *s, struct conf_word *ret_word);

bool conf_scan_is_space(uint32_t c); /* with newlines and Unicode's spaces */
bool conf_scan_is_blank(uint32_t c); /* space or tab */
bool conf_scan_is_newline(uint32_t c);
bool conf_scan_is_separator(uint32_t c); /* between key and value */

#endif
