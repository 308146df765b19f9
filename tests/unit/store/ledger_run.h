/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_run.h -- the owner of a ledger and a super block, as small as it can be, on a simulated disk.
 *
 * owner_start ──► super_load ──► super_save (epoch + 1) ──► ledger_recover ──► ready
 * owner_commit ──► ledger_commit ──► (super_save ──► ledger_forget_old) ──► ready
 */
#ifndef TESTS_UNIT_STORE_LEDGER_RUN_H
#define TESTS_UNIT_STORE_LEDGER_RUN_H

#include <errno.h>

#include "store/ledger.h"
#include "store/super.h"
#include "tests/unit/store/disk_run.h"
#include "tests/unit/store/ledger_model.h"

enum { OWNER_REWRITE_MIN = 20000 };

struct owner {
    struct disk_run run;
    struct super *super;
    struct ledger *ledger;
    struct super_block block;
    bool ready; /* nothing is under way */
    int status; /* of the start, or the last commit */
    uint32_t lost;
    unsigned failures; /* calls of failed */
    unsigned records;  /* told at the last start */
    unsigned doubtful;
    struct model told;      /* at the last start */
    struct model durable;   /* at the last commit that was told as done */
    struct model under_way; /* with what has been put since */
    uint32_t next_tag;
    uint64_t rewrite_min;
};

static inline void owner_end(struct owner *o, int status)
{
    o->status = status;
    o->ready = true;
}

static inline void owner_on_failed(void *context, int error)
{
    struct owner *o = context;
    CHECK(error < 0);
    o->failures++;
}

static inline void owner_on_named(void *context, int status)
{
    struct owner *o = context;
    if (status == 0)
        ledger_forget_old(o->ledger);
    owner_end(o, status);
}

static inline void owner_name(struct owner *o)
{
    o->block.ledger = ledger_number(o->ledger);
    super_save(o->super, &o->block, owner_on_named, o);
}

static inline void owner_on_record(void *context, const struct ledger_record *record)
{
    struct owner *o = context;
    o->records++;
    o->doubtful += record->doubtful;
    model_apply(&o->told, record->kind, record->gid, model_tag(record));
}

static inline void owner_on_recovered(void *context, int status, uint32_t lost)
{
    struct owner *o = context;
    o->lost = lost;
    ledger_check(o->ledger);
    CHECK((status == -EUCLEAN) == (lost > 0) || (status != 0 && status != -EUCLEAN));
    if ((status == 0 || status == -EUCLEAN) && ledger_is_unnamed(o->ledger))
        owner_name(o);
    else
        owner_end(o, status);
}

static inline void owner_recover(struct owner *o)
{
    struct ledger_options options = {
        .disk = disk_run_door(&o->run),
        .folder = "store/ledger",
        .store = super_block_store(&o->block),
        .boot_epoch = o->block.boot_epoch,
        .rewrite_min = o->rewrite_min,
        .failed = owner_on_failed,
        .context = o,
    };
    struct ledger_recovery recovery = {owner_on_record, owner_on_recovered};
    o->ledger = ledger_new(&options);
    ledger_recover(o->ledger, o->block.ledger, &recovery);
}

static inline void owner_on_saved(void *context, int status)
{
    struct owner *o = context;
    if (status == 0)
        owner_recover(o);
    else
        owner_end(o, status);
}

static inline void owner_on_loaded(void *context, int status, const struct super_block *block)
{
    struct owner *o = context;
    if (status == -ENOENT) {
        o->block = (struct super_block){.uuid = {1, 2, 3, 4, 5, 6, 7, 8}, .boot_epoch = 1};
        owner_recover(o);
        return;
    }
    if (status != 0) {
        owner_end(o, status);
        return;
    }
    o->block = *block;
    o->block.boot_epoch++;
    super_save(o->super, &o->block, owner_on_saved, o);
}

/* Begins a start; it is over when `ready`. */
static inline void owner_start(struct owner *o)
{
    CHECK(o->super == NULL && o->ledger == NULL);
    o->ready = false;
    o->failures = o->records = o->doubtful = o->lost = 0;
    memset(&o->told, 0, sizeof o->told);
    o->super = super_new(disk_run_door(&o->run), "store");
    super_load(o->super, owner_on_loaded, o);
}

/* Whoever had started is gone, with all that was under way. */
static inline void owner_crash(struct owner *o, enum sim_crash how)
{
    disk_run_crash(&o->run, how);
    if (o->ledger != NULL)
        ledger_free(&o->ledger);
    if (o->super != NULL)
        super_free(&o->super);
}

static inline void owner_run(struct owner *o)
{
    disk_run_all(&o->run);
    CHECK(o->ready);
}

static inline void owner_on_committed(void *context, int status)
{
    struct owner *o = context;
    ledger_check(o->ledger);
    if (status == 0)
        o->durable = o->under_way;
    if (status == 0 && ledger_is_unnamed(o->ledger))
        owner_name(o);
    else
        owner_end(o, status);
}

