/* SPDX-License-Identifier: Apache-2.0 */
/* members.h -- the clients of one worker: added, removed and walked at constant cost each.
 *
 * Idea        Handles lie in an array without holes; a hash table of positions finds one. The last one
 *             takes the place of one that leaves.
 * Invariants  1 each handle is in the array once, and the table finds its position
 *             2 walking from the end down, with removals between steps, misses nobody who stays; who was
 *               seen may be seen again
 */
#ifndef ACTORS_LISTENER_MEMBERS_H
#define ACTORS_LISTENER_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/msg.h"

struct members {
    struct actor_ref *refs;
    uint32_t *table; /* position + 1; 0: empty; linear probing */
    uint32_t count;
    uint32_t capacity; /* a power of two, or 0; the table has twice as many places */
};

void members_done(struct members *members);
void members_add(struct members *members, struct actor_ref ref);
bool members_remove(struct members *members, struct actor_ref ref); /* false: is not there */

#endif
