/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger beside a model; damage in one copy and in both; full and failing disks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/format/ledger_block.h"
#include "store/ledger_image.h"
#include "tests/unit/store/ledger_oracle.h"

/* --- as it is meant to be ------------------------------------------------------------------------- */

static void a_random_life_is_that_of_a_plain_model(void **state)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct owner o;
        owner_init(&o, seed);
        struct sim_disk_faults faults = {.short_move = seed % 2 ? 3 : 0};
        sim_disk_set_faults(o.run.disk, &faults);
        struct prng prng;
        prng_init(&prng, seed);
        assert_int_equal(owner_started(&o), 0);
        for (unsigned i = 0; i < 250; i++) {
            owner_put_some(&o, &prng);
            assert_int_equal(owner_committed(&o), 0);
            if (!prng_one_in(&prng, 20))
                continue;
            if (prng_one_in(&prng, 2))
                owner_stop(&o);
            else
                owner_crash(&o, SIM_CRASH_WORST);
            assert_int_equal(owner_started(&o), 0);
            assert_true(model_equal(&o.told, &o.durable));
        }
        assert_true(o.block.ledger > 3);
        owner_done(&o);
    }
}

static void both_copies_are_the_same_bytes(void **state)
{
    struct owner o;
    owner_init(&o, 1);
    struct prng prng;
    prng_init(&prng, 1);
    assert_int_equal(owner_started(&o), 0);
    for (unsigned i = 0; i < 30; i++) {
        owner_put_some(&o, &prng);
        assert_int_equal(owner_committed(&o), 0);
    }
    char path[64];
    size_t size[2];
    owner_ledger_path(&o, 0, path);
    char *a = owner_file(&o, path, &size[0]);
    owner_ledger_path(&o, 1, path);
    char *b = owner_file(&o, path, &size[1]);
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(a, b, size[0]);
    free(a);
    free(b);
    owner_done(&o);
}

static void only_the_named_ledger_is_left_after_a_start(void **state)
{
    struct owner o;
    owner_init(&o, 1);
    assert_int_equal(owner_started(&o), 0);
    static const char *const leftovers[] = {"a-00000", "a-00002", "b-00002", "b-12345678"};
    static const char *const others[] = {"a-2", "c-00002", "a-00002x", "notes"};
    char path[64];
    for (unsigned i = 0; i < 8; i++) {
        snprintf(path, sizeof path, "store/ledger/%s", i < 4 ? leftovers[i] : others[i - 4]);
        struct disk_request r = {
            .op = DISK_OPEN, .path = path, .flags = DISK_OPEN_WRITE | DISK_OPEN_CREATE};
        assert_int_equal(owner_perform(&o, &r), 0);
    }
    owner_crash(&o, SIM_CRASH_KILL);
    assert_int_equal(owner_started(&o), 0);
    struct disk_request list = {.op = DISK_LIST, .path = "store/ledger"};
    assert_int_equal(owner_perform(&o, &list), 0);
    assert_int_equal(list.names->count, 2 + 4);
    assert_string_equal(list.names->names[0].text, "a-00001");
    disk_names_free(&list.names);
    owner_done(&o);
}

/* --- reads ---------------------------------------------------------------------------------------- */

struct reader {
    struct ledger_read read;
    unsigned called;
    int status;
    uint32_t tag;
};

static void on_read(struct ledger_read *read, int status, struct bytes body)
{
    struct reader *r = read->context;
    r->called++;
    r->status = status;
    struct ledger_record record = {.kind = read->kind, .body = body};
    r->tag = status == 0 ? model_tag(&record) : 0;
}

static int read_again(struct owner *o, enum ledger_kind kind, uint64_t gid, uint32_t *ret_tag)
{
    struct reader r = {.read = {.kind = kind, .gid = gid, .done = on_read, .context = &r}};
    ledger_read(o->ledger, &r.read);
    disk_run_all(&o->run);
    assert_int_equal(r.called, 1);
    *ret_tag = r.tag;
    return r.status;
}

