/* SPDX-License-Identifier: Apache-2.0 */
/* store_repair.c -- what can be made whole while nobody runs the store, without losing anything.
 *
 *     a super block          written anew, as a start does
 *     a copy of the ledger   what it lacks is taken from the other one, as a start does
 *     a copy of a state      likewise
 *     a chunk                header, index and footer made anew from its frames: into a new file that takes
 *                            the place of the old one, which goes to quarantine
 *     nobody's files         go to quarantine
 *
 * Nothing is deleted, and nothing is written over but what is damaged. What is left is lost here: it comes back
 * from a replica or a backup, or not at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "server/store_check.h"
#include "server/store_tool.h"
#include "store/format/chunk_build.h"
#include "store/ledger_mend.h"
#include "store/super.h"

static void repaired(struct store_tool *t, const char *file, const char *what)
{
    t->repaired++;
    printf("repaired: %s: %s\n", file, what);
}

/* --- super blocks --------------------------------------------------------------------------------------------- */

static void on_loaded(void *context, int status, const struct super_block *block)
{
    (void)block;
    *(int *)context = status;
}

static void on_saved(void *context, int status)
{
    *(int *)context = status;
}

static int repair_super(struct store_tool *t)
{
    struct store_view *v = &t->view;
    bool whole = v->super_copies[0].status == 0 && v->super_copies[1].status == 0;
    if (whole && v->super_copies[0].block.generation == v->super_copies[1].block.generation)
        return 0;
    struct super *s = super_new(&v->disk.door, v->path);
    int status = -EIO;
    super_load(s, on_loaded, &status);
    sync_disk_run(&v->disk);
    if (status == 0) {
        super_save(s, &v->super, on_saved, &status);
        sync_disk_run(&v->disk);
    }
    super_free(&s);
    if (status == 0)
        repaired(t, v->super_copies[0].status != 0 ? "super.a" : "super.b",
                 "both copies are written anew.");
    return status;
}

/* --- the ledger ------------------------------------------------------------------------------------------------ */

struct mending {
    struct ledger_mend mend;
    int status;
};

static void on_mend(struct task *task)
{
    struct mending *m = task->context;
    m->status = ledger_mend_run(&m->mend, task);
}

static void on_made(struct task *task)
{
    (void)task;
}

/* A copy that is not there is made, empty. */
static int make_missing(struct store_view *v, bool *ret_made)
{
    for (int i = 0; i < 2; i++) {
        if (v->ledger_file[i] != NULL)
            continue;
        struct task task;
        struct task_io io = {.moved = 0};
        task_init(&task, &v->disk.door, on_made, NULL);
        task_open(&task, &io, v->ledger_path[i], DISK_OPEN_WRITE | DISK_OPEN_CREATE);
        sync_disk_run(&v->disk);
        if (task.status != 0)
            return task.status;
        v->ledger_file[i] = io.request.file;
        *ret_made = true;
    }
    return 0;
}

static int repair_ledger(struct store_tool *t)
{
    struct store_view *v = &t->view;
    char folder[VIEW_PATH_MAX];
    bool made = false;
    bool bad[2] = {false, false};
    for (size_t i = 0; i < v->scan.repair_count; i++)
        bad[v->scan.repairs[i].bad] = true;
    if (!bad[0] && !bad[1])
        return 0;
    int status = make_missing(v, &made);
    if (status != 0)
        return status;
    (void)snprintf(folder, sizeof folder, "%s/ledger", v->path);
    struct mending m = {.status = 0};
    struct task task;
    ledger_mend_init(&m.mend, &v->scan, v->ledger_file, made ? folder : NULL);
    task_init(&task, &v->disk.door, on_mend, &m);
    task_begin(&task);
    sync_disk_run(&v->disk);
    ledger_mend_done(&m.mend);
    for (int i = 0; i < 2 && m.status == 0; i++)
        if (bad[i])
            repaired(t, v->ledger_path[i] + strlen(v->path) + 1, "taken from the other copy.");
    return m.status;
}

/* --- quarantine ------------------------------------------------------------------------------------------------- */

static int sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int status = fsync(fd) == 0 ? 0 : -errno;
    (void)close(fd); /* it was read only */
    return status;
}

