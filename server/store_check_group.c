/* SPDX-License-Identifier: Apache-2.0 */
/* store_check_group.c -- a group: its checkpoint, every frame and record of its segments, every block of its runs.
 *
 * What a checkpoint says of its messages (how many, and the sum of their hashes) is compared with what the
 * segments have, less the dead ones. So a message that is whole and should not be there, or that is missing
 * without a trace, is found as well.
 */
#include "server/store_check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/store_tool.h"
#include "store/format/message.h"
#include "store/inspect_run.h"
#include "store/segment_scan.h"
#include "store/table/seqset.h"

#define FOLDER_MAX (VIEW_PATH_MAX / 2 + 32)
#define FILE_NAME_SIZE 64 /* of a file, relative to the store */

static void group_folder(const struct store_view *v, uint64_t gid, char *ret)
{
    (void)snprintf(ret, FOLDER_MAX, "%s/g/%llu", v->path, (unsigned long long)gid);
}

static void file_name(uint64_t gid, char kind, uint64_t number, char ret[FILE_NAME_SIZE])
{
    (void)snprintf(ret, FILE_NAME_SIZE, "g/%llu/%c-%08llu", (unsigned long long)gid, kind,
                   (unsigned long long)number);
}

/* --- a segment, piece by piece ------------------------------------------------------------------------------- */

struct segment_walking {
    struct segment_scan *scan;
    struct chunk_walk walk;
    void (*record)(void *context, const struct chunk_record *r);
    void (*lost)(void *context, uint64_t first, uint64_t last);
    void (*piece)(void *context, const struct segment_piece *piece);
    void *context;
    uint64_t records; /* of the piece */
    int status;
};

static void on_walked(void *context, const struct chunk_record *r)
{
    struct segment_walking *w = context;
    w->records++;
    w->record(w->context, r);
}

static void on_walk_lost(void *context, uint64_t first, uint64_t last)
{
    struct segment_walking *w = context;
    w->lost(w->context, first, last);
}

static void on_piece(void *context, const struct chunk_place *place, struct bytes bytes)
{
    struct segment_walking *w = context;
    struct segment_piece piece = {.place = *place, .bytes = bytes};
    w->walk.place = *place;
    w->records = 0;
    piece.bad = chunk_walk(&w->walk, bytes);
    piece.records = w->records;
    w->piece(w->context, &piece);
    segment_scan_next(w->scan);
}

static void on_scanned(void *context, int status)
{
    struct segment_walking *w = context;
    w->status = status;
}

int tool_walk_segment(struct store_tool *t, const struct view_group *g,
                      const struct segment_edge *edge,
                      void (*record)(void *context, const struct chunk_record *r),
                      void (*lost)(void *context, uint64_t first, uint64_t last),
                      void (*piece)(void *context, const struct segment_piece *piece),
                      void *context)
{
    char folder[FOLDER_MAX];
    struct segment_walking w = {.record = record, .lost = lost, .piece = piece, .context = context};
    w.walk = (struct chunk_walk){.record = on_walked, .lost = on_walk_lost, .context = &w};
    if (edge->size == 0 || edge->size % CHUNK_ALIGN != 0)
        return -EBADMSG;
    group_folder(&t->view, g->gid, folder);
    w.scan = segment_scan_new(&(struct segment_scan_options){.disk = &t->view.disk.door,
                                                             .folder = folder,
                                                             .gid = g->gid,
                                                             .number = edge->number,
                                                             .size = edge->size,
                                                             .piece = on_piece,
                                                             .ended = on_scanned,
                                                             .context = &w});
    segment_scan_next(w.scan);
    sync_disk_run(&t->view.disk);
    return w.status;
}

/* --- what is found in it ---------------------------------------------------------------------------------------- */

struct group_check {
    struct store_tool *tool;
    const struct view_group *group;
    const struct segment_edge *edge;
    struct seqset dead;
    bool dead_known;
    char file[FILE_NAME_SIZE];
    uint64_t last_seq;   /* seen */
    uint64_t gap_from;   /* something is unreadable since this sequence; 0: nothing is */
    uint64_t lost_first; /* told by an index, of this piece */
    uint64_t lost_last;
    uint64_t records; /* of the segment */
    uint64_t msgs;    /* alive, of the group */
    uint64_t hash;
    bool lossy;
    bool
        closed; /* some chunks are compressed or sealed: of those the hashes are looked at, not the records */
};

