/* SPDX-License-Identifier: Apache-2.0 */
/* store_view_spill.c -- sections of a checkpoint that are too large for the ledger: read, and both copies compared. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "server/store_view.h"
#include "store/store_spill.h"

static void on_read(struct spill_read *read, int status)
{
    *(int *)read->context = status;
}

/* 0: the file has exactly these bytes. */
static int compare(const struct store_view *v, const struct view_group *g, char letter)
{
    char path[VIEW_PATH_MAX];
    char piece[4096];
    (void)snprintf(path, sizeof path, "%s/g/%llu/%c-%08llu", v->path, (unsigned long long)g->gid,
                   letter, (unsigned long long)g->spill_number);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int status = lseek(fd, 0, SEEK_END) == (off_t)g->spill_size ? 0 : -EBADMSG;
    for (uint64_t at = 0; status == 0 && at < g->spill_size; at += sizeof piece) {
        size_t size = g->spill_size - at < sizeof piece ? g->spill_size - at : sizeof piece;
        ssize_t got = pread(fd, piece, size, (off_t)at);
        if (got < 0)
            status = -errno;
        else if ((size_t)got != size || memcmp(piece, g->spill_body + at, size) != 0)
            status = -EBADMSG;
    }
    (void)close(fd); /* it was read only */
    return status;
}

int view_read_spill(struct store_view *v, struct view_group *g)
{
    struct bytes section = g->checkpoint.sections[CHECKPOINT_SPILLED];
    char folder[VIEW_PATH_MAX];
    int status = -EIO;
    if (section.size == 0)
        return 0;
    (void)snprintf(folder, sizeof folder, "%s/g/%llu", v->path, (unsigned long long)g->gid);
    struct spill_read read = {.disk = &v->disk.door,
                              .folder = folder,
                              .gid = g->gid,
                              .done = on_read,
                              .context = &status};
    spill_read(&read, section);
    sync_disk_run(&v->disk);
    g->spill_number = read.number;
    g->spill_size = read.size;
    g->spill_body = read.at;
    if (status == 0)
        status = spill_take(&read, &g->checkpoint);
    for (int i = 0; i < 2; i++)
        g->spill_status[i] = status == 0 ? compare(v, g, "xy"[i]) : status;
    return status;
}
