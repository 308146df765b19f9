/* SPDX-License-Identifier: Apache-2.0 */
/* store_check.c -- what of a store is damaged, where, whose it is, and what to do about it.
 *
 * Order: super block, ledger, journal, then group by group its checkpoint, segments and runs. What a part
 * needs to know comes from the one before, so a store whose super block or ledger can not be read ends there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/store_check.h"
#include "server/store_tool.h"
#include "store/inspect_run.h"

/* --- super blocks ------------------------------------------------------------------------------------------ */

static void check_super(struct store_tool *t)
{
    struct store_view *v = &t->view;
    view_read_super(v);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "super.a" : "super.b";
        int status = v->super_copies[i].status;
        if (status == 0)
            continue;
        bool mendable = v->super_status == 0;
        tool_found(
            t, mendable ? FINDING_MENDABLE : FINDING_LOST, name, 0, 0, "%s.%s", tool_why(status),
            mendable ? " The other copy is whole; `repair` writes this one anew, and so does "
                       "the next start."
            : status == -ENOTSUP
                ? " A newer myelin wrote it; use that one."
                : " With no whole copy nobody can tell whose files these are; bring back a "
                  "copy of super.a or super.b of this store.");
    }
}

/* --- the ledger ---------------------------------------------------------------------------------------------- */

static void check_copies(struct store_tool *t)
{
    struct store_view *v = &t->view;
    for (size_t i = 0; i < v->scan.repair_count; i++) {
        const struct ledger_repair *r = &v->scan.repairs[i];
        const char *path = v->ledger_path[r->bad] + strlen(v->path) + 1;
        tool_found(
            t, FINDING_MENDABLE, path, r->from, r->to,
            "this copy of the ledger %s. The other copy has it; `repair` takes it from there, "
            "and so does the next start.",
            v->ledger_file[r->bad] == NULL ? "is not there" : "is damaged or ends early");
    }
}

static void check_ledger(struct store_tool *t)
{
    struct store_view *v = &t->view;
    if (v->super.ledger == 0) {
        tool_found(t, FINDING_NOTE, "super.a", 0, 0, "the store was made, and never used.");
        return;
    }
    view_read_ledger(v, 0);
    if (v->ledger_status != 0) {
        tool_found(t, FINDING_LOST, v->ledger_path[0] + strlen(v->path) + 1, 0, 0,
                   "%s, nor in %s: nobody can tell which groups there are. Bring back either copy.",
                   tool_why(v->ledger_status), v->ledger_path[1] + strlen(v->path) + 1);
        return;
    }
    check_copies(t);
    uint64_t blocks = v->scan.commit.blocks;
    if (v->scan.good_blocks < blocks)
        tool_found(
            t, FINDING_LOST, v->ledger_path[0] + strlen(v->path) + 1, 0, 0,
            "%llu of its %llu blocks are unreadable in both copies%s: groups that were made then "
            "may be missing, and checkpoints may be older than they were.",
            (unsigned long long)(blocks - v->scan.good_blocks), (unsigned long long)blocks,
            v->scan.places.lost > 0 ? "" : ", before a start that took note of it or since then");
}

/* --- the journal ----------------------------------------------------------------------------------------------- */

static void check_rot(struct store_tool *t, const struct journal_rot *rot)
{
    struct store_view *v = &t->view;
    const struct view_group *g = view_group(v, rot->gid);
    const char *where = view_position(v, rot->position);
    uint64_t size = rot->end - rot->position;
    if (rot->gid == 0) {
        tool_found(t, FINDING_LOST, where, 0, 0,
                   "%llu bytes are damaged, and what they held can not be told: any group whose "
                   "entries do not join may have lost some.",
                   (unsigned long long)size);
        return;
    }
    uint64_t missing = 0;
    for (uint64_t i = rot->index_first; i <= rot->index_last && missing < 1000000; i++)
        if ((g == NULL || g->checkpoint_status != 0 || i > g->checkpoint.applied) &&
            !view_has_entry(v, rot->gid, i))
            missing++;
    bool lost = g != NULL && missing > 0;
    tool_found(t, lost ? FINDING_LOST : FINDING_NOTE, where, 0, 0,
               "%llu bytes are damaged: entries %llu to %llu of %s. %s", (unsigned long long)size,
               (unsigned long long)rot->index_first, (unsigned long long)rot->index_last,
               view_group_title(v, rot->gid),
               g == NULL ? "The group is gone, so nothing is lost."
               : lost
                   ? "They are lost, and what followed them can not be applied: the group will be "
                     "read only from there on. Restore it from a replica or a backup."
                   : "A checkpoint or another place has them, so nothing is lost.");
}

