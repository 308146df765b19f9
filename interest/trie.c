/* SPDX-License-Identifier: Apache-2.0 */
#include "interest/trie.h"

#include "interest/subscribers.h"
#include "protocols/nats/subject.h"

static uint32_t hash_of_entry(const void *context, uint32_t id)
{
    return entry_at(context, id)->hash;
}

static struct idtable_user user_of(struct interest *in)
{
    return (struct idtable_user){&in->retire, hash_of_entry, in};
}

static enum entry_kind kind_of_token(struct bytes token)
{
    if (token_is_star(token))
        return ENTRY_STAR;
    return token_is_rest(token) ? ENTRY_REST : ENTRY_TOKEN;
}

static struct entry *entry_new(struct interest *in, enum entry_kind kind, struct bytes text,
                               uint32_t *ret_id)
{
    size_t head = kind == ENTRY_LITERAL ? ENTRY_LITERAL_TEXT : ENTRY_NODE_TEXT;
    struct entry *e = pool_alloc(&in->pool, POOL_ENTRIES, head + text.size, ret_id);
    if (e == NULL)
        return NULL;
    memset(e, 0, head);
    e->kind = (uint8_t)kind;
    e->size = (uint16_t)text.size;
    memcpy((char *)e + head, text.at, text.size);
    return e;
}

static uint32_t literal_make(struct interest *in, struct bytes subject)
{
    uint32_t hash = text_hash(in, subject);
    uint32_t id = literal_find(in, subject, hash);
    if (id != 0)
        return id;
    struct entry *e = entry_new(in, ENTRY_LITERAL, subject, &id);
    if (e == NULL)
        return 0;
    e->hash = hash;
    struct idtable_user user = user_of(in);
    idtable_insert(&in->literals, &user, hash, id);
    return id;
}

static uint32_t child_find(const struct interest *in, uint32_t parent, struct bytes token)
{
    const struct entry *p = entry_at(in, parent);
    switch (kind_of_token(token)) {
    case ENTRY_STAR: return own(&p->star);
    case ENTRY_REST: return own(&p->rest);
    case ENTRY_TOKEN: return edge_find(in, parent, token, edge_hash(parent, text_hash(in, token)));
    case ENTRY_LITERAL:
    case ENTRY_ROOT: break;
    }
    UNREACHABLE("a token is one of three kinds");
}

static uint32_t child_new(struct interest *in, uint32_t parent, struct bytes token)
{
    uint32_t id;
    enum entry_kind kind = kind_of_token(token);
    struct entry *e = entry_new(in, kind, token, &id);
    if (e == NULL)
        return 0;
    struct entry *p = entry_at(in, parent);
    e->parent = parent;
    if (kind == ENTRY_STAR) {
        publish(&p->star, id);
    } else if (kind == ENTRY_REST) {
        publish(&p->rest, id);
    } else {
        e->hash = edge_hash(parent, text_hash(in, token));
        struct idtable_user user = user_of(in);
        idtable_insert(&in->edges, &user, e->hash, id);
        publish(&p->edges, own(&p->edges) + 1);
    }
    return id;
}

static uint32_t root_make(struct interest *in)
{
    uint32_t id = own(&in->root);
    if (id != 0 || entry_new(in, ENTRY_ROOT, BYTES(""), &id) == NULL)
        return id;
    publish(&in->root, id);
    return id;
}

static uint32_t pattern_make(struct interest *in, struct bytes pattern)
{
    uint32_t id = root_make(in);
    struct subject_walk w = subject_walk(pattern);
    struct bytes token;
    while (id != 0 && subject_next(&w, &token)) {
        uint32_t parent = id;
        id = child_find(in, parent, token);
        if (id == 0)
            id = child_new(in, parent, token);
        if (id == 0)
            trie_prune(in, parent);
    }
    return id;
}

uint32_t trie_make(struct interest *in, struct bytes subject)
{
    return subject_is_literal(subject) ? literal_make(in, subject) : pattern_make(in, subject);
}

