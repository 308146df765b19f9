/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ledger_walk.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"

void ledger_walk_init(struct ledger_walk *walk, const struct ledger_identity *id,
                      const struct ledger_places *p, struct disk_file *const file[2], uint64_t end)
{
    *walk = (struct ledger_walk){
        .id = *id, .places = ledger_places_list(p), .count = (size_t)p->records};
    for (unsigned i = 0; i < 2; i++)
        ledger_window_init(&walk->window[i], file[i], end);
}

void ledger_walk_done(struct ledger_walk *walk)
{
    for (unsigned i = 0; i < 2; i++)
        ledger_window_done(&walk->window[i]);
    free(walk->places);
    *walk = (struct ledger_walk){0};
}

static int read_from(struct ledger_walk *walk, struct task *t, unsigned copy,
                     const struct ledger_place *place, struct ledger_record *ret)
{
    struct ledger_window *w = &walk->window[copy];
    size_t size = ledger_record_size(place->size);
    if (!ledger_window_want(w, t, place->position, size))
        return -EAGAIN;
    struct bytes at = {ledger_window_at(w, place->position, size), size};
    if (at.at == NULL)
        return -EBADMSG;
    struct ledger_record record;
    int status = ledger_record_read(&walk->id, place->position, at, &record);
    if (status != 0)
        return w->unreadable_end > place->position ? w->error : -EBADMSG;
    if (record.kind != place->kind || record.gid != place->gid || record.body.size != place->size)
        return -EBADMSG;
    *ret = record;
    return 0;
}

int ledger_walk_next(struct ledger_walk *walk, struct task *t, struct ledger_record *ret)
{
    if (walk->next == walk->count)
        return -ENOENT;
    const struct ledger_place *place = &walk->places[walk->next];
    int status = read_from(walk, t, 0, place, ret);
    if (status != 0 && status != -EAGAIN) {
        status = read_from(walk, t, 1, place, ret);
        walk->from_second += status == 0;
    }
    if (status == 0)
        walk->next++;
    return status;
}
