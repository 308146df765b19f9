/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/conf/conf_scan.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "protocols/conf/conf_error.h"
#include "protocols/conf/conf_utf8.h"
#include "runtime/base/check.h"

void conf_scan_init(struct conf_scan *s, struct bytes text, struct arena *arena,
                    struct conf_error *error)
{
    *s = (struct conf_scan){
        .at = text.at, .size = text.size, .line = 1, .arena = arena, .error = error};
}

static void check_scan(const struct conf_scan *s)
{
    DCHECK(s->start <= s->pos && s->pos <= s->size);
    DCHECK(s->line_start <= s->pos || s->at[s->line_start] == '\n');
    DCHECK(s->line >= 1);
}

/* ---- characters ---- */

uint32_t conf_scan_next(struct conf_scan *s)
{
    if (s->pos >= s->size) {
        s->width = 0;
        return 0;
    }
    if (s->at[s->pos] == '\n') {
        s->line++;
        s->line_start = s->pos;
    }
    uint32_t c = conf_utf8_decode((struct bytes){s->at + s->pos, s->size - s->pos}, &s->width);
    s->pos += s->width;
    return c;
}

void conf_scan_back(struct conf_scan *s)
{
    CHECK(s->pos >= s->width);
    s->pos -= s->width;
    if (s->pos < s->size && s->at[s->pos] == '\n')
        s->line--;
    check_scan(s);
}

uint32_t conf_scan_peek(struct conf_scan *s)
{
    uint32_t c = conf_scan_next(s);
    conf_scan_back(s);
    return c;
}

void conf_scan_drop(struct conf_scan *s)
{
    s->start = s->pos;
    s->start_line_start = s->line_start;
}

bool conf_scan_is_blank(uint32_t c)
{
    return c == ' ' || c == '\t';
}

bool conf_scan_is_newline(uint32_t c)
{
    return c == '\n' || c == '\r';
}

