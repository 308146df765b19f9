/* SPDX-License-Identifier: Apache-2.0 */
#include "interest/subscribers.h"

#include <errno.h>

static struct block *block_at(const struct interest *in, uint32_t id)
{
    return pool_at(&in->pool, id);
}

static struct more *more_at(const struct interest *in, uint32_t id)
{
    return pool_at(&in->pool, id);
}

static struct group *group_at(const struct interest *in, uint32_t id)
{
    return pool_at(&in->pool, id);
}

static struct list *list_at(const struct interest *in, uint32_t owner)
{
    return pool_at(&in->pool, owner);
}

static void retire_object(struct interest *in, uint32_t id)
{
    retire_item(&in->retire, id, RETIRED_OBJECT, pool_size(&in->pool, id));
}

/* -- tables of the writer -------------------------------------------------------------------- */

static uint32_t hash_of_place(const void *context, uint32_t id)
{
    const struct interest *in = context;
    const struct ref *ref = pool_at(&in->pool, id);
    return pair_hash(in, ref->conn, ref->slot);
}

static uint32_t hash_of_group(const void *context, uint32_t id)
{
    return group_at(context, id)->hash;
}

static uint32_t hash_of_name(const void *context, uint32_t id)
{
    const struct interest *in = context;
    return ((const struct name *)pool_at(&in->pool, id))->hash;
}

static struct idtable_user user_of(struct interest *in, idtable_hash_fn *hash)
{
    return (struct idtable_user){&in->retire, hash, in};
}

/* -- blocks ---------------------------------------------------------------------------------- */

static void room_link(struct interest *in, struct list *list, struct block *b, uint32_t id)
{
    b->room_prev = 0;
    b->room_next = list->room;
    if (list->room != 0)
        block_at(in, list->room)->room_prev = id;
    list->room = id;
}

static void room_unlink(struct interest *in, struct list *list, struct block *b)
{
    if (b->room_prev != 0) {
        block_at(in, b->room_prev)->room_next = b->room_next;
    } else {
        list->room = b->room_next;
    }
    if (b->room_next != 0)
        block_at(in, b->room_next)->room_prev = b->room_prev;
}

/* Puts an empty block in front of the chain. */
static int block_add(struct interest *in, uint32_t owner, struct list *list)
{
    uint32_t capacity = list->count < 4 ? 4 : list->count < 20 ? 16 : BLOCK_REFS_MAX;
    uint32_t id;
    size_t size = sizeof(struct block) + capacity * sizeof(struct ref);
    struct block *b = pool_alloc(&in->pool, POOL_OTHERS, size, &id);
    if (b == NULL)
        return -ENOMEM;
    memset(b, 0, sizeof(*b));
    b->free = (UINT64_C(1) << capacity) - 1;
    b->owner = owner;
    b->capacity = (uint8_t)capacity;
    uint32_t head = own(&list->head);
    atomic_store_explicit(&b->next, head, memory_order_relaxed);
    if (head != 0)
        block_at(in, head)->prev = id;
    room_link(in, list, b, id);
    publish(&list->head, id);
    return 0;
}

static void block_kill(struct interest *in, struct list *list, struct block *b, uint32_t id)
{
    uint32_t next = own(&b->next);
    if (b->free != 0)
        room_unlink(in, list, b);
    publish(b->prev != 0 ? &block_at(in, b->prev)->next : &list->head, next);
    if (next != 0)
        block_at(in, next)->prev = b->prev;
    b->dead = true;
    retire_item(&in->retire, id, RETIRED_BLOCK, pool_size(&in->pool, id));
}

void subscribers_release(struct interest *in, uint32_t block_id, uint32_t what)
{
    struct block *b = block_at(in, block_id);
    if (what == RETIRED_BLOCK) {
        CHECK(b->dead && !b->dead_for_all);
        b->dead_for_all = true;
    } else {
        CHECK(b->pending > 0 && what < b->capacity);
        b->pending--;
    }
    if (b->dead) {
        if (b->dead_for_all && b->pending == 0)
            pool_free(&in->pool, block_id);
        return;
    }
    DCHECK((b->free & (UINT64_C(1) << what)) == 0);
    if (b->free == 0)
        room_link(in, list_at(in, b->owner), b, block_id);
    b->free |= UINT64_C(1) << what;
}