static void live_records_can_be_read_again(void **state)
{
    struct owner o;
    owner_init(&o, 1);
    struct prng prng;
    prng_init(&prng, 5);
    assert_int_equal(owner_started(&o), 0);
    for (unsigned i = 0; i < 60; i++) {
        owner_put_some(&o, &prng);
        assert_int_equal(owner_committed(&o), 0);
        uint32_t tag;
        for (uint64_t gid = 1; gid <= MODEL_GIDS; gid++) {
            uint32_t group = o.durable.groups[gid].group;
            assert_int_equal(read_again(&o, LEDGER_GROUP, gid, &tag), group == 0 ? -ENOENT : 0);
            assert_int_equal(tag, group);
            uint32_t checkpoint = o.durable.groups[gid].checkpoint;
            assert_int_equal(read_again(&o, LEDGER_CHECKPOINT, gid, &tag),
                             checkpoint == 0 ? -ENOENT : 0);
            assert_int_equal(tag, checkpoint);
        }
        (void)read_again(&o, LEDGER_FLOOR, 0, &tag);
        assert_int_equal(tag, o.durable.floor);
    }
    owner_done(&o);
}

/* Flips a bit in the body of the first checkpoint in this copy. */
static void flip_first_body(struct owner *o, unsigned copy)
{
    char path[64];
    owner_ledger_path(o, copy, path);
    uint64_t at = BLOCK_ALIGN + BLOCK_HEADER_SIZE + LEDGER_RECORD_HEADER_SIZE + 3;
    assert_int_equal(sim_disk_flip(o->run.disk, path, at, 4), 0);
}

static void a_record_that_one_copy_lost_is_read_from_the_other(void **state)
{
    for (unsigned copy = 0; copy < 2; copy++) {
        struct owner o;
        owner_init(&o, 1);
        assert_int_equal(owner_started(&o), 0);
        owner_put(&o, LEDGER_CHECKPOINT, 3);
        assert_int_equal(owner_committed(&o), 0);
        flip_first_body(&o, copy);
        uint32_t tag;
        assert_int_equal(read_again(&o, LEDGER_CHECKPOINT, 3, &tag), 0);
        assert_int_equal(tag, o.durable.groups[3].checkpoint);
        struct ledger_stats stats;
        ledger_stats(o.ledger, &stats);
        assert_int_equal(stats.second_reads, copy == 0 ? 1 : 0);
        flip_first_body(&o, !copy);
        assert_int_equal(read_again(&o, LEDGER_CHECKPOINT, 3, &tag), -EBADMSG);
        owner_done(&o);
    }
}

static void reads_of_a_ledger_that_is_being_replaced_end_well(void **state)
{
    struct owner o;
    owner_init(&o, 1);
    assert_int_equal(owner_started(&o), 0);
    owner_put(&o, LEDGER_GROUP, 7);
    uint32_t group = o.next_tag;
    struct reader readers[400];
    unsigned begun = 0;
    uint64_t number = 1;
    while (number < 4) {
        owner_put(&o, LEDGER_CHECKPOINT, 3);
        owner_commit(&o);
        while (!o.ready) {
            disk_run_step(&o.run);
            struct reader *r = &readers[begun];
            if (begun == 400)
                continue;
            *r = (struct reader){
                .read = {.kind = LEDGER_GROUP, .gid = 7, .done = on_read, .context = r}};
            ledger_read(o.ledger, &r->read);
            begun++;
        }
        assert_int_equal(o.status, 0);
        number = ledger_number(o.ledger);
    }
    disk_run_all(&o.run);
    assert_true(ledger_idle(o.ledger));
    for (unsigned i = 0; i < begun; i++) {
        assert_int_equal(readers[i].called, 1);
        assert_true(readers[i].status == -ENOENT || readers[i].tag == group);
    }
    assert_int_equal(readers[begun - 1].tag, group);
    owner_stop(&o);
    owner_done(&o);
}

/* --- damage in one copy --------------------------------------------------------------------------- */

