/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/nats/subject.h"

#include "runtime/base/check.h"

static bool has_blank(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r')
            return true;
    }
    return false;
}

/* A subject without memory behind it may have a NULL start; give the walks something to point at. */
static struct bytes grounded(struct bytes s)
{
    return s.size == 0 ? BYTES("") : s;
}

bool subject_is_subscribable(struct bytes subject)
{
    const char *at = subject.at;
    const char *end = at + subject.size;
    for (;;) {
        const char *token = at;
        while (at < end && *at != '.')
            at++;
        if (at == token)
            return false;
        if (at == end)
            return true;
        if (at == token + 1 && *token == '>')
            return false; /* a rest that is not the last */
        at++;
    }
}

bool subject_is_valid(struct bytes subject)
{
    return subject_is_subscribable(subject) && !has_blank(subject);
}

bool subject_is_valid_literal(struct bytes subject)
{
    struct subject_walk w = subject_walk(grounded(subject));
    struct bytes token;
    while (subject_next(&w, &token)) {
        if (token.size == 0 || token_is_star(token) || token_is_rest(token))
            return false;
    }
    return true;
}

bool subject_is_valid_publish(struct bytes subject)
{
    return subject_is_valid(subject) && subject_is_literal(subject);
}

bool subject_is_literal(struct bytes subject)
{
    struct subject_walk w = subject_walk(grounded(subject));
    struct bytes token;
    while (subject_next(&w, &token)) {
        if (token_is_star(token) || token_is_rest(token))
            return false;
    }
    return true;
}

bool subject_matches(struct bytes pattern, struct bytes literal)
{
    struct subject_walk w = subject_walk(grounded(pattern));
    struct bytes rest = grounded(literal);
    struct bytes token;
    while (subject_next(&w, &token)) {
        size_t size = token.size;
        if (token_is_rest(token) && !w.more)
            return rest.size > 0;
        if (token_is_star(token)) {
            const char *dot = rest.size > 0 ? memchr(rest.at, '.', rest.size) : NULL;
            if (!w.more)
                return rest.size > 0 && dot == NULL;
            if (dot == NULL)
                return false;
            size = (size_t)(dot - rest.at);
        } else if (size > rest.size || (size > 0 && memcmp(token.at, rest.at, size) != 0)) {
            return false;
        }
        if (!w.more)
            return size == rest.size;
        if (size == rest.size || rest.at[size] != '.')
            return false;
        rest = (struct bytes){rest.at + size + 1, rest.size - size - 1};
    }
    UNREACHABLE("a walk ends with a token that has none after it");
}

bool subject_is_subset(struct bytes subject, struct bytes pattern)
{
    struct subject_walk ws = subject_walk(grounded(subject));
    struct subject_walk wp = subject_walk(grounded(pattern));
    struct bytes s;
    struct bytes p;
    while (subject_next(&wp, &p)) {
        if (!subject_next(&ws, &s) || p.size == 0)
            return false;
        if (token_is_rest(p))
            return true;
        if (s.size == 0 || token_is_rest(s))
            return false;
        if (token_is_star(s)) {
            if (!token_is_star(p))
                return false;
        } else if (p.at[0] != '*' && !bytes_equal(s, p)) {
            return false;
        }
    }
    return !ws.more;
}

/* What a whole subject says about its shape. */
struct shape {
    size_t tokens;
    bool stars;
    bool rest;
};

static struct shape shape_of(struct bytes subject)
{
    struct shape shape = {0};
    struct subject_walk w = subject_walk(subject);
    struct bytes token;
    while (subject_next(&w, &token)) {
        shape.tokens++;
        shape.stars |= token_is_star(token);
        shape.rest |= token_is_rest(token);
    }
    return shape;
}

/* Judged by the first byte, as in nats-server: `*x` counts as a wildcard here. */
static bool tokens_can_match(struct bytes a, struct bytes b)
{
    if (a.size == 0 || b.size == 0)
        return false;
    if (a.at[0] == '*' || a.at[0] == '>' || b.at[0] == '*' || b.at[0] == '>')
        return true;
    return bytes_equal(a, b);
}

bool subjects_collide(struct bytes a, struct bytes b)
{
    a = grounded(a);
    b = grounded(b);
    if (bytes_equal(a, b))
        return true;
    struct shape sa = shape_of(a);
    struct shape sb = shape_of(b);
    bool wild_a = sa.stars || sa.rest;
    bool wild_b = sb.stars || sb.rest;
    if (!wild_a || !wild_b) {
        if (!wild_a && !wild_b)
            return false;
        return wild_b ? subject_is_subset(a, b) : subject_is_subset(b, a);
    }
    if ((sa.tokens < sb.tokens && !sa.rest) || (sb.tokens < sa.tokens && !sb.rest))
        return false;
    struct subject_walk wa = subject_walk(a);
    struct subject_walk wb = subject_walk(b);
    struct bytes ta;
    struct bytes tb;
    while (subject_next(&wa, &ta) && subject_next(&wb, &tb)) {
        if (!tokens_can_match(ta, tb))
            return false;
    }
    return true;
}

size_t subject_token_count(struct bytes subject)
{
    if (subject.size == 0)
        return 0;
    size_t count = 1;
    for (size_t i = 0; i < subject.size; i++)
        count += subject.at[i] == '.';
    return count;
}
