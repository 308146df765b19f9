/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/nats/client_parser.h"

#include "runtime/base/check.h"

/* How an argument begins after the verb. */
enum verb_form {
    FORM_SPACED, /* at least one blank, then the argument */
    FORM_LOOSE,  /* blanks or none, then the argument */
    FORM_IGNORED /* whatever stands there up to the end of the line */
};

struct verb {
    const char *name; /* upper case */
    uint8_t size;
    uint8_t form;
    uint8_t op;
};

/* clang-format off */
static const struct verb verbs[] = { /* the frequent ones first */
    {"PUB",     3, FORM_SPACED,  CLIENT_OP_PUB},
    {"HPUB",    4, FORM_SPACED,  CLIENT_OP_HPUB},
    {"SUB",     3, FORM_SPACED,  CLIENT_OP_SUB},
    {"UNSUB",   5, FORM_SPACED,  CLIENT_OP_UNSUB},
    {"PING",    4, FORM_IGNORED, CLIENT_OP_PING},
    {"PONG",    4, FORM_IGNORED, CLIENT_OP_PONG},
    {"CONNECT", 7, FORM_LOOSE,   CLIENT_OP_CONNECT},
    {"INFO",    4, FORM_LOOSE,   CLIENT_OP_INFO},
    {"HMSG",    4, FORM_SPACED,  CLIENT_OP_HMSG},
    {"+OK",     3, FORM_IGNORED, CLIENT_OP_OK},
    {"-ERR",    4, FORM_SPACED,  CLIENT_OP_ERR},
};
/* clang-format on */

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The verb that the bytes begin with; NULL with *ret_partial set if they may yet become one. */
static const struct verb *find_verb(const char *at, size_t size, bool *ret_partial)
{
    *ret_partial = size == 0;
    char first = size == 0 ? 0 : upper(at[0]);
    for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++) {
        if (verbs[v].name[0] != first)
            continue;
        size_t i = 1;
        while (i < size && i < verbs[v].size && upper(at[i]) == verbs[v].name[i])
            i++;
        if (i == verbs[v].size)
            return &verbs[v];
        if (i == size)
            *ret_partial = true;
    }
    return NULL;
}

/* The end of a line is looked for behind the argument's first byte, which may be anything: an LF there
 * is part of the argument, as it is for the reference. */
static const char *find_end(const char *argument, const char *end, const char *scanned)
{
    const char *from = argument + 1;
    if (scanned > from)
        from = scanned;
    return from < end ? memchr(from, '\n', (size_t)(end - from)) : NULL;
}

/* Its last byte goes when a CR is among all but the first: the reference's rule for the line's end. */
static size_t argument_size(const char *argument, const char *newline)
{
    size_t size = (size_t)(newline - argument);
    if (size > 1 && (newline[-1] == '\r' || memchr(argument + 1, '\r', size - 1) != NULL))
        return size - 1;
    return size;
}

static enum client_parse more(size_t kept, struct client_line *ret_line)
{
    *ret_line = (struct client_line){.size = (uint32_t)kept};
    return CLIENT_PARSE_MORE;
}

static enum client_parse ignored_line(const char *at, const struct verb *verb, const char *end,
                                      struct client_line *ret_line)
{
    const char *newline = memchr(at + verb->size, '\n', (size_t)(end - at) - verb->size);
    if (newline == NULL)
        return more(verb->size, ret_line);
    *ret_line = (struct client_line){verb->op, (uint32_t)(newline + 1 - at), {newline, 0}};
    return CLIENT_PARSE_LINE;
}

enum client_parse client_parse_line(const char *at, size_t size, size_t scanned,
                                    uint32_t argument_max, struct client_line *ret_line)
{
    const char *end = at + size;
    bool partial;
    const struct verb *verb = find_verb(at, size, &partial);
    if (verb == NULL)
        return partial ? more(size, ret_line) : CLIENT_PARSE_UNKNOWN;
    if (verb->form == FORM_IGNORED)
        return ignored_line(at, verb, end, ret_line);
    const char *argument = at + verb->size;
    if (verb->form == FORM_SPACED && argument < end && !blank(*argument))
        return CLIENT_PARSE_UNKNOWN;
    while (argument < end && blank(*argument))
        argument++;
    if (argument == end)
        return more(verb->size + (argument > at + verb->size ? 1u : 0u), ret_line);
    const char *newline = find_end(argument, end, at + scanned);
    if (newline == NULL)
        return (size_t)(end - argument) > argument_max &&
                       argument_size(argument, end) > argument_max
                   ? CLIENT_PARSE_TOO_LONG
                   : more(size, ret_line);
    struct bytes text = {argument, argument_size(argument, newline)};
    if (text.size > argument_max)
        return CLIENT_PARSE_TOO_LONG;
    *ret_line = (struct client_line){verb->op, (uint32_t)(newline + 1 - at), text};
    return CLIENT_PARSE_LINE;
}