/* Entries of a group that do not follow its checkpoint without a gap. */
static void check_joints(struct store_tool *t)
{
    const struct store_view *v = &t->view;
    uint64_t gid = 0;
    uint64_t expected = 0;
    bool told = false;
    for (size_t i = 0; i < v->entry_count; i++) {
        const struct view_entry *e = &v->entries[i];
        if (e->gid != gid) {
            const struct view_group *g = view_group(v, e->gid);
            gid = e->gid;
            told = g == NULL;
            expected = g != NULL && g->checkpoint_status == 0 ? g->checkpoint.applied + 1 : 1;
        }
        if (e->index < expected)
            continue;
        if (e->index > expected && !told) {
            told = true;
            tool_found(
                t, FINDING_LOST, "journal", 0, 0,
                "entries %llu to %llu of %s are missing; what follows them can not be applied. "
                "Restore the group from a replica or a backup.",
                (unsigned long long)expected, (unsigned long long)e->index - 1,
                view_group_title(v, gid));
        }
        expected = e->index + 1;
    }
}

/* Whether anything stands where the chain ends: files are zeros there. */
static bool has_more(const struct store_view *v, uint64_t position)
{
    const struct journal_scan *s = &v->journal;
    for (uint32_t i = 0; i < s->file_count; i++) {
        if (s->files[i].number != position / s->file_bytes)
            continue;
        const char *at = s->files[i].image + position % s->file_bytes;
        for (uint32_t n = 0; n < BLOCK_ALIGN; n++)
            if (at[n] != 0)
                return true;
    }
    return false;
}

static void check_journal(struct store_tool *t)
{
    struct store_view *v = &t->view;
    view_read_journal(v);
    if (v->journal_status != 0)
        tool_found(t, FINDING_LOST, "journal", 0, 0, "it can not be read to its end: %s.",
                   tool_why(v->journal_status));
    for (const struct view_rot *r = v->rots; r != NULL; r = r->next)
        check_rot(t, &r->rot);
    check_joints(t);
    if (v->journal_status == 0 && has_more(v, v->journal_end.position))
        tool_found(
            t, FINDING_NOTE, view_position(v, v->journal_end.position), 0, 0,
            "the last flush, of %llu bytes, is not whole. Nothing says that it was acknowledged, "
            "so it counts as torn by a crash and will be overwritten.",
            (unsigned long long)v->journal_end.torn_size);
}

/* --- all of it ------------------------------------------------------------------------------------------------- */

static uint64_t size_of_all(const struct store_view *v)
{
    uint64_t size = v->ledger_size[0] + v->ledger_size[1];
    for (uint32_t i = 0; i < v->group_count; i++) {
        for (uint32_t n = 0; n < v->groups[i].segment_count; n++)
            size += v->groups[i].segments[n].size;
        for (uint32_t n = 0; n < v->groups[i].run_count; n++)
            size += v->groups[i].runs[n].size;
    }
    return size;
}

static void on_stray(struct store_tool *t, const char *file)
{
    tool_found(
        t, FINDING_STRAY, file, 0, 0,
        "nothing refers to it: a leftover of a crash. It costs space only; `repair` moves it to "
        "quarantine.");
}

static int summary(const struct store_tool *t)
{
    const struct store_view *v = &t->view;
    uint64_t lost = t->findings[FINDING_LOST];
    uint64_t mendable = t->findings[FINDING_MENDABLE];
    uint64_t stray = t->findings[FINDING_STRAY];
    if (lost == 0 && mendable == 0)
        printf("%s is whole: %u groups, %llu entries in the journal.\n", v->path, v->group_count,
               (unsigned long long)v->journal_records);
    else
        printf(
            "%s is damaged: %llu places with loss, %llu that `myelin store repair %s` makes whole.\n",
            v->path, (unsigned long long)lost, (unsigned long long)mendable, v->path);
    if (stray > 0)
        printf("%llu files are nobody's.\n", (unsigned long long)stray);
    return lost == 0 && mendable == 0 ? TOOL_CLEAN : TOOL_DAMAGED;
}

int tool_check(struct store_tool *t)
{
    struct store_view *v = &t->view;
    check_super(t);
    if (v->super_status == -ENOENT) {
        printf("%s holds no store.\n", v->path);
        return TOOL_CANNOT;
    }
    if (v->super_status == 0)
        check_ledger(t);
    if (v->super_status == 0 && v->super.ledger != 0 && v->ledger_status == 0) {
        check_journal(t);
        t->bytes_all = size_of_all(v);
        for (uint32_t i = 0; i < v->group_count; i++)
            tool_check_group(t, &v->groups[i]);
        tool_visit_strays(t, on_stray);
    }
    int result = summary(t);
    bool unreadable = v->super_status == -ENOTSUP || v->ledger_status == -ENOTSUP;
    return unreadable ? TOOL_CANNOT : result;
}
