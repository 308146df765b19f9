/* SPDX-License-Identifier: Apache-2.0 */
/* journal_run.h -- a journal on a simulated disk, and a list of what it was given.
 *
 * The list is the model: records in the order of their appends. After a crash a recovery has to
 * deliver a beginning of it, from the floor on, that has everything that was told to be durable.
 */
#ifndef TESTS_UNIT_STORE_JOURNAL_RUN_H
#define TESTS_UNIT_STORE_JOURNAL_RUN_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/record.h"
#include "store/journal.h"
#include "tests/unit/store/disk_run.h"

#define RUN_GROUPS 5
#define RUN_RECORDS 4096
#define RUN_STORE 0x0badcafe12345678u
#define RUN_FILE_BYTES 65536u

struct run_record {
    uint64_t number; /* makes the body */
    uint64_t gid;
    uint64_t index;
    uint64_t position;
    uint64_t first_position;
    uint32_t term;
    uint32_t size;
    enum entry_kind kind;
};

struct journal_run {
    struct disk_run disk;
    struct prng prng; /* of the work, not of the disk */
    struct journal *journal;
    uint32_t epoch;
    uint64_t file_bytes;
    bool seals;      /* groups of odd numbers */
    int seal_status; /* what the owner says to it */
    uint64_t floor;  /* as a ledger would keep it */
    struct journal_member members[RUN_GROUPS];
    uint64_t index[RUN_GROUPS];
    uint64_t told[RUN_GROUPS];
    struct run_record *records; /* given */
    uint32_t count;
    uint64_t numbers;
    uint64_t durable; /* position, as told */
    uint64_t now_ms;
    uint32_t delivered; /* during recovery: place in records */
    uint32_t skipped;   /* records below the floor */
    bool bodies_kept;   /* damage was done: records may be missing */
    uint32_t rots;
    struct journal_rot rot; /* the last */
    bool recovered;
    int status; /* of recovery */
    int failures;
    int failure;
    uint32_t ready;
    bool closed;
};

static inline void run_body(uint64_t number, uint32_t size, char *at)
{
    for (uint32_t i = 0; i < size; i++)
        at[i] = (char)(number * 31 + i * 7 + 1);
}

static inline struct entry run_entry(const struct run_record *r, char *body)
{
    run_body(r->number, r->size, body);
    struct entry e = {
        .gid = r->gid,
        .index = r->index,
        .term = r->term,
        .kind = r->kind,
        .flags = (uint8_t)r->number,
        .time_ns = (int64_t)r->number,
        .body = {body, r->size},
    };
    e.body_hash = entry_body_hash(e.gid, e.index, e.term, e.body);
    return e;
}

/* --- bodies that are sealed: turned, with their name behind them ----------------------------- */

static inline void run_turn(const struct entry *e, const char *from, uint32_t size, char *to)
{
    for (uint32_t i = 0; i < size; i++)
        to[i] = (char)(from[i] ^ (char)(e->index + e->term + 'S'));
}

static inline int run_on_seal(void *context, const struct entry *e, char *body)
{
    const struct journal_run *run = context;
    CHECK(run->seals && e->gid % 2 == 1 && e->seal == ENTRY_TO_SEAL);
    if (run->seal_status != 0)
        return run->seal_status;
    run_turn(e, body, (uint32_t)e->body.size, body);
    memset(body + e->body.size, (char)e->index, RECORD_SEAL_SIZE);
    return 0;
}

/* As the owner of a recovered entry does, but elsewhere. */
static inline struct entry run_opened(const struct entry *e, char *body)
{
    struct entry opened = *e;
    CHECK(e->body_hash == entry_body_hash(e->gid, e->index, e->term, e->body));
    opened.body = (struct bytes){body, e->body.size - RECORD_SEAL_SIZE};
    run_turn(e, e->body.at, (uint32_t)opened.body.size, body);
    for (uint32_t i = 0; i < RECORD_SEAL_SIZE; i++)
        CHECK(e->body.at[opened.body.size + i] == (char)e->index);
    opened.body_hash = entry_body_hash(e->gid, e->index, e->term, opened.body);
    return opened;
}

