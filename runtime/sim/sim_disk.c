/* SPDX-License-Identifier: Apache-2.0 */
/* sim_disk.c -- when requests are performed; and what a crash leaves.
 *
 * Invariants  1 the queue is sorted by (due, number), so equal times have one order
 *             2 an ordered request of a file is due after those before it, a close after all others
 *             3 each request ends once: in a step, or in a crash
 */
#include "runtime/sim/sim_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/base/prng.h"
#include "runtime/sim/sim_disk_state.h"

static void submit(void *context, struct disk_request *request)
{
    sim_disk_submit(context, request);
}

struct sim_disk *sim_disk_new(struct prng *prng, const struct sim_disk_options *options)
{
    CHECK(options->delay_min_ns <= options->delay_max_ns);
    struct sim_disk *disk = calloc(1, sizeof *disk);
    CHECK(disk != NULL);
    disk->door = (struct disk){submit, disk};
    disk->prng = prng;
    disk->options = *options;
    list_init(&disk->queue);
    list_init(&disk->files);
    list_init(&disk->inodes);
    list_init(&disk->namings);
    disk->standard_error.disk = disk;
    disk->standard_error.standard_error = true;
    struct sim_inode *root = sim_inode_new(&disk->inodes, disk->inodes_made++, true);
    sim_tree_put(&disk->shown, "", root);
    sim_tree_put(&disk->stored, "", root);
    sim_inode_unref(&root);
    return disk;
}

static void forget_namings(struct sim_disk *disk)
{
    while (!list_empty(&disk->namings)) {
        struct sim_naming *naming = LIST_ENTRY(disk->namings.next, struct sim_naming, link);
        sim_naming_free(&naming);
    }
}

static void close_all(struct sim_disk *disk)
{
    while (!list_empty(&disk->files)) {
        struct disk_file *file = LIST_ENTRY(disk->files.next, struct disk_file, link);
        sim_disk_close(&file);
    }
}

void sim_disk_free(struct sim_disk **at)
{
    struct sim_disk *disk = *at;
    *at = NULL;
    CHECK(disk->under_way == 0 && list_empty(&disk->queue));
    close_all(disk);
    forget_namings(disk);
    sim_tree_done(&disk->shown);
    sim_tree_done(&disk->stored);
    CHECK(list_empty(&disk->inodes));
    free(disk);
}

const struct disk *sim_disk_door(struct sim_disk *disk)
{
    return &disk->door;
}

struct disk_file *sim_disk_stderr(struct sim_disk *disk)
{
    return &disk->standard_error;
}

void sim_disk_abandon(struct sim_disk *disk, struct disk_file *file)
{
    CHECK(file->disk == disk && !file->closing);
    sim_disk_close(&file);
}

bool sim_disk_draw(struct sim_disk *disk, uint32_t one_in)
{
    return one_in != 0 && prng_one_in(disk->prng, one_in);
}

/* --- when ------------------------------------------------------------------------------------- */

static uint64_t max_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t draw_due(struct sim_disk *disk)
{
    uint64_t range = disk->options.delay_max_ns - disk->options.delay_min_ns;
    uint64_t delay = disk->options.delay_min_ns + prng_below(disk->prng, range + 1);
    if (sim_disk_draw(disk, disk->options.faults.stall)) {
        disk->counts.stalled++;
        delay += disk->options.stall_ns;
    }
    return disk->now_ns + max_of(delay, 1);
}

static void order_in_file(struct disk_request *request)
{
    struct disk_file *file = request->file;
    CHECK(!file->closing);
    if (disk_op_ordered(request->op)) {
        request->disk.due_ns = max_of(request->disk.due_ns, file->ordered_due_ns);
        if (request->op == DISK_CLOSE) {
            CHECK(!file->standard_error);
            request->disk.due_ns = max_of(request->disk.due_ns, file->last_due_ns);
            file->closing = true;
        }
        file->ordered_due_ns = request->disk.due_ns;
    }
    file->last_due_ns = max_of(file->last_due_ns, request->disk.due_ns);
}