/* A few commits, one of several blocks; stopped. */
static void make_small(struct owner *o, uint64_t seed)
{
    owner_init(o, seed);
    assert_int_equal(owner_started(o), 0);
    owner_put(o, LEDGER_GROUP, 1);
    owner_put(o, LEDGER_CHECKPOINT, 1);
    assert_int_equal(owner_committed(o), 0);
    owner_put(o, LEDGER_FLOOR, 0);
    owner_put(o, LEDGER_MAKING, 2);
    assert_int_equal(owner_committed(o), 0);
    owner_crash(o, SIM_CRASH_WORST);
}

static void every_bit_of_one_copy_is_healed_from_the_other(void **state)
{
    struct owner o;
    make_small(&o, 1);
    char path[64];
    size_t size;
    owner_ledger_path(&o, 0, path);
    char *whole = owner_file(&o, path, &size);
    for (uint64_t at = 0; at < size;) {
        for (unsigned copy = 0; copy < 2; copy++) {
            owner_ledger_path(&o, copy, path);
            assert_int_equal(sim_disk_flip(o.run.disk, path, at, (uint8_t)(1u << at % 8)), 0);
            assert_int_equal(owner_started(&o), 0);
            assert_true(model_equal(&o.told, &o.durable));
            struct ledger_stats stats;
            ledger_stats(o.ledger, &stats);
            assert_true(stats.repaired_bytes > 0);
            owner_crash(&o, SIM_CRASH_WORST);
            size_t healed_size;
            char *healed = owner_file(&o, path, &healed_size);
            assert_int_equal(healed_size, size);
            assert_memory_equal(healed, whole, size);
            free(healed);
        }
        at += at % BLOCK_ALIGN < 512 ? 1 : 97; /* what is dense, and the zeros now and then */
    }
    free(whole);
    owner_done(&o);
}

static void a_copy_that_is_not_there_is_made_again(void **state)
{
    for (unsigned copy = 0; copy < 2; copy++) {
        struct owner o;
        make_small(&o, 1);
        char path[64];
        owner_ledger_path(&o, copy, path);
        assert_int_equal(owner_path_op(&o, DISK_REMOVE, path), 0);
        assert_int_equal(owner_started(&o), 0);
        assert_true(model_equal(&o.told, &o.durable));
        owner_crash(&o, SIM_CRASH_WORST);
        owner_ledger_path(&o, !copy, path);
        assert_int_equal(owner_path_op(&o, DISK_REMOVE, path), 0);
        assert_int_equal(owner_started(&o), 0);
        assert_true(model_equal(&o.told, &o.durable));
        owner_done(&o);
    }
}

static void no_copy_at_all_is_not_a_new_ledger(void **state)
{
    struct owner o;
    make_small(&o, 1);
    assert_int_equal(owner_path_op(&o, DISK_REMOVE, "store/ledger/a-00001"), 0);
    assert_int_equal(owner_path_op(&o, DISK_REMOVE, "store/ledger/b-00001"), 0);
    assert_int_equal(owner_started(&o), -ENOENT);
    owner_stop(&o);
    for (unsigned copy = 0; copy < 2; copy++) {
        struct disk_request r = {.op = DISK_OPEN,
                                 .path = copy ? "store/ledger/a-00001" : "store/ledger/b-00001",
                                 .flags = DISK_OPEN_WRITE | DISK_OPEN_CREATE};
        assert_int_equal(owner_perform(&o, &r), 0);
        assert_int_equal(owner_started(&o), -EBADMSG);
        owner_crash(&o, SIM_CRASH_KILL);
    }
    owner_done(&o);
}

static void blocks_of_a_later_start_than_this_one_are_refused(void **state)
{
    struct owner o;
    make_small(&o, 1);
    for (uint32_t epoch = 0; epoch <= 2; epoch++) {
        o.block.boot_epoch = epoch;
        o.ready = false;
        owner_recover(&o);
        owner_run(&o);
        assert_int_equal(o.status, epoch < 2 ? -EBADMSG : 0);
        owner_crash(&o, SIM_CRASH_KILL);
    }
    owner_done(&o);
}