/* --- what the journal says ------------------------------------------------------------------ */

static inline void run_on_durable(void *context, struct journal_member *member, uint64_t index)
{
    struct journal_run *run = context;
    CHECK(member == &run->members[member->gid - 1]);
    CHECK(index <= run->index[member->gid - 1]);
    run->told[member->gid - 1] = index;
}

static inline void run_check_told(const struct journal_run *run)
{
    uint64_t last[RUN_GROUPS] = {0};
    for (uint32_t i = 0; i < run->count; i++) {
        const struct run_record *r = &run->records[i];
        uint64_t *l = &last[r->gid - 1];
        bool durable = r->position < run->durable;
        bool entry = !entry_kind_is_transient(r->kind) && r->first_position == r->position;
        if (entry && durable)
            *l = r->index;
        else if (entry && r->index <= *l)
            *l = r->index - 1;
        else if (r->kind == ENTRY_CUT && r->index < *l)
            *l = r->index;
    }
    for (int g = 0; g < RUN_GROUPS; g++)
        if (last[g] > 0)
            CHECK(run->told[g] >= last[g]);
}

static inline void run_on_flushed(void *context, uint64_t position)
{
    struct journal_run *run = context;
    CHECK(position > run->durable);
    run->durable = position;
    run_check_told(run);
    journal_check(run->journal);
}

static inline void run_on_failed(void *context, int error)
{
    struct journal_run *run = context;
    run->failures++;
    run->failure = error;
}

static inline void run_on_ready(void *context)
{
    struct journal_run *run = context;
    run->ready++;
}

static inline void run_on_record(void *context, const struct entry *e, uint64_t position,
                                 uint64_t first_position)
{
    struct journal_run *run = context;
    while (run->bodies_kept && run->delivered < run->count &&
           run->records[run->delivered].position < position)
        run->delivered++;
    CHECK(run->delivered < run->count);
    const struct run_record *r = &run->records[run->delivered++];
    char body[8192];
    char opened_body[8192];
    struct entry want = run_entry(r, body);
    struct entry opened;
    CHECK((e->seal == ENTRY_SEALED) ==
          (run->seals && e->gid % 2 == 1 && !entry_kind_is_transient(e->kind)));
    if (e->seal == ENTRY_SEALED) {
        opened = run_opened(e, opened_body);
        e = &opened;
    }
    CHECK(r->position == position && r->first_position == first_position);
    CHECK(e->gid == want.gid && e->index == want.index && e->term == want.term);
    CHECK(e->kind == want.kind && e->flags == want.flags && e->time_ns == want.time_ns);
    CHECK(bytes_equal(e->body, want.body) && e->body_hash == want.body_hash);
}

static inline void run_on_rot(void *context, const struct journal_rot *rot)
{
    struct journal_run *run = context;
    run->rots++;
    run->rot = *rot;
}

static inline void run_on_done(void *context, int status)
{
    struct journal_run *run = context;
    run->recovered = true;
    run->status = status;
}

/* --- life ----------------------------------------------------------------------------------- */

static inline void run_open(struct journal_run *run)
{
    struct journal_options options = {
        .disk = disk_run_door(&run->disk),
        .folder = "journal",
        .store = RUN_STORE,
        .boot_epoch = ++run->epoch,
        .file_bytes = run->file_bytes,
        .seal = run_on_seal,
        .events = {run_on_durable, run_on_flushed, run_on_failed, run_on_ready},
        .context = run,
    };
    run->journal = journal_new(&options);
    run->recovered = false;
    run->rots = 0;
    run->failures = 0;
    run->delivered = 0;
    while (run->delivered < run->count && run->records[run->delivered].position < run->floor)
        run->delivered++;
    run->skipped = run->delivered;
}