void sim_disk_submit(struct sim_disk *disk, struct disk_request *request)
{
    bool refused = disk->under_way >= DISK_REQUESTS_MAX && request->op != DISK_CLOSE;
    request->result = refused ? -EAGAIN : 0;
    request->disk.due_ns = refused ? disk->now_ns + 1 : draw_due(disk);
    request->disk.number = disk->requests++;
    if (!refused && !disk_op_on_path(request->op)) {
        CHECK(request->file->disk == disk);
        order_in_file(request);
    }
    struct link *before = disk->queue.prev;
    while (before != &disk->queue &&
           LIST_ENTRY(before, struct disk_request, disk.link)->disk.due_ns > request->disk.due_ns)
        before = before->prev;
    list_push_front(before, &request->disk.link);
    disk->under_way++;
}

uint64_t sim_disk_next_ns(const struct sim_disk *disk)
{
    if (list_empty(&disk->queue))
        return UINT64_MAX;
    return LIST_ENTRY(disk->queue.next, struct disk_request, disk.link)->disk.due_ns;
}

static void end(struct sim_disk *disk, struct disk_request *request, bool crashed)
{
    DCHECK(disk->under_way > 0);
    disk->under_way--;
    if (disk->options.ended != NULL)
        disk->options.ended(disk->options.context, request, crashed);
    else if (!crashed)
        request->done(request);
    else if (request->drop != NULL)
        request->drop(request);
}

static struct disk_request *pop(struct sim_disk *disk)
{
    return LIST_ENTRY(list_pop_front(&disk->queue), struct disk_request, disk.link);
}

void sim_disk_step(struct sim_disk *disk, uint64_t now_ns)
{
    DCHECK(now_ns >= disk->now_ns);
    disk->now_ns = now_ns;
    while (sim_disk_next_ns(disk) <= now_ns) {
        struct disk_request *request = pop(disk);
        if (request->result == 0)
            sim_disk_perform(disk, request);
        end(disk, request, false);
    }
}

/* --- crash ------------------------------------------------------------------------------------ */

/* What the names are: all changes, none, a beginning, or any of them. */
enum fate { FATE_ALL, FATE_NONE, FATE_BEGINNING, FATE_ANY, FATES };

static enum fate draw_fate(struct sim_disk *disk, enum sim_crash how)
{
    if (how != SIM_CRASH_POWER)
        return how == SIM_CRASH_KILL ? FATE_ALL : FATE_NONE;
    return (enum fate)prng_below(disk->prng, FATES);
}

/* Whether one more change is stored. *ended: a beginning has had its end. */
static bool is_stored(struct sim_disk *disk, enum fate fate, bool *ended)
{
    switch (fate) {
    case FATE_ALL: return true;
    case FATE_NONE: return false;
    case FATE_BEGINNING: *ended = *ended || prng_one_in(disk->prng, 4); return !*ended;
    case FATE_ANY: return prng_one_in(disk->prng, 2);
    case FATES: break;
    }
    UNREACHABLE("no fate");
}

static void crash_names(struct sim_disk *disk, enum sim_crash how)
{
    enum fate fate = draw_fate(disk, how);
    bool ended = false;
    for (struct link *at = disk->namings.next; at != &disk->namings; at = at->next)
        if (is_stored(disk, fate, &ended))
            sim_naming_apply(LIST_ENTRY(at, struct sim_naming, link), &disk->stored);
        else
            disk->counts.changes_lost++;
    forget_namings(disk);
    sim_tree_prune(&disk->stored);
    sim_tree_copy(&disk->shown, &disk->stored);
}

/* Some sectors of a write, and perhaps the file's new size without its bytes. */
static void store_torn(struct sim_disk *disk, struct sim_inode *inode,
                       const struct sim_change *change)
{
    disk->counts.changes_torn++;
    uint64_t end_of_write = change->offset + change->size;
    for (uint64_t at = change->offset; at < end_of_write;) {
        uint64_t sector_end = (at / SIM_SECTOR + 1) * SIM_SECTOR;
        uint64_t to = sector_end < end_of_write ? sector_end : end_of_write;
        if (prng_one_in(disk->prng, 2))
            sim_image_write(&inode->stored, at, change->data + (at - change->offset),
                            (size_t)(to - at));
        at = to;
    }
    if (inode->stored.size < end_of_write && prng_one_in(disk->prng, 2))
        sim_image_resize(&inode->stored, end_of_write);
}