bool conf_scan_is_space(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r');
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool conf_scan_is_separator(uint32_t c)
{
    return c == '=' || c == ':';
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

/* May a number end before c? An array's bracket is missing here: "[1]" is no array of one number. */
static bool ends_number(uint32_t c)
{
    return conf_scan_is_newline(c) || conf_scan_is_blank(c) || c == 0 || c == '}' || c == ';' ||
           c == ',';
}

/* ---- words ---- */

struct conf_word conf_scan_word(struct conf_scan *s, enum conf_word_type type)
{
    check_scan(s);
    struct bytes text = {s->at + s->start, s->pos - s->start};
    if (s->unescaped != NULL) {
        size_t size = s->unescaped_size + text.size;
        char *joined = arena_alloc(s->arena, size + 1);
        memcpy(joined, s->unescaped, s->unescaped_size);
        memcpy(joined + s->unescaped_size, text.at, text.size);
        text = (struct bytes){joined, size};
        s->unescaped = NULL;
        s->unescaped_size = s->unescaped_room = 0;
    }
    struct conf_word word = {
        .type = type,
        .text = text,
        .line = s->line,
        .column = (int)((ptrdiff_t)s->pos - (ptrdiff_t)s->start_line_start - (ptrdiff_t)text.size),
    };
    conf_scan_drop(s);
    return word;
}

static void begin_error(struct conf_scan *s)
{
    conf_error_clear(s->error);
    conf_error_add(s->error, "Parse error on line %d: '", s->line);
}

int conf_scan_fail_text(struct conf_scan *s, const char *text)
{
    begin_error(s);
    conf_error_add(s->error, "%s'", text);
    return -EINVAL;
}

int conf_scan_fail(struct conf_scan *s, const char *before, uint32_t c, const char *after)
{
    char encoded[CONF_UTF8_MAX];
    size_t size = conf_utf8_encode(c, encoded);
    begin_error(s);
    conf_error_add(s->error, "%s", before);
    conf_error_add_bytes(s->error, c == '\n' ? BYTES("\\n") : (struct bytes){encoded, size});
    conf_error_add(s->error, "%s'", after);
    return -EINVAL;
}

bool conf_scan_comment(struct conf_scan *s, uint32_t c)
{
    if (c == '/') {
        if (conf_scan_next(s) != '/') {
            conf_scan_back(s);
            return false;
        }
    } else if (c != '#') {
        return false;
    }
    for (;;) {
        uint32_t end = conf_scan_peek(s);
        if (conf_scan_is_newline(end) || end == 0)
            break;
        conf_scan_next(s);
    }
    conf_scan_drop(s);
    return true;
}

/* ---- keys ---- */

static int quoted_key(struct conf_scan *s, uint32_t quote, bool in_map, struct conf_word *ret_word)
{
    conf_scan_next(s);
    conf_scan_drop(s);
    for (;;) {
        uint32_t c = conf_scan_peek(s);
        if (c == quote)
            break;
        if (c == 0 && in_map)
            return conf_scan_fail_text(s, quote == '"'
                                              ? "Unexpected EOF processing double quoted map key."
                                              : "Unexpected EOF processing quoted map key.");
        if (c == 0 && s->pos > s->start)
            return conf_scan_fail_text(s, "Unexpected EOF.");
        if (c == 0) {
            *ret_word = conf_scan_word(s, WORD_END);
            return 0;
        }
        conf_scan_next(s);
    }
    *ret_word = conf_scan_word(s, WORD_KEY);
    conf_scan_next(s);
    conf_scan_drop(s);
    return 0;
}

static int bare_key(struct conf_scan *s, bool in_map, struct conf_word *ret_word)
{
    conf_scan_drop(s);
    conf_scan_next(s); /* whatever it is, it begins the key */
    uint32_t c = conf_scan_peek(s);
    while (!conf_scan_is_space(c) && !conf_scan_is_separator(c) && c != 0) {
        conf_scan_next(s);
        c = conf_scan_peek(s);
    }
    if (c == 0 && in_map)
        return conf_scan_fail_text(s, "Unexpected EOF processing map key.");
    bool is_include = conf_scan_is_space(c) && s->pos - s->start == strlen("include") &&
                      strncasecmp(s->at + s->start, "include", strlen("include")) == 0;
    *ret_word = conf_scan_word(s, is_include ? WORD_INCLUDE : WORD_KEY);
    return 0;
}

int conf_scan_key(struct conf_scan *s, bool in_map, struct conf_word *ret_word)
{
    uint32_t c = conf_scan_peek(s);
    if (conf_scan_is_separator(c))
        return conf_scan_fail(s, "Unexpected key separator '", c, in_map ? "'." : "'");
    if (c == '"' || c == '\'')
        return quoted_key(s, c, in_map, ret_word);
    return bare_key(s, in_map, ret_word);
}

/* ---- strings ---- */

static void add_unescaped(struct conf_scan *s, struct bytes b)
{
    if (s->unescaped == NULL || s->unescaped_room - s->unescaped_size < b.size) {
        /* Doubling in an arena leaves at most as much behind as the string is long. */
        size_t room = 2 * (s->unescaped_size + b.size) + 32;
        char *grown = arena_alloc(s->arena, room);
        if (s->unescaped_size > 0)
            memcpy(grown, s->unescaped, s->unescaped_size);
        s->unescaped = grown;
        s->unescaped_room = room;
    }
    if (b.size > 0)
        memcpy(s->unescaped + s->unescaped_size, b.at, b.size);
    s->unescaped_size += b.size;
    CHECK(s->unescaped_size <= s->unescaped_room);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int hex_escape(struct conf_scan *s, char *ret_byte)
{
    for (int i = 0; i < 2; i++)
        if (conf_scan_is_newline(conf_scan_next(s)))
            return conf_scan_fail_text(
                s, "Expected two hexadecimal digits after '\\x', but hit end of line");
    CHECK(s->pos >= 2); /* the backslash and the x */
    const char *digits = s->at + s->pos - 2;
    int high = hex_value(digits[0]);
    int low = hex_value(digits[1]);
    if (high < 0 || low < 0) {
        begin_error(s);
        conf_error_add(s->error, "Expected two hexadecimal digits after '\\x', but got '");
        conf_error_add_bytes(s->error, (struct bytes){digits, 2});
        conf_error_add(s->error, "''");
        return -EINVAL;
    }
    *ret_byte = (char)(high << 4 | low);
    return 0;
}

/* The backslash is read; what stands for it goes to `unescaped`, with the plain text before it. */
static int escape(struct conf_scan *s)
{
    add_unescaped(s, (struct bytes){s->at + s->start, s->pos - 1 - s->start});
    uint32_t c = conf_scan_next(s);
    char byte = 0;
    int rc = 0;
    switch (c) {
    case 'x': rc = hex_escape(s, &byte); break;
    case 't': byte = '\t'; break;
    case 'n': byte = '\n'; break;
    case 'r': byte = '\r'; break;
    case '"':
    case '\\': byte = (char)c; break;
    default:
        rc = conf_scan_fail(s, "Invalid escape character '", c,
                            "'. Only the following escape characters are allowed: "
                            "\\xXX, \\t, \\n, \\r, \\\", \\\\.");
    }
    if (rc < 0)
        return rc;
    add_unescaped(s, (struct bytes){&byte, 1});
    s->start = s->pos;
    return 0;
}

/* Ends a word at the quote just read, and passes over the quote. */
static int end_at_quote(struct conf_scan *s, struct conf_word *ret_word)
{
    conf_scan_back(s);
    *ret_word = conf_scan_word(s, WORD_STRING);
    conf_scan_next(s);
    conf_scan_drop(s);
    return 0;
}

/* Single quotes know no escapes. */
static int quoted_string(struct conf_scan *s, uint32_t quote, struct conf_word *ret_word)
{
    conf_scan_drop(s);
    for (;;) {
        uint32_t c = conf_scan_next(s);
        if (c == quote)
            return end_at_quote(s, ret_word);
        if (c == '\\' && quote == '"') {
            int rc = escape(s);
            if (rc < 0)
                return rc;
        } else if (c == 0) {
            if (s->pos > s->start)
                return conf_scan_fail_text(s, "Unexpected EOF.");
            *ret_word = conf_scan_word(s, WORD_END);
            return 0;
        }
    }
}

static bool word_is(const struct conf_scan *s, const char *name)
{
    size_t size = s->pos - s->start;
    return size == strlen(name) && strncasecmp(s->at + s->start, name, size) == 0;
}

/* What an unquoted word without escapes is. */
static enum conf_word_type bare_type(const struct conf_scan *s)
{
    static const char *const bools[] = {"true", "false", "on", "off", "yes", "no"};
    for (size_t i = 0; i < sizeof(bools) / sizeof(bools[0]); i++)
        if (word_is(s, bools[i]))
            return WORD_BOOL;
    bool is_variable = s->start < s->size && s->at[s->start] == '$';
    return is_variable ? WORD_VARIABLE : WORD_STRING;
}

static int bare_string(struct conf_scan *s, struct conf_word *ret_word)
{
    for (;;) {
        uint32_t c = conf_scan_next(s);
        if (c == '\'')
            return end_at_quote(s, ret_word);
        if (c == '\\') {
            int rc = escape(s);
            if (rc < 0)
                return rc;
        } else if (conf_scan_is_newline(c) || conf_scan_is_blank(c) || c == 0 || c == ';' ||
                   c == ',' || c == ']' || c == '}') {
            break;
        }
    }
    conf_scan_back(s);
    enum conf_word_type type = s->unescaped != NULL ? WORD_STRING : bare_type(s);
    if (type == WORD_VARIABLE)
        s->start++; /* the dollar */
    *ret_word = conf_scan_word(s, type);
    return 0;
}

/* "(" is read: everything up to a ")" that stands alone at the beginning of a line. */
static int block_string(struct conf_scan *s, struct conf_word *ret_word)
{
    conf_scan_drop(s);
    for (;;) {
        uint32_t c = conf_scan_next(s);
        if (c == 0)
            return conf_scan_fail_text(s, "Unexpected EOF processing block.");
        if (c != ')' || s->at[s->pos - 2] != '\n')
            continue;
        bool at_end = s->pos == s->size;
        if (!at_end && s->at[s->pos] != '\n' && s->at[s->pos] != '\0')
            continue;
        /* The last thing in a file, the bracket belongs to the text: so nats-server reads it, and the
         * digest would tell. */
        if (!at_end)
            s->pos--;
        *ret_word = conf_scan_word(s, WORD_STRING);
        if (!at_end)
            s->pos++;
        conf_scan_drop(s);
        return 0;
    }
}

/* ---- numbers, dates, addresses ---- */

static int emit_back(struct conf_scan *s, enum conf_word_type type, struct conf_word *ret_word)
{
    conf_scan_back(s);
    *ret_word = conf_scan_word(s, type);
    return 0;
}

static bool is_size_suffix(uint32_t c)
{
    return c != 0 && c < 0x80 && strchr("kKmMgGtTpPeE", (int)c) != NULL;
}

/* A size's letter is read: 1k, 64MiB, or a string that begins so, as 300ms does. */
static int size_number(struct conf_scan *s, struct conf_word *ret_word)
{
    uint32_t c = conf_scan_next(s);
    while (c == 'b' || c == 'B' || c == 'i' || c == 'I')
        c = conf_scan_next(s);
    if (ends_number(c) || is_digit(c))
        return emit_back(s, WORD_INTEGER, ret_word);
    conf_scan_back(s);
    return bare_string(s, ret_word);
}

/* Digits, a point, digits and a second point are read. */
static int address(struct conf_scan *s, struct conf_word *ret_word)
{
    uint32_t c = conf_scan_next(s);
    while (is_digit(c) || c == '.' || c == ':' || c == '-')
        c = conf_scan_next(s);
    return emit_back(s, WORD_STRING, ret_word);
}

/* The point is read. */
static int fraction(struct conf_scan *s, struct conf_word *ret_word)
{
    uint32_t c = conf_scan_next(s);
    if (!is_digit(c))
        return conf_scan_fail(s, "Floats must have a digit after the '.', but got '", c,
                              "' instead.");
    while (is_digit(c))
        c = conf_scan_next(s);
    if (c == '.')
        return address(s, ret_word);
    return emit_back(s, WORD_FLOAT, ret_word);
}

/* The year and its dash are read. */
static int datetime(struct conf_scan *s, struct conf_word *ret_word)
{
    for (const char *shape = "00-00T00:00:00Z"; *shape != '\0'; shape++) {
        uint32_t c = conf_scan_next(s);
        if (*shape == '0' && !is_digit(c))
            return conf_scan_fail(s, "Expected digit in ISO8601 datetime, but found '", c,
                                  "' instead.");
        if (*shape != '0' && c != (uint32_t)*shape) {
            char before[64] = "Expected ' ' in ISO8601 datetime, but found '";
            before[strlen("Expected '")] = *shape;
            return conf_scan_fail(s, before, c, "' instead.");
        }
    }
    *ret_word = conf_scan_word(s, WORD_DATETIME);
    return 0;
}

/* A digit is next. */
static int number(struct conf_scan *s, struct conf_word *ret_word)
{
    uint32_t c = conf_scan_next(s);
    DCHECK(is_digit(c));
    while (is_digit(c))
        c = conf_scan_next(s);
    if (c == '-') {
        if (s->pos - s->start != strlen("2006-"))
            return conf_scan_fail_text(s, "All ISO8601 dates must be in full Zulu form.");
        return datetime(s, ret_word);
    }
    if (c == '.')
        return fraction(s, ret_word);
    if (is_size_suffix(c))
        return size_number(s, ret_word);
    if (!ends_number(c))
        return bare_string(s, ret_word);
    return emit_back(s, WORD_INTEGER, ret_word);
}

/* The minus is read. */
static int negative_number(struct conf_scan *s, struct conf_word *ret_word)
{
    uint32_t c = conf_scan_next(s);
    if (c == '.')
        return conf_scan_fail_text(s, "Floats must start with a digit, not '.'.");
    if (!is_digit(c))
        return conf_scan_fail(s, "Expected a digit but got '", c, "'.");
    while (is_digit(c))
        c = conf_scan_next(s);
    if (c == '.')
        return fraction(s, ret_word);
    if (is_size_suffix(c))
        return size_number(s, ret_word);
    return emit_back(s, WORD_INTEGER, ret_word);
}

static int opening(struct conf_scan *s, enum conf_word_type type, struct conf_word *ret_word)
{
    conf_scan_drop(s);
    *ret_word = conf_scan_word(s, type);
    return 0;
}

int conf_scan_value(struct conf_scan *s, struct conf_word *ret_word)
{
    CHECK(s->unescaped == NULL);
    while (conf_scan_is_blank(conf_scan_peek(s)))
        conf_scan_next(s);
    conf_scan_drop(s);
    uint32_t c = conf_scan_next(s);
    if (is_digit(c)) {
        conf_scan_back(s);
        return number(s, ret_word);
    }
    switch (c) {
    case '[': return opening(s, WORD_ARRAY_START, ret_word);
    case '{': return opening(s, WORD_MAP_START, ret_word);
    case '\'':
    case '"': return quoted_string(s, c, ret_word);
    case '-': return negative_number(s, ret_word);
    case '(': return block_string(s, ret_word);
    case '.': return conf_scan_fail_text(s, "Floats must start with a digit");
    case '\n':
    case '\r': return conf_scan_fail_text(s, "Expected value but found new line");
    default: conf_scan_back(s); return bare_string(s, ret_word);
    }
}

/* ---- include ---- */

static int quoted_include(struct conf_scan *s, uint32_t quote, struct conf_word *ret_word)
{
    conf_scan_drop(s);
    uint32_t c = conf_scan_next(s);
    while (c != quote && c != 0)
        c = conf_scan_next(s);
    if (c == 0)
        return conf_scan_fail_text(s, quote == '"' ? "Unexpected EOF in double quoted include"
                                                   : "Unexpected EOF in quoted include");
    end_at_quote(s, ret_word);
    ret_word->type = WORD_INCLUDE;
    return 0;
}

static int bare_include(struct conf_scan *s, struct conf_word *ret_word)
{
    uint32_t c = conf_scan_next(s);
    while (!conf_scan_is_newline(c) && !conf_scan_is_blank(c) && c != 0 && c != ';' && c != '}' &&
           c != '\'')
        c = conf_scan_next(s);
    if (c == '\'')
        end_at_quote(s, ret_word);
    else
        emit_back(s, WORD_INCLUDE, ret_word);
    ret_word->type = WORD_INCLUDE;
    return 0;
}

static const char *include_refusal(uint32_t c)
{
    switch (c) {
    case '[': return "Expected include value but found start of an array";
    case '{': return "Expected include value but found start of a map";
    case '(': return "Expected include value but found start of a block";
    case '\\': return "Expected include value but found escape sequence";
    case '\n':
    case '\r': return "Expected include value but found new line";
    default:
        return is_digit(c) || c == '-' ? "Expected include value but found start of a number"
                                       : NULL;
    }
}

int conf_scan_include(struct conf_scan *s, struct conf_word *ret_word)
{
    while (conf_scan_is_blank(conf_scan_peek(s)))
        conf_scan_next(s);
    conf_scan_drop(s);
    uint32_t c = conf_scan_next(s);
    if (c == '\'' || c == '"')
        return quoted_include(s, c, ret_word);
    const char *refusal = include_refusal(c);
    if (refusal != NULL)
        return conf_scan_fail_text(s, refusal);
    conf_scan_back(s);
    return bare_include(s, ret_word);
}