/* --- damage in both copies, beside an oracle --------------------------------------------------------- */

static void damage(struct owner *o, struct blocks *b, size_t block, unsigned copy, uint64_t draw)
{
    char path[64];
    owner_ledger_path(o, copy, path);
    uint64_t at = b->at[block].header.position + draw % b->at[block].header.size;
    assert_int_equal(sim_disk_flip(o->run.disk, path, at, 0x10), 0);
    b->at[block].bad[copy] = true;
}

static void check_foreseen(struct owner *o, const struct blocks *b)
{
    struct model model;
    uint32_t lost;
    int status = owner_started(o);
    if (!foresee(b, &model, &lost)) {
        assert_int_equal(status, -EBADMSG);
        return;
    }
    assert_int_equal(status, lost > 0 ? -EUCLEAN : 0);
    assert_true(model_equal(&o->told, &model));
    /* Lost blocks at the end of the first commit can not be counted, only told. */
    assert_true(o->lost == lost || (o->lost > 0 && o->lost <= lost));
    /* It goes on, tells the same at the next start, and is whole but for what was lost. */
    o->under_way = model;
    owner_put(o, LEDGER_CHECKPOINT, 5);
    assert_int_equal(owner_committed(o), 0);
    lost = o->lost;
    owner_crash(o, SIM_CRASH_WORST);
    assert_int_equal(owner_started(o), lost > 0 ? -EUCLEAN : 0);
    assert_int_equal(o->lost, lost);
    assert_true(model_equal(&o->told, &o->durable));
}

static void damage_anywhere_in_both_is_told_from_a_torn_end_by_a_proof(void **state)
{
    unsigned lossy = 0;
    unsigned refused = 0;
    for (uint64_t seed = 1; seed <= 250; seed++) {
        struct owner o;
        owner_init(&o, seed);
        struct prng prng;
        prng_init(&prng, seed);
        assert_int_equal(owner_started(&o), 0);
        for (uint64_t i = prng_below(&prng, 9); i > 0 || o.block.ledger<seed % 2 + 1; i -= i> 0) {
            owner_put_some(&o, &prng);
            assert_int_equal(owner_committed(&o), 0);
        }
        owner_crash(&o, SIM_CRASH_WORST);
        struct blocks b;
        see_blocks(&o, &b);
        for (uint64_t i = prng_below(&prng, 2 * b.count + 1); i > 0; i--) {
            size_t block = (size_t)prng_below(&prng, b.count);
            uint64_t copy = prng_below(&prng, 3);
            uint64_t draw = prng_next(&prng);
            for (unsigned j = 0; j < 2; j++)
                if ((copy == 2 || copy == j) && !b.at[block].bad[j])
                    damage(&o, &b, block, j, draw);
        }
        check_foreseen(&o, &b);
        lossy += o.lost > 0;
        refused += o.status == -EBADMSG;
        blocks_done(&b);
        owner_done(&o);
    }
    assert_true(lossy > 30 && refused > 2);
}

/* --- what is lost --------------------------------------------------------------------------------- */