static inline struct journal_recovery run_recovery(struct journal_run *run)
{
    return (struct journal_recovery){run_on_record, run_on_rot, run_on_done, run};
}

/* What recovery delivered is what there is from now on. */
static inline void run_take_over(struct journal_run *run)
{
    CHECK(run->status == 0);
    for (uint32_t i = run->delivered; i < run->count; i++)
        CHECK(run->records[i].position >= run->durable);
    run->count = run->delivered;
    memset(run->members, 0, sizeof run->members);
    memset(run->index, 0, sizeof run->index);
    memset(run->told, 0, sizeof run->told);
    for (int g = 0; g < RUN_GROUPS; g++)
        run->members[g].gid = (uint64_t)g + 1;
    for (uint32_t i = 0; i < run->count; i++) {
        const struct run_record *r = &run->records[i];
        if (r->kind == ENTRY_CUT && r->index < run->index[r->gid - 1])
            run->index[r->gid - 1] = r->index;
        if (!entry_kind_is_transient(r->kind) && r->first_position == r->position)
            run->index[r->gid - 1] = r->index;
        run->told[r->gid - 1] = run->index[r->gid - 1];
    }
    struct journal_span span;
    journal_span(run->journal, &span);
    CHECK(span.end >= run->floor && span.durable == span.end);
    CHECK(run->count == 0 || span.end > run->records[run->count - 1].position);
    run->durable = span.durable;
    journal_check(run->journal);
}

/* Recovers to the end. */
static inline void run_recover(struct journal_run *run)
{
    struct journal_recovery recovery = run_recovery(run);
    run_open(run);
    journal_recover(run->journal, run->floor, &recovery);
    disk_run_all(&run->disk);
    CHECK(run->recovered);
}

static inline void run_folder(struct disk_run *disk, enum disk_op op, const char *path);

static inline void run_init(struct journal_run *run, uint64_t seed, struct sim_disk_options options)
{
    *run = (struct journal_run){.file_bytes = RUN_FILE_BYTES};
    disk_run_init(&run->disk, seed, options);
    prng_init(&run->prng, seed + 1000000);
    run->records = calloc(RUN_RECORDS, sizeof run->records[0]);
    CHECK(run->records != NULL);
    run_folder(&run->disk, DISK_MKDIR, "journal");
    run_folder(&run->disk, DISK_SYNC_DIR, ".");
}

static inline void run_note(struct disk_request *request)
{
}

static inline void run_folder(struct disk_run *disk, enum disk_op op, const char *path)
{
    struct disk_request request = {.op = op, .path = path, .mode = 0700, .done = run_note};
    disk_submit(disk_run_door(disk), &request);
    disk_run_all(disk);
    CHECK(request.result == 0);
}

static inline void run_crash(struct journal_run *run, enum sim_crash how)
{
    disk_run_crash(&run->disk, how);
    journal_free(&run->journal);
}

static inline void run_done(struct journal_run *run)
{
    if (run->journal != NULL)
        run_crash(run, SIM_CRASH_KILL);
    disk_run_done(&run->disk);
    free(run->records);
}

/* --- work ----------------------------------------------------------------------------------- */

