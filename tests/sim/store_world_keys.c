/* SPDX-License-Identifier: Apache-2.0 */
/* store_world_keys.c -- the keys of a simulated store: none, one, another, the wrong one. */
#include <errno.h>
#include <stdio.h>

#include "runtime/base/check.h"
#include "store/store_state.h"
#include "tests/sim/scenario.h"
#include "tests/sim/store_files.h"
#include "tests/sim/store_world.h"

static void entropy(void *context, void *at, size_t size)
{
    struct store_world *w = context;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)at)[i] = (uint8_t)prng_next(&w->entropy);
}

static struct bytes key_of(char text[16], unsigned number)
{
    if (number == 0)
        return (struct bytes){0};
    snprintf(text, 16, "key %u", number);
    return bytes_of(text);
}

void world_keys_init(struct store_world *w)
{
    prng_split(&w->entropy, w->run->prng);
    w->options.entropy = entropy;
    w->encrypts = prng_one_in(&w->entropy, 2);
    w->options.cipher = 1 + (enum crypt_cipher)prng_below(&w->entropy, 2);
    w->key = w->encrypts && !prng_one_in(&w->entropy, 4) ? 1 : 0;
    w->in_order = true;
}

static void set_keys(struct store_world *w, unsigned key, unsigned previous)
{
    w->options.key = key_of(w->key_text, key);
    w->options.previous_key = key_of(w->previous_text, previous);
}

void world_keys_start(struct store_world *w)
{
    /* After a crash some groups may still need the key before: who changes it again then locks them. */
    if (w->in_order) {
        w->previous = w->key;
        if (w->encrypts && prng_one_in(&w->entropy, 3))
            w->key++;
    }
    w->in_order = false;
    w->plain_life |= w->key == 0;
    set_keys(w, w->key, w->previous);
}

static void never_done(struct store_append *a, int status, const struct applied *applied)
{
    UNREACHABLE("it was not taken");
}

static void check_locked(struct store_world *w)
{
    for (unsigned i = 0; i < w->shape->groups; i++) {
        struct world_group *g = &w->groups[i];
        struct store_group *found = store_find(w->store, BYTES("A"), bytes_of(g->name));
        if (found == NULL && g->exists && !g->doubtful)
            run_fail(w->run, "%s is gone without its key", g->name);
        if (found == NULL || !store_group_locked(found))
            continue;
        struct store_append a = {.kind = ENTRY_TIME, .done = never_done};
        int status = store_append(w->store, found, &a);
        if (status != -ENOKEY)
            run_fail(w->run, "%s is locked, and an append gave %d", g->name, status);
    }
}

void world_keys_lose(struct store_world *w)
{
    if (!w->encrypts || w->key == 0 || !prng_one_in(&w->entropy, 3))
        return;
    bool in_order = w->in_order; /* of the life before: this one changes nothing */
    set_keys(w, prng_one_in(&w->entropy, 2) ? 0 : 1000, 0);
    int status = world_open(w);
    if (world_is_over(w))
        return;
    if (status != 0) {
        run_fail(w->run, "the store did not open without its key: %d", status);
        return;
    }
    check_locked(w);
    if (prng_one_in(&w->entropy, 2))
        world_settle(w);
    if (world_is_over(w))
        return;
    if (prng_one_in(&w->entropy, 2))
        world_crash(w, SIM_CRASH_WORST);
    else
        world_stop(w);
    w->in_order = in_order;
}

void world_keys_check_files(struct store_world *w)
{
    if (w->plain_life || !w->encrypts)
        return;
    static const char *const texts[] = {WORLD_MARKER, "s.2.c.d", "subject-of-a-table"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (files_hold(w, bytes_of(texts[i])))
            run_fail(w->run, "\"%s\" is in a file", texts[i]);
}