static bool is_alive(struct group_check *c, uint64_t seq)
{
    return seq >= c->group->checkpoint.first_seq && c->dead_known &&
           !seqset_contains(&c->dead, seq);
}

static uint64_t alive_in(const struct group_check *c, uint64_t first, uint64_t last)
{
    if (first < c->group->checkpoint.first_seq)
        first = c->group->checkpoint.first_seq;
    if (last < first)
        return 0;
    return last - first + 1 - (c->dead_known ? seqset_count(&c->dead, first, last) : 0);
}

static void tell_lost(struct group_check *c, uint64_t first, uint64_t last)
{
    uint64_t alive = alive_in(c, first, last);
    c->lossy = true;
    if (last < first)
        return;
    if (alive == 0)
        tool_found(
            c->tool, FINDING_NOTE, c->file, 0, 0,
            "messages %llu to %llu are unreadable, and were all deleted before: nothing is lost.",
            (unsigned long long)first, (unsigned long long)last);
    else
        tool_found(
            c->tool, FINDING_LOST, c->file, 0, 0,
            "messages %llu to %llu of %s are unreadable, at most %llu of them live. Restore them "
            "from a replica or a backup; all others stay readable.",
            (unsigned long long)first, (unsigned long long)last,
            view_group_title(&c->tool->view, c->group->gid), (unsigned long long)alive);
}

static void end_gap(struct group_check *c, uint64_t next)
{
    if (c->gap_from > 0)
        tell_lost(c, c->gap_from, next - 1);
    c->gap_from = 0;
}

static void on_record(void *context, const struct chunk_record *r)
{
    struct group_check *c = context;
    end_gap(c, r->seq);
    c->records++;
    c->last_seq = r->seq;
    if (!is_alive(c, r->seq))
        return;
    struct message m;
    if (message_body_read(r->body, &m) != 0)
        return;
    c->msgs++;
    int64_t time = m.flags & MESSAGE_OWN_TIME ? m.time_ns : r->time_ns;
    c->hash += stored_hash(r->seq, time, msglog_content(MSGLOG_FILE, msglog_size(MSGLOG_FILE, &m)));
}

static void on_lost(void *context, uint64_t first, uint64_t last)
{
    struct group_check *c = context;
    if (first != 0) {
        end_gap(c, first);
        tell_lost(c, first, last);
        c->last_seq = last;
    } else if (c->gap_from == 0) {
        c->gap_from = c->last_seq + 1;
    }
}

static const char *part_names(unsigned bad)
{
    static char text[64]; /* used in one line of output */
    static const char *const names[] = {"header", "frames", "index", "footer"};
    text[0] = 0;
    for (unsigned i = 0; i < 4; i++) {
        size_t size = strlen(text);
        if (bad & 1u << i)
            (void)snprintf(text + size, sizeof text - size, "%s%s", size > 0 ? ", " : "", names[i]);
    }
    return text;
}

/* Its records are behind a codec: what its header says of them is taken. */
static void take_closed(struct group_check *c, const struct segment_piece *p)
{
    struct chunk_info info;
    if (p->bytes.size < CHUNK_HEADER_SIZE ||
        chunk_header_read(&p->place, p->bytes.at, &info) != 0 || info.flags == 0)
        return;
    c->closed = true;
    end_gap(c, info.first_seq);
    c->records += info.records;
    c->last_seq = info.last_seq;
}

static void check_piece(void *context, const struct segment_piece *p)
{
    struct group_check *c = context;
    uint64_t end = p->place.offset + p->bytes.size;
    if (p->records == 0)
        take_closed(c, p);
    if (p->bad == 0)
        return;
    if (p->bad & CHUNK_PART_FRAMES) {
        if (p->records == 0 && c->gap_from == 0 && p->bad & CHUNK_PART_INDEX)
            c->gap_from = c->last_seq + 1;
        tool_found(c->tool, FINDING_LOST, c->file, p->place.offset, end,
                   "a chunk is damaged (%s); %llu of its messages are whole.", part_names(p->bad),
                   (unsigned long long)p->records);
        return;
    }
    tool_found(
        c->tool, FINDING_MENDABLE, c->file, p->place.offset, end,
        "a chunk's %s is damaged; all of its %llu messages are whole, and `repair` makes it anew "
        "from them.",
        part_names(p->bad), (unsigned long long)p->records);
}

