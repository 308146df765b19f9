/* SPDX-License-Identifier: Apache-2.0 */
/* Thousands of random entries: the group against its model, against itself with missing pages, and
 * against itself after its state was stored in the middle. */
#include "tests/unit/store/group_model.h"

enum { SEEDS = 40, STEPS = 1000 };

/* --- what was applied, to be applied again ---------------------------------------------------- */

struct history {
    struct entry entries[STEPS];
    bool wanted[STEPS];
    uint64_t hash[STEPS];
    uint64_t told;
    bool busy[STEPS];
};

static void keep(struct history *h, unsigned step, const struct entry *e, struct bench *b)
{
    char *body = malloc(e->body.size + 1);
    assert_non_null(body);
    memcpy(body, e->body.at ? e->body.at : "", e->body.size);
    h->entries[step] = *e;
    h->entries[step].body.at = body;
    h->wanted[step] = b->wanted;
    h->hash[step] = group_state_hash(b->group);
    h->busy[step] = group_is_busy(b->group);
    h->told = b->told;
}

static void history_done(struct history *h)
{
    for (unsigned i = 0; i < STEPS; i++)
        free((char *)(uintptr_t)h->entries[i].body.at);
}

/* --- the group against its model -------------------------------------------------------------- */

static void compare_messages(struct bench *b, const struct model *m)
{
    struct msglog_state s;
    msglog_state(b->log, &s);
    assert_int_equal(s.msgs, m->count);
    assert_int_equal(s.last_seq, m->last_seq);
    assert_int_equal(s.bytes, model_bytes(m));
    assert_int_equal(s.first_seq, m->count > 0 ? m->messages[0].seq : m->last_seq + 1);
    for (unsigned i = 0; i < m->count; i++) {
        struct stored_stat stat;
        assert_int_equal(msglog_memory_stat(b->log->memory, m->messages[i].seq, &stat), 0);
        assert_true(bytes_are(stat.subject, m->messages[i].subject));
        assert_int_equal(stat.time_ns, m->messages[i].time_ns);
        assert_int_equal(stat.size, m->messages[i].size);
    }
}

static void compare(struct bench *b, const struct model *m)
{
    assert_int_equal(b->applied.outcome, m->applied.outcome);
    assert_int_equal(b->applied.refusal, m->applied.refusal);
    assert_int_equal(b->applied.seq, m->applied.seq);
    assert_int_equal(b->applied.number, m->applied.number);
    assert_int_equal(b->applied.removed, m->applied.removed);
    assert_int_equal(b->applied.batch_size, m->applied.batch_size);
    assert_int_equal(b->applied.batch_part, m->applied.batch_part);
    compare_messages(b, m);
    for (uint16_t i = 0; i < 4; i++) {
        uint64_t seq = 0;
        struct bytes identity;
        assert_true(group_source(b->group, i, &seq, &identity) == m->has_source[i]);
        assert_int_equal(seq, m->sources[i]);
    }
}

static void run_one(struct prng *p, struct bench *b, struct model *m, struct history *h,
                    unsigned step)
{
    struct op op;
    draw(p, m, &op);
    if (step == 0) {
        op = (struct op){.kind = ENTRY_CONFIG};
        draw_rules(p, &op);
    }
    if (prng_one_in(p, 20))
        b->wanted = m->wanted = !m->wanted;
    b->now_ns += op.step_ns;
    write_op(b, &op);
    struct entry e = {
        .gid = BENCH_GID,
        .index = ++b->index,
        .term = 1 + step / 100,
        .kind = op.kind,
        .flags = op.flags,
        .time_ns = b->now_ns,
        .body = buffer_view(&b->body),
    };
    e.body_hash = entry_body_hash(e.gid, e.index, e.term, e.body);
    assert_int_equal(bench_apply_entry(b, &e), 0);
    model_apply(m, &op, e.time_ns);
    compare(b, m);
    keep(h, step, &e, b);
}

static void run_seed(uint64_t seed, unsigned page_rounds, uint32_t slice, struct history *h)
{
    struct bench b;
    struct prng p;
    struct model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    prng_init(&p, seed);
    bench_init_slice(&b, slice);
    b.wanted = m->wanted = true;
    b.log->page_rounds = page_rounds;
    m->now_ns = INT64_MIN;
    stream_rules_init(&m->rules, BYTES("S"));
    for (unsigned step = 0; step < STEPS; step++) {
        run_one(&p, &b, m, h, step);
        if (step % 64 == 0) {
            group_check(b.group);
            msglog_memory_check(b.log->memory);
        }
    }
    bench_done(&b);
    stream_rules_done(&m->rules);
    free(m);
}

static void the_group_and_its_model_agree_after_every_entry(void **state)
{
    struct history *h = calloc(1, sizeof *h);
    assert_non_null(h);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run_seed(seed, 0, 0, h);
        history_done(h);
    }
    free(h);
}

static void with_missing_pages(uint32_t slice)
{
    struct history *h = calloc(2, sizeof *h);
    assert_non_null(h);
    for (uint64_t seed = 1; seed <= SEEDS / 4; seed++) {
        run_seed(seed, 0, 0, &h[0]);
        run_seed(seed, 1 + seed % 2, slice, &h[1]);
        assert_memory_equal(h[0].hash, h[1].hash, sizeof h[0].hash);
        assert_true(h[0].told == h[1].told);
        history_done(&h[0]);
        history_done(&h[1]);
    }
    free(h);
}

static void missing_pages_change_nothing(void **state)
{
    with_missing_pages(0);
}