static void a_loss_is_told_until_it_is_accounted_for_and_survives_a_rewrite(void **state)
{
    struct owner o;
    owner_init(&o, 1);
    o.rewrite_min = LEDGER_REWRITE_MIN;
    assert_int_equal(owner_started(&o), 0);
    o.rewrite_min = OWNER_REWRITE_MIN;
    for (uint64_t gid = 1; gid <= 4; gid++) {
        owner_put(&o, LEDGER_CHECKPOINT, gid);
        assert_int_equal(owner_committed(&o), 0);
    }
    owner_crash(&o, SIM_CRASH_WORST);
    struct blocks b;
    see_blocks(&o, &b);
    damage(&o, &b, 2, 0, 100);
    damage(&o, &b, 2, 1, 200);
    blocks_done(&b);
    assert_int_equal(owner_started(&o), -EUCLEAN);
    assert_int_equal(o.lost, 1);
    assert_int_equal(o.records, 3);
    assert_int_equal(o.doubtful, 1); /* group 1's: later ones may be among what was lost */
    o.under_way = o.told;
    while (o.block.ledger == 1) {
        owner_put(&o, LEDGER_CHECKPOINT, 4);
        assert_int_equal(owner_committed(&o), 0);
    }
    owner_crash(&o, SIM_CRASH_WORST);
    assert_int_equal(owner_started(&o), -EUCLEAN);
    assert_int_equal(o.lost, 1);
    assert_int_equal(o.records, 3);
    assert_int_equal(o.doubtful, 1);
    assert_true(model_equal(&o.told, &o.durable));
    ledger_settle(o.ledger);
    assert_int_equal(owner_committed(&o), 0);
    owner_crash(&o, SIM_CRASH_WORST);
    assert_int_equal(owner_started(&o), 0);
    assert_int_equal(o.doubtful, 0);
    assert_true(model_equal(&o.told, &o.durable));
    owner_done(&o);
}

/* --- disks that do not do as they are told -------------------------------------------------------- */

static void unreadable_pages_cost_nothing_or_the_start_but_never_a_record(void **state)
{
    unsigned started = 0;
    unsigned refused = 0;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct owner o;
        owner_init(&o, seed);
        struct prng prng;
        prng_init(&prng, seed);
        assert_int_equal(owner_started(&o), 0);
        for (unsigned i = 0; i < 6; i++) {
            owner_put_some(&o, &prng);
            assert_int_equal(owner_committed(&o), 0);
        }
        owner_crash(&o, SIM_CRASH_WORST);
        struct sim_disk_faults faults = {0};
        faults.fail[DISK_READ] = 2 + (uint32_t)prng_below(&prng, 20);
        faults.short_move = 4;
        sim_disk_set_faults(o.run.disk, &faults);
        int status = owner_started(&o);
        if (status == 0) {
            assert_true(model_equal(&o.told, &o.durable));
            started++;
        }
        refused += status == -EIO;
        assert_true(status == 0 || status == -EIO);
        sim_disk_set_faults(o.run.disk, &(struct sim_disk_faults){0});
        owner_crash(&o, SIM_CRASH_WORST);
        assert_int_equal(owner_started(&o), 0);
        assert_true(model_equal(&o.told, &o.durable));
        owner_done(&o);
    }
    assert_true(started > 20 && refused > 20);
}

static void a_rewrite_without_space_is_given_up_and_the_old_ledger_goes_on(void **state)
{
    struct owner o;
    owner_init(&o, 1);
    assert_int_equal(owner_started(&o), 0);
    for (uint64_t gid = 1; gid <= MODEL_GIDS; gid++)
        owner_put(&o, LEDGER_GROUP, gid);
    assert_int_equal(owner_committed(&o), 0);
    struct ledger_stats stats = {0};
    for (unsigned i = 0; stats.rewrites_given_up == 0; i++) {
        assert_true(i < 1000);
        struct disk_request space = {.op = DISK_SPACE, .path = "store"};
        sim_disk_set_capacity(o.run.disk, 0);
        assert_int_equal(owner_perform(&o, &space), 0);
        uint64_t used = space.space.total - space.space.available;
        sim_disk_set_capacity(o.run.disk, used + 2 * BLOCK_ALIGN); /* one more small commit */
        owner_put(&o, LEDGER_FLOOR, 0);
        assert_int_equal(owner_committed(&o), 0);
        ledger_stats(o.ledger, &stats);
    }
    assert_int_equal(ledger_number(o.ledger), 1);
    sim_disk_set_capacity(o.run.disk, 0);
    assert_int_equal(owner_path_op(&o, DISK_REMOVE, "store/ledger/a-00002"), -ENOENT);
    while (ledger_number(o.ledger) == 1) {
        owner_put(&o, LEDGER_FLOOR, 0);
        assert_int_equal(owner_committed(&o), 0);
    }
    owner_crash(&o, SIM_CRASH_WORST);
    assert_int_equal(owner_started(&o), 0);
    assert_true(model_equal(&o.told, &o.durable));
    owner_done(&o);
}