/* Under a name that says where it was: g/7/s-1 becomes quarantine/g7-s-1, with a number if that is taken. */
static int to_quarantine(struct store_tool *t, const char *file)
{
    const struct store_view *v = &t->view;
    char folder[VIEW_PATH_MAX];
    char from[VIEW_PATH_MAX];
    char to[VIEW_PATH_MAX + 300];
    char flat[256];
    (void)snprintf(folder, sizeof folder, "%s/quarantine", v->path);
    (void)snprintf(from, sizeof from, "%s/%s", v->path, file);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return -errno;
    (void)snprintf(flat, sizeof flat, "%s", file);
    for (char *c = flat; *c != 0; c++)
        if (*c == '/')
            *c = '-';
    if (strncmp(flat, "g-", 2) == 0)
        memmove(flat + 1, flat + 2, strlen(flat + 2) + 1);
    (void)snprintf(to, sizeof to, "%s/%s", folder, flat);
    for (unsigned n = 1; access(to, F_OK) == 0; n++)
        (void)snprintf(to, sizeof to, "%s/%s.%u", folder, flat, n);
    if (rename(from, to) != 0)
        return -errno;
    return sync_folder(folder);
}

static void on_stray(struct store_tool *t, const char *file)
{
    int status = to_quarantine(t, file);
    if (status == 0)
        repaired(t, file, "nobody's; moved to quarantine.");
    else
        printf("not repaired: %s: %s\n", file, tool_why(status));
}

/* The new file takes the place of the old one, if there is one. */
static int replace(struct store_tool *t, const char *file, const char *path, const char *made)
{
    int status = access(path, F_OK) == 0 ? to_quarantine(t, file) : 0;
    if (status == 0 && rename(made, path) != 0)
        status = -errno;
    char folder[VIEW_PATH_MAX];
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    return status == 0 ? sync_folder(folder) : status;
}

/* --- a copy of a group's state -------------------------------------------------------------------------------------- */

static int write_file(const char *path, const char *at, uint64_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int status = 0;
    for (uint64_t done = 0; status == 0 && done < size;) {
        ssize_t moved = write(fd, at + done, size - done);
        if (moved < 0 && errno != EINTR)
            status = -errno;
        done += moved > 0 ? (uint64_t)moved : 0;
    }
    if (status == 0 && fsync(fd) != 0)
        status = -errno;
    if (close(fd) != 0 && status == 0)
        status = -errno;
    return status;
}

static void repair_spill(struct store_tool *t, const struct view_group *g)
{
    for (int i = 0; i < 2 && g->spill_body != NULL; i++) {
        char file[64];
        char path[VIEW_PATH_MAX];
        char made[VIEW_PATH_MAX + 8];
        if (g->spill_status[i] == 0)
            continue;
        (void)snprintf(file, sizeof file, "g/%llu/%c-%08llu", (unsigned long long)g->gid, "xy"[i],
                       (unsigned long long)g -> spill_number);
        (void)snprintf(path, sizeof path, "%s/%s", t->view.path, file);
        (void)snprintf(made, sizeof made, "%s.mended", path);
        int status = write_file(made, g->spill_body, g->spill_size);
        if (status == 0)
            status = replace(t, file, path, made);
        if (status == 0)
            repaired(t, file, "taken from the other copy.");
        else
            printf("not repaired: %s: %s\n", file, tool_why(status));
    }
}

/* --- segments ----------------------------------------------------------------------------------------------------- */

struct mend_segment {
    struct store_tool *tool;
    struct chunk_builder builder;
    bool building;
    bool mendable; /* so far */
    int fd;        /* of the new file; -1: none is needed so far */
    unsigned mended;
};

static void on_record(void *context, const struct chunk_record *r)
{
    struct mend_segment *m = context;
    if (!m->building || chunk_builder_add(&m->builder, r) != 0)
        m->building = false;
}

static void on_lost(void *context, uint64_t first, uint64_t last)
{
    struct mend_segment *m = context;
    (void)first;
    (void)last;
    m->building = false;
}

static void write_piece(struct mend_segment *m, uint64_t offset, struct bytes bytes)
{
    if (m->fd >= 0 && pwrite(m->fd, bytes.at, bytes.size, (off_t)offset) != (ssize_t)bytes.size)
        m->mendable = false;
}