static void check_segment(struct group_check *c, const struct segment_edge *edge)
{
    c->edge = edge;
    c->records = 0;
    c->last_seq = edge->first_seq > 0 ? edge->first_seq - 1 : 0;
    c->gap_from = 0;
    bool lossy = c->lossy;
    c->lossy = false;
    file_name(c->group->gid, 's', edge->number, c->file);
    int status = tool_walk_segment(c->tool, c->group, edge, on_record, on_lost, check_piece, c);
    end_gap(c, edge->last_seq + 1);
    if (status != 0) {
        tool_found(c->tool, FINDING_LOST, c->file, 0, 0, "%s.", tool_why(status));
        tell_lost(c, c->last_seq + 1, edge->last_seq);
    } else if (!c->lossy && (c->records != edge->records || c->last_seq != edge->last_seq)) {
        tool_found(
            c->tool, FINDING_LOST, c->file, 0, 0,
            "it has %llu messages up to %llu, its checkpoint says %llu up to %llu, and no chunk "
            "is damaged: this is not the file that was checkpointed.",
            (unsigned long long)c->records, (unsigned long long)c->last_seq,
            (unsigned long long)edge->records, (unsigned long long)edge->last_seq);
        c->lossy = true;
    }
    c->lossy |= lossy;
}

/* --- runs ------------------------------------------------------------------------------------------------------- */

struct run_check {
    struct store_tool *tool;
    const struct view_group *group;
    char file[FILE_NAME_SIZE];
    int fd;
};

static int read_run(void *context, uint64_t offset, char *at, size_t size)
{
    const struct run_check *c = context;
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(c->fd, at + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got == 0)
            break;
        done += got > 0 ? (size_t)got : 0;
    }
    memset(at + done, 0, size - done);
    struct sync_disk *d = &c->tool->view.disk;
    d->bytes_read += size;
    d->progress(d->context, d->bytes_read);
    return 0;
}

static void run_damaged(void *context, uint64_t offset, uint64_t size, const char *what)
{
    const struct run_check *c = context;
    tool_found(
        c->tool, FINDING_LOST, c->file, offset, offset + size,
        "%s of the subjects of %s is damaged. No message is lost: counts and last messages of "
        "subjects in it can not be told until it is made anew.",
        what, view_group_title(&c->tool->view, c->group->gid));
}

static void check_run(struct store_tool *t, const struct view_group *g, const struct view_run *run)
{
    struct run_check c = {.tool = t, .group = g};
    char path[VIEW_PATH_MAX];
    file_name(g->gid, 'x', run->number, c.file);
    (void)snprintf(path, sizeof path, "%s/%s", t->view.path, c.file);
    c.fd = open(path, O_RDONLY | O_CLOEXEC);
    struct inspect_run r = {.gid = g->gid,
                            .file = run->number,
                            .size = run->size,
                            .read = read_run,
                            .damaged = run_damaged,
                            .context = &c};
    int status = c.fd < 0 ? -errno : inspect_run(&r);
    if (status != 0)
        tool_found(t, FINDING_LOST, c.file, 0, 0,
                   "%s. It is a table of the subjects of %s; no message is lost.", tool_why(status),
                   view_group_title(&t->view, g->gid));
    if (c.fd >= 0)
        (void)close(c.fd); /* it was read only */
}

/* --- sections in a file ------------------------------------------------------------------------------------------- */

static void check_spill(struct store_tool *t, const struct view_group *g)
{
    for (int i = 0; i < 2; i++) {
        char file[FILE_NAME_SIZE];
        file_name(g->gid, "xy"[i], g -> spill_number, file);
        if (g->spill_body != NULL && g->spill_status[i] != 0)
            tool_found(
                t, FINDING_MENDABLE, file, 0, 0,
                "%s. It is one of two copies of the state of %s; the other one is whole, and "
                "`repair` makes this one anew from it.",
                tool_why(g->spill_status[i]), view_group_title(&t->view, g->gid));
    }
}

/* --- a group ------------------------------------------------------------------------------------------------------ */

static bool checkpoint_is_readable(struct store_tool *t, const struct view_group *g)
{
    const char *title = view_group_title(&t->view, g->gid);
    if (g->doubtful)
        tool_found(t, FINDING_LOST, "ledger", 0, 0,
                   "a later record of %s may be among what was lost of the ledger.", title);
    if (g->record_status != 0)
        tool_found(t, FINDING_LOST, "ledger", 0, 0, "what %s is can not be read: %s.", title,
                   tool_why(g->record_status));
    if (g->checkpoint_status == -ENOENT)
        return false;
    int status = g->checkpoint_status != 0 ? g->checkpoint_status
                 : g->segments_status != 0 ? g->segments_status
                                           : g->runs_status;
    if (status != 0)
        tool_found(t, FINDING_LOST, "ledger", 0, 0,
                   "the checkpoint of %s can not be read: %s. Its segments are not looked at.",
                   title, tool_why(status));
    return status == 0;
}