static void crash_inode(struct sim_disk *disk, struct sim_inode *inode, enum sim_crash how)
{
    enum fate fate = draw_fate(disk, how);
    bool ended = false;
    for (struct link *at = inode->changes.next; at != &inode->changes; at = at->next) {
        const struct sim_change *change = LIST_ENTRY(at, struct sim_change, link);
        if (change->lost && how != SIM_CRASH_KILL)
            continue;
        bool before = ended;
        bool stored = is_stored(disk, fate, &ended);
        bool torn = change->kind == SIM_WRITE && how == SIM_CRASH_POWER &&
                    ((fate == FATE_BEGINNING && ended && !before) ||
                     (fate == FATE_ANY && prng_one_in(disk->prng, 2)));
        if (torn)
            store_torn(disk, inode, change);
        else if (stored)
            sim_inode_store(inode, change);
        else
            disk->counts.changes_lost++;
    }
    sim_inode_reload(inode);
}

/* A killed process leaves the cache: nothing is stored that was not, and all is still seen. */
static void crash_power(struct sim_disk *disk, enum sim_crash how)
{
    crash_names(disk, how);
    for (struct link *at = disk->inodes.next; at != &disk->inodes; at = at->next)
        crash_inode(disk, LIST_ENTRY(at, struct sim_inode, link), how);
}

void sim_disk_crash(struct sim_disk *disk, enum sim_crash how)
{
    /* In their order, so that of one file those performed are a beginning of those under way. */
    bool performing = how != SIM_CRASH_WORST;
    while (!list_empty(&disk->queue)) {
        struct disk_request *request = pop(disk);
        performing = performing && !prng_one_in(disk->prng, 4);
        bool performed = performing && request->result == 0 && request->op != DISK_CLOSE;
        if (performed)
            sim_disk_perform(disk, request);
        if (performed && request->op == DISK_LIST && request->result == 0)
            disk_names_free(&request->names);
        request->result = -ECANCELED;
        end(disk, request, true);
    }
    close_all(disk);
    disk->standard_error.ordered_due_ns = disk->standard_error.last_due_ns = 0;
    if (how == SIM_CRASH_KILL) {
        for (struct link *at = disk->inodes.next; at != &disk->inodes; at = at->next)
            LIST_ENTRY(at, struct sim_inode, link)->locked_by = NULL;
        return;
    }
    crash_power(disk, how);
}

/* --- by hand ---------------------------------------------------------------------------------- */

void sim_disk_set_faults(struct sim_disk *disk, const struct sim_disk_faults *faults)
{
    disk->options.faults = *faults;
}

void sim_disk_set_capacity(struct sim_disk *disk, uint64_t capacity)
{
    disk->options.capacity = capacity;
}

void sim_disk_fail_next(struct sim_disk *disk, enum disk_op op, int error)
{
    CHECK((unsigned)op < DISK_OPS && error < 0);
    disk->fail_next[op] = error;
}

void sim_disk_fail_none(struct sim_disk *disk)
{
    memset(disk->fail_next, 0, sizeof disk->fail_next);
}

static int flip_in(struct sim_image *image, uint64_t offset, uint8_t mask)
{
    uint8_t byte;
    if (sim_image_read(image, offset, &byte, 1) != 1)
        return -EINVAL;
    byte ^= mask;
    sim_image_write(image, offset, &byte, 1);
    return 0;
}

int sim_disk_flip(struct sim_disk *disk, const char *path, uint64_t offset, uint8_t mask)
{
    char name[DISK_PATH_MAX];
    sim_path(name, path);
    struct sim_inode *inode = sim_tree_find(&disk->shown, name);
    if (inode == NULL || inode->directory)
        return -ENOENT;
    (void)flip_in(&inode->stored, offset, mask); /* it may not have been stored yet */
    return flip_in(&inode->cached, offset, mask);
}

const struct sim_disk_counts *sim_disk_counts(const struct sim_disk *disk)
{
    return &disk->counts;
}
