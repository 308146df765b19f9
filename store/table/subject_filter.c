/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/subject_filter.h"

#include <assert.h>

#include "protocols/nats/subject.h"
#include "store/format/buffer.h"

static enum subject_filter_found seek_to(struct buffer *seek, struct bytes head, struct bytes tail)
{
    seek->size = 0;
    buffer_add(seek, head.at, head.size);
    buffer_add(seek, tail.at, tail.size);
    return SUBJECT_FILTER_SEEK;
}

/* Past all that begin with head and a dot. */
static enum subject_filter_found seek_past(struct buffer *seek, struct bytes head)
{
    static_assert('.' + 1 == '/', "the byte after a dot");
    return seek_to(seek, head, BYTES("/"));
}

/* The literal tokens that the pattern has from `at` on, with the dots between and, if more follows,
 * behind them: what every match continues with. */
static struct bytes literal_run(const char *at, const char *end)
{
    struct subject_walk w = {at, end, true};
    struct bytes token;
    const char *run_end = at;
    while (subject_next(&w, &token)) {
        if (token_is_star(token) || (token_is_rest(token) && !w.more))
            break;
        run_end = w.at;
    }
    return (struct bytes){at, (size_t)(run_end - at)};
}

static int compare_start(struct bytes rest, struct bytes run)
{
    size_t size = rest.size < run.size ? rest.size : run.size;
    int order = size > 0 ? memcmp(rest.at, run.at, size) : 0;
    if (order != 0)
        return order;
    return rest.size < run.size ? -1 : 0;
}

/* The subject right after this one. */
static enum subject_filter_found seek_next(struct buffer *seek, struct bytes subject)
{
    return seek_to(seek, subject, (struct bytes){"", 1});
}

enum subject_filter_found subject_filter_at(struct bytes pattern, struct bytes subject,
                                            struct buffer *ret_seek)
{
    if (pattern.size == 0)
        return SUBJECT_FILTER_MATCH;
    struct subject_walk w = subject_walk(pattern);
    struct bytes rest = {subject.size > 0 ? subject.at : "", subject.size};
    const char *begin = rest.at;
    struct bytes star = {NULL, 0}; /* up to the end of the last token that a `*` took */
    struct bytes token;
    while (subject_next(&w, &token)) {
        if (token_is_rest(token) && !w.more)
            return rest.size > 0 ? SUBJECT_FILTER_MATCH : seek_next(ret_seek, subject);
        if (token_is_star(token)) {
            const char *dot = memchr(rest.at, '.', rest.size);
            if (dot == NULL && !w.more && rest.size > 0)
                return SUBJECT_FILTER_MATCH;
            if (dot == NULL)
                return seek_next(ret_seek, subject);
            star = (struct bytes){begin, (size_t)(dot - begin)};
            if (!w.more)
                return seek_past(ret_seek, star);
            rest = (struct bytes){dot + 1, rest.size - (size_t)(dot + 1 - rest.at)};
            continue;
        }
        struct bytes literal = {token.at, token.size + w.more}; /* with the dot behind it */
        int order = compare_start(rest, literal);
        if (order < 0)
            return seek_to(ret_seek, (struct bytes){begin, (size_t)(rest.at - begin)},
                           literal_run(token.at, w.end));
        if (order > 0 || (!w.more && rest.size > literal.size))
            return star.at == NULL ? SUBJECT_FILTER_END : seek_past(ret_seek, star);
        rest = (struct bytes){rest.at + literal.size, rest.size - literal.size};
    }
    return SUBJECT_FILTER_MATCH;
}
