/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ledger_mend.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"

enum { PIECE_BYTES = 1 << 20 };

enum { MEND_NEXT, MEND_COPY, MEND_READ, MEND_WRITTEN, MEND_SYNCED };

void ledger_mend_init(struct ledger_mend *m, struct ledger_scan *scan,
                      struct disk_file *const file[2], const char *folder)
{
    *m = (struct ledger_mend){
        .file = {file[0], file[1]},
        .folder = folder,
        .repairs = scan->repairs,
        .repair_count = scan->repair_count,
        .last_commit = scan->last_commit,
        .end = scan->commit.position,
    };
    scan->repairs = NULL;
    scan->repair_count = scan->repair_capacity = 0;
}

void ledger_mend_done(struct ledger_mend *m)
{
    free(m->repairs);
    free(m->bytes);
    *m = (struct ledger_mend){0};
}

static void repair(struct ledger_mend *m, const struct ledger_repair *r)
{
    m->at = r->from;
    m->to = r->to;
    m->source = !r->bad;
    m->target = r->bad;
    m->targets = 0;
    m->repaired_bytes += r->to - r->from;
}

static void rewrite_last(struct ledger_mend *m, unsigned target)
{
    m->at = m->last_commit;
    m->to = m->end;
    m->source = 0;
    m->target = target;
    m->targets = 1u << target;
}

/* False: there is none left. */
static bool next_job(struct ledger_mend *m)
{
    size_t job = m->job++;
    if (job < m->repair_count) {
        repair(m, &m->repairs[job]);
        return true;
    }
    m->at = m->to = 0;
    switch (job - m->repair_count) {
    case 0: m->targets = m->repair_count > 0 || m->folder != NULL ? 3 : 0; return true;
    case 1:
    case 2:
        if (m->last_commit == UINT64_MAX)
            return false;
        rewrite_last(m, (unsigned)(job - m->repair_count - 1));
        return true;
    default: return false;
    }
}

static size_t piece_size(const struct ledger_mend *m)
{
    return m->to - m->at < PIECE_BYTES ? (size_t)(m->to - m->at) : PIECE_BYTES;
}

static void read_piece(struct ledger_mend *m, struct task *t)
{
    free(m->bytes);
    m->bytes = malloc(piece_size(m));
    CHECK(m->bytes != NULL);
    m->step = MEND_READ;
    task_read(t, &m->io[0], m->file[m->source], m->at, m->bytes, piece_size(m));
}

static void sync_targets(struct ledger_mend *m, struct task *t)
{
    for (unsigned i = 0; i < 2; i++)
        if (m->targets & 1u << i)
            task_sync(t, &m->io[i], m->file[i]);
    if (m->folder != NULL)
        task_path(t, &m->io[2], DISK_SYNC_DIR, m->folder, NULL);
    m->folder = NULL;
}

/* One step. -EAGAIN: requests were submitted. 1: on with the next. */
static int step(struct ledger_mend *m, struct task *t)
{
    switch (m->step) {
    case MEND_NEXT: m->step = MEND_COPY; return next_job(m) ? 1 : 0;
    case MEND_COPY:
        if (m->at < m->to) {
            read_piece(m, t);
            return -EAGAIN;
        }
        if (m->targets == 0) {
            m->step = MEND_NEXT;
            return 1;
        }
        m->step = MEND_SYNCED;
        sync_targets(m, t);
        return -EAGAIN;
    case MEND_READ:
        if ((size_t)m->io[0].request.result < piece_size(m))
            return -EIO; /* the scan has read it */
        m->step = MEND_WRITTEN;
        task_write(t, &m->io[0], m->file[m->target], m->at, m->bytes, piece_size(m));
        return -EAGAIN;
    case MEND_WRITTEN:
        m->at += piece_size(m);
        m->step = MEND_COPY;
        return 1;
    case MEND_SYNCED: m->step = MEND_NEXT; return 1;
    }
    UNREACHABLE("no such step");
}

int ledger_mend_run(struct ledger_mend *m, struct task *t)
{
    int status = t->status == 0 ? 1 : t->status;
    while (status == 1)
        status = step(m, t);
    return status;
}
