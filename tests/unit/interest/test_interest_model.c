/* SPDX-License-Identifier: Apache-2.0 */
/* Random additions, removals and matches against a flat list of patterns. Two caches (two workers)
 * and two accounts share the steps; the caches are as small as can be, and a token is one of few, so
 * that patterns overlap, stamps collide and lines are evicted all the time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "interest/index.h"
#include "interest/match.h"
#include "protocols/nats/subject.h"
#include "tests/unit/interest/late_reclaimer.h"

enum {
    SUBS_MAX = 3000,
    TEXT_MAX = 64,
    INDEXES = 2,
    CACHES = 2,
};

struct sub {
    char subject[TEXT_MAX];
    char queue[TEXT_MAX];
    char sid[TEXT_MAX];
    uint64_t conn;
    uint32_t slot;
    struct interest_change change;
};

struct account {
    struct interest *index;
    uint64_t id;
    struct sub subs[SUBS_MAX];
    size_t count;
    size_t aim;
};

struct world {
    struct prng prng;
    struct late_reclaimer late;
    struct account accounts[INDEXES];
    struct match_cache *caches[CACHES];
    uint32_t next_slot;
    size_t expected; /* of the match at hand */
};

static void random_subject(struct world *w, bool wild, char *to)
{
    static const char *tokens[] = {"a", "b", "c", "dd", "*x", "e>"};
    size_t count = 1 + prng_below(&w->prng, 5);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        const char *token = tokens[prng_below(&w->prng, 6)];
        if (wild && prng_one_in(&w->prng, 3))
            token = "*";
        if (wild && i + 1 == count && prng_one_in(&w->prng, 3))
            token = ">";
        size += (size_t)snprintf(to + size, TEXT_MAX - size, "%s%s", i == 0 ? "" : ".", token);
    }
}

static void random_sid(struct world *w, char *to)
{
    static const char *odd[] = {"007",
                                "2147483647",
                                "2147483648",
                                "99999999999",
                                "abc",
                                "0",
                                "a-sid-that-does-not-fit-inline",
                                "another-sid-that-does-not-fit"};
    if (prng_one_in(&w->prng, 4)) {
        snprintf(to, TEXT_MAX, "%s", odd[prng_below(&w->prng, 8)]);
    } else {
        snprintf(to, TEXT_MAX, "%u", (unsigned)prng_below(&w->prng, 5));
    }
}

static uint32_t model_left(const struct account *a, const struct sub *like)
{
    uint32_t left = 0;
    for (size_t i = 0; i < a->count; i++) {
        left += strcmp(a->subs[i].subject, like->subject) == 0 &&
                strcmp(a->subs[i].queue, like->queue) == 0;
    }
    return left;
}

static void add(struct world *w, struct account *a)
{
    struct sub *s = &a->subs[a->count];
    random_subject(w, prng_one_in(&w->prng, 2), s->subject);
    s->queue[0] = '\0';
    if (prng_one_in(&w->prng, 4))
        snprintf(s->queue, TEXT_MAX, "q%u", (unsigned)prng_below(&w->prng, 4));
    random_sid(w, s->sid);
    s->conn = 1 + prng_below(&w->prng, 20);
    s->slot = w->next_slot++;
    assert_int_equal(interest_add(a->index, bytes_of(s->subject), bytes_of(s->queue), s->conn,
                                  s->slot, bytes_of(s->sid), &s->change),
                     0);
    a->count++;
    assert_int_equal(s->change.left, model_left(a, s));
    char text[TEXT_MAX];
    size_t size = interest_subject(a->index, s->change.entry, text, sizeof(text));
    assert_true(bytes_equal((struct bytes){text, size}, bytes_of(s->subject)));
    if (s->queue[0] != '\0')
        assert_true(bytes_are(interest_queue(a->index, s->change.queue), s->queue));
}

static void remove_one(struct world *w, struct account *a)
{
    size_t i = prng_below(&w->prng, a->count);
    struct sub s = a->subs[i];
    a->subs[i] = a->subs[--a->count];
    struct interest_change change;
    if (prng_one_in(&w->prng, 2)) {
        assert_int_equal(interest_remove(a->index, bytes_of(s.subject), bytes_of(s.queue), s.conn,
                                         s.slot, &change),
                         0);
    } else {
        assert_int_equal(interest_remove_entry(a->index, s.change.entry, s.change.queue, s.conn,
                                               s.slot, &change),
                         0);
    }
    assert_int_equal(change.left, model_left(a, &s));
    assert_int_equal(
        interest_remove(a->index, bytes_of(s.subject), bytes_of(s.queue), s.conn, s.slot, &change),
        -2 /* ENOENT */);
}

/* Exactly one subscription of the model is this target, and its subject covers the published one. */
static void check_target(const struct account *a, const struct match *m,
                         const struct match_target *t, struct bytes queue, struct bytes subject)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct sub *s = &a->subs[i];
        if (s->conn != t->conn || s->slot != t->slot)
            continue;
        assert_true(bytes_are(match_sid(m, t), s->sid));
        assert_true(bytes_are(queue, s->queue));
        assert_true(subject_matches(bytes_of(s->subject), subject));
        return;
    }
    fail_msg("a target is not in the model");
}