/* --- arguments ---------------------------------------------------------------------------------- */

#define ARGUMENTS_MAX 5

enum { SEPARATES = 1, ENDS_LINE = 2 };

static const uint8_t kinds[256] =
    {[' '] = SEPARATES, ['\t'] = SEPARATES, ['\r'] = ENDS_LINE, ['\n'] = ENDS_LINE};

/* Splits at runs of bytes of these kinds. Returns how many parts there are; past ARGUMENTS_MAX that is
 * all it says. */
static unsigned split(struct bytes text, unsigned at_kinds, struct bytes ret[ARGUMENTS_MAX])
{
    unsigned count = 0;
    const char *end = text.at + text.size;
    const char *p = text.at;
    for (;;) {
        while (p < end && (kinds[(uint8_t)*p] & at_kinds) != 0)
            p++;
        if (p == end)
            return count;
        if (count == ARGUMENTS_MAX)
            return count + 1;
        const char *start = p;
        while (p < end && (kinds[(uint8_t)*p] & at_kinds) == 0)
            p++;
        ret[count++] = (struct bytes){start, (size_t)(p - start)};
    }
}

#define SIZE_DIGITS_MAX 9

int32_t client_parse_size(struct bytes text)
{
    if (text.size == 0 || text.size > SIZE_DIGITS_MAX)
        return -1;
    int32_t n = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return -1;
        n = n * 10 + (text.at[i] - '0');
    }
    return n;
}

enum client_publish_error client_parse_pub(struct bytes argument, struct client_publish *ret)
{
    struct bytes parts[ARGUMENTS_MAX];
    unsigned count = split(argument, SEPARATES, parts);
    if (count != 2 && count != 3)
        return CLIENT_PUBLISH_ARGUMENTS;
    ret->subject = parts[0];
    ret->reply = count == 3 ? parts[1] : (struct bytes){NULL, 0};
    ret->header_size = -1;
    ret->header_text = (struct bytes){NULL, 0};
    ret->payload_text = parts[count - 1];
    ret->payload_size = client_parse_size(parts[count - 1]);
    return ret->payload_size < 0 ? CLIENT_PUBLISH_SIZE : CLIENT_PUBLISH_OK;
}

enum client_publish_error client_parse_hpub(struct bytes argument, struct client_publish *ret)
{
    struct bytes parts[ARGUMENTS_MAX];
    unsigned count = split(argument, SEPARATES, parts);
    if (count != 3 && count != 4)
        return CLIENT_PUBLISH_ARGUMENTS;
    ret->subject = parts[0];
    ret->reply = count == 4 ? parts[1] : (struct bytes){NULL, 0};
    ret->header_text = parts[count - 2];
    ret->payload_text = parts[count - 1];
    ret->header_size = client_parse_size(parts[count - 2]);
    ret->payload_size = client_parse_size(parts[count - 1]);
    if (ret->header_size < 0)
        return CLIENT_PUBLISH_HEADER_SIZE;
    if (ret->payload_size < 0)
        return CLIENT_PUBLISH_SIZE;
    return ret->header_size > ret->payload_size ? CLIENT_PUBLISH_HEADER_LARGER : CLIENT_PUBLISH_OK;
}

bool client_parse_sub(struct bytes argument, struct client_subscribe *ret)
{
    struct bytes parts[ARGUMENTS_MAX];
    unsigned count = split(argument, SEPARATES | ENDS_LINE, parts);
    if (count != 2 && count != 3)
        return false;
    ret->subject = parts[0];
    ret->queue = count == 3 ? parts[1] : (struct bytes){NULL, 0};
    ret->sid = parts[count - 1];
    return true;
}

bool client_parse_unsub(struct bytes argument, struct client_unsubscribe *ret)
{
    struct bytes parts[ARGUMENTS_MAX];
    unsigned count = split(argument, SEPARATES | ENDS_LINE, parts);
    if (count != 1 && count != 2)
        return false;
    ret->sid = parts[0];
    ret->max = count == 2 ? client_parse_size(parts[1]) : -1;
    return true;
}
