/* SPDX-License-Identifier: Apache-2.0 */
#include "actors/lifecycle/census.h"

#include <stdio.h>
#include <string.h>

#include "runtime/actor.h"
#include "runtime/system.h"

#define SLOTS_SLICE 4096u

void census_begin(struct census *census, struct actor_ref first, struct actor_ref second)
{
    *census = (struct census){.apart = {first, second}};
}

static void count(void *context, const struct actor *actor)
{
    struct census *census = context;
    if (ref_equal(actor->self, census->apart[0]) || ref_equal(actor->self, census->apart[1]))
        return;
    uint32_t i = 0;
    while (i < census->class_count && census->classes[i].name != actor->class->name)
        i++;
    if (i == CENSUS_CLASSES_MAX)
        return;
    if (i == census->class_count) {
        census->classes[i].name = actor->class->name;
        census->class_count++;
    }
    census->classes[i].count++;
}

bool census_go_on(struct census *census, struct system *system)
{
    system_visit_actors(system, &census->cursor, SLOTS_SLICE, count, census);
    return census->cursor != 0;
}

void census_text(const struct census *census, char ret_text[CENSUS_TEXT_SIZE])
{
    size_t size = (size_t)snprintf(ret_text, CENSUS_TEXT_SIZE, "%s",
                                   census->class_count == 0 ? "nobody" : "");
    for (uint32_t i = 0; i < census->class_count && size < CENSUS_TEXT_SIZE; i++)
        size +=
            (size_t)snprintf(ret_text + size, CENSUS_TEXT_SIZE - size, "%s%u %s",
                             i == 0 ? "" : ", ", census->classes[i].count, census->classes[i].name);
}
