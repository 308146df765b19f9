/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/store_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/sim/sim_disk_state.h"
#include "store/msglog_file.h"
#include "store/store_state.h"
#include "tests/sim/scenario.h"
#include "tests/sim/store_world.h"

static bool has_segment(const struct store_group *g, uint64_t number)
{
    const struct segments *segments = msglog_segments(g->log);
    for (uint32_t i = 0; i < segments_count(segments); i++) {
        struct segment_edge edge;
        segments_edge(segments, i, &edge);
        if (edge.number == number)
            return true;
    }
    return false;
}

static void check_path(struct store_world *w, const char *path)
{
    uint64_t gid;
    uint64_t number;
    if (strncmp(path, "store/quarantine/", 17) == 0) {
        run_fail(w->run, "%s was set aside", path);
        return;
    }
    if (sscanf(path, "store/g/%" SCNu64 "/s-%" SCNu64, &gid, &number) != 2)
        return;
    const struct store_group *g = group_table_find(&w->store->groups, gid);
    if (g == NULL)
        run_fail(w->run, "%s is of no group", path);
    else if (g->life == GROUP_LOADED && !has_segment(g, number))
        run_fail(w->run, "nobody names %s", path);
}

void files_check(struct store_world *w)
{
    for (uint32_t i = 0; i < w->disk->shown.count && !w->run->failed; i++)
        check_path(w, w->disk->shown.entries[i].path);
}

static bool image_holds(const struct sim_image *image, struct bytes text)
{
    char *at = malloc(image->size + 1);
    CHECK(at != NULL);
    memset(at, 0, image->size);
    (void)sim_image_read(image, 0, at, image->size);
    bool found = memmem(at, image->size, text.at, text.size) != NULL;
    free(at);
    return found;
}

static bool tree_holds(const struct sim_tree *tree, struct bytes text)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        const struct sim_inode *inode = tree->entries[i].inode;
        if (!inode->directory && strncmp(tree->entries[i].path, "store/", 6) == 0 &&
            (image_holds(&inode->cached, text) || image_holds(&inode->stored, text)))
            return true;
    }
    return false;
}

bool files_hold(struct store_world *w, struct bytes text)
{
    return tree_holds(&w->disk->shown, text) || tree_holds(&w->disk->stored, text);
}