static void check_order(const struct match *m)
{
    const struct match_target *t = match_plain(m);
    uint32_t first = 0;
    for (uint32_t c = 0; c < m->class_count; c++) {
        uint32_t end = match_class_ends(m)[c];
        assert_true(end > first);
        for (uint32_t i = first + 1; i < end; i++) {
            assert_true(bytes_equal(match_sid(m, &t[i - 1]), match_sid(m, &t[i])));
            assert_true(t[i - 1].conn < t[i].conn ||
                        (t[i - 1].conn == t[i].conn && t[i - 1].slot < t[i].slot));
        }
        for (uint32_t i = 0; i < first; i++)
            assert_false(bytes_equal(match_sid(m, &t[i]), match_sid(m, &t[first])));
        first = end;
    }
    assert_int_equal(first, m->plain_count);
}

static void match(struct world *w, struct account *a)
{
    char text[TEXT_MAX];
    random_subject(w, prng_one_in(&w->prng, 20), text);
    struct bytes subject = bytes_of(text);
    struct match_cache *cache = w->caches[prng_below(&w->prng, CACHES)];
    const struct match *m = match_find(cache, a->index, a->id, subject);
    assert_true(match_current(m, a->index));
    size_t plain = 0;
    size_t queued = 0;
    for (size_t i = 0; i < a->count; i++) {
        bool covers = subject_matches(bytes_of(a->subs[i].subject), subject);
        plain += covers && a->subs[i].queue[0] == '\0';
        queued += covers && a->subs[i].queue[0] != '\0';
    }
    assert_int_equal(m->plain_count, plain);
    assert_int_equal(m->member_count, queued);
    assert_int_equal(interest_match_any(a->index, subject), plain + queued > 0);
    for (uint32_t i = 0; i < m->plain_count; i++)
        check_target(a, m, &match_plain(m)[i], BYTES(""), subject);
    check_order(m);
    uint32_t member = 0;
    for (uint32_t g = 0; g < m->group_count; g++) {
        const struct match_group *group = &match_groups(m)[g];
        assert_int_equal(group->first, member);
        assert_true(group->count > 0);
        for (uint32_t i = 0; i < group->count; i++)
            check_target(a, m, &match_group_members(m, group)[i], match_queue(m, group), subject);
        member += group->count;
    }
    assert_int_equal(member, m->member_count);
}

static void step(struct world *w)
{
    struct account *a = &w->accounts[prng_below(&w->prng, INDEXES)];
    if (prng_one_in(&w->prng, 2000))
        a->aim = prng_below(&w->prng, 2) == 0 ? prng_below(&w->prng, SUBS_MAX) : 0;
    uint64_t draw = prng_below(&w->prng, 10);
    if (draw < 4) {
        match(w, a);
    } else if (draw < 8) {
        if (a->count < a->aim) {
            add(w, a);
        } else if (a->count > 0) {
            remove_one(w, a);
        }
    } else if (draw == 8 && a->count < SUBS_MAX) {
        add(w, a);
    } else if (a->count > 0) {
        remove_one(w, a);
    }
    if (w->late.count > 0 && prng_one_in(&w->prng, 3))
        late_run_one(&w->late);
    if (prng_one_in(&w->prng, 500))
        interest_flush(a->index);
    if (prng_one_in(&w->prng, 3000))
        interest_trim(a->index);
    if (prng_one_in(&w->prng, 1000))
        interest_check(a->index);
}

static void run(uint64_t seed, size_t steps)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    prng_init(&w->prng, seed);
    late_init(&w->late, prng_next(&w->prng));
    for (size_t i = 0; i < INDEXES; i++) {
        w->accounts[i].index = interest_new(prng_next(&w->prng), &w->late.reclaimer);
        w->accounts[i].id = i + 1;
        w->accounts[i].aim = 100;
    }
    for (size_t i = 0; i < CACHES; i++)
        w->caches[i] = match_cache_new(MATCH_CACHE_BYTES_MIN, prng_next(&w->prng));
    for (size_t i = 0; i < steps; i++)
        step(w);
    for (size_t i = 0; i < INDEXES; i++) {
        struct account *a = &w->accounts[i];
        while (a->count > 0)
            remove_one(w, a);
        interest_check(a->index);
        interest_free(&a->index);
        assert_null(a->index);
    }
    for (size_t i = 0; i < CACHES; i++)
        match_cache_free(&w->caches[i]);
    late_done(&w->late);
    free(w);
}

static void random_steps_agree_with_a_flat_list(void **state)
{
    for (uint64_t seed = 1; seed <= 6; seed++)
        run(seed, MYELIN_SANITIZED ? 8000 : 25000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_steps_agree_with_a_flat_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