/* -- lists ----------------------------------------------------------------------------------- */

static uint32_t ref_id(uint32_t block_id, unsigned position)
{
    size_t offset = offsetof(struct block, refs) + position * sizeof(struct ref);
    return block_id + (uint32_t)(offset / POOL_UNIT);
}

static uint64_t live_of(const struct block *b)
{
    return atomic_load_explicit(&b->live, memory_order_relaxed);
}

static void place_insert(struct interest *in, uint32_t id)
{
    struct idtable_user user = user_of(in, hash_of_place);
    idtable_insert(&in->places, &user, hash_of_place(in, id), id);
}

static void list_index(struct interest *in, struct list *list)
{
    list->indexed = 1;
    for (uint32_t id = own(&list->head); id != 0; id = own(&block_at(in, id)->next)) {
        for (uint64_t live = live_of(block_at(in, id)); live != 0; live &= live - 1)
            place_insert(in, ref_id(id, (unsigned)__builtin_ctzll(live)));
    }
}

static int list_add(struct interest *in, uint32_t owner, const struct ref *ref)
{
    struct list *list = list_at(in, owner);
    if (list->room == 0 && block_add(in, owner, list) != 0)
        return -ENOMEM;
    uint32_t id = list->room;
    struct block *b = block_at(in, id);
    DCHECK(b->free != 0 && !b->dead);
    unsigned position = (unsigned)__builtin_ctzll(b->free);
    b->free &= b->free - 1;
    if (b->free == 0)
        room_unlink(in, list, b);
    b->refs[position] = *ref;
    /* Pairs with the acquire in walk.c: who sees the bit sees the subscriber. */
    atomic_store_explicit(&b->live, live_of(b) | UINT64_C(1) << position, memory_order_release);
    list->count++;
    if (list->indexed) {
        place_insert(in, ref_id(id, position));
    } else if (list->count > LIST_INDEXED_ABOVE) {
        list_index(in, list);
    }
    return 0;
}

static bool is_subscriber(const struct ref *ref, uint64_t conn, uint32_t slot)
{
    return ref->conn == conn && ref->slot == slot;
}

/* The ref's own number, or 0; ret_block is where it is. */
static uint32_t place_find(const struct interest *in, uint32_t owner, uint64_t conn, uint32_t slot,
                           uint32_t *ret_block)
{
    struct idtable_probe p = idtable_probe(&in->places, pair_hash(in, conn, slot));
    for (uint32_t id; (id = idtable_next(&p)) != 0;) {
        if (!is_subscriber(pool_at(&in->pool, id), conn, slot))
            continue;
        uint32_t block_id = pool_object_of(&in->pool, id);
        if (block_at(in, block_id)->owner != owner)
            continue;
        *ret_block = block_id;
        return id;
    }
    return 0;
}

static uint32_t list_find(const struct interest *in, uint32_t owner, uint64_t conn, uint32_t slot,
                          uint32_t *ret_block)
{
    const struct list *list = list_at(in, owner);
    if (list->indexed)
        return place_find(in, owner, conn, slot, ret_block);
    for (uint32_t id = own(&list->head); id != 0; id = own(&block_at(in, id)->next)) {
        const struct block *b = block_at(in, id);
        for (uint64_t live = live_of(b); live != 0; live &= live - 1) {
            unsigned position = (unsigned)__builtin_ctzll(live);
            if (is_subscriber(&b->refs[position], conn, slot)) {
                *ret_block = id;
                return ref_id(id, position);
            }
        }
    }
    return 0;
}

