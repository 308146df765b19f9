/* SPDX-License-Identifier: Apache-2.0 */
#include "store/chunk_match.h"

#include <stdlib.h>

#include "protocols/nats/subject.h"

enum { WORD_BITS = 64 };

void chunk_match_done(struct chunk_match *m)
{
    free(m->bits);
    *m = (struct chunk_match){0};
}

/* --- making --------------------------------------------------------------------------------------- */

static uint32_t words_of(const struct chunk_index *x)
{
    return (x->records + WORD_BITS - 1) / WORD_BITS;
}

static void set_postings(struct chunk_match *m, const struct chunk_index *x, uint32_t subject)
{
    uint32_t end = x->posting_starts[subject + 1];
    for (uint32_t i = x->posting_starts[subject]; i < end; i++)
        m->bits[x->postings[i] / WORD_BITS] |= (uint64_t)1 << x->postings[i] % WORD_BITS;
}

static void begin_bits(struct chunk_match *m, const struct chunk_index *x)
{
    uint32_t words = words_of(x);
    if (words > m->capacity) {
        free(m->bits);
        m->bits = malloc(words * sizeof *m->bits);
        CHECK(m->bits != NULL);
        m->capacity = words;
    }
    memset(m->bits, 0, words * sizeof *m->bits);
    m->form = CHUNK_MATCH_BITS;
}

static void add_subject(struct chunk_match *m, const struct chunk_index *x, uint32_t subject)
{
    if (m->form == CHUNK_MATCH_NONE) {
        m->form = CHUNK_MATCH_ONE;
        m->subject = subject;
        return;
    }
    if (m->form == CHUNK_MATCH_ONE) {
        if (m->subject == subject)
            return;
        begin_bits(m, x);
        set_postings(m, x, m->subject);
    }
    set_postings(m, x, subject);
}

/* What every subject that the pattern covers begins with: all before its first wildcard. */
static struct bytes literal_beginning(struct bytes pattern)
{
    struct subject_walk w = subject_walk(pattern);
    struct bytes token;
    while (subject_next(&w, &token)) {
        if (token_is_star(token) || token_is_rest(token))
            return (struct bytes){pattern.at, (size_t)(token.at - pattern.at)};
    }
    return pattern;
}

static bool begins_with(struct bytes text, struct bytes beginning)
{
    return text.size >= beginning.size &&
           bytes_equal((struct bytes){text.at, beginning.size}, beginning);
}

static void add_pattern(struct chunk_match *m, const struct chunk_index *x, struct bytes pattern)
{
    struct bytes beginning = literal_beginning(pattern);
    for (uint32_t s = chunk_index_subject_at(x, beginning); s < x->subjects; s++) {
        struct bytes subject = chunk_index_subject(x, s);
        if (!begins_with(subject, beginning))
            return;
        if (subject_matches(pattern, subject))
            add_subject(m, x, s);
    }
}

static void add_literal(struct chunk_match *m, const struct chunk_index *x, struct bytes literal)
{
    uint32_t s = chunk_index_subject_at(x, literal);
    if (s < x->subjects && bytes_equal(chunk_index_subject(x, s), literal))
        add_subject(m, x, s);
}

void chunk_match_make(struct chunk_match *m, const struct chunk_index *x,
                      const struct filter *filter)
{
    m->form = filter == NULL || filter->count == 0 ? CHUNK_MATCH_ALL : CHUNK_MATCH_NONE;
    for (uint32_t i = 0; m->form != CHUNK_MATCH_ALL && i < filter->count; i++) {
        struct bytes pattern = filter->subjects[i].size > 0 ? filter->subjects[i] : BYTES("");
        bool all = bytes_are(pattern, ">") && chunk_index_subject(x, 0).size > 0;
        if (all)
            m->form = CHUNK_MATCH_ALL;
        else if (subject_is_literal(pattern))
            add_literal(m, x, pattern);
        else
            add_pattern(m, x, pattern);
    }
}

/* --- walking -------------------------------------------------------------------------------------- */

/* The first place among the postings of m's subject that is not before record. */
static uint32_t posting_at(const struct chunk_match *m, const struct chunk_index *x,
                           uint32_t record)
{
    uint32_t low = x->posting_starts[m->subject];
    uint32_t high = x->posting_starts[m->subject + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (x->postings[middle] < record)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t next_bit(const struct chunk_match *m, uint32_t words, uint32_t record)
{
    uint32_t w = record / WORD_BITS;
    uint64_t word = m->bits[w] & (UINT64_MAX << record % WORD_BITS);
    while (word == 0) {
        if (++w == words)
            return CHUNK_MATCH_END;
        word = m->bits[w];
    }
    return w * WORD_BITS + (uint32_t)__builtin_ctzll(word);
}

static uint32_t prev_bit(const struct chunk_match *m, uint32_t record)
{
    uint32_t w = record / WORD_BITS;
    uint64_t word = m->bits[w] & (UINT64_MAX >> (WORD_BITS - 1 - record % WORD_BITS));
    while (word == 0) {
        if (w-- == 0)
            return CHUNK_MATCH_END;
        word = m->bits[w];
    }
    return w * WORD_BITS + WORD_BITS - 1 - (uint32_t)__builtin_clzll(word);
}

uint32_t chunk_match_next(const struct chunk_match *m, const struct chunk_index *x, uint32_t record)
{
    if (record >= x->records)
        return CHUNK_MATCH_END;
    switch (m->form) {
    case CHUNK_MATCH_NONE: return CHUNK_MATCH_END;
    case CHUNK_MATCH_ALL: return record;
    case CHUNK_MATCH_BITS: return next_bit(m, words_of(x), record);
    case CHUNK_MATCH_ONE: break;
    }
    uint32_t at = posting_at(m, x, record);
    return at < x->posting_starts[m->subject + 1] ? x->postings[at] : CHUNK_MATCH_END;
}

uint32_t chunk_match_prev(const struct chunk_match *m, const struct chunk_index *x, uint32_t record)
{
    if (record >= x->records)
        record = x->records - 1;
    switch (m->form) {
    case CHUNK_MATCH_NONE: return CHUNK_MATCH_END;
    case CHUNK_MATCH_ALL: return record;
    case CHUNK_MATCH_BITS: return prev_bit(m, record);
    case CHUNK_MATCH_ONE: break;
    }
    uint32_t at = posting_at(m, x, record + 1);
    return at > x->posting_starts[m->subject] ? x->postings[at - 1] : CHUNK_MATCH_END;
}

uint32_t chunk_match_count(const struct chunk_match *m, const struct chunk_index *x,
                           uint32_t record)
{
    if (record >= x->records || m->form == CHUNK_MATCH_NONE)
        return 0;
    if (m->form == CHUNK_MATCH_ALL)
        return x->records - record;
    if (m->form == CHUNK_MATCH_ONE)
        return x->posting_starts[m->subject + 1] - posting_at(m, x, record);
    uint32_t w = record / WORD_BITS;
    uint32_t count =
        (uint32_t)__builtin_popcountll(m->bits[w] & (UINT64_MAX << record % WORD_BITS));
    for (w++; w < words_of(x); w++)
        count += (uint32_t)__builtin_popcountll(m->bits[w]);
    return count;
}