static void compare_sums(struct group_check *c)
{
    const struct checkpoint *p = &c->group->checkpoint;
    if (c->lossy || c->closed || !c->dead_known ||
        (c->msgs == p->msgs && c->hash == p->messages_hash))
        return;
    char name[FILE_NAME_SIZE];
    (void)snprintf(name, sizeof name, "g/%llu", (unsigned long long)c->group->gid);
    tool_found(c->tool, FINDING_LOST, name, 0, 0,
               "the segments of %s have %llu live messages, its checkpoint counts %llu%s; each by "
               "itself is whole. Files of different times were mixed.",
               view_group_title(&c->tool->view, c->group->gid), (unsigned long long)c->msgs,
               (unsigned long long)p->msgs, c->msgs == p->msgs ? ", but others" : "");
}

void tool_check_group(struct store_tool *t, const struct view_group *g)
{
    if (!checkpoint_is_readable(t, g))
        return;
    check_spill(t, g);
    struct group_check c = {.tool = t, .group = g};
    struct bytes dead = g->checkpoint.sections[CHECKPOINT_DEAD];
    seqset_init(&c.dead);
    c.dead_known = dead.size == 0 || seqset_decode(&c.dead, dead) == 0;
    if (!c.dead_known)
        tool_found(t, FINDING_LOST, "ledger", 0, 0,
                   "the set of deleted messages of %s can not be read.",
                   view_group_title(&t->view, g->gid));
    for (uint32_t i = 0; i < g->segment_count; i++)
        check_segment(&c, &g->segments[i]);
    if (g->record_status == 0 && g->record.form == MSGLOG_FILE)
        compare_sums(&c);
    for (uint32_t i = 0; i < g->run_count; i++)
        check_run(t, g, &g->runs[i]);
    seqset_done(&c.dead);
}

/* --- nobody's files ------------------------------------------------------------------------------------------------ */

static bool is_named(const struct view_group *g, char kind, uint64_t number)
{
    for (uint32_t i = 0; i < g->trash_count; i++)
        if (g->trash[i] == number)
            return true; /* the server knows of it */
    if (kind == 's')
        for (uint32_t i = 0; i < g->segment_count; i++)
            if (g->segments[i].number == number)
                return true;
    if (kind != 's' && g->spill_body != NULL && number == g->spill_number)
        return true;
    if (kind == 'x')
        for (uint32_t i = 0; i < g->run_count; i++)
            if (g->runs[i].number == number)
                return true;
    return false;
}

/* Nothing is called a stray of a group of which not all is known. */
static bool is_known(const struct view_group *g)
{
    return !g->doubtful && g->record_status == 0 &&
           (g->checkpoint_status == -ENOENT ||
            (g->checkpoint_status == 0 && g->segments_status == 0 && g->runs_status == 0));
}

static void visit_folder(struct store_tool *t, const struct view_group *g, tool_stray_fn *visit)
{
    char folder[FOLDER_MAX];
    group_folder(&t->view, g->gid, folder);
    DIR *directory = opendir(folder);
    const struct dirent *e;
    while (directory != NULL && (e = readdir(directory)) != NULL) {
        char *end;
        if (strlen(e->d_name) < 3 || strchr("sbxy", e->d_name[0]) == NULL || e->d_name[1] != '-')
            continue;
        uint64_t number = strtoull(e->d_name + 2, &end, 10);
        char name[FILE_NAME_SIZE + 256];
        (void)snprintf(name, sizeof name, "g/%llu/%s", (unsigned long long)g->gid, e->d_name);
        if (*end == 0 && e->d_name[0] != 'b' && !is_named(g, e->d_name[0], number))
            visit(t, name);
    }
    if (directory != NULL)
        (void)closedir(directory);
}

void tool_visit_strays(struct store_tool *t, tool_stray_fn *visit)
{
    const struct store_view *v = &t->view;
    if (v->scan.places.lost > 0)
        return;
    for (uint32_t i = 0; i < v->group_count; i++)
        if (is_known(&v->groups[i]))
            visit_folder(t, &v->groups[i], visit);
}