static int list_remove(struct interest *in, uint32_t owner, uint64_t conn, uint32_t slot,
                       uint32_t *ret_sid)
{
    struct list *list = list_at(in, owner);
    uint32_t block_id;
    uint32_t id = list_find(in, owner, conn, slot, &block_id);
    if (id == 0)
        return -ENOENT;
    struct block *b = block_at(in, block_id);
    uint32_t position = (uint32_t)((id - ref_id(block_id, 0)) * POOL_UNIT / sizeof(struct ref));
    CHECK(position < b->capacity && (live_of(b) >> position & 1) != 0);
    *ret_sid = b->refs[position].sid;
    if (list->indexed) {
        struct idtable_user user = user_of(in, hash_of_place);
        idtable_remove(&in->places, &user, pair_hash(in, conn, slot), id);
    }
    uint64_t live = live_of(b) & ~(UINT64_C(1) << position);
    atomic_store_explicit(&b->live, live, memory_order_release);
    list->count--;
    if (live == 0) {
        block_kill(in, list, b, block_id);
    } else {
        b->pending++;
        retire_item(&in->retire, block_id, position, 0);
    }
    return 0;
}

/* -- groups ---------------------------------------------------------------------------------- */

static uint32_t group_find(const struct interest *in, uint32_t entry_id, uint32_t name)
{
    uint32_t hash = pair_hash(in, entry_id, name);
    struct idtable_probe p = idtable_probe(&in->groups, hash);
    for (uint32_t id; (id = idtable_next(&p)) != 0;) {
        const struct group *g = group_at(in, id);
        if (g->entry == entry_id && g->name == name)
            return id;
    }
    return 0;
}

static uint32_t group_new(struct interest *in, uint32_t entry_id, struct more *more, uint32_t name)
{
    uint32_t id;
    struct group *g = pool_alloc(&in->pool, POOL_OTHERS, sizeof(*g), &id);
    if (g == NULL)
        return 0;
    memset(g, 0, sizeof(*g));
    g->name = name;
    g->entry = entry_id;
    g->hash = pair_hash(in, entry_id, name);
    uint32_t next = own(&more->groups);
    atomic_store_explicit(&g->next, next, memory_order_relaxed);
    if (next != 0)
        group_at(in, next)->prev = id;
    publish(&more->groups, id);
    struct idtable_user user = user_of(in, hash_of_group);
    idtable_insert(&in->groups, &user, g->hash, id);
    return id;
}

static void group_kill(struct interest *in, struct more *more, uint32_t id)
{
    struct group *g = group_at(in, id);
    uint32_t next = own(&g->next);
    publish(g->prev != 0 ? &group_at(in, g->prev)->next : &more->groups, next);
    if (next != 0)
        group_at(in, next)->prev = g->prev;
    struct idtable_user user = user_of(in, hash_of_group);
    idtable_remove(&in->groups, &user, g->hash, id);
    retire_object(in, id);
}

/* -- entries --------------------------------------------------------------------------------- */

static struct more *more_of(struct interest *in, uint32_t entry_id)
{
    struct entry *e = entry_at(in, entry_id);
    uint32_t id = own(&e->more);
    if (id != 0)
        return more_at(in, id);
    struct more *more = pool_alloc(&in->pool, POOL_OTHERS, sizeof(*more), &id);
    if (more == NULL)
        return NULL;
    memset(more, 0, sizeof(*more));
    more->entry = entry_id;
    publish(&e->more, id);
    return more;
}

/* The number of the list's owner, which is made when it is not there; 0: no memory. */
static uint32_t owner_for(struct interest *in, uint32_t entry_id, uint32_t name)
{
    struct more *more = more_of(in, entry_id);
    if (more == NULL)
        return 0;
    if (name == 0)
        return own(&entry_at(in, entry_id)->more);
    uint32_t id = group_find(in, entry_id, name);
    return id != 0 ? id : group_new(in, entry_id, more, name);
}

/* The same when it is there, else 0. */
static uint32_t owner_find(const struct interest *in, uint32_t entry_id, uint32_t name)
{
    uint32_t more = own(&entry_at(in, entry_id)->more);
    return name == 0 || more == 0 ? more : group_find(in, entry_id, name);
}

static uint32_t plain_count(const struct interest *in, const struct entry *e)
{
    uint32_t more = own(&e->more);
    uint32_t first = atomic_load_explicit(&e->conn, memory_order_relaxed) != 0;
    return first + (more == 0 ? 0 : more_at(in, more)->plain.count);
}