static void a_commit_without_space_fails_the_ledger_and_loses_nothing_before_it(void **state)
{
    for (uint64_t pages = 0; pages < 4; pages++) {
        struct owner o;
        owner_init(&o, 1);
        assert_int_equal(owner_started(&o), 0);
        owner_put(&o, LEDGER_GROUP, 1);
        assert_int_equal(owner_committed(&o), 0);
        struct disk_request space = {.op = DISK_SPACE, .path = "store"};
        assert_int_equal(owner_perform(&o, &space), 0);
        uint64_t used = space.space.total - space.space.available;
        sim_disk_set_capacity(o.run.disk, used + pages * BLOCK_ALIGN);
        for (unsigned i = 0; i < 40; i++)
            owner_put(&o, LEDGER_CHECKPOINT, 1 + i % MODEL_GIDS);
        assert_int_equal(owner_committed(&o), -ENOSPC);
        assert_int_equal(o.failures, 1);
        uint32_t tag;
        assert_int_equal(read_again(&o, LEDGER_GROUP, 1, &tag), 0); /* reads go on */
        owner_stop(&o);
        sim_disk_set_capacity(o.run.disk, 0);
        assert_int_equal(owner_started(&o), 0);
        assert_true(model_equal(&o.told, &o.durable));
        owner_done(&o);
    }
}

/* --- sizes ---------------------------------------------------------------------------------------- */

struct many {
    struct disk_run run;
    struct ledger *ledger;
    int status;
    unsigned records;
    uint64_t number;
};

static void many_failed(void *context, int error)
{
    fail();
}

static void many_ended(void *context, int status)
{
    ((struct many *)context)->status = status;
}

static void many_record(void *context, const struct ledger_record *record)
{
    struct many *m = context;
    m->records++;
}

static void many_recovered(void *context, int status, uint32_t lost)
{
    ((struct many *)context)->status = status;
}

static void many_start(struct many *m, uint64_t number, uint32_t epoch)
{
    struct ledger_options options = {.disk = disk_run_door(&m->run),
                                     .folder = ".",
                                     .store = 1,
                                     .boot_epoch = epoch,
                                     .failed = many_failed,
                                     .context = m};
    struct ledger_recovery recovery = {many_record, many_recovered};
    m->ledger = ledger_new(&options);
    ledger_recover(m->ledger, number, &recovery);
    disk_run_all(&m->run);
    assert_int_equal(m->status, 0);
    if (ledger_is_unnamed(m->ledger))
        ledger_forget_old(m->ledger);
}

static void ten_thousand_groups_are_read_in_a_few_dozen_requests(void **state)
{
    enum { GROUPS = 10000, BODY = 1024 };
    static char body[BODY];
    struct many m = {0};
    disk_run_init(&m.run, 1, (struct sim_disk_options){0});
    many_start(&m, 0, 1);
    for (unsigned round = 0; round < 2; round++) {
        for (uint64_t gid = 1; gid <= GROUPS; gid++) {
            struct ledger_record group = {LEDGER_GROUP, .gid = gid, .body = {body, 100}};
            struct ledger_record checkpoint = {LEDGER_CHECKPOINT, .gid = gid, .body = {body, BODY}};
            if (round == 0)
                ledger_put(m.ledger, &group);
            ledger_put(m.ledger, &checkpoint);
        }
        ledger_commit(m.ledger, many_ended);
        disk_run_all(&m.run);
        assert_int_equal(m.status, 0);
        ledger_check(m.ledger);
    }
    m.number = ledger_number(m.ledger);
    disk_run_crash(&m.run, SIM_CRASH_WORST);
    ledger_free(&m.ledger);
    uint64_t before = sim_disk_counts(m.run.disk)->performed;
    many_start(&m, m.number, 2);
    assert_int_equal(m.records, 2 * GROUPS);
    assert_true(sim_disk_counts(m.run.disk)->performed - before < 150);
    disk_run_crash(&m.run, SIM_CRASH_KILL);
    ledger_free(&m.ledger);
    disk_run_done(&m.run);
}