static void begin_piece(struct mend_segment *m, const struct chunk_place *place)
{
    chunk_builder_init(&m->builder, place, NULL, 0);
    m->building = true;
}

/* A piece that is whole, or lossy, is copied as it is; one that lacks only what follows from its frames is
 * built anew: the builder makes the same bytes of the same records. */
static void on_piece(void *context, const struct segment_piece *p)
{
    struct mend_segment *m = context;
    struct chunk_place next = p->place;
    struct chunk_info info;
    next.offset += p->bytes.size;
    char *chunk = NULL;
    if (p->bad != 0 && (p->bad & CHUNK_PART_FRAMES) == 0 && m->building && p->records > 0)
        chunk = chunk_builder_finish(&m->builder, &info);
    else
        chunk_builder_done(&m->builder);
    if (chunk != NULL && info.size == p->bytes.size) {
        m->mended++;
        write_piece(m, p->place.offset, (struct bytes){chunk, info.size});
    } else {
        write_piece(m, p->place.offset, p->bytes);
    }
    free(chunk);
    begin_piece(m, &next);
}

static int walk(struct mend_segment *m, const struct view_group *g, const struct segment_edge *edge)
{
    const struct chunk_place first = {g->gid, edge->number, 0};
    m->mended = 0;
    begin_piece(m, &first);
    int status = tool_walk_segment(m->tool, g, edge, on_record, on_lost, on_piece, m);
    chunk_builder_done(&m->builder);
    return status;
}

static void repair_segment(struct store_tool *t, const struct view_group *g,
                           const struct segment_edge *edge)
{
    struct mend_segment m = {.tool = t, .mendable = true, .fd = -1};
    char file[64];
    char path[VIEW_PATH_MAX];
    char made[VIEW_PATH_MAX + 8];
    if (walk(&m, g, edge) != 0 || m.mended == 0)
        return;
    (void)snprintf(file, sizeof file, "g/%llu/s-%08llu", (unsigned long long)g->gid,
                   (unsigned long long)edge->number);
    (void)snprintf(path, sizeof path, "%s/%s", t->view.path, file);
    (void)snprintf(made, sizeof made, "%s.mended", path);
    m.fd = open(made, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int status = m.fd < 0 ? -errno : walk(&m, g, edge);
    if (status == 0 && (!m.mendable || fsync(m.fd) != 0))
        status = -EIO;
    if (m.fd >= 0 && close(m.fd) != 0 && status == 0)
        status = -errno;
    if (status == 0)
        status = replace(t, file, path, made);
    if (status == 0)
        repaired(t, file, "chunks made anew from their frames; the old file is in quarantine.");
    else
        printf("not repaired: %s: %s\n", file, tool_why(status));
}

/* --- all of it ----------------------------------------------------------------------------------------------------- */

static int cannot(const struct store_tool *t, const char *what, int status)
{
    printf("not repaired: %s of %s: %s\n", what, t->view.path, tool_why(status));
    return status == -EBADMSG || status == -ENOENT ? TOOL_DAMAGED : TOOL_CANNOT;
}

int tool_repair(struct store_tool *t)
{
    struct store_view *v = &t->view;
    view_read_super(v);
    if (v->super_status != 0)
        return cannot(t, "the super block", v->super_status);
    if (v->super.ledger != 0)
        view_read_ledger(v, DISK_OPEN_WRITE);
    if (v->super.ledger != 0 && v->ledger_status != 0)
        return cannot(t, "the ledger", v->ledger_status);
    int status = repair_super(t);
    if (status != 0)
        return cannot(t, "the super block", status);
    for (uint32_t i = 0; i < v->group_count; i++) {
        repair_spill(t, &v->groups[i]);
        for (uint32_t n = 0; n < v->groups[i].segment_count; n++)
            repair_segment(t, &v->groups[i], &v->groups[i].segments[n]);
    }
    tool_visit_strays(t, on_stray);
    status = repair_ledger(t);
    if (status != 0)
        return cannot(t, "the ledger", status);
    printf("%llu repairs. `myelin store check %s` says whether anything is left.\n",
           (unsigned long long)t->repaired, v->path);
    return TOOL_CLEAN;
}