/* Appends what r says but for its place; returns what the journal said. */
static inline int run_put(struct journal_run *run, struct run_record r)
{
    char body[8192];
    CHECK(run->count < RUN_RECORDS && r.size <= sizeof body);
    r.number = run->numbers++;
    r.term = run->epoch;
    struct entry e = run_entry(&r, body);
    if (run->seals && r.gid % 2 == 1 && !entry_kind_is_transient(r.kind))
        e.seal = ENTRY_TO_SEAL;
    struct journal_member *member = &run->members[r.gid - 1];
    bool copy = r.first_position != 0;
    struct journal_place place;
    int status = copy ? journal_copy(run->journal, member, &e, r.first_position, &place)
                      : journal_append(run->journal, member, &e, &place);
    if (status != 0)
        return status;
    CHECK(run->count == 0 || place.position > run->records[run->count - 1].position);
    CHECK(place.position >= run->durable && bytes_equal(place.body, e.body));
    r.position = place.position;
    if (!copy)
        r.first_position = place.position;
    run->records[run->count++] = r;
    uint64_t *index = &run->index[r.gid - 1];
    uint64_t *told = &run->told[r.gid - 1];
    if (!copy && (r.kind == ENTRY_CUT || !entry_kind_is_transient(r.kind))) {
        *index = r.kind == ENTRY_CUT && *index < r.index ? *index : r.index;
        uint64_t to = r.kind == ENTRY_CUT ? r.index : r.index - 1;
        *told = *told < to ? *told : to;
    }
    return 0;
}

static inline int run_append(struct journal_run *run, unsigned group, uint32_t size)
{
    return run_put(run, (struct run_record){.gid = group + 1,
                                            .index = run->index[group] + 1,
                                            .size = size,
                                            .kind = ENTRY_MSG});
}

static inline uint32_t run_draw_size(struct journal_run *run)
{
    switch (prng_below(&run->prng, 8)) {
    case 0: return 0;
    case 1: return (uint32_t)prng_below(&run->prng, 8000);
    default: return (uint32_t)prng_below(&run->prng, 300);
    }
}

/* One record of any sort. */
static inline int run_append_any(struct journal_run *run)
{
    struct run_record r = {
        .gid = 1 + prng_below(&run->prng, RUN_GROUPS),
        .kind = ENTRY_MSG,
        .size = run_draw_size(run),
    };
    uint64_t index = run->index[r.gid - 1];
    r.index = index + 1;
    switch (prng_below(&run->prng, 20)) {
    case 0: r.kind = ENTRY_VOTE; break;
    case 1: r.kind = ENTRY_COMMIT; break;
    case 2:
        r.kind = ENTRY_CUT;
        r.index = index - (index > 3 ? prng_below(&run->prng, 3) : 0);
        break;
    case 3: r.index = index > 3 ? index - prng_below(&run->prng, 3) : index + 1; break;
    case 4:
        if (run->count > 0 && run->durable > 64) {
            r.index = index > 0 ? index : 1;
            r.first_position = 1 + prng_below(&run->prng, run->durable - 1);
        }
        break;
    default: break;
    }
    return run_put(run, r);
}

static inline void run_release(struct journal_run *run, bool zero)
{
    struct journal_span span;
    journal_span(run->journal, &span);
    uint64_t floor = span.file_end <= span.durable ? span.file_end : span.durable;
    if (floor == span.durable && run->count > 0 && prng_one_in(&run->prng, 2))
        floor = run->records[prng_below(&run->prng, run->count)].position;
    if (floor < run->floor || floor > span.durable)
        return;
    run->floor = floor;
    journal_release(run->journal, floor, zero);
    journal_check(run->journal);
}

/* Does one thing that an owner may do, or lets the disk do one. */
static inline void run_act(struct journal_run *run)
{
    int status = 0;
    switch (prng_below(&run->prng, 24)) {
    case 0:
    case 1: journal_flush(run->journal, true); break;
    case 2: journal_flush(run->journal, false); break;
    case 3: run_release(run, prng_one_in(&run->prng, 3)); break;
    case 4:
        run->now_ms += 10;
        if (journal_due_ms(run->journal) <= run->now_ms)
            journal_tick(run->journal, run->now_ms);
        break;
    case 5:
        if (prng_one_in(&run->prng, 8))
            status = journal_leave_file(run->journal);
        break;
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
    case 11: disk_run_step(&run->disk); break;
    default: status = run_append_any(run); break;
    }
    CHECK(status == 0 || status == -EAGAIN || (status == -EIO && run->failures > 0));
    journal_check(run->journal);
}

#endif