uint32_t trie_find(const struct interest *in, struct bytes subject)
{
    if (subject_is_literal(subject))
        return literal_find(in, subject, text_hash(in, subject));
    uint32_t id = own(&in->root);
    struct subject_walk w = subject_walk(subject);
    struct bytes token;
    while (id != 0 && subject_next(&w, &token))
        id = child_find(in, id, token);
    return id;
}

static bool is_needed(const struct interest *in, const struct entry *e)
{
    if (subscribers_any(in, e))
        return true;
    return e->kind != ENTRY_LITERAL &&
           (own(&e->star) != 0 || own(&e->rest) != 0 || own(&e->edges) != 0);
}

/* Takes an entry out of the place it is found by. */
static void unlink_entry(struct interest *in, const struct entry *e, uint32_t id)
{
    struct idtable_user user = user_of(in);
    bool alone = e->kind == ENTRY_LITERAL || e->kind == ENTRY_ROOT;
    struct entry *parent = alone ? NULL : entry_at(in, e->parent);
    switch ((enum entry_kind)e->kind) {
    case ENTRY_LITERAL: idtable_remove(&in->literals, &user, e->hash, id); return;
    case ENTRY_ROOT: publish(&in->root, 0); return;
    case ENTRY_STAR: publish(&parent->star, 0); return;
    case ENTRY_REST: publish(&parent->rest, 0); return;
    case ENTRY_TOKEN:
        idtable_remove(&in->edges, &user, e->hash, id);
        publish(&parent->edges, own(&parent->edges) - 1);
        return;
    }
    UNREACHABLE("an entry has a kind");
}

void trie_prune(struct interest *in, uint32_t id)
{
    while (id != 0) {
        const struct entry *e = entry_at(in, id);
        if (is_needed(in, e))
            return;
        uint32_t parent = e->kind == ENTRY_LITERAL ? 0 : e->parent;
        unlink_entry(in, e, id);
        retire_item(&in->retire, id, RETIRED_OBJECT, pool_size(&in->pool, id));
        id = parent;
    }
}

_Atomic uint32_t *trie_stamp(struct interest *in, const struct stamps *stamps,
                             const struct entry *e)
{
    /* The stamps are const for who reads them; the writer adds. */
    struct stamps *s = (struct stamps *)(uintptr_t)stamps;
    if (e->kind == ENTRY_LITERAL)
        return &s->counter[stamps_place_literal(s, e->hash)];
    const struct entry *first = e;
    const struct entry *second = NULL;
    while (entry_at(in, first->parent)->kind != ENTRY_ROOT) {
        second = first;
        first = entry_at(in, first->parent);
    }
    if (first->kind != ENTRY_TOKEN)
        return &s->wild;
    CHECK(second != NULL);
    uint32_t first_hash = text_hash(in, entry_bytes(first));
    if (second->kind != ENTRY_TOKEN)
        return &s->counter[stamps_place_first(s, first_hash)];
    uint32_t second_hash = text_hash(in, entry_bytes(second));
    return &s->counter[stamps_place_second(s, first_hash, second_hash)];
}

size_t trie_subject(const struct interest *in, uint32_t entry_id, char *to, size_t size)
{
    const struct entry *e = entry_at(in, entry_id);
    if (e->kind == ENTRY_LITERAL) {
        if (e->size <= size)
            memcpy(to, entry_text(e), e->size);
        return e->size;
    }
    size_t total = 0;
    for (const struct entry *n = e; n->kind != ENTRY_ROOT; n = entry_at(in, n->parent))
        total += n->size + 1u;
    CHECK(total > 0);
    total--;
    if (total > size)
        return total;
    char *end = to + total;
    for (const struct entry *n = e; n->kind != ENTRY_ROOT; n = entry_at(in, n->parent)) {
        end -= n->size;
        memcpy(end, entry_text(n), n->size);
        if (end > to)
            *--end = '.';
    }
    return total;
}

void trie_trim(struct interest *in)
{
    struct idtable_user user = user_of(in);
    idtable_trim(&in->literals, &user);
    idtable_trim(&in->edges, &user);
}