static inline void owner_put(struct owner *o, enum ledger_kind kind, uint64_t gid)
{
    uint32_t tag = ++o->next_tag;
    struct ledger_record record = {.kind = kind, .gid = gid, .body = model_body(kind, tag)};
    model_apply(&o->under_way, kind, gid, tag);
    ledger_put(o->ledger, &record);
}

/* Begins a commit of what was put; it is over when `ready`. */
static inline void owner_commit(struct owner *o)
{
    CHECK(o->ready);
    o->ready = false;
    ledger_commit(o->ledger, owner_on_committed);
}

static inline void owner_put_some(struct owner *o, struct prng *prng)
{
    static const enum ledger_kind kinds[] = {
        LEDGER_GROUP,  LEDGER_GROUP,  LEDGER_CHECKPOINT, LEDGER_CHECKPOINT, LEDGER_CHECKPOINT,
        LEDGER_MAKING, LEDGER_MAKING, LEDGER_FLOOR,      LEDGER_GONE,
    };
    uint64_t count = 1 + prng_below(prng, 6);
    while (count-- > 0) {
        enum ledger_kind kind = kinds[prng_below(prng, sizeof kinds / sizeof kinds[0])];
        uint64_t gid = kind == LEDGER_FLOOR ? 0 : 1 + prng_below(prng, MODEL_GIDS);
        if (model_has_room(&o->under_way, kind, gid))
            owner_put(o, kind, gid);
        else
            owner_put(o, LEDGER_CHECKPOINT, gid);
    }
}

static inline void owner_on_closed(void *context, int status)
{
    owner_end(context, status);
}

static inline void owner_stop(struct owner *o)
{
    o->ready = false;
    ledger_close(o->ledger, owner_on_closed);
    owner_run(o);
    CHECK(o->status == 0);
    ledger_free(&o->ledger);
    super_free(&o->super);
}

static inline int64_t owner_path_op(struct owner *o, enum disk_op op, const char *path);

static inline void owner_request_done(struct disk_request *request)
{
    *(bool *)request->context = true;
}

/* One request to its end, past the ledger. */
static inline int64_t owner_perform(struct owner *o, struct disk_request *r)
{
    bool over = false;
    r->done = owner_request_done;
    r->context = &over;
    r->mode = 0700;
    disk_submit(disk_run_door(&o->run), r);
    while (!over)
        disk_run_step(&o->run);
    return r->result;
}

static inline int64_t owner_path_op(struct owner *o, enum disk_op op, const char *path)
{
    struct disk_request r = {.op = op, .path = path};
    return owner_perform(o, &r);
}

static inline void owner_init(struct owner *o, uint64_t seed)
{
    *o = (struct owner){.rewrite_min = OWNER_REWRITE_MIN};
    disk_run_init(&o->run, seed, (struct sim_disk_options){0});
    CHECK(owner_path_op(o, DISK_MKDIR, "store") == 0);
    CHECK(owner_path_op(o, DISK_MKDIR, "store/ledger") == 0);
    CHECK(owner_path_op(o, DISK_SYNC_DIR, ".") == 0);
    CHECK(owner_path_op(o, DISK_SYNC_DIR, "store") == 0);
}

static inline void owner_done(struct owner *o)
{
    owner_crash(o, SIM_CRASH_KILL);
    disk_run_done(&o->run);
}

/* Starts, wholly. */
static inline int owner_started(struct owner *o)
{
    owner_start(o);
    owner_run(o);
    return o->status;
}

static inline int owner_committed(struct owner *o)
{
    owner_commit(o);
    owner_run(o);
    return o->status;
}

/* Of the current ledger: copy 0 or 1. */
static inline void owner_ledger_path(const struct owner *o, unsigned copy, char path[64])
{
    snprintf(path, 64, "store/ledger/%c-%05u", "ab"[copy], (unsigned)o -> block.ledger);
}

/* The bytes of a file; the caller frees them. */
static inline char *owner_file(struct owner *o, const char *path, size_t *ret_size)
{
    struct disk_request open = {.op = DISK_OPEN, .path = path};
    if (owner_perform(o, &open) != 0)
        return NULL;
    struct disk_request stat = {.op = DISK_STAT, .file = open.file};
    CHECK(owner_perform(o, &stat) == 0);
    *ret_size = stat.stat.size;
    char *bytes = malloc(*ret_size + 1);
    CHECK(bytes != NULL);
    for (size_t at = 0; at < *ret_size;) {
        struct iovec part = {bytes + at, *ret_size - at};
        struct disk_request read = {
            .op = DISK_READ, .file = open.file, .offset = at, .parts = &part, .part_count = 1};
        int64_t result = owner_perform(o, &read);
        CHECK(result > 0);
        at += (size_t)result;
    }
    struct disk_request close = {.op = DISK_CLOSE, .file = open.file};
    CHECK(owner_perform(o, &close) == 0);
    return bytes;
}

#endif
