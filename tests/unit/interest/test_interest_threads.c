/* SPDX-License-Identifier: Apache-2.0 */
/* One writer and two readers at the same time. Subscriptions that are always there must be found by
 * every match; what is removed is reclaimed (and, in debug builds, overwritten) as soon as no reader
 * that could have seen it is left, so that a thread sanitizer, or a target that makes no sense, tells
 * of memory that came back too early. The readers' sections are announced in one atomic word each. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "interest/index.h"
#include "interest/match.h"
#include "runtime/base/check.h"
#include "runtime/base/prng.h"

enum {
    READERS = 2,
    STEPS = MYELIN_SANITIZED ? 60000 : 200000,
    CHURNED = 400,
    CONN_STEADY = 1,
    CONN_CHURN = 2,
    SECTION_FINDS = 16,
};

/* -- a small epoch --------------------------------------------------------------------------- */

struct epoch {
    _Atomic uint64_t now;              /* the writer adds */
    _Atomic uint64_t reading[READERS]; /* the epoch a reader entered in, 0: outside */
    struct waiting {
        struct reclaim_entry *entry;
        uint64_t since;
    } waiting[4096];
    size_t count;
};

static void epoch_defer(void *context, struct reclaim_entry *entry)
{
    struct epoch *e = context;
    CHECK(e->count < sizeof(e->waiting) / sizeof(e->waiting[0]));
    e->waiting[e->count++] = (struct waiting){entry, atomic_fetch_add(&e->now, 1)};
}

static void epoch_enter(struct epoch *e, int reader)
{
    /* What a section began with may have passed already: entering too early only holds memory. */
    atomic_store(&e->reading[reader], atomic_load(&e->now));
}

static void epoch_leave(struct epoch *e, int reader)
{
    atomic_store(&e->reading[reader], 0);
}

/* Runs what no reader entered before can still see. */
static void epoch_poll(struct epoch *e)
{
    uint64_t oldest = UINT64_MAX;
    for (int i = 0; i < READERS; i++) {
        uint64_t reading = atomic_load(&e->reading[i]);
        if (reading != 0 && reading < oldest)
            oldest = reading;
    }
    size_t kept = 0;
    for (size_t i = 0; i < e->count; i++) {
        if (e->waiting[i].since < oldest) {
            e->waiting[i].entry->done(e->waiting[i].entry);
        } else {
            e->waiting[kept++] = e->waiting[i];
        }
    }
    e->count = kept;
}

/* -- the scene ------------------------------------------------------------------------------- */

struct scene {
    struct epoch epoch;
    struct interest *in;
    _Atomic bool stop;
    _Atomic uint64_t finds;
};

struct reader {
    struct scene *scene;
    int number;
};

static const char *const steady[] = {"foo.bar", "foo.*", "foo.>", ">", "*.bar", "foo.bar.baz"};
enum { STEADY = sizeof(steady) / sizeof(steady[0]) };

/* Subjects that come and go, many of them beside the steady ones. */
static void churned_subject(uint32_t i, char *to, size_t size)
{
    static const char *const forms[] = {"foo.bar", "foo.*",  "foo.bar.%u", "foo.*.%u", "x.%u.>",
                                        "x.%u",    "*.%u.*", ">",          "foo.>",    "y.%u.z"};
    char form[16];
    snprintf(form, sizeof(form), "%s", forms[i % 10]);
    char *percent = strchr(form, '%');
    if (percent != NULL) {
        char tail[16];
        snprintf(tail, sizeof(tail), "%s", percent + 2);
        *percent = '\0';
        snprintf(to, size, "%s%u%s", form, i / 10, tail);
    } else {
        snprintf(to, size, "%s", form);
    }
}

static void churned_sid(uint32_t i, char *to, size_t size)
{
    snprintf(to, size, "%s%u", i % 4 == 0 ? "text-of-a-long-sid-" : "", i);
}

static void check_target(const struct match *m, const struct match_target *t, uint32_t *seen)
{
    char want[64];
    if (t->conn == CONN_STEADY) {
        CHECK(t->slot < STEADY);
        snprintf(want, sizeof(want), "%u", t->slot);
        *seen |= 1u << t->slot;
    } else {
        CHECK(t->conn == CONN_CHURN && t->slot < CHURNED);
        churned_sid(t->slot, want, sizeof(want));
    }
    CHECK(bytes_are(match_sid(m, t), want));
}

