/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_keys.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/format/group_record.h"
#include "store/format/record.h"
#include "store/sealed.h"

/* --- of the store ----------------------------------------------------------------------------- */

void store_keys_init(struct store *s)
{
    struct store_options *o = &s->options;
    s->crypt = crypt_new(&(struct crypt_options){.key = o->key,
                                                 .previous_key = o->previous_key,
                                                 .cipher = o->cipher,
                                                 .entropy = o->entropy,
                                                 .context = o->context});
    o->key = o->previous_key = (struct bytes){0};
    s->encoder = malloc(sizeof *s->encoder);
    CHECK(s->encoder != NULL);
}

void store_keys_done(struct store *s)
{
    crypt_free(&s->crypt);
    free(s->encoder);
    s->encoder = NULL;
}

void store_keys_begin(struct store *s)
{
    crypt_begin(s->crypt, s->super.uuid);
}

void store_keys_rewrap(struct store *s)
{
    for (struct store_group *g = group_table_after(&s->groups, 0); g != NULL;
         g = group_table_after(&s->groups, g->member.gid)) {
        if (!g->crypt->stale)
            continue;
        store_put_group(s, g, g->account, g->name);
        g->crypt->stale = false;
    }
}

/* --- of a group ------------------------------------------------------------------------------- */

static struct store_group_keys *keys_alloc(struct store_group *g)
{
    g->crypt = calloc(1, sizeof *g->crypt);
    CHECK(g->crypt != NULL);
    return g->crypt;
}

static void set_codec(struct store *s, struct store_group_keys *k)
{
    codec_init(&k->codec, k->keys, k->compress ? s->encoder : NULL);
}

void store_group_keys_make(struct store *s, struct store_group *g, bool compress)
{
    struct store_group_keys *k = keys_alloc(g);
    k->compress = compress;
    if (crypt_has_key(s->crypt))
        k->keys = crypt_group_new(s->crypt, g->member.gid, g->incarnation);
    set_codec(s, k);
}

void store_group_keys_found(struct store *s, struct store_group *g, const struct group_record *r)
{
    struct store_group_keys *k = keys_alloc(g);
    k->compress = r->flags & GROUP_COMPRESSED;
    if (r->seed.size > 0 && crypt_group_open(s->crypt, g->member.gid, r->incarnation, r->seed,
                                             &k->keys, &k->stale) != 0)
        g->life = GROUP_LOCKED;
    set_codec(s, k);
}

void store_group_keys_done(struct store_group *g)
{
    if (g->crypt == NULL)
        return;
    crypt_group_free(&g->crypt->keys);
    free(g->crypt);
    g->crypt = NULL;
}

bool store_group_locked(const struct store_group *g)
{
    return g->life == GROUP_LOCKED;
}

bool store_group_is_kept(const struct store_group *g)
{
    return g->life == GROUP_DAMAGED || store_group_locked(g);
}

const struct chunk_codec *store_group_to_read(const struct store_group *g)
{
    return codec_to_read(&g->crypt->codec);
}

const struct chunk_codec *store_group_to_write(const struct store_group *g)
{
    return codec_to_write(&g->crypt->codec);
}

/* --- the ledger ------------------------------------------------------------------------------- */

void store_put_group(struct store *s, const struct store_group *g, struct bytes account,
                     struct bytes name)
{
    char wrapped[CRYPT_WRAPPED_SIZE];
    struct group_record r = {.form = (uint8_t)g->form,
                             .sync = (uint8_t)g->sync,
                             .flags = g->crypt->compress ? GROUP_COMPRESSED : 0,
                             .incarnation = g->incarnation,
                             .account = account,
                             .name = name};
    CHECK(!store_group_locked(g));
    if (g->is_short)
        r.flags |= GROUP_SHORT;
    if (g->crypt->keys != NULL) {
        crypt_group_wrap(g->crypt->keys, wrapped);
        r.seed = (struct bytes){wrapped, sizeof wrapped};
    }
    struct buffer b = {0};
    group_record_write(&b, &r);
    ledger_put(s->ledger, &(struct ledger_record){
                              .kind = LEDGER_GROUP, .gid = g->member.gid, .body = buffer_view(&b)});
    buffer_done(&b);
}

void store_put_checkpoint(struct store *s, const struct store_group *g, struct bytes plain)
{
    struct buffer b = {0};
    CHECK(!store_group_locked(g));
    sealed_checkpoint_make(g->crypt->keys, g->member.gid, plain, &b);
    ledger_put(s->ledger, &(struct ledger_record){.kind = LEDGER_CHECKPOINT,
                                                  .gid = g->member.gid,
                                                  .body = buffer_view(&b)});
    buffer_done(&b);
}

/* --- the journal ------------------------------------------------------------------------------ */

uint8_t store_entry_seal(const struct store_group *g)
{
    return g->crypt->keys != NULL ? ENTRY_TO_SEAL : ENTRY_PLAIN;
}

int store_seal_body(void *context, const struct entry *e, char *body)
{
    struct store *s = context;
    const struct store_group *g = group_table_find(&s->groups, e->gid);
    if (g == NULL || g->crypt->keys == NULL)
        return -ENOKEY; /* nothing waits for it: the store has failed, and the group is gone */
    sealed_body_make(g->crypt->keys, e, body);
    return 0;
}

int store_open_body(struct store_group *g, uint64_t index, struct logged *l)
{
    if (l->seal != ENTRY_SEALED || store_group_locked(g))
        return 0;
    struct entry e = {
        .gid = g->member.gid,
        .index = index,
        .term = l->term,
        .kind = (enum entry_kind)l->kind,
        .flags = l->flags,
        .time_ns = l->time_ns,
        .body = {l->body, l->body_size},
    };
    char *body = (char *)(uintptr_t)l->body; /* in an image, which the journal has us change */
    if (g->crypt->keys == NULL || sealed_body_open(g->crypt->keys, &e, body) != 0)
        return -EBADMSG;
    l->body_size -= RECORD_SEAL_SIZE;
    l->body_hash = entry_body_hash(e.gid, index, l->term, (struct bytes){l->body, l->body_size});
    l->seal = ENTRY_TO_SEAL;
    return 0;
}