static void a_body_may_be_empty(void **state)
{
    struct many m = {0};
    disk_run_init(&m.run, 1, (struct sim_disk_options){0});
    many_start(&m, 0, 1);
    struct ledger_record gone = {LEDGER_GONE, .gid = 1};
    struct ledger_record group = {LEDGER_GROUP, .gid = 2};
    ledger_put(m.ledger, &gone);
    ledger_put(m.ledger, &group);
    ledger_commit(m.ledger, many_ended);
    disk_run_all(&m.run);
    assert_int_equal(m.status, 0);
    disk_run_crash(&m.run, SIM_CRASH_WORST);
    ledger_free(&m.ledger);
    many_start(&m, 1, 2);
    assert_int_equal(m.records, 1);
    disk_run_crash(&m.run, SIM_CRASH_KILL);
    ledger_free(&m.ledger);
    disk_run_done(&m.run);
}

static void the_largest_body_is_kept(void **state)
{
    struct many m = {0};
    disk_run_init(&m.run, 1, (struct sim_disk_options){0});
    many_start(&m, 0, 1);
    char *body = malloc(LEDGER_BODY_MAX);
    assert_non_null(body);
    memset(body, 'x', LEDGER_BODY_MAX);
    struct ledger_record small = {LEDGER_GROUP, .gid = 1, .body = {body, 10}};
    struct ledger_record large = {LEDGER_CHECKPOINT, .gid = 1, .body = {body, LEDGER_BODY_MAX}};
    ledger_put(m.ledger, &small);
    ledger_put(m.ledger, &large);
    ledger_put(m.ledger, &small);
    ledger_commit(m.ledger, many_ended);
    disk_run_all(&m.run);
    assert_int_equal(m.status, 0);
    disk_run_crash(&m.run, SIM_CRASH_WORST);
    ledger_free(&m.ledger);
    many_start(&m, 1, 2);
    assert_int_equal(m.records, 2);
    disk_run_crash(&m.run, SIM_CRASH_KILL);
    ledger_free(&m.ledger);
    free(body);
    disk_run_done(&m.run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_random_life_is_that_of_a_plain_model),
        cmocka_unit_test(both_copies_are_the_same_bytes),
        cmocka_unit_test(only_the_named_ledger_is_left_after_a_start),
        cmocka_unit_test(live_records_can_be_read_again),
        cmocka_unit_test(a_record_that_one_copy_lost_is_read_from_the_other),
        cmocka_unit_test(reads_of_a_ledger_that_is_being_replaced_end_well),
        cmocka_unit_test(every_bit_of_one_copy_is_healed_from_the_other),
        cmocka_unit_test(a_copy_that_is_not_there_is_made_again),
        cmocka_unit_test(no_copy_at_all_is_not_a_new_ledger),
        cmocka_unit_test(blocks_of_a_later_start_than_this_one_are_refused),
        cmocka_unit_test(damage_anywhere_in_both_is_told_from_a_torn_end_by_a_proof),
        cmocka_unit_test(a_loss_is_told_until_it_is_accounted_for_and_survives_a_rewrite),
        cmocka_unit_test(unreadable_pages_cost_nothing_or_the_start_but_never_a_record),
        cmocka_unit_test(a_rewrite_without_space_is_given_up_and_the_old_ledger_goes_on),
        cmocka_unit_test(a_commit_without_space_fails_the_ledger_and_loses_nothing_before_it),
        cmocka_unit_test(ten_thousand_groups_are_read_in_a_few_dozen_requests),
        cmocka_unit_test(a_body_may_be_empty),
        cmocka_unit_test(the_largest_body_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