static void read_once(struct scene *s, struct match_cache *cache, struct prng *prng)
{
    char subject[64];
    uint64_t draw = prng_below(prng, 4);
    uint32_t want = 1u << 3; /* `>` */
    if (draw == 0) {
        snprintf(subject, sizeof(subject), "foo.bar");
        want |= 1u << 0 | 1u << 1 | 1u << 2 | 1u << 4;
    } else if (draw == 1) {
        snprintf(subject, sizeof(subject), "foo.bar.baz");
        want |= 1u << 2 | 1u << 5;
    } else {
        unsigned n = (unsigned)prng_below(prng, 40);
        snprintf(subject, sizeof(subject), "%s.%u", draw == 2 ? "foo.bar" : "x", n);
        want |= draw == 2 ? 1u << 2 : 0;
    }
    const struct match *m = match_find(cache, s->in, 1, bytes_of(subject));
    uint32_t seen = 0;
    for (uint32_t i = 0; i < m->plain_count; i++)
        check_target(m, &match_plain(m)[i], &seen);
    for (uint32_t i = 0; i < m->member_count; i++)
        check_target(m, &match_members(m)[i], &seen);
    CHECK(seen == want);
    CHECK(interest_match_any(s->in, bytes_of(subject)));
}

static void *run_reader(void *context)
{
    struct reader *r = context;
    struct scene *s = r->scene;
    struct prng prng;
    prng_init(&prng, 100 + (uint64_t)r->number);
    struct match_cache *cache = match_cache_new(MATCH_CACHE_BYTES_MIN, prng_next(&prng));
    while (!atomic_load_explicit(&s->stop, memory_order_acquire)) {
        epoch_enter(&s->epoch, r->number);
        for (int i = 0; i < SECTION_FINDS; i++)
            read_once(s, cache, &prng);
        epoch_leave(&s->epoch, r->number);
        atomic_fetch_add_explicit(&s->finds, SECTION_FINDS, memory_order_relaxed);
    }
    match_cache_free(&cache);
    return NULL;
}

static void flip(struct scene *s, uint32_t i, bool *there)
{
    char subject[64];
    char sid[64];
    churned_subject(i, subject, sizeof(subject));
    churned_sid(i, sid, sizeof(sid));
    struct bytes queue = i % 3 == 0 ? BYTES("workers") : BYTES("");
    int r = *there
                ? interest_remove(s->in, bytes_of(subject), queue, CONN_CHURN, i, NULL)
                : interest_add(s->in, bytes_of(subject), queue, CONN_CHURN, i, bytes_of(sid), NULL);
    CHECK(r == 0);
    *there = !*there;
}

static void write_all(struct scene *s)
{
    bool there[CHURNED] = {false};
    struct prng prng;
    prng_init(&prng, 7);
    for (uint32_t step = 0; step < STEPS; step++) {
        /* In waves, so that tables grow and shrink and lists pass their sizes. */
        uint32_t range = step / 2000 % 3 == 0 ? CHURNED : 30;
        uint32_t i = (uint32_t)prng_below(&prng, range);
        flip(s, i, &there[i]);
        if (prng_one_in(&prng, 50))
            interest_flush(s->in);
        if (prng_one_in(&prng, 5000))
            interest_trim(s->in);
        epoch_poll(&s->epoch);
    }
    for (uint32_t i = 0; i < CHURNED; i++) {
        if (there[i])
            flip(s, i, &there[i]);
    }
}

static void readers_always_find_what_is_always_there(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    atomic_init(&s->epoch.now, 1);
    struct reclaimer reclaimer = {epoch_defer, &s->epoch};
    s->in = interest_new(11, &reclaimer);
    for (uint32_t i = 0; i < STEADY; i++) {
        char sid[16];
        snprintf(sid, sizeof(sid), "%u", i);
        assert_int_equal(interest_add(s->in, bytes_of(steady[i]), BYTES(""), CONN_STEADY, i,
                                      bytes_of(sid), NULL),
                         0);
    }
    pthread_t threads[READERS];
    struct reader readers[READERS];
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){s, i};
        assert_int_equal(pthread_create(&threads[i], NULL, run_reader, &readers[i]), 0);
    }
    write_all(s);
    atomic_store_explicit(&s->stop, true, memory_order_release);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    struct interest_stats stats;
    interest_stats(s->in, &stats);
    assert_int_equal(stats.subscriptions, STEADY);
    interest_check(s->in);
    interest_free(&s->in);
    epoch_poll(&s->epoch);
    assert_int_equal(s->epoch.count, 0);
    print_message("%lu finds beside %d changes\n", (unsigned long)atomic_load(&s->finds), STEPS);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_always_find_what_is_always_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
