/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_subject -- two subjects, a line feed between them: the rules among themselves, and the index
 * against the rules. */
#include <stddef.h>
#include <stdint.h>

#include "interest/index.h"
#include "interest/match.h"
#include "protocols/nats/subject.h"
#include "runtime/base/check.h"

static void at_once(void *context, struct reclaim_entry *entry)
{
    entry->done(entry);
}

/* The rule by which messages reach patterns: as subject_matches, but no token may be empty. */
static bool reaches(struct bytes pattern, struct bytes literal)
{
    struct subject_walk w = subject_walk(literal);
    struct bytes token;
    while (subject_next(&w, &token)) {
        if (token.size == 0)
            return false;
    }
    return subject_matches(pattern, literal);
}

/* Whether a longer token begins like a wildcard, which nats-server's rules take for one here and not
 * there. */
static bool is_odd(struct bytes subject)
{
    struct subject_walk w = subject_walk(subject);
    struct bytes token;
    while (subject_next(&w, &token)) {
        if (token.size > 1 && (token.at[0] == '*' || token.at[0] == '>'))
            return true;
    }
    return false;
}

static void check_rules(struct bytes a, struct bytes b)
{
    CHECK(implies(subject_is_valid(a), subject_is_subscribable(a)));
    CHECK(implies(subject_is_valid_publish(a), subject_is_valid_literal(a)));
    CHECK(subjects_collide(a, b) == subjects_collide(b, a));
    bool usual = subject_is_subscribable(a) && subject_is_valid_literal(b);
    CHECK(implies(usual && subject_matches(a, b), subject_is_subset(b, a)));
    CHECK(implies(usual && !is_odd(a) && !is_odd(b) && subject_is_subset(b, a),
                  subjects_collide(a, b)));
    struct subject_walk w = subject_walk(a);
    struct bytes token;
    size_t count = 0;
    while (subject_next(&w, &token))
        count++;
    CHECK(a.size == 0 || count == subject_token_count(a));
}

static void check_index(struct bytes pattern, struct bytes literal)
{
    struct reclaimer reclaimer = {at_once, NULL};
    struct interest *in = interest_new(1, &reclaimer);
    int r = interest_add(in, pattern, BYTES(""), 1, 1, literal, NULL);
    CHECK((r == 0) == (subject_is_subscribable(pattern) && pattern.size <= SUBJECT_SIZE_MAX &&
                       literal.size <= INTEREST_SID_SIZE_MAX));
    if (r == 0) {
        struct match_cache *cache = match_cache_new(MATCH_CACHE_BYTES_MIN, 2);
        const struct match *m = match_find(cache, in, 1, literal);
        CHECK(m->plain_count == (reaches(pattern, literal) ? 1 : 0));
        CHECK(interest_match_any(in, literal) == (m->plain_count > 0));
        if (m->plain_count > 0)
            CHECK(bytes_equal(match_sid(m, match_plain(m)), literal));
        CHECK(interest_remove(in, pattern, BYTES(""), 1, 1, NULL) == 0);
        CHECK(implies(m->plain_count > 0, !match_current(m, in)));
        match_cache_free(&cache);
    }
    interest_check(in);
    interest_free(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *at = (const char *)data;
    const char *line = memchr(at, '\n', size);
    if (line == NULL)
        line = at + size - 1;
    struct bytes a = {at, (size_t)(line - at)};
    struct bytes b = {line + 1, size - a.size - 1};
    check_rules(a, b);
    check_rules(b, a);
    check_index(a, b);
    return 0;
}