static void where_slices_end_changes_nothing(void **state)
{
    for (uint32_t slice = 1; slice <= 3; slice++)
        with_missing_pages(slice);
}

/* --- the same again, from the middle ---------------------------------------------------------- */

static struct msglog *clone_log(struct msglog *log)
{
    struct msglog *copy = double_new(99);
    struct msglog_state s;
    struct msglog_state done;
    struct stored stored;
    const struct filter all = {NULL, 0};
    msglog_state(log, &s);
    for (uint64_t from = 1; msglog_memory_next(log->memory, &all, from, UINT64_MAX, &stored) == 0;
         from = stored.seq + 1) {
        struct entry e = {.index = stored.index,
                          .term = stored.term,
                          .time_ns = stored.time_ns,
                          .body = stored.body,
                          .body_hash = stored.body_hash};
        msglog_append(copy, &e, &stored.message, stored.seq);
    }
    msglog_state(copy, &done);
    if (s.last_seq > done.last_seq)
        msglog_skip(copy, s.last_seq);
    return copy;
}

static void take_over(struct bench *b)
{
    struct buffer state = {0};
    group_write(b->group, &state);
    struct msglog *log = clone_log(b->log);
    uint64_t hash = group_state_hash(b->group);
    group_free(&b->group);
    double_free(&b->log);
    b->log = log;
    b->group = bench_group(b);
    assert_int_equal(group_read(b->group, buffer_view(&state)), 0);
    assert_true(group_state_hash(b->group) == hash);
    struct buffer again = {0};
    group_write(b->group, &again);
    assert_true(bytes_equal(buffer_view(&state), buffer_view(&again)));
    buffer_done(&again);
    buffer_done(&state);
}

static void replay(const struct history *h, unsigned every)
{
    struct bench b;
    bench_init(&b);
    for (unsigned step = 0; step < STEPS; step++) {
        b.wanted = h->wanted[step];
        assert_int_equal(bench_apply_entry(&b, &h->entries[step]), 0);
        assert_true(group_state_hash(b.group) == h->hash[step]);
        if (every > 0 && step % every == every - 1 && !group_is_busy(b.group))
            take_over(&b);
    }
    assert_true(b.told == h->told);
    bench_done(&b);
}

static void a_replay_and_one_from_a_stored_state_end_the_same(void **state)
{
    struct history *h = calloc(1, sizeof *h);
    assert_non_null(h);
    for (uint64_t seed = 100; seed < 100 + SEEDS / 4; seed++) {
        run_seed(seed, 0, 0, h);
        replay(h, 0);
        replay(h, 1 + (unsigned)seed % 97);
        history_done(h);
    }
    free(h);
}

/* --- stored states are not trusted ------------------------------------------------------------ */

static void fill_some(struct bench *b)
{
    struct history *h = calloc(1, sizeof *h);
    assert_non_null(h);
    run_seed(7, 0, 0, h);
    for (unsigned step = 0; step < 300; step++) {
        b->wanted = h->wanted[step];
        assert_int_equal(bench_apply_entry(b, &h->entries[step]), 0);
    }
    history_done(h);
    free(h);
    b->index = 300;
    b->body.size = 0;
    bench_apply(b, ENTRY_NOOP);
}

static int read_state(struct bench *b, struct bytes bytes)
{
    struct group_options options = {.gid = BENCH_GID, .seed = 5, .log = b->log};
    struct group *g = group_new(&options);
    int r = group_read(g, bytes);
    group_free(&g);
    return r;
}

static void a_state_that_was_cut_or_flipped_is_refused(void **state)
{
    struct bench b;
    bench_init(&b);
    fill_some(&b);
    struct buffer good = {0};
    group_write(b.group, &good);
    assert_int_equal(read_state(&b, buffer_view(&good)), 0);
    for (size_t size = 0; size < good.size; size++) {
        char *cut = malloc(size + 1);
        memcpy(cut, good.at, size);
        assert_int_equal(read_state(&b, (struct bytes){cut, size}), -EBADMSG);
        free(cut);
    }
    for (size_t bit = 0; bit < good.size * 8; bit++) {
        good.at[bit / 8] ^= (char)(1 << bit % 8);
        assert_int_equal(read_state(&b, buffer_view(&good)), -EBADMSG);
        good.at[bit / 8] ^= (char)(1 << bit % 8);
    }
    buffer_done(&good);
    bench_done(&b);
}

static void a_state_of_another_log_or_group_is_refused(void **state)
{
    struct bench b;
    bench_init(&b);
    bench_configure(&b);
    bench_publish(&b, "a", NULL);
    struct buffer good = {0};
    group_write(b.group, &good);
    bench_publish(&b, "a", NULL);
    assert_int_equal(read_state(&b, buffer_view(&good)), -EBADMSG);
    good.size = 0;
    group_write(b.group, &good);
    struct group_options options = {.gid = BENCH_GID + 1, .log = b.log};
    struct group *g = group_new(&options);
    assert_int_equal(group_read(g, buffer_view(&good)), -EBADMSG);
    group_free(&g);
    buffer_done(&good);
    bench_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_group_and_its_model_agree_after_every_entry),
        cmocka_unit_test(missing_pages_change_nothing),
        cmocka_unit_test(where_slices_end_changes_nothing),
        cmocka_unit_test(a_replay_and_one_from_a_stored_state_end_the_same),
        cmocka_unit_test(a_state_that_was_cut_or_flipped_is_refused),
        cmocka_unit_test(a_state_of_another_log_or_group_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