int subscribers_add(struct interest *in, uint32_t entry_id, uint32_t name, const struct ref *ref,
                    uint32_t *ret_left)
{
    struct entry *e = entry_at(in, entry_id);
    if (name == 0 && !e->first_used) {
        e->first_used = true;
        e->slot = ref->slot;
        e->sid = ref->sid;
        atomic_store_explicit(&e->conn, ref->conn, memory_order_release);
        *ret_left = plain_count(in, e);
        return 0;
    }
    uint32_t owner = owner_for(in, entry_id, name);
    if (owner == 0 || list_add(in, owner, ref) != 0)
        return -ENOMEM;
    *ret_left = name == 0 ? plain_count(in, e) : list_at(in, owner)->count;
    return 0;
}

int subscribers_remove(struct interest *in, uint32_t entry_id, uint32_t name, uint64_t conn,
                       uint32_t slot, uint32_t *ret_sid, uint32_t *ret_left)
{
    struct entry *e = entry_at(in, entry_id);
    if (name == 0 && e->slot == slot &&
        atomic_load_explicit(&e->conn, memory_order_relaxed) == conn) {
        *ret_sid = e->sid;
        atomic_store_explicit(&e->conn, 0, memory_order_release);
        *ret_left = plain_count(in, e);
        return 0;
    }
    uint32_t owner = owner_find(in, entry_id, name);
    if (owner == 0 || list_remove(in, owner, conn, slot, ret_sid) != 0)
        return -ENOENT;
    *ret_left = name == 0 ? plain_count(in, e) : list_at(in, owner)->count;
    return 0;
}

void subscribers_prune(struct interest *in, uint32_t entry_id, uint32_t name)
{
    struct entry *e = entry_at(in, entry_id);
    uint32_t more_id = own(&e->more);
    if (more_id == 0)
        return;
    struct more *more = more_at(in, more_id);
    uint32_t group = name == 0 ? 0 : group_find(in, entry_id, name);
    if (group != 0 && group_at(in, group)->members.count == 0)
        group_kill(in, more, group);
    if (more->plain.count == 0 && own(&more->groups) == 0) {
        DCHECK(own(&more->plain.head) == 0);
        publish(&e->more, 0);
        retire_object(in, more_id);
    }
}

uint32_t subscribers_count(const struct interest *in, uint32_t entry_id, uint32_t name)
{
    if (name == 0)
        return plain_count(in, entry_at(in, entry_id));
    uint32_t owner = owner_find(in, entry_id, name);
    return owner == 0 ? 0 : list_at(in, owner)->count;
}

void subscribers_trim(struct interest *in)
{
    struct idtable_user names = user_of(in, hash_of_name);
    struct idtable_user groups = user_of(in, hash_of_group);
    struct idtable_user places = user_of(in, hash_of_place);
    idtable_trim(&in->names, &names);
    idtable_trim(&in->groups, &groups);
    idtable_trim(&in->places, &places);
}

/* -- queue names ----------------------------------------------------------------------------- */

uint32_t name_find(const struct interest *in, struct bytes name)
{
    uint32_t hash = text_hash(in, name);
    struct idtable_probe p = idtable_probe(&in->names, hash);
    for (uint32_t id; (id = idtable_next(&p)) != 0;) {
        const struct name *n = pool_at(&in->pool, id);
        if (n->hash == hash && bytes_equal((struct bytes){n->at, n->size}, name))
            return id;
    }
    return 0;
}

uint32_t name_use(struct interest *in, struct bytes name)
{
    uint32_t id = name_find(in, name);
    if (id != 0) {
        ((struct name *)pool_at(&in->pool, id))->uses++;
        return id;
    }
    struct name *n = pool_alloc(&in->pool, POOL_OTHERS, sizeof(*n) + name.size, &id);
    if (n == NULL)
        return 0;
    n->hash = text_hash(in, name);
    n->uses = 1;
    n->size = (uint16_t)name.size;
    memcpy(n->at, name.at, name.size);
    struct idtable_user user = user_of(in, hash_of_name);
    idtable_insert(&in->names, &user, n->hash, id);
    return id;
}

void name_drop(struct interest *in, uint32_t id)
{
    struct name *n = pool_at(&in->pool, id);
    CHECK(n->uses > 0);
    if (--n->uses > 0)
        return;
    struct idtable_user user = user_of(in, hash_of_name);
    idtable_remove(&in->names, &user, n->hash, id);
    retire_object(in, id);
}
